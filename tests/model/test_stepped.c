/* test_stepped.c: factored gradients of a batch of cells against each cell's own dense ones, and questions answered by
 * weights after a step that are never stored against those after a real optimizer's step on a copy. */
#include "model/stepped.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "optim/optim.h"
#include "small.h"
#include "support/support.h"

enum { CELLS = 3, EXAMPLES = 2, POSITIONS = 3 };

static struct small all, one; /* the cells in one batch; a cell alone */
static struct pb_factors factors;

/* The coefficients of the loss count from each pass' first logit, so that cells differ by their tokens only. */
static void seed_of(struct small *s, const struct pb_view *logits, struct pb_view *ret_seed)
{
	int64_t count = pb_view_count(logits), per_cell = count / CELLS;
	double *c = calloc((size_t)count, sizeof *c);
	for (int64_t i = 0; i < count; i++)
		c[i] = cos(1.0 + (double)(i % per_cell));
	ck_assert_ok(pb_tensor_clone(&s->tape.pool, logits, ret_seed));
	ck_assert_ok(pb_view_write(&s->device, ret_seed, c));
	free(c);
}

static struct pb_var *batched_pass(void)
{
	struct pb_var *logits;
	struct pb_view seed;
	struct pb_forward pass = {.tape = &all.tape, .weights = &all.params.weights, .tokens = all.tokens,
				  .b = CELLS * EXAMPLES, .p = POSITIONS};
	ck_assert_ok(pb_factors_begin(&factors, &all.tape, all.model.table.n, CELLS, EXAMPLES));
	ck_assert_ok(pb_model_forward(&all.model, &pass, &logits));
	seed_of(&all, &logits->value, &seed);
	ck_assert_ok(pb_tape_backward(&all.tape, logits, &seed));
	ck_assert_ok(pb_factors_settle(&factors));
	return logits;
}

/* The dense gradients of one cell, in one.grads. */
static void lone_pass(int cell)
{
	struct pb_var *logits;
	struct pb_view seed;
	struct pb_forward pass = {.tape = &one.tape, .weights = &one.params.weights, .b = EXAMPLES, .p = POSITIONS,
				  .tokens = all.tokens + cell * EXAMPLES * POSITIONS};
	pb_dense_sink_init(&one.sink, &one.device, &one.tape.arena, one.model.table.n, one.grads.views, one.present);
	pb_tape_reset(&one.tape, &one.sink.base);
	ck_assert_ok(pb_model_forward(&one.model, &pass, &logits));
	int64_t count = pb_view_count(&logits->value);
	double *c = calloc((size_t)count, sizeof *c);
	for (int64_t i = 0; i < count; i++)
		c[i] = cos(1.0 + (double)i);
	ck_assert_ok(pb_tensor_clone(&one.tape.pool, &logits->value, &seed));
	ck_assert_ok(pb_view_write(&one.device, &seed, c));
	free(c);
	ck_assert_ok(pb_tape_backward(&one.tape, logits, &seed));
}

static void open_both(int i)
{
	struct pb_model_config config = variant(i);
	small_open(&all, &config, PB_F64, CELLS * EXAMPLES, POSITIONS);
	small_open(&one, &config, PB_F64, EXAMPLES, POSITIONS);
}

static void close_both(void)
{
	small_close(&all);
	small_close(&one);
}

/* Element (row, column) of group g, multiplied out. */
static double element(const struct pb_cell_gradient *g, int64_t group, int64_t row, int64_t column)
{
	double sum = 0.0;
	if (g->form == PB_GRADIENT_VECTOR)
		return small_get(&all, &g->dy, column);
	if (g->form == PB_GRADIENT_ROWS) {
		for (int64_t i = 0; i < g->rank; i++)
			sum += g->ids[i] == row ? small_get(&all, &g->dy, i * g->n + column) : 0.0;
		return sum;
	}
	if (g->dense.data)
		return small_get(&all, &g->dense, (group * g->k + row) * g->n + column);
	for (int64_t r = 0; r < g->rank; r++)
		sum += small_get(&all, &g->x, group * g->stride_x + r * g->ldx + row) *
		       small_get(&all, &g->dy, group * g->stride_dy + r * g->lddy + column);
	return sum;
}

static void compare(int id, const struct pb_cell_gradient *g)
{
	const struct pb_param_info *info = &all.model.table.items[id];
	int64_t n = info->shape[info->rank - 1], rows = info->count / n, k = rows / g->groups;
	if (g->form == PB_GRADIENT_VECTOR && n != g->n) /* b_Q and its like are [heads, d_head] */
		n = g->n, rows = k = 1;
	for (int64_t i = 0; i < info->count; i++) {
		double got = element(g, i / n / k, i / n % k, i % n), want = small_get(&one, &one.grads.views[id], i);
		if (fabs(got - want) > 1e-12 * fmax(1.0, fabs(want)))
			ck_abort_msg("%s, element %d: %.17g, alone %.17g", info->name, (int)i, got, want);
	}
}

START_TEST(factors_are_each_cells_gradient)
{
	open_both(_i);
	batched_pass();
	for (int cell = 0; cell < CELLS; cell++) {
		double total = 0.0, alone = 0.0, dots[SMALL_MAX_PARAMS];
		const struct pb_cell_gradient *mine = pb_factors_cell(&factors, cell), *list[SMALL_MAX_PARAMS];
		lone_pass(cell);
		for (int i = 0; i < all.model.table.n; i++) {
			list[i] = &mine[i];
			ck_assert_int_ne(mine[i].form, PB_GRADIENT_NONE);
			compare(i, &mine[i]);
			for (int64_t k = 0; k < all.model.table.items[i].count; k++)
				alone += pow(small_get(&one, &one.grads.views[i], k), 2.0);
		}
		ck_assert_ok(pb_gradient_dots(&all.device, PB_F64, (size_t)all.model.table.n, list, list, dots));
		for (int i = 0; i < all.model.table.n; i++)
			total += dots[i];
		ck_assert_double_eq_tol(total, alone, 1e-10 * alone);
	}
	close_both();
}
END_TEST

/* A copy of the lone gradients; ends[i] is where parameter i's end. The caller's. */
static double *copy_grads(size_t *ends)
{
	double *x = NULL;
	size_t n = 0;
	for (int i = 0; i < all.model.table.n; i++) {
		const size_t count = (size_t)all.model.table.items[i].count;
		x = realloc(x, (n + count) * sizeof *x);
		for (size_t k = 0; k < count; k++)
			x[n + k] = small_get(&one, &one.grads.views[i], (int64_t)k);
		ends[i] = n += count;
	}
	return x;
}

/* <a, b> of two cells, whose tokens differ: rows of the tables meet by id. */
START_TEST(dots_of_two_cells)
{
	size_t ends[SMALL_MAX_PARAMS], k = 0;
	open_both(_i);
	batched_pass();
	lone_pass(0);
	double *x = copy_grads(ends);
	lone_pass(2);
	double *y = copy_grads(ends);
	for (int i = 0; i < all.model.table.n; i++) {
		const struct pb_cell_gradient *a = &pb_factors_cell(&factors, 0)[i], *b = &pb_factors_cell(&factors, 2)[i];
		double dot, want = 0.0;
		for (; k < ends[i]; k++)
			want += x[k] * y[k];
		ck_assert_ok(pb_gradient_dots(&all.device, PB_F64, 1, &a, &b, &dot));
		ck_assert_msg(fabs(dot - want) <= 1e-11 * fmax(1.0, fabs(want)), "%s: %.17g and %.17g",
			      all.model.table.items[i].name, dot, want);
	}
	free(x);
	free(y);
	close_both();
}
END_TEST

/* One step of the cell's gradient, but for parameter `left_out`, on a copy of the weights; then the same questions. */
static void step_alone(const struct pb_optim_config *config, int left_out, double scale, const struct pb_prefixes *questions,
		       double *ret_logits)
{
	struct pb_optim optim;
	struct pb_optim_slot slots[SMALL_MAX_PARAMS];
	struct pb_optim_config clipped = *config;
	struct pb_var *logits;
	const struct pb_param_table *table = &one.model.table;
	for (int i = 0; i < table->n; i++)
		slots[i] = (struct pb_optim_slot){table->items[i].offset, table->items[i].count};
	one.present[left_out] = false;
	clipped.max_grad_norm = 0;
	for (int i = 0; i < table->n; i++)
		ck_assert_ok(pb_view_scale(&one.device, &one.grads.views[i], scale));
	ck_assert_ok(pb_optim_init(&optim, &one.device, PB_F64, &clipped, slots, table->n));
	ck_assert_ok(pb_optim_step(&optim, one.params.data, one.grads.data, one.present, NULL));
	pb_tape_reset(&one.tape, NULL);
	struct pb_forward pass = {.tape = &one.tape, .weights = &one.params.weights, .prefixes = questions};
	ck_assert_ok(pb_model_forward(&one.model, &pass, &logits));
	ck_assert_ok(pb_view_read(&one.device, &logits->value, ret_logits));
	pb_params_copy(&one.params, &all.params);
	pb_optim_finish(&optim);
}

START_TEST(stepped_weights_answer_as_stored_ones)
{
	static const enum pb_optim_kind kinds[] = {PB_OPTIM_ADAMW, PB_OPTIM_ADAM, PB_OPTIM_SGD};
	const int32_t tokens[] = {1, 2, 3, 1, 2, 0, 1, 4, 3, 5, 2, 3};
	const struct pb_scored scored[] = {{.pos = 2}, {.example = 1, .pos = 1}, {.example = 3, .pos = 2}};
	const struct pb_examples x = {sizeof x, 3, 4, tokens, 3, scored};
	struct pb_optim_config config = pb_optim_defaults(kinds[_i % 3]);
	struct pb_stepped_scratch scratch;
	struct pb_arena arena;
	struct pb_prefixes questions;
	struct pb_stepped_cell cells[CELLS + 1] = {0};
	const struct pb_cell_gradient *gradients[CELLS][SMALL_MAX_PARAMS];
	const struct pb_cell_gradient none = {0};
	int left_out = _i % 7;
	open_both(_i);
	pb_arena_init(&arena);
	pb_stepped_scratch_init(&scratch, &all.device);
	config.lr = 0.02;
	config.weight_decay = 0.1;
	config.warmup_steps = _i % 2 ? 4 : 0;
	config.momentum = kinds[_i % 3] == PB_OPTIM_SGD ? 0.9 : 0.0;
	config.nesterov = config.momentum > 0 && _i % 2;
	ck_assert_ok(pb_prefixes_make(&x, 0, 4, 0, 3, &arena, &questions));
	batched_pass();
	for (int c = 0; c <= CELLS; c++) {
		cells[c] = (struct pb_stepped_cell){.grad_scale = 0.25 * (c + 1), .questions = &questions};
		for (int i = 0; c < CELLS && i < all.model.table.n; i++)
			gradients[c][i] = i == left_out ? &none : &pb_factors_cell(&factors, c)[i];
		cells[c].gradients = c < CELLS ? gradients[c] : NULL;
	}
	struct pb_stepped_rule rule = {.step = pb_optim_first_step(&config)};
	ck_assert_ok(pb_stepped_forward(&all.model, &all.params, &rule, cells, CELLS + 1, &scratch));
	for (int c = 0; c <= CELLS; c++) {
		double got[64], want[64];
		int64_t vocab = all.model.config.d_vocab;
		lone_pass(c < CELLS ? c : 0);
		if (c == CELLS) /* no step at all */
			config.lr = 0, config.weight_decay = 0;
		step_alone(&config, left_out, 0.25 * (c + 1), &questions, want);
		ck_assert_ok(pb_view_read(&all.device, &cells[c].logits, got));
		for (int64_t i = 0; i < questions.n_scored * vocab; i++) {
			double mine = got[questions.end_of[i / vocab] * vocab + i % vocab];
			if (fabs(mine - want[i]) > 1e-9)
				ck_abort_msg("cell %d, logit %d: %.17g, stored %.17g", c, (int)i, mine, want[i]);
		}
	}
	pb_stepped_scratch_finish(&scratch);
	pb_arena_finish(&arena);
	close_both();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stepped");
	TCase *tc = tcase_create("stepped");
	tcase_add_loop_test(tc, factors_are_each_cells_gradient, 0, n_variants);
	tcase_add_loop_test(tc, dots_of_two_cells, 0, n_variants);
	tcase_add_loop_test(tc, stepped_weights_answer_as_stored_ones, 0, n_variants);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
