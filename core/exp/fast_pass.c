/* fast_pass.c: many cells in one forward and backward pass. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "exp/fast.h"

int pb_fast_drop(struct pb_fast_cell *cell, int rc, struct pb_arena *arena)
{
	if (rc != -PB_E_NUMERIC)
		return rc;
	cell->rc = rc;
	cell->why = pb_arena_strdup(arena, pb_error_text());
	return cell->why ? 0 : -PB_E_NOMEM;
}

/* The cells' tokens and scored rows one behind the other, in the tape's arena. */
static int lay_out(struct pb_tape *tape, const struct pb_fast_cell *cells, size_t n, struct pb_forward *pass)
{
	const struct pb_examples *x = cells[0].examples;
	size_t tokens = (size_t)x->n_examples * (size_t)x->n_pos, scored = (size_t)x->n_scored;
	int32_t *all = pb_arena_array(&tape->arena, n * tokens, sizeof *all);
	int32_t *rows = pb_arena_array(&tape->arena, n * scored + 1, sizeof *rows);
	if (!all || !rows)
		return -PB_E_NOMEM;
	for (size_t c = 0; c < n; c++) {
		x = cells[c].examples;
		memcpy(all + c * tokens, x->tokens, tokens * sizeof *all);
		for (size_t i = 0; i < scored; i++)
			rows[c * scored + i] = (int32_t)(c * tokens) + x->scored[i].example * x->n_pos + x->scored[i].pos;
	}
	pass->tokens = all;
	pass->b = (int64_t)n * x->n_examples;
	pass->p = x->n_pos;
	pass->rows = rows;
	pass->n_rows = (int64_t)(n * scored);
	return 0;
}

/* Each cell has a loss of its own: a batch's gradient with respect to a cell's rows is that of the cell's loss. */
static int seed(struct pb_fast *e, struct pb_fast_cell *cells, size_t n, const struct pb_view *all,
		struct pb_arena *arena)
{
	struct pb_view mine;
	int64_t rows = all->shape[0] / (int64_t)n;
	int rc = 0;
	for (size_t c = 0; !rc && c < n; c++) {
		rc = pb_view_slice(all, 0, (int64_t)c * rows, rows, &mine);
		if (!rc)
			rc = pb_scorer_seed(e->plan->loss, &cells[c].logits, cells[c].examples->scored, NULL, &mine,
					    &cells[c].loss);
		if (rc == -PB_E_NUMERIC && !(rc = pb_fast_drop(&cells[c], rc, arena)))
			rc = pb_view_fill(e->plan->device, &mine, 0.0);
	}
	return rc;
}

static int take_gradients(struct pb_fast *e, const struct pb_factors *factors, struct pb_fast_cell *cells, size_t n)
{
	size_t n_params = (size_t)e->plan->model.table.n;
	for (size_t c = 0; c < n; c++) {
		const struct pb_cell_gradient *mine = pb_factors_cell(factors, (int64_t)c);
		cells[c].gradients = pb_arena_array(&e->lists, n_params, sizeof *cells[c].gradients);
		for (size_t i = 0; cells[c].gradients && i < n_params; i++)
			cells[c].gradients[i] = &mine[i];
		if (!cells[c].gradients)
			return -PB_E_NOMEM;
	}
	return 0;
}

int pb_fast_pass(struct pb_fast *e, struct pb_tape *tape, struct pb_factors *factors, struct pb_fast_cell *cells,
		 size_t n, struct pb_arena *arena)
{
	struct pb_forward pass = {.tape = tape, .bus = &e->bus, .weights = &e->weights->weights};
	struct pb_var *logits;
	struct pb_view all;
	int rc = 0;
	if (factors)
		rc = pb_factors_begin(factors, tape, e->plan->model.table.n, (int64_t)n, cells[0].examples->n_examples);
	else
		pb_tape_reset(tape, NULL);
	if (!rc)
		rc = lay_out(tape, cells, n, &pass);
	if (!rc)
		rc = pb_model_forward(&e->plan->model, &pass, &logits);
	int64_t rows = pass.n_rows / (int64_t)n;
	for (size_t c = 0; !rc && c < n; c++)
		rc = pb_view_slice(&logits->value, 0, (int64_t)c * rows, rows, &cells[c].logits);
	if (rc || !factors)
		return rc;
	rc = pb_tensor_new(&tape->pool, tape->dtype, 2, logits->value.shape, &all);
	if (!rc)
		rc = seed(e, cells, n, &all, arena);
	if (!rc)
		rc = pb_tape_backward(tape, logits, &all);
	tape->sink = NULL;
	return rc ? rc : take_gradients(e, factors, cells, n);
}
