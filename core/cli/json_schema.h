/* json_schema.h: the experiment file as a JSON Schema, for editors. */
#ifndef PB_CLI_JSON_SCHEMA_H
#define PB_CLI_JSON_SCHEMA_H

#include "base/text.h"

/* Draft 7, which editors' YAML servers read best: all keys with types, ranges, defaults and texts, from the tables
 * that check a file; behind `plugin: NAME` the parameters of the plugin, of all that are found now. Names of others
 * are no mistake, nor is what stands beside them. Returns 0 or -PB_E_*. */
int pb_json_schema(struct pb_text *out);

#endif
