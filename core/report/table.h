/* table.h: results as JSON values, shared by the files and the page. */
#ifndef PB_REPORT_TABLE_H
#define PB_REPORT_TABLE_H

#include "report/json.h"
#include "report/result.h"

void pb_table_add_sweep(struct pb_json *json, const char *key, const struct pb_result_sweep *sweep);
/* Of a stage with more than max_points points, every so many-th and the last. */
void pb_table_add_run(struct pb_json *json, const char *key, const struct pb_result_run *run, size_t max_points);
void pb_table_add_strings(struct pb_json *json, const char *key, const char *const *strings, size_t count);
void pb_similarity_add(struct pb_json *json, const char *key, const struct pb_result_similarity *similarity);
int pb_table_write_npz(const char *dir, const struct pb_result_sweep *sweep);

#endif
