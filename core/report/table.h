/* table.h: results as JSON values, shared by the files and the page. */
#ifndef PB_REPORT_TABLE_H
#define PB_REPORT_TABLE_H

#include "report/csv.h"
#include "report/json.h"
#include "report/result.h"

/* How much of a run is wanted: all of it, or what a page can show. */
enum pb_table_extent {
	PB_TABLE_ALL,
	PB_TABLE_PAGE, /* of a stage with more than 1000 points every so many-th and the last; metric and score only of the
			* cells of single units; attention to five decimals */
};

void pb_table_add_sweep(struct pb_json *json, const char *key, const struct pb_result_sweep *sweep,
			enum pb_table_extent extent);
void pb_table_add_run(struct pb_json *json, const char *key, const struct pb_result_run *run,
		      enum pb_table_extent extent);
/* The cells of the sweep, or of one of its units, as an object of columns. */
void pb_table_add_cells(struct pb_json *json, const char *key, const struct pb_result_sweep *sweep,
			const struct pb_result_cell *cells, enum pb_table_extent extent);
/* Where a row stands: the cell's label on each axis, and its position where labels are no numbers. */
void pb_table_add_axis_names(struct pb_csv *csv, const struct pb_result_sweep *sweep);
void pb_table_add_place(struct pb_csv *csv, const struct pb_result_sweep *sweep, const struct pb_result_cell *cell);
/* The values of all columns. */
void pb_table_add_row(struct pb_csv *csv, const struct pb_result_sweep *sweep, const struct pb_result_cell *cell);
/* members.c: of a sweep over several units. The statistics of each cell in the table; sweeps/FILE.units.csv: a row for each unit
 * and cell. */
void pb_members_add_names(struct pb_csv *csv, const struct pb_result_sweep *sweep);
void pb_members_add_row(struct pb_csv *csv, const struct pb_result_sweep *sweep, size_t cell);
int pb_members_write_csv(const char *dir, const struct pb_result_sweep *sweep);
void pb_members_add_json(struct pb_json *json, const struct pb_result_sweep *sweep, enum pb_table_extent extent);
/* What is in a spread, by name. */
extern const struct pb_members_number {
	const char *name;
	size_t offset; /* in struct pb_result_spread; -1: the count */
} pb_members_numbers[];
extern const size_t pb_members_n_numbers;
/* The columns that the two spreads are of: metric and score, or their estimates where there is nothing else. */
const char *const *pb_members_columns(const struct pb_result_sweep *sweep);
/* probed.c: patterns and updates, with how many were left out where any were. */
void pb_table_add_probed(struct pb_json *json, const struct pb_result_run *run, enum pb_table_extent extent);
/* drill.c */
void pb_table_add_drills(struct pb_json *json, const char *key, const struct pb_result_run *run);
void pb_table_add_strings(struct pb_json *json, const char *key, const char *const *strings, size_t count);
void pb_similarity_add(struct pb_json *json, const char *key, const struct pb_result_similarity *similarity);
int pb_table_write_npz(const char *dir, const struct pb_result_sweep *sweep);

#endif
