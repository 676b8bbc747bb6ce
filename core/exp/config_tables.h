/* config_tables.h: the tables of config.c, for the decoder and for what is generated from them. */
#ifndef PB_EXP_CONFIG_TABLES_H
#define PB_EXP_CONFIG_TABLES_H

#include "exp/config.h"

#define PB_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The scalars at the top of the file. */
struct pb_config_top {
	const char *name, *question, *folder;
	int64_t seed;
	struct pb_int_list seeds;
	int32_t precision;
	const char *device;
	int32_t matmul; /* enum pbk_matmul */
	struct pb_string_list manifest;
};

/* One mapping of the file. */
struct pb_config_table {
	const char *where; /* what it is, for messages */
	const struct pb_param *fields;
	size_t n;
	const char *const *others; /* keys that are decoded by hand, ended by NULL; NULL: none */
};

struct pb_config_tables {
	struct pb_config_table top, model, optimizer, update, stage, stop, select, probe, example, sweep, drilldown;
};

extern const struct pb_config_tables pb_config_tables;
extern const char *const pb_config_normalization_names[]; /* auto, then by enum pb_normalization */

#endif
