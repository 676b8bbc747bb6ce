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

static int write_csv(const char *dir, const struct pb_result_sweep *sweep)
{
	struct pb_csv csv = {0};
	for (size_t a = 0; a < sweep->n_axes; a++) {
		struct pb_text index = {0};
		pb_csv_string(&csv, sweep->axes[a].name);
		pb_text_add(&index, "%s_index", sweep->axes[a].name);
		if (needs_index(&sweep->axes[a]))
			pb_csv_string(&csv, index.data);
		csv.text.failed |= index.failed;
		pb_text_finish(&index);
	}
	for (size_t i = 0; i < pb_n_columns(sweep); i++)
		pb_csv_string(&csv, pb_columns[i].name);
	pb_csv_end_row(&csv);
	for (size_t c = 0; c < sweep->n_cells; c++) {
		const struct pb_result_cell *cell = &sweep->cells[c];
		for (size_t a = 0; a < sweep->n_axes; a++) {
			pb_csv_string(&csv, sweep->axes[a].labels[cell->index[a]]);
			if (needs_index(&sweep->axes[a]))
				pb_csv_int(&csv, cell->index[a]);
		}
		for (size_t i = 0; i < pb_n_columns(sweep); i++)
			add_csv_number(&csv, &pb_columns[i], cell);
		pb_csv_end_row(&csv);
	}
	int rc = pb_output_save(&csv.text, dir, "sweeps", sweep->file, "csv");
	pb_text_finish(&csv.text);
	return rc;
}

static void add_json_column(struct pb_json *json, const struct pb_column *column, const struct pb_result_sweep *sweep)
{
	pb_json_open_row(json, column->name);
	for (size_t c = 0; c < sweep->n_cells; c++) {
		void *value = pb_column_of(column, &sweep->cells[c]);
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

void pb_table_add_sweep(struct pb_json *json, const char *key, const struct pb_result_sweep *sweep)
{
	pb_json_open(json, key, '{');
	pb_json_string(json, "name", sweep->name);
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
	/* Each list is row-major over the axes. */
	pb_json_open(json, "cells", '{');
	for (size_t i = 0; i < pb_n_columns(sweep); i++)
		add_json_column(json, &pb_columns[i], sweep);
	pb_json_close(json, '}');
	pb_json_close(json, '}');
}

static int write_json(const char *dir, const struct pb_result_sweep *sweep)
{
	struct pb_json json = {0};
	pb_table_add_sweep(&json, NULL, sweep);
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
	return rc;
}
