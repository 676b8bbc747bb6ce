/* json_schema.c: the experiment file as a JSON Schema. What the tables cannot tell is in `definitions` and keys.c. */
#include "cli/json_schema.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/scalar.h"
#include "base/status.h"
#include "cli/keys.h"
#include "host/registry.h"

/* A schema at work. Running out of memory is remembered: jansson takes NULL for a value and says no. */
struct writer {
	struct pb_registry *registry;
	struct pb_yaml yaml; /* owns defaults that are parsed */
	bool failed;
};

/* A mapping of the file; what its keys must be to each other. */
static const struct {
	const char *name;
	const struct pb_config_table *table;
	const char *rules; /* JSON object; NULL: none */
} definitions[] = {
	{"model", &pb_config_tables.model,
	 "{\"anyOf\": [{\"required\": [\"load\"]}, {\"required\": [\"n_layers\", \"d_model\", \"n_heads\"]}]}"},
	{"stage", &pb_config_tables.stage,
	 "{\"anyOf\": [{\"required\": [\"epochs\"]}, {\"required\": [\"steps\"]}]}"},
	{"optimizer", &pb_config_tables.optimizer, NULL},
	{"stop", &pb_config_tables.stop, "{\"anyOf\": [{\"required\": [\"below\"]}, {\"required\": [\"above\"]}]}"},
	{"probe", &pb_config_tables.probe, "{\"not\": {\"required\": [\"unit\", \"units\"]}}"},
	{"select", &pb_config_tables.select, NULL},
	{"update", &pb_config_tables.update, NULL},
	{"example", &pb_config_tables.example, NULL},
	{"sweep", &pb_config_tables.sweep,
	 "{\"if\": {\"properties\": {\"setter\": {\"const\": \"params\"}}, \"required\": [\"setter\"]},"
	 " \"then\": {\"required\": [\"sets\"], \"properties\": {\"kind\": {\"const\": \"params\"}, \"hook\": false,"
	 "  \"over\": false, \"together\": false, \"forward\": false, \"backward\": false, \"cells\": false}},"
	 " \"else\": {\"required\": [\"hook\"], \"properties\": {\"kind\": {\"not\": {\"const\": \"params\"}},"
	 "  \"sets\": false}}}"},
	{"drilldown", &pb_config_tables.drilldown, NULL},
};

static void put(struct writer *w, json_t *object, const char *key, json_t *value)
{
	w->failed |= json_object_set_new(object, key, value) < 0;
}

static void append(struct writer *w, json_t *array, json_t *value)
{
	w->failed |= json_array_append_new(array, value) < 0;
}

static void put_text(struct writer *w, json_t *object, const char *key, const char *text)
{
	put(w, object, key, json_string(text));
}

static json_t *parse(struct writer *w, const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
	w->failed |= !value;
	return value;
}

/* An unquoted word of YAML, as whoever reads the file by YAML 1.2 takes it. */
static json_t *word(const char *text)
{
	bool truth;
	int64_t number;
	double real;
	if (pb_scalar_null(text))
		return json_null();
	if (pb_scalar_bool(text, &truth))
		return json_boolean(truth);
	if (pb_scalar_int(text, &number) == PB_SCALAR_OK)
		return json_integer(number);
	if (pb_scalar_real(text, &real) == PB_SCALAR_OK)
		return json_real(real); /* NULL for what JSON has no number for: no default is that */
	return json_string(text);
}

/* A text may be written as a number or a truth value; a default stays a text. */
static bool is_text(const struct pb_param *p)
{
	return p->type == PB_TYPE_STRING || p->type == PB_TYPE_STRING_LIST || p->type == PB_TYPE_ENUM;
}

static void add_default(struct writer *w, json_t *schema, const struct pb_param *p)
{
	if (!p->default_text || pb_keys_stands_for_nothing(p->default_text))
		return;
	const struct pb_yaml_node *node = pb_yaml_value(&w->yaml, p->name, p->default_text);
	json_t *list = node && node->kind == PB_YAML_LIST ? json_array() : NULL;
	w->failed |= !node;
	for (size_t i = 0; list && i < node->count; i++)
		append(w, list, is_text(p) ? json_string(node->items[i]->text) : word(node->items[i]->text));
	if (list || (node && node->kind == PB_YAML_SCALAR))
		put(w, schema, "default", list ? list : is_text(p) ? json_string(node->text) : word(node->text));
}

static void add_bound(struct writer *w, json_t *schema, const char *key, double bound, bool whole)
{
	put(w, schema, key, whole ? json_integer((json_int_t)bound) : json_real(bound));
}

static json_t *number(struct writer *w, const struct pb_param *p, bool whole)
{
	json_t *schema = json_pack("{s:s}", "type", whole ? "integer" : "number");
	if (pb_schema_bounds_below(p))
		add_bound(w, schema, "minimum", p->min, whole);
	if (pb_schema_bounds_above(p))
		add_bound(w, schema, "maximum", p->max, whole);
	return schema;
}

static json_t *choice(struct writer *w, const struct pb_param *p)
{
	json_t *words = json_array();
	for (const char *const *c = p->choices; *c; c++) {
		json_t *read = word(*c);
		append(w, words, json_string(*c));
		/* false, unquoted, is a word here and a truth value in JSON. */
		if (read && !json_is_string(read))
			append(w, words, json_incref(read));
		json_decref(read);
	}
	return json_pack("{s:o}", "enum", words);
}

static json_t *table_of(struct writer *w, const struct pb_param *fields, size_t n);

static json_t *or_list(json_t *item)
{
	return json_pack("{s:[O, {s:s, s:o}]}", "anyOf", item, "type", "array", "items", item);
}

static json_t *value_of(struct writer *w, const struct pb_param *p)
{
	static const char text[] = "{\"type\": [\"string\", \"number\", \"boolean\"]}";
	switch (p->type) {
	case PB_TYPE_BOOL: return json_pack("{s:s}", "type", "boolean");
	case PB_TYPE_INT: return number(w, p, true);
	case PB_TYPE_REAL: return number(w, p, false);
	case PB_TYPE_ENUM: return choice(w, p);
	case PB_TYPE_INT_LIST: return or_list(number(w, p, true));
	case PB_TYPE_REAL_LIST: return or_list(number(w, p, false));
	case PB_TYPE_STRING_LIST: return or_list(parse(w, text));
	case PB_TYPE_RECORD: return table_of(w, p->fields, p->n_fields);
	case PB_TYPE_RECORD_LIST:
		return json_pack("{s:s, s:o}", "type", "array", "items", table_of(w, p->fields, p->n_fields));
	default: return parse(w, text);
	}
}

/* `~` for a value that is not there. */
static json_t *or_null(json_t *value)
{
	return json_pack("{s:[o, {s:s}]}", "anyOf", value, "type", "null");
}

static void add_param(struct writer *w, json_t *schema, const struct pb_param *p)
{
	json_t *value = value_of(w, p), *required = json_object_get(schema, "required");
	if (p->default_text && !strcmp(p->default_text, "~"))
		value = or_null(value);
	if (p->unit)
		put(w, value, "description", json_sprintf("%s (%s)", p->doc, p->unit));
	else
		put_text(w, value, "description", p->doc);
	add_default(w, value, p);
	put(w, json_object_get(schema, "properties"), p->name, value);
	if (!p->default_text)
		append(w, required, json_string(p->name));
}

static json_t *table_of(struct writer *w, const struct pb_param *fields, size_t n)
{
	json_t *schema = json_pack("{s:s, s:b, s:{}, s:[]}", "type", "object", "additionalProperties", 0,
				   "properties", "required");
	for (size_t i = 0; i < n; i++)
		add_param(w, schema, &fields[i]);
	return schema;
}

/* A key that is decoded by hand. Beside $ref nothing counts in draft 7, so that goes into a list. */
static void add_other(struct writer *w, json_t *schema, const char *of, const char *name)
{
	const struct pb_keys_entry *entry = pb_keys_find(of, name);
	json_t *value = parse(w, entry && entry->schema ? entry->schema : "");
	if (json_object_get(value, "$ref"))
		value = json_pack("{s:[o]}", "allOf", value);
	put_text(w, value, "description", entry ? entry->doc : "");
	put(w, json_object_get(schema, "properties"), name, value);
	if (entry && entry->required)
		append(w, json_object_get(schema, "required"), json_string(name));
}

static json_t *mapping(struct writer *w, const struct pb_config_table *table)
{
	json_t *schema = table_of(w, table->fields, table->n);
	for (const char *const *other = table->others; other && *other; other++)
		add_other(w, schema, table->where, *other);
	return schema;
}

static const struct pb_plugin *plugin_at(const struct pb_registry *registry, size_t i, enum pb_kind kind)
{
	const struct pb_loaded *l = pb_registry_at(registry, i);
	return l->plugin && !l->shadowed_by && l->plugin->kind == kind ? l->plugin : NULL;
}

/* If that plugin is named in a mapping, these are the other keys. */
static json_t *keys_of_plugin(struct writer *w, const struct pb_plugin *p)
{
	json_t *then = table_of(w, p->params, p->n_params);
	put(w, json_object_get(then, "properties"), "plugin", json_true());
	w->failed |= json_object_del(then, "type") < 0; /* the word alone will do, too */
	return json_pack("{s:{s:s, s:{s:{s:s}}, s:[s]}, s:o}", "if", "type", "object", "properties", "plugin",
			 "const", p->name, "required", "plugin", "then", then);
}

static json_t *described(struct writer *w, const char *name, const char *doc)
{
	json_t *schema = json_pack("{s:s}", "const", name);
	put_text(w, schema, "description", doc);
	return schema;
}

/* A plugin of a kind: its name, or a mapping with it. */
static json_t *plugin_of(struct writer *w, enum pb_kind kind)
{
	json_t *names = json_array(), *cases = json_array();
	for (size_t i = 0; i < pb_registry_count(w->registry); i++) {
		const struct pb_plugin *p = plugin_at(w->registry, i, kind);
		if (!p)
			continue;
		append(w, names, described(w, p->name, p->summary));
		append(w, cases, keys_of_plugin(w, p));
	}
	append(w, names, json_pack("{s:s}", "type", "string"));
	json_t *words = json_deep_copy(names);
	append(w, words, json_pack("{s:s}", "type", "object"));
	if (kind == PB_KIND_SETTER) /* the one word that names no plugin */
		append(w, words, described(w, "params", pb_keys_find("kind", "params")->doc));
	return json_pack("{s:[ss], s:o, s:{s:{s:s, s:o}}, s:[s], s:o}", "type", "string", "object", "anyOf", words,
			 "properties", "plugin", "description", "the plugin's name; the other keys are its own",
			 "anyOf", names, "required", "plugin", "allOf", cases);
}

static json_t *make_definitions(struct writer *w)
{
	json_t *all = json_object();
	for (size_t i = 0; i < PB_COUNT_OF(definitions); i++) {
		json_t *schema = mapping(w, definitions[i].table);
		if (definitions[i].rules) {
			json_t *rules = parse(w, definitions[i].rules);
			w->failed |= json_object_update(schema, rules) < 0;
			json_decref(rules);
		}
		put(w, all, definitions[i].name, schema);
	}
	for (enum pb_kind kind = PB_KIND_SETTER; kind <= PB_KIND_DATASET; kind++)
		put(w, all, pb_kind_name(kind), plugin_of(w, kind));
	return all;
}

static int write_schema(struct writer *w, struct pb_text *out)
{
	json_t *schema =
		json_pack("{s:s, s:s, s:s}", "$schema", "http://json-schema.org/draft-07/schema#", "title",
			  "an experiment of patchbay", "description",
			  "written by `patchbay keys --format json-schema`; docs/experiment-file.md explains all");
	json_t *top = mapping(w, &pb_config_tables.top);
	w->failed |= json_object_update(schema, top) < 0;
	json_decref(top);
	put(w, schema, "definitions", make_definitions(w));
	char *text = w->failed ? NULL : json_dumps(schema, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
	json_decref(schema);
	if (!text)
		return pb_fail(PB_E_NOMEM, "cannot make the JSON Schema");
	pb_text_add(out, "%s\n", text);
	free(text);
	return pb_text_status(out);
}

int pb_json_schema(struct pb_text *out)
{
	struct writer w = {.yaml = {.file = "the tables"}};
	int rc = pb_registry_create(&w.registry);
	if (!rc)
		rc = write_schema(&w, out);
	pb_registry_destroy(w.registry);
	pb_arena_finish(&w.yaml.arena);
	return rc;
}
