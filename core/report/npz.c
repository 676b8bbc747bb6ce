/* npz.c: one sweep as arrays that numpy loads, shaped by its axes, whose labels are with them. */
#include <string.h>

#include "base/arena.h"
#include "ckpt/ckpt.h"
#include "report/column.h"
#include "report/output.h"
#include "report/table.h"

/* An array over the cells, and in front of them over `n_members` units where that is not 0; more axes than an array
 * may have become one. */
static void shape_array(const struct pb_result_sweep *sweep, size_t n_members, struct pb_ckpt_tensor *array)
{
	int rank = 0;
	bool fits = sweep->n_axes + (n_members > 0) <= PB_CKPT_MAX_RANK;
	array->count = (int64_t)(sweep->n_cells * (n_members ? n_members : 1));
	if (n_members)
		array->shape[rank++] = (int64_t)n_members;
	if (!fits)
		array->shape[rank++] = (int64_t)sweep->n_cells;
	for (size_t a = 0; fits && a < sweep->n_axes; a++)
		array->shape[rank++] = sweep->axes[a].n;
	array->rank = rank;
}

/* One column: of the sweep's cells, or of each unit's. */
static int fill_array(struct pb_arena *arena, const struct pb_column *column, const struct pb_result_sweep *sweep,
		      struct pb_ckpt_tensor *ret_array)
{
	size_t n_members = sweep->over ? sweep->over->n : 0, n = n_members ? n_members : 1;
	static const enum pb_ckpt_dtype dtypes[] = {
		[PB_COLUMN_REAL] = PB_CKPT_F64, [PB_COLUMN_INT] = PB_CKPT_I64, [PB_COLUMN_BOOL] = PB_CKPT_BOOL};
	static const size_t sizes[] = {
		[PB_COLUMN_REAL] = sizeof(double), [PB_COLUMN_INT] = sizeof(int64_t), [PB_COLUMN_BOOL] = 1};
	size_t size = sizes[column->type];
	unsigned char *data = pb_arena_array(arena, n * sweep->n_cells, size);
	if (!data)
		return -PB_E_NOMEM;
	for (size_t k = 0; k < n; k++)
		for (size_t c = 0; c < sweep->n_cells; c++)
			memcpy(data + (k * sweep->n_cells + c) * size,
			       pb_column_of(column, n_members ? &sweep->over->items[k].cells[c] : &sweep->cells[c]),
			       size);
	*ret_array = (struct pb_ckpt_tensor){.name = column->name, .dtype = dtypes[column->type], .data = data};
	shape_array(sweep, n_members, ret_array);
	return 0;
}

/* "score_mean" and the like. */
static int fill_spread(struct pb_arena *arena, const char *of, const struct pb_result_spread *spreads, size_t number,
		       const struct pb_result_sweep *sweep, struct pb_ckpt_tensor *ret_array)
{
	const struct pb_members_number *what = &pb_members_numbers[number];
	bool count = !strcmp(what->name, "count");
	char *data = pb_arena_array(arena, sweep->n_cells, sizeof(double));
	const char *name = pb_arena_printf(arena, "%s_%s", of, what->name);
	if (!data || !name)
		return -PB_E_NOMEM;
	for (size_t c = 0; c < sweep->n_cells; c++)
		memcpy(data + c * sizeof(double),
		       count ? (const char *)&spreads[c].count : (const char *)&spreads[c] + what->offset,
		       sizeof(double));
	*ret_array = (struct pb_ckpt_tensor){.name = name, .dtype = count ? PB_CKPT_I64 : PB_CKPT_F64, .data = data};
	shape_array(sweep, 0, ret_array);
	return 0;
}

static int fill_spreads(struct pb_arena *arena, const struct pb_result_sweep *sweep, struct pb_ckpt_tensor *arrays)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < pb_members_n_numbers; i++) {
		rc = fill_spread(arena, pb_members_columns(sweep)[0], sweep->over->metric, i, sweep, &arrays[i]);
		if (!rc)
			rc = fill_spread(arena, pb_members_columns(sweep)[1], sweep->over->score, i, sweep,
					 &arrays[pb_members_n_numbers + i]);
	}
	return rc;
}

/* `axes`, their names in the arrays' order; `labels_NAME`, those of each axis, and of the units in front of them. */
static int fill_labels(struct pb_arena *arena, const struct pb_result_sweep *sweep, struct pb_ckpt_tensor *arrays)
{
	const size_t members = sweep->over ? 1 : 0, n = sweep->n_axes + members;
	const char **names = pb_arena_array(arena, n, sizeof *names);
	const char **items = pb_arena_array(arena, members ? sweep->over->n : 0, sizeof *items);
	if (!names || !items)
		return -PB_E_NOMEM;
	for (size_t i = 0; members && i < sweep->over->n; i++)
		items[i] = sweep->over->items[i].name;
	for (size_t a = 0; a < n; a++) {
		const struct pb_result_axis *axis = a < members ? NULL : &sweep->axes[a - members];
		names[a] = axis ? axis->name : sweep->over->what;
		const char *label = pb_arena_printf(arena, "labels_%s", names[a]);
		if (!label)
			return -PB_E_NOMEM;
		arrays[1 + a] = pb_ckpt_texts(label, axis ? axis->labels : items,
					      axis ? (size_t)axis->n : sweep->over->n);
	}
	arrays[0] = pb_ckpt_texts("axes", names, n);
	return 0;
}

int pb_table_write_npz(const char *dir, const struct pb_result_sweep *sweep)
{
	struct pb_arena arena = {0};
	struct pb_text path = {0};
	size_t n_columns = pb_n_columns(sweep), n_numbers = n_columns + (sweep->over ? 2 * pb_members_n_numbers : 0);
	size_t n = n_numbers + 1 + sweep->n_axes + (sweep->over ? 1 : 0);
	struct pb_ckpt_tensor *arrays = pb_arena_array(&arena, n, sizeof *arrays);
	int rc = arrays ? 0 : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < n_columns; i++)
		rc = fill_array(&arena, &pb_columns[i], sweep, &arrays[i]);
	if (!rc && sweep->over)
		rc = fill_spreads(&arena, sweep, arrays + n_columns);
	if (!rc)
		rc = fill_labels(&arena, sweep, arrays + n_numbers);
	if (!rc)
		rc = pb_output_path(dir, "sweeps", sweep->file, "npz", &path);
	if (!rc)
		rc = pb_ckpt_write_npz(path.data, arrays, n);
	pb_text_finish(&path);
	pb_arena_finish(&arena);
	return rc;
}
