/* plugin_json.c: a plugin for other programs to read: its table as JSON. */
#include "cli/plugin_show.h"

/* Bits and numbers by their names in lower case. */
struct word {
	uint32_t value;
	const char *word;
};

static const struct word setter_flags[] = {
	{PB_SETTER_SERIAL, "serial"},
	{PB_RAW_MEMORY, "raw_memory"},
	{PB_SETTER_FREE_AXES, "free_axes"},
	{0, NULL},
};

static const struct word metric_flags[] = {
	{PB_METRIC_SERIAL, "serial"},
	{PB_METRIC_NEEDS_DISTRACTOR, "needs_distractor"},
	{PB_METRIC_NEEDS_REFERENCE, "needs_reference"},
	{PB_METRIC_LOWER_IS_BETTER, "lower_is_better"},
	{PB_METRIC_CROSS_ENTROPY, "cross_entropy"},
	{0, NULL},
};

static const struct word effects[] = {
	{PB_EFFECT_REPLACE_WHOLE, "replace_whole"},
	{PB_EFFECT_REPLACE, "replace"},
	{PB_EFFECT_ADD, "add"},
	{PB_EFFECT_LINEAR, "linear"},
	{0, NULL},
};

static const struct word sources[] = {
	{PB_SOURCE_NONE, "none"},
	{PB_SOURCE_RUN, "run"},
	{PB_SOURCE_MEAN, "mean"},
	{0, NULL},
};

static const struct word types[] = {
	{PB_TYPE_BOOL, "bool"},
	{PB_TYPE_INT, "int"},
	{PB_TYPE_REAL, "real"},
	{PB_TYPE_STRING, "string"},
	{PB_TYPE_ENUM, "enum"},
	{PB_TYPE_INT_LIST, "int_list"},
	{PB_TYPE_REAL_LIST, "real_list"},
	{PB_TYPE_STRING_LIST, "string_list"},
	{PB_TYPE_RECORD, "record"},
	{PB_TYPE_RECORD_LIST, "record_list"},
	{0, NULL},
};

static const char *word_of(const struct word *words, uint32_t value)
{
	while (words->word && words->value != value)
		words++;
	return words->word;
}

static void add_flags(uint32_t flags, const struct word *words, struct pb_json *json)
{
	pb_json_open_row(json, "flags");
	for (; words->word; words++)
		if (flags & words->value)
			pb_json_string(json, NULL, words->word);
	pb_json_close_row(json);
}

static void add_bounds(const struct pb_param *p, struct pb_json *json)
{
	if (pb_schema_bounds_below(p))
		pb_json_real(json, "min", p->min);
	if (pb_schema_bounds_above(p))
		pb_json_real(json, "max", p->max);
}

static void add_params(const char *key, const struct pb_param *table, size_t n, struct pb_json *json);

static void add_param(const struct pb_param *p, struct pb_json *json)
{
	pb_json_open(json, NULL, '{');
	pb_json_string(json, "name", p->name);
	pb_json_string(json, "type", word_of(types, p->type));
	if (p->choices) {
		pb_json_open_row(json, "choices");
		for (const char *const *c = p->choices; *c; c++)
			pb_json_string(json, NULL, *c);
		pb_json_close_row(json);
	}
	add_bounds(p, json);
	pb_json_string(json, "default", p->default_text);
	pb_json_string(json, "unit", p->unit);
	pb_json_string(json, "doc", p->doc);
	if (p->n_fields)
		add_params("fields", p->fields, p->n_fields, json);
	pb_json_close(json, '}');
}

static void add_params(const char *key, const struct pb_param *table, size_t n, struct pb_json *json)
{
	pb_json_open(json, key, '[');
	for (size_t i = 0; i < n; i++)
		add_param(&table[i], json);
	pb_json_close(json, ']');
}

static void add_setter(const struct pb_setter_ops *ops, struct pb_json *json)
{
	pb_json_open_row(json, "axes");
	for (uint32_t i = 0; i < ops->n_axes; i++)
		pb_json_string(json, NULL, pb_axis_word(ops->axes[i]));
	pb_json_close_row(json);
	pb_json_string(json, "effect", word_of(effects, ops->effect));
	pb_json_string(json, "source", word_of(sources, ops->source));
	add_flags(ops->flags, setter_flags, json);
}

static void add_metric(const struct pb_metric_ops *ops, struct pb_json *json)
{
	pb_json_string(json, "unit", ops->unit);
	pb_json_bool(json, "lower_is_better", ops->flags & PB_METRIC_LOWER_IS_BETTER);
	pb_json_bool(json, "has_gradient", ops->adjoint);
	add_flags(ops->flags, metric_flags, json);
}

static void add_table(const struct pb_plugin *p, struct pb_json *json)
{
	pb_json_string(json, "kind", pb_kind_name(p->kind));
	pb_json_string(json, "name", p->name);
	pb_json_string(json, "version", p->version);
	pb_json_string(json, "author", p->author);
	pb_json_string(json, "summary", p->summary);
	pb_json_string(json, "doc", p->doc);
	add_params("parameters", p->params, p->n_params, json);
	if (p->kind == PB_KIND_SETTER)
		add_setter(p->ops, json);
	if (p->kind == PB_KIND_METRIC)
		add_metric(p->ops, json);
	pb_json_open_row(json, "extensions");
	for (uint32_t i = 0; i < p->n_extensions; i++)
		pb_json_string(json, NULL, p->extensions[i].id);
	pb_json_close_row(json);
	pb_json_open(json, "abi", '{');
	pb_json_int(json, "major", p->abi.major);
	pb_json_int(json, "minor", p->abi.minor);
	pb_json_close(json, '}');
}

void pb_plugin_add_json(const struct pb_loaded *l, struct pb_json *json)
{
	pb_json_open(json, NULL, '{');
	if (l->plugin) {
		add_table(l->plugin, json);
		pb_json_string(json, "build_id", *l->build_id ? l->build_id : NULL);
		pb_json_string(json, "shadowed_by", l->shadowed_by ? l->shadowed_by->path : NULL);
	}
	pb_json_string(json, "file", l->path);
	if (!l->plugin)
		pb_json_string(json, "reason", l->reason);
	pb_json_close(json, '}');
}
