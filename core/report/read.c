/* read.c: results.json back into a run, to draw a report again or to put runs together. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "report/reader.h"
#include "report/report.h"
#include "report/table.h"

static const size_t max_size = (size_t)1 << 30;

static void read_stage(struct pb_reader *r, const json_t *object, struct pb_result_stage *stage)
{
	*stage = (struct pb_result_stage){.name = pb_reader_name(r, object, "name"),
	                                  .x_label = pb_reader_name(r, object, "x_label"),
	                                  .stopped = pb_reader_text(r, object, "stopped"),
	                                  .seconds = pb_reader_real(r, object, "seconds")};
	pb_reader_list(r, object, "x", &stage->n_points);
	stage->x = pb_reader_reals(r, object, "x", stage->n_points);
	const json_t *list = pb_reader_list(r, object, "series", &stage->n_series);
	struct pb_result_series *series = pb_reader_take(r, stage->n_series, sizeof *series);
	for (size_t s = 0; s < stage->n_series && !r->rc; s++) {
		const json_t *item = json_array_get(list, s);
		series[s].name = pb_reader_name(r, item, "name");
		series[s].values = pb_reader_reals(r, item, "values", stage->n_points);
	}
	stage->series = series;
}

static void read_units(struct pb_reader *r, const json_t *object, struct pb_result_units *table)
{
	*table = (struct pb_result_units){.metric = pb_reader_name(r, object, "metric"),
	                                  .label_before = pb_reader_name(r, object, "label_before"),
	                                  .label_after = pb_reader_name(r, object, "label_after"),
	                                  .selected = pb_reader_int_of(r, "selected", json_object_get(object, "selected"))};
	const json_t *list = pb_reader_list(r, object, "units", &table->n_units);
	struct pb_result_unit *units = pb_reader_take(r, table->n_units, sizeof *units);
	for (size_t i = 0; i < table->n_units && !r->rc; i++) {
		const json_t *item = json_array_get(list, i);
		units[i] = (struct pb_result_unit){.name = pb_reader_name(r, item, "name"),
		                                   .set = pb_reader_text(r, item, "set"),
		                                   .before = pb_reader_real(r, item, "before"),
		                                   .after = pb_reader_real(r, item, "after")};
	}
	table->units = units;
}

static void read_probe(struct pb_reader *r, const json_t *object, bool one_of_several, struct pb_result_probe *probe)
{
	*probe = (struct pb_result_probe){
	        .unit = pb_reader_name(r, object, "unit"),
	        .clean = pb_reader_name(r, object, "clean"),
	        .corrupted = pb_reader_name(r, object, "corrupted"),
	        .metric_before = pb_reader_real(r, object, "metric_before"),
	        .metric_clean = pb_reader_real(r, object, "metric_clean"),
	        .metric_corrupted = pb_reader_real(r, object, "metric_corrupted"),
	        .loss_clean = pb_reader_real(r, object, "loss_clean"),
	        .loss_corrupted = pb_reader_real(r, object, "loss_corrupted"),
	        .grad_norm_clean = pb_reader_real(r, object, "grad_norm_clean"),
	        .grad_norm_corrupted = pb_reader_real(r, object, "grad_norm_corrupted"),
	        .weights = one_of_several ? pb_reader_text(r, object, "weights") : NULL,
	        .set = one_of_several ? pb_reader_text(r, object, "set") : NULL,
	};
}

/* The one, or all. */
static void read_probes(struct pb_reader *r, const json_t *object, struct pb_result_run *run)
{
	const json_t *one = json_object_get(object, "probe");
	bool is_one = one && !json_is_null(one);
	const json_t *list = json_object_get(object, "probes") ? pb_reader_list(r, object, "probes", &run->n_probes) : NULL;
	struct pb_result_probe *probes = pb_reader_take(r, run->n_probes + 1, sizeof *probes);
	if (is_one && !r->rc)
		read_probe(r, one, false, probes);
	for (size_t i = 0; i < run->n_probes && !r->rc; i++)
		read_probe(r, json_array_get(list, i), true, &probes[i]);
	run->probe = is_one ? probes : NULL;
	run->probes = probes;
}

static void read_environment(struct pb_reader *r, const json_t *object, struct pb_result_run *run)
{
	const json_t *list = pb_reader_list(r, object, "environment", &run->n_environment);
	struct pb_result_pair *pairs = pb_reader_take(r, run->n_environment, sizeof *pairs);
	for (size_t i = 0; i < run->n_environment && !r->rc; i++) {
		const json_t *pair = json_array_get(list, i);
		pairs[i].name = pb_reader_text_of(r, "environment", json_array_get(pair, 0));
		pairs[i].value = pb_reader_text_of(r, "environment", json_array_get(pair, 1));
	}
	run->environment = pairs;
}

static void read_sweeps(struct pb_reader *r, const json_t *object, struct pb_result_run *run)
{
	const json_t *list = pb_reader_list(r, object, "sweeps", &run->n_sweeps);
	struct pb_result_sweep *sweeps = pb_reader_take(r, run->n_sweeps, sizeof *sweeps);
	for (size_t i = 0; i < run->n_sweeps && !r->rc; i++)
		pb_read_sweep(r, json_array_get(list, i), &sweeps[i]);
	run->sweeps = sweeps;
}

static void read_drill(struct pb_reader *r, const json_t *item, struct pb_result_drill *drill)
{
	size_t n_steps, n_parts;
	const json_t *step_list = pb_reader_list(r, item, "steps", &n_steps), *part_list = pb_reader_list(r, item, "parts", &n_parts);
	struct pb_result_drill_step *steps = pb_reader_take(r, n_steps, sizeof *steps);
	struct pb_result_drill_part *parts = pb_reader_take(r, n_parts, sizeof *parts);
	for (size_t i = 0; i < n_steps && !r->rc; i++) {
		const json_t *step = json_array_get(step_list, i);
		steps[i] = (struct pb_result_drill_step){
		        .level = pb_reader_int_of(r, "level", json_object_get(step, "level")),
		        .set = pb_reader_name(r, step, "set"),
		        .score = pb_reader_real(r, step, "score"),
		        .parameters = pb_reader_int_of(r, "parameters", json_object_get(step, "parameters")),
		        .cells = pb_reader_int_of(r, "cells", json_object_get(step, "cells")),
		};
	}
	for (size_t i = 0; i < n_parts && !r->rc; i++) {
		const json_t *part = json_array_get(part_list, i);
		parts[i] = (struct pb_result_drill_part){pb_reader_name(r, part, "name"),
		                                         pb_reader_int_of(r, "parameters", json_object_get(part, "parameters")),
		                                         pb_reader_real(r, part, "without")};
	}
	*drill = (struct pb_result_drill){
	        .weights = pb_reader_text(r, item, "weights"),
	        .share = pb_reader_real(r, item, "share"),
	        .base = pb_reader_name(r, item, "base"),
	        .n_units = pb_reader_int_of(r, "units", json_object_get(item, "units")),
	        .parameters = pb_reader_int_of(r, "parameters", json_object_get(item, "parameters")),
	        .n_steps = n_steps,
	        .steps = steps,
	        .n_parts = n_parts,
	        .parts = parts,
	        .note = pb_reader_text(r, item, "note"),
	        .cells = pb_reader_int_of(r, "cells", json_object_get(item, "cells")),
	        .seconds = pb_reader_real(r, item, "seconds"),
	};
}

static void read_drills(struct pb_reader *r, const json_t *object, struct pb_result_run *run)
{
	if (!json_object_get(object, "drilldown"))
		return;
	const json_t *list = pb_reader_list(r, object, "drilldown", &run->n_drills);
	struct pb_result_drill *drills = pb_reader_take(r, run->n_drills, sizeof *drills);
	for (size_t i = 0; i < run->n_drills && !r->rc; i++)
		read_drill(r, json_array_get(list, i), &drills[i]);
	run->drills = drills;
}

static void read_stages(struct pb_reader *r, const json_t *object, struct pb_result_run *run)
{
	const json_t *list = pb_reader_list(r, object, "stages", &run->n_stages);
	struct pb_result_stage *stages = pb_reader_take(r, run->n_stages, sizeof *stages);
	for (size_t i = 0; i < run->n_stages && !r->rc; i++)
		read_stage(r, json_array_get(list, i), &stages[i]);
	run->stages = stages;
}

static void read_tables(struct pb_reader *r, const json_t *object, struct pb_result_run *run)
{
	const json_t *list = pb_reader_list(r, object, "units", &run->n_units);
	struct pb_result_units *tables = pb_reader_take(r, run->n_units, sizeof *tables);
	for (size_t i = 0; i < run->n_units && !r->rc; i++)
		read_units(r, json_array_get(list, i), &tables[i]);
	run->units = tables;
}

/* One matrix for each parameter. */
static void read_matrices(struct pb_reader *r, const json_t *object, const char *key, size_t n_params, size_t size,
                          double *out)
{
	size_t count;
	const json_t *list = pb_reader_list(r, object, key, &count);
	if (!r->rc && count != n_params)
		pb_reader_fail(r, key, "as long as the list of parameters");
	for (size_t p = 0; p < n_params && !r->rc; p++) {
		const json_t *matrix = json_array_get(list, p);
		if (json_array_size(matrix) != size)
			pb_reader_fail(r, key, "matrices of examples by examples");
		for (size_t i = 0; i < size && !r->rc; i++)
			out[p * size + i] = pb_reader_real_of(r, key, json_array_get(matrix, i));
	}
}

static const struct pb_result_similarity *read_similarity(struct pb_reader *r, const json_t *object)
{
	struct pb_result_similarity *s = object ? pb_reader_take(r, 1, sizeof *s) : NULL;
	if (!s)
		return NULL;
	s->loss = pb_reader_name(r, object, "loss");
	const json_t *list = pb_reader_list(r, object, "examples", &s->n);
	struct pb_result_example *examples = pb_reader_take(r, s->n, sizeof *examples);
	for (size_t i = 0; i < s->n && !r->rc; i++) {
		const json_t *item = json_array_get(list, i);
		examples[i] = (struct pb_result_example){pb_reader_name(r, item, "label"), pb_reader_name(r, item, "text"),
		                                         pb_reader_real(r, item, "loss"), pb_reader_real(r, item, "grad_norm")};
	}
	s->examples = examples;
	s->params = pb_reader_texts(r, object, "parameters", &s->n_params);
	size_t size = s->n * s->n;
	double *cosine = pb_reader_take(r, (1 + s->n_params) * size, sizeof *cosine);
	double *dots = pb_reader_take(r, s->n_params * size, sizeof *dots);
	const double *in_all = pb_reader_reals(r, object, "cosine", size);
	if (r->rc)
		return NULL;
	memcpy(cosine, in_all, size * sizeof *cosine);
	read_matrices(r, object, "cosine_by_parameter", s->n_params, size, cosine + size);
	read_matrices(r, object, "dot_by_parameter", s->n_params, size, dots);
	s->cosine = cosine;
	s->dots = dots;
	return s;
}

/* Absent where nothing was estimated. */
static void read_parts(struct pb_reader *r, const json_t *object, struct pb_result_run *run)
{
	if (!json_object_get(object, "parts"))
		return;
	const json_t *list = pb_reader_list(r, object, "parts", &run->n_parts);
	struct pb_result_part *parts = pb_reader_take(r, run->n_parts, sizeof *parts);
	for (size_t i = 0; i < run->n_parts && !r->rc; i++) {
		const json_t *item = json_array_get(list, i);
		parts[i] = (struct pb_result_part){.unit = pb_reader_name(r, item, "unit"),
		                                   .param = pb_reader_name(r, item, "parameter"),
		                                   .clean = pb_reader_real(r, item, "clean"),
		                                   .corrupted = pb_reader_real(r, item, "corrupted")};
	}
	run->parts = parts;
}

static void read_run(struct pb_reader *r, const json_t *object, struct pb_result_run *run)
{
	*run = (struct pb_result_run){
	        .name = pb_reader_name(r, object, "name"),
	        .question = pb_reader_text(r, object, "question"),
	        .version = pb_reader_text(r, object, "version"),
	        .date = pb_reader_text(r, object, "date"),
	        .config = pb_reader_text(r, object, "config"),
	        .seconds = pb_reader_real(r, object, "seconds"),
	};
	read_probes(r, object, run);
	run->notes = pb_reader_texts(r, object, "notes", &run->n_notes);
	run->similarity = read_similarity(r, json_object_get(object, "similarity"));
	read_parts(r, object, run);
	pb_read_probed(r, object, run);
	read_sweeps(r, object, run);
	read_drills(r, object, run);
	read_stages(r, object, run);
	read_tables(r, object, run);
	read_environment(r, object, run);
}

/* NULL: the reader's rc says why. */
static json_t *load(struct pb_reader *r)
{
	void *data;
	size_t size;
	json_error_t error;
	r->rc = pb_file_read(r->path, max_size, &data, &size);
	if (r->rc < 0)
		return NULL;
	json_t *json = json_loadb(data, size, 0, &error);
	free(data);
	if (!json)
		r->rc = pb_fail(PB_E_FORMAT, "%s:%d:%d: not JSON: %s", r->path, error.line, error.column, error.text);
	return json;
}

int pb_report_read_run(const char *path, struct pb_arena *arena, struct pb_result_run *ret_run)
{
	struct pb_result_run run;
	struct pb_reader reader = {.path = path, .arena = arena};
	json_t *json = load(&reader);
	if (!json)
		return reader.rc;
	read_run(&reader, json, &run);
	json_decref(json);
	if (!reader.rc)
		*ret_run = run;
	return reader.rc;
}

int pb_report_read_sweep(const char *path, struct pb_arena *arena, struct pb_result_sweep *ret_sweep)
{
	struct pb_result_sweep sweep;
	struct pb_reader reader = {.path = path, .arena = arena};
	json_t *json = load(&reader);
	if (!json)
		return reader.rc;
	pb_read_sweep(&reader, json, &sweep);
	json_decref(json);
	if (!reader.rc)
		*ret_sweep = sweep;
	return reader.rc;
}
