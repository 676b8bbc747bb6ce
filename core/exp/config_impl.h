/* config_impl.h: what the parts of the decoder share; nobody else includes it. */
#ifndef PB_EXP_CONFIG_IMPL_H
#define PB_EXP_CONFIG_IMPL_H

#include "exp/config_tables.h"

struct pb_config_reader {
	struct pb_config *config;
	struct pb_yaml *yaml;
	int rc; /* the first failure that is no mistake of the file: memory */
};

/* Remembers a failure that is no mistake. */
void pb_config_note(struct pb_config_reader *reader, int rc);
/* As pb_schema_lacks. */
bool pb_config_lacks(struct pb_config_reader *reader, const struct pb_yaml_node *map,
		     const struct pb_config_table *table, const char *key);

/* Rules between the keys of a sweep (config_check.c); `params`: its setter is the word params. Sets the kind of such a
 * sweep. */
void pb_config_check_sweep(struct pb_config_reader *reader, struct pb_config_sweep *sweep, bool params);
/* Names of stages, sweeps and weights, and seeds: no two the same, and weights' fit for a file. */
void pb_config_check_names(struct pb_config_reader *reader);

#endif
