/* fast_measure.c: clipping, and the questions answered by weights that are never stored. */
#include <math.h>
#include <stdlib.h>

#include "base/status.h"
#include "exp/fast.h"
#include "exp/wants.h"

/* Bounds a tree's memory; more cells share a pass than this has rows. */
enum { ROWS_OF_PART = 2048 };

/* Where a part of the questions ends: examples whose positions are at most ROWS_OF_PART, one at least. */
static int64_t part_end(const struct pb_examples *x, int64_t first)
{
	int64_t n = ROWS_OF_PART / x->n_pos, end = first + (n ? n : 1);
	return end < x->n_examples ? end : x->n_examples;
}

int pb_fast_make_questions(struct pb_fast *e, const struct pb_examples *x, struct pb_fast_questions *q)
{
	size_t n = 0;
	for (int64_t at = 0; at < x->n_examples; at = part_end(x, at))
		n++;
	*q = (struct pb_fast_questions){.parts = pb_arena_array(&e->arena, n, sizeof *q->parts),
					.first = pb_arena_array(&e->arena, n + 1, sizeof *q->first)};
	int rc = q->parts && q->first ? 0 : -PB_E_NOMEM;
	int64_t scored = 0;
	for (int64_t at = 0; !rc && q->n < n; q->n++) {
		int64_t end = part_end(x, at), from = scored;
		while (scored < x->n_scored && x->scored[scored].example < end)
			scored++;
		rc = pb_prefixes_make(x, at, end - at, from, scored - from, &e->arena, &q->parts[q->n]);
		if (!rc && q->parts[q->n].n_rows > q->most_rows)
			q->most_rows = q->parts[q->n].n_rows;
		q->first[q->n + 1] = scored;
		at = end;
	}
	return rc;
}

/* The 2-norm of each cell's gradient, from inner products of the factors, and with it the clip coefficient. */
static int clip(struct pb_fast *e, struct pb_fast_cell *cells, size_t n, struct pb_stepped_cell *stepped,
		struct pb_arena *arena)
{
	size_t n_params = (size_t)e->plan->model.table.n, count = n * n_params;
	const struct pb_cell_gradient **all = pb_arena_array(&e->lists, count, sizeof *all);
	double *squares = pb_arena_array(&e->lists, count, sizeof *squares);
	int rc = all && squares ? 0 : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < count; i++)
		all[i] = cells[i / n_params].gradients[i % n_params];
	if (!rc)
		rc = pb_gradient_dots(e->plan->device, e->plan->config->dtype, count, all, all, squares);
	for (size_t c = 0; !rc && c < n; c++) {
		double total = 0.0;
		for (size_t i = 0; i < n_params; i++)
			total += squares[c * n_params + i];
		cells[c].grad_norm = sqrt(total);
		stepped[c].grad_scale = pb_optim_clip_factor(cells[c].grad_norm, e->plan->update.max_grad_norm);
		if (!isfinite(total) && !cells[c].rc)
			rc = pb_fast_drop(&cells[c], pb_fail(PB_E_NUMERIC, "the gradient's norm is %g", sqrt(total)),
					  arena);
	}
	return rc;
}

/* A cell's logits as the scored rows have them: ends may be shared. */
static int scored_rows(struct pb_fast *e, const struct pb_prefixes *part, const struct pb_view *logits,
		       struct pb_view *ret_rows)
{
	*ret_rows = *logits;
	if (part->n_scored == part->n_ends)
		return 0;
	int64_t shape[2] = {part->n_scored, logits->shape[1]};
	int rc = pb_tensor_new(&e->scratch.block, logits->dtype, 2, shape, ret_rows);
	if (!rc)
		pb_kernels(e->plan->device, logits->dtype)
			->gather_rows(e->plan->device->context, shape[0], shape[1], logits->data, part->end_of,
				      ret_rows->data);
	return rc;
}

static int score(struct pb_fast *e, struct pb_fast_cell *cell, size_t part, const struct pb_stepped_cell *stepped)
{
	const struct pb_fast_questions *q = &e->questions[cell->probe];
	const struct pb_examples *x = &e->probes[cell->probe].questions;
	int64_t n = q->first[part + 1] - q->first[part];
	struct pb_view rows;
	double mean;
	if (!n)
		return 0;
	int rc = scored_rows(e, &q->parts[part], &stepped->logits, &rows);
	const double *reference = q->reference ? q->reference + q->first[part] * rows.shape[1] : NULL;
	if (!rc)
		rc = pb_scorer_score(e->plan->metric, &rows, x->scored + q->first[part], reference, NULL, &mean);
	if (!rc)
		cell->metric += mean * (double)n / (double)x->n_scored;
	return rc;
}

/* One part of the questions of cells [begin, end) that are still in. */
static int answer(struct pb_fast *e, struct pb_fast_cell *cells, struct pb_stepped_cell *stepped, size_t begin,
		  size_t end, size_t part, struct pb_arena *arena)
{
	struct pb_stepped_cell *in = pb_arena_array(&e->lists, end - begin, sizeof *in);
	struct pb_fast_cell **owner = pb_arena_array(&e->lists, end - begin, sizeof *owner);
	size_t n = 0;
	if (!in || !owner)
		return -PB_E_NOMEM;
	for (size_t c = begin; c < end; c++) {
		const struct pb_fast_questions *q = &e->questions[cells[c].probe];
		if (cells[c].rc || part >= q->n || !q->parts[part].n_ends)
			continue;
		in[n] = stepped[c];
		in[n].questions = &q->parts[part];
		owner[n++] = &cells[c];
	}
	int rc = n ? pb_stepped_forward(&e->plan->model, e->weights, &e->rule, in, n, &e->scratch) : 0;
	for (size_t i = 0; !rc && i < n; i++)
		rc = pb_fast_drop(owner[i], score(e, owner[i], part, &in[i]), arena);
	return rc;
}

int pb_fast_measure(struct pb_fast *e, struct pb_fast_cell *cells, size_t n, enum pb_estimate_mode mode,
		    struct pb_arena *arena)
{
	struct pb_stepped_cell *stepped = pb_arena_array(&e->lists, n, sizeof *stepped);
	int64_t rows = 1;
	size_t parts = 0;
	int rc = stepped ? 0 : -PB_E_NOMEM;
	if (!rc && n && cells[0].gradients)
		rc = clip(e, cells, n, stepped, arena);
	for (size_t c = 0; !rc && c < n; c++) {
		const struct pb_fast_questions *q = &e->questions[cells[c].probe];
		stepped[c].gradients = cells[c].gradients;
		cells[c].metric = mode == PB_ESTIMATE_ONLY ? NAN : 0.0;
		rows = q->most_rows > rows ? q->most_rows : rows;
		parts = q->n > parts ? q->n : parts;
	}
	if (!rc && mode != PB_ESTIMATE_NO)
		rc = pb_fast_estimate(e, cells, stepped, n);
	if (mode == PB_ESTIMATE_ONLY)
		return rc;
	size_t row_size = pb_stepped_row_size(&e->plan->model.config, e->plan->config->dtype);
	size_t most = e->question_memory / ((size_t)rows * row_size);
	size_t passes = most ? (n + most - 1) / most : n, step = passes ? (n + passes - 1) / passes : 1;
	for (size_t c = 0; !rc && c < n; c += step)
		for (size_t part = 0; !rc && part < parts; part++)
			rc = answer(e, cells, stepped, c, c + step < n ? c + step : n, part, arena);
	return rc;
}

int pb_fast_make_reference(struct pb_fast *e, size_t probe)
{
	struct pb_fast_questions *q = &e->questions[probe];
	size_t count = (size_t)q->first[q->n] * (size_t)e->plan->model.config.d_vocab;
	struct pb_view rows;
	q->reference = pb_arena_array(&e->arena, count, sizeof *q->reference);
	int rc = q->reference ? 0 : -PB_E_NOMEM;
	for (size_t part = 0; !rc && part < q->n; part++) {
		struct pb_stepped_cell cell = {.questions = &q->parts[part]};
		if (!cell.questions->n_ends)
			continue;
		rc = pb_stepped_forward(&e->plan->model, e->weights, &e->rule, &cell, 1, &e->scratch);
		if (!rc)
			rc = scored_rows(e, cell.questions, &cell.logits, &rows);
		if (!rc)
			rc = pb_view_read(e->plan->device, &rows, q->reference + q->first[part] * rows.shape[1]);
	}
	return rc;
}
