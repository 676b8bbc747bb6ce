/* npz.c: one sweep as arrays that numpy loads, shaped by its axes. */
#include <string.h>

#include "base/arena.h"
#include "ckpt/ckpt.h"
#include "report/column.h"
#include "report/output.h"
#include "report/table.h"

/* One column as an array shaped by the axes; more axes than an array may have become one. */
static int fill_array(struct pb_arena *arena, const struct pb_column *column, const struct pb_result_sweep *sweep,
                      struct pb_ckpt_tensor *ret_array)
{
	static const enum pb_ckpt_dtype dtypes[] = {
	        [PB_COLUMN_REAL] = PB_CKPT_F64, [PB_COLUMN_INT] = PB_CKPT_I64, [PB_COLUMN_BOOL] = PB_CKPT_BOOL};
	static const size_t sizes[] = {
	        [PB_COLUMN_REAL] = sizeof(double), [PB_COLUMN_INT] = sizeof(int64_t), [PB_COLUMN_BOOL] = 1};
	size_t size = sizes[column->type];
	unsigned char *data = pb_arena_array(arena, sweep->n_cells, size);
	if (!data)
		return -PB_E_NOMEM;
	for (size_t c = 0; c < sweep->n_cells; c++)
		memcpy(data + c * size, pb_column_of(column, &sweep->cells[c]), size);
	bool fits = sweep->n_axes <= PB_CKPT_MAX_RANK;
	*ret_array = (struct pb_ckpt_tensor){.name = column->name, .dtype = dtypes[column->type], .data = data};
	ret_array->rank = fits ? (int)sweep->n_axes : 1;
	ret_array->count = (int64_t)sweep->n_cells;
	ret_array->shape[0] = ret_array->count;
	for (size_t a = 0; fits && a < sweep->n_axes; a++)
		ret_array->shape[a] = sweep->axes[a].n;
	return 0;
}

int pb_table_write_npz(const char *dir, const struct pb_result_sweep *sweep)
{
	struct pb_arena arena = {0};
	struct pb_text path = {0};
	struct pb_ckpt_tensor *arrays = pb_arena_array(&arena, pb_n_columns(sweep), sizeof *arrays);
	int rc = arrays ? 0 : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < pb_n_columns(sweep); i++)
		rc = fill_array(&arena, &pb_columns[i], sweep, &arrays[i]);
	if (!rc)
		rc = pb_output_path(dir, "sweeps", sweep->file, "npz", &path);
	if (!rc)
		rc = pb_ckpt_write_npz(path.data, arrays, pb_n_columns(sweep));
	pb_text_finish(&path);
	pb_arena_finish(&arena);
	return rc;
}
