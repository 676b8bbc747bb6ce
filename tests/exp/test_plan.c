/* test_plan.c: what is refused, or decided, before anything runs. */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "base/text.h"
#include "exp/lab.h"
#include "support/support.h"

static struct lab lab;

#define MODEL "model: {n_layers: 2, d_model: 16, n_heads: 2}\n"

/* An ablation asks what the whole run loses, a copy what the corrupted run gains. */
START_TEST(base_by_setter)
{
	lab_plan(
		&lab,
		MODEL
		"data: {plugin: oocl, mod: 20}\nprobe: {unit: 3}\nsweeps:\n"
		"  - {name: zero, kind: activation, hook: z, setter: zero, over: [layer, head]}\n"
		"  - {name: given, kind: activation, hook: z, setter: zero, over: [layer, head], base: corrupted}\n"
		"  - {name: mean, kind: activation, hook: z, setter: {plugin: mean, split: X1}, over: [layer, head]}\n"
		"  - {name: copy, kind: activation, hook: z, setter: layer_head, over: [layer, head], forward: clean}\n"
		"  - {name: update, hook: z, setter: zero, over: [layer, head]}\n"
		"  - {name: sets, setter: params, sets: blocks}\n",
		1);
	static const int32_t want[] = {PB_FROM_CLEAN,     PB_FROM_CORRUPTED, PB_FROM_CLEAN,
				       PB_FROM_CORRUPTED, PB_FROM_CLEAN,     PB_FROM_CORRUPTED};
	for (size_t i = 0; i < lab.plan.n_sweeps; i++)
		ck_assert_msg(lab.plan.sweeps[i].config->base == want[i], "%s", lab.plan.sweeps[i].config->name);
	lab_close(&lab);
}
END_TEST

/* Block by block, each parameter is in one set; cumulative sets grow by one of those at a time; `each` is one by one. */
START_TEST(sets_by_block)
{
	lab_plan(&lab,
		 MODEL "data: {plugin: oocl, mod: 20}\nprobe: {unit: 3}\nsweeps:\n"
		       "  - {name: blocks, setter: params, sets: blocks}\n"
		       "  - {name: cumulative, setter: params, sets: cumulative}\n"
		       "  - {name: each, setter: params, sets: each}\n",
		 1);
	const struct pb_plan_sweep *blocks = &lab.plan.sweeps[0], *grown = &blocks[1], *each = &blocks[2];
	const struct pb_param_table *table = &lab.plan.model.table;
	ck_assert_uint_eq(blocks->n_cells, 4);
	ck_assert_uint_eq(grown->n_cells, 4);
	ck_assert_uint_eq(each->n_cells, (size_t)table->n);
	for (int p = 0, k = 0; k < table->n_parts; k++) {
		p += k == table->items[p].first_part + table->items[p].n_parts;
		const char *name = table->items[p].name;
		size_t where = 3;
		if (!strncmp(name, "embed.", 6) || !strncmp(name, "pos_embed.", 10))
			where = 0;
		else if (!strncmp(name, "blocks.", 7))
			where = 1 + (size_t)(name[7] - '0');
		for (size_t i = 0; i < 4; i++) {
			ck_assert_msg(blocks->cells[i].set[k] == (i == where), "%s in set %zu", name, i);
			ck_assert_msg(grown->cells[i].set[k] == (i >= where), "%s up to set %zu", name, i);
		}
		for (size_t i = 0; i < each->n_cells; i++)
			ck_assert_msg(each->cells[i].set[k] == (i == (size_t)p), "%s in set %zu", name, i);
	}
	lab_close(&lab);
}
END_TEST

/* A pair of `n` tokens, and a sweep over entries of the pattern. */
static void add_long_pair(struct pb_text *yaml, int n, const char *together)
{
	pb_text_add(
		yaml,
		"model: {n_layers: 1, d_model: 32, n_heads: 32}\ndata:\n  plugin: tokens\n  pairs:\n    - {answer: 1");
	for (int k = 0; k < 2; k++) {
		pb_text_add(yaml, k ? ", corrupted: [0" : ", clean: [0");
		for (int i = 1; i < n; i++)
			pb_text_add(yaml, ", 0");
		pb_text_add(yaml, "]");
	}
	pb_text_add(yaml,
		    "}\nprobe: {unit: 0}\nsweeps:\n  - {name: s, kind: activation, hook: pattern, setter: "
		    "layer_head_dest_src_pattern, forward: clean, %s",
		    together);
}

START_TEST(listed_cells_are_not_cut_short)
{
	struct pb_text one = {0}, many = {0};
	add_long_pair(&one, 200, "over: [layer], together: [head, dest_pos, src_pos], cells: [[0]]}\n");
	lab_refused(one.data, "with this cell the sweep has more than 1048576 patches");
	add_long_pair(&many, 200, "over: [layer, head], together: [dest_pos, src_pos], cells: [");
	for (int i = 0; i < 21; i++)
		pb_text_add(&many, "%s[[0, 0], [0, 1], [0, 2], [0, 3], [0, 4], [0, 5], [0, 6], [0, 7], [0, 8], [0, 9]]",
			    i ? ", " : "");
	pb_text_add(&many, "]}\n");
	lab_refused(many.data, "with this cell the sweep has more than 8388608 patches");
	pb_text_finish(&one);
	pb_text_finish(&many);
}
END_TEST

#define PAIRS    "model: {n_layers: 1, d_model: 8, n_heads: 2, n_ctx: 8, d_vocab: 9}\ndata:\n  plugin: tokens\n  pairs:\n"
#define THREE    "    - {clean: [0, 3, 7], corrupted: [0, 5, 7], answer: 3, distractor: 5}\n"
#define FOUR     "    - {clean: [0, 3, 7, 1], corrupted: [0, 5, 7, 1], answer: 3, distractor: 5}\n"
#define NO_WRONG "    - {clean: [0, 3, 7], corrupted: [0, 5, 7], answer: 3}\n"
#define SELECT   "probe: {select: {before: init, after: init}}\n"
#define BY_POS                                                                                                         \
	"sweeps: [{name: s, kind: activation, hook: resid_pre, setter: layer_pos, over: [layer, pos], forward: "       \
	"clean}]\n"
#define UPDATE "sweeps: [{name: s, hook: z, setter: layer_head, over: [layer, head], forward: clean}]\n"

static void accepted(const char *yaml)
{
	lab_plan(&lab, yaml, 1);
	lab_close(&lab);
}

START_TEST(sweeps_fit_whichever_unit_is_selected)
{
	static const char why[] =
		"unit `0` has 3 tokens, unit `2` 4: units of different lengths cannot share sweeps over "
		"positions; name the unit in `probe.unit`";
	lab_refused(PAIRS THREE THREE FOUR SELECT BY_POS, why);
	lab_refused(PAIRS FOUR THREE SELECT BY_POS, "unit `0` has 4 tokens, unit `1` 3");
	accepted(PAIRS THREE THREE FOUR "probe: {unit: 2, select: {before: init, after: init}}\n" BY_POS);
	accepted(PAIRS THREE THREE SELECT BY_POS);
	/* Sets of parameters know no length, in the plan and when the unit is known. */
	struct pb_probe_data longer;
	lab_plan(&lab, PAIRS THREE FOUR SELECT "sweeps: [{name: s, setter: params, sets: blocks}]\n", 1);
	ck_assert_ok(pb_data_probe(&lab.plan, 1, &longer));
	ck_assert_ok(pb_plan_settle(&lab.plan, &longer, &lab.plan.n_examples));
	lab_close(&lab);
	accepted(PAIRS THREE FOUR SELECT);
}
END_TEST

START_TEST(metrics_fit_whichever_unit_is_selected)
{
	lab_refused(PAIRS THREE NO_WRONG SELECT "metric: logit_difference\n" BY_POS,
		    "the data name none for the example of unit `1`");
	lab_refused(PAIRS THREE NO_WRONG SELECT "metric: logit_difference\n" UPDATE,
		    "the data name none for the questions of unit `1`");
	lab_refused(PAIRS THREE NO_WRONG SELECT "loss: logit_difference\n" UPDATE,
		    "the data name none for the clean example of unit `1`");
	lab_refused(PAIRS THREE NO_WRONG "probe: {select: {before: init, after: init, metric: logit_difference}}\n",
		    "the data name none for the questions of unit `1`");
	accepted(PAIRS THREE THREE "probe: {select: {before: init, after: init, metric: logit_difference}}\n"
				   "metric: logit_difference\nloss: logit_difference\n" UPDATE);
}
END_TEST

/* The loss of an update, with sweeps or without, against the probe's examples. */
START_TEST(loss_fits_the_probe)
{
	static const char why[] = "the data name none for the clean example";
	lab_refused(PAIRS NO_WRONG THREE "probe: {unit: 0}\nloss: logit_difference\n" UPDATE, why);
	lab_refused(PAIRS NO_WRONG THREE "probe: {unit: 0}\nloss: logit_difference\n"
					 "sweeps: [{name: s, setter: params, sets: blocks}]\n",
		    why);
	lab_refused(PAIRS NO_WRONG THREE "probe: {unit: 0}\nloss: logit_difference\n", why);
	accepted(PAIRS NO_WRONG THREE "probe: {unit: 0}\nloss: logit_difference\n" BY_POS);
	accepted(PAIRS NO_WRONG THREE "probe: {unit: 1}\nloss: logit_difference\n" UPDATE);
}
END_TEST

static void check_mistakes(size_t n, const char *fragment)
{
	struct pb_yaml *yaml = &lab.config.yaml;
	ck_assert_uint_eq(yaml->n_errors, n);
	ck_assert(pb_yaml_status(yaml) < 0);
	ck_assert_msg(strstr(pb_error_text(), fragment) != NULL, "%s", pb_error_text());
}

START_TEST(no_loss_has_a_reference)
{
	lab_plan(&lab, PAIRS THREE "loss: {plugin: correct_logit}\n", 1);
	struct pb_metric_ops ops = *lab.plan.loss->ops;
	pb_plan_check_loss(&lab.plan, lab.plan.loss, lab.config.loss);
	ck_assert_uint_eq(lab.config.yaml.n_errors, 0);
	ops.flags |= PB_METRIC_NEEDS_REFERENCE;
	lab.plan.loss->ops = &ops;
	pb_plan_check_loss(&lab.plan, lab.plan.loss, lab.config.loss);
	check_mistakes(1, "compares with the logits before a patch, and a loss has none");
	lab_close(&lab);
}
END_TEST

/* No shipped dataset scores nothing, or different positions: the probe is changed by hand. */
START_TEST(rows_of_both_examples)
{
	struct pb_probe_data probe;
	struct pb_scored moved[1];
	lab_plan(&lab, PAIRS THREE "probe: {unit: 0}\n" UPDATE, 1);
	ck_assert_ok(pb_data_probe(&lab.plan, 0, &probe));
	ck_assert(pb_plan_check_probe(&lab.plan, &probe, NULL));
	probe.corrupted.n_scored = 0;
	ck_assert(!pb_plan_check_probe(&lab.plan, &probe, NULL));
	check_mistakes(1,
		       "the data score no position of the unit's corrupted example, so there is no loss to update by");
	lab_close(&lab);
	lab_plan(&lab, PAIRS THREE "probe: {unit: 0}\n" BY_POS, 1);
	ck_assert_ok(pb_data_probe(&lab.plan, 0, &probe));
	*moved = *probe.corrupted.scored;
	probe.corrupted.scored = moved;
	moved->answer = 1;
	ck_assert(pb_plan_check_probe(&lab.plan, &probe, NULL));
	moved->pos--;
	ck_assert(!pb_plan_check_probe(&lab.plan, &probe, "unit `x`"));
	check_mistakes(1, "the data score other positions of unit `x`'s clean example than of the corrupted one");
	lab_close(&lab);
}
END_TEST

/* The units of a plan by name, in their order. */
static void check_units(const char *units, const char *want)
{
	char yaml[1024], got[512] = "";
	snprintf(yaml, sizeof yaml,
		 "model: {n_layers: 1, d_model: 8, n_heads: 2}\ndata: {plugin: oocl, mod: 16, sets: {Dt3: [7, 3], Df4: "
		 "[12, 5]}}\nprobe: {units: %s}\n",
		 units);
	lab_plan(&lab, yaml, 1);
	for (size_t i = 0; i < lab.plan.n_units; i++) {
		struct pb_unit unit;
		ck_assert_ok(pb_data_unit(&lab.plan, lab.plan.units[i], &unit));
		snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", i ? " " : "", unit.name);
	}
	ck_assert_str_eq(got, want);
	ck_assert_int_eq(lab.plan.unit, lab.plan.units[0]);
	lab_close(&lab);
}

/* In the file's order, a set's in the data's, each once. */
START_TEST(units_by_name_and_set)
{
	check_units("[12, 0, 3]", "12 0 3");
	check_units("Dt3", "7 3");
	check_units("[3, Df4, Dt3, 3, 12, 1]", "3 12 5 7 1");
	check_units("[5, 5]", "5");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plan");
	TCase *tc = tcase_create("plan");
	tcase_add_test(tc, base_by_setter);
	tcase_add_test(tc, sets_by_block);
	tcase_add_test(tc, listed_cells_are_not_cut_short);
	tcase_add_test(tc, sweeps_fit_whichever_unit_is_selected);
	tcase_add_test(tc, metrics_fit_whichever_unit_is_selected);
	tcase_add_test(tc, loss_fits_the_probe);
	tcase_add_test(tc, no_loss_has_a_reference);
	tcase_add_test(tc, rows_of_both_examples);
	tcase_add_test(tc, units_by_name_and_set);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
