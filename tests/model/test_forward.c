/* test_forward.c: what must not matter to a forward pass, the order of its points, and what it refuses. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "small.h"
#include "support/support.h"

static struct small s;
static struct pb_bus bus;

static void open_variant(int i, uint32_t dtype, int64_t b, int64_t p)
{
	struct pb_model_config config = variant(i);
	small_open(&s, &config, dtype, b, p);
	pb_bus_init(&bus, &s.model.sites);
}

static void close_variant(void)
{
	pb_bus_finish(&bus);
	small_close(&s);
}

static void check_close(const double *got, const double *want, int64_t n, double tolerance)
{
	for (int64_t i = 0; i < n; i++)
		if (!(fabs(got[i] - want[i]) <= tolerance * (1 + fabs(want[i]))))
			ck_abort_msg("value %lld is %.12g, not %.12g", (long long)i, got[i], want[i]);
}

/* A result does not depend on the size of the batch, nor on what else is in it. */
static void check_batch_invariance(int number, uint32_t dtype, double tolerance)
{
	enum { B = 9, P = 5 };
	double all[SMALL_MAX_VALUES], one[SMALL_MAX_VALUES];
	int32_t tokens[B * P];
	open_variant(number, dtype, B, P);
	int64_t per_example = small_logits(&s, NULL, all) / B;
	memcpy(tokens, s.tokens, sizeof tokens);
	s.b = 1;
	for (int b = 0; b < B; b++) {
		memcpy(s.tokens, tokens + b * P, P * sizeof *tokens);
		ck_assert_int_eq(small_logits(&s, NULL, one), per_example);
		check_close(one, all + b * per_example, per_example, tolerance);
	}
	close_variant();
}

START_TEST(a_row_s_logits_do_not_depend_on_other_rows)
{
	check_batch_invariance(_i, PB_F64, 1e-13);
	check_batch_invariance(_i, PB_F32, 1e-5);
}
END_TEST

/* Nor do shorter examples: the logits of the first positions stay when positions are added. */
static void check_causality(int number, uint32_t dtype, double tolerance)
{
	enum { B = 2, P = 5, V = 8 };
	double before[SMALL_MAX_VALUES], after[SMALL_MAX_VALUES], shorter[SMALL_MAX_VALUES];
	open_variant(number, dtype, B, P);
	small_logits(&s, NULL, before);
	for (int p = 0; p < P; p++) {
		int32_t *token = &s.tokens[P + p]; /* of the second example */
		*token = (*token + 1) % V;
		small_logits(&s, NULL, after);
		check_close(after, before, (P + p) * V, tolerance);
		ck_assert_double_gt(fabs(after[(P + p) * V] - before[(P + p) * V]), 1e-3);
		memcpy(before, after, sizeof before);
	}
	s.b = 1;
	s.p = 3;
	ck_assert_int_eq(small_logits(&s, NULL, shorter), 3 * V);
	check_close(shorter, before, 3 * V, dtype == PB_F64 ? 1e-13 : 1e-5);
	close_variant();
}

START_TEST(later_tokens_do_not_matter)
{
	check_causality(_i, PB_F64, 0);
	check_causality(_i, PB_F32, 1e-6);
}
END_TEST

START_TEST(float32_agrees_with_float64)
{
	double single[SMALL_MAX_VALUES], real[SMALL_MAX_VALUES];
	open_variant(_i, PB_F32, 4, 5);
	int64_t n = small_logits(&s, NULL, single);
	close_variant();
	open_variant(_i, PB_F64, 4, 5);
	ck_assert_int_eq(small_logits(&s, NULL, real), n);
	close_variant();
	check_close(single, real, n, 2e-5);
}
END_TEST

START_TEST(chosen_rows_are_rows_of_all_logits)
{
	const int32_t rows[] = {3, 0, 3, 9};
	double all[SMALL_MAX_VALUES], some[SMALL_MAX_VALUES];
	open_variant(0, PB_F64, 2, 5);
	int64_t v = small_logits(&s, NULL, all) / 10;
	s.rows = rows;
	s.n_rows = 4;
	ck_assert_int_eq(small_logits(&s, NULL, some), 4 * v);
	for (int i = 0; i < 4; i++)
		check_close(some + i * v, all + rows[i] * v, v, 1e-13);
	close_variant();
}
END_TEST

/* Points. */

static int at;

/* Optional points are there only where somebody asks for one. */
static void pass_over_optional(void)
{
	while (at < s.model.sites.n && pb_site_is_optional(s.model.sites.items[at].kind))
		at++;
}

static int note(void *user, const struct pb_hook_call *call)
{
	int64_t shape[PB_MAX_RANK];
	(void)user;
	if (!pb_site_is_optional(call->site->kind))
		pass_over_optional();
	ck_assert_str_eq(call->site->name, s.model.sites.items[at].name);
	ck_assert_int_eq(call->site_id, at);
	ck_assert_int_eq(call->value.rank, pb_site_shape(call->site, s.b, s.p, shape));
	ck_assert_mem_eq(call->value.shape, shape, (size_t)call->value.rank * sizeof *shape);
	at++;
	return 0;
}

static void note_all(bool with_optional)
{
	for (int id = 0; id < s.model.sites.n; id++) {
		const struct pb_hook hook = {.site_id = id, .run = note};
		if (with_optional || !pb_site_is_optional(s.model.sites.items[id].kind))
			ck_assert_ok(pb_bus_add(&bus, &hook, NULL));
	}
}

START_TEST(points_are_passed_in_the_order_of_the_table)
{
	double plain[SMALL_MAX_VALUES], hooked[SMALL_MAX_VALUES];
	open_variant(_i, PB_F64, 3, 4);
	small_logits(&s, NULL, plain);
	for (int with_optional = 0; with_optional < 2; with_optional++) {
		size_t mark = pb_bus_begin(&bus);
		note_all(with_optional);
		at = 0;
		int64_t n = small_logits(&s, &bus, hooked);
		pass_over_optional();
		ck_assert_int_eq(at, s.model.sites.n);
		check_close(hooked, plain, n, with_optional ? 1e-13 : 0); /* readers change nothing */
		pb_bus_end(&bus, mark);
	}
	close_variant();
}
END_TEST

static double *gradients(struct pb_bus *hooks, double *ret)
{
	small_pass(&s, hooks);
	struct pb_view flat = pb_view_over(s.grads.data, s.grads.dtype, 1, (const int64_t[]){s.model.table.count});
	ck_assert_int_le(s.model.table.count, SMALL_MAX_VALUES);
	ck_assert_ok(pb_view_read(&s.device, &flat, ret));
	return ret;
}

START_TEST(hook_result_sums_to_attn_out_and_changes_nothing)
{
	double plain[SMALL_MAX_VALUES], split[SMALL_MAX_VALUES];
	struct pb_cache cache;
	open_variant(_i, PB_F64, 3, 4);
	gradients(NULL, plain);
	ck_assert_ok(pb_cache_init(&cache, &s.device, &s.model.sites));
	ck_assert_ok(pb_cache_want(&cache, "*.hook_{result,attn_out}", true, true));
	ck_assert_ok(pb_cache_attach(&cache, &bus));
	check_close(gradients(&bus, split), plain, s.model.table.count, 1e-12);
	for (int layer = 0; layer < s.model.config.n_layers; layer++) {
		char name[64];
		snprintf(name, sizeof name, "blocks.%d.attn.b_O", layer);
		int bias = pb_param_find(&s.model.table, name);
		const struct pb_view *result =
		        pb_cache_get(&cache, pb_sites_id(&s.model.sites, PB_SITE_RESULT, layer), PB_FORWARD);
		const struct pb_view *out =
		        pb_cache_get(&cache, pb_sites_id(&s.model.sites, PB_SITE_ATTN_OUT, layer), PB_FORWARD);
		const int64_t d = s.model.config.d_model, heads = s.model.config.n_heads;
		for (int64_t row = 0; row < s.b * s.p; row++)
			for (int64_t j = 0; j < d; j++) {
				double sum = small_get(&s, &s.params.views[bias], j);
				for (int64_t h = 0; h < heads; h++)
					sum += small_get(&s, result, (row * heads + h) * d + j);
				const double got = small_get(&s, out, row * d + j);
				check_close(&got, &sum, 1, 1e-13);
			}
	}
	pb_cache_finish(&cache);
	close_variant();
}
END_TEST

/* What is refused. */

static int forward(struct pb_bus *hooks, const struct pb_weights *weights)
{
	struct pb_var *logits = NULL;
	struct pb_forward pass = {.tape = &s.tape, .bus = hooks, .weights = weights, .tokens = s.tokens, .b = s.b, .p = s.p,
				  .rows = s.rows, .n_rows = s.n_rows, .prefixes = s.prefixes};
	pb_tape_reset(&s.tape, NULL);
	int rc = pb_model_forward(&s.model, &pass, &logits);
	ck_assert_int_eq(rc == 0, logits != NULL);
	return rc;
}

START_TEST(tokens_outside_the_vocabulary_are_refused)
{
	const int32_t bad[] = {8, -1, INT32_MAX, INT32_MIN};
	open_variant(0, PB_F32, 2, 5);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		s.tokens[7] = bad[i];
		ck_assert_int_eq(forward(NULL, &s.params.weights), -PB_E_RANGE);
		ck_assert_ptr_nonnull(strstr(pb_error_text(), "example 1, position 2"));
	}
	s.tokens[7] = 7;
	ck_assert_ok(forward(NULL, &s.params.weights));
	close_variant();
}
END_TEST

START_TEST(examples_of_a_wrong_length_are_refused)
{
	const int64_t bad[][2] = {{1, 6}, {1, 0}, {1, -1}, {0, 4}, {-1, 4}};
	open_variant(0, PB_F32, 2, 5);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		s.b = bad[i][0];
		s.p = bad[i][1];
		ck_assert_int_eq(forward(NULL, &s.params.weights), -PB_E_RANGE);
	}
	close_variant();
}
END_TEST

START_TEST(rows_outside_the_batch_are_refused)
{
	open_variant(0, PB_F32, 2, 5);
	s.n_rows = 2;
	s.rows = (const int32_t[]){0, 10};
	ck_assert_int_eq(forward(NULL, &s.params.weights), -PB_E_RANGE);
	s.rows = (const int32_t[]){-1, 0};
	ck_assert_int_eq(forward(NULL, &s.params.weights), -PB_E_RANGE);
	close_variant();
}
END_TEST

static int refuse(void *user, const struct pb_hook_call *call)
{
	(void)user, (void)call;
	return pb_fail(PB_E_NUMERIC, "no");
}

START_TEST(a_failing_hook_at_any_point_fails_the_pass)
{
	open_variant(_i, PB_F32, 2, 5);
	for (int id = 0; id < s.model.sites.n; id++) {
		const struct pb_hook hook = {.site_id = id, .run = refuse};
		size_t mark = pb_bus_begin(&bus);
		ck_assert_ok(pb_bus_add(&bus, &hook, NULL));
		ck_assert_int_eq(forward(&bus, &s.params.weights), -PB_E_NUMERIC);
		ck_assert_ptr_nonnull(strstr(pb_error_text(), s.model.sites.items[id].name));
		pb_bus_end(&bus, mark);
	}
	ck_assert_ok(forward(&bus, &s.params.weights));
	close_variant();
}
END_TEST

/* A provider that fails for one parameter. */
static int missing;

static int get_most(const struct pb_weights *weights, int id, struct pb_view *ret_view)
{
	(void)weights;
	if (id == missing)
		return pb_fail(PB_E_IO, "parameter %d is gone", id);
	return s.params.weights.get(&s.params.weights, id, ret_view);
}

START_TEST(a_failing_provider_fails_the_pass)
{
	const struct pb_weights weights = {get_most};
	open_variant(_i, PB_F32, 2, 5);
	for (missing = 0; missing < s.model.table.n; missing++) {
		char text[64];
		snprintf(text, sizeof text, "parameter %d is gone", missing);
		ck_assert_int_eq(forward(NULL, &weights), -PB_E_IO);
		ck_assert_str_eq(pb_error_text(), text);
	}
	ck_assert_ok(forward(NULL, &weights));
	close_variant();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("forward");
	TCase *values = tcase_create("values"), *points = tcase_create("points"), *refusals = tcase_create("refusals");
	tcase_add_loop_test(values, a_row_s_logits_do_not_depend_on_other_rows, 0, n_variants);
	tcase_add_loop_test(values, later_tokens_do_not_matter, 0, n_variants);
	tcase_add_loop_test(values, float32_agrees_with_float64, 0, n_variants);
	tcase_add_test(values, chosen_rows_are_rows_of_all_logits);
	tcase_add_loop_test(points, points_are_passed_in_the_order_of_the_table, 0, n_variants);
	tcase_add_loop_test(points, hook_result_sums_to_attn_out_and_changes_nothing, 0, n_variants);
	tcase_add_test(refusals, tokens_outside_the_vocabulary_are_refused);
	tcase_add_test(refusals, examples_of_a_wrong_length_are_refused);
	tcase_add_test(refusals, rows_outside_the_batch_are_refused);
	tcase_add_loop_test(refusals, a_failing_hook_at_any_point_fails_the_pass, 0, n_variants);
	tcase_add_loop_test(refusals, a_failing_provider_fails_the_pass, 0, n_variants);
	suite_add_tcase(suite, values);
	suite_add_tcase(suite, points);
	suite_add_tcase(suite, refusals);
	return pb_test_run(suite, NULL);
}
