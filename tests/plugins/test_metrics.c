/* test_metrics.c: the shipped metrics against values worked out by hand, their adjoints against differences. */
#include <math.h>

#include "plugins/plug.h"

enum { ROWS = 3, VOCAB = 7 };

static const double logits[ROWS * VOCAB] = {
	0.5, -1.25, 2.0,  0.0, 1.0, -0.5, 0.75, /* */
	3.0, 3.0,   -2.0, 1.5, 3.0, 0.25, 0.0,  /* */
	-4,  -3,    -2,   -1,  0,   1,    2,
};
static const int32_t answer[ROWS] = {2, 4, 0}, distractor[ROWS] = {0, 1, 6};

static struct pb_metric_batch batch_of(const double *x)
{
	return (struct pb_metric_batch){
		.struct_size = sizeof(struct pb_metric_batch),
		.n_rows = ROWS,
		.d_vocab = VOCAB,
		.logits = x,
		.answer = answer,
		.distractor = distractor,
	};
}

static void score(struct plug *p, const double *x, double *ret_score)
{
	struct pb_metric_batch batch = batch_of(x);
	ck_assert_ok(pb_metric_score(p->instance, &batch, ret_score));
}

static void check_score(const char *name, const char *params, const double *expected)
{
	struct plug p;
	double got[ROWS];
	plug_open(&p, PB_KIND_METRIC, name, 0, params);
	score(&p, logits, got);
	for (int i = 0; i < ROWS; i++)
		ck_assert_double_eq_tol(got[i], expected[i], 1e-12);
	plug_close(&p);
}

/* The definition, without any care for overflow. */
static double log_probability(int row)
{
	double sum = 0;
	for (int i = 0; i < VOCAB; i++)
		sum += exp(logits[row * VOCAB + i]);
	return logits[row * VOCAB + answer[row]] - log(sum);
}

START_TEST(values)
{
	double p[ROWS], nll[ROWS];
	for (int i = 0; i < ROWS; i++) {
		nll[i] = -log_probability(i);
		p[i] = exp(-nll[i]);
	}
	check_score("correct_logit", "{}", (double[]){2.0, 3.0, -4.0});
	check_score("correct_logit", "of: probability", p);
	check_score("logit_difference", "{}", (double[]){1.5, 0.0, -6.0});
	check_score("cross_entropy", "{}", nll);
	/* Row 1: tokens 0, 1 and 4 are equal, and 0 is the first. */
	check_score("accuracy", "{}", (double[]){1.0, 0.0, 0.0});
}
END_TEST

START_TEST(ties_go_to_the_lowest_token)
{
	struct plug p;
	double got[ROWS], x[ROWS * VOCAB] = {0};
	plug_open(&p, PB_KIND_METRIC, "accuracy", 0, "{}");
	score(&p, x, got); /* all equal: only the answer 0 of the last row is right */
	ck_assert_double_eq(got[0], 0.0);
	ck_assert_double_eq(got[1], 0.0);
	ck_assert_double_eq(got[2], 1.0);
	plug_close(&p);
}
END_TEST

static void check_adjoint(const char *name, const char *params)
{
	static const double weight[ROWS] = {0.5, -2.0, 3.0};
	struct plug p;
	double gradient[ROWS * VOCAB], x[ROWS * VOCAB], up[ROWS], down[ROWS], h = 1e-5;
	struct pb_metric_batch batch = batch_of(logits);
	plug_open(&p, PB_KIND_METRIC, name, 0, params);
	for (int i = 0; i < ROWS * VOCAB; i++)
		gradient[i] = 1e9; /* every element must be written */
	ck_assert_ok(pb_metric_adjoint(p.instance, &batch, weight, gradient));
	for (int i = 0; i < ROWS * VOCAB; i++) {
		memcpy(x, logits, sizeof x);
		x[i] = logits[i] + h;
		score(&p, x, up);
		x[i] = logits[i] - h;
		score(&p, x, down);
		double expected = weight[i / VOCAB] * (up[i / VOCAB] - down[i / VOCAB]) / (2 * h);
		ck_assert_msg(fabs(gradient[i] - expected) < 1e-8, "%s (%s), element %d: %g, not %g", name, params, i,
			      gradient[i], expected);
	}
	plug_close(&p);
}

START_TEST(adjoints)
{
	check_adjoint("correct_logit", "{}");
	check_adjoint("correct_logit", "of: probability");
	check_adjoint("logit_difference", "{}");
	check_adjoint("cross_entropy", "{}");
}
END_TEST

START_TEST(what_they_declare)
{
	struct plug p;
	plug_open(&p, PB_KIND_METRIC, "accuracy", 0, "{}");
	ck_assert_ptr_null((void *)(uintptr_t)pb_metric_ops(p.instance)->adjoint);
	ck_assert_str_eq(pb_metric_unit(p.instance), "fraction");
	plug_close(&p);
	plug_open(&p, PB_KIND_METRIC, "logit_difference", 0, "{}");
	ck_assert_uint_eq(pb_metric_ops(p.instance)->flags, PB_METRIC_NEEDS_DISTRACTOR);
	plug_close(&p);
	plug_open(&p, PB_KIND_METRIC, "cross_entropy", 0, "{}");
	ck_assert_uint_eq(pb_metric_ops(p.instance)->flags, PB_METRIC_LOWER_IS_BETTER | PB_METRIC_CROSS_ENTROPY);
	plug_close(&p);
	plug_open(&p, PB_KIND_METRIC, "correct_logit", 0, "of: probability");
	ck_assert_str_eq(pb_metric_unit(p.instance), "probability");
	plug_close(&p);
	plug_open(&p, PB_KIND_METRIC, "correct_logit", 0, "{}");
	ck_assert_str_eq(pb_metric_unit(p.instance), "logit");
	plug_close(&p);
}
END_TEST

/* Logits far outside what exp can take. */
START_TEST(large_logits_stay_finite)
{
	struct plug p;
	double x[ROWS * VOCAB] = {0}, got[ROWS], weight[ROWS] = {1, 1, 1}, gradient[ROWS * VOCAB];
	struct pb_metric_batch batch = batch_of(x);
	for (int row = 0; row < ROWS; row++) {
		x[row * VOCAB + answer[row]] = 5000;
		x[row * VOCAB + 5] = -5000;
	}
	plug_open(&p, PB_KIND_METRIC, "cross_entropy", 0, "{}");
	score(&p, x, got);
	ck_assert_ok(pb_metric_adjoint(p.instance, &batch, weight, gradient));
	for (int row = 0; row < ROWS; row++)
		ck_assert_double_eq(got[row], 0.0);
	for (int i = 0; i < ROWS * VOCAB; i++)
		ck_assert(isfinite(gradient[i]));
	plug_close(&p);
}
END_TEST

START_TEST(not_a_number_stays_visible)
{
	static const char *const names[] = {"correct_logit", "logit_difference", "cross_entropy", "accuracy"};
	for (int k = 0; k < 4; k++) {
		struct plug p;
		double x[ROWS * VOCAB], got[ROWS];
		memcpy(x, logits, sizeof x);
		x[0 * VOCAB + answer[0]] = NAN;
		plug_open(&p, PB_KIND_METRIC, names[k], 0, "{}");
		score(&p, x, got);
		ck_assert_msg(isnan(got[0]), "%s hides a NaN", names[k]);
		ck_assert_msg(!isnan(got[1]), "%s spreads a NaN", names[k]);
		plug_close(&p);
	}
}
END_TEST

static void check_refusal(const char *name, struct pb_metric_batch batch, const char *part)
{
	struct plug p;
	double got[ROWS], weight[ROWS] = {0}, gradient[ROWS * VOCAB];
	plug_open(&p, PB_KIND_METRIC, name, 0, "{}");
	const struct pb_metric_ops *ops = pb_metric_ops(p.instance);
	ck_assert_int_eq(pb_metric_score(p.instance, &batch, got), -PB_E_RANGE);
	ck_assert_msg(strstr(pb_error_text(), part) != NULL, "%s", pb_error_text());
	if (ops->adjoint)
		ck_assert_int_eq(pb_metric_adjoint(p.instance, &batch, weight, gradient), -PB_E_RANGE);
	plug_close(&p);
}

START_TEST(tokens_outside_the_vocabulary)
{
	static const char *const names[] = {"correct_logit", "logit_difference", "cross_entropy", "accuracy"};
	static const int32_t outside[ROWS] = {2, VOCAB, 0}, negative[ROWS] = {2, -1, 0};
	for (int k = 0; k < 4; k++) {
		struct pb_metric_batch batch = batch_of(logits);
		batch.answer = outside;
		check_refusal(names[k], batch, "row 1: the answer is token 7, but there are 7 logits");
		batch.answer = negative;
		check_refusal(names[k], batch, "row 1: the answer is token -1");
	}
	struct pb_metric_batch batch = batch_of(logits);
	batch.distractor = outside;
	check_refusal("logit_difference", batch, "row 1: the distractor is token 7");
	batch.distractor = negative;
	check_refusal("logit_difference", batch, "row 1 has no distractor");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("metrics");
	TCase *t = tcase_create("metrics");
	tcase_add_test(t, values);
	tcase_add_test(t, ties_go_to_the_lowest_token);
	tcase_add_test(t, adjoints);
	tcase_add_test(t, what_they_declare);
	tcase_add_test(t, large_logits_stay_finite);
	tcase_add_test(t, not_a_number_stays_visible);
	tcase_add_test(t, tokens_outside_the_vocabulary);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
