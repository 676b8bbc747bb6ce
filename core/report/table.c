/* table.c: one sweep as .csv and .json. */
#include "report/table.h"

#include <string.h>

#include "report/column.h"
#include "report/csv.h"
#include "report/output.h"
#include "report/report.h"

static void add_csv_number(struct pb_csv *csv, const struct pb_column *column, const struct pb_result_cell *cell)
{
	void *value = pb_column_of(column, cell);
	switch (column->type) {
	case PB_COLUMN_REAL: pb_csv_real(csv, *(double *)value); break;
	case PB_COLUMN_INT: pb_csv_int(csv, *(int64_t *)value); break;
	case PB_COLUMN_BOOL: pb_csv_int(csv, *(bool *)value); break;
	}
}

/* Labels such as "alias(71) (1)" are for people: a program wants the position too. */
static bool needs_index(const struct pb_result_axis *axis)
{
	for (int64_t i = 0; i < axis->n; i++)
		if (axis->labels[i][strspn(axis->labels[i], "0123456789")])
			return true;
	return false;
}

void pb_table_add_axis_names(struct pb_csv *csv, const struct pb_result_sweep *sweep)
{
	for (size_t a = 0; a < sweep->n_axes; a++) {
		struct pb_text index = {0};
		pb_csv_string(csv, sweep->axes[a].name);
		pb_text_add(&index, "%s_index", sweep->axes[a].name);
		if (needs_index(&sweep->axes[a]))
			pb_csv_string(csv, index.data);
		csv->text.failed |= index.failed;
		pb_text_finish(&index);
	}
}

void pb_table_add_place(struct pb_csv *csv, const struct pb_result_sweep *sweep, const struct pb_result_cell *cell)
{
	for (size_t a = 0; a < sweep->n_axes; a++) {
		pb_csv_string(csv, sweep->axes[a].labels[cell->index[a]]);
		if (needs_index(&sweep->axes[a]))
			pb_csv_int(csv, cell->index[a]);
	}
}

void pb_table_add_row(struct pb_csv *csv, const struct pb_result_sweep *sweep, const struct pb_result_cell *cell)
{
	for (size_t i = 0; i < pb_n_columns(sweep); i++)
		add_csv_number(csv, &pb_columns[i], cell);
}

static int write_csv(const char *dir, const struct pb_result_sweep *sweep)
{
	struct pb_csv csv = {0};
	pb_table_add_axis_names(&csv, sweep);
	for (size_t i = 0; !sweep->over && i < pb_n_columns(sweep); i++)
		pb_csv_string(&csv, pb_columns[i].name);
	if (sweep->over)
		pb_members_add_names(&csv, sweep);
	pb_csv_end_row(&csv);
	for (size_t c = 0; c < sweep->n_cells; c++) {
		pb_table_add_place(&csv, sweep, &sweep->cells[c]);
		if (sweep->over)
			pb_members_add_row(&csv, sweep, c);
		else
			pb_table_add_row(&csv, sweep, &sweep->cells[c]);
		pb_csv_end_row(&csv);
	}
	int rc = pb_output_save(&csv.text, dir, "sweeps", sweep->file, "csv");
	pb_text_finish(&csv.text);
	return rc;
}

static void add_json_column(struct pb_json *json, const struct pb_column *column, const struct pb_result_cell *cells,
			    size_t n)
{
	pb_json_open_row(json, column->name);
	for (size_t c = 0; c < n; c++) {
		void *value = pb_column_of(column, &cells[c]);
		switch (column->type) {
		case PB_COLUMN_REAL: pb_json_real(json, NULL, *(double *)value); break;
		case PB_COLUMN_INT: pb_json_int(json, NULL, *(int64_t *)value); break;
		case PB_COLUMN_BOOL: pb_json_bool(json, NULL, *(bool *)value); break;
		}
	}
	pb_json_close_row(json);
}

void pb_table_add_strings(struct pb_json *json, const char *key, const char *const *strings, size_t count)
{
	pb_json_open(json, key, '[');
	for (size_t i = 0; i < count; i++)
		pb_json_string(json, NULL, strings[i]);
	pb_json_close(json, ']');
}

static void add_axes(struct pb_json *json, const struct pb_result_sweep *sweep)
{
	pb_json_open(json, "axes", '[');
	for (size_t a = 0; a < sweep->n_axes; a++) {
		const struct pb_result_axis *axis = &sweep->axes[a];
		pb_json_open(json, NULL, '{');
		pb_json_string(json, "name", axis->name);
		pb_json_open_row(json, "labels");
		for (int64_t i = 0; i < axis->n; i++)
			pb_json_string(json, NULL, axis->labels[i]);
		pb_json_close_row(json);
		pb_json_close(json, '}');
	}
	pb_json_close(json, ']');
}

static void add_estimate(struct pb_json *json, const struct pb_result_estimate *estimate)
{
	if (!estimate)
		return;
	pb_json_open(json, "estimate", '{');
	pb_json_bool(json, "only", estimate->only);
	pb_json_real(json, "before", estimate->before);
	pb_json_real(json, "clean", estimate->clean);
	pb_json_real(json, "corrupted", estimate->corrupted);
	pb_json_real(json, "correlation", estimate->correlation);
	pb_json_close(json, '}');
}

/* Each list is row-major over the axes. */
void pb_table_add_cells(struct pb_json *json, const char *key, const struct pb_result_sweep *sweep,
			const struct pb_result_cell *cells, enum pb_table_extent extent)
{
	static const char *const on_page[] = {"metric", "score", "estimate", "estimate_score"};
	pb_json_open(json, key, '{');
	for (size_t i = 0; i < pb_n_columns(sweep); i++) {
		bool wanted = extent == PB_TABLE_ALL;
		for (size_t k = 0; k < sizeof on_page / sizeof *on_page; k++)
			wanted |= !strcmp(pb_columns[i].name, on_page[k]);
		if (wanted)
			add_json_column(json, &pb_columns[i], cells, sweep->n_cells);
	}
	pb_json_close(json, '}');
}

void pb_table_add_sweep(struct pb_json *json, const char *key, const struct pb_result_sweep *sweep,
			enum pb_table_extent extent)
{
	pb_json_open(json, key, '{');
	pb_json_string(json, "name", sweep->name);
	if (sweep->weights)
		pb_json_string(json, "weights", sweep->weights);
	pb_json_string(json, "file", sweep->file);
	pb_json_string(json, "kind", sweep->kind);
	pb_json_string(json, "hook", sweep->hook);
	pb_json_string(json, "setter", sweep->setter);
	pb_json_string(json, "base", sweep->base);
	pb_json_string(json, "forward", sweep->forward);
	pb_json_string(json, "backward", sweep->backward);
	pb_json_string(json, "gradient", sweep->gradient);
	pb_json_string(json, "metric", sweep->metric);
	pb_json_string(json, "unit", sweep->unit);
	pb_json_real(json, "metric_clean", sweep->metric_clean);
	pb_json_real(json, "metric_corrupted", sweep->metric_corrupted);
	pb_json_real(json, "neutral", sweep->neutral);
	pb_json_bool(json, "score_defined", sweep->score_defined);
	pb_json_real(json, "seconds", sweep->seconds);
	pb_table_add_strings(json, "notes", sweep->notes, sweep->n_notes);
	add_estimate(json, sweep->estimate);
	add_axes(json, sweep);
	pb_table_add_cells(json, "cells", sweep, sweep->cells, PB_TABLE_ALL);
	if (sweep->over)
		pb_members_add_json(json, sweep, extent);
	pb_json_close(json, '}');
}

static int write_json(const char *dir, const struct pb_result_sweep *sweep)
{
	struct pb_json json = {0};
	pb_table_add_sweep(&json, NULL, sweep, PB_TABLE_ALL);
	pb_text_add(&json.text, "\n");
	int rc = pb_output_save(&json.text, dir, "sweeps", sweep->file, "json");
	pb_text_finish(&json.text);
	return rc;
}

int pb_report_write_sweep(const char *dir, const struct pb_result_sweep *sweep)
{
	int rc = pb_column_check(sweep);
	if (!rc)
		rc = write_csv(dir, sweep);
	if (!rc)
		rc = write_json(dir, sweep);
	if (!rc)
		rc = pb_table_write_npz(dir, sweep);
	if (!rc && sweep->over)
		rc = pb_members_write_csv(dir, sweep);
	return rc;
}
