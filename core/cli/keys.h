/* keys.h: what the reference of the experiment file says beyond the tables of exp/config_tables.h. */
#ifndef PB_CLI_KEYS_H
#define PB_CLI_KEYS_H

#include "exp/config_tables.h"

/* A key that is decoded by hand, or one of the words that a key takes. */
struct pb_keys_entry {
	const char *of;   /* the table's `where`, or what the words are */
	const char *name; /* the key or the word */
	const char *type; /* NULL: a word */
	const char *doc;
	const char *schema; /* JSON Schema of the value, of a key; $ref names a definition of json_schema.c */
	bool required;      /* always, of a key */
};

/* A heading with its text; then the table's keys, then the words, each where there are any. */
struct pb_keys_section {
	const char *text; /* Markdown, ends in a newline */
	const struct pb_config_table *table;
	const char *const *words; /* ended by NULL */
	const char *of;           /* what the words are */
};

extern const struct pb_keys_section pb_keys_sections[];
extern const size_t pb_keys_n_sections;

/* NULL: nobody has described it. */
const struct pb_keys_entry *pb_keys_find(const char *of, const char *name);
/* Does a default of a table stand for a key that is left out? */
bool pb_keys_stands_for_nothing(const char *default_text);

#endif
