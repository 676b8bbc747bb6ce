/* test_plugin_json.c: `plugin list --json` and `plugin info NAME --json` say what the plugins' tables do, and neither
 * runs any plugin's code. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/status.h"
#include "cli/command.h"
#include "host/registry.h"
#include "support/support.h"

static const char *built(const char *name)
{
	static char path[4096];
	snprintf(path, sizeof path, "%s/%s", getenv("PATCHBAY_BUILD"), name);
	return path;
}

/* With the plugins of a folder in front; the caller's to decref. */
static json_t *run_json(const char *plugins, const char *const *argv)
{
	json_error_t error;
	struct outcome o = command_wait(command_start(NULL, plugins, argv));
	ck_assert_msg(o.code == 0, "%d: %s", o.code, o.err);
	json_t *json = json_loads(o.out, JSON_REJECT_DUPLICATES, &error);
	ck_assert_msg(json != NULL, "%d: %s in: %s", error.line, error.text, o.out);
	return json;
}

#define RUN_JSON(plugins, ...) run_json(plugins, (const char *const[]){__VA_ARGS__, NULL})

/* A key that must be there, with a text or null. */
static void check_text(const json_t *object, const char *key, const char *text)
{
	const json_t *value = json_object_get(object, key);
	ck_assert_msg(value != NULL, "no %s", key);
	ck_assert_msg(text ? json_is_string(value) && !strcmp(json_string_value(value), text) : json_is_null(value),
		      "%s is `%s`, not `%s`", key, json_is_string(value) ? json_string_value(value) : "?",
		      text ? text : "null");
}

static bool lists(const json_t *object, const char *key, const char *word)
{
	const json_t *list = json_object_get(object, key);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!strcmp(json_string_value(json_array_get(list, i)), word))
			return true;
	return false;
}

static void check_param(const json_t *object, const struct pb_param *p)
{
	static const char *const types[] = {NULL,       "bool",      "int",         "real",   "string",     "enum",
					    "int_list", "real_list", "string_list", "record", "record_list"};
	check_text(object, "name", p->name);
	check_text(object, "type", types[p->type]);
	check_text(object, "default", p->default_text);
	check_text(object, "unit", p->unit);
	check_text(object, "doc", p->doc);
	const json_t *choices = json_object_get(object, "choices"), *fields = json_object_get(object, "fields");
	const json_t *max = json_object_get(object, "max");
	size_t n = 0;
	for (; p->choices && p->choices[n]; n++)
		ck_assert(lists(object, "choices", p->choices[n]));
	ck_assert_uint_eq(json_array_size(choices), n);
	ck_assert(!max || json_number_value(max) == p->max);
	ck_assert(max || p->max == 0 || p->max >= 0x1p63);
	ck_assert_uint_eq(json_array_size(fields), p->n_fields);
	for (uint32_t i = 0; i < p->n_fields; i++)
		check_param(json_array_get(fields, i), &p->fields[i]);
}

static void check_setter(const json_t *object, const struct pb_setter_ops *ops)
{
	static const char *const effects[] = {NULL, "replace_whole", "replace", "add", "linear"};
	static const char *const sources[] = {"none", "run", "mean"};
	check_text(object, "effect", effects[ops->effect]);
	check_text(object, "source", sources[ops->source]);
	ck_assert_uint_eq(json_array_size(json_object_get(object, "axes")), ops->n_axes);
	ck_assert(lists(object, "flags", "free_axes") == !!(ops->flags & PB_SETTER_FREE_AXES));
	ck_assert(lists(object, "flags", "raw_memory") == !!(ops->flags & PB_RAW_MEMORY));
}

static void check_metric(const json_t *object, const struct pb_metric_ops *ops)
{
	check_text(object, "unit", ops->unit);
	ck_assert(json_is_true(json_object_get(object, "has_gradient")) == !!ops->adjoint);
	ck_assert(json_is_true(json_object_get(object, "lower_is_better")) ==
		  !!(ops->flags & PB_METRIC_LOWER_IS_BETTER));
	ck_assert(lists(object, "flags", "needs_distractor") == !!(ops->flags & PB_METRIC_NEEDS_DISTRACTOR));
}

static void check_plugin(const json_t *object, const struct pb_loaded *l)
{
	const struct pb_plugin *p = l->plugin;
	check_text(object, "kind", pb_kind_name(p->kind));
	check_text(object, "name", p->name);
	check_text(object, "version", p->version);
	check_text(object, "author", p->author);
	check_text(object, "summary", p->summary);
	check_text(object, "doc", p->doc);
	check_text(object, "file", l->path);
	check_text(object, "build_id", *l->build_id ? l->build_id : NULL);
	check_text(object, "shadowed_by", NULL);
	const json_t *abi = json_object_get(object, "abi"), *params = json_object_get(object, "parameters");
	ck_assert_int_eq(json_integer_value(json_object_get(abi, "major")), p->abi.major);
	ck_assert(json_is_integer(json_object_get(abi, "minor")));
	ck_assert(json_is_array(json_object_get(object, "extensions")));
	ck_assert_uint_eq(json_array_size(params), p->n_params);
	for (uint32_t i = 0; i < p->n_params; i++)
		check_param(json_array_get(params, i), &p->params[i]);
	if (p->kind == PB_KIND_SETTER)
		check_setter(object, p->ops);
	if (p->kind == PB_KIND_METRIC)
		check_metric(object, p->ops);
}

static const json_t *find_file(const json_t *plugins, const char *path)
{
	for (size_t i = 0; i < json_array_size(plugins); i++) {
		const json_t *object = json_array_get(plugins, i);
		if (!strcmp(json_string_value(json_object_get(object, "file")), path))
			return object;
	}
	ck_abort_msg("%s is not listed", path);
}

START_TEST(all_shipped_plugins)
{
	struct pb_registry *r;
	setenv("PATCHBAY_PLUGIN_PATH", "", 1);
	setenv("XDG_DATA_HOME", "/nowhere", 1);
	ck_assert_ok(pb_registry_create(&r));
	json_t *json = RUN_JSON(NULL, "plugin", "list", "--json");
	const json_t *plugins = json_object_get(json, "plugins"), *folders = json_object_get(json, "folders");
	ck_assert_uint_eq(json_array_size(plugins), pb_registry_count(r));
	ck_assert_uint_eq(json_array_size(folders), 2);
	check_text(json_array_get(folders, 0), "state", "no such folder");
	check_text(json_array_get(folders, 1), "path", built("plugins"));
	for (size_t i = 0; i < pb_registry_count(r); i++) {
		const struct pb_loaded *l = pb_registry_at(r, i);
		check_plugin(find_file(plugins, l->path), l);
	}
	json_decref(json);
	pb_registry_destroy(r);
}
END_TEST

START_TEST(one)
{
	json_t *json = RUN_JSON(NULL, "plugin", "info", "--json", "layer_head_pos_pattern");
	const json_t *plugins = json_object_get(json, "plugins"), *object = json_array_get(plugins, 0);
	ck_assert_uint_eq(json_array_size(plugins), 1);
	ck_assert_ptr_null(json_object_get(json, "folders"));
	const json_t *axes = json_object_get(object, "axes");
	static const char *const words[] = {"layer", "head", "dest_pos"};
	for (size_t i = 0; i < 3; i++)
		ck_assert_str_eq(json_string_value(json_array_get(axes, i)), words[i]);
	json_decref(json);
	json = RUN_JSON(NULL, "plugin", "info", "noise", "--json");
	object = json_array_get(json_object_get(json, "plugins"), 0);
	const json_t *params = json_object_get(object, "parameters"), *std = json_array_get(params, 1);
	check_text(std, "name", "std");
	ck_assert(json_number_value(json_object_get(std, "min")) == 0);
	ck_assert(json_number_value(json_object_get(std, "max")) == 1e30);
	ck_assert_ptr_null(json_object_get(json_array_get(params, 0), "min"));
	json_decref(json);
}
END_TEST

static void install(const char *file, const char *as)
{
	ck_assert_int_eq(symlink(built(file), scratch(as)), 0);
}

START_TEST(shadowed_and_broken_ones)
{
	install("plugins/setter_zero.so", "zero.so");
	install("tests/plugins/bad/major.so", "bad.so");
	json_t *json = RUN_JSON(pb_test_dir(), "plugin", "list", "--json");
	const json_t *plugins = json_object_get(json, "plugins");
	check_text(find_file(plugins, scratch("zero.so")), "shadowed_by", NULL);
	check_text(find_file(plugins, built("plugins/setter_zero.so")), "shadowed_by", scratch("zero.so"));
	const json_t *bad = find_file(plugins, scratch("bad.so"));
	ck_assert_uint_eq(json_object_size(bad), 2);
	check_says(json_string_value(json_object_get(bad, "reason")), "ABI major: host 1, plugin 2");
	json_decref(json);
}
END_TEST

/* The plugin ends whatever process loads it. */
START_TEST(no_code_is_run)
{
	install("tests/plugins/bad/constructor.so", "constructor.so");
	static const char *const lines[][4] = {
		{"plugin", "list"},
		{"plugin", "list", "--json"},
		{"plugin", "info", "constructor"},
		{"plugin", "info", "constructor", "--json"},
	};
	unsetenv("PB_TEST_CONSTRUCTOR");
	for (size_t i = 0; i < PB_COUNT(lines); i++) {
		const char *words[] = {lines[i][0], lines[i][1], lines[i][2], lines[i][3], NULL};
		struct outcome o = command_wait(command_start(NULL, pb_test_dir(), words));
		ck_assert_msg(o.code == 0, "%zu: %d: %s", i, o.code, o.err);
		check_says(o.out, "runs before anybody asked it to");
	}
}
END_TEST

START_TEST(wrong_options)
{
	struct outcome o = RUN("plugin", "list", "--jsno");
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "patchbay plugin list: unknown option `--jsno`; did you mean `--json`?");
	o = RUN("plugin", "info", "oocl", "--split");
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "unknown option `--split`; did you mean `--splits`?");
	o = RUN("plugin", "list", "--splits");
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "unknown option `--splits`");
	o = RUN("plugin", "list", "oocl");
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "what is `oocl`");
	o = RUN("plugin", "info", "oocl", "zero");
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "it takes NAME; what is `zero`");
	o = RUN("plugin", "info", "oocl", "--splits", "--json");
	ck_assert_int_eq(o.code, 2);
	o = RUN("plugin", "lst");
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "unknown command `lst`; did you mean `list`?");
	o = RUN("plugin", "info", "--help");
	ck_assert_int_eq(o.code, 0);
	check_says(o.out, "--splits");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("plugin_json");
	TCase *t = tcase_create("plugin_json");
	tcase_add_test(t, all_shipped_plugins);
	tcase_add_test(t, one);
	tcase_add_test(t, shadowed_and_broken_ones);
	tcase_add_test(t, no_code_is_run);
	tcase_add_test(t, wrong_options);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
