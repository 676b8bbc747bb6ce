/* drill.c: drill-downs as drilldown.csv and in results.json. */
#include "report/csv.h"
#include "report/output.h"
#include "report/report.h"
#include "report/table.h"

int pb_report_write_drills(const char *dir, const struct pb_result_run *run)
{
	static const char *const names[] = {"weights", "share", "step", "level", "set", "score", "parameters", "cells"};
	struct pb_csv csv = {0};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		pb_csv_string(&csv, names[i]);
	pb_csv_end_row(&csv);
	for (size_t d = 0; d < run->n_drills; d++)
		for (size_t i = 0; i < run->drills[d].n_steps; i++) {
			const struct pb_result_drill_step *step = &run->drills[d].steps[i];
			pb_csv_string(&csv, run->drills[d].weights);
			pb_csv_real(&csv, run->drills[d].share);
			pb_csv_int(&csv, (int64_t)i);
			pb_csv_int(&csv, step->level);
			pb_csv_string(&csv, step->set);
			pb_csv_real(&csv, step->score);
			pb_csv_int(&csv, step->parameters);
			pb_csv_int(&csv, step->cells);
			pb_csv_end_row(&csv);
		}
	int rc = pb_output_save(&csv.text, dir, NULL, "drilldown", "csv");
	pb_text_finish(&csv.text);
	return rc;
}

static void add_step(struct pb_json *json, const struct pb_result_drill_step *step)
{
	pb_json_open(json, NULL, '{');
	pb_json_int(json, "level", step->level);
	pb_json_string(json, "set", step->set);
	pb_json_real(json, "score", step->score);
	pb_json_int(json, "parameters", step->parameters);
	pb_json_int(json, "cells", step->cells);
	pb_json_close(json, '}');
}

static void add_part(struct pb_json *json, const struct pb_result_drill_part *part)
{
	pb_json_open(json, NULL, '{');
	pb_json_string(json, "name", part->name);
	pb_json_int(json, "parameters", part->parameters);
	pb_json_real(json, "without", part->without);
	pb_json_close(json, '}');
}

static void add_drill(struct pb_json *json, const struct pb_result_drill *drill)
{
	pb_json_open(json, NULL, '{');
	pb_json_string(json, "weights", drill->weights);
	pb_json_real(json, "share", drill->share);
	pb_json_string(json, "base", drill->base);
	pb_json_int(json, "units", drill->n_units);
	pb_json_int(json, "parameters", drill->parameters);
	pb_json_int(json, "cells", drill->cells);
	pb_json_real(json, "seconds", drill->seconds);
	pb_json_string(json, "note", drill->note);
	pb_json_open(json, "steps", '[');
	for (size_t i = 0; i < drill->n_steps; i++)
		add_step(json, &drill->steps[i]);
	pb_json_close(json, ']');
	pb_json_open(json, "parts", '[');
	for (size_t i = 0; i < drill->n_parts; i++)
		add_part(json, &drill->parts[i]);
	pb_json_close(json, ']');
	pb_json_close(json, '}');
}

void pb_table_add_drills(struct pb_json *json, const char *key, const struct pb_result_run *run)
{
	pb_json_open(json, key, '[');
	for (size_t i = 0; i < run->n_drills; i++)
		add_drill(json, &run->drills[i]);
	pb_json_close(json, ']');
}
