/* fuzz_plan.c: any bytes as an experiment file, as `patchbay check` takes one: decoded, planned with the plugins of this
 * build, described. Nothing runs and nothing is written. */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "exp/plan.h"
#include "fuzz/driver.h"
#include "fuzz/input.h"

const char *const pb_fuzz_tokens[] = {
	"model: {n_layers: 1, d_model: 8, n_heads: 2, d_head: 4, d_mlp: 8, act_fn: relu}\n",
	"data: {plugin: oocl, mod: 5}\n",
	"data: {plugin: tokens, pairs: [{clean: [1, 2], corrupted: [2, 1], answer: 1}]}\n",
	"train: [{name: a, split: arithmetic, epochs: 1, batch_size: 8, save: a}]\n",
	"probe: {unit: \"1\"}\n",
	"probe: {units: all}\n",
	"select: {metric: accuracy, before: a, after: b, sets: [Dt3]}",
	"update: {optimizer: sgd, lr: 0.1}\n",
	"metric: {plugin: correct_logit, of: logit}\n",
	"sweeps:\n  - {name: s, hook: z, setter: layer_head, over: [layer, head]}\n",
	"hook: [resid_pre, mlp_out]",
	"over: [layer, pos]",
	"together: [layer]",
	"forward: corrupted",
	"backward: clean",
	"setter: params, sets: cumulative",
	"sets: {a: blocks.0, b: \"blocks.*.attn.{W,b}_[QK]\"}",
	"cells: [{label: a, patches: [[0, 1], [1, 0]]}]",
	"setter: {plugin: noise, std: 1}",
	"setter: {plugin: mean, split: X1}",
	"kind: activation",
	"estimate: only",
	"similarity: [{example: clean}, {example: 0, unit: \"2\"}]\n",
	"drilldown: {share: [0.5, 0.9]}\n",
	"seeds: [1, 2]\n",
	"checkpoints: {a: model.pt}\n",
	"stop: {split: X1, metric: accuracy, above: 0.5}",
	"continue",
	"blocks.0.attn",
	"cumulative",
	"~",
	"-1",
	"9223372036854775807",
	NULL,
};

/* A large problem is no mistake, but many would be made. */
static bool is_small(const struct pb_config *config)
{
	static const char *const sizes[] = {"mod", "n_aliases", "units", NULL};
	const struct pb_config_model *m = &config->model;
	for (const char *const *name = sizes; *name; name++) {
		const struct pb_yaml_node *node = config->data ? pb_yaml_get(config->data, *name) : NULL;
		if (node && node->kind == PB_YAML_SCALAR && strlen(node->text) > 2)
			return false;
	}
	return m->n_layers <= 64 && m->n_heads <= 64;
}

static void check_plan(struct pb_config *config, struct pb_device *device)
{
	static struct pb_plan plan;
	struct pb_text text = {0};
	int rc = pb_plan_make(config, device, &plan);
	if (rc < 0) {
		if (rc == -PB_E_INTERNAL || (rc != -PB_E_NOMEM && !*pb_error_text()))
			abort();
		return;
	}
	pb_plan_describe(&plan, &text);
	if (!strstr(text.data, "model: "))
		abort();
	pb_text_finish(&text);
	pb_plan_finish(&plan);
}

/* Every plan loads its plugins, which takes longer than all the rest where they are not loaded already. */
static void hold_plugins(void)
{
	static struct pb_registry *held;
	const struct pb_loaded *loaded;
	if (pb_registry_create(&held) < 0)
		abort();
	for (size_t i = 0; i < pb_registry_count(held); i++) {
		const struct pb_plugin *plugin = pb_registry_at(held, i)->plugin;
		if (plugin && pb_registry_find(held, plugin->kind, plugin->name, NULL, NULL, &loaded) < 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pb_device device;
	struct pb_config config;
	if (!device.context) {
		pb_guard_enable(false); /* a plugin's crash is a finding */
		if (pb_device_open_cpu(1, &device) < 0)
			abort();
		hold_plugins();
	}
	pb_error_clear();
	int rc = pb_config_open(PB_FUZZ_FILE({data, size}), NULL, &config);
	if (rc < 0) {
		if (rc == -PB_E_INTERNAL || !*pb_error_text())
			abort();
		return 0;
	}
	if (is_small(&config))
		check_plan(&config, &device);
	pb_config_finish(&config);
	return 0;
}
