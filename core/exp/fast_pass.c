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

/* Cells that enter a pass late, with the activations of their base. */
struct latecomers {
	struct pb_fast *engine;
	const struct pb_fast_run *base;
	const struct pb_fast_cell *cells;
};

static int enter(void *user, int layer, int64_t first, const struct pb_view *resid)
{
	const struct latecomers *late = user;
	struct pb_fast *e = late->engine;
	int64_t examples = late->cells[0].examples->n_examples;
	const struct pb_view *known =
		pb_cache_get(&late->base->cache, pb_sites_id(&e->plan->model.sites, PB_SITE_RESID_PRE, layer), PB_FORWARD);
	struct pb_view from, to;
	int rc = known ? 0 : pb_fail(PB_E_INTERNAL, "the base's activations are not known");
	for (int64_t i = 0; !rc && i < resid->shape[0]; i += examples) {
		int64_t probe = (int64_t)late->cells[(first + i) / examples].probe;
		rc = pb_view_slice(known, 0, probe * examples, examples, &from);
		if (!rc)
			rc = pb_view_slice(resid, 0, i, examples, &to);
		if (!rc)
			rc = pb_view_copy(e->plan->device, &to, &from);
	}
	return rc;
}

/* How many examples take part in each block; NULL: out of memory. */
static int64_t *active(struct pb_fast *e, const struct pb_fast_cell *cells, size_t n)
{
	int64_t n_layers = e->plan->model.config.n_layers;
	int64_t *list = pb_arena_array(&e->lists, (size_t)n_layers, sizeof *list);
	for (int64_t layer = 0; list && layer < n_layers; layer++)
		for (size_t c = 0; c < n; c++)
			list[layer] += cells[c].first_layer <= layer ? cells[c].examples->n_examples : 0;
	return list;
}

int pb_fast_pass(struct pb_fast *e, struct pb_tape *tape, struct pb_factors *factors, const struct pb_fast_run *base,
		 struct pb_fast_cell *cells, size_t n, struct pb_arena *arena)
{
	struct latecomers who = {e, base, cells};
	struct pb_late late = {base ? active(e, cells, n) : NULL, enter, &who};
	struct pb_forward pass = {.tape = tape, .bus = &e->bus, .weights = &e->weights->weights,
				  .late = base ? &late : NULL};
	struct pb_var *logits;
	struct pb_view all;
	int rc = base && !late.active ? -PB_E_NOMEM : 0;
	if (!rc && factors)
		rc = pb_factors_begin(factors, tape, e->plan->model.table.n, (int64_t)n, cells[0].examples->n_examples);
	else if (!rc)
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
