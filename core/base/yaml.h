/* yaml.h: a YAML document as a tree that remembers where everything stood.
 *
 * Experiment files need mappings, sequences and scalars. Tags, anchors, aliases, merge keys, duplicate keys and a
 * second document are refused, each with its place; so are files over 4 MiB, nesting over 32, over 200,000 nodes, keys
 * over 200 bytes, and what is not UTF-8 or holds control characters. A file without a document is an empty map.
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
	int line,
	        column; /* 1-based, in code points; 0 when it came from --set or a default text, which `origin` names */
	int width;      /* columns of the SCALAR as written; -1: it goes on in the next line; else 0 */
	const char *origin;
	const char *text;            /* SCALAR: its value */
	bool quoted;                 /* SCALAR: written in quotes or as a block: never a number, bool or null */
	size_t count;                /* LIST, MAP */
	struct pb_yaml_node **items; /* LIST: elements; MAP: values */
	struct pb_yaml_node **keys;  /* MAP: scalars */
};

struct pb_yaml_mistake;

struct pb_yaml {
	struct pb_arena arena;            /* owns the tree */
	const char *file;                 /* as the user wrote it */
	const char *source;               /* the file's text; NULL: none */
	struct pb_yaml_node *root;        /* a MAP */
	struct pb_yaml_mistake *mistakes; /* the latest first */
	size_t n_errors;
};

/* Syntax errors are in the error text already; ret_yaml needs pb_yaml_finish only on success. */
int pb_yaml_read(const char *path, struct pb_yaml *ret_yaml);
int pb_yaml_parse(const char *file, const char *source, size_t size, struct pb_yaml *ret_yaml);
void pb_yaml_finish(struct pb_yaml *yaml);

/* "model.load=runs/m.pt", "sweeps.0.hook=z": the value is YAML. Makes missing maps on the way. On failure the tree is
 * as it was. */
int pb_yaml_set(struct pb_yaml *yaml, const char *assignment);
/* Parses a default's text into a node owned by yaml. NULL: it is not YAML, or out of memory; see pb_error_text(). */
struct pb_yaml_node *pb_yaml_value(struct pb_yaml *yaml, const char *origin, const char *text);

/* Making a tree by hand, with nodes owned by yaml, which may be zero-initialised. NULL, and -PB_E_NOMEM, when out of memory; a
 * NULL handed in counts as that, so that a writer checks once, at its end. Keys are not checked for being there already. */
struct pb_yaml_node *pb_yaml_new(struct pb_yaml *yaml, enum pb_yaml_kind kind);
struct pb_yaml_node *pb_yaml_new_text(struct pb_yaml *yaml, const char *text, bool quoted);
int pb_yaml_append(struct pb_yaml *yaml, struct pb_yaml_node *list, struct pb_yaml_node *item);
int pb_yaml_put(struct pb_yaml *yaml, struct pb_yaml_node *map, const char *key, struct pb_yaml_node *value);

struct pb_yaml_node *pb_yaml_get(const struct pb_yaml_node *map, const char *key); /* NULL: absent, or no map */
bool pb_yaml_is_null(const struct pb_yaml_node *node); /* ~, null or nothing, unquoted; a NULL node too */
/* "a list", "a mapping", "the text `abc`", ...; valid until the next call on this thread. */
const char *pb_yaml_kind_name(const struct pb_yaml_node *node);

/* Records one mistake at a node (NULL: the file as a whole). The excerpt goes behind the first line of the text;
 * further lines follow it. Control characters become `?`; cut a user's text short with pb_utf8_shown. Always returns -PB_E_CONFIG. */
int pb_yaml_error(struct pb_yaml *yaml, const struct pb_yaml_node *at, const char *format, ...) PB_PRINTF(3, 4);
/* 0, or -PB_E_CONFIG with all recorded mistakes, in the order of the file, as the error text (the first 20 and how many
 * more). */
int pb_yaml_status(struct pb_yaml *yaml);

/* Writes a node as YAML that parses back to an equal tree (`quoted` may differ where it changes nothing), each line
 * behind `indent` spaces. */
void pb_yaml_emit(const struct pb_yaml_node *node, int indent, struct pb_text *out);

#endif
