/* updates.c: a piece of one parameter at a time: its gradient, its change by each update, their sums of squares. */
#include "exp/updates.h"

#include <math.h>
#include <stdlib.h>

#include "base/status.h"
#include "exp/adjoint.h"
#include "exp/wants.h"

enum {
	MOST_PROBES = 16,
	MOST_NUMBERS = 200000,
	PIECE = 1 << 14, /* elements: a piece's gradient and changes stay in cache between the kernels */
	PIECE_OF_DEVICE = 1 << 22,
};

/* The sums of squares of a piece, in this order. */
enum { OF_WEIGHT, OF_CLEAN, OF_CORRUPTED, OF_DIFFERENCE, N_SUMS };

struct work {
	const struct pb_plan *plan;
	const struct pb_params *weights;
	const struct pbk_table *k;
	struct pbk_step step; /* that gives the change in place of the new value */
	struct pb_adjoint adjoints[2];
	double grad_scale[2];
	struct pb_pool pool;                /* of a piece */
	struct pb_view change[2], gradient; /* room for a piece */
	int32_t *ids, *grads;               /* [rows of a piece] */
	double *sums;                       /* [pieces of all parameters, N_SUMS] on the device, read when all are there */
	int64_t n_pieces;                   /* measured so far */
};

/* Rows [first, first + rows) of a parameter as a table of rows, n wide; all of one head. */
struct piece {
	int id;
	int64_t n, first, rows;
};

static const struct pb_cell_gradient *gradient_of(const struct work *w, int run, int id)
{
	return &w->adjoints[run].gradients[id];
}

/* The rows' gradients of a matrix, multiplied out: they are in one group of it. */
static const void *multiply(const struct work *w, const struct pb_cell_gradient *g, const struct piece *p)
{
	const struct pbk_gradient m = pb_gradient_group(g, p->first / g->k);
	const int64_t in_group = p->first % g->k;
	const struct pb_view x = {.dtype = g->x.dtype, .data = (void *)m.x};
	const struct pb_view dense = {.dtype = g->dense.dtype, .data = (void *)m.dense};
	if (m.dense)
		return pb_view_at(&dense, in_group * p->n);
	w->k->gemm(w->plan->device->context, true, false, p->rows, p->n, m.rank, 1.0, pb_view_at(&x, in_group), m.ldx,
		   m.dy, m.lddy, 0.0, w->gradient.data, p->n);
	return w->gradient.data;
}

/* Where row `id` of a table is in its gradient; -1: its gradient is zero. */
static int32_t find_row(const struct pb_cell_gradient *g, int64_t id)
{
	if (id < g->rank && g->ids[id] == id) /* a materialised one has all of them, in order */
		return (int32_t)id;
	for (int64_t i = 0; i < g->rank; i++)
		if (g->ids[i] == id)
			return (int32_t)i;
	return -1;
}

/* What one update does to the piece, into change[run]; nothing without a gradient. */
static int make_change(struct work *w, int run, const struct piece *p)
{
	const struct pb_cell_gradient *g = gradient_of(w, run, p->id);
	const struct pb_view *value = &w->weights->views[p->id];
	struct pb_view to = pb_view_over(w->change[run].data, value->dtype, 1, (int64_t[]){p->rows * p->n});
	if (g->form == PB_GRADIENT_NONE)
		return pb_view_fill(w->plan->device, &to, 0.0);
	const void *rows = g->form == PB_GRADIENT_MATRIX ? multiply(w, g, p) : g->dy.data;
	const int32_t first = g->form == PB_GRADIENT_VECTOR ? (int32_t)p->first : 0;
	for (int64_t r = 0; r < p->rows; r++) {
		w->ids[r] = (int32_t)r;
		w->grads[r] = g->form == PB_GRADIENT_ROWS ? find_row(g, p->first + r) : first + (int32_t)r;
	}
	const struct pbk_stepped_rows item = {.rows = p->rows,
					      .n = p->n,
					      .table = pb_view_at(value, p->first * p->n),
					      .g = rows,
					      .host_ids = w->ids,
					      .host_grads = w->grads,
					      .grad_scale = w->grad_scale[run],
					      .present = true,
					      .y = to.data};
	w->k->step_rows(w->plan->device->context, &w->step, false, 1, &item);
	return 0;
}

/* The piece's sums of squares, behind those of the pieces before. */
static int measure(struct work *w, const struct piece *p)
{
	pbk_context *context = w->plan->device->context;
	double *sums = w->sums + N_SUMS * w->n_pieces++;
	const int64_t count = p->rows * p->n;
	const struct pb_view clean = pb_view_over(w->change[0].data, w->weights->dtype, 1, &count);
	const struct pb_view corrupted = pb_view_over(w->change[1].data, w->weights->dtype, 1, &count);
	int rc = make_change(w, 0, p);
	if (!rc)
		rc = make_change(w, 1, p);
	if (rc)
		return rc;
	const struct pbk_vector list[] = {{pb_view_at(&w->weights->views[p->id], p->first * p->n), count},
					  {clean.data, count},
					  {corrupted.data, count}};
	w->k->sum_squares(context, OF_DIFFERENCE, list, sums);
	rc = pb_view_axpy(w->plan->device, &clean, -1.0, &corrupted);
	if (!rc)
		w->k->sum_squares(context, 1, &list[OF_CLEAN], sums + OF_DIFFERENCE);
	return rc;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t piece_size(const struct work *w)
{
	return w->plan->device->backend ? PIECE_OF_DEVICE : PIECE;
}

static int64_t width(const struct pb_param_info *info)
{
	return info->shape[info->rank - 1];
}

static int64_t rows_of_head(const struct pb_param_info *info)
{
	return info->rank == 3 ? info->shape[1] : info->count / width(info);
}

/* Of one head; a row at least. */
static int64_t rows_of_piece(const struct work *w, const struct pb_param_info *info)
{
	const int64_t n = width(info), most = n < piece_size(w) ? piece_size(w) / n : 1;
	return least(most, rows_of_head(info));
}

static int64_t pieces_of(const struct work *w, const struct pb_param_info *info)
{
	const int64_t rows = rows_of_head(info), each = rows_of_piece(w, info);
	return info->count / width(info) / rows * ((rows + each - 1) / each);
}

static int measure_param(struct work *w, int id)
{
	const struct pb_param_info *info = &w->plan->model.table.items[id];
	const int64_t n = width(info), rows = info->count / n, per_head = rows_of_head(info);
	int rc = 0;
	for (int64_t first = 0, taken; !rc && first < rows; first += taken) {
		taken = least(rows_of_piece(w, info), per_head - first % per_head);
		rc = measure(w, &(struct piece){id, n, first, taken});
	}
	return rc;
}

/* The factor that clipping puts on a run's gradient. */
static int clip(struct work *w, int run, struct pb_arena *lists)
{
	const size_t n = (size_t)w->plan->model.table.n;
	const struct pb_cell_gradient **all = pb_arena_array(lists, n, sizeof *all);
	double *squares = pb_arena_array(lists, n, sizeof *squares), total = 0.0;
	int rc = all && squares ? 0 : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < n; i++)
		all[i] = gradient_of(w, run, (int)i);
	if (!rc)
		rc = pb_gradient_dots(w->plan->device, w->plan->config->dtype, n, all, all, squares);
	for (size_t i = 0; !rc && i < n; i++)
		total += squares[i];
	w->grad_scale[run] = pb_optim_clip_factor(sqrt(total), w->plan->update.max_grad_norm);
	return rc;
}

/* For the largest piece of all parameters. */
static int make_room(struct work *w, struct pb_arena *lists)
{
	int64_t most = 1, rows = 1, pieces = 0;
	for (int i = 0; i < w->plan->model.table.n; i++) {
		const struct pb_param_info *info = &w->plan->model.table.items[i];
		pieces += pieces_of(w, info);
		const int64_t own = rows_of_piece(w, info);
		rows = own > rows ? own : rows;
		most = own * width(info) > most ? own * width(info) : most;
	}
	struct pb_view sums, *const rooms[] = {&w->change[0], &w->change[1], &w->gradient};
	int rc = pb_tensor_new(&w->pool, PB_F64, 1, (int64_t[]){pieces * N_SUMS}, &sums);
	for (size_t i = 0; !rc && i < sizeof rooms / sizeof *rooms; i++)
		rc = pb_tensor_new(&w->pool, w->weights->dtype, 1, &most, rooms[i]);
	w->sums = rc ? NULL : sums.data;
	w->ids = pb_arena_array(lists, (size_t)rows, sizeof *w->ids);
	w->grads = pb_arena_array(lists, (size_t)rows, sizeof *w->grads);
	return rc || (w->ids && w->grads) ? rc : -PB_E_NOMEM;
}

static int measure_all(struct work *w, double *const lists[N_SUMS])
{
	const struct pb_param_table *table = &w->plan->model.table;
	int rc = 0;
	for (int id = 0; !rc && id < table->n; id++)
		rc = measure_param(w, id);
	const size_t size = (size_t)w->n_pieces * N_SUMS * sizeof(double);
	double *sums = rc ? NULL : malloc(size);
	if (!sums)
		return rc ? rc : pb_fail_nomem(size, "sums of squares");
	w->k->download(w->plan->device->context, sums, w->sums, size);
	const double *at = sums;
	for (int id = 0; id < table->n; id++) {
		double totals[N_SUMS] = {0};
		for (int64_t piece = 0; piece < pieces_of(w, &table->items[id]); piece++, at += N_SUMS)
			for (int i = 0; i < N_SUMS; i++)
				totals[i] += at[i];
		for (int i = 0; i < N_SUMS; i++)
			lists[i][id] = sqrt(totals[i]);
	}
	free(sums);
	return pb_device_status(w->plan->device);
}

static int make(const struct pb_plan *plan, const struct pb_params *weights, const struct pb_probe_data *probe,
		bool dense, double *const lists[N_SUMS])
{
	struct work w = {.plan = plan,
			 .weights = weights,
			 .k = pb_kernels(plan->device, weights->dtype),
			 .step = pb_optim_first_step(&plan->update)};
	const struct pb_examples *const runs[] = {&probe->clean, &probe->corrupted};
	struct pb_arena arena = {0};
	w.step.decay -= 1.0;
	pb_pool_init(&w.pool, plan->device);
	int rc = make_room(&w, &arena);
	for (int i = 0; !rc && i < 2; i++) {
		rc = pb_adjoint_make(plan, weights, plan->loss, runs[i], NULL, dense, &w.adjoints[i]);
		if (!rc)
			rc = clip(&w, i, &arena);
	}
	if (!rc)
		rc = measure_all(&w, lists);
	for (int i = 0; i < 2; i++)
		pb_adjoint_finish(&w.adjoints[i]);
	pb_pool_finish(&w.pool);
	pb_arena_finish(&arena);
	return rc;
}

/* Lists of a number for each parameter, with their names and sizes filled in. */
static int make_lists(const struct pb_param_table *table, struct pb_arena *arena, struct pb_result_update *u,
		      double *lists[N_SUMS])
{
	const size_t n = (size_t)table->n;
	const char **params = pb_arena_array(arena, n, sizeof *params);
	int64_t *elements = pb_arena_array(arena, n, sizeof *elements);
	double *all = pb_arena_array(arena, N_SUMS * n, sizeof *all);
	if (!params || !elements || !all)
		return -PB_E_NOMEM;
	for (size_t i = 0; i < n; i++) {
		params[i] = pb_arena_strdup(arena, table->items[i].name);
		elements[i] = table->items[i].count;
		if (!params[i])
			return -PB_E_NOMEM;
	}
	for (size_t i = 0; i < N_SUMS; i++)
		lists[i] = all + i * n;
	u->n_params = n;
	u->params = params;
	u->elements = elements;
	u->weight = lists[OF_WEIGHT];
	u->clean = lists[OF_CLEAN];
	u->corrupted = lists[OF_CORRUPTED];
	u->difference = lists[OF_DIFFERENCE];
	return 0;
}

int pb_updates_add(const struct pb_plan *plan, const struct pb_params *weights, const struct pb_probe_data *probe,
		   bool dense, const char *unit, const char *name, struct pb_arena *arena, struct pb_updates *updates)
{
	const size_t numbers = (size_t)plan->model.table.n * (N_SUMS + 1);
	double *lists[N_SUMS];
	if (!pb_wants_updates(plan))
		return 0;
	if (updates->n == MOST_PROBES || (updates->n + 1) * numbers > MOST_NUMBERS) {
		updates->left_out++;
		return 0;
	}
	if (!updates->items)
		updates->items = pb_arena_array(arena, MOST_PROBES, sizeof *updates->items);
	if (!updates->items)
		return -PB_E_NOMEM;
	struct pb_result_update *u = &updates->items[updates->n];
	*u = (struct pb_result_update){.unit = unit, .weights = name};
	int rc = make_lists(&plan->model.table, arena, u, lists);
	if (!rc)
		rc = make(plan, weights, probe, dense, lists);
	if (rc)
		return pb_fail_in(rc, "the sizes of the probe's updates");
	updates->n++;
	return 0;
}
