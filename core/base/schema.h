/* schema.h: YAML into plain structs by the tables of patchbay/schema.h. */
#ifndef PB_BASE_SCHEMA_H
#define PB_BASE_SCHEMA_H

#include <patchbay/schema.h>

#include "base/yaml.h"

/* Fills `out` (zeroed by the caller) from a map; node NULL: defaults only. Lists and strings come from yaml's arena.
 * Keys named in `skip` (ended by NULL, may itself be NULL) belong to somebody else. Every mistake is recorded with
 * pb_yaml_error: unknown key (nearest name), wrong type, out of range, missing key; decoding goes on after each.
 * `where` says whose keys these are ("plugin oocl", "a sweep"). Returns 0, -PB_E_CONFIG or -PB_E_NOMEM. */
int pb_schema_decode(struct pb_yaml *yaml, const struct pb_yaml_node *node, const struct pb_param *table,
                     size_t n_table, const char *const *skip, const char *where, void *out);

/* The way back: a map of a struct's values, all of them, but for optional texts and lists that are not there and the keys in
 * `skip` (ended by NULL, may itself be NULL). Its nodes belong to yaml; NULL: out of memory. Decoding it gives an equal
 * struct. */
struct pb_yaml_node *pb_schema_encode(struct pb_yaml *yaml, const struct pb_param *table, size_t n_table,
                                      const char *const *skip, const void *values);

/* Is `key` absent from the map, and no unknown key there (neither in the table nor in `skip`) so near that it was meant? For
 * complaints about what is missing: the unknown key has been complained about already. Out of memory, it says yes. */
bool pb_schema_lacks(struct pb_yaml *yaml, const struct pb_yaml_node *map, const struct pb_param *table, size_t n_table,
                     const char *const *skip, const char *key);

/* What is wrong with a table itself (blank doc, bad name, default that does not parse, offset past params_size,
 * overlapping members, enum without choices), as an error text; 0 if nothing is. */
int pb_schema_check(const struct pb_param *table, size_t n_table, size_t params_size, const char *where);

/* Stable 64-bit digest of a table's meaning. */
uint64_t pb_schema_hash(const struct pb_param *table, size_t n_table);

/* "int, 1 .. 1000", "list of int", "one of relu, gelu": how help and messages name a type. */
void pb_schema_type_text(const struct pb_param *param, struct pb_text *out);
/* Is there a value that is too small, or too large, for its type's own range to tell? */
bool pb_schema_bounds_below(const struct pb_param *param);
bool pb_schema_bounds_above(const struct pb_param *param);

#endif
