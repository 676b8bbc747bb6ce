/* test_resolve.c: a resolved experiment says everything, loads again, gives the same plan, and resolves to itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "exp/config_tables.h"
#include "exp/lab.h"
#include "exp/resolve.h"
#include "support/support.h"

#define GOLDEN "model: {load: %s}\ndata: {plugin: oocl, mod: 30}\n"

static const char *const experiments[] = {
	GOLDEN,
	GOLDEN
	"probe: {unit: 7}\n"
	"sweeps:\n"
	"  - {name: z by head, hook: z, setter: layer_head, over: [layer, head], forward: corrupted}\n"
	"  - {name: \"both: heads\", hook: [z, q], setter: layer_head, over: [layer, head], backward: clean, gradient: "
	"torch,\n"
	"     neutral: -0.5, cells: [[z, 0, 3], [[1, 1, 1], [q, 2, 2]]]}\n"
	"  - {name: zero, hook: blocks.1.attn.hook_z, setter: zero, over: head, together: pos, kind: activation}\n"
	"  - {name: mean, hook: z, setter: {plugin: mean, split: X2}, over: [layer, head]}\n"
	"  - {name: noise, hook: z, setter: {plugin: noise, std: 1e-9}, over: [layer, head], base: corrupted}\n"
	"  - {name: nothing, hook: z, setter: layer_head, over: [layer, head], forward: none}\n"
	"  - {name: parts, setter: params, sets: {ov: \"blocks.0.attn.{W,b}_[OV]\", none: \"\"}}\n"
	"  - {name: blocks, setter: params, sets: blocks, base: clean}\n",
	"name: \"a: b # c\"\nquestion: \"Why?\\nReally\"\nseed: 9007199254740993\nprecision: f64\n"
	"model: {n_layers: 2, d_model: 16, n_heads: 2, attn_only: yes, act_fn: gelu, normalization_type: LNPre, eps: "
	"1e-6}\n"
	"data: {plugin: oocl, mod: 30, alias_offset: 1, sets: {DtQ1: [1, 2], DfQ2: [3, 4], Dt3: [5], Df4: [28]}}\n"
	"checkpoints: {}\n"
	"train:\n"
	"  - {name: pretrain, split: arithmetic, epochs: 1, evaluate: {accuracy: [Dt3, Df4], cross_entropy: Dt3},\n"
	"     optimizer: {kind: sgd, lr: 0.1, momentum: 0.9, nesterov: true}, stop: {split: Dt3, below: 1.0e-9}}\n"
	"  - {name: X1, split: X1, steps: 3, optimizer: continue, loss: {plugin: cross_entropy}, save: model_1,\n"
	"     stop: {split: Dt3, metric: accuracy, above: 0.5}}\n"
	"probe: {select: {before: init, after: model_1, sets: [Dt3, Df4]}}\n"
	"update: {optimizer: adam, lr: 1e-3, betas: [0.5, 0.75], max_grad_norm: 0}\n"
	"metric: {plugin: correct_logit, of: probability}\n"
	"drilldown: {share: 0.5}\n",
	"model: {n_layers: 1, d_model: 16, n_heads: 2}\nloss: {plugin: correct_logit}\n"
	"data: {plugin: oocl, mod: 30, sets: {Dt3: [5]}}\nprobe: {unit: 5}\n"
	"sweeps: [{name: r, hook: resid_pre, setter: layer_pos, over: [layer, pos], forward: clean, kind: "
	"activation}]\n",
};

enum { N_EXPERIMENTS = sizeof experiments / sizeof *experiments };

/* The resolved text and the plan's description; both are the caller's. */
static void resolve(const char *yaml, char **ret_text, char **ret_plan)
{
	static struct lab lab;
	struct pb_text text = {0}, plan = {0};
	lab_plan(&lab, yaml, 1);
	ck_assert_ok(pb_resolve(&lab.plan, &text));
	pb_plan_describe(&lab.plan, &plan);
	ck_assert_ok(pb_text_status(&plan));
	lab_close(&lab);
	*ret_text = text.data;
	*ret_plan = plan.data;
}

START_TEST(resolves_to_itself)
{
	char yaml[4096], *first, *second, *plan, *again;
	snprintf(yaml, sizeof yaml, experiments[_i], pb_test_golden("model_1.pt"));
	resolve(yaml, &first, &plan);
	resolve(first, &second, &again);
	ck_assert_str_eq(second, first);
	ck_assert_str_eq(again, plan);
	free(first);
	free(second);
	free(plan);
	free(again);
}
END_TEST

/* Every key of a table, at its indentation, but those named in `but`. */
static void check_keys(const char *text, const struct pb_config_table *table, const char *indent, const char *but)
{
	char line[128];
	for (size_t i = 0; i < table->n; i++) {
		snprintf(line, sizeof line, "\n%s%s:", indent, table->fields[i].name);
		ck_assert_msg(strstr(text, line) || strstr(but, table->fields[i].name), "no `%s` in:%s", line, text);
	}
}

START_TEST(nothing_is_left_to_a_default)
{
	static const char *const more[] = {"\nloss:\n  plugin: cross_entropy\n",
					   "\n  operation: product\n",
					   "\n  held_out_mix: 0.01\n",
					   "\n    optimizer:\n      kind: sgd\n",
					   "\n    loss:\n      plugin: cross_entropy\n",
					   "\n    optimizer: continue\n",
					   "\n    metric:\n      plugin: accuracy\n",
					   "\nmetric:\n  plugin: correct_logit\n"};
	char *text, *plan;
	resolve(experiments[2], &text, &plan);
	check_keys(text, &pb_config_tables.top, "", "name seeds manifest");
	check_keys(text, &pb_config_tables.model, "  ", "load d_mlp");
	check_keys(text, &pb_config_tables.stage, "    ", "name");
	check_keys(text, &pb_config_tables.optimizer, "      ", "");
	check_keys(text, &pb_config_tables.update, "  ", "");
	check_keys(text, &pb_config_tables.probe, "  ", "unit units");
	check_keys(text, &pb_config_tables.select, "    ", "");
	check_keys(text, &pb_config_tables.drilldown, "  ", "");
	for (size_t i = 0; i < sizeof more / sizeof *more; i++)
		ck_assert_msg(strstr(text, more[i]) != NULL, "no `%s` in:%s", more[i], text);
	free(text);
	free(plan);
}
END_TEST

START_TEST(what_the_plan_found_is_there)
{
	char yaml[4096], *text, *plan;
	snprintf(yaml, sizeof yaml, experiments[1], pb_test_golden("model_1.pt"));
	resolve(yaml, &text, &plan);
	static const char *const parts[] = {"\n  n_layers: 3\n  d_model: 48\n  d_head: 12\n  n_heads: 4\n",
					    "\n  d_mlp: 64\n  n_ctx: 5\n  d_vocab: 64\n  act_fn: relu\n",
					    "\n  normalization_type: LN\n",
					    "\n  attn_only: \"no\"\n",
					    "\n  model: loaded\n",
					    "\n    base: clean\n",
					    "\n    forward: ablate\n",
					    "\n      mode: replace\n"};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		ck_assert_msg(strstr(text, parts[i]) != NULL, "no `%s` in:%s", parts[i], text);
	check_keys(text, &pb_config_tables.sweep, "    ", "name");
	free(text);
	free(plan);
	/* The only unit. */
	resolve(experiments[3], &text, &plan);
	ck_assert_ptr_nonnull(strstr(text, "\n  unit: \"5\"\n"));
	ck_assert_ptr_nonnull(strstr(text, "\n  model: init\n"));
	free(text);
	free(plan);
}
END_TEST

/* Weight decay is a default of AdamW's alone; what was used is written down. */
START_TEST(weight_decay_by_kind)
{
	static const struct {
		const char *stage, *update, *stage_decay, *update_decay;
	} cases[] = {
		{"{}", "{}", "0.1", "0.1"},
		{"{kind: adamw}", "{optimizer: adamw, weight_decay: 0}", "0.1", "0"},
		{"{kind: adam}", "{optimizer: sgd}", "0", "0"},
		{"{kind: sgd}", "{optimizer: adam, weight_decay: 0.25}", "0", "0.25"},
	};
	char yaml[1024], stage[64], update[64], *text, *plan;
	snprintf(yaml, sizeof yaml,
		 "model: {n_layers: 1, d_model: 16, n_heads: 2}\ndata: {plugin: oocl, mod: 30}\n"
		 "train: [{name: t, split: arithmetic, steps: 1, optimizer: %s}]\nupdate: %s\n",
		 cases[_i].stage, cases[_i].update);
	snprintf(stage, sizeof stage, "\n      weight_decay: %s\n", cases[_i].stage_decay);
	snprintf(update, sizeof update, "\n  weight_decay: %s\n", cases[_i].update_decay);
	resolve(yaml, &text, &plan);
	ck_assert_msg(strstr(text, stage) != NULL, "no `%s` in:%s", stage, text);
	ck_assert_msg(strstr(text, update) != NULL, "no `%s` in:%s", update, text);
	free(text);
	free(plan);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("resolve");
	TCase *t = tcase_create("resolve");
	tcase_add_loop_test(t, resolves_to_itself, 0, N_EXPERIMENTS);
	tcase_add_loop_test(t, weight_decay_by_kind, 0, 4);
	tcase_add_test(t, nothing_is_left_to_a_default);
	tcase_add_test(t, what_the_plan_found_is_there);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
