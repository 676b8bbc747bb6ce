/* yaml_impl.h: what the parts of yaml.h share; nobody else includes it. */
#ifndef PB_BASE_YAML_IMPL_H
#define PB_BASE_YAML_IMPL_H

#include "base/yaml.h"

enum {
	PB_YAML_MAX_SIZE = 4 << 20,
	PB_YAML_MAX_DEPTH = 32,
	PB_YAML_MAX_NODES = 200000,
	PB_YAML_MAX_KEY = 200, /* bytes; libyaml wants a key and its escapes to fit into 1024 */
	PB_YAML_SHOWN = 64,    /* bytes of a user's text that a message repeats */
};

/* One line of the errors to come. The excerpt is made late, for those that are printed. */
struct pb_yaml_mistake {
	struct pb_yaml_mistake *next;
	int line, column, width; /* as in struct pb_yaml_node */
	const char *origin;
	const char *text;
	size_t number; /* in the order of recording */
};

/* "FILE:LINE:COL: text", the excerpt, further lines of text; or "origin: text". No line break at its end. */
void pb_yaml_write_mistake(const struct pb_yaml *yaml, const struct pb_yaml_mistake *mistake, struct pb_text *out);
/* Fails at once with a mistake at a place: sets the thread's error text and returns -PB_E_CONFIG. */
int pb_yaml_fail_at(const struct pb_yaml *yaml, const struct pb_yaml_node *at, const char *format, ...) PB_PRINTF(3, 4);

/* Refuses what is not UTF-8, NULs and control characters. */
int pb_yaml_check_bytes(const struct pb_yaml *yaml, const char *origin, const char *source, size_t size);
/* Fails with libyaml's complaint, put in a user's words. */
struct yaml_parser_s;
int pb_yaml_fail_syntax(const struct pb_yaml *yaml, const char *origin, const struct yaml_parser_s *parser);

/* A place in the text being parsed (line and column from 0); the origin alone where that is not the file. */
static inline struct pb_yaml_node pb_yaml_place(const char *origin, size_t line, size_t column, int width)
{
	if (origin)
		return (struct pb_yaml_node){.origin = origin};
	return (struct pb_yaml_node){.line = (int)line + 1, .column = (int)column + 1, .width = width};
}

/* A node without a place in the file, for `origin`; NULL when out of memory. */
struct pb_yaml_node *pb_yaml_node_new(struct pb_yaml *yaml, enum pb_yaml_kind kind, const char *origin);

#endif
