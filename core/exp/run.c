/* run.c: the data flow: plan -> weights -> stages -> selection -> probe -> sweeps -> report. */
#include "exp/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/status.h"
#include "exp/clock.h"
#include "exp/environment.h"
#include "exp/folder.h"
#include "exp/parts.h"
#include "exp/resolve.h"
#include "exp/similarity.h"
#include "exp/sweep.h"
#include "exp/train.h"
#include "exp/units.h"
#include "exp/wants.h"
#include "exp/weights.h"

struct run {
	const struct pb_plan *plan;
	const struct pb_run_options *options;
	struct pb_arena arena;
	struct pb_folder folder;
	struct pb_weights_store weights;
	struct pb_params params; /* where training stands */
	struct pb_result_run result;
	struct pb_result_stage *stages;
	struct pb_result_sweep *sweeps;
	struct pb_result_probe probe;
	struct pb_result_units units;
	struct pb_result_similarity similarity;
};

static const char *start_name(const struct pb_plan *plan)
{
	return plan->has_loaded ? "loaded" : "init";
}

static int start(struct run *r)
{
	int rc = pb_weights_start(r->plan, &r->params);
	return rc ? rc : pb_weights_keep(&r->weights, start_name(r->plan), &r->params);
}

static int keep_stage(struct run *r, const struct pb_plan_stage *stage)
{
	const char *name = stage->config->save;
	if (!name)
		return 0;
	int rc = pb_weights_keep(&r->weights, name, &r->params);
	return rc ? rc : pb_folder_save(&r->folder, name, &r->params);
}

static int train(struct run *r)
{
	struct pb_trainer trainer;
	int rc = r->plan->n_stages ? pb_trainer_init(&trainer, r->plan, &r->params) : 0;
	if (rc || !r->plan->n_stages)
		return rc;
	for (size_t i = 0; !rc && i < r->plan->n_stages; i++) {
		const struct pb_plan_stage *stage = &r->plan->stages[i];
		rc = pb_trainer_run(&trainer, stage, r->options->terminal, &r->arena, &r->stages[i]);
		if (!r->stages[i].name)
			break;
		r->result.n_stages = i + 1;
		pb_folder_log(&r->folder, "stage %s: %s, %.1f s", stage->config->name, r->stages[i].stopped,
			      r->stages[i].seconds);
		int write_rc = pb_report_write_stage(r->folder.path, &r->stages[i]);
		if (!rc)
			rc = write_rc ? write_rc : keep_stage(r, stage);
	}
	pb_trainer_finish(&trainer);
	return rc;
}

/* The unit to probe: the file's word, or the one that improved most. */
static int select_unit(struct run *r, int64_t *ret_unit)
{
	const struct pb_config_select *select = &r->plan->config->probe.select;
	const struct pb_params *before, *after;
	int64_t largest = -1;
	*ret_unit = r->plan->unit;
	if (!r->plan->select_metric)
		return 0;
	int rc = pb_weights_get(&r->weights, select->before, &before);
	if (!rc)
		rc = pb_weights_get(&r->weights, select->after, &after);
	if (!rc)
		rc = pb_units_measure(r->plan, before, after, &r->arena, &r->units, &largest);
	if (rc)
		return rc;
	r->result.n_units = 1;
	r->result.units = &r->units;
	pb_folder_log(&r->folder, "largest improvement of %s from %s to %s: unit %s", r->units.metric, select->before,
		      select->after, r->units.units[r->units.selected].name);
	if (*ret_unit < 0)
		*ret_unit = largest;
	return pb_report_write_units(r->folder.path, &r->units, "units");
}

static const char *examples_text(struct run *r, const struct pb_examples *x)
{
	const char *first = pb_data_tokens_text(r->plan, x->tokens, x->n_pos, &r->arena);
	if (!first || x->n_examples == 1)
		return first;
	return pb_arena_printf(&r->arena, "%s (+%lld)", first, (long long)x->n_examples - 1);
}

static int describe_probe(struct run *r, const struct pb_engine *e, int64_t number)
{
	const struct pb_probe_ends *ends = &e->ends[0];
	struct pb_unit unit;
	int rc = pb_data_unit(r->plan, number, &unit);
	if (rc)
		return rc;
	r->probe = (struct pb_result_probe){
		.unit = unit.name,
		.clean = examples_text(r, &e->probes[0].clean),
		.corrupted = examples_text(r, &e->probes[0].corrupted),
		.metric_before = ends->metric_before,
		.metric_clean = ends->runs[0].metric_updated,
		.metric_corrupted = ends->runs[1].metric_updated,
		.loss_clean = ends->runs[0].loss,
		.loss_corrupted = ends->runs[1].loss,
		.grad_norm_clean = ends->runs[0].grad_norm,
		.grad_norm_corrupted = ends->runs[1].grad_norm,
	};
	r->result.probe = &r->probe;
	if (pb_wants_updates(r->plan))
		pb_folder_log(&r->folder, "probe %s: metric %.9g, after the clean update %.9g, after the corrupted one %.9g",
			      unit.name, r->probe.metric_before, r->probe.metric_clean, r->probe.metric_corrupted);
	return 0;
}

static int compare_examples(struct run *r, const struct pb_params *weights, int64_t unit)
{
	if (!r->plan->n_similarity)
		return 0;
	int rc = pb_similarity_make(r->plan, weights, unit, r->options->engine.kind == PB_ENGINE_REFERENCE, &r->arena,
				    &r->similarity);
	if (rc)
		return rc;
	r->result.similarity = &r->similarity;
	if (r->options->terminal)
		pb_terminal_similarity(r->options->terminal, &r->similarity);
	return pb_report_write_similarity(r->folder.path, &r->similarity);
}

static int sweep(struct run *r, struct pb_engine *engine)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < r->plan->n_sweeps; i++) {
		size_t done;
		rc = pb_sweep_run(engine, &r->plan->sweeps[i], r->options->terminal, &r->arena, &r->sweeps[i], &done);
		if (!done)
			break;
		r->result.n_sweeps = i + 1;
		pb_folder_log(&r->folder, "sweep %s: %zu of %zu cells, %.2f s", r->sweeps[i].name, done,
			      r->sweeps[i].n_cells, r->sweeps[i].seconds);
		if (r->sweeps[i].estimate)
			pb_folder_log(&r->folder, "estimate %s: correlation %.6g, ends estimated %.9g and %.9g",
				      r->sweeps[i].name, r->sweeps[i].estimate->correlation,
				      r->sweeps[i].estimate->clean, r->sweeps[i].estimate->corrupted);
		for (size_t k = 0; k < r->sweeps[i].n_notes; k++)
			pb_folder_log(&r->folder, "audit %s: %s", r->sweeps[i].name, r->sweeps[i].notes[k]);
		int write_rc = pb_report_write_sweep(r->folder.path, &r->sweeps[i]);
		rc = rc ? rc : write_rc;
		if (r->options->terminal)
			pb_terminal_sweep(r->options->terminal, &r->sweeps[i]);
	}
	return rc;
}

static int probe_and_sweep(struct run *r)
{
	struct pb_engine engine;
	struct pb_means means;
	struct pb_probe_data probe;
	int64_t unit;
	const struct pb_params *weights = &r->params;
	if (!r->plan->has_probe || r->options->train_only)
		return 0;
	int rc = select_unit(r, &unit);
	if (!rc && r->plan->probe_weights)
		rc = pb_weights_get(&r->weights, r->plan->probe_weights, &weights);
	if (!rc)
		rc = compare_examples(r, weights, unit);
	if (!rc)
		rc = pb_data_probe(r->plan, unit, &probe);
	if (!rc)
		rc = pb_plan_settle(r->plan, &probe);
	if (rc)
		return rc;
	rc = pb_means_make(r->plan, weights, &means);
	if (rc)
		return rc;
	if (!r->options->engine.kind && pb_engine_why_reference(r->plan))
		pb_folder_log(&r->folder, "engine: reference, because %s", pb_engine_why_reference(r->plan));
	rc = pb_engine_open(&engine, r->plan, weights, &means, &probe, 1, &r->options->engine);
	if (rc) {
		pb_means_finish(&means);
		return pb_fail_in(rc, "the probe's runs without a patch");
	}
	rc = describe_probe(r, &engine, unit);
	if (!rc)
		rc = pb_parts_add(&engine, 0, r->probe.unit, &r->arena, &r->result);
	if (!rc && r->result.n_parts)
		rc = pb_report_write_parts(r->folder.path, r->result.parts, r->result.n_parts);
	if (!rc)
		rc = sweep(r, &engine);
	pb_engine_close(&engine);
	pb_means_finish(&means);
	return rc;
}

/* The report of what there is, also after a failure. */
static int report(struct run *r, int rc, double seconds)
{
	const char **notes = pb_arena_array(&r->arena, 1, sizeof *notes);
	struct pb_text config = {0};
	char *html = pb_arena_printf(&r->arena, "%s/report.html", r->folder.path);
	if (rc && notes)
		notes[r->result.n_notes++] = pb_arena_printf(&r->arena, "the run ended early: %s", pb_error_text());
	if (rc)
		pb_folder_log(&r->folder, "ended early: %s", pb_error_text());
	if (!pb_resolve(r->plan, &config))
		r->result.config = pb_arena_strdup(&r->arena, config.data);
	r->result.notes = notes;
	r->result.stages = r->stages;
	r->result.sweeps = r->sweeps;
	r->result.seconds = seconds;
	pb_text_finish(&config);
	int report_rc = pb_environment(r->plan, pb_engine_name(r->plan, &r->options->engine), &r->arena, &r->result);
	if (!report_rc && (!notes || !html || !r->result.config))
		report_rc = -PB_E_NOMEM;
	if (!report_rc)
		report_rc = pb_report_write_run(r->folder.path, &r->result);
	if (!report_rc)
		report_rc = pb_report_write_html(html, &r->result);
	if (!report_rc && r->options->terminal)
		pb_terminal_summary(r->options->terminal, &r->result, r->folder.path);
	return report_rc;
}

static int allocate(struct run *r)
{
	r->stages = pb_arena_array(&r->arena, r->plan->n_stages, sizeof *r->stages);
	r->sweeps = pb_arena_array(&r->arena, r->plan->n_sweeps, sizeof *r->sweeps);
	return r->stages && r->sweeps ? 0 : -PB_E_NOMEM;
}

int pb_run(const struct pb_plan *plan, const struct pb_run_options *options)
{
	struct run r = {.plan = plan, .options = options};
	double started = pb_clock();
	int rc = allocate(&r);
	if (!rc)
		rc = pb_folder_open(plan, options->out, &r.folder);
	if (options->ret_started)
		*options->ret_started = !rc;
	if (rc)
		goto finish;
	pb_weights_init(&r.weights, plan);
	rc = start(&r);
	if (!rc)
		rc = train(&r);
	if (!rc)
		rc = probe_and_sweep(&r);
	/* The first failure is the one to tell. */
	char *why = rc ? pb_arena_strdup(&r.arena, pb_error_text()) : NULL;
	int report_rc = report(&r, rc, pb_clock() - started);
	if (rc)
		pb_fail(-rc, "%s", why ? why : pb_status_text(rc));
	else
		rc = report_rc;
	pb_weights_finish(&r.weights);
	pb_params_finish(&r.params);
finish:
	if (r.folder.path)
		pb_folder_close(&r.folder);
	pb_arena_finish(&r.arena);
	return rc;
}
