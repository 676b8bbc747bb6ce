/* test_prefix.c: examples as prefixes: the tree, and that a pass over it gives what a pass over everything gives. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "small.h"
#include "support/support.h"

static struct small s;
static struct pb_arena arena;

static struct pb_prefixes prefixes_of(const int32_t *tokens, int32_t n_pos, int64_t n, const struct pb_scored *scored,
				      int64_t n_scored)
{
	const struct pb_examples x = {sizeof x, n_pos, n, tokens, n_scored, scored};
	struct pb_prefixes p;
	ck_assert_ok(pb_prefixes_make(&x, 0, n, 0, n_scored, &arena, &p));
	return p;
}

static void check_path(const int32_t *path, int32_t first, int32_t end, const int32_t *want, int n)
{
	ck_assert_int_eq(end - first, n);
	for (int i = 0; i < n; i++)
		ck_assert_int_eq(path[first + i], want[i]);
}

/* Five examples; rows are numbered as they first appear:
 *   7 3 1 .   scored at 2      rows 0 1 2
 *   7 3 2 .   scored at 1      rows 0 1
 *   7 3 2 .   scored at 2      rows 0 1 3
 *   3 3 3 .   not scored
 *   3 7 0 0   scored at 0, 3   rows 4 5 6 7
 *   7 3 1 0   scored at 2      rows 0 1 2 */
START_TEST(equal_prefixes_are_one_row)
{
	const int32_t tokens[] = {7, 3, 1, 0, 7, 3, 2, 0, 7, 3, 2, 1, 3, 3, 3, 3, 3, 7, 0, 0, 7, 3, 1, 0};
	const struct pb_scored scored[] = {{.pos = 2},
					   {.example = 1, .pos = 1},
					   {.example = 2, .pos = 2},
					   {.example = 4, .pos = 0},
					   {.example = 4, .pos = 3},
					   {.example = 5, .pos = 2}};
	const struct pb_prefixes p = prefixes_of(tokens, 4, 6, scored, 6);
	const int32_t token[] = {7, 3, 1, 2, 3, 7, 0, 0}, pos[] = {0, 1, 2, 2, 0, 1, 2, 3};
	const int32_t end[] = {2, 1, 3, 4, 7}, end_of[] = {0, 1, 2, 3, 4, 0};
	ck_assert_int_eq(p.n_rows, 8);
	ck_assert_mem_eq(p.token, token, sizeof token);
	ck_assert_mem_eq(p.pos, pos, sizeof pos);
	ck_assert_int_eq(p.n_ends, 5);
	ck_assert_mem_eq(p.end, end, sizeof end);
	ck_assert_int_eq(p.n_scored, 6);
	ck_assert_mem_eq(p.end_of, end_of, sizeof end_of);
	check_path(p.path, p.first[0], p.first[1], (int32_t[]){0}, 1);
	check_path(p.path, p.first[3], p.first[4], (int32_t[]){0, 1, 3}, 3);
	check_path(p.path, p.first[7], p.first[8], (int32_t[]){4, 5, 6, 7}, 4);
	check_path(p.end_path, p.end_first[0], p.end_first[1], (int32_t[]){0, 1, 2}, 3);
	check_path(p.end_path, p.end_first[3], p.end_first[4], (int32_t[]){4}, 1);
	check_path(p.end_path, p.end_first[4], p.end_first[5], (int32_t[]){4, 5, 6, 7}, 4);
}
END_TEST

/* A slice takes its own examples and scored rows out of a list. */
START_TEST(a_slice_of_a_list)
{
	const int32_t tokens[] = {1, 2, 3, 4, 5, 6};
	const struct pb_scored scored[] = {{.pos = 1}, {.example = 1, .pos = 0}, {.example = 2, .pos = 1}};
	const struct pb_examples x = {sizeof x, 2, 3, tokens, 3, scored};
	struct pb_prefixes p;
	ck_assert_ok(pb_prefixes_make(&x, 1, 2, 1, 2, &arena, &p));
	const int32_t token[] = {3, 5, 6}, end[] = {0, 2};
	ck_assert_int_eq(p.n_rows, 3);
	ck_assert_mem_eq(p.token, token, sizeof token);
	ck_assert_int_eq(p.n_ends, 2);
	ck_assert_mem_eq(p.end, end, sizeof end);
}
END_TEST

/* Passes. */

enum { B = 7, P = 5, ROWS = 8 };

/* Examples that begin alike, one twice, one not scored, one scored at two positions. */
static const struct pb_scored scored[ROWS] = {{0, 3, 0, 0, {0}}, {1, 3, 0, 0, {0}}, {2, 0, 0, 0, {0}}, {3, 2, 0, 0, {0}},
					      {3, 4, 0, 0, {0}}, {5, 3, 0, 0, {0}}, {6, 2, 0, 0, {0}}, {6, 1, 0, 0, {0}}};

static void open_variant(int i, uint32_t dtype)
{
	struct pb_model_config config = variant(i);
	small_open(&s, &config, dtype, B, P);
	memcpy(s.tokens + P, s.tokens, 3 * sizeof *s.tokens);     /* example 1: the first three tokens of 0 */
	memcpy(s.tokens + 5 * P, s.tokens, P * sizeof *s.tokens); /* 5: all of 0 */
	memcpy(s.tokens + 6 * P, s.tokens, 2 * sizeof *s.tokens);
}

struct outcome {
	double loss, logits[ROWS * 8];
	double *grads; /* [count] */
	bool present[SMALL_MAX_PARAMS];
};

static void take(struct outcome *ret)
{
	ret->grads = calloc((size_t)s.model.table.count, sizeof *ret->grads);
	ck_assert_ptr_nonnull(ret->grads);
	ck_assert_int_eq(small_logits(&s, NULL, ret->logits), ROWS * 8);
	ret->loss = small_pass(&s, NULL);
	memcpy(ret->present, s.present, sizeof ret->present);
	for (int i = 0; i < s.model.table.n; i++)
		if (s.present[i])
			ck_assert_ok(pb_view_read(&s.device, &s.grads.views[i],
						  ret->grads + s.model.table.items[i].offset));
}

static void check_close(const char *what, const double *got, const double *want, int64_t n, double tolerance)
{
	double scale = 1;
	for (int64_t i = 0; i < n; i++)
		scale = fmax(scale, fabs(want[i]));
	for (int64_t i = 0; i < n; i++)
		if (!(fabs(got[i] - want[i]) <= tolerance * scale))
			ck_abort_msg("%s[%lld] is %.17g, not %.17g", what, (long long)i, got[i], want[i]);
}

static void check_pass(int number, uint32_t dtype, double tolerance)
{
	static struct outcome want, got;
	int32_t rows[ROWS];
	open_variant(number, dtype);
	for (int i = 0; i < ROWS; i++)
		rows[i] = scored[i].example * P + scored[i].pos;
	s.rows = rows;
	s.n_rows = ROWS;
	take(&want);
	const struct pb_prefixes p = prefixes_of(s.tokens, P, B, scored, ROWS);
	ck_assert_int_lt(p.n_rows, B * P);
	ck_assert_int_lt(p.n_ends, ROWS);
	s.prefixes = &p;
	take(&got);
	check_close("loss", &got.loss, &want.loss, 1, tolerance);
	check_close("logits", got.logits, want.logits, ROWS * 8, tolerance);
	for (int i = 0; i < s.model.table.n; i++) {
		const struct pb_param_info *info = &s.model.table.items[i];
		ck_assert_msg(got.present[i] == want.present[i], "%s", info->name);
		check_close(info->name, got.grads + info->offset, want.grads + info->offset, info->count, tolerance);
	}
	free(want.grads);
	free(got.grads);
	small_close(&s);
	pb_arena_reset(&arena);
}

START_TEST(logits_and_every_gradient_are_those_of_the_whole_pass)
{
	check_pass(_i, PB_F64, 1e-12);
	check_pass(_i, PB_F32, 2e-5);
}
END_TEST

/* Behind the last block's keys and values only scored rows are left. */
START_TEST(what_nobody_scores_is_not_computed)
{
	open_variant(0, PB_F64);
	const struct pb_prefixes p = prefixes_of(s.tokens, P, B, scored, ROWS);
	s.prefixes = &p;
	small_forward(&s, NULL);
	int64_t ended = 0;
	for (size_t i = 0; i < s.tape.n_nodes; i++) {
		const struct pb_var *var = s.tape.nodes[i];
		if (!strcmp(var->op->name, "rows") && !ended)
			ended = 1;
		else if (ended && !strcmp(var->op->name, "act"))
			ck_assert_int_eq(var->value.shape[0], p.n_ends);
		else if (!ended)
			ck_assert_int_eq(var->value.shape[0], p.n_rows);
	}
	ck_assert_int_eq(ended, 1);
	small_close(&s);
}
END_TEST

static int refused(const struct pb_prefixes *p, struct pb_bus *bus)
{
	struct pb_var *logits = NULL;
	struct pb_forward pass = {.tape = &s.tape, .bus = bus, .weights = &s.params.weights, .prefixes = p};
	pb_tape_reset(&s.tape, NULL);
	return pb_model_forward(&s.model, &pass, &logits);
}

START_TEST(prefixes_that_no_model_can_take)
{
	struct pb_bus bus;
	int32_t tokens[] = {1, 8, 0, 0, 0, 0}; /* the vocabulary is 8 tokens, the context 5 */
	open_variant(0, PB_F64);
	pb_bus_init(&bus, &s.model.sites);
	struct pb_prefixes p = prefixes_of(tokens, 6, 1, (const struct pb_scored[]){{.pos = 1}}, 1);
	ck_assert_int_eq(refused(&p, NULL), -PB_E_RANGE);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "token 8 (position 1)"));
	tokens[1] = 7;
	p = prefixes_of(tokens, 6, 1, (const struct pb_scored[]){{.pos = 5}}, 1);
	ck_assert_int_eq(refused(&p, NULL), -PB_E_RANGE);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "n_ctx 5"));
	p = prefixes_of(tokens, 6, 1, (const struct pb_scored[]){{.pos = 4}}, 1);
	ck_assert_ok(refused(&p, NULL));
	ck_assert_int_eq(refused(&p, &bus), -PB_E_INTERNAL);
	p = prefixes_of(tokens, 6, 1, NULL, 0);
	ck_assert_int_eq(refused(&p, NULL), -PB_E_RANGE);
	pb_bus_finish(&bus);
	small_close(&s);
}
END_TEST

static void finish_arena(void)
{
	pb_arena_finish(&arena);
}

int main(void)
{
	Suite *suite = suite_create("prefix");
	TCase *tree = tcase_create("tree"), *passes = tcase_create("passes");
	tcase_add_checked_fixture(tree, NULL, finish_arena);
	tcase_add_test(tree, equal_prefixes_are_one_row);
	tcase_add_test(tree, a_slice_of_a_list);
	tcase_add_checked_fixture(passes, NULL, finish_arena);
	tcase_add_loop_test(passes, logits_and_every_gradient_are_those_of_the_whole_pass, 0, n_variants);
	tcase_add_test(passes, what_nobody_scores_is_not_computed);
	tcase_add_test(passes, prefixes_that_no_model_can_take);
	suite_add_tcase(suite, tree);
	suite_add_tcase(suite, passes);
	return pb_test_run(suite, NULL);
}
