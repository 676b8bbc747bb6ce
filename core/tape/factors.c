/* factors.c: a sink that keeps what ops hand over, cell by cell. */
#include "tape/factors.h"

#include "base/status.h"

/* Where a cell's gradient of a parameter goes; NULL where none arrives at any of its examples. */
static struct pb_cell_gradient *slot(const struct pb_factors *f, int64_t cell, int id)
{
	const bool *missed = f->tape->current->missed;
	bool arrived = !missed;
	for (int64_t i = 0; i < f->examples && !arrived; i++)
		arrived = !missed[cell * f->examples + i];
	return arrived ? f->items + cell * f->n_params + id : NULL;
}

/* A parameter takes part once in a pass: all its gradient comes in one call. */
static int taken(const struct pb_factors *f, int id)
{
	for (int64_t c = 0; c < f->n_cells; c++)
		if (f->items[c * f->n_params + id].form != PB_GRADIENT_NONE)
			return pb_fail(PB_E_INTERNAL, "two gradients of parameter %d", id);
	return 0;
}

static const struct pbk_table *kernels(const struct pb_factors *f)
{
	return pb_kernels(f->tape->device, f->tape->dtype);
}

/* Rows of each cell's dy up to the last that is not zero: later positions than the last scored one have none. Beyond
 * the first group an upper bound is enough. */
static int64_t *used_rows(const struct pb_factors *f, const struct pb_view *dy, int64_t rows)
{
	int64_t *used = pb_arena_array(&f->tape->arena, (size_t)f->n_cells, sizeof *used);
	int64_t *group = pb_arena_array(&f->tape->arena, (size_t)f->n_cells, sizeof *group);
	if (!used || !group)
		return NULL;
	for (int64_t g = 0; g < dy->shape[0]; g++) {
		kernels(f)->rows_used(f->tape->device->context, f->n_cells, rows, dy->shape[2],
				      pb_view_at(dy, g * dy->stride[0]), dy->stride[1], rows * dy->stride[1], group);
		for (int64_t c = 0; c < f->n_cells; c++)
			used[c] = group[c] > used[c] ? group[c] : used[c];
	}
	return used;
}

static int multiply_out(const struct pb_factors *f, struct pb_cell_gradient *g)
{
	int rc = pb_tensor_new(&f->tape->pool, f->tape->dtype, 3, (int64_t[]){g->groups, g->k, g->n}, &g->dense);
	if (!rc)
		kernels(f)->gemm_batch(f->tape->device->context, true, false, g->k, g->n, g->rank, 1.0, g->x.data,
				       g->ldx, g->stride_x, g->dy.data, g->lddy, g->stride_dy, 0.0, g->dense.data,
				       g->n, g->k * g->n, g->groups);
	return rc;
}

static int keep_outer(struct pb_grad_sink *base, int id, const struct pb_view *x, const struct pb_view *dy)
{
	struct pb_factors *f = (struct pb_factors *)base;
	int64_t rows = dy->shape[1] / f->n_cells;
	int64_t *used = used_rows(f, dy, rows);
	int rc = used ? taken(f, id) : -PB_E_NOMEM;
	for (int64_t c = 0; !rc && c < f->n_cells; c++) {
		struct pb_cell_gradient *g = slot(f, c, id);
		if (!g)
			continue;
		*g = (struct pb_cell_gradient){
			.form = PB_GRADIENT_MATRIX,
			.groups = dy->shape[0],
			.rank = used[c],
			.k = x->shape[2],
			.n = dy->shape[2],
			.ldx = x->stride[1],
			.lddy = dy->stride[1],
			.stride_x = x->stride[0],
			.stride_dy = dy->stride[0],
			.x = *x,
			.dy = *dy,
		};
		g->x.data = pb_view_at(x, c * rows * x->stride[1]);
		g->dy.data = pb_view_at(dy, c * rows * dy->stride[1]);
		if (g->rank * (g->k + g->n) > g->k * g->n)
			rc = multiply_out(f, g);
	}
	return rc;
}

/* A vector's gradient is formed at once, since it is as small as one row: by `product` with x, or the plain sum. */
static int form_vectors(struct pb_factors *f, int id, const struct pb_view *x, const struct pb_view *dy)
{
	int64_t rows = dy->shape[0] / f->n_cells, n = dy->shape[1];
	struct pb_view all;
	int rc = taken(f, id);
	if (!rc)
		rc = pb_tensor_zeros(&f->tape->pool, f->tape->dtype, 2, (int64_t[]){f->n_cells, n}, &all);
	for (int64_t c = 0; !rc && c < f->n_cells; c++) {
		struct pb_cell_gradient *g = slot(f, c, id);
		if (!g)
			continue;
		*g = (struct pb_cell_gradient){.form = PB_GRADIENT_VECTOR, .groups = 1, .rank = 1, .k = 1, .n = n, .lddy = n};
		g->dy = all;
		g->dy.data = pb_view_at(&all, c * n);
	}
	if (!rc && x)
		kernels(f)->sum_rows_product(f->tape->device->context, f->n_cells, rows, n, x->data, dy->data, all.data);
	else if (!rc)
		kernels(f)->sum_rows(f->tape->device->context, f->n_cells, rows, n, dy->data, all.data);
	return rc;
}

static int keep_sum(struct pb_grad_sink *base, int id, const struct pb_view *dy)
{
	return form_vectors((struct pb_factors *)base, id, NULL, dy);
}

static int keep_product(struct pb_grad_sink *base, int id, const struct pb_view *x, const struct pb_view *dy)
{
	return form_vectors((struct pb_factors *)base, id, x, dy);
}

/* Which distinct ids there are, and which of them each row has. */
static int64_t distinct(const int32_t *ids, int64_t rows, int32_t *ret_ids, int32_t *ret_which)
{
	int64_t n = 0;
	for (int64_t r = 0; r < rows; r++) {
		int64_t i = 0;
		while (i < n && ret_ids[i] != ids[r])
			i++;
		ret_ids[i] = ids[r];
		ret_which[r] = (int32_t)i;
		n += i == n;
	}
	return n;
}

/* One cell's gradient of a table: which rows there are, beginning with row `first` of all cells' (dy comes later), and where
 * each row of dy goes. Those behind `used` are zero and go nowhere (-1). */
static int place_rows(const struct pb_factors *f, struct pb_cell_gradient *g, const int32_t *ids, int64_t rows, int64_t used,
		      int64_t n, int64_t first, int32_t *ret_place)
{
	int32_t *mine = pb_arena_array(&f->tape->arena, (size_t)rows, sizeof *mine);
	for (int64_t r = 0; r < rows; r++)
		ret_place[r] = -1;
	if (!mine)
		return -PB_E_NOMEM;
	*g = (struct pb_cell_gradient){.form = PB_GRADIENT_ROWS, .groups = 1, .n = n, .lddy = n, .ids = mine};
	g->rank = g->k = distinct(ids, used, mine, ret_place);
	for (int64_t r = 0; r < used; r++)
		ret_place[r] += (int32_t)first;
	return 0;
}

/* All cells' rows lie one behind the other; what goes nowhere goes into one row more. */
static int keep_scatter(struct pb_grad_sink *base, int id, const int32_t *ids, const struct pb_view *dy)
{
	struct pb_factors *f = (struct pb_factors *)base;
	int64_t rows = dy->shape[0] / f->n_cells, n = dy->shape[1], total = 0;
	struct pb_view all, dy3 = pb_view_over(dy->data, dy->dtype, 3, (int64_t[]){1, dy->shape[0], n});
	int64_t *used = used_rows(f, &dy3, rows);
	int32_t *place = pb_arena_array(&f->tape->arena, (size_t)dy->shape[0] + 1, sizeof *place);
	int rc = used && place ? taken(f, id) : -PB_E_NOMEM;
	for (int64_t c = 0; !rc && c < f->n_cells; c++) {
		struct pb_cell_gradient unused, *g = slot(f, c, id);
		rc = place_rows(f, g ? g : &unused, ids + c * rows, rows, g ? used[c] : 0, n, total, place + c * rows);
		total += g && !rc ? g->rank : 0;
	}
	for (int64_t r = 0; !rc && r < dy->shape[0]; r++)
		place[r] = place[r] < 0 ? (int32_t)total : place[r];
	if (!rc)
		rc = pb_tensor_zeros(&f->tape->pool, f->tape->dtype, 2, (int64_t[]){total + 1, n}, &all);
	if (rc)
		return rc;
	kernels(f)->scatter_add_rows(f->tape->device->context, dy->shape[0], n, all.data, place, dy->data);
	for (int64_t c = 0, first = 0; c < f->n_cells; c++) {
		struct pb_cell_gradient *g = slot(f, c, id);
		if (!g)
			continue;
		g->dy = pb_view_over(pb_view_at(&all, first * n), all.dtype, 2, (int64_t[]){g->rank, n});
		first += g->rank;
	}
	return 0;
}

static const struct pb_grad_sink_ops factor_ops = {
	.outer = keep_outer,
	.sum = keep_sum,
	.product = keep_product,
	.scatter = keep_scatter,
};

int pb_factors_begin(struct pb_factors *factors, struct pb_tape *tape, int n_params, int64_t n_cells, int64_t examples)
{
	size_t count = (size_t)n_cells * (size_t)n_params;
	*factors = (struct pb_factors){
		.base = {&factor_ops}, .tape = tape, .n_params = n_params, .n_cells = n_cells, .examples = examples};
	pb_tape_reset(tape, &factors->base);
	factors->items = pb_arena_array(&tape->arena, count, sizeof *factors->items);
	return factors->items ? 0 : -PB_E_NOMEM;
}
