/* test_schema.c: the JSON Schema of the experiment file takes what the program takes, and refuses mistakes that a
 * schema can tell. That docs/patchbay.schema.json is the program's own is for reference.sh. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "cli/command.h"
#include "cli/validate.h"
#include "support/support.h"

static const char *const shipped[] = {
	"configs/activation-patching.yaml",
	"configs/drill-down.yaml",
	"configs/oocl-120.yaml",
	"configs/patch-params.yaml",
	"configs/patch-position.yaml",
	"configs/patch-resid-pre.yaml",
	"configs/patch-z.yaml",
	"configs/quickstart.yaml",
	"configs/screen-estimate.yaml",
	"plugins/template/setter/example.yaml",
	"plugins/template/metric/example.yaml",
	"plugins/template/dataset/example.yaml",
	"plugins/examples/kl_divergence/example.yaml",
	"plugins/examples/low_rank/example.yaml",
	"plugins/examples/steering/example.yaml",
	"plugins/examples/tokens_table/example.yaml",
};

enum { N_SHIPPED = sizeof shipped / sizeof *shipped, N_CONFIGS = 9 };

static const char *source(const char *name)
{
	static char path[4096];
	snprintf(path, sizeof path, "%s/%s", getenv("PATCHBAY_SOURCE"), name);
	return path;
}

static json_t *read_schema(void)
{
	json_error_t error;
	json_t *schema = json_load_file(source("docs/patchbay.schema.json"), JSON_REJECT_DUPLICATES, &error);
	ck_assert_msg(schema != NULL, "%s", error.text);
	return schema;
}

static bool takes(const json_t *schema, const char *text)
{
	struct pb_yaml yaml;
	ck_assert_ok(pb_yaml_parse("text", text, strlen(text), &yaml));
	json_t *value = validate_from_yaml(yaml.root);
	const bool valid = validate(schema, schema, value);
	json_decref(value);
	pb_yaml_finish(&yaml);
	return valid;
}

START_TEST(shipped_files_are_valid)
{
	json_t *schema = read_schema();
	char *text = read_text(source(shipped[_i]));
	ck_assert_msg(takes(schema, text), "%s is not valid", shipped[_i]);
	check_says(text, _i < N_CONFIGS       ? "\n# yaml-language-server: $schema=../docs/patchbay.schema.json\n"
			 : _i < N_CONFIGS + 3 ? "\n# yaml-language-server: $schema=patchbay.schema.json\n"
					      : "");
	free(text);
	json_decref(schema);
}
END_TEST

/* None was forgotten above. */
START_TEST(every_config_is_looked_at)
{
	struct dirent **entries;
	int n = scandir(source("configs"), &entries, NULL, NULL), yaml = 0;
	for (int i = 0; i < n; i++) {
		yaml += strstr(entries[i]->d_name, ".yaml") != NULL;
		free(entries[i]);
	}
	free(entries);
	ck_assert_int_eq(yaml, N_CONFIGS);
}
END_TEST

/* Files of tests/cli/broken whose mistakes need no plugin's code and no model. */
static const char *const refused[] = {
	"01-unknown-key",
	"02-unknown-key-in-stage",
	"03-unknown-key-in-sweep",
	"04-unknown-key-in-plugin",
	"05-wrong-types",
	"06-wrong-kinds",
	"07-empty-values",
	"08-out-of-range",
	"22-empty-lists",
	"30-set-syntax",
	"31-params-sweep",
	"35-mean-over-what",
	"46-how-long",
	"48-no-layers",
	"49-no-model",
	"50-no-data",
	"64-several",
	"66-estimate",
	"67-similarity",
	"70-drilldown",
	"72-drilldown-kind",
	"76-unit-and-units",
};

START_TEST(mistakes_are_refused)
{
	json_t *schema = read_schema();
	char name[128];
	snprintf(name, sizeof name, "tests/cli/broken/%s.yaml", refused[_i]);
	char *text = read_text(source(name));
	ck_assert_msg(!takes(schema, text), "%s passes", name);
	free(text);
	json_decref(schema);
}
END_TEST

/* Behind the first lines of an experiment. */
static const struct {
	const char *text;
	bool valid;
} rests[] = {
	{"", true},
	{"sweeps: [{name: a, hook: z, setter: layer_head, over: [layer, head], forward: clean}]", true},
	{"sweeps: [{name: a, hook: z, setter: {plugin: noise, std: 3}, over: layer}]", true},
	{"sweeps: [{name: a, hook: z, setter: {plugin: noise, std: -3}, over: layer}]", false},
	{"sweeps: [{name: a, hook: z, setter: {plugin: noise, sdt: 3}, over: layer}]", false},
	{"sweeps: [{name: a, hook: z, setter: {plugin: noise, mode: adds}, over: layer}]", false},
	/* Nobody knows the plugins of the user's own. */
	{"sweeps: [{name: a, hook: z, setter: mine}, {name: b, hook: z, setter: {plugin: mine, any: [thing]}}]",
	 true},
	{"sweeps: [{name: a, hook: z, setter: {std: 3}}]", false},
	{"sweeps: [{name: a, hook: z, setter: [noise]}]", false},
	{"sweeps: [{name: a, setter: params, sets: each}, {name: b, setter: params, sets: {x: attn}}]", true},
	{"sweeps: [{name: a, setter: params}]", false},
	{"sweeps: [{name: a, hook: z, setter: zero, sets: each}]", false},
	{"sweeps: [{name: a, hook: z, setter: zero, estimate: true}]", true},
	{"sweeps: [{name: a, hook: z, setter: zero, estimate: only}]", true},
	{"metric: {plugin: correct_logit, of: probability}", true},
	{"metric: {plugin: correct_logit, of: probabilities}", false},
	{"metric: {plugin: my_metric, of: anything}", true},
	{"loss: cross_entropy", true},
	{"probe: {unit: 71}", true},
	{"probe: {unit: seventy-one, model: [a, b]}", true},
	{"update: {lr: 1e-3, betas: [0.9, 0.98]}", true},
	{"update: {lr: -1e-3}", false},
	{"train: [{name: a, split: X1, epochs: 1, optimizer: continue, evaluate: {accuracy: [a, b], my_metric: c}}]",
	 true},
	{"train: [{name: a, split: X1, epochs: 1, optimizer: contniue}]", false},
	{"similarity: [clean, 3, {example: questions, unit: 4}]", true},
	{"drilldown: {share: 0.9}", true},
	{"question: ~", true},
	{"seed: 4.5", false},
};

START_TEST(keys_beside_each_other)
{
	json_t *schema = read_schema();
	char text[1024];
	snprintf(text, sizeof text, "model: {load: model_1.pt}\ndata: {plugin: oocl, mod: 30}\n%s\n", rests[_i].text);
	ck_assert_msg(takes(schema, text) == rests[_i].valid, "%s", rests[_i].text);
	json_decref(schema);
}
END_TEST

/* In each mapping: a text to each key, and each default a value that the key may have. */
static int check_properties(const json_t *root, const json_t *schema)
{
	const char *key;
	json_t *value;
	int n = 0;
	if (json_is_object(schema)) {
		const json_t *properties = json_object_get(schema, "properties");
		if (json_is_false(json_object_get(schema, "additionalProperties")))
			json_object_foreach((json_t *)properties, key, value)
			{
				const json_t *fallback = json_object_get(value, "default");
				n++;
				ck_assert_msg(json_is_true(value) || json_object_get(value, "description"), "%s",
					      key);
				ck_assert_msg(!fallback || validate(root, value, fallback), "the default of %s", key);
			}
		json_object_foreach((json_t *)schema, key, value) n +=
			strcmp(key, "default") ? check_properties(root, value) : 0;
	}
	for (size_t i = 0; i < json_array_size(schema); i++)
		n += check_properties(root, json_array_get(schema, i));
	return n;
}

START_TEST(keys_have_texts_and_good_defaults)
{
	json_t *schema = read_schema();
	ck_assert_int_ge(check_properties(schema, schema), 100);
	json_decref(schema);
}
END_TEST

/* The user's own plugins are in it where they are found. */
START_TEST(other_plugins_come_along)
{
	char folder[4096];
	snprintf(folder, sizeof folder, "%s/plugins/examples", getenv("PATCHBAY_BUILD"));
	struct outcome o = command_wait(
		command_start(NULL, folder, (const char *const[]){"keys", "--format", "json-schema", NULL}));
	ck_assert_msg(o.code == 0, "%s", o.err);
	json_t *schema = json_loads(o.out, 0, NULL);
	ck_assert_ptr_nonnull(schema);
	static const char head[] = "model: {load: a.pt}\ndata: oocl\nsweeps: [{name: a, hook: z, setter: ";
	char text[256];
	snprintf(text, sizeof text, "%s{plugin: steering, file: vector.txt}}]\n", head);
	ck_assert(takes(schema, text));
	snprintf(text, sizeof text, "%s{plugin: steering, fiel: vector.txt}}]\n", head);
	ck_assert(!takes(schema, text));
	json_decref(schema);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("schema");
	TCase *t = tcase_create("schema");
	tcase_add_loop_test(t, shipped_files_are_valid, 0, N_SHIPPED);
	tcase_add_test(t, every_config_is_looked_at);
	tcase_add_loop_test(t, mistakes_are_refused, 0, sizeof refused / sizeof *refused);
	tcase_add_loop_test(t, keys_beside_each_other, 0, sizeof rests / sizeof *rests);
	tcase_add_test(t, keys_have_texts_and_good_defaults);
	tcase_add_test(t, other_plugins_come_along);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
