/* yaml.h: a YAML document as a tree that remembers where everything stood.
 *
 * Experiment files need mappings, sequences and scalars. Tags, anchors, aliases, merge keys, duplicate keys and a second
 * document are refused, each with its place; so are files over 4 MiB, nesting over 32 and over 200,000 nodes.
 *
 * Mistakes are collected: each becomes "FILE:LINE:COL: what is wrong", the line of source, a caret, and what to do.
 */
#ifndef PB_BASE_YAML_H
#define PB_BASE_YAML_H

#include "base/arena.h"
#include "base/text.h"

enum pb_yaml_kind {
	PB_YAML_SCALAR,
	PB_YAML_LIST,
	PB_YAML_MAP,
};

struct pb_yaml_node {
	enum pb_yaml_kind kind;
	int line, column; /* 1-based; 0 when it came from --set or a default text, which `origin` then names */
	const char *origin;
	const char *text; /* SCALAR: its value */
	bool quoted;      /* SCALAR: written in quotes or as a block: never a number, bool or null */
	size_t count;     /* LIST, MAP */
	struct pb_yaml_node **items; /* LIST: elements; MAP: values */
	struct pb_yaml_node **keys;  /* MAP: scalars */
};

struct pb_yaml {
	struct pb_arena arena; /* owns the tree */
	const char *file;      /* as the user wrote it */
	const char *source;    /* the file's text; NULL: none */
	struct pb_yaml_node *root; /* a MAP */
	struct pb_text errors;
	size_t n_errors;
};

/* Syntax errors are in the error text already; ret_yaml needs pb_yaml_finish only on success. */
int pb_yaml_read(const char *path, struct pb_yaml *ret_yaml);
int pb_yaml_parse(const char *file, const char *source, size_t size, struct pb_yaml *ret_yaml);
void pb_yaml_finish(struct pb_yaml *yaml);

/* "model.load=runs/m.pt", "sweeps.0.hook=z": the value is YAML. Makes missing maps on the way. */
int pb_yaml_set(struct pb_yaml *yaml, const char *assignment);
/* Parses a default's text into a node owned by yaml. */
struct pb_yaml_node *pb_yaml_value(struct pb_yaml *yaml, const char *origin, const char *text);

struct pb_yaml_node *pb_yaml_get(const struct pb_yaml_node *map, const char *key); /* NULL: absent, or no map */
bool pb_yaml_is_null(const struct pb_yaml_node *node); /* ~, null or nothing, unquoted */
const char *pb_yaml_kind_name(const struct pb_yaml_node *node); /* "a list", "a mapping", "the text `abc`", ... */

/* Records one mistake at a node (NULL: the file as a whole). Always returns -PB_E_CONFIG. */
int pb_yaml_error(struct pb_yaml *yaml, const struct pb_yaml_node *at, const char *format, ...) PB_PRINTF(3, 4);
/* 0, or -PB_E_CONFIG with all recorded mistakes as the error text. */
int pb_yaml_status(struct pb_yaml *yaml);

/* Writes a node as YAML that parses back to an equal tree. */
void pb_yaml_emit(const struct pb_yaml_node *node, int indent, struct pb_text *out);

#endif
