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

/* A node without a place in the file, for `origin`; NULL when out of memory. */
struct pb_yaml_node *pb_yaml_node_new(struct pb_yaml *yaml, enum pb_yaml_kind kind, const char *origin);

#endif
