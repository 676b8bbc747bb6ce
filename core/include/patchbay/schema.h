/* schema.h: static tables that describe a parameter struct.
 *
 * A plugin writes one `struct pb_param` array for its parameter struct. The host parses YAML into the struct
 * by that table before any plugin code runs; the same table gives the error messages, `patchbay plugin info`,
 * the generated reference and the schema hash in a run's manifest. The experiment file's own keys are
 * described by such tables too.
 */
#ifndef PATCHBAY_SCHEMA_H
#define PATCHBAY_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum pb_type {
	PB_TYPE_BOOL = 1,    /* bool (1 byte): true, false */
	PB_TYPE_INT,         /* int64_t, within [min, max] */
	PB_TYPE_REAL,        /* double, within [min, max] */
	PB_TYPE_STRING,      /* const char *: UTF-8, owned by the host; NULL when absent and default is "~" */
	PB_TYPE_ENUM,        /* int32_t: index into `choices` */
	PB_TYPE_INT_LIST,    /* struct pb_int_list; every element within [min, max]; one scalar counts as a list */
	PB_TYPE_REAL_LIST,   /* struct pb_real_list; likewise */
	PB_TYPE_STRING_LIST, /* struct pb_string_list */
	PB_TYPE_RECORD,      /* a nested struct described by `fields`, a mapping in YAML */
	PB_TYPE_RECORD_LIST, /* struct pb_record_list of such structs, a sequence of mappings in YAML */
};

struct pb_int_list {
	const int64_t *items;
	size_t count;
};

struct pb_real_list {
	const double *items;
	size_t count;
};

struct pb_string_list {
	const char *const *items;
	size_t count;
};

struct pb_record_list {
	const void *items; /* count structs of fields_size bytes each, one behind the other */
	size_t count;
};

/* One parameter. Write it with designated initialisers; what is left out is zero. */
struct pb_param {
	const char *name;           /* the YAML key; [a-z][a-z0-9_]* (set names may be capitalised) */
	uint32_t type;              /* enum pb_type */
	uint32_t offset;            /* offsetof(struct my_params, member) */
	double min, max;            /* both 0: unbounded */
	const char *default_text;   /* YAML text of the default ("0.1", "[1, 2]", "~"); NULL: the key is required.
	                             * A RECORD's "{}" means: all its own defaults. */
	const char *const *choices; /* ENUM: names, ended by NULL */
	const struct pb_param *fields; /* RECORD, RECORD_LIST: the nested table */
	uint32_t n_fields;
	uint32_t fields_size; /* sizeof the nested struct */
	const char *unit;     /* "tokens", "examples", ...; NULL: none */
	const char *doc;      /* one line, mandatory */
};

/* All lists and strings that a parsed parameter struct points to belong to the host and stay valid until
 * the instance made from them has been destroyed. */

#ifdef __cplusplus
}
#endif
#endif
