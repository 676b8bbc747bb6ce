/* test_estimate.c: first-order estimates against plain loops over dense gradients, and against derivatives of the
 * measured metric. */
#include "exp/estimate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "exp/evaluate.h"
#include "exp/lab.h"
#include "support/support.h"

static struct lab lab, exact;

#define SIZES(act) "seed: 4\nprecision: f64\nmodel: {n_layers: 2, d_model: 24, n_heads: 3, act_fn: " act "}\n"
#define DATA       "data: {plugin: oocl, mod: 20}\nprobe: {unit: \"7\"}\n"

/* Every kind of gradient that a cell can have: cut graphs, W_O head by head, mixed runs, in every sweep's own file,
 * since attn.hook_result changes all passes of a file. */
static const char *const sweeps[] = {
	"{name: s, hook: z, setter: layer_head, over: [layer, head], forward: corrupted, backward: clean, estimate: "
	"true}",
	"{name: s, hook: resid_pre, setter: layer, over: [layer], forward: corrupted, gradient: torch, estimate: true}",
	"{name: s, hook: result, setter: layer_head, over: [layer, head], forward: corrupted, estimate: true}",
	"{name: s, hook: [q, v], setter: {plugin: noise, std: 0.5}, over: [layer, pos], backward: ablate, estimate: "
	"true}",
	"{name: s, setter: params, sets: cumulative, estimate: true}",
	"{name: s, setter: params, sets: each, estimate: true}",
};

static const char *const updates[] = {
	"{lr: 1e-2, weight_decay: 0.3}",
	"{optimizer: adam, lr: 1e-2, weight_decay: 0.1, max_grad_norm: 0}",
	"{optimizer: sgd, lr: 0.2, momentum: 0.9, nesterov: true, weight_decay: 0.01, max_grad_norm: 0.5}",
};

static const char *const metrics[] = {"correct_logit", "{plugin: correct_logit, of: probability}", "cross_entropy"};

enum { N_SWEEPS = sizeof sweeps / sizeof *sweeps, N_UPDATES = sizeof updates / sizeof *updates };

static const char *text_of(int sweep, int update)
{
	static char yaml[2048];
	snprintf(yaml, sizeof yaml, SIZES("gelu") DATA "update: %s\nmetric: %s\nsweeps:\n  - %s\n", updates[update],
		 metrics[(sweep + update) % 3], sweeps[sweep]);
	return yaml;
}

/* Both engines on the same experiment: `lab` as tests run, `exact` the reference engine. */
static void open_both(const char *yaml)
{
	lab_plan(&lab, yaml, 2);
	lab_weights(&lab, 9);
	lab_engine(&lab);
	lab_plan(&exact, yaml, 1);
	exact.options.kind = PB_ENGINE_REFERENCE;
	lab_weights(&exact, 9);
	lab_engine(&exact);
}

static void close_both(void)
{
	lab_close(&lab);
	lab_close(&exact);
}

static double *read_all(const struct pb_params *params)
{
	double *values = calloc((size_t)params->table->count, sizeof *values);
	ck_assert_ptr_nonnull(values);
	for (int i = 0; i < params->table->n; i++)
		ck_assert_ok(pb_view_read(params->device, &params->views[i], values + params->table->items[i].offset));
	return values;
}

/* dMetric/dW by one pass over whole examples into dense gradients. */
static double *metric_gradient(struct lab *l)
{
	struct pb_params grads;
	struct pb_dense_sink sink;
	struct pb_tape tape;
	struct pb_var *logits;
	struct pb_view seed;
	double loss;
	const struct pb_examples *x = &l->probe.questions;
	bool *present = calloc((size_t)l->plan.model.table.n, sizeof *present);
	ck_assert_ok(pb_params_init(&grads, &l->plan.model.table, &l->device, PB_F64));
	pb_dense_sink_init(&sink, &l->device, &tape.arena, l->plan.model.table.n, grads.views, present);
	pb_tape_init(&tape, &l->device, PB_F64);
	pb_tape_reset(&tape, &sink.base);
	struct pb_forward pass = {.tape = &tape,
				  .weights = &l->weights.weights,
				  .tokens = x->tokens,
				  .b = x->n_examples,
				  .p = x->n_pos,
				  .rows = pb_examples_rows(x, 0, &tape.arena),
				  .n_rows = x->n_scored};
	ck_assert_ok(pb_model_forward(&l->plan.model, &pass, &logits));
	ck_assert_ok(pb_tensor_new(&tape.pool, PB_F64, 2, logits->value.shape, &seed));
	ck_assert_ok(pb_scorer_seed(l->plan.metric, &logits->value, x->scored, NULL, &seed));
	ck_assert_ok(pb_scorer_loss(l->plan.metric, &loss));
	ck_assert_ok(pb_tape_backward(&tape, logits, &seed));
	double *all = read_all(&grads);
	for (int i = 0; i < l->plan.model.table.n; i++)
		for (int64_t k = 0; k < l->plan.model.table.items[i].count; k++) {
			double *at = &all[l->plan.model.table.items[i].offset + k];
			*at = present[i] ? *at * pb_scorer_loss_sign(l->plan.metric) : 0.0;
		}
	pb_tape_finish(&tape);
	pb_params_finish(&grads);
	free(present);
	return all;
}

/* The sum over elements; parts [n params] may be NULL. */
static double plain_estimate(const struct lab *l, const double *updated, const double *before, const double *gradient)
{
	double sum = 0.0;
	for (int64_t i = 0; i < l->plan.model.table.count; i++)
		sum += (updated[i] - before[i]) * gradient[i];
	return sum;
}

START_TEST(estimates_are_the_plain_inner_product)
{
	open_both(text_of(_i / N_UPDATES, _i % N_UPDATES));
	const struct pb_plan_sweep *s = lab_sweep(&exact, "s");
	double *before = read_all(&exact.weights), *gradient = metric_gradient(&exact);
	struct pb_result_sweep r = lab_run(&lab, "s");
	ck_assert_uint_gt(r.n_cells, 0);
	for (size_t i = 0; i < r.n_cells; i++) {
		struct pb_result_cell cell;
		ck_assert_ok(pb_reference_cell(&exact.engine.reference, s, &s->cells[i], &cell));
		double *updated = read_all(&exact.engine.reference.work);
		double expected = r.estimate->before + plain_estimate(&exact, updated, before, gradient);
		lab_near(r.cells[i].estimate, expected, 1e-10, "fast estimate of cell %zu", i);
		lab_near(cell.estimate, expected, 1e-10, "reference's estimate of cell %zu", i);
		lab_near(r.cells[i].metric, cell.metric, 1e-9, "metric of cell %zu", i);
		free(updated);
	}
	free(before);
	free(gradient);
	close_both();
}
END_TEST

/* The metric with weights W + h (W' - W). */
static double metric_along(struct lab *l, const double *before, const double *updated, double h)
{
	struct pb_params moved;
	struct pb_tape tape;
	double metric, *values = calloc((size_t)l->plan.model.table.count, sizeof *values);
	ck_assert_ok(pb_params_init(&moved, &l->plan.model.table, &l->device, PB_F64));
	for (int64_t i = 0; i < l->plan.model.table.count; i++)
		values[i] = before[i] + h * (updated[i] - before[i]);
	for (int i = 0; i < l->plan.model.table.n; i++)
		ck_assert_ok(pb_view_write(&l->device, &moved.views[i], values + l->plan.model.table.items[i].offset));
	pb_tape_init(&tape, &l->device, PB_F64);
	ck_assert_ok(pb_evaluate(&l->plan.model, &tape, &moved.weights, l->plan.metric, &l->probe.questions, NULL, NULL,
				 &metric));
	pb_tape_finish(&tape);
	pb_params_finish(&moved);
	free(values);
	return metric;
}

/* Along W' - W the measured metric begins as the estimate says. */
START_TEST(estimates_are_derivatives)
{
	const double h = 1e-3;
	open_both(text_of(_i / N_UPDATES, _i % N_UPDATES));
	const struct pb_plan_sweep *s = lab_sweep(&exact, "s");
	double *before = read_all(&exact.weights);
	struct pb_result_sweep r = lab_run(&lab, "s");
	struct pb_result_cell cell;
	ck_assert_ok(pb_reference_cell(&exact.engine.reference, s, &s->cells[0], &cell));
	double *updated = read_all(&exact.engine.reference.work);
	double wide = (metric_along(&exact, before, updated, h) - metric_along(&exact, before, updated, -h)) / (2 * h);
	double narrow =
		(metric_along(&exact, before, updated, h / 2) - metric_along(&exact, before, updated, -h / 2)) / h;
	lab_near(r.cells[0].estimate, r.estimate->before + (4 * narrow - wide) / 3, 1e-8, "estimate");
	ck_assert_msg(fabs(r.cells[0].estimate - r.estimate->before) > 1e-4, "nothing changes here");
	free(before);
	free(updated);
	close_both();
}
END_TEST

/* The parts add up, each in its place: a step of one parameter alone has no other. */
START_TEST(parts_add_up)
{
	open_both(text_of(5, 0));
	struct pb_result_sweep r = lab_run(&lab, "s");
	const struct pb_run_ends *ends = lab.engine.ends->runs, *others = exact.engine.ends->runs;
	for (int k = 0; k < 2; k++) {
		double sum = r.estimate->before;
		for (int i = 0; i < lab.plan.model.table.n; i++) {
			lab_near(ends[k].parts[i], others[k].parts[i], 1e-10, "part %d", i);
			sum += ends[k].parts[i];
		}
		lab_near(sum, ends[k].estimate, 1e-12, "sum of the parts");
		lab_near(ends[k].estimate, others[k].estimate, 1e-10, "estimate of an end");
	}
	ck_assert(r.estimate->clean == ends[0].estimate && r.estimate->corrupted == ends[1].estimate);
	close_both();
}
END_TEST

START_TEST(scores_and_correlation)
{
	open_both(text_of(0, 0));
	struct pb_result_sweep r = lab_run(&lab, "s");
	double width = r.metric_clean - r.metric_corrupted, estimates[64], metrics_of[64];
	for (size_t i = 0; i < r.n_cells; i++) {
		estimates[i] = r.cells[i].estimate;
		metrics_of[i] = r.cells[i].metric;
		lab_near(r.cells[i].estimate_score, (estimates[i] - r.metric_corrupted) / width, 1e-12, "score");
	}
	ck_assert(!r.estimate->only);
	ck_assert(r.estimate->correlation == pb_correlation(r.n_cells, estimates, metrics_of));
	close_both();
}
END_TEST

/* Only: the same estimates, nothing measured but the ends, and the audit speaks as ever. */
START_TEST(only_estimates)
{
	double estimates[64];
	lab_plan(&lab, text_of(1, 0), 1);
	lab_weights(&lab, 9);
	lab_engine(&lab);
	struct pb_result_sweep r = lab_run(&lab, "s");
	size_t n_notes = r.n_notes;
	for (size_t i = 0; i < r.n_cells; i++)
		estimates[i] = r.cells[i].estimate;
	lab_close(&lab);
	lab_plan_with(&lab, text_of(1, 0), "sweeps.0.estimate=only", 1);
	lab_weights(&lab, 9);
	lab_engine(&lab);
	r = lab_run(&lab, "s");
	ck_assert(r.estimate->only && isnan(r.estimate->correlation));
	ck_assert(isfinite(r.metric_clean) && isfinite(r.metric_corrupted));
	for (size_t i = 0; i < r.n_cells; i++) {
		ck_assert(isnan(r.cells[i].metric) && isnan(r.cells[i].score));
		ck_assert(r.cells[i].estimate == estimates[i]);
	}
	ck_assert(lab_noted(&r, "the graph was cut in 2 of 2 cells"));
	ck_assert_uint_eq(r.n_notes, n_notes);
	lab_close(&lab);
}
END_TEST

/* Behind the last block a logit of a model without norms is linear in the stream: the estimate is exact there.
 * Elsewhere it is not; and the hooks are audited whether a cell is evaluated or not. */
START_TEST(attribution)
{
	static const char yaml[] =
		"seed: 4\nprecision: f64\n"
		"model: {n_layers: 2, d_model: 24, n_heads: 3, normalization_type: none}\n" DATA "sweeps:\n"
		"  - {name: last, kind: activation, hook: blocks.1.hook_resid_post, setter: layer_pos, over: [pos], "
		"forward: "
		"clean, estimate: true}\n"
		"  - {name: first, kind: activation, base: clean, hook: [resid_pre, z], setter: layer, over: [layer], "
		"forward: "
		"corrupted, estimate: true}\n";
	double estimates[4];
	lab_plan(&lab, yaml, 1);
	lab_weights(&lab, 9);
	lab_engine(&lab);
	struct pb_result_sweep r = lab_run(&lab, "last");
	ck_assert(isnan(r.estimate->clean) && isnan(r.estimate->corrupted));
	lab_near(r.estimate->before, r.metric_corrupted, 1e-12, "where estimates go out from");
	for (size_t i = 0; i < r.n_cells; i++)
		lab_near(r.cells[i].estimate, r.cells[i].metric, 1e-10, "position %zu", i);
	lab_near(r.cells[1].estimate_score, 1.0, 1e-10, "score at the scored position");
	r = lab_run(&lab, "first");
	ck_assert_uint_eq(r.n_cells, 4);
	ck_assert(fabs(r.cells[0].estimate - r.cells[0].metric) > 1e-6);
	for (size_t i = 0; i < r.n_cells; i++)
		estimates[i] = r.cells[i].estimate;
	double change = r.cells[2].forward.max_change;
	lab_close(&lab);
	lab_plan_with(&lab, yaml, "sweeps.1.estimate=only", 1);
	lab_weights(&lab, 9);
	lab_engine(&lab);
	r = lab_run(&lab, "first");
	for (size_t i = 0; i < r.n_cells; i++) {
		ck_assert(r.cells[i].estimate == estimates[i] && isnan(r.cells[i].metric));
		ck_assert_int_eq(r.cells[i].forward.fired, 1);
	}
	lab_near(r.cells[2].forward.max_change, change, 1e-12, "largest change");
	lab_close(&lab);
}
END_TEST

START_TEST(not_asked_for)
{
	lab_plan_with(&lab, text_of(0, 0), "sweeps.0.estimate=false", 1);
	lab_weights(&lab, 9);
	lab_engine(&lab);
	struct pb_result_sweep r = lab_run(&lab, "s");
	ck_assert_ptr_null(r.estimate);
	ck_assert_ptr_null(lab.engine.ends->runs[0].parts);
	ck_assert(isnan(r.cells[0].estimate) && isfinite(r.cells[0].metric));
	lab_close(&lab);
}
END_TEST

START_TEST(correlation)
{
	const double a[] = {1, 2, 3, NAN, 4}, b[] = {2, 4, 6, 1, 8}, c[] = {5, 4, 3, 2, 2}, flat[] = {1, 1, 1, 1, 1};
	lab_near(pb_correlation(5, a, b), 1.0, 1e-14, "the same");
	lab_near(pb_correlation(5, a, c), -1.0, 1e-14, "falling");
	ck_assert(isnan(pb_correlation(5, a, flat)) && isnan(pb_correlation(1, a, b)));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("estimate");
	TCase *tc = tcase_create("estimate");
	tcase_add_loop_test(tc, estimates_are_the_plain_inner_product, 0, N_SWEEPS * N_UPDATES);
	tcase_add_loop_test(tc, estimates_are_derivatives, 0, N_SWEEPS * N_UPDATES);
	tcase_add_test(tc, parts_add_up);
	tcase_add_test(tc, scores_and_correlation);
	tcase_add_test(tc, only_estimates);
	tcase_add_test(tc, attribution);
	tcase_add_test(tc, not_asked_for);
	tcase_add_test(tc, correlation);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
