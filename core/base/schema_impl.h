/* schema_impl.h: what the parts of the decoder share; nobody else includes it. */
#ifndef PB_BASE_SCHEMA_IMPL_H
#define PB_BASE_SCHEMA_IMPL_H

#include "base/schema.h"

/* One table at work. */
struct pb_schema_reader {
	struct pb_yaml *yaml;
	const struct pb_param *table;
	size_t n_table;
	const char *const *skip;
	const char *where;
};

/* Records each key of the map that is neither in the table nor in `skip`. 0, -PB_E_CONFIG or -PB_E_NOMEM. */
int pb_schema_refuse_unknown(const struct pb_schema_reader *reader, const struct pb_yaml_node *map);
/* As pb_schema_lacks. */
bool pb_schema_reader_lacks(const struct pb_schema_reader *reader, const struct pb_yaml_node *map, const char *key);

#endif
