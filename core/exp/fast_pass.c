/* fast_pass.c: many cells in one forward and backward pass. */
#include <math.h>
#include <stdlib.h>
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

/* Positions of the cells' examples up to the last scored one. */
static int64_t scored_positions(const struct pb_fast_cell *cells, size_t n)
{
	int64_t positions = 1;
	for (size_t c = 0; c < n; c++)
		for (int64_t i = 0; i < cells[c].examples->n_scored; i++)
			if (cells[c].examples->scored[i].pos >= positions)
				positions = cells[c].examples->scored[i].pos + 1;
	return positions;
}

/* The first `positions` of the cells' tokens, and their scored rows, one behind the other in the tape's arena. */
static int lay_out(struct pb_tape *tape, const struct pb_fast_cell *cells, size_t n, int64_t positions,
		   struct pb_forward *pass)
{
	const struct pb_examples *x = cells[0].examples;
	size_t tokens = (size_t)(x->n_examples * positions), scored = (size_t)x->n_scored;
	int32_t *all = pb_arena_array(&tape->arena, n * tokens, sizeof *all);
	int32_t *rows = pb_arena_array(&tape->arena, n * scored + 1, sizeof *rows);
	if (!all || !rows)
		return -PB_E_NOMEM;
	for (size_t c = 0; c < n; c++) {
		x = cells[c].examples;
		for (int64_t i = 0; i < x->n_examples; i++)
			memcpy(all + c * tokens + i * positions, x->tokens + i * x->n_pos,
			       (size_t)positions * sizeof *all);
		for (size_t i = 0; i < scored; i++)
			rows[c * scored + i] =
				(int32_t)(c * tokens + x->scored[i].example * positions) + x->scored[i].pos;
	}
	pass->tokens = all;
	pass->b = (int64_t)n * x->n_examples;
	pass->p = positions;
	pass->rows = rows;
	pass->n_rows = (int64_t)(n * scored);
	return 0;
}

double *pb_fast_host_memory(struct pb_fast *e, size_t count)
{
	if (count <= e->host_room && e->host_memory)
		return e->host_memory;
	free(e->host_memory);
	e->host_room = count;
	e->host_memory = malloc((count + 1) * sizeof *e->host_memory);
	if (!e->host_memory)
		pb_fail_nomem(count * sizeof *e->host_memory, "logits");
	return e->host_memory;
}

int pb_fast_read_logits(struct pb_fast *e, const struct pb_fast_cell *cells, size_t n, size_t more, double **ret_logits)
{
	struct pb_view all = cells[0].logits; /* they follow each other */
	all.shape[0] *= (int64_t)n;
	*ret_logits = pb_fast_host_memory(e, (size_t)pb_view_count(&all) + more);
	return *ret_logits ? pb_view_read(e->plan->device, &all, *ret_logits) : -PB_E_NOMEM;
}

/* Each cell has a loss of its own: a batch's gradient with respect to a cell's rows is that of the cell's loss. */
static int seed(struct pb_fast *e, struct pb_fast_cell *cells, size_t n, const struct pb_view *all,
		struct pb_arena *arena)
{
	const int64_t rows = all->shape[0] / (int64_t)n, vocab = all->shape[1];
	const size_t count = n * (size_t)(rows * vocab);
	double *logits;
	int rc = pb_fast_read_logits(e, cells, n, count, &logits);
	double *slopes = rc ? NULL : logits + count;
	for (size_t c = 0; !rc && c < n; c++) {
		const struct pb_logits mine = {rows, vocab, logits + (int64_t)c * rows * vocab};
		double *to = slopes + (int64_t)c * rows * vocab;
		rc = pb_scorer_seed_host(e->plan->loss, &mine, cells[c].examples->scored, NULL, to, &cells[c].loss);
		if (rc == -PB_E_NUMERIC && !(rc = pb_fast_drop(&cells[c], rc, arena)))
			memset(to, 0, (size_t)(rows * vocab) * sizeof *to);
	}
	return rc ? rc : pb_view_write(e->plan->device, all, slopes);
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

/* What a pass takes over from the unpatched run of its cells. */
struct known {
	struct pb_fast *engine;
	const struct pb_fast_run *base;
	const struct pb_fast_cell *cells;
	int64_t examples; /* of a cell */
};

/* Cells from number `cell` on, at most `most`, that are of one probe. */
static int64_t same_probe(const struct pb_fast_cell *cells, int64_t cell, int64_t most)
{
	int64_t n = 1;
	while (n < most && cells[cell + n].probe == cells[cell].probe)
		n++;
	return n;
}

/* A tensor [n * examples, ..] as [n, examples, ..]; `repeated`: its first `examples` n times. */
static struct pb_view by_cell(const struct pb_view *tensor, int64_t n, int64_t examples, bool repeated)
{
	struct pb_view view = *tensor;
	view.rank++;
	for (int i = tensor->rank; i > 0; i--) {
		view.shape[i] = tensor->shape[i - 1];
		view.stride[i] = tensor->stride[i - 1];
	}
	view.shape[0] = n;
	view.shape[1] = examples;
	view.stride[0] = repeated ? 0 : examples * tensor->stride[0];
	return view;
}

/* Fills a point's value of whole cells, the first row being example `first` of the batch, as far as `to` has positions
 * (its axis 1, where `to` is shorter there). */
static int copy_known(void *user, int site_id, int64_t first, const struct pb_view *to)
{
	const struct known *k = user;
	struct pb_device *device = k->engine->plan->device;
	const struct pb_view *known = pb_cache_get(&k->base->cache, site_id, PB_FORWARD);
	struct pb_view from, part;
	int rc = known ? 0 : pb_fail(PB_E_INTERNAL, "the base's activations are not known");
	const int64_t n_cells = to->shape[0] / k->examples, first_cell = first / k->examples;
	for (int64_t c = 0, n; !rc && c < n_cells; c += n) {
		int64_t probe = (int64_t)k->cells[first_cell + c].probe;
		n = same_probe(k->cells + first_cell, c, n_cells - c);
		rc = pb_view_slice(known, 0, probe * k->examples, k->examples, &from);
		if (!rc)
			rc = pb_view_slice(&from, 1, 0, to->shape[1], &from);
		if (!rc)
			rc = pb_view_slice(to, 0, c * k->examples, n * k->examples, &part);
		if (rc)
			break;
		part = by_cell(&part, n, k->examples, false);
		from = by_cell(&from, n, k->examples, true);
		rc = pb_view_copy(device, &part, &from);
	}
	return rc;
}

static int fill_tail(void *user, int site_id, const struct pb_view *whole)
{
	return copy_known(user, site_id, 0, whole);
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

/* Back from the cells' losses. */
static int backward(struct pb_fast *e, const struct pb_fast_passage *way, struct pb_var *logits,
		    struct pb_fast_cell *cells, size_t n, struct pb_arena *arena)
{
	struct pb_view slope;
	int rc = pb_tensor_new(&way->tape->pool, way->tape->dtype, 2, logits->value.shape, &slope);
	if (!rc)
		rc = seed(e, cells, n, &slope, arena);
	if (!rc)
		rc = pb_tape_backward(way->tape, logits, &slope);
	way->tape->sink = NULL;
	if (!rc)
		rc = pb_factors_settle(way->factors);
	return rc ? rc : take_gradients(e, way->factors, cells, n);
}

int pb_fast_pass(struct pb_fast *e, struct pb_fast_passage *way, struct pb_fast_cell *cells, size_t n,
		 struct pb_arena *arena)
{
	const struct pb_examples *x = cells[0].examples;
	const int64_t positions = way->short_of_tail ? scored_positions(cells, n) : x->n_pos;
	struct known known = {e, way->base, cells, x->n_examples};
	struct pb_tail tail = {.positions = x->n_pos, .fill = fill_tail, .user = &known};
	struct pb_late late = {NULL, copy_known, &known};
	struct pb_forward pass = {.tape = way->tape, .bus = &e->bus, .weights = &e->weights->weights};
	struct pb_var *logits;
	int rc = 0;
	if (way->factors)
		rc = pb_factors_begin(way->factors, way->tape, e->plan->model.table.n, (int64_t)n, x->n_examples);
	else
		pb_tape_reset(way->tape, NULL);
	if (!rc && way->base) {
		late.active = active(e, cells, n);
		pass.late = &late;
		rc = late.active ? 0 : -PB_E_NOMEM;
	}
	if (!rc)
		rc = lay_out(way->tape, cells, n, positions, &pass);
	e->bus.tail = positions < x->n_pos ? &tail : NULL;
	if (!rc && e->bus.tail)
		rc = pb_tail_open(&tail, way->tape);
	if (!rc)
		rc = pb_model_forward(&e->plan->model, &pass, &logits);
	int64_t rows = pass.n_rows / (int64_t)n;
	for (size_t c = 0; !rc && c < n; c++)
		rc = pb_view_slice(&logits->value, 0, (int64_t)c * rows, rows, &cells[c].logits);
	if (!rc && way->factors)
		rc = backward(e, way, logits, cells, n, arena);
	if (!rc && e->bus.tail)
		rc = pb_tail_settle(&tail, way->tape);
	e->bus.tail = NULL;
	way->tail_written = tail.written;
	return rc;
}
