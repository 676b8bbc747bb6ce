/* test_sweep.c: all cells of a sweep: what is described, the ends of the score, and being stopped. */
#include "exp/sweep.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "exp/interrupt.h"
#include "exp/lab.h"
#include "support/support.h"

static struct lab lab;

#define HEAD                                                                                                           \
	"seed: 4\nprecision: f64\nmodel: {n_layers: 2, d_model: 12, n_heads: 3}\ndata: {plugin: oocl, mod: 20}\n"      \
	"probe: {unit: \"7\"}\nupdate: {lr: 1e-2}\nsweeps:\n"

static void open(const char *sweeps)
{
	char yaml[4096];
	snprintf(yaml, sizeof yaml, HEAD "%s", sweeps);
	lab_plan(&lab, yaml, 1);
	lab_weights(&lab, 9);
	lab_engine(&lab);
}

START_TEST(description)
{
	open("  - {name: Z by head!, hook: z, setter: layer_head, over: [layer, head], forward: corrupted, backward: "
	     "clean, "
	     "gradient: torch}\n"
	     "  - {name: ends, base: corrupted, hook: [resid_pre, blocks.*.hook_resid_post], setter: layer_pos, over: "
	     "[layer, "
	     "pos], forward: clean, neutral: 0.25}\n"
	     "  - {name: sets, setter: params, sets: {one: embed, two: attn}}\n");
	struct pb_result_sweep r = lab_run(&lab, "Z by head!");
	ck_assert_str_eq(r.name, "Z by head!");
	ck_assert_str_eq(r.file, "z-by-head");
	ck_assert_str_eq(r.kind, "gradient");
	ck_assert_str_eq(r.hook, "z");
	ck_assert_str_eq(r.setter, "layer_head");
	ck_assert_str_eq(r.base, "clean");
	ck_assert_str_eq(r.forward, "corrupted");
	ck_assert_str_eq(r.backward, "clean");
	ck_assert_str_eq(r.gradient, "torch");
	ck_assert_str_eq(r.metric, "correct_logit");
	ck_assert_str_eq(r.unit, "logit");
	ck_assert(r.neutral == 1.0);
	ck_assert(r.metric_clean == lab.engine.ends->runs[0].metric_updated);
	ck_assert(r.metric_corrupted == lab.engine.ends->runs[1].metric_updated);
	ck_assert_double_ge(r.seconds, 0.0);
	r = lab_run(&lab, "ends");
	ck_assert_str_eq(r.hook, "resid_pre, blocks.*.hook_resid_post");
	ck_assert_uint_eq(r.n_axes, 3);
	ck_assert_str_eq(r.axes[0].name, "hook");
	ck_assert_str_eq(r.axes[0].labels[1], "blocks.*.hook_resid_post");
	ck_assert_str_eq(r.axes[2].labels[0], "U (0)"); /* the base is the unreliable definition */
	ck_assert_str_eq(r.axes[2].labels[3], "P (3)");
	ck_assert(r.neutral == 0.25);
	r = lab_run(&lab, "sets");
	ck_assert_ptr_null(r.hook);
	ck_assert_str_eq(r.setter, "params");
	ck_assert_str_eq(r.axes[0].name, "set");
	ck_assert_str_eq(r.axes[0].labels[1], "two");
	ck_assert(r.neutral == 0.0);
	lab_close(&lab);
}
END_TEST

/* Row-major over the axes, each index once, scores from metrics. */
START_TEST(cells_are_row_major)
{
	open("  - {name: z, hook: z, setter: layer_pos_head, over: [layer, pos, head], forward: corrupted}\n");
	struct pb_result_sweep r = lab_run(&lab, "z");
	ck_assert_uint_eq(r.n_cells, 2 * 4 * 3);
	for (size_t i = 0; i < r.n_cells; i++) {
		const struct pb_result_cell *c = &r.cells[i];
		ck_assert_int_eq((int64_t)i, (c->index[0] * 4 + c->index[1]) * 3 + c->index[2]);
		ck_assert_double_eq_tol(
			c->score, (c->metric - r.metric_corrupted) / (r.metric_clean - r.metric_corrupted), 1e-12);
		ck_assert(isfinite(c->loss) && c->grad_norm > 0.0);
		ck_assert_int_eq(c->forward.fired, 1);
		ck_assert_int_eq(c->backward.fired, 0);
		ck_assert_double_gt(c->forward.max_change, 0.0);
	}
	lab_close(&lab);
}
END_TEST

/* Explicit cells say what their numbers are. */
/* Each patch has noise of its own: by sweep, cell and direction. What was added shows in the largest change. */
START_TEST(no_noise_comes_twice)
{
	enum { CELLS = 6 };
	static const char *const names[] = {"one", "two"};
	double changes[2 * 2 * CELLS];
	size_t n = 0;
	open("  - {name: one, hook: z, setter: {plugin: noise, mode: add}, over: [layer, head], forward: ablate, "
	     "backward: ablate}\n"
	     "  - {name: two, hook: z, setter: {plugin: noise, mode: add}, over: [layer, head], forward: ablate, "
	     "backward: ablate}\n");
	for (int k = 0; k < 2; k++) {
		struct pb_result_sweep r = lab_run(&lab, names[k]);
		ck_assert_uint_eq(r.n_cells, CELLS);
		for (size_t i = 0; i < CELLS; i++) {
			changes[n++] = r.cells[i].forward.max_change;
			changes[n++] = r.cells[i].backward.max_change;
		}
	}
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			ck_assert_msg(fabs(changes[i] - changes[j]) > 1e-9, "noise %zu is noise %zu", i, j);
	lab_close(&lab);
}
END_TEST

START_TEST(listed_cells_are_labelled)
{
	open("  - {name: z, hook: z, setter: layer_head, over: [head, layer], cells: [[2, 0], [[0, 1], [1, 1]]], "
	     "forward: corrupted}\n");
	struct pb_result_sweep r = lab_run(&lab, "z");
	ck_assert_uint_eq(r.n_axes, 1);
	ck_assert_str_eq(r.axes[0].name, "head,layer");
	ck_assert_str_eq(r.axes[0].labels[0], "2,0");
	ck_assert_str_eq(r.axes[0].labels[1], "0,1 + 1,1");
	lab_close(&lab);
}
END_TEST

/* Ctrl-C before the first cell: the result is there, all of it NaN. */
START_TEST(interrupted)
{
	struct pb_result_sweep r;
	size_t done = 42;
	open("  - {name: z, hook: z, setter: layer_head, over: [layer, head], forward: corrupted}\n");
	ck_assert_ok(pb_interrupt_catch());
	kill(getpid(), SIGINT);
	while (!pb_interrupted()) /* until the thread that waits for it has seen it */
		usleep(1000);
	ck_assert_int_eq(pb_sweep_run(&lab.engine, &lab.plan.sweeps[0], NULL, NULL, &lab.arena, &r, &done),
			 -PB_E_INTERRUPTED);
	ck_assert_uint_eq(done, 0);
	ck_assert_uint_eq(r.n_cells, 6);
	for (size_t i = 0; i < r.n_cells; i++)
		ck_assert(isnan(r.cells[i].metric) && isnan(r.cells[i].score) && r.cells[i].index);
	ck_assert_uint_eq(r.n_notes, 0);
	lab_close(&lab);
}
END_TEST

/* A setter that fails in the middle is no broken model: the sweep ends there and says where. */
START_TEST(failing_cell)
{
	struct pb_result_sweep r;
	size_t done = 42;
	open("  - {name: z, hook: z, setter: layer_head, over: [layer, head], forward: corrupted}\n");
	struct pb_plan_sweep sweep = lab.plan.sweeps[0];
	struct pb_plan_cell cells[6];
	struct pb_plan_patch outside = sweep.cells[2].patches[0];
	memcpy(cells, sweep.cells, sizeof cells);
	outside.index[1] = 3; /* there is no head 3 */
	cells[2].patches = &outside;
	sweep.cells = cells;
	ck_assert_int_eq(pb_sweep_run(&lab.engine, &sweep, NULL, NULL, &lab.arena, &r, &done), -PB_E_RANGE);
	ck_assert_uint_eq(done, 2);
	ck_assert(isfinite(r.cells[1].metric) && isnan(r.cells[2].metric) && isnan(r.cells[3].metric));
	ck_assert_msg(!strncmp(pb_error_text(), "sweep `z`, cell 2 (layer 0, head 2): forward hook at blocks.0.attn.hook_z: ", 75), "%s",
		      pb_error_text());
	/* The engine is as good as before. */
	struct pb_result_sweep again = lab_run(&lab, "z");
	ck_assert(again.cells[1].metric == r.cells[1].metric);
	lab_close(&lab);
}
END_TEST

/* Both ends are measured by the base's answers, as the cells are, whatever the other example's own answers are. */
START_TEST(ends_by_the_answers_of_the_base)
{
	static const char *const bases[] = {"corrupted", "clean"};
	char yaml[1024];
	struct pb_scored other[1];
	snprintf(yaml, sizeof yaml,
		 "precision: f64\nmodel: {n_layers: 1, d_model: 8, n_heads: 2}\ndata:\n  plugin: tokens\n  pairs:\n"
		 "    - {clean: [0, 3, 7], corrupted: [0, 5, 7], answer: 3}\nprobe: {unit: 0}\n"
		 "sweeps: [{name: all, kind: activation, hook: resid_pre, setter: layer, over: layer, base: %s, forward: "
		 "%s}]\n",
		 bases[_i], bases[!_i]);
	lab_plan(&lab, yaml, 1);
	lab_weights(&lab, 9);
	ck_assert_ok(pb_data_probe(&lab.plan, 0, &lab.probe));
	*other = *lab.probe.corrupted.scored;
	other->answer = 5;
	lab.probe.corrupted.scored = other;
	lab_open(&lab);
	struct pb_result_sweep r = lab_run(&lab, "all");
	ck_assert(r.score_defined);
	ck_assert(r.cells[0].score == (_i ? 0.0 : 1.0));
	ck_assert(r.metric_clean != lab.engine.ends->runs[0].metric_logits || _i);
	ck_assert(r.metric_corrupted != lab.engine.ends->runs[1].metric_logits || !_i);
	lab_close(&lab);
}
END_TEST

/* The loss is made small, so that a metric of which more is better grows; the questions are the clean prompt itself. */
START_TEST(a_metric_as_loss_gets_better)
{
	static const char *const losses[] = {"correct_logit", "logit_difference", "cross_entropy"};
	char yaml[1024];
	snprintf(yaml, sizeof yaml,
		 "precision: f64\nmodel: {n_layers: 1, d_model: 8, n_heads: 2}\ndata:\n  plugin: tokens\n  pairs:\n"
		 "    - {clean: [0, 3, 7], corrupted: [0, 5, 7], answer: 3, distractor: 1}\nprobe: {unit: 0}\n"
		 "loss: %s\nmetric: %s\nupdate: {lr: 1e-3}\n",
		 losses[_i], losses[_i]);
	lab_plan(&lab, yaml, 1);
	lab_weights(&lab, 9);
	lab_engine(&lab);
	const struct pb_run_ends *clean = &lab.engine.ends->runs[0];
	double gain = clean->metric_updated - lab.engine.ends->metric_before;
	ck_assert_msg(_i == 2 ? gain < 0 : gain > 0, "%s: %g", losses[_i], gain);
	ck_assert(clean->loss == (_i == 2 ? clean->metric_logits : -clean->metric_logits));
	lab_close(&lab);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sweep");
	TCase *tc = tcase_create("sweep");
	tcase_add_test(tc, no_noise_comes_twice);
	tcase_add_test(tc, listed_cells_are_labelled);
	tcase_add_test(tc, description);
	tcase_add_test(tc, cells_are_row_major);
	tcase_add_test(tc, failing_cell);
	tcase_add_loop_test(tc, ends_by_the_answers_of_the_base, 0, 2);
	tcase_add_loop_test(tc, a_metric_as_loss_gets_better, 0, 3);
	tcase_add_test(tc, interrupted); /* for good: the last */
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
