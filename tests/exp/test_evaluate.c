/* test_evaluate.c: metrics over many examples, slice by slice, against one pass. */
#include "exp/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "exp/lab.h"
#include "exp/stand_in.h"
#include "support/support.h"

static struct lab lab;
static struct pb_tape tape;
static struct pb_examples all;

/* 810 examples: more than one slice. */
static void setup(void)
{
	lab_plan(&lab,
		 "seed: 3\nprecision: f64\nmodel: {n_layers: 1, d_model: 8, n_heads: 2, n_ctx: 80}\n"
		 "data: {plugin: mod_arith, mod: 30}\nmetric: cross_entropy\n",
		 1);
	lab_weights(&lab, 1);
	pb_tape_init(&tape, &lab.device, PB_F64);
	ck_assert_ok(pb_data_examples(&lab.plan, pb_data_find_split(&lab.plan, "train"), 0, &all));
	ck_assert_int_eq(all.n_examples, 810);
}

static void teardown(void)
{
	pb_tape_finish(&tape);
	lab_close(&lab);
}

/* All scored rows' logits in one pass. */
static double *one_pass(const struct pb_examples *x)
{
	struct pb_arena arena = {0};
	struct pb_var *logits;
	int64_t vocab = lab.plan.model.config.d_vocab;
	double *values = malloc((size_t)(x->n_scored * vocab) * sizeof *values);
	ck_assert_ptr_nonnull(values);
	pb_tape_reset(&tape, NULL);
	struct pb_forward pass = {.tape = &tape,
				  .weights = &lab.weights.weights,
				  .tokens = x->tokens,
				  .b = x->n_examples,
				  .p = x->n_pos,
				  .rows = pb_examples_rows(x, 0, &arena),
				  .n_rows = x->n_scored};
	ck_assert_ok(pb_model_forward(&lab.plan.model, &pass, &logits));
	ck_assert_ok(pb_view_read(&lab.device, &logits->value, values));
	pb_arena_finish(&arena);
	return values;
}

static double cross_entropy(const double *logits, int64_t n, int32_t answer)
{
	double sum = 0.0;
	for (int64_t i = 0; i < n; i++)
		sum += exp(logits[i]);
	return log(sum) - logits[answer];
}

static double evaluate(const struct pb_examples *x, double *rows)
{
	double mean = 42.0;
	ck_assert_ok(pb_evaluate(&lab.plan.model, &tape, &lab.weights.weights, lab.plan.metric, x, NULL, rows, &mean));
	return mean;
}

static void check_against_one_pass(const struct pb_examples *x)
{
	int64_t vocab = lab.plan.model.config.d_vocab;
	double *logits = one_pass(x), sum = 0.0;
	double *rows = calloc((size_t)x->n_scored + 1, sizeof *rows);
	double *sliced = calloc((size_t)(x->n_scored * vocab), sizeof *sliced);
	ck_assert(rows && sliced);
	rows[x->n_scored] = 42.0;
	double mean = evaluate(x, rows);
	ck_assert_ok(pb_evaluate_logits(&lab.plan.model, &tape, &lab.weights.weights, x, sliced));
	for (int64_t i = 0; i < x->n_scored; i++) {
		double want = cross_entropy(logits + i * vocab, vocab, x->scored[i].answer);
		lab_near(rows[i], want, 1e-12, "row %d", (int)i);
		for (int64_t k = 0; k < vocab; k++)
			lab_near(sliced[i * vocab + k], logits[i * vocab + k], 1e-12, "logit %d of row %d", (int)k,
				 (int)i);
		sum += want;
	}
	lab_near(mean, sum / (double)x->n_scored, 1e-12, "mean");
	ck_assert(rows[x->n_scored] == 42.0);
	free(logits);
	free(rows);
	free(sliced);
}

START_TEST(slices_equal_one_pass)
{
	check_against_one_pass(&all);
}
END_TEST

/* Several rows of an example, none of another, none in the whole first slice: a slice takes exactly its own. */
START_TEST(rows_belong_to_their_slice)
{
	static struct pb_scored scored[1000];
	struct pb_examples x = all;
	int64_t n = 0;
	x.scored = scored;
	for (int32_t i = 0; i < 810; i++)
		for (int32_t pos = 0; pos < i % 3; pos++)
			scored[n++] = (struct pb_scored){i, pos + 1, (i + pos) % 60, -1, {0}};
	x.n_scored = n;
	check_against_one_pass(&x);
	x.n_scored = n = 0;
	for (int32_t i = 600; i < 810; i += 7)
		scored[n++] = (struct pb_scored){i, 3, i % 60, -1, {0}};
	x.n_scored = n;
	check_against_one_pass(&x);
	n = 0;
	for (int32_t i = 0; i < 20; i++)
		scored[n++] = (struct pb_scored){i, 0, i, -1, {0}};
	x.n_scored = n;
	check_against_one_pass(&x);
}
END_TEST

/* As prefixes or whole: examples on both sides of the length from which that changes. */
START_TEST(long_examples)
{
	static int32_t tokens[6 * 80];
	static struct pb_scored scored[12];
	for (int32_t i = 0; i < 12; i++)
		scored[i] = (struct pb_scored){i / 2, i % 2 ? 2 * i : 63, i, -1, {0}};
	for (int32_t i = 0; i < 6 * 80; i++)
		tokens[i] = i % 7 * (i % 80 > 5);
	for (int32_t n_pos = 64; n_pos <= 80; n_pos += 4) {
		struct pb_examples x = {sizeof x, n_pos, 6, tokens, 12, scored};
		check_against_one_pass(&x);
	}
}
END_TEST

START_TEST(nothing_to_score)
{
	struct pb_examples none = all;
	none.n_scored = 0;
	ck_assert(isnan(evaluate(&none, NULL)));
	none.n_examples = 0;
	ck_assert(isnan(evaluate(&none, NULL)));
}
END_TEST

static int distance_from_reference(void *self, const struct pb_host *host, const struct pb_metric_batch *batch,
				   double *ret_score)
{
	(void)self, (void)host;
	for (int64_t i = 0; i < batch->n_rows; i++) {
		ret_score[i] = 0.0;
		for (int64_t k = 0; k < batch->d_vocab; k++)
			ret_score[i] +=
				fabs(batch->logits[i * batch->d_vocab + k] - batch->reference[i * batch->d_vocab + k]);
	}
	return 0;
}

/* Each slice sees its own part of the reference. */
START_TEST(reference_is_sliced_too)
{
	double *reference = one_pass(&all), mean;
	static struct stand_in metric;
	stand_in_begin(&metric, lab.plan.metric);
	metric.ops.score = distance_from_reference;
	metric.ops.flags = PB_METRIC_NEEDS_REFERENCE;
	ck_assert_ok(pb_evaluate(&lab.plan.model, &tape, &lab.weights.weights, lab.plan.metric, &all, reference, NULL,
				 &mean));
	ck_assert_double_lt(mean, 1e-10);
	reference[700 * lab.plan.model.config.d_vocab] += 810.0;
	ck_assert_ok(pb_evaluate(&lab.plan.model, &tape, &lab.weights.weights, lab.plan.metric, &all, reference, NULL,
				 &mean));
	ck_assert_double_eq_tol(mean, 1.0, 1e-10);
	free(reference);
}
END_TEST

START_TEST(failures_leave_the_mean_alone)
{
	int32_t tokens[4] = {0, 1, 1000, 2};
	struct pb_scored scored = {0, 2, 3, -1, {0}};
	struct pb_examples x = {sizeof x, 4, 1, tokens, 1, &scored};
	double mean = 42.0;
	ck_assert_int_eq(
		pb_evaluate(&lab.plan.model, &tape, &lab.weights.weights, lab.plan.metric, &x, NULL, NULL, &mean),
		-PB_E_RANGE);
	ck_assert(mean == 42.0);
	ck_assert(strstr(pb_error_text(), "token 1000"));
}
END_TEST

/* Splits above 2^31 tokens: what does not fit is subtracted first. */
START_TEST(rows_of_a_late_slice)
{
	struct pb_arena arena = {0};
	int32_t tokens[12] = {0};
	struct pb_scored scored[] = {{1 << 30, 2, 0, -1, {0}}, {(1 << 30) + 2, 3, 0, -1, {0}}};
	struct pb_examples x = {sizeof x, 4, 3, tokens, 2, scored};
	int32_t *rows = pb_examples_rows(&x, 1 << 30, &arena);
	ck_assert_ptr_nonnull(rows);
	ck_assert_int_eq(rows[0], 2);
	ck_assert_int_eq(rows[1], 11);
	pb_arena_finish(&arena);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("evaluate");
	TCase *tc = tcase_create("evaluate");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, slices_equal_one_pass);
	tcase_add_test(tc, rows_belong_to_their_slice);
	tcase_add_test(tc, long_examples);
	tcase_add_test(tc, nothing_to_score);
	tcase_add_test(tc, reference_is_sliced_too);
	tcase_add_test(tc, rows_of_a_late_slice);
	tcase_add_test(tc, failures_leave_the_mean_alone);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
