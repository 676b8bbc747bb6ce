/* test_similarity.c: angles between examples' gradients against plain loops, and what is compared. */
#include "exp/similarity.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "exp/adjoint.h"
#include "exp/lab.h"
#include "exp/run.h"
#include "support/support.h"

static struct lab lab;

#define HEAD                                                                                                           \
	"seed: 4\nprecision: f64\nmodel: {n_layers: 2, d_model: 12, n_heads: 3}\ndata: {plugin: oocl, mod: 20}\n"      \
	"probe: {unit: \"7\"}\n"
#define EXAMPLES                                                                                                       \
	"similarity: [clean, corrupted, questions, 2, {example: clean, unit: \"8\"}, {example: 0, unit: \"8\"}]\n"

enum { N = 6, CLEAN = 0, CORRUPTED, QUESTIONS, SECOND, OTHER };

static struct pb_result_similarity make(bool dense)
{
	struct pb_result_similarity r;
	ck_assert_ok(pb_similarity_make(&lab.plan, &lab.weights, lab.plan.unit, dense, &lab.arena, &r));
	ck_assert_uint_eq(r.n, N);
	return r;
}

static void setup(void)
{
	lab_plan(&lab, HEAD EXAMPLES, 1);
	lab_weights(&lab, 9);
}

static void teardown(void)
{
	lab_close(&lab);
}

/* The dense gradient of the mean loss over some examples. */
static double *gradient_of(const struct pb_examples *x)
{
	struct pb_adjoint a;
	const struct pb_param_table *table = &lab.plan.model.table;
	double *all = calloc((size_t)table->count, sizeof *all);
	ck_assert_ok(pb_adjoint_make(&lab.plan, &lab.weights, lab.plan.loss, x, NULL, true, &a));
	for (int i = 0; i < table->n; i++)
		if (a.gradients[i].form != PB_GRADIENT_NONE)
			ck_assert_ok(pb_view_read(&lab.device, &a.dense.views[i], all + table->items[i].offset));
	pb_adjoint_finish(&a);
	return all;
}

static double dot(const double *a, const double *b, int64_t from, int64_t count)
{
	double sum = 0.0;
	for (int64_t i = from; i < from + count; i++)
		sum += a[i] * b[i];
	return sum;
}

START_TEST(cosines_are_those_of_dense_gradients)
{
	const struct pb_param_table *table = &lab.plan.model.table;
	struct pb_result_similarity r = make(_i);
	double *gradients[N];
	for (int k = 0; k < N; k++) {
		struct pb_examples x;
		const struct pb_plan_example *e = &lab.plan.similarity[k];
		ck_assert_ok(pb_plan_example(&lab.plan, e, e->unit >= 0 ? e->unit : lab.plan.unit, &lab.arena, &x));
		gradients[k] = gradient_of(&x);
	}
	for (int at = 0; at < (table->n + 1) * N * N; at++) {
		int p = at / (N * N) - 1, a = at / N % N, b = at % N;
		int64_t from = p < 0 ? 0 : table->items[p].offset, count = p < 0 ? table->count : table->items[p].count;
		double sizes =
			dot(gradients[a], gradients[a], from, count) * dot(gradients[b], gradients[b], from, count);
		double expected = dot(gradients[a], gradients[b], from, count) / sqrt(sizes);
		lab_near(r.cosine[at], sizes > 0 ? expected : NAN, 1e-10, "parameter %d, examples %d and %d", p, a, b);
	}
	for (int k = 0; k < N; k++) {
		double size = sqrt(dot(gradients[k], gradients[k], 0, table->count));
		lab_near(r.examples[k].grad_norm, size, 1e-10, "norm of example %d", k);
		free(gradients[k]);
	}
}
END_TEST

/* The clean and corrupted runs are the engine's, the mean of the questions is the mean of their losses. */
START_TEST(examples_are_the_probes)
{
	struct pb_result_similarity r = make(false);
	lab_engine(&lab);
	const struct pb_run_ends *ends = lab.engine.ends->runs;
	lab_near(r.examples[CLEAN].loss, ends[0].loss, 1e-12, "clean loss");
	lab_near(r.examples[CORRUPTED].loss, ends[1].loss, 1e-12, "corrupted loss");
	lab_near(r.examples[CLEAN].grad_norm, ends[0].grad_norm, 1e-10, "clean norm");
	lab_near(r.examples[CORRUPTED].grad_norm, ends[1].grad_norm, 1e-10, "corrupted norm");
	ck_assert_str_eq(r.examples[CLEAN].text, "R alias(7) 7 P");
	ck_assert_str_eq(r.examples[OTHER].text, "R alias(8) 8 P");
	ck_assert_str_eq(r.examples[SECOND].label, "question 2");
	ck_assert_str_eq(r.examples[OTHER + 1].label, "question 0 of 8");
	ck_assert_ptr_nonnull(strstr(r.examples[QUESTIONS].text, "(+"));
}
END_TEST

START_TEST(cosines_are_symmetric_and_one_with_itself)
{
	struct pb_result_similarity r = make(false);
	for (size_t p = 0; p <= r.n_params; p++)
		for (size_t a = 0; a < N; a++)
			for (size_t b = 0; b < N; b++) {
				double x = r.cosine[(p * N + a) * N + b], y = r.cosine[(p * N + b) * N + a];
				ck_assert_msg(x == y || (isnan(x) && isnan(y)), "not symmetric");
				ck_assert_msg(isnan(x) || fabs(x) <= 1.0 + 1e-12, "cosine %g", x);
				ck_assert_msg(a != b || x == 1.0 || (p && isnan(x)), "cosine with itself %g", x);
			}
}
END_TEST

/* Many examples are several passes, whose gradients add up to the mean's. */
START_TEST(many_examples_are_a_mean)
{
	enum { COPIES = 100 };
	struct pb_probe_data probe;
	ck_assert_ok(pb_data_probe(&lab.plan, lab.plan.unit, &probe));
	const struct pb_examples *one = &probe.questions;
	int64_t n = one->n_examples, rows = one->n_scored;
	struct pb_examples many = *one;
	int32_t *tokens = calloc((size_t)(COPIES * n * one->n_pos), sizeof *tokens);
	struct pb_scored *scored = calloc((size_t)(COPIES * rows), sizeof *scored);
	/* The first half of the copies is the first question only: the slices have unequal means. */
	for (int64_t i = 0; i < COPIES * n; i++) {
		int64_t from = i < COPIES * n / 2 ? 0 : i % n;
		memcpy(tokens + i * one->n_pos, one->tokens + from * one->n_pos, (size_t)one->n_pos * sizeof *tokens);
		scored[i] = one->scored[from];
		scored[i].example = (int32_t)i;
	}
	ck_assert_int_eq(rows, n);
	ck_assert_int_gt(COPIES * n, 512);
	many.tokens = tokens;
	many.scored = scored;
	many.n_examples = many.n_scored = COPIES * n;
	struct pb_examples first = *one;
	first.n_examples = first.n_scored = 1;
	double *all = gradient_of(&many), *mean = gradient_of(one), *of_first = gradient_of(&first);
	for (int64_t i = 0; i < lab.plan.model.table.count; i++)
		if (fabs(all[i] - 0.5 * (mean[i] + of_first[i])) > 1e-12)
			ck_abort_msg("element %d: %g", (int)i, all[i]);
	free(all);
	free(mean);
	free(of_first);
	free(tokens);
	free(scored);
}
END_TEST

START_TEST(refused)
{
	lab_refused(HEAD "similarity: [clean, corrupt]\n", "did you mean `corrupted`?");
	lab_refused(HEAD "similarity: [12]\n", "there is no question 12");
	lab_refused(HEAD "similarity: [{example: clean, unit: nobody}]\n", "no unit `nobody`");
	lab_refused(HEAD "similarity: clean\n", "a list of examples");
	lab_refused(HEAD "similarity: [[clean]]\n", "an item of `similarity` is a list");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("similarity");
	TCase *tc = tcase_create("similarity");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, cosines_are_those_of_dense_gradients, 0, 2);
	tcase_add_test(tc, examples_are_the_probes);
	tcase_add_test(tc, cosines_are_symmetric_and_one_with_itself);
	tcase_add_test(tc, many_examples_are_a_mean);
	tcase_add_test(tc, refused);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
