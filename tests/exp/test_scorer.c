/* test_scorer.c: means and gradients of metrics over scored rows, and what is noticed on the way. */
#include "exp/scorer.h"
#include "exp/stand_in.h"

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "plugins/plug.h"

enum { ROWS = 7, VOCAB = 5 };

static struct plug plug;
static struct pb_scorer scorer;
static double logits[ROWS * VOCAB], rows[ROWS];
static const struct pb_scored scored[ROWS] = {{0, 1, 3, 0, {0}}, {0, 2, 0, 1, {0}}, {1, 0, 4, 2, {0}}, {2, 1, 1, 0, {0}},
					      {2, 2, 2, 3, {0}}, {3, 0, 0, 4, {0}}, {4, 1, 3, 2, {0}}};

static struct pb_view view(int64_t n)
{
	return pb_view_over(logits, PB_F64, 2, (int64_t[]){n, VOCAB});
}

static void open(const char *metric)
{
	plug_open(&plug, PB_KIND_METRIC, metric, 1, "{}");
	ck_assert_ok(pb_scorer_init(&scorer, plug.instance, &plug.device));
	plug.instance = NULL; /* the scorer's now */
	for (int i = 0; i < ROWS * VOCAB; i++)
		logits[i] = 2 * pb_random_normal(5, 1, (uint64_t)i);
}

static void finish(void)
{
	pb_scorer_finish(&scorer);
	plug_close(&plug);
}

static double mean_of(int64_t n)
{
	double mean;
	struct pb_view x = view(n);
	ck_assert_ok(pb_scorer_score(&scorer, &x, scored, NULL, rows, &mean));
	return mean;
}

START_TEST(mean_over_rows)
{
	open("correct_logit");
	double sum = 0.0, mean = mean_of(ROWS);
	for (int i = 0; i < ROWS; i++) {
		double correct = logits[i * VOCAB + scored[i].answer];
		ck_assert(rows[i] == correct);
		sum += correct;
	}
	ck_assert_double_eq_tol(mean, sum / ROWS, 1e-15);
	/* Fewer rows, more rows again: the scratch is the largest batch's. */
	ck_assert_double_eq_tol(mean_of(1), logits[scored[0].answer], 1e-15);
	ck_assert_double_eq_tol(mean_of(ROWS), mean, 1e-15);
	ck_assert(isnan(mean_of(0)));
	ck_assert_str_eq(pb_scorer_name(&scorer), "correct_logit");
	ck_assert_str_eq(pb_scorer_unit(&scorer), "logit");
	finish();
}
END_TEST

/* d(loss)/dlogits by central differences; what is better when higher is turned round. */
START_TEST(seed_is_the_gradient_of_the_loss)
{
	static const char *const metrics[] = {"cross_entropy", "correct_logit", "logit_difference"};
	double seed[ROWS * VOCAB], loss, sign = _i ? -1 : 1;
	open(metrics[_i]);
	ck_assert(pb_scorer_has_gradient(&scorer));
	struct pb_view x = view(ROWS), out = pb_view_over(seed, PB_F64, 2, (int64_t[]){ROWS, VOCAB});
	ck_assert_ok(pb_scorer_seed(&scorer, &x, scored, NULL, &out));
	ck_assert_ok(pb_scorer_loss(&scorer, &loss));
	ck_assert(loss == sign * mean_of(ROWS));
	for (int i = 0; i < ROWS * VOCAB; i++) {
		double at = logits[i], h = 1e-5;
		logits[i] = at + h;
		double above = mean_of(ROWS);
		logits[i] = at - h;
		double below = mean_of(ROWS);
		logits[i] = at;
		ck_assert_double_eq_tol(seed[i], sign * (above - below) / (2 * h), 1e-8);
	}
	finish();
}
END_TEST

START_TEST(float32_logits)
{
	float narrow[ROWS * VOCAB];
	double mean, wide;
	open("cross_entropy");
	wide = mean_of(ROWS);
	for (int i = 0; i < ROWS * VOCAB; i++)
		narrow[i] = (float)logits[i];
	struct pb_view x = pb_view_over(narrow, PB_F32, 2, (int64_t[]){ROWS, VOCAB});
	ck_assert_ok(pb_scorer_score(&scorer, &x, scored, NULL, NULL, &mean));
	ck_assert_double_eq_tol(mean, wide, 1e-6);
	finish();
}
END_TEST

static void check_numeric(const char *part)
{
	double mean = 42.0;
	struct pb_view x = view(ROWS);
	ck_assert_int_eq(pb_scorer_score(&scorer, &x, scored, NULL, rows, &mean), -PB_E_NUMERIC);
	ck_assert_msg(strstr(pb_error_text(), part), "%s", pb_error_text());
	ck_assert(mean == 42.0);
}

START_TEST(rows_without_a_number_are_named)
{
	open("correct_logit");
	logits[4 * VOCAB + scored[4].answer] = NAN;
	check_numeric("metric `correct_logit` gave no number for row 4 (answer 2)");
	logits[4 * VOCAB + scored[4].answer] = INFINITY;
	check_numeric("gave infinity for row 4");
	logits[1 * VOCAB + scored[1].answer] = -INFINITY;
	check_numeric("gave minus infinity for row 1");
	finish();
}
END_TEST

static int score_all_but_one(void *self, const struct pb_host *host, const struct pb_metric_batch *batch,
			     double *ret_score)
{
	(void)self, (void)host;
	for (int64_t i = 0; i < batch->n_rows - 1; i++)
		ret_score[i] = 1.0;
	return 0;
}

START_TEST(a_row_that_the_plugin_forgets_is_noticed)
{
	open("correct_logit");
	struct stand_in metric;
	mean_of(ROWS); /* leaves good values in the scratch */
	stand_in_begin(&metric, &scorer);
	metric.ops.score = score_all_but_one;
	check_numeric("gave no number for row 6");
	finish();
}
END_TEST

/* Distance from the reference's answer; -1 without a reference. */
static int score_reference(void *self, const struct pb_host *host, const struct pb_metric_batch *batch,
			   double *ret_score)
{
	(void)self, (void)host;
	for (int64_t i = 0; i < batch->n_rows; i++)
		ret_score[i] = batch->reference ? batch->reference[i * batch->d_vocab + batch->answer[i]] : -1.0;
	return 0;
}

START_TEST(reference_only_for_those_that_ask)
{
	double reference[ROWS * VOCAB], mean;
	open("correct_logit");
	struct stand_in metric;
	struct pb_view x = view(ROWS);
	for (int i = 0; i < ROWS * VOCAB; i++)
		reference[i] = i;
	stand_in_begin(&metric, &scorer);
	metric.ops.score = score_reference;
	ck_assert_ok(pb_scorer_score(&scorer, &x, scored, reference, rows, &mean));
	ck_assert(mean == -1.0);
	metric.ops.flags |= PB_METRIC_NEEDS_REFERENCE;
	ck_assert_ok(pb_scorer_score(&scorer, &x, scored, reference, rows, &mean));
	for (int i = 0; i < ROWS; i++)
		ck_assert(rows[i] == i * VOCAB + scored[i].answer);
	finish();
}
END_TEST

START_TEST(distractors_are_checked)
{
	struct pb_scored some[2] = {{0, 0, 1, 2, {0}}, {1, 0, 1, -1, {0}}};
	struct pb_examples x = {.struct_size = sizeof x, .n_scored = 2, .scored = some};
	open("logit_difference");
	ck_assert_int_eq(pb_scorer_check(&scorer, &x, "unit's rows"), -PB_E_CONFIG);
	ck_assert(strstr(pb_error_text(), "the data name none for the unit's rows"));
	x.n_scored = 1;
	ck_assert_ok(pb_scorer_check(&scorer, &x, "unit's rows"));
	finish();
	x.n_scored = 2;
	open("accuracy");
	ck_assert_ok(pb_scorer_check(&scorer, &x, "unit's rows"));
	ck_assert(!pb_scorer_has_gradient(&scorer));
	finish();
}
END_TEST

START_TEST(answers_outside_the_vocabulary)
{
	double mean;
	struct pb_scored wrong = {0, 0, VOCAB, -1, {0}};
	struct pb_view x = view(1);
	open("cross_entropy");
	ck_assert_int_lt(pb_scorer_score(&scorer, &x, &wrong, NULL, NULL, &mean), 0);
	ck_assert_msg(strstr(pb_error_text(), "metric cross_entropy: score: "), "%s", pb_error_text());
	finish();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scorer");
	TCase *tc = tcase_create("scorer");
	tcase_add_test(tc, mean_over_rows);
	tcase_add_loop_test(tc, seed_is_the_gradient_of_the_loss, 0, 3);
	tcase_add_test(tc, float32_logits);
	tcase_add_test(tc, rows_without_a_number_are_named);
	tcase_add_test(tc, a_row_that_the_plugin_forgets_is_noticed);
	tcase_add_test(tc, reference_only_for_those_that_ask);
	tcase_add_test(tc, distractors_are_checked);
	tcase_add_test(tc, answers_outside_the_vocabulary);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
