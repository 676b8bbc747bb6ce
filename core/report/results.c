/* results.c: curves and units as .csv, and the whole run as results.json. */
#include "report/column.h"
#include "report/csv.h"
#include "report/output.h"
#include "report/report.h"
#include "report/table.h"

/* More points than pixels only make a page heavy; curves/ has them all. */
enum { MAX_POINTS = 1000 };

int pb_report_write_stage(const char *dir, const struct pb_result_stage *stage)
{
	struct pb_csv csv = {0};
	pb_csv_string(&csv, stage->x_label);
	for (size_t s = 0; s < stage->n_series; s++)
		pb_csv_string(&csv, stage->series[s].name);
	pb_csv_end_row(&csv);
	for (size_t i = 0; i < stage->n_points; i++) {
		pb_csv_real(&csv, stage->x[i]);
		for (size_t s = 0; s < stage->n_series; s++)
			pb_csv_real(&csv, stage->series[s].values[i]);
		pb_csv_end_row(&csv);
	}
	int rc = pb_output_save(&csv.text, dir, "curves", stage->name, "csv");
	pb_text_finish(&csv.text);
	return rc;
}

int pb_report_write_units(const char *dir, const struct pb_result_units *units, const char *name)
{
	struct pb_csv csv = {0};
	const char *header[] = {"unit", "set", units->label_before, units->label_after, "selected"};
	for (size_t i = 0; i < sizeof header / sizeof *header; i++)
		pb_csv_string(&csv, header[i]);
	pb_csv_end_row(&csv);
	for (size_t i = 0; i < units->n_units; i++) {
		const struct pb_result_unit *unit = &units->units[i];
		pb_csv_string(&csv, unit->name);
		pb_csv_string(&csv, unit->set);
		pb_csv_real(&csv, unit->before);
		pb_csv_real(&csv, unit->after);
		pb_csv_int(&csv, (int64_t)i == units->selected);
		pb_csv_end_row(&csv);
	}
	int rc = pb_output_save(&csv.text, dir, NULL, name, "csv");
	pb_text_finish(&csv.text);
	return rc;
}

int pb_report_write_parts(const char *dir, const struct pb_result_part *parts, size_t n)
{
	struct pb_csv csv = {0};
	static const char *const header[] = {"unit", "parameter", "clean", "corrupted"};
	for (size_t i = 0; i < sizeof header / sizeof *header; i++)
		pb_csv_string(&csv, header[i]);
	pb_csv_end_row(&csv);
	for (size_t i = 0; i < n; i++) {
		pb_csv_string(&csv, parts[i].unit);
		pb_csv_string(&csv, parts[i].param);
		pb_csv_real(&csv, parts[i].clean);
		pb_csv_real(&csv, parts[i].corrupted);
		pb_csv_end_row(&csv);
	}
	int rc = pb_output_save(&csv.text, dir, NULL, "estimate-parameters", "csv");
	pb_text_finish(&csv.text);
	return rc;
}

int pb_report_write_probes(const char *dir, const struct pb_result_run *run)
{
	static const char *const header[] = {"weights", "unit", "set", "clean", "corrupted", "metric_before",
					     "metric_clean", "metric_corrupted", "loss_clean", "loss_corrupted",
					     "grad_norm_clean", "grad_norm_corrupted"};
	struct pb_csv csv = {0};
	for (size_t i = 0; i < sizeof header / sizeof *header; i++)
		pb_csv_string(&csv, header[i]);
	pb_csv_end_row(&csv);
	for (size_t i = 0; i < run->n_probes; i++) {
		const struct pb_result_probe *p = &run->probes[i];
		const char *const texts[] = {p->weights, p->unit, p->set, p->clean, p->corrupted};
		const double values[] = {p->metric_before, p->metric_clean,    p->metric_corrupted,   p->loss_clean,
					 p->loss_corrupted, p->grad_norm_clean, p->grad_norm_corrupted};
		for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
			pb_csv_string(&csv, texts[k]);
		for (size_t k = 0; k < sizeof values / sizeof *values; k++)
			pb_csv_real(&csv, values[k]);
		pb_csv_end_row(&csv);
	}
	int rc = pb_output_save(&csv.text, dir, NULL, "probes", "csv");
	pb_text_finish(&csv.text);
	return rc;
}

/* Every stride-th value and the last. */
static void add_reals(struct pb_json *json, const char *key, const double *values, size_t count, size_t stride)
{
	pb_json_open_row(json, key);
	for (size_t i = 0; i < count; i += stride)
		pb_json_real(json, NULL, values[i]);
	if (count && (count - 1) % stride)
		pb_json_real(json, NULL, values[count - 1]);
	pb_json_close_row(json);
}

static void add_stage(struct pb_json *json, const struct pb_result_stage *stage, size_t max_points)
{
	size_t n = stage->n_points, stride = n > max_points ? (n + max_points - 1) / max_points : 1;
	pb_json_open(json, NULL, '{');
	pb_json_string(json, "name", stage->name);
	pb_json_string(json, "x_label", stage->x_label);
	pb_json_string(json, "stopped", stage->stopped);
	pb_json_real(json, "seconds", stage->seconds);
	pb_json_int(json, "points", (int64_t)n);
	add_reals(json, "x", stage->x, n, stride);
	pb_json_open(json, "series", '[');
	for (size_t s = 0; s < stage->n_series; s++) {
		pb_json_open(json, NULL, '{');
		pb_json_string(json, "name", stage->series[s].name);
		add_reals(json, "values", stage->series[s].values, n, stride);
		pb_json_close(json, '}');
	}
	pb_json_close(json, ']');
	pb_json_close(json, '}');
}

static void add_units(struct pb_json *json, const struct pb_result_units *units)
{
	pb_json_open(json, NULL, '{');
	pb_json_string(json, "metric", units->metric);
	pb_json_string(json, "label_before", units->label_before);
	pb_json_string(json, "label_after", units->label_after);
	pb_json_int(json, "selected", units->selected);
	pb_json_open(json, "units", '[');
	for (size_t i = 0; i < units->n_units; i++) {
		const struct pb_result_unit *unit = &units->units[i];
		pb_json_open(json, NULL, '{');
		pb_json_string(json, "name", unit->name);
		pb_json_string(json, "set", unit->set);
		pb_json_real(json, "before", unit->before);
		pb_json_real(json, "after", unit->after);
		pb_json_close(json, '}');
	}
	pb_json_close(json, ']');
	pb_json_close(json, '}');
}

static void add_probe(struct pb_json *json, const char *key, const struct pb_result_probe *probe)
{
	if (!probe) {
		pb_json_string(json, key, NULL);
		return;
	}
	pb_json_open(json, key, '{');
	if (!key) {
		pb_json_string(json, "weights", probe->weights);
		pb_json_string(json, "set", probe->set);
	}
	pb_json_string(json, "unit", probe->unit);
	pb_json_string(json, "clean", probe->clean);
	pb_json_string(json, "corrupted", probe->corrupted);
	pb_json_real(json, "metric_before", probe->metric_before);
	pb_json_real(json, "metric_clean", probe->metric_clean);
	pb_json_real(json, "metric_corrupted", probe->metric_corrupted);
	pb_json_real(json, "loss_clean", probe->loss_clean);
	pb_json_real(json, "loss_corrupted", probe->loss_corrupted);
	pb_json_real(json, "grad_norm_clean", probe->grad_norm_clean);
	pb_json_real(json, "grad_norm_corrupted", probe->grad_norm_corrupted);
	pb_json_close(json, '}');
}

static void add_parts(struct pb_json *json, const struct pb_result_run *run)
{
	pb_json_open(json, "parts", '[');
	for (size_t i = 0; i < run->n_parts; i++) {
		pb_json_open(json, NULL, '{');
		pb_json_string(json, "unit", run->parts[i].unit);
		pb_json_string(json, "parameter", run->parts[i].param);
		pb_json_real(json, "clean", run->parts[i].clean);
		pb_json_real(json, "corrupted", run->parts[i].corrupted);
		pb_json_close(json, '}');
	}
	pb_json_close(json, ']');
}

static void add_environment(struct pb_json *json, const struct pb_result_run *run)
{
	pb_json_open(json, "environment", '[');
	for (size_t i = 0; i < run->n_environment; i++) {
		pb_json_open_row(json, NULL);
		pb_json_string(json, NULL, run->environment[i].name);
		pb_json_string(json, NULL, run->environment[i].value);
		pb_json_close_row(json);
	}
	pb_json_close(json, ']');
}

void pb_table_add_run(struct pb_json *json, const char *key, const struct pb_result_run *run,
		      enum pb_table_extent extent)
{
	pb_json_open(json, key, '{');
	pb_json_string(json, "name", run->name);
	pb_json_string(json, "question", run->question);
	pb_json_string(json, "version", run->version);
	pb_json_string(json, "date", run->date);
	pb_json_real(json, "seconds", run->seconds);
	pb_table_add_strings(json, "notes", run->notes, run->n_notes);
	add_probe(json, "probe", run->probe);
	if (run->n_probes)
		pb_json_open(json, "probes", '[');
	for (size_t i = 0; i < run->n_probes; i++)
		add_probe(json, NULL, &run->probes[i]);
	if (run->n_probes)
		pb_json_close(json, ']');
	if (run->similarity)
		pb_similarity_add(json, "similarity", run->similarity);
	if (run->n_parts)
		add_parts(json, run);
	pb_table_add_probed(json, run, extent);
	pb_json_open(json, "sweeps", '[');
	for (size_t i = 0; i < run->n_sweeps; i++)
		pb_table_add_sweep(json, NULL, &run->sweeps[i], extent);
	pb_json_close(json, ']');
	if (run->n_drills)
		pb_table_add_drills(json, "drilldown", run);
	pb_json_open(json, "stages", '[');
	for (size_t i = 0; i < run->n_stages; i++)
		add_stage(json, &run->stages[i], extent == PB_TABLE_ALL ? SIZE_MAX : MAX_POINTS);
	pb_json_close(json, ']');
	pb_json_open(json, "units", '[');
	for (size_t i = 0; i < run->n_units; i++)
		add_units(json, &run->units[i]);
	pb_json_close(json, ']');
	pb_json_string(json, "config", run->config);
	add_environment(json, run);
	pb_json_close(json, '}');
}

int pb_report_write_run(const char *dir, const struct pb_result_run *run)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < run->n_sweeps; i++)
		rc = pb_column_check(&run->sweeps[i]);
	struct pb_json json = {0};
	pb_table_add_run(&json, NULL, run, PB_TABLE_ALL);
	pb_text_add(&json.text, "\n");
	if (!rc)
		rc = pb_output_save(&json.text, dir, NULL, "results", "json");
	pb_text_finish(&json.text);
	return rc;
}
