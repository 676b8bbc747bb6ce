/* schema_check.c: is a parameter table itself in order? Lists all that is wrong, one line each. */
#include <ctype.h>
#include <math.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/schema.h"
#include "base/status.h"

enum { MAX_NESTING = 8, MAX_PARAMS = 1000, MAX_STRUCT = 1 << 20, MAX_TOLD = 1 << 16 };

struct check {
	const char *where;
	struct pb_text out;  /* what is wrong */
	struct pb_text path; /* "update." in front of the names of a nested table */
};

struct member {
	size_t size, align;
};

/* What a parameter takes in its struct; size 0 for an unknown type. The size of a record is its own. */
static struct member member_of(const struct pb_param *p)
{
	switch (p->type) {
	case PB_TYPE_BOOL: return (struct member){sizeof(bool), alignof(bool)};
	case PB_TYPE_INT: return (struct member){sizeof(int64_t), alignof(int64_t)};
	case PB_TYPE_REAL: return (struct member){sizeof(double), alignof(double)};
	case PB_TYPE_STRING: return (struct member){sizeof(char *), alignof(char *)};
	case PB_TYPE_ENUM: return (struct member){sizeof(int32_t), alignof(int32_t)};
	case PB_TYPE_INT_LIST:
	case PB_TYPE_REAL_LIST:
	case PB_TYPE_STRING_LIST:
	case PB_TYPE_RECORD_LIST: return (struct member){sizeof(struct pb_record_list), alignof(struct pb_record_list)};
	case PB_TYPE_RECORD: return (struct member){p->fields_size, 1};
	default: return (struct member){0, 1};
	}
}

/* A table of garbage has more mistakes than anybody reads. */
static void complain(struct check *c, const struct pb_param *p, const char *what)
{
	if (c->out.length > MAX_TOLD)
		return;
	pb_text_add(&c->out, "%s%s: parameter `%s%s` %s", c->out.length ? "\n" : "", c->where,
	            c->path.length ? c->path.data : "", p->name ? p->name : "?", what);
}

static bool good_name(const char *name)
{
	if (!name || !isalpha((unsigned char)*name) || strlen(name) > 60)
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && *name != '_')
			return false;
	return true;
}

static bool good_doc(const char *doc)
{
	return doc && doc[strspn(doc, " \t")] && !strpbrk(doc, "\r\n");
}

static bool has_range(uint32_t type)
{
	return type == PB_TYPE_INT || type == PB_TYPE_REAL || type == PB_TYPE_INT_LIST || type == PB_TYPE_REAL_LIST;
}

static bool is_record(uint32_t type)
{
	return type == PB_TYPE_RECORD || type == PB_TYPE_RECORD_LIST;
}

static void check_place(struct check *c, const struct pb_param *table, size_t i, size_t struct_size)
{
	const struct pb_param *p = &table[i];
	struct member m = member_of(p);
	if (p->offset > struct_size || m.size > struct_size - p->offset) {
		complain(c, p, "lies past the end of the struct; is the size given that of the right struct?");
		return;
	}
	if (p->offset % m.align || (!is_record(p->type) && struct_size % m.align))
		complain(c, p, "is not aligned for its type; is its member of that type?");
	for (size_t j = 0; j < i; j++) {
		struct member other = member_of(&table[j]);
		if (p->offset < (size_t)table[j].offset + other.size && table[j].offset < p->offset + m.size)
			complain(c, p,
			         "overlaps another parameter; does `offset` name the right member, and `type` its "
			         "type?");
	}
}

static void check_choices(struct check *c, const struct pb_param *p)
{
	if (p->type != PB_TYPE_ENUM && p->choices)
		complain(c, p, "has choices, but is not of type ENUM");
	if (p->type != PB_TYPE_ENUM)
		return;
	if (!p->choices || !p->choices[0]) {
		complain(c, p, "is of type ENUM but has no choices");
		return;
	}
	for (size_t i = 0; p->choices[i]; i++)
		for (size_t j = 0; j < i; j++)
			if (!strcmp(p->choices[i], p->choices[j]))
				complain(c, p, "has the same choice twice");
}

static void check_range(struct check *c, const struct pb_param *p)
{
	if (isnan(p->min) || isnan(p->max) || p->min > p->max)
		complain(c, p, "has a range whose min is not below its max");
	if (!has_range(p->type) && (p->min != 0 || p->max != 0))
		complain(c, p, "has a range, but is not a number");
}

static void check_table(struct check *c, const struct pb_param *table, size_t n_table, size_t struct_size, int depth);

static void check_fields(struct check *c, const struct pb_param *p, int depth)
{
	if (!is_record(p->type)) {
		if (p->fields || p->n_fields || p->fields_size)
			complain(c, p, "has fields, but is not a record");
		return;
	}
	if (!p->fields || !p->n_fields || !p->fields_size) {
		complain(c, p, "is a record without fields, n_fields or fields_size");
		return;
	}
	if (depth == MAX_NESTING) {
		complain(c, p, "is nested too deep");
		return;
	}
	size_t length = c->path.length;
	pb_text_add(&c->path, "%s.", p->name ? p->name : "?");
	check_table(c, p->fields, p->n_fields, p->fields_size, depth + 1);
	c->path.length = length;
	if (c->path.data)
		c->path.data[length] = '\0';
}

static void check_param(struct check *c, const struct pb_param *table, size_t i, size_t struct_size, int depth)
{
	const struct pb_param *p = &table[i];
	if (!good_name(p->name))
		complain(c, p, "needs a name of letters, digits and `_` that begins with a letter");
	for (size_t j = 0; j < i && p->name; j++)
		if (table[j].name && !strcmp(table[j].name, p->name))
			complain(c, p, "stands twice in the table");
	if (!good_doc(p->doc))
		complain(c, p, "needs a doc text of one line");
	if (p->type < PB_TYPE_BOOL || p->type > PB_TYPE_RECORD_LIST)
		complain(c, p, "has an unknown type");
	else
		check_place(c, table, i, struct_size);
	check_choices(c, p);
	check_range(c, p);
	check_fields(c, p, depth);
	if (p->type == PB_TYPE_RECORD && p->default_text && strcmp(p->default_text, "{}"))
		complain(c, p, "is a record: its default can only be {}, or none");
}

static void check_table(struct check *c, const struct pb_param *table, size_t n_table, size_t struct_size, int depth)
{
	if (n_table > MAX_PARAMS || struct_size > MAX_STRUCT || (n_table && !table)) {
		pb_text_add(&c->out, "%s%s: the table is missing or too large", c->out.length ? "\n" : "", c->where);
		return;
	}
	for (size_t i = 0; i < n_table; i++)
		check_param(c, table, i, struct_size, depth);
}

/* Defaults go the way of the user's values. Keys without one are given nothing, and are not looked at. */
static int check_defaults(const struct pb_param *table, size_t n_table, size_t struct_size, const char *where,
                          struct pb_text *out)
{
	struct pb_yaml yaml = {.file = where};
	char *scratch = calloc(1, struct_size + 1);
	int rc = scratch ? 0 : pb_fail_nomem(struct_size, where);
	for (size_t i = 0; i < n_table && rc != -PB_E_NOMEM; i++) {
		if (table[i].default_text)
			rc = pb_schema_decode(&yaml, NULL, &table[i], 1, NULL, where, scratch);
		if (rc != -PB_E_NOMEM && table[i].fields)
			rc = check_defaults(table[i].fields, table[i].n_fields, table[i].fields_size, where, out);
	}
	if (rc != -PB_E_NOMEM && (rc = pb_yaml_status(&yaml)) == -PB_E_CONFIG)
		pb_text_add(out, "%s%s", out->length ? "\n" : "", pb_error_text());
	pb_arena_finish(&yaml.arena);
	free(scratch);
	return rc == -PB_E_NOMEM ? rc : 0;
}

int pb_schema_check(const struct pb_param *table, size_t n_table, size_t params_size, const char *where)
{
	struct check c = {.where = where};
	int rc = 0;
	check_table(&c, table, n_table, params_size, 0);
	if (!c.out.length && !c.out.failed)
		rc = check_defaults(table, n_table, params_size, where, &c.out);
	if (!rc)
		rc = pb_text_status(&c.out);
	if (!rc && c.out.length)
		rc = pb_fail(PB_E_PLUGIN, "%s", c.out.data);
	pb_text_finish(&c.out);
	pb_text_finish(&c.path);
	return rc;
}
