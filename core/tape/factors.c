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

/* The rows of each cell's dy are counted up to the last that is not zero: later positions than the last scored one have
 * none. The groups of a parameter lie side by side in a row. */
static void count_rows(struct pb_factors *f, int id, const struct pb_view *dy, int64_t rows)
{
	f->to_count[f->n_to_count++] = (struct pbk_blocks){
		.x = dy->data,
		.count = f->n_cells,
		.rows = rows,
		.n = dy->shape[0] * dy->shape[2],
		.ld = dy->stride[1],
		.stride = rows * dy->stride[1],
		.used = f->used + (int64_t)id * f->n_cells,
	};
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
	int rc = taken(f, id);
	if (!rc)
		count_rows(f, id, dy, rows);
	for (int64_t c = 0; !rc && c < f->n_cells; c++) {
		struct pb_cell_gradient *g = slot(f, c, id);
		if (!g)
			continue;
		*g = (struct pb_cell_gradient){
			.form = PB_GRADIENT_MATRIX,
			.groups = dy->shape[0],
			.rank = rows,
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
	}
	return rc;
}

/* What waited for the device: biases, ranks, and which gradients are smaller multiplied out. */
int pb_factors_settle(struct pb_factors *f)
{
	const size_t count = (size_t)f->n_cells * (size_t)f->n_params;
	int64_t *used = pb_arena_array(&f->tape->arena, count, sizeof *used);
	if (!used)
		return -PB_E_NOMEM;
	kernels(f)->sum_rows(f->tape->device->context, f->n_to_sum, f->to_sum);
	kernels(f)->rows_used(f->tape->device->context, f->n_to_count, f->to_count);
	kernels(f)->download(f->tape->device->context, used, f->used, count * sizeof *used);
	int rc = pb_device_status(f->tape->device);
	for (size_t i = 0; !rc && i < count; i++) {
		struct pb_cell_gradient *g = &f->items[i];
		if (g->form != PB_GRADIENT_MATRIX)
			continue;
		g->rank = used[i % (size_t)f->n_params * (size_t)f->n_cells + i / (size_t)f->n_params];
		if (g->rank * (g->k + g->n) > g->k * g->n)
			rc = multiply_out(f, g);
	}
	return rc;
}

/* A vector's gradient is as small as one row of its factors: the sum of dy's rows, or of their products with x's. */
static int form_vectors(struct pb_factors *f, int id, const struct pb_view *x, const struct pb_view *dy,
			struct pbk_row_sum *ret_sum)
{
	int64_t rows = dy->shape[0] / f->n_cells, n = dy->shape[1];
	struct pb_view all;
	int rc = taken(f, id);
	if (!rc)
		rc = pb_tensor_new(&f->tape->pool, f->tape->dtype, 2, (int64_t[]){f->n_cells, n}, &all);
	for (int64_t c = 0; !rc && c < f->n_cells; c++) {
		struct pb_cell_gradient *g = slot(f, c, id);
		if (!g)
			continue;
		*g = (struct pb_cell_gradient){.form = PB_GRADIENT_VECTOR, .groups = 1, .rank = 1, .k = 1, .n = n, .lddy = n};
		g->dy = all;
		g->dy.data = pb_view_at(&all, c * n);
	}
	if (!rc)
		*ret_sum = (struct pbk_row_sum){
			false, f->n_cells, rows, n, x ? x->data : dy->data, x ? dy->data : NULL, all.data};
	return rc;
}

static int keep_sum(struct pb_grad_sink *base, int id, const struct pb_view *dy)
{
	struct pb_factors *f = (struct pb_factors *)base;
	int rc = form_vectors(f, id, NULL, dy, &f->to_sum[f->n_to_sum]);
	f->n_to_sum += !rc;
	return rc;
}

static int keep_affine(struct pb_grad_sink *base, int w_id, int b_id, const struct pb_view *x, const struct pb_view *dy)
{
	struct pb_factors *f = (struct pb_factors *)base;
	struct pbk_row_sum sums[2];
	int rc = form_vectors(f, w_id, x, dy, &sums[0]);
	if (!rc)
		rc = form_vectors(f, b_id, NULL, dy, &sums[1]);
	if (!rc)
		kernels(f)->sum_rows(f->tape->device->context, 2, sums);
	return rc;
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
 * each row of dy goes. */
static int place_rows(const struct pb_factors *f, struct pb_cell_gradient *g, const int32_t *ids, int64_t rows, int64_t n,
		      int64_t first, int32_t *ret_place)
{
	int32_t *mine = pb_arena_array(&f->tape->arena, (size_t)rows, sizeof *mine);
	if (!mine)
		return -PB_E_NOMEM;
	*g = (struct pb_cell_gradient){.form = PB_GRADIENT_ROWS, .groups = 1, .n = n, .lddy = n, .ids = mine};
	g->rank = g->k = distinct(ids, rows, mine, ret_place);
	for (int64_t r = 0; r < rows; r++)
		ret_place[r] += (int32_t)first;
	return 0;
}

/* All cells' rows lie one behind the other, those of cells that get no gradient too. */
static int keep_scatter(struct pb_grad_sink *base, int id, const int32_t *ids, const struct pb_view *dy)
{
	struct pb_factors *f = (struct pb_factors *)base;
	int64_t rows = dy->shape[0] / f->n_cells, n = dy->shape[1], total = 0;
	struct pb_view all;
	int32_t *place = pb_arena_array(&f->tape->arena, (size_t)dy->shape[0] + 1, sizeof *place);
	int64_t *first = pb_arena_array(&f->tape->arena, (size_t)f->n_cells, sizeof *first);
	int rc = place && first ? taken(f, id) : -PB_E_NOMEM;
	for (int64_t c = 0; !rc && c < f->n_cells; c++) {
		struct pb_cell_gradient unused, *g = slot(f, c, id);
		g = g ? g : &unused;
		first[c] = total;
		rc = place_rows(f, g, ids + c * rows, rows, n, total, place + c * rows);
		total += rc ? 0 : g->rank;
	}
	if (!rc)
		rc = pb_tensor_zeros(&f->tape->pool, f->tape->dtype, 2, (int64_t[]){total, n}, &all);
	if (rc)
		return rc;
	kernels(f)->scatter_add_rows(f->tape->device->context, dy->shape[0], n, all.data, place, dy->data);
	for (int64_t c = 0; c < f->n_cells; c++) {
		struct pb_cell_gradient *g = slot(f, c, id);
		if (g)
			g->dy = pb_view_over(pb_view_at(&all, first[c] * n), all.dtype, 2, (int64_t[]){g->rank, n});
	}
	return 0;
}

static const struct pb_grad_sink_ops factor_ops = {
	.outer = keep_outer,
	.sum = keep_sum,
	.affine = keep_affine,
	.scatter = keep_scatter,
};

int pb_factors_begin(struct pb_factors *factors, struct pb_tape *tape, int n_params, int64_t n_cells, int64_t examples)
{
	size_t count = (size_t)n_cells * (size_t)n_params;
	*factors = (struct pb_factors){
		.base = {&factor_ops}, .tape = tape, .n_params = n_params, .n_cells = n_cells, .examples = examples};
	pb_tape_reset(tape, &factors->base);
	factors->items = pb_arena_array(&tape->arena, count, sizeof *factors->items);
	factors->to_count = pb_arena_array(&tape->arena, (size_t)n_params, sizeof *factors->to_count);
	factors->to_sum = pb_arena_array(&tape->arena, (size_t)n_params, sizeof *factors->to_sum);
	struct pb_view used; /* whole numbers, which are as wide */
	int rc = factors->items && factors->to_count && factors->to_sum ? 0 : -PB_E_NOMEM;
	if (!rc)
		rc = pb_tensor_zeros(&tape->pool, PB_F64, 1, (int64_t[]){(int64_t)count}, &used);
	factors->used = rc ? NULL : used.data;
	return rc;
}
