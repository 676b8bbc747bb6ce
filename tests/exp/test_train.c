/* test_train.c: training stages: they learn, repeat, go on and stop as the file says. */
#include "exp/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "exp/evaluate.h"
#include "exp/lab.h"
#include "support/device.h"
#include "support/support.h"

static struct lab lab;
static struct pb_trainer trainer;
static struct pb_result_stage results[4];

#define MODEL "model: {n_layers: 1, d_model: 16, n_heads: 2, d_head: 8, d_mlp: 32}\n"
#define DATA  "data: {plugin: mod_arith, mod: 7, held_out: 0.2}\n"

/* Plans, starts and runs the stages given as YAML; returns the last one's rc. */
static int train(const char *head, const char *stages)
{
	char yaml[4096];
	int rc = 0;
	snprintf(yaml, sizeof yaml, "%s" MODEL DATA "train:\n%s", head, stages);
	lab_plan(&lab, yaml, 1);
	lab_weights(&lab, 0);
	ck_assert_ok(pb_trainer_init(&trainer, &lab.plan, &lab.weights));
	for (size_t i = 0; !rc && i < lab.plan.n_stages; i++)
		rc = pb_trainer_run(&trainer, i, NULL, NULL, NULL, &lab.arena, &results[i]);
	return rc;
}

static void finish(void)
{
	pb_trainer_finish(&trainer);
	lab_close(&lab);
}

/* The weights, copied; the caller frees them. */
static double *weights(void)
{
	int64_t n = lab.plan.model.table.count;
	double *values = malloc((size_t)n * sizeof *values);
	struct pb_view flat = pb_view_over(lab.weights.data, lab.weights.dtype, 1, &n);
	ck_assert_ptr_nonnull(values);
	ck_assert_ok(pb_view_read(&lab.device, &flat, values));
	return values;
}

/* Largest difference from `before`, which is freed. */
static double moved(double *before)
{
	double *now = weights(), most = 0.0;
	for (int64_t i = 0; i < lab.plan.model.table.count; i++)
		most = fmax(most, fabs(now[i] - before[i]));
	free(before);
	free(now);
	return most;
}

START_TEST(loss_goes_down)
{
	/* Not longer: once there is nothing left to learn, Adam's steps jump at what rounding leaves. */
	const int last = pb_test_few() ? 1 : 7;
	char stage[256], stopped[64];
	snprintf(stage, sizeof stage, "  - {name: learn, split: train, epochs: %d, batch_size: 8, evaluate_every: 10, "
		 "optimizer: {lr: 3e-3}, evaluate: {accuracy: [train, validation], cross_entropy: train}}\n", 10 * (last + 1));
	ck_assert_ok(train("seed: 5\n", stage));
	const struct pb_result_stage *r = &results[0];
	ck_assert_str_eq(r->name, "learn");
	ck_assert_int_eq((int)r->n_points, last + 1);
	ck_assert_uint_eq(r->n_series, 4);
	ck_assert_str_eq(r->series[0].name, "loss");
	ck_assert_str_eq(r->series[1].name, "accuracy train");
	ck_assert_str_eq(r->series[2].name, "accuracy validation");
	ck_assert_str_eq(r->series[3].name, "cross_entropy train");
	for (size_t i = 0; i < r->n_points; i++)
		ck_assert(r->x[i] == 10.0 * (double)(i + 1));
	ck_assert_double_gt(r->series[0].values[0], 1.0);
	ck_assert_double_lt(r->series[0].values[last], last == 7 ? 0.1 : 0.9 * r->series[0].values[0]);
	if (last == 7)
		ck_assert_double_gt(r->series[1].values[7], 0.99);
	snprintf(stopped, sizeof stopped, "%d epochs, %d steps", 10 * (last + 1), 50 * (last + 1));
	ck_assert_str_eq(r->stopped, stopped);
	/* The last point is what the weights give now. */
	struct pb_examples x;
	double value;
	ck_assert_ok(pb_data_examples(&lab.plan, pb_data_find_split(&lab.plan, "train"), 0, &x));
	ck_assert_ok(pb_evaluate(&lab.plan.model, &trainer.tape, &lab.weights.weights,
				 lab.plan.stages[0].evaluations[2].scorer, &x, NULL, NULL, &value));
	ck_assert(value == r->series[3].values[last]);
	finish();
}
END_TEST

START_TEST(same_seed_same_weights)
{
	static const char *const stage = "  - {name: a, split: train, epochs: 3, batch_size: 5}\n";
	static const char *const other = "  - {name: b, split: train, epochs: 3, batch_size: 5}\n";
	ck_assert_ok(train("seed: 5\n", stage));
	double *first = weights(), *second = weights();
	finish();
	ck_assert_ok(train("seed: 5\n", stage));
	ck_assert(moved(first) == 0.0);
	finish();
	/* Another stage, another shuffle. */
	ck_assert_ok(train("seed: 5\n", other));
	ck_assert_double_gt(moved(second), 1e-6);
	first = weights();
	finish();
	ck_assert_ok(train("seed: 6\n", other));
	ck_assert_double_gt(moved(first), 1e-3);
	finish();
}
END_TEST

/* One batch is the whole split, so that shuffles do not matter beyond rounding. */
#define WHOLE "split: train, batch_size: 64"

START_TEST(continue_goes_on_with_the_optimizer)
{
	ck_assert_ok(train("precision: f64\n", "  - {name: a, " WHOLE ", epochs: 3}\n"
					       "  - {name: b, " WHOLE ", epochs: 2, optimizer: continue}\n"));
	ck_assert_int_eq(trainer.optim.calls, 5);
	ck_assert_int_eq(trainer.optim.steps[0], 5);
	double *continued = weights(), *again = weights();
	finish();
	ck_assert_ok(train("precision: f64\n", "  - {name: one, " WHOLE ", epochs: 5}\n"));
	ck_assert_double_lt(moved(continued), 1e-12);
	finish();
	/* A fresh optimizer takes larger steps again. */
	ck_assert_ok(train("precision: f64\n", "  - {name: a, " WHOLE ", epochs: 3}\n"
					       "  - {name: b, " WHOLE ", epochs: 2}\n"));
	ck_assert_int_eq(trainer.optim.calls, 2);
	ck_assert_double_gt(moved(again), 1e-5);
	finish();
}
END_TEST

START_TEST(steps_limit)
{
	ck_assert_ok(train("", "  - {name: a, split: train, steps: 7, batch_size: 8, evaluate: {accuracy: train}}\n"));
	ck_assert_int_eq(trainer.optim.calls, 7);
	ck_assert_str_eq(results[0].stopped, "2 epochs, 7 steps");
	ck_assert_uint_eq(results[0].n_points, 2);
	ck_assert(!isnan(results[0].series[1].values[1]));
	finish();
	/* Whichever comes first. */
	ck_assert_ok(train("", "  - {name: a, split: train, steps: 7, epochs: 1, batch_size: 8}\n"));
	ck_assert_str_eq(results[0].stopped, "1 epochs, 5 steps");
	finish();
}
END_TEST

/* The loss of an epoch's first example, with weights that stay as they are. */
static double first_loss(int64_t epoch)
{
	char stage[160];
	struct pb_examples x;
	ck_assert_ok(train("", "  - {name: a, split: train, steps: 1}\n"));
	ck_assert_ok(pb_data_examples(&lab.plan, lab.plan.stages[0].split, 0, &x));
	int64_t steps = epoch * x.n_examples + 1;
	finish();
	snprintf(stage, sizeof stage, "  - {name: a, split: train, steps: %d, batch_size: 1, optimizer: {lr: 0}}\n",
		 (int)steps);
	ck_assert_ok(train("", stage));
	ck_assert_int_eq(results[0].n_points, epoch + 1);
	double loss = results[0].series[0].values[epoch];
	finish();
	return loss;
}

START_TEST(every_epoch_has_an_order_of_its_own)
{
	double first = first_loss(0);
	ck_assert(first_loss(0) == first);
	ck_assert(first_loss(1) != first && first_loss(2) != first && first_loss(2) != first_loss(1));
}
END_TEST

START_TEST(early_stop)
{
	ck_assert_ok(train("", "  - {name: a, split: train, epochs: 50, batch_size: 8, evaluate_every: 3, "
			       "stop: {split: validation, metric: cross_entropy, below: 100}}\n"));
	ck_assert_uint_eq(results[0].n_points, 1);
	ck_assert(results[0].x[0] == 3.0);
	ck_assert_msg(!strncmp(results[0].stopped, "cross_entropy of validation is ", 31), "%s", results[0].stopped);
	ck_assert(strstr(results[0].stopped, " after 3 epochs"));
	finish();
	ck_assert_ok(train("", "  - {name: a, split: train, epochs: 50, batch_size: 8, "
			       "stop: {split: train, metric: accuracy, above: -1}}\n"));
	ck_assert_uint_eq(results[0].n_points, 1);
	finish();
	ck_assert_ok(train("", "  - {name: a, split: train, epochs: 4, batch_size: 8, "
			       "stop: {split: train, metric: accuracy, above: 1}}\n"));
	ck_assert_str_eq(results[0].stopped, "4 epochs, 20 steps");
	finish();
}
END_TEST

START_TEST(looks_at_the_end_too)
{
	ck_assert_ok(train("", "  - {name: a, split: train, epochs: 5, batch_size: 8, evaluate_every: 3}\n"));
	ck_assert_uint_eq(results[0].n_points, 2);
	ck_assert(results[0].x[0] == 3.0 && results[0].x[1] == 5.0);
	finish();
}
END_TEST

START_TEST(divergence_is_told)
{
	int rc = train("", "  - {name: wild, split: train, epochs: 30, batch_size: 8, "
			   "optimizer: {lr: 1e6, max_grad_norm: 0, kind: sgd}}\n");
	ck_assert_int_eq(rc, -PB_E_NUMERIC);
	ck_assert_msg(!strncmp(pb_error_text(), "stage `wild`, epoch ", 20), "%s", pb_error_text());
	ck_assert(strstr(pb_error_text(), ", step "));
	ck_assert(strstr(results[0].stopped, "failed after "));
	finish();
}
END_TEST

/* The learning rate warms up over the steps: after one of a million, hardly anything moved. */
START_TEST(warm_up)
{
	ck_assert_ok(train("precision: f64\n",
			   "  - {name: a, " WHOLE ", epochs: 1, optimizer: {lr: 0, weight_decay: 0}}\n"));
	double *before = weights();
	finish();
	ck_assert_ok(train("precision: f64\n",
			   "  - {name: a, " WHOLE ", epochs: 1, optimizer: {lr: 1, warmup_steps: 1000}}\n"));
	double most = moved(before);
	ck_assert_msg(most > 5e-4 && most < 2e-3, "moved by %g", most);
	finish();
}
END_TEST

START_TEST(another_loss)
{
	ck_assert_ok(train("seed: 5\n",
			   "  - {name: a, split: train, epochs: 5, batch_size: 8, loss: {plugin: correct_logit, of: "
			   "probability}, evaluate: {correct_logit: train}}\n"));
	/* It is made small: the wrong thing to want, but what was asked for. */
	ck_assert_double_lt(results[0].series[0].values[4], results[0].series[0].values[0]);
	finish();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("train");
	TCase *tc = tcase_create("train");
	tcase_add_test(tc, loss_goes_down);
	tcase_add_test(tc, same_seed_same_weights);
	tcase_add_test(tc, continue_goes_on_with_the_optimizer);
	tcase_add_test(tc, steps_limit);
	tcase_add_test(tc, every_epoch_has_an_order_of_its_own);
	tcase_add_test(tc, early_stop);
	tcase_add_test(tc, looks_at_the_end_too);
	tcase_add_test(tc, divergence_is_told);
	tcase_add_test(tc, warm_up);
	tcase_add_test(tc, another_loss);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
