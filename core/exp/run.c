/* run.c: the data flow: plan -> weights -> stages -> selection -> probe -> sweeps -> report. */
#include "exp/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/status.h"
#include "exp/clock.h"
#include "exp/drilldown.h"
#include "exp/environment.h"
#include "exp/identity.h"
#include "exp/probe.h"
#include "exp/resolve.h"
#include "exp/similarity.h"
#include "exp/stages.h"
#include "exp/units.h"
#include "exp/weights.h"
#include "host/capsule.h"

struct run {
	const struct pb_plan *plan;
	const struct pb_run_options *options;
	const char *engine;             /* its name */
	const char *const *differences; /* from the manifest that is run */
	size_t n_differences;
	struct pb_arena arena;
	struct pb_folder folder;
	struct pb_weights_store weights;
	struct pb_params params; /* where training stands */
	struct pb_result_run result;
	struct pb_result_stage *stages;
	struct pb_probed probed;
	struct pb_result_units units;
	struct pb_result_similarity similarity;
	struct pb_result_drill *drills; /* [sets of weights * shares] */
};

static bool is_shared(const struct run *r)
{
	return r->options->team && r->options->team->size > 1;
}

/* A rank but the first: it makes cells, and nothing else. */
static bool is_helper(const struct run *r)
{
	return is_shared(r) && r->options->team->rank;
}

static const char *start_name(const struct pb_plan *plan)
{
	return plan->has_loaded ? "loaded" : "init";
}

/* Is a copy of these weights worth its memory? */
static bool is_wanted(void *run, const char *name)
{
	const struct run *r = run;
	const struct pb_config_probe *probe = &r->plan->config->probe;
	bool wanted = probe->select.node && (!strcmp(name, probe->select.before) || !strcmp(name, probe->select.after));
	for (size_t i = 0; i < probe->model.count; i++)
		wanted |= !strcmp(name, probe->model.items[i]);
	return wanted && !r->options->train_only;
}

/* Where nothing is trained, nobody changes the weights, and one copy will do. */
static int start(struct run *r)
{
	const char *name = start_name(r->plan);
	int rc = pb_weights_start(r->plan, &r->params);
	if (rc)
		return rc;
	if (r->plan->n_stages)
		return is_wanted(r, name) ? pb_weights_keep(&r->weights, name, &r->params) : 0;
	r->weights.start_name = name;
	r->weights.start = &r->params;
	return 0;
}

/* The other ranks need weights that are trained; where nothing is trained they make their own meanwhile. */
static int begin_team(struct run *r, bool is_trained)
{
	const bool waits = r->plan->n_stages;
	return is_shared(r) && !is_helper(r) && waits == is_trained ? pb_team_begin(r->options->team, &r->folder) : 0;
}

static int train(struct run *r)
{
	const struct pb_stages stages = {.plan = r->plan, .folder = &r->folder, .terminal = r->options->terminal,
					 .arena = &r->arena, .save_every = r->options->save_every,
					 .check_finite = r->options->check_finite, .params = &r->params,
					 .weights = &r->weights, .is_wanted = is_wanted, .context = r};
	return pb_stages_run(&stages, r->stages, &r->result.n_stages);
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

/* Of several units the first, of several sets of weights too: the experiment names examples of others. */
static int compare_examples(struct run *r, const struct pb_params *weights, int64_t unit)
{
	if (!r->plan->n_similarity || r->options->shard.count || is_helper(r))
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

static int drill_down(struct run *r, const struct pb_probing *probing, const char *name,
		      const struct pb_params *weights)
{
	size_t done = 0;
	int rc = pb_drilldown_run(probing, name, weights, r->drills + r->result.n_drills, &done);
	r->result.n_drills += done;
	return rc;
}

/* The sweeps under one set of weights after the other. */
static int probe_and_sweep(struct run *r)
{
	const struct pb_string_list *names = &r->plan->config->probe.model;
	int64_t selected;
	if (!r->plan->has_probe || r->options->train_only)
		return 0;
	int rc = select_unit(r, &selected);
	bool by_selection = !r->plan->n_units;
	struct pb_probing probing = {
		.plan = r->plan, .engine = &r->options->engine, .folder = &r->folder, .terminal = r->options->terminal,
		.shard = r->options->shard, .merged = r->options->merged,
		.team = is_shared(r) ? r->options->team : NULL, .arena = &r->arena,
		.n_units = by_selection ? 1 : r->plan->n_units,
		.units = by_selection ? &selected : r->plan->units};
	if (!rc && !r->options->engine.kind && pb_engine_why_reference(r->plan))
		pb_folder_log(&r->folder, "engine: reference, because %s", pb_engine_why_reference(r->plan));
	for (size_t i = 0; !rc && i < (names->count ? names->count : 1); i++) {
		const struct pb_params *weights = &r->params;
		probing.weights = (int64_t)i;
		pb_weights_forget_files(&r->weights);
		if (names->count)
			rc = pb_weights_get(&r->weights, names->items[i], &weights);
		if (!rc && !i)
			rc = compare_examples(r, weights, probing.units[0]);
		if (!rc)
			rc = pb_probe_units(&probing, names->count > 1 ? names->items[i] : NULL, weights, &r->probed);
		if (!rc && r->plan->drill && !r->options->shard.count && !is_helper(r))
			rc = drill_down(r, &probing, names->count > 1 ? names->items[i] : NULL, weights);
	}
	return rc;
}

/* What the report says of the probes: the one, or all. */
static int set_probes(struct run *r)
{
	struct pb_probed *p = &r->probed;
	bool one = p->n_probes == 1 && !p->probes[0].weights && r->plan->n_units <= 1;
	r->result.n_sweeps = p->n_sweeps;
	r->result.sweeps = p->sweeps;
	r->result.drills = r->drills;
	r->result.probe = one ? p->probes : NULL;
	r->result.n_probes = one ? 0 : p->n_probes;
	r->result.probes = p->probes;
	r->result.n_parts = p->parts.n;
	r->result.parts = p->parts.items;
	r->result.n_patterns = p->patterns.n;
	r->result.patterns = p->patterns.items;
	r->result.patterns_left_out = p->patterns.left_out;
	r->result.n_updates = p->updates.n;
	r->result.updates = p->updates.items;
	r->result.updates_left_out = p->updates.left_out;
	int rc = p->parts.n ? pb_report_write_parts(r->folder.path, p->parts.items, p->parts.n) : 0;
	if (!rc && r->result.n_drills)
		rc = pb_report_write_drills(r->folder.path, &r->result);
	return rc || one || !p->n_probes ? rc : pb_report_write_probes(r->folder.path, &r->result);
}

/* The report of what there is, also after a failure. */
static int report(struct run *r, int rc, double seconds)
{
	const char **notes = pb_arena_array(&r->arena, 2 + r->n_differences, sizeof *notes);
	struct pb_text config = {0};
	char *html = pb_arena_printf(&r->arena, "%s/report.html", r->folder.path);
	if (rc && notes)
		notes[r->result.n_notes++] = pb_arena_printf(&r->arena, "the run ended early: %s", pb_error_text());
	for (size_t i = 0; notes && i < r->n_differences; i++)
		notes[r->result.n_notes++] = r->differences[i];
	if (notes && r->options->shard.count)
		notes[r->result.n_notes++] = pb_arena_printf(
			&r->arena, "shard %zu of %zu: its cells wait for `patchbay merge`, which writes the tables",
			r->options->shard.index, r->options->shard.count);
	if (rc)
		pb_folder_log(&r->folder, "ended early: %s", pb_error_text());
	if (!pb_resolve(r->plan, &config))
		r->result.config = pb_arena_strdup(&r->arena, config.data);
	r->result.notes = notes;
	r->result.stages = r->stages;
	r->result.seconds = seconds;
	pb_text_finish(&config);
	int report_rc = pb_environment(r->plan, r->engine, &r->arena, &r->result);
	if (!report_rc && (!notes || !html || !r->result.config))
		report_rc = -PB_E_NOMEM;
	if (!report_rc)
		report_rc = set_probes(r);
	if (!report_rc)
		report_rc = pb_report_write_run(r->folder.path, &r->result);
	if (!report_rc)
		report_rc = pb_report_write_html(html, &r->result);
	if (!report_rc)
		report_rc = pb_report_write_figures(r->folder.path, &r->result);
	if (!report_rc && r->options->terminal)
		pb_terminal_summary(r->options->terminal, &r->result, html);
	return report_rc;
}

static int allocate(struct run *r)
{
	r->stages = pb_arena_array(&r->arena, r->plan->n_stages, sizeof *r->stages);
	size_t weights = r->plan->config->probe.model.count, units = r->plan->n_units;
	weights = weights ? weights : 1;
	r->probed.probes = pb_arena_array(&r->arena, weights * (units ? units : 1), sizeof *r->probed.probes);
	r->probed.sweeps = pb_arena_array(&r->arena, weights * r->plan->n_sweeps, sizeof *r->probed.sweeps);
	r->drills = pb_arena_array(&r->arena, weights * r->plan->config->drilldown.share.count, sizeof *r->drills);
	return r->stages && r->probed.probes && r->probed.sweeps && r->drills ? 0 : -PB_E_NOMEM;
}

static int run(const struct pb_plan *plan, const struct pb_run_options *options)
{
	struct run r = {.plan = plan, .options = options, .engine = pb_engine_name(plan, &options->engine)};
	double started = pb_clock();
	int rc = allocate(&r);
	if (!rc)
		rc = pb_identity_compare(plan, r.engine, &r.arena, &r.differences, &r.n_differences);
	if (!rc)
		rc = pb_folder_open(plan, options, &r.folder);
	char *capsules = rc ? NULL : pb_arena_printf(&r.arena, "%s/capsules", r.folder.path);
	if (options->ret_started)
		*options->ret_started = !rc;
	if (rc)
		goto finish;
	pb_capsule_folder(capsules);
	pb_events_run(&r.folder.events, plan->config->name);
	rc = pb_weights_init(&r.weights, plan);
	if (!rc && options->team && !options->team->rank)
		rc = pb_team_prepare(options->team, &r.folder);
	if (!rc)
		rc = begin_team(&r, false);
	if (!rc)
		rc = start(&r);
	if (!rc)
		rc = train(&r);
	if (!rc)
		rc = begin_team(&r, true);
	if (!rc)
		rc = probe_and_sweep(&r);
	/* The first failure is the one to tell. */
	char *why = rc ? pb_arena_strdup(&r.arena, pb_error_text()) : NULL;
	int report_rc = is_helper(&r) ? 0 : report(&r, rc, pb_clock() - started);
	if (rc)
		pb_fail(-rc, "%s", why ? why : pb_status_text(rc));
	else
		rc = report_rc ? report_rc : pb_journal_finish(&r.folder.journal);
	pb_events_finish(&r.folder.events, pb_clock() - started, rc ? pb_error_text() : NULL);
	pb_weights_finish(&r.weights);
	pb_params_finish(&r.params);
	if (is_shared(&r) && !is_helper(&r))
		pb_folder_log(&r.folder, "ranks: the others made %zu cells, and %zu that they had begun were made here",
			      options->team->taken, options->team->overtaken);
	if (options->team && !is_helper(&r)) /* another rank has more to ask */
		pb_team_leave(options->team, !rc);
finish:
	pb_capsule_folder(NULL);
	if (r.folder.path)
		pb_folder_close(&r.folder);
	pb_arena_finish(&r.arena);
	return rc;
}

/* In a folder of its own, once the first rank has trained. */
static int help(const struct pb_plan *plan, const struct pb_run_options *options)
{
	char *path;
	struct pb_run_options mine = *options;
	int rc = pb_team_join(options->team, options->out, &path);
	mine.out = path;
	mine.resume = true;
	mine.terminal = NULL;
	mine.events = NULL;
	if (!rc && path)
		rc = run(plan, &mine);
	if (rc == -PB_E_INTERRUPTED)
		pb_team_see_off(options->team); /* mpirun ends all when one has ended, and the first one has tables to write */
	else if (rc && pb_team_is_done(options->team))
		rc = 0; /* it came so late that all was done, and DIR/ranks gone */
	else if (!rc && pb_team_was_left(options->team))
		rc = pb_fail(PB_E_IO, "the first rank has ended before the run was done: go on with it by --resume");
	pb_team_leave(options->team, false);
	free(path);
	return rc;
}

int pb_run(const struct pb_plan *plan, const struct pb_run_options *options)
{
	return options->team && options->team->rank ? help(plan, options) : run(plan, options);
}
