/* schema_decode.c: YAML into structs. Goes on after a mistake, so that a user sees all of them at once. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/scalar.h"
#include "base/schema_impl.h"
#include "base/status.h"
#include "base/utf8.h"

enum { SHOWN = 64 };

/* One value at work: a parameter's own, or an item of its list. */
struct value {
	struct pb_yaml *yaml;
	const struct pb_param *param;
	bool item;
};

/* "`lr` is WHAT", "an item of `betas` is WHAT; expected real"; `advice` takes the place of the type expected. */
static int wrong(const struct value *v, const struct pb_yaml_node *at, const char *what, const char *advice)
{
	struct pb_param one = *v->param;
	struct pb_text type = {0};
	if (v->item)
		one.type = one.type == PB_TYPE_INT_LIST      ? PB_TYPE_INT
		           : one.type == PB_TYPE_REAL_LIST   ? PB_TYPE_REAL
		           : one.type == PB_TYPE_STRING_LIST ? PB_TYPE_STRING
		                                             : PB_TYPE_RECORD;
	pb_schema_type_text(&one, &type);
	int rc = pb_text_status(&type);
	if (!rc)
		rc = pb_yaml_error(v->yaml, at, "%s`%s` is %s; %s%s", v->item ? "an item of " : "", one.name, what,
		                   advice ? advice : "expected ", advice ? "" : type.data);
	pb_text_finish(&type);
	return rc;
}

static int wrong_kind(const struct value *v, const struct pb_yaml_node *at)
{
	return wrong(v, at, pb_yaml_kind_name(at), NULL);
}

/* "`text`BEHIND" */
static int wrong_text(const struct value *v, const struct pb_yaml_node *at, const char *behind, const char *advice)
{
	char text[SHOWN], what[4 * SHOWN];
	snprintf(what, sizeof what, "`%s`%s", pb_utf8_shown(at->text, text, sizeof text), behind);
	return wrong(v, at, what, advice);
}

/* Why a number was not understood. */
static int wrong_number(const struct value *v, const struct pb_yaml_node *at, enum pb_scalar why)
{
	char advice[SHOWN];
	double number;
	switch (why) {
	case PB_SCALAR_UNDERSCORES: return wrong_text(v, at, "", "write the number without underscores");
	case PB_SCALAR_OCTAL:
		return wrong_text(v, at, "", "octal numbers are not read: write it without the leading 0");
	case PB_SCALAR_LARGE: return wrong_text(v, at, ", which is too large", NULL);
	case PB_SCALAR_SMALL: return wrong_text(v, at, ", which is too small to tell from 0", NULL);
	case PB_SCALAR_REAL:
		if (pb_scalar_real(at->text, &number) != PB_SCALAR_OK || number != floor(number) || fabs(number) > 1e15)
			return wrong_text(v, at, ", which is not a whole number", NULL);
		snprintf(advice, sizeof advice, "an int has no point and no exponent: write %.0f", number);
		return wrong_text(v, at, "", advice);
	default: return wrong_kind(v, at);
	}
}

static int decode_int(const struct value *v, const struct pb_yaml_node *node, int64_t *ret)
{
	const struct pb_param *p = v->param;
	int64_t number;
	if (node->kind != PB_YAML_SCALAR || node->quoted)
		return wrong_kind(v, node);
	enum pb_scalar why = pb_scalar_int(node->text, &number);
	if (why != PB_SCALAR_OK)
		return wrong_number(v, node, why);
	/* A long double holds every int64 exactly, so that 2^53 + 1 is not taken for 2^53. */
	if ((p->min != 0 || p->max != 0) && ((long double)number < p->min || (long double)number > p->max))
		return wrong_text(v, node, ", out of range", NULL);
	*ret = number;
	return 0;
}

/* Infinity needs an infinite bound, and a NaN two of them: "unbounded" means any finite number. */
static bool real_in_range(const struct pb_param *p, double number)
{
	if (p->min == 0 && p->max == 0)
		return isfinite(number);
	return isnan(number) ? isinf(p->min) && isinf(p->max) : number >= p->min && number <= p->max;
}

static int decode_real(const struct value *v, const struct pb_yaml_node *node, double *ret)
{
	double number;
	if (node->kind != PB_YAML_SCALAR || node->quoted)
		return wrong_kind(v, node);
	enum pb_scalar why = pb_scalar_real(node->text, &number);
	if (why != PB_SCALAR_OK)
		return wrong_number(v, node, why);
	if (!real_in_range(v->param, number))
		return wrong_text(v, node, ", out of range", isfinite(number) ? NULL : "write a finite number");
	*ret = number;
	return 0;
}

static int decode_bool(const struct value *v, const struct pb_yaml_node *node, bool *ret)
{
	char advice[SHOWN];
	if (node->kind != PB_YAML_SCALAR)
		return wrong_kind(v, node);
	if (!node->quoted && pb_scalar_bool(node->text, ret))
		return 0;
	const char *meant = pb_scalar_bool_hint(node->text);
	if (!meant)
		return wrong_kind(v, node);
	snprintf(advice, sizeof advice, "write %s%s", meant, node->quoted ? ", without quotes" : "");
	return wrong(v, node, pb_yaml_kind_name(node), advice);
}

static int decode_string(const struct value *v, const struct pb_yaml_node *node, const char **ret)
{
	if (node->kind != PB_YAML_SCALAR || pb_yaml_is_null(node))
		return wrong_kind(v, node);
	*ret = node->text;
	return 0;
}

static int decode_enum(const struct value *v, const struct pb_yaml_node *node, int32_t *ret)
{
	const char *const *choices = v->param->choices;
	size_t count = 0;
	if (node->kind != PB_YAML_SCALAR || pb_yaml_is_null(node))
		return wrong_kind(v, node);
	for (; choices[count]; count++) {
		if (!strcmp(choices[count], node->text)) {
			*ret = (int32_t)count;
			return 0;
		}
	}
	const char *near = pb_nearest(node->text, choices, count);
	if (!near)
		return wrong_kind(v, node);
	char behind[SHOWN * 2];
	snprintf(behind, sizeof behind, " (did you mean `%.80s`?)", near);
	return wrong_text(v, node, behind, NULL);
}

static int decode_table(const struct pb_schema_reader *d, const struct pb_yaml_node *node, const struct pb_yaml_node *at,
                        void *out);

static int decode_record(const struct value *v, const struct pb_yaml_node *node, const struct pb_yaml_node *at,
                         void *out)
{
	char where[SHOWN + 16];
	snprintf(where, sizeof where, "%s`%s`", v->item ? "an item of " : "", v->param->name);
	struct pb_schema_reader d = {v->yaml, v->param->fields, v->param->n_fields, NULL, where};
	return decode_table(&d, node, at, out);
}

/* A value that is no list, or one item of a list. */
static int decode_one(const struct value *v, const struct pb_yaml_node *node, void *out)
{
	switch (v->param->type) {
	case PB_TYPE_BOOL: return decode_bool(v, node, out);
	case PB_TYPE_INT:
	case PB_TYPE_INT_LIST: return decode_int(v, node, out);
	case PB_TYPE_REAL:
	case PB_TYPE_REAL_LIST: return decode_real(v, node, out);
	case PB_TYPE_STRING:
	case PB_TYPE_STRING_LIST: return decode_string(v, node, out);
	case PB_TYPE_ENUM: return decode_enum(v, node, out);
	case PB_TYPE_RECORD:
	case PB_TYPE_RECORD_LIST: return decode_record(v, node, node, out);
	default:
		return pb_fail(PB_E_INTERNAL, "parameter `%s` has the unknown type %u", v->param->name, v->param->type);
	}
}

/* All lists of schema.h begin with a pointer and a count. */
static int decode_list(const struct value *v, const struct pb_yaml_node *node, size_t item_size, void *out)
{
	const struct value item = {v->yaml, v->param, true}, *of = v;
	const struct pb_yaml_node *alone[] = {node}, *const *nodes = alone;
	size_t count = 1;
	if (node->kind == PB_YAML_LIST) {
		nodes = (const struct pb_yaml_node *const *)node->items;
		count = node->count;
		of = &item;
	} else if (node->kind == PB_YAML_MAP || pb_yaml_is_null(node)) {
		return wrong_kind(v, node);
	}
	char *items = pb_arena_array(&v->yaml->arena, count, item_size);
	if (!items)
		return -PB_E_NOMEM;
	int rc = 0;
	for (size_t i = 0; i < count; i++) {
		int one = decode_one(of, nodes[i], items + i * item_size);
		if (one < 0 && one != -PB_E_CONFIG)
			return one;
		rc = one < 0 ? one : rc;
	}
	if (!rc)
		*(struct pb_record_list *)out = (struct pb_record_list){items, count};
	return rc;
}

static int decode_records(const struct value *v, const struct pb_yaml_node *node, void *out)
{
	if (node->kind == PB_YAML_MAP)
		return wrong(v, node, "a mapping", "expected list of mappings: put `- ` before its first key");
	return node->kind == PB_YAML_LIST ? decode_list(v, node, v->param->fields_size, out) : wrong_kind(v, node);
}

static int decode_value(const struct value *v, const struct pb_yaml_node *node, void *out)
{
	const struct pb_param *p = v->param;
	bool nullable = p->type == PB_TYPE_STRING || p->type == PB_TYPE_INT_LIST || p->type == PB_TYPE_REAL_LIST ||
	                p->type == PB_TYPE_STRING_LIST || p->type == PB_TYPE_RECORD_LIST;
	/* "~" leaves a string NULL and a list empty, where that is the default. */
	if (nullable && pb_yaml_is_null(node) && p->default_text && !strcmp(p->default_text, "~"))
		return 0;
	/* An empty default often stands for one that something else decides. */
	bool telling = p->default_text && !strchr("~[{", *p->default_text);
	if (pb_yaml_is_null(node) && p->default_text)
		return pb_yaml_error(v->yaml, node, "`%s` has no value; give one, or remove the key%s%s", p->name,
		                     telling ? " for the default " : "", telling ? p->default_text : "");
	switch (p->type) {
	case PB_TYPE_INT_LIST: return decode_list(v, node, sizeof(int64_t), out);
	case PB_TYPE_REAL_LIST: return decode_list(v, node, sizeof(double), out);
	case PB_TYPE_STRING_LIST: return decode_list(v, node, sizeof(char *), out);
	case PB_TYPE_RECORD_LIST: return decode_records(v, node, out);
	default: return decode_one(v, node, out);
	}
}

static int decode_default(const struct value *v, const struct pb_yaml_node *at, void *out)
{
	const struct pb_param *p = v->param;
	char origin[SHOWN + 32];
	if (p->type == PB_TYPE_RECORD && !strcmp(p->default_text, "{}"))
		return decode_record(v, NULL, at, out);
	snprintf(origin, sizeof origin, "default of `%s`", p->name);
	struct pb_yaml_node *node = pb_yaml_value(v->yaml, origin, p->default_text);
	return node ? decode_value(v, node, out) : pb_yaml_error(v->yaml, NULL, "%s", pb_error_text());
}

static int missing(const struct pb_schema_reader *d, const struct pb_yaml_node *node, const struct pb_yaml_node *at,
                   const struct pb_param *p)
{
	struct pb_text type = {0};
	if (!pb_schema_reader_lacks(d, node, p->name))
		return -PB_E_CONFIG;
	pb_schema_type_text(p, &type);
	int rc = pb_text_status(&type);
	if (!rc)
		rc = pb_yaml_error(d->yaml, at, "missing key `%s` in %s: %s (%s)", p->name, d->where,
		                   p->doc ? p->doc : "no description", type.data);
	pb_text_finish(&type);
	return rc;
}

/* `at` is where a missing key is reported: the map, or NULL for the file as a whole. */
static int decode_table(const struct pb_schema_reader *d, const struct pb_yaml_node *node, const struct pb_yaml_node *at,
                        void *out)
{
	int rc = 0;
	if (pb_yaml_is_null(node))
		node = NULL;
	if (node && node->kind != PB_YAML_MAP)
		return pb_yaml_error(d->yaml, node, "%s is %s; expected a mapping, `key: value`", d->where,
		                     pb_yaml_kind_name(node));
	if (node && (rc = pb_schema_refuse_unknown(d, node)) == -PB_E_NOMEM)
		return rc;
	for (size_t i = 0; i < d->n_table; i++) {
		const struct pb_param *p = &d->table[i];
		const struct value v = {d->yaml, p, false};
		const struct pb_yaml_node *given = pb_yaml_get(node, p->name);
		char *to = (char *)out + p->offset;
		int one = given             ? decode_value(&v, given, to)
		          : p->default_text ? decode_default(&v, at, to)
		                            : missing(d, node, at, p);
		if (one < 0 && one != -PB_E_CONFIG)
			return one;
		rc = one < 0 ? one : rc;
	}
	return rc;
}

int pb_schema_decode(struct pb_yaml *yaml, const struct pb_yaml_node *node, const struct pb_param *table,
                     size_t n_table, const char *const *skip, const char *where, void *out)
{
	struct pb_schema_reader d = {yaml, table, n_table, skip, where};
	return decode_table(&d, node, node, out);
}
