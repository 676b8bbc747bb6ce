/* read_sweep.c: a sweep of results.json. */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/status.h"
#include "report/column.h"
#include "report/reader.h"
#include "report/table.h"

static const double most_members = 9007199254740992.0; /* beyond, reals do not count */

static void read_axes(struct pb_reader *r, const json_t *object, struct pb_result_sweep *sweep)
{
	size_t count;
	const json_t *list = pb_reader_list(r, object, "axes", &count);
	struct pb_result_axis *axes = pb_reader_take(r, count, sizeof *axes);
	for (size_t a = 0; a < count && !r->rc; a++) {
		const json_t *item = json_array_get(list, a);
		size_t n;
		axes[a].name = pb_reader_name(r, item, "name");
		axes[a].labels = pb_reader_texts(r, item, "labels", &n);
		axes[a].n = (int64_t)n;
	}
	sweep->axes = axes;
	sweep->n_axes = r->rc ? 0 : count;
}

static void read_column(struct pb_reader *r, const json_t *list, const struct pb_column *column,
                        const struct pb_result_cell *cell, size_t at)
{
	const json_t *item = json_array_get(list, at);
	void *value = pb_column_of(column, cell);
	switch (column->type) {
	case PB_COLUMN_REAL: *(double *)value = pb_reader_real_of(r, column->name, item); break;
	case PB_COLUMN_INT: *(int64_t *)value = pb_reader_int_of(r, column->name, item); break;
	case PB_COLUMN_BOOL: *(bool *)value = json_is_true(item); break;
	}
}

static void set_index(const struct pb_result_sweep *sweep, size_t cell, int64_t *index)
{
	for (size_t a = sweep->n_axes; a-- > 0;) {
		index[a] = (int64_t)(cell % (size_t)sweep->axes[a].n);
		cell /= (size_t)sweep->axes[a].n;
	}
}

/* How many cells there are is what the first column says; that it fits the axes is checked at the end. */
static const struct pb_result_cell *read_cells(struct pb_reader *r, const json_t *object,
					       const struct pb_result_sweep *sweep, size_t *ret_count)
{
	const json_t *columns = json_object_get(object, "cells");
	size_t count, n;
	pb_reader_list(r, columns, pb_columns[0].name, &count);
	struct pb_result_cell *cells = pb_reader_take(r, count, sizeof *cells);
	for (size_t i = 0; i < pb_n_columns(sweep) && !r->rc; i++) {
		const json_t *list = pb_reader_list(r, columns, pb_columns[i].name, &n);
		if (!r->rc && n != count)
			pb_reader_fail(r, pb_columns[i].name, "as long as the other columns");
		for (size_t c = 0; c < count && !r->rc; c++)
			read_column(r, list, &pb_columns[i], &cells[c], c);
	}
	for (size_t a = 0; a < sweep->n_axes && !r->rc; a++)
		if (count && !sweep->axes[a].n)
			pb_reader_fail(r, "labels", "as many as there are cells");
	for (size_t c = 0; c < count && !r->rc; c++) {
		int64_t *index = pb_reader_take(r, sweep->n_axes, sizeof *index);
		cells[c].index = index;
		if (index)
			set_index(sweep, c, index);
	}
	*ret_count = r->rc ? 0 : count;
	return cells;
}

static const struct pb_result_spread *read_spreads(struct pb_reader *r, const json_t *object, const char *key, size_t n)
{
	const json_t *spreads = json_object_get(object, key);
	struct pb_result_spread *items = pb_reader_take(r, n, sizeof *items);
	for (size_t i = 0; i < pb_members_n_numbers && !r->rc; i++) {
		const struct pb_members_number *what = &pb_members_numbers[i];
		bool count = !strcmp(what->name, "count");
		const double *values = pb_reader_reals(r, spreads, what->name, n);
		for (size_t c = 0; c < n && !r->rc; c++) {
			if (count && !(values[c] >= 0 && values[c] <= most_members))
				pb_reader_fail(r, what->name, "a count");
			else if (count)
				items[c].count = (int64_t)values[c];
			else
				*(double *)((char *)&items[c] + what->offset) = values[c];
		}
	}
	return items;
}

/* Nothing where the sweep is of one unit. */
static const struct pb_result_members *read_members(struct pb_reader *r, const json_t *object,
						    const struct pb_result_sweep *sweep)
{
	size_t n_cells;
	if (!object)
		return NULL;
	struct pb_result_members *over = pb_reader_take(r, 1, sizeof *over);
	if (!over)
		return NULL;
	over->what = pb_reader_name(r, object, "what");
	over->metric = read_spreads(r, object, "metric", sweep->n_cells);
	over->score = read_spreads(r, object, "score", sweep->n_cells);
	const json_t *list = pb_reader_list(r, object, "members", &over->n);
	struct pb_result_member *items = pb_reader_take(r, over->n, sizeof *items);
	for (size_t i = 0; i < over->n && !r->rc; i++) {
		const json_t *item = json_array_get(list, i);
		items[i] = (struct pb_result_member){.name = pb_reader_name(r, item, "name"),
						     .set = pb_reader_text(r, item, "set"),
						     .metric_clean = pb_reader_real(r, item, "metric_clean"),
						     .metric_corrupted = pb_reader_real(r, item, "metric_corrupted"),
						     .score_defined = pb_reader_bool(r, item, "score_defined"),
						     .cells = read_cells(r, item, sweep, &n_cells)};
		if (!r->rc && n_cells != sweep->n_cells)
			pb_reader_fail(r, "cells", "as many as the sweep's");
	}
	over->items = items;
	return over;
}

/* Absent where none was asked for. */
static const struct pb_result_estimate *read_estimate(struct pb_reader *r, const json_t *object)
{
	struct pb_result_estimate *estimate = object ? pb_reader_take(r, 1, sizeof *estimate) : NULL;
	if (estimate)
		*estimate = (struct pb_result_estimate){.only = pb_reader_bool(r, object, "only"),
		                                        .before = pb_reader_real(r, object, "before"),
		                                        .clean = pb_reader_real(r, object, "clean"),
		                                        .corrupted = pb_reader_real(r, object, "corrupted"),
		                                        .correlation = pb_reader_real(r, object, "correlation")};
	return estimate;
}

void pb_read_sweep(struct pb_reader *r, const json_t *object, struct pb_result_sweep *sweep)
{
	*sweep = (struct pb_result_sweep){
	        .name = pb_reader_name(r, object, "name"),
	        .weights = json_object_get(object, "weights") ? pb_reader_name(r, object, "weights") : NULL,
	        .file = pb_reader_name(r, object, "file"),
	        .kind = pb_reader_name(r, object, "kind"),
	        .hook = pb_reader_text(r, object, "hook"),
	        .setter = pb_reader_text(r, object, "setter"),
	        .base = pb_reader_text(r, object, "base"),
	        .forward = pb_reader_text(r, object, "forward"),
	        .backward = pb_reader_text(r, object, "backward"),
	        .gradient = pb_reader_text(r, object, "gradient"),
	        .metric = pb_reader_name(r, object, "metric"),
	        .unit = pb_reader_text(r, object, "unit"),
	        .metric_clean = pb_reader_real(r, object, "metric_clean"),
	        .metric_corrupted = pb_reader_real(r, object, "metric_corrupted"),
	        .neutral = pb_reader_real(r, object, "neutral"),
	        .score_defined = pb_reader_bool(r, object, "score_defined"),
	        .seconds = pb_reader_real(r, object, "seconds"),
	        .estimate = read_estimate(r, json_object_get(object, "estimate")),
	};
	sweep->notes = pb_reader_texts(r, object, "notes", &sweep->n_notes);
	read_axes(r, object, sweep);
	sweep->cells = read_cells(r, object, sweep, &sweep->n_cells);
	sweep->over = read_members(r, json_object_get(object, "over"), sweep);
	if (!r->rc)
		r->rc = pb_column_check(sweep);
	if (r->rc == -PB_E_SHAPE)
		pb_fail_in(r->rc, "%s", r->path);
}
