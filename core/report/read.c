/* read.c: results.json back into a run, to draw a report again or to put runs together. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "report/column.h"
#include "report/report.h"
#include "report/table.h"

static const size_t max_size = (size_t)1 << 30;

/* The first failure sticks and later reads do nothing, so that a caller checks once. */
struct reader {
	const char *path;
	struct pb_arena *arena;
	int rc;
};

static void fail(struct reader *r, const char *key, const char *expected)
{
	if (!r->rc)
		r->rc = pb_fail(PB_E_FORMAT, "%s: \"%s\" should be %s; was it written by patchbay?", r->path, key,
		                expected);
}

static void *take(struct reader *r, size_t count, size_t size)
{
	void *memory = r->rc ? NULL : pb_arena_array(r->arena, count, size);
	if (!memory && !r->rc)
		r->rc = -PB_E_NOMEM;
	return memory;
}

static const char *text_of(struct reader *r, const char *key, const json_t *value)
{
	const char *text = NULL;
	if (json_is_string(value) && !r->rc) {
		text = pb_arena_strdup(r->arena, json_string_value(value));
		if (!text)
			r->rc = -PB_E_NOMEM;
	} else if (!json_is_null(value)) {
		fail(r, key, "a text");
	}
	return text;
}

/* NULL where null was written. */
static const char *read_text(struct reader *r, const json_t *object, const char *key)
{
	return text_of(r, key, json_object_get(object, key));
}

/* For what is never NULL in a run. */
static const char *read_name(struct reader *r, const json_t *object, const char *key)
{
	const char *text = read_text(r, object, key);
	if (!text)
		fail(r, key, "a text");
	return text ? text : "";
}

static double real_of(struct reader *r, const char *key, const json_t *value)
{
	const char *text = json_string_value(value);
	if (json_is_number(value))
		return json_number_value(value);
	if (text && strcmp(text, "Infinity") == 0)
		return INFINITY;
	if (text && strcmp(text, "-Infinity") == 0)
		return -INFINITY;
	if (!json_is_null(value))
		fail(r, key, "a number");
	return NAN;
}

static double read_real(struct reader *r, const json_t *object, const char *key)
{
	return real_of(r, key, json_object_get(object, key));
}

static int64_t int_of(struct reader *r, const char *key, const json_t *value)
{
	if (!json_is_integer(value))
		fail(r, key, "a whole number");
	return json_integer_value(value);
}

static bool read_bool(struct reader *r, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	if (!json_is_boolean(value))
		fail(r, key, "true or false");
	return json_is_true(value);
}

static const json_t *read_list(struct reader *r, const json_t *object, const char *key, size_t *ret_count)
{
	const json_t *list = json_object_get(object, key);
	if (!json_is_array(list))
		fail(r, key, "a list");
	*ret_count = r->rc ? 0 : json_array_size(list);
	return list;
}

static const char *const *read_texts(struct reader *r, const json_t *object, const char *key, size_t *ret_count)
{
	size_t count;
	const json_t *list = read_list(r, object, key, &count);
	const char **texts = take(r, count, sizeof *texts);
	for (size_t i = 0; i < count && !r->rc; i++) {
		texts[i] = text_of(r, key, json_array_get(list, i));
		if (!texts[i])
			fail(r, key, "a list of texts");
	}
	*ret_count = r->rc ? 0 : count;
	return texts;
}

static const double *read_reals(struct reader *r, const json_t *object, const char *key, size_t expected)
{
	size_t count;
	const json_t *list = read_list(r, object, key, &count);
	if (!r->rc && count != expected)
		fail(r, key, "as long as its axis");
	double *values = take(r, count, sizeof *values);
	for (size_t i = 0; i < count && !r->rc; i++)
		values[i] = real_of(r, key, json_array_get(list, i));
	return values;
}

static void read_axes(struct reader *r, const json_t *object, struct pb_result_sweep *sweep)
{
	size_t count;
	const json_t *list = read_list(r, object, "axes", &count);
	struct pb_result_axis *axes = take(r, count, sizeof *axes);
	for (size_t a = 0; a < count && !r->rc; a++) {
		const json_t *item = json_array_get(list, a);
		size_t n;
		axes[a].name = read_name(r, item, "name");
		axes[a].labels = read_texts(r, item, "labels", &n);
		axes[a].n = (int64_t)n;
	}
	sweep->axes = axes;
	sweep->n_axes = r->rc ? 0 : count;
}

static void read_column(struct reader *r, const json_t *list, const struct pb_column *column,
                        const struct pb_result_cell *cell, size_t at)
{
	const json_t *item = json_array_get(list, at);
	void *value = pb_column_of(column, cell);
	switch (column->type) {
	case PB_COLUMN_REAL: *(double *)value = real_of(r, column->name, item); break;
	case PB_COLUMN_INT: *(int64_t *)value = int_of(r, column->name, item); break;
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
static const struct pb_result_cell *read_cells(struct reader *r, const json_t *object,
					       const struct pb_result_sweep *sweep, size_t *ret_count)
{
	const json_t *columns = json_object_get(object, "cells");
	size_t count, n;
	read_list(r, columns, pb_columns[0].name, &count);
	struct pb_result_cell *cells = take(r, count, sizeof *cells);
	for (size_t i = 0; i < pb_n_columns(sweep) && !r->rc; i++) {
		const json_t *list = read_list(r, columns, pb_columns[i].name, &n);
		if (!r->rc && n != count)
			fail(r, pb_columns[i].name, "as long as the other columns");
		for (size_t c = 0; c < count && !r->rc; c++)
			read_column(r, list, &pb_columns[i], &cells[c], c);
	}
	for (size_t a = 0; a < sweep->n_axes && !r->rc; a++)
		if (count && !sweep->axes[a].n)
			fail(r, "labels", "as many as there are cells");
	for (size_t c = 0; c < count && !r->rc; c++) {
		int64_t *index = take(r, sweep->n_axes, sizeof *index);
		cells[c].index = index;
		if (index)
			set_index(sweep, c, index);
	}
	*ret_count = r->rc ? 0 : count;
	return cells;
}

static const struct pb_result_spread *read_spreads(struct reader *r, const json_t *object, const char *key, size_t n)
{
	const json_t *spreads = json_object_get(object, key);
	struct pb_result_spread *items = take(r, n, sizeof *items);
	for (size_t i = 0; i < pb_members_n_numbers && !r->rc; i++) {
		const struct pb_members_number *what = &pb_members_numbers[i];
		bool count = !strcmp(what->name, "count");
		const double *values = read_reals(r, spreads, what->name, n);
		for (size_t c = 0; c < n && !r->rc; c++) {
			if (count)
				items[c].count = (int64_t)values[c];
			else
				*(double *)((char *)&items[c] + what->offset) = values[c];
		}
	}
	return items;
}

/* Nothing where the sweep is of one unit. */
static const struct pb_result_members *read_members(struct reader *r, const json_t *object,
						    const struct pb_result_sweep *sweep)
{
	size_t n_cells;
	if (!object)
		return NULL;
	struct pb_result_members *over = take(r, 1, sizeof *over);
	if (!over)
		return NULL;
	over->what = read_name(r, object, "what");
	over->metric = read_spreads(r, object, "metric", sweep->n_cells);
	over->score = read_spreads(r, object, "score", sweep->n_cells);
	const json_t *list = read_list(r, object, "members", &over->n);
	struct pb_result_member *items = take(r, over->n, sizeof *items);
	for (size_t i = 0; i < over->n && !r->rc; i++) {
		const json_t *item = json_array_get(list, i);
		items[i] = (struct pb_result_member){.name = read_name(r, item, "name"),
						     .set = read_text(r, item, "set"),
						     .metric_clean = read_real(r, item, "metric_clean"),
						     .metric_corrupted = read_real(r, item, "metric_corrupted"),
						     .score_defined = read_bool(r, item, "score_defined"),
						     .cells = read_cells(r, item, sweep, &n_cells)};
		if (!r->rc && n_cells != sweep->n_cells)
			fail(r, "cells", "as many as the sweep's");
	}
	over->items = items;
	return over;
}

/* Absent where none was asked for. */
static const struct pb_result_estimate *read_estimate(struct reader *r, const json_t *object)
{
	struct pb_result_estimate *estimate = object ? take(r, 1, sizeof *estimate) : NULL;
	if (estimate)
		*estimate = (struct pb_result_estimate){.only = read_bool(r, object, "only"),
		                                        .before = read_real(r, object, "before"),
		                                        .clean = read_real(r, object, "clean"),
		                                        .corrupted = read_real(r, object, "corrupted"),
		                                        .correlation = read_real(r, object, "correlation")};
	return estimate;
}

static void read_sweep(struct reader *r, const json_t *object, struct pb_result_sweep *sweep)
{
	*sweep = (struct pb_result_sweep){
	        .name = read_name(r, object, "name"),
	        .weights = json_object_get(object, "weights") ? read_name(r, object, "weights") : NULL,
	        .file = read_name(r, object, "file"),
	        .kind = read_name(r, object, "kind"),
	        .hook = read_text(r, object, "hook"),
	        .setter = read_text(r, object, "setter"),
	        .base = read_text(r, object, "base"),
	        .forward = read_text(r, object, "forward"),
	        .backward = read_text(r, object, "backward"),
	        .gradient = read_text(r, object, "gradient"),
	        .metric = read_name(r, object, "metric"),
	        .unit = read_text(r, object, "unit"),
	        .metric_clean = read_real(r, object, "metric_clean"),
	        .metric_corrupted = read_real(r, object, "metric_corrupted"),
	        .neutral = read_real(r, object, "neutral"),
	        .score_defined = read_bool(r, object, "score_defined"),
	        .seconds = read_real(r, object, "seconds"),
	        .estimate = read_estimate(r, json_object_get(object, "estimate")),
	};
	sweep->notes = read_texts(r, object, "notes", &sweep->n_notes);
	read_axes(r, object, sweep);
	sweep->cells = read_cells(r, object, sweep, &sweep->n_cells);
	sweep->over = read_members(r, json_object_get(object, "over"), sweep);
	if (!r->rc)
		r->rc = pb_column_check(sweep);
	if (r->rc == -PB_E_SHAPE)
		pb_fail_in(r->rc, "%s", r->path);
}

static void read_stage(struct reader *r, const json_t *object, struct pb_result_stage *stage)
{
	*stage = (struct pb_result_stage){.name = read_name(r, object, "name"),
	                                  .x_label = read_name(r, object, "x_label"),
	                                  .stopped = read_text(r, object, "stopped"),
	                                  .seconds = read_real(r, object, "seconds")};
	read_list(r, object, "x", &stage->n_points);
	stage->x = read_reals(r, object, "x", stage->n_points);
	const json_t *list = read_list(r, object, "series", &stage->n_series);
	struct pb_result_series *series = take(r, stage->n_series, sizeof *series);
	for (size_t s = 0; s < stage->n_series && !r->rc; s++) {
		const json_t *item = json_array_get(list, s);
		series[s].name = read_name(r, item, "name");
		series[s].values = read_reals(r, item, "values", stage->n_points);
	}
	stage->series = series;
}

static void read_units(struct reader *r, const json_t *object, struct pb_result_units *table)
{
	*table = (struct pb_result_units){.metric = read_name(r, object, "metric"),
	                                  .label_before = read_name(r, object, "label_before"),
	                                  .label_after = read_name(r, object, "label_after"),
	                                  .selected = int_of(r, "selected", json_object_get(object, "selected"))};
	const json_t *list = read_list(r, object, "units", &table->n_units);
	struct pb_result_unit *units = take(r, table->n_units, sizeof *units);
	for (size_t i = 0; i < table->n_units && !r->rc; i++) {
		const json_t *item = json_array_get(list, i);
		units[i] = (struct pb_result_unit){.name = read_name(r, item, "name"),
		                                   .set = read_text(r, item, "set"),
		                                   .before = read_real(r, item, "before"),
		                                   .after = read_real(r, item, "after")};
	}
	table->units = units;
}

static void read_probe(struct reader *r, const json_t *object, bool one_of_several, struct pb_result_probe *probe)
{
	*probe = (struct pb_result_probe){
	        .unit = read_name(r, object, "unit"),
	        .clean = read_name(r, object, "clean"),
	        .corrupted = read_name(r, object, "corrupted"),
	        .metric_before = read_real(r, object, "metric_before"),
	        .metric_clean = read_real(r, object, "metric_clean"),
	        .metric_corrupted = read_real(r, object, "metric_corrupted"),
	        .loss_clean = read_real(r, object, "loss_clean"),
	        .loss_corrupted = read_real(r, object, "loss_corrupted"),
	        .grad_norm_clean = read_real(r, object, "grad_norm_clean"),
	        .grad_norm_corrupted = read_real(r, object, "grad_norm_corrupted"),
	        .weights = one_of_several ? read_text(r, object, "weights") : NULL,
	        .set = one_of_several ? read_text(r, object, "set") : NULL,
	};
}

/* The one, or all. */
static void read_probes(struct reader *r, const json_t *object, struct pb_result_run *run)
{
	const json_t *one = json_object_get(object, "probe");
	bool is_one = one && !json_is_null(one);
	const json_t *list = json_object_get(object, "probes") ? read_list(r, object, "probes", &run->n_probes) : NULL;
	struct pb_result_probe *probes = take(r, run->n_probes + 1, sizeof *probes);
	if (is_one && !r->rc)
		read_probe(r, one, false, probes);
	for (size_t i = 0; i < run->n_probes && !r->rc; i++)
		read_probe(r, json_array_get(list, i), true, &probes[i]);
	run->probe = is_one ? probes : NULL;
	run->probes = probes;
}

static void read_environment(struct reader *r, const json_t *object, struct pb_result_run *run)
{
	const json_t *list = read_list(r, object, "environment", &run->n_environment);
	struct pb_result_pair *pairs = take(r, run->n_environment, sizeof *pairs);
	for (size_t i = 0; i < run->n_environment && !r->rc; i++) {
		const json_t *pair = json_array_get(list, i);
		pairs[i].name = text_of(r, "environment", json_array_get(pair, 0));
		pairs[i].value = text_of(r, "environment", json_array_get(pair, 1));
	}
	run->environment = pairs;
}

static void read_sweeps(struct reader *r, const json_t *object, struct pb_result_run *run)
{
	const json_t *list = read_list(r, object, "sweeps", &run->n_sweeps);
	struct pb_result_sweep *sweeps = take(r, run->n_sweeps, sizeof *sweeps);
	for (size_t i = 0; i < run->n_sweeps && !r->rc; i++)
		read_sweep(r, json_array_get(list, i), &sweeps[i]);
	run->sweeps = sweeps;
}

static void read_drill(struct reader *r, const json_t *item, struct pb_result_drill *drill)
{
	size_t n_steps, n_parts;
	const json_t *step_list = read_list(r, item, "steps", &n_steps), *part_list = read_list(r, item, "parts", &n_parts);
	struct pb_result_drill_step *steps = take(r, n_steps, sizeof *steps);
	struct pb_result_drill_part *parts = take(r, n_parts, sizeof *parts);
	for (size_t i = 0; i < n_steps && !r->rc; i++) {
		const json_t *step = json_array_get(step_list, i);
		steps[i] = (struct pb_result_drill_step){
		        .level = int_of(r, "level", json_object_get(step, "level")),
		        .set = read_name(r, step, "set"),
		        .score = read_real(r, step, "score"),
		        .parameters = int_of(r, "parameters", json_object_get(step, "parameters")),
		        .cells = int_of(r, "cells", json_object_get(step, "cells")),
		};
	}
	for (size_t i = 0; i < n_parts && !r->rc; i++) {
		const json_t *part = json_array_get(part_list, i);
		parts[i] = (struct pb_result_drill_part){read_name(r, part, "name"),
		                                         int_of(r, "parameters", json_object_get(part, "parameters")),
		                                         read_real(r, part, "without")};
	}
	*drill = (struct pb_result_drill){
	        .weights = read_text(r, item, "weights"),
	        .share = read_real(r, item, "share"),
	        .base = read_name(r, item, "base"),
	        .n_units = int_of(r, "units", json_object_get(item, "units")),
	        .parameters = int_of(r, "parameters", json_object_get(item, "parameters")),
	        .n_steps = n_steps,
	        .steps = steps,
	        .n_parts = n_parts,
	        .parts = parts,
	        .note = read_text(r, item, "note"),
	        .cells = int_of(r, "cells", json_object_get(item, "cells")),
	        .seconds = read_real(r, item, "seconds"),
	};
}

static void read_drills(struct reader *r, const json_t *object, struct pb_result_run *run)
{
	if (!json_object_get(object, "drilldown"))
		return;
	const json_t *list = read_list(r, object, "drilldown", &run->n_drills);
	struct pb_result_drill *drills = take(r, run->n_drills, sizeof *drills);
	for (size_t i = 0; i < run->n_drills && !r->rc; i++)
		read_drill(r, json_array_get(list, i), &drills[i]);
	run->drills = drills;
}

static void read_stages(struct reader *r, const json_t *object, struct pb_result_run *run)
{
	const json_t *list = read_list(r, object, "stages", &run->n_stages);
	struct pb_result_stage *stages = take(r, run->n_stages, sizeof *stages);
	for (size_t i = 0; i < run->n_stages && !r->rc; i++)
		read_stage(r, json_array_get(list, i), &stages[i]);
	run->stages = stages;
}

static void read_tables(struct reader *r, const json_t *object, struct pb_result_run *run)
{
	const json_t *list = read_list(r, object, "units", &run->n_units);
	struct pb_result_units *tables = take(r, run->n_units, sizeof *tables);
	for (size_t i = 0; i < run->n_units && !r->rc; i++)
		read_units(r, json_array_get(list, i), &tables[i]);
	run->units = tables;
}

/* One matrix for each parameter. */
static void read_matrices(struct reader *r, const json_t *object, const char *key, size_t n_params, size_t size,
                          double *out)
{
	size_t count;
	const json_t *list = read_list(r, object, key, &count);
	if (!r->rc && count != n_params)
		fail(r, key, "as long as the list of parameters");
	for (size_t p = 0; p < n_params && !r->rc; p++) {
		const json_t *matrix = json_array_get(list, p);
		if (json_array_size(matrix) != size)
			fail(r, key, "matrices of examples by examples");
		for (size_t i = 0; i < size && !r->rc; i++)
			out[p * size + i] = real_of(r, key, json_array_get(matrix, i));
	}
}

static const struct pb_result_similarity *read_similarity(struct reader *r, const json_t *object)
{
	struct pb_result_similarity *s = object ? take(r, 1, sizeof *s) : NULL;
	if (!s)
		return NULL;
	s->loss = read_name(r, object, "loss");
	const json_t *list = read_list(r, object, "examples", &s->n);
	struct pb_result_example *examples = take(r, s->n, sizeof *examples);
	for (size_t i = 0; i < s->n && !r->rc; i++) {
		const json_t *item = json_array_get(list, i);
		examples[i] = (struct pb_result_example){read_name(r, item, "label"), read_name(r, item, "text"),
		                                         read_real(r, item, "loss"), read_real(r, item, "grad_norm")};
	}
	s->examples = examples;
	s->params = read_texts(r, object, "parameters", &s->n_params);
	size_t size = s->n * s->n;
	double *cosine = take(r, (1 + s->n_params) * size, sizeof *cosine);
	double *dots = take(r, s->n_params * size, sizeof *dots);
	const double *in_all = read_reals(r, object, "cosine", size);
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
static void read_parts(struct reader *r, const json_t *object, struct pb_result_run *run)
{
	if (!json_object_get(object, "parts"))
		return;
	const json_t *list = read_list(r, object, "parts", &run->n_parts);
	struct pb_result_part *parts = take(r, run->n_parts, sizeof *parts);
	for (size_t i = 0; i < run->n_parts && !r->rc; i++) {
		const json_t *item = json_array_get(list, i);
		parts[i] = (struct pb_result_part){.unit = read_name(r, item, "unit"),
		                                   .param = read_name(r, item, "parameter"),
		                                   .clean = read_real(r, item, "clean"),
		                                   .corrupted = read_real(r, item, "corrupted")};
	}
	run->parts = parts;
}

static void read_run(struct reader *r, const json_t *object, struct pb_result_run *run)
{
	*run = (struct pb_result_run){
	        .name = read_name(r, object, "name"),
	        .question = read_text(r, object, "question"),
	        .version = read_text(r, object, "version"),
	        .date = read_text(r, object, "date"),
	        .config = read_text(r, object, "config"),
	        .seconds = read_real(r, object, "seconds"),
	};
	read_probes(r, object, run);
	run->notes = read_texts(r, object, "notes", &run->n_notes);
	run->similarity = read_similarity(r, json_object_get(object, "similarity"));
	read_parts(r, object, run);
	read_sweeps(r, object, run);
	read_drills(r, object, run);
	read_stages(r, object, run);
	read_tables(r, object, run);
	read_environment(r, object, run);
}

int pb_report_read_run(const char *path, struct pb_arena *arena, struct pb_result_run *ret_run)
{
	void *data;
	size_t size;
	json_error_t error;
	struct pb_result_run run;
	struct reader reader = {.path = path, .arena = arena, .rc = pb_file_read(path, max_size, &data, &size)};
	if (reader.rc < 0)
		return reader.rc;
	json_t *json = json_loadb(data, size, 0, &error);
	free(data);
	if (!json)
		return pb_fail(PB_E_FORMAT, "%s:%d:%d: not JSON: %s", path, error.line, error.column, error.text);
	read_run(&reader, json, &run);
	json_decref(json);
	if (!reader.rc)
		*ret_run = run;
	return reader.rc;
}
