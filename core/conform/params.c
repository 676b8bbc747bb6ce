/* params.c: values by type. */
#include "conform/params.h"

#include <math.h>
#include <patchbay/plugin.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"

enum { MOST_ITEMS = 4, MOST_TEXT = 100000, MOST_LIST = 5000 };

static double draw(struct pb_params *p)
{
	return pb_random_uniform(p->seed, p->stream, p->drawn++);
}

static size_t draw_below(struct pb_params *p, size_t n)
{
	return (size_t)(draw(p) * (double)n);
}

static struct pb_yaml_node *text_node(struct pb_yaml *yaml, const char *text)
{
	return pb_yaml_new_text(yaml, text, true);
}

static struct pb_yaml_node *real_node(struct pb_yaml *yaml, double value)
{
	struct pb_text text = {0};
	pb_text_add_real(&text, value);
	struct pb_yaml_node *node = text.data ? pb_yaml_new_text(yaml, text.data, false) : NULL;
	pb_text_finish(&text);
	return node;
}

static struct pb_yaml_node *int_node(struct pb_yaml *yaml, int64_t value)
{
	char text[32];
	snprintf(text, sizeof text, "%lld", (long long)value);
	return pb_yaml_new_text(yaml, text, false);
}

static bool is_bounded(const struct pb_param *p)
{
	return p->min != 0 || p->max != 0;
}

static bool is_int(const struct pb_param *p)
{
	return p->type == PB_TYPE_INT || p->type == PB_TYPE_INT_LIST;
}

static struct pb_yaml_node *number_node(struct pb_yaml *yaml, const struct pb_param *p, double value)
{
	if (!is_int(p))
		return real_node(yaml, value);
	/* The largest double below 2^63 is a number that the type takes. */
	return int_node(yaml, value >= 0x1p63 ? INT64_MAX : value <= -0x1p63 ? INT64_MIN : (int64_t)value);
}

/* Small numbers more often than large ones: sizes are among them, and take memory and time. */
static struct pb_yaml_node *random_number(struct pb_params *params, const struct pb_param *p)
{
	static const double some[] = {0, 1, -1, 2, 3, 7, 0.5, -0.25, 100, 1e6, -1e6};
	if (!is_bounded(p)) {
		double value = some[draw_below(params, PB_COUNT(some))];
		return number_node(params->yaml, p, is_int(p) ? trunc(value) : value);
	}
	double range = p->max - p->min, share = draw(params);
	double value =
		is_int(p) ? p->min + floor(exp(share * log(range + 1))) - 1 : p->min + range * share * share * share;
	return number_node(params->yaml, p, fmin(value, p->max));
}

static struct pb_yaml_node *random_text(struct pb_params *params)
{
	static const char *const some[] = {"train", "x", "a b", "71", "absent.txt", "~", "\303\244"};
	return text_node(params->yaml, some[draw_below(params, PB_COUNT(some))]);
}

static struct pb_yaml_node *random_value(struct pb_params *params, const struct pb_param *p);

static struct pb_yaml_node *random_map(struct pb_params *params, const struct pb_param *table, size_t n,
				       const struct pb_yaml_node *given)
{
	struct pb_yaml_node *map = pb_yaml_new(params->yaml, PB_YAML_MAP);
	bool keep = draw(params) < 0.5;
	for (size_t i = 0; map && i < n; i++) {
		struct pb_yaml_node *value = given ? pb_yaml_get(given, table[i].name) : NULL;
		bool leave = table[i].default_text && draw(params) < 0.5;
		if (!(value && keep))
			value = leave ? NULL : random_value(params, &table[i]);
		if ((value || !leave) && pb_yaml_put(params->yaml, map, table[i].name, value))
			return NULL;
	}
	return map;
}

static struct pb_yaml_node *random_item(struct pb_params *params, const struct pb_param *p)
{
	switch (p->type) {
	case PB_TYPE_INT_LIST:
	case PB_TYPE_REAL_LIST: return random_number(params, p);
	case PB_TYPE_STRING_LIST: return random_text(params);
	default: return random_map(params, p->fields, p->n_fields, NULL);
	}
}

static struct pb_yaml_node *random_list(struct pb_params *params, const struct pb_param *p)
{
	struct pb_yaml_node *list = pb_yaml_new(params->yaml, PB_YAML_LIST);
	size_t n = draw_below(params, MOST_ITEMS + 1);
	for (size_t i = 0; list && i < n; i++)
		if (pb_yaml_append(params->yaml, list, random_item(params, p)))
			return NULL;
	return list;
}

static size_t count_choices(const struct pb_param *p)
{
	size_t n = 0;
	while (p->choices[n])
		n++;
	return n;
}

static struct pb_yaml_node *random_value(struct pb_params *params, const struct pb_param *p)
{
	switch (p->type) {
	case PB_TYPE_BOOL: return pb_yaml_new_text(params->yaml, draw(params) < 0.5 ? "true" : "false", false);
	case PB_TYPE_INT:
	case PB_TYPE_REAL: return random_number(params, p);
	case PB_TYPE_STRING: return random_text(params);
	case PB_TYPE_ENUM: return text_node(params->yaml, p->choices[draw_below(params, count_choices(p))]);
	case PB_TYPE_RECORD: return random_map(params, p->fields, p->n_fields, NULL);
	default: return random_list(params, p);
	}
}

struct pb_yaml_node *pb_params_random(struct pb_params *params)
{
	return random_map(params, params->table, params->n, params->given);
}

/* Of parameter `but` no value is put in. */
static struct pb_yaml_node *defaults_but(struct pb_params *params, size_t but)
{
	struct pb_yaml_node *map = pb_yaml_new(params->yaml, PB_YAML_MAP);
	for (size_t i = 0; map && i < params->n; i++) {
		const struct pb_param *p = &params->table[i];
		struct pb_yaml_node *value = params->given ? pb_yaml_get(params->given, p->name) : NULL;
		if (i == but || (!value && !p->default_text))
			continue;
		if (!value)
			value = pb_yaml_value(params->yaml, "its default", p->default_text);
		if (pb_yaml_put(params->yaml, map, p->name, value))
			return NULL;
	}
	return map;
}

struct pb_yaml_node *pb_params_defaults(struct pb_params *params)
{
	return defaults_but(params, params->n);
}

static struct pb_yaml_node *with(struct pb_params *params, size_t i, struct pb_yaml_node *value)
{
	struct pb_yaml_node *map = defaults_but(params, i);
	return map && !pb_yaml_put(params->yaml, map, params->table[i].name, value) ? map : NULL;
}

/* One unit of what the type can tell apart, or a little more. */
static double beyond(const struct pb_param *p, double bound, int direction)
{
	double step = is_int(p) ? fmax(1, fabs(bound) * 0x1p-50) : fmax(1e-300, fabs(bound) * 1e-9);
	return bound + direction * step;
}

struct pb_yaml_node *pb_params_bound(struct pb_params *params, size_t i, size_t k, bool *ret_refused, bool *ret_more)
{
	const struct pb_param *p = &params->table[i];
	*ret_refused = false;
	*ret_more = true;
	bool number = p->type == PB_TYPE_INT || p->type == PB_TYPE_REAL;
	bool list = p->type == PB_TYPE_INT_LIST || p->type == PB_TYPE_REAL_LIST; /* of one */
	if ((number || list) && is_bounded(p) && k < 4) {
		const double values[] = {p->min, p->max, beyond(p, p->min, -1), beyond(p, p->max, 1)};
		*ret_refused = k >= 2 && fabs(values[k]) < 0x1p63; /* there the type itself ends */
		return with(params, i, number_node(params->yaml, p, values[k]));
	}
	if (p->type == PB_TYPE_ENUM && k <= count_choices(p)) {
		*ret_refused = k == count_choices(p);
		return with(params, i, text_node(params->yaml, *ret_refused ? "no such choice" : p->choices[k]));
	}
	*ret_more = false;
	return NULL;
}

static struct pb_yaml_node *long_text(struct pb_yaml *yaml)
{
	char *text = pb_arena_alloc(&yaml->arena, MOST_TEXT + 1);
	if (text)
		memset(text, 'x', MOST_TEXT);
	return text ? text_node(yaml, text) : NULL;
}

static struct pb_yaml_node *long_list(struct pb_params *params, const struct pb_param *p)
{
	struct pb_yaml_node *list = pb_yaml_new(params->yaml, PB_YAML_LIST);
	for (int i = 0; list && i < MOST_LIST; i++)
		if (pb_yaml_append(params->yaml, list, random_item(params, p)))
			return NULL;
	return list;
}

struct pb_yaml_node *pb_params_hostile(struct pb_params *params, size_t i, size_t k, bool *ret_more)
{
	/* A plugin may take any of them for a file to write to: they lead nowhere but to where it runs (scratch.h). */
	static const char *const texts[] = {"",   "%s%s%n%n", "../escape", "absent/folder/file", "\n\t\"'\\",
					    "-1", "NULL"};
	static const double numbers[] = {0, -1, 0x1p63, -0x1p63, 1e308, -1e308, 5e-324, 2147483648.0, 4294967296.0};
	const struct pb_param *p = &params->table[i];
	*ret_more = true;
	switch (p->type) {
	case PB_TYPE_STRING:
		if (k < PB_COUNT(texts))
			return with(params, i, text_node(params->yaml, texts[k]));
		if (k == PB_COUNT(texts))
			return with(params, i, long_text(params->yaml));
		break;
	case PB_TYPE_INT:
	case PB_TYPE_REAL:
		if (!is_bounded(p) && k < PB_COUNT(numbers))
			return with(params, i, number_node(params->yaml, p, numbers[k]));
		break;
	case PB_TYPE_INT_LIST:
	case PB_TYPE_REAL_LIST:
	case PB_TYPE_STRING_LIST:
	case PB_TYPE_RECORD_LIST:
		if (k == 0)
			return with(params, i, pb_yaml_new(params->yaml, PB_YAML_LIST));
		if (k == 1)
			return with(params, i, long_list(params, p));
		break;
	default:;
	}
	*ret_more = false;
	return NULL;
}
