/* members.c: sweeps over several units (or seeds): statistics per cell, and each unit's own table. */
#include <string.h>

#include "report/column.h"
#include "report/output.h"
#include "report/table.h"

#define COUNT ((size_t)-1)
#define NUMBER(name) {#name, offsetof(struct pb_result_spread, name)}
const struct pb_members_number pb_members_numbers[] = {
	NUMBER(mean), NUMBER(std), NUMBER(low), NUMBER(high), {"count", COUNT}};
const size_t pb_members_n_numbers = sizeof pb_members_numbers / sizeof *pb_members_numbers;

static double number_of(const struct pb_result_spread *spread, size_t i)
{
	return *(const double *)((const char *)spread + pb_members_numbers[i].offset);
}

const char *const *pb_members_columns(const struct pb_result_sweep *sweep)
{
	static const char *const exact[] = {"metric", "score"}, *const estimated[] = {"estimate", "estimate_score"};
	return sweep->estimate && sweep->estimate->only ? estimated : exact;
}

void pb_members_add_names(struct pb_csv *csv, const struct pb_result_sweep *sweep)
{
	const char *const *of = pb_members_columns(sweep);
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < pb_members_n_numbers; i++) {
			struct pb_text name = {0};
			pb_text_add(&name, "%s_%s", of[k], pb_members_numbers[i].name);
			csv->text.failed |= name.failed;
			pb_csv_string(csv, name.data);
			pb_text_finish(&name);
		}
}

void pb_members_add_row(struct pb_csv *csv, const struct pb_result_sweep *sweep, size_t cell)
{
	const struct pb_result_spread *const of[] = {&sweep->over->metric[cell], &sweep->over->score[cell]};
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < pb_members_n_numbers; i++) {
			if (pb_members_numbers[i].offset == COUNT)
				pb_csv_int(csv, of[k]->count);
			else
				pb_csv_real(csv, number_of(of[k], i));
		}
}

int pb_members_write_csv(const char *dir, const struct pb_result_sweep *sweep)
{
	const struct pb_result_members *over = sweep->over;
	struct pb_csv csv = {0};
	struct pb_text file = {0};
	pb_csv_string(&csv, over->what);
	pb_csv_string(&csv, "set");
	pb_table_add_axis_names(&csv, sweep);
	for (size_t i = 0; i < pb_n_columns(sweep); i++)
		pb_csv_string(&csv, pb_columns[i].name);
	pb_csv_end_row(&csv);
	for (size_t k = 0; k < over->n; k++)
		for (size_t c = 0; c < sweep->n_cells; c++) {
			pb_csv_string(&csv, over->items[k].name);
			pb_csv_string(&csv, over->items[k].set);
			pb_table_add_place(&csv, sweep, &sweep->cells[c]);
			pb_table_add_row(&csv, sweep, &over->items[k].cells[c]);
			pb_csv_end_row(&csv);
		}
	pb_text_add(&file, "%s.%ss", sweep->file, over->what);
	int rc = pb_text_status(&file);
	if (!rc)
		rc = pb_output_save(&csv.text, dir, "sweeps", file.data, "csv");
	pb_text_finish(&file);
	pb_text_finish(&csv.text);
	return rc;
}

static void add_spreads(struct pb_json *json, const char *key, const struct pb_result_spread *spreads, size_t n)
{
	pb_json_open(json, key, '{');
	for (size_t i = 0; i < pb_members_n_numbers; i++) {
		pb_json_open_row(json, pb_members_numbers[i].name);
		for (size_t c = 0; c < n; c++) {
			if (pb_members_numbers[i].offset == COUNT)
				pb_json_int(json, NULL, spreads[c].count);
			else
				pb_json_real(json, NULL, number_of(&spreads[c], i));
		}
		pb_json_close_row(json);
	}
	pb_json_close(json, '}');
}

void pb_members_add_json(struct pb_json *json, const struct pb_result_sweep *sweep, enum pb_table_extent extent)
{
	const struct pb_result_members *over = sweep->over;
	pb_json_open(json, "over", '{');
	pb_json_string(json, "what", over->what);
	pb_json_int(json, "n", (int64_t)over->n);
	add_spreads(json, "metric", over->metric, sweep->n_cells);
	add_spreads(json, "score", over->score, sweep->n_cells);
	pb_json_open(json, "members", '[');
	for (size_t i = 0; i < over->n; i++) {
		const struct pb_result_member *m = &over->items[i];
		pb_json_open(json, NULL, '{');
		pb_json_string(json, "name", m->name);
		pb_json_string(json, "set", m->set);
		pb_json_real(json, "metric_clean", m->metric_clean);
		pb_json_real(json, "metric_corrupted", m->metric_corrupted);
		pb_json_bool(json, "score_defined", m->score_defined);
		pb_table_add_cells(json, "cells", sweep, m->cells, extent);
		pb_json_close(json, '}');
	}
	pb_json_close(json, ']');
	pb_json_close(json, '}');
}
