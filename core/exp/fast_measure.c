/* fast_measure.c: clipping, and the questions answered by weights that are never stored. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* Logits of the part's ends as its scored rows have them: ends may be shared. */
static void copy_scored(const struct pb_prefixes *part, int64_t vocab, const double *ends, double *ret_rows)
{
	const bool each = part->n_scored == part->n_ends;
	for (int64_t i = 0; i < part->n_scored; i++)
		memcpy(ret_rows + i * vocab, ends + (each ? i : part->end_of[i]) * vocab, (size_t)vocab * sizeof *ret_rows);
}

/* `ends`: logits of the part's ends; `room`: for those of its scored rows. */
static int score(struct pb_fast *e, struct pb_fast_cell *cell, size_t part, int64_t vocab, const double *ends, double *room)
{
	const struct pb_fast_questions *q = &e->questions[cell->probe];
	const struct pb_examples *x = &e->probes[cell->probe].questions;
	const struct pb_logits rows = {q->first[part + 1] - q->first[part], vocab, room};
	const double *reference = q->reference ? q->reference + q->first[part] * vocab : NULL;
	double mean;
	if (!rows.n_rows)
		return 0;
	copy_scored(&q->parts[part], vocab, ends, room);
	int rc = pb_scorer_score_host(e->plan->metric, &rows, x->scored + q->first[part], reference, NULL, &mean);
	if (!rc)
		cell->metric += mean * (double)rows.n_rows / (double)x->n_scored;
	return rc;
}

/* The logits of cells that have been through the pass: read in one transfer, then scored cell by cell. */
static int score_all(struct pb_fast *e, struct pb_fast_cell *const *owners, const struct pb_stepped_cell *in, size_t n,
		     size_t part, struct pb_arena *arena)
{
	struct pb_view all = in[0].logits; /* they follow each other */
	const int64_t vocab = all.shape[1];
	int64_t most = 0;
	for (size_t i = 0; i < n; i++) {
		all.shape[0] += i ? in[i].logits.shape[0] : 0;
		most = in[i].questions->n_scored > most ? in[i].questions->n_scored : most;
	}
	double *logits = pb_fast_host_memory(e, (size_t)((all.shape[0] + most) * vocab));
	if (!logits)
		return -PB_E_NOMEM;
	int rc = pb_view_read(e->plan->device, &all, logits);
	double *room = logits + all.shape[0] * vocab;
	for (size_t i = 0; !rc && i < n; i++) {
		rc = pb_fast_drop(owners[i], score(e, owners[i], part, vocab, logits, room), arena);
		logits += pb_view_count(&in[i].logits);
	}
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
	return rc || !n ? rc : score_all(e, owner, in, n, part, arena);
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
	const int64_t vocab = e->plan->model.config.d_vocab;
	q->reference = pb_arena_array(&e->arena, (size_t)(q->first[q->n] * vocab), sizeof *q->reference);
	int rc = q->reference ? 0 : -PB_E_NOMEM;
	for (size_t part = 0; !rc && part < q->n; part++) {
		struct pb_stepped_cell cell = {.questions = &q->parts[part]};
		if (!cell.questions->n_ends)
			continue;
		rc = pb_stepped_forward(&e->plan->model, e->weights, &e->rule, &cell, 1, &e->scratch);
		double *logits = rc ? NULL : pb_fast_host_memory(e, (size_t)pb_view_count(&cell.logits));
		if (!rc)
			rc = logits ? pb_view_read(e->plan->device, &cell.logits, logits) : -PB_E_NOMEM;
		if (!rc)
			copy_scored(cell.questions, vocab, logits, q->reference + q->first[part] * vocab);
	}
	return rc;
}
