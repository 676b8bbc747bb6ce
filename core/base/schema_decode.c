/* schema_decode.c: YAML into structs. Goes on after a mistake, so that a user sees all of them at once. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/scalar.h"
#include "base/schema.h"
#include "base/status.h"
#include "base/utf8.h"

enum { SHOWN = 64, LISTED = 24 };

/* One table at work. */
struct decode {
	struct pb_yaml *yaml;
	const struct pb_param *table;
	size_t n_table;
	const char *const *skip;
	const char *where;
};

/* Records "`lr` is WHAT; expected real, 0 .. 1". */
static int expected(struct pb_yaml *yaml, const struct pb_yaml_node *at, const struct pb_param *p, const char *what)
{
	struct pb_text type = {0};
	pb_schema_type_text(p, &type);
	int rc = pb_text_status(&type);
	if (!rc)
		rc = pb_yaml_error(yaml, at, "`%s` is %s; expected %s", p->name, what, type.data);
	pb_text_finish(&type);
	return rc;
}

static int wrong_kind(struct pb_yaml *yaml, const struct pb_yaml_node *at, const struct pb_param *p)
{
	return expected(yaml, at, p, pb_yaml_kind_name(at));
}

/* Why a number was not understood. */
static int wrong_number(struct pb_yaml *yaml, const struct pb_yaml_node *at, const struct pb_param *p,
                        enum pb_scalar why)
{
	char text[SHOWN], what[3 * SHOWN];
	double value;
	pb_utf8_shown(at->text, text, sizeof text);
	switch (why) {
	case PB_SCALAR_UNDERSCORES: snprintf(what, sizeof what, "`%s`: write it without underscores", text); break;
	case PB_SCALAR_OCTAL:
		snprintf(what, sizeof what, "`%s`: octal numbers are not read; write it without the leading zero",
		         text);
		break;
	case PB_SCALAR_LARGE: snprintf(what, sizeof what, "%s, which is too large", text); break;
	case PB_SCALAR_SMALL: snprintf(what, sizeof what, "%s, which is too small to tell from 0", text); break;
	case PB_SCALAR_REAL:
		if (pb_scalar_real(at->text, &value) == PB_SCALAR_OK && value == floor(value) && fabs(value) < 1e15)
			snprintf(what, sizeof what, "%s: an int has no point and no exponent; write %.0f", text, value);
		else
			snprintf(what, sizeof what, "%s, which is not a whole number", text);
		break;
	default: return wrong_kind(yaml, at, p);
	}
	return expected(yaml, at, p, what);
}

static int out_of_range(struct pb_yaml *yaml, const struct pb_yaml_node *at, const struct pb_param *p)
{
	char text[SHOWN], what[2 * SHOWN];
	snprintf(what, sizeof what, "%s, out of range", pb_utf8_shown(at->text, text, sizeof text));
	return expected(yaml, at, p, what);
}

static int decode_int(struct pb_yaml *yaml, const struct pb_yaml_node *node, const struct pb_param *p, int64_t *ret)
{
	int64_t value;
	if (node->kind != PB_YAML_SCALAR || node->quoted)
		return wrong_kind(yaml, node, p);
	enum pb_scalar why = pb_scalar_int(node->text, &value);
	if (why != PB_SCALAR_OK)
		return wrong_number(yaml, node, p, why);
	/* A long double holds every int64 exactly, so that 2^53 + 1 is not taken for 2^53. */
	if ((p->min != 0 || p->max != 0) && ((long double)value < p->min || (long double)value > p->max))
		return out_of_range(yaml, node, p);
	*ret = value;
	return 0;
}

static int decode_real(struct pb_yaml *yaml, const struct pb_yaml_node *node, const struct pb_param *p, double *ret)
{
	double value;
	if (node->kind != PB_YAML_SCALAR || node->quoted)
		return wrong_kind(yaml, node, p);
	enum pb_scalar why = pb_scalar_real(node->text, &value);
	if (why != PB_SCALAR_OK)
		return wrong_number(yaml, node, p, why);
	bool ranged = p->min != 0 || p->max != 0;
	/* Infinity needs an infinite bound, and a NaN two of them: "unbounded" means any finite number. */
	if (isnan(value) ? !ranged || !isinf(p->min) || !isinf(p->max)
	    : ranged     ? value < p->min || value > p->max
	                 : isinf(value))
		return out_of_range(yaml, node, p);
	*ret = value;
	return 0;
}

static int decode_bool(struct pb_yaml *yaml, const struct pb_yaml_node *node, const struct pb_param *p, bool *ret)
{
	char text[SHOWN], what[2 * SHOWN];
	if (node->kind != PB_YAML_SCALAR)
		return wrong_kind(yaml, node, p);
	if (!node->quoted && pb_scalar_bool(node->text, ret))
		return 0;
	const char *hint = pb_scalar_bool_hint(node->text);
	if (!hint)
		return wrong_kind(yaml, node, p);
	pb_utf8_shown(node->text, text, sizeof text);
	snprintf(what, sizeof what, "%s%s%s; write %s", node->quoted ? "the text `" : "`", text, "`", hint);
	return expected(yaml, node, p, what);
}

static int decode_string(struct pb_yaml *yaml, const struct pb_yaml_node *node, const struct pb_param *p,
                         const char **ret)
{
	if (node->kind != PB_YAML_SCALAR || pb_yaml_is_null(node))
		return wrong_kind(yaml, node, p);
	*ret = node->text;
	return 0;
}

static int decode_enum(struct pb_yaml *yaml, const struct pb_yaml_node *node, const struct pb_param *p, int32_t *ret)
{
	size_t count = 0;
	if (node->kind != PB_YAML_SCALAR)
		return wrong_kind(yaml, node, p);
	for (; p->choices[count]; count++) {
		if (!strcmp(p->choices[count], node->text)) {
			*ret = (int32_t)count;
			return 0;
		}
	}
	const char *near = pb_nearest(node->text, p->choices, count);
	if (!near)
		return wrong_kind(yaml, node, p);
	struct pb_text type = {0};
	char text[SHOWN];
	pb_schema_type_text(p, &type);
	int rc = pb_text_status(&type);
	if (!rc)
		rc = pb_yaml_error(yaml, node, "`%s` is `%s`; did you mean `%s`? Expected %s", p->name,
		                   pb_utf8_shown(node->text, text, sizeof text), near, type.data);
	pb_text_finish(&type);
	return rc;
}

static int decode_table(const struct decode *d, const struct pb_yaml_node *node, const struct pb_yaml_node *at,
                        void *out);

static int decode_record(struct pb_yaml *yaml, const struct pb_yaml_node *node, const struct pb_yaml_node *at,
                         const struct pb_param *p, const char *format, void *out)
{
	char where[SHOWN + 16];
	snprintf(where, sizeof where, format, p->name);
	struct decode d = {yaml, p->fields, p->n_fields, NULL, where};
	return decode_table(&d, node, at, out);
}

/* One element of a list, or a value of the same type on its own. */
static int decode_one(struct pb_yaml *yaml, const struct pb_yaml_node *node, const struct pb_param *p, void *out)
{
	switch (p->type) {
	case PB_TYPE_BOOL: return decode_bool(yaml, node, p, out);
	case PB_TYPE_INT:
	case PB_TYPE_INT_LIST: return decode_int(yaml, node, p, out);
	case PB_TYPE_REAL:
	case PB_TYPE_REAL_LIST: return decode_real(yaml, node, p, out);
	case PB_TYPE_STRING:
	case PB_TYPE_STRING_LIST: return decode_string(yaml, node, p, out);
	case PB_TYPE_ENUM: return decode_enum(yaml, node, p, out);
	case PB_TYPE_RECORD: return decode_record(yaml, node, node, p, "`%s`", out);
	case PB_TYPE_RECORD_LIST: return decode_record(yaml, node, node, p, "an item of `%s`", out);
	default: return pb_yaml_error(yaml, node, "`%s` has the unknown type %u", p->name, p->type);
	}
}

/* All lists of schema.h begin with a pointer and a count. */
static int decode_list(struct pb_yaml *yaml, struct pb_yaml_node *node, const struct pb_param *p, size_t item_size,
                       void *out)
{
	struct pb_yaml_node *const *nodes = &node;
	size_t count = 1;
	if (node->kind == PB_YAML_LIST) {
		nodes = node->items;
		count = node->count;
	} else if (node->kind == PB_YAML_MAP || pb_yaml_is_null(node)) {
		return wrong_kind(yaml, node, p);
	}
	char *items = pb_arena_array(&yaml->arena, count, item_size);
	if (!items)
		return -PB_E_NOMEM;
	int rc = 0;
	for (size_t i = 0; i < count; i++) {
		int one = decode_one(yaml, nodes[i], p, items + i * item_size);
		if (one == -PB_E_NOMEM)
			return one;
		rc = one < 0 ? one : rc;
	}
	if (!rc)
		*(struct pb_record_list *)out = (struct pb_record_list){items, count};
	return rc;
}

static int decode_records(struct pb_yaml *yaml, struct pb_yaml_node *node, const struct pb_param *p, void *out)
{
	if (node->kind == PB_YAML_MAP)
		return pb_yaml_error(yaml, node,
		                     "`%s` is a mapping; expected list of mappings: put `- ` before its first key",
		                     p->name);
	return node->kind == PB_YAML_LIST ? decode_list(yaml, node, p, p->fields_size, out) : wrong_kind(yaml, node, p);
}

static int decode_value(struct pb_yaml *yaml, struct pb_yaml_node *node, const struct pb_param *p, void *out)
{
	bool string = p->type == PB_TYPE_STRING, may_be_null = p->default_text && !strcmp(p->default_text, "~");
	/* "~" leaves a string NULL and a list empty, where that is the default. */
	if (pb_yaml_is_null(node) && may_be_null)
		return 0;
	if (pb_yaml_is_null(node) && p->default_text && !string)
		return pb_yaml_error(yaml, node, "`%s` has no value; give one, or remove the key for the default %s",
		                     p->name, p->default_text);
	switch (p->type) {
	case PB_TYPE_INT_LIST: return decode_list(yaml, node, p, sizeof(int64_t), out);
	case PB_TYPE_REAL_LIST: return decode_list(yaml, node, p, sizeof(double), out);
	case PB_TYPE_STRING_LIST: return decode_list(yaml, node, p, sizeof(char *), out);
	case PB_TYPE_RECORD_LIST: return decode_records(yaml, node, p, out);
	default: return decode_one(yaml, node, p, out);
	}
}

static int decode_default(struct pb_yaml *yaml, const struct pb_yaml_node *at, const struct pb_param *p, void *out)
{
	char origin[SHOWN + 32];
	if (p->type == PB_TYPE_RECORD && !strcmp(p->default_text, "{}"))
		return decode_record(yaml, NULL, at, p, "`%s`", out);
	snprintf(origin, sizeof origin, "default of `%s`", p->name);
	struct pb_yaml_node *node = pb_yaml_value(yaml, origin, p->default_text);
	return node ? decode_value(yaml, node, p, out) : pb_yaml_error(yaml, NULL, "%s", pb_error_text());
}

static int missing(const struct decode *d, const struct pb_yaml_node *at, const struct pb_param *p)
{
	struct pb_text type = {0};
	pb_schema_type_text(p, &type);
	int rc = pb_text_status(&type);
	if (!rc)
		rc = pb_yaml_error(d->yaml, at, "missing key `%s` in %s: %s (%s)", p->name, d->where,
		                   p->doc ? p->doc : "no description", type.data);
	pb_text_finish(&type);
	return rc;
}

static bool known(const struct decode *d, const char *key)
{
	for (size_t i = 0; i < d->n_table; i++)
		if (!strcmp(d->table[i].name, key))
			return true;
	for (const char *const *s = d->skip; s && *s; s++)
		if (!strcmp(*s, key))
			return true;
	return false;
}

/* The names that a key may have, the table's first. */
static const char **names_of(const struct decode *d, size_t *ret_count)
{
	size_t count = 0, n_skip = 0;
	while (d->skip && d->skip[n_skip])
		n_skip++;
	const char **names = pb_arena_array(&d->yaml->arena, d->n_table + n_skip + 1, sizeof *names);
	if (!names)
		return NULL;
	for (size_t i = 0; i < d->n_table; i++)
		names[count++] = d->table[i].name;
	for (size_t i = 0; i < n_skip; i++)
		names[count++] = d->skip[i];
	*ret_count = count;
	return names;
}

static int unknown(const struct decode *d, const struct pb_yaml_node *key, const char *const *names, size_t count)
{
	char text[SHOWN];
	const char *near = pb_nearest(key->text, names, count);
	pb_utf8_shown(key->text, text, sizeof text);
	if (near)
		return pb_yaml_error(d->yaml, key, "unknown key `%s` in %s; did you mean `%s`?", text, d->where, near);
	if (!count)
		return pb_yaml_error(d->yaml, key, "unknown key `%s` in %s, which has no keys; remove it", text,
		                     d->where);
	struct pb_text list = {0};
	for (size_t i = 0; i < count && i < LISTED; i++)
		pb_text_add(&list, "%s%s", i ? ", " : "", names[i]);
	int rc = pb_text_status(&list);
	if (!rc)
		rc = pb_yaml_error(d->yaml, key, "unknown key `%s` in %s; its keys are %s%s", text, d->where, list.data,
		                   count > LISTED ? ", ..." : "");
	pb_text_finish(&list);
	return rc;
}

static int refuse_unknown(const struct decode *d, const struct pb_yaml_node *map)
{
	const char **names = NULL;
	size_t n_names = 0;
	int rc = 0;
	for (size_t i = 0; i < map->count; i++) {
		if (known(d, map->keys[i]->text))
			continue;
		if (!names && !(names = names_of(d, &n_names)))
			return -PB_E_NOMEM;
		rc = unknown(d, map->keys[i], names, n_names);
		if (rc == -PB_E_NOMEM)
			return rc;
	}
	return rc;
}

/* `at` is where a missing key is reported: the map, or NULL for the file as a whole. */
static int decode_table(const struct decode *d, const struct pb_yaml_node *node, const struct pb_yaml_node *at,
                        void *out)
{
	int rc = 0;
	if (pb_yaml_is_null(node))
		node = NULL;
	if (node && node->kind != PB_YAML_MAP)
		return pb_yaml_error(d->yaml, node, "%s is %s; expected a mapping, `key: value`", d->where,
		                     pb_yaml_kind_name(node));
	if (node && (rc = refuse_unknown(d, node)) == -PB_E_NOMEM)
		return rc;
	for (size_t i = 0; i < d->n_table; i++) {
		const struct pb_param *p = &d->table[i];
		struct pb_yaml_node *value = pb_yaml_get(node, p->name);
		char *to = (char *)out + p->offset;
		int one = value             ? decode_value(d->yaml, value, p, to)
		          : p->default_text ? decode_default(d->yaml, at, p, to)
		                            : missing(d, at, p);
		if (one == -PB_E_NOMEM)
			return one;
		rc = one < 0 ? one : rc;
	}
	return rc;
}

int pb_schema_decode(struct pb_yaml *yaml, const struct pb_yaml_node *node, const struct pb_param *table,
                     size_t n_table, const char *const *skip, const char *where, void *out)
{
	struct decode d = {yaml, table, n_table, skip, where};
	return decode_table(&d, node, node, out);
}
