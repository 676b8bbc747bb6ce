/* validate.h: whether a YAML file is what a JSON Schema says, for the part of draft 7 that patchbay writes. */
#ifndef PB_TESTS_CLI_VALIDATE_H
#define PB_TESTS_CLI_VALIDATE_H

#include <jansson.h>

#include "base/yaml.h"

/* Unquoted scalars by YAML 1.2, as editors read them. Owned by the caller. */
json_t *validate_from_yaml(const struct pb_yaml_node *node);
/* A keyword that is not known fails the test: the check would be worth nothing. */
bool validate(const json_t *root, const json_t *schema, const json_t *value);

#endif
