/* sweep.c: the loop over cells, normalised scores, labels. */
#include "exp/sweep.h"

#include <math.h>
#include <string.h>

#include "base/status.h"
#include "exp/audit.h"
#include "exp/clock.h"
#include "exp/interrupt.h"

bool pb_sweep_has_score(const struct pb_plan *plan, double metric_clean, double metric_corrupted)
{
	double width = fabs(metric_clean - metric_corrupted);
	double size = fmax(fabs(metric_clean), fabs(metric_corrupted));
	double epsilon = plan->config->dtype == PB_F64 ? 1e-12 : 1e-5;
	return width > epsilon * fmax(size, 1.0);
}

/* The two ends of the score: the unpatched clean and corrupted runs, measured as the sweep measures. */
static void set_ends(const struct pb_engine *e, size_t probe, const struct pb_plan_sweep *s, struct pb_result_sweep *r)
{
	bool logits = s->config->kind == PB_SWEEP_ACTIVATION;
	bool clean_base = s->config->base == PB_FROM_CLEAN;
	const struct pb_run_ends *clean = &e->ends[probe].runs[0], *corrupted = &e->ends[probe].runs[1];
	r->metric_clean = clean->metric_updated;
	r->metric_corrupted = corrupted->metric_updated;
	if (logits) {
		r->metric_clean = clean_base ? clean->metric_logits : clean->metric_as_base;
		r->metric_corrupted = clean_base ? corrupted->metric_as_base : corrupted->metric_logits;
	}
	r->score_defined = pb_sweep_has_score(e->plan, r->metric_clean, r->metric_corrupted);
	r->neutral = s->config->neutral;
	if (isnan(r->neutral))
		r->neutral = s->config->base == PB_FROM_CLEAN ? 1.0 : 0.0;
}

/* Token texts on the axes that are positions; plain numbers where the base is a batch. */
static int label_positions(const struct pb_engine *e, size_t probe, const struct pb_plan_sweep *s,
			   struct pb_arena *arena, struct pb_result_axis *axes)
{
	const struct pb_probe_data *data = &e->probes[probe];
	const struct pb_examples *base = s->config->base == PB_FROM_CLEAN ? &data->clean : &data->corrupted;
	for (size_t i = 0; i < s->n_axes; i++) {
		axes[i] = s->axes[i];
		uint8_t kind = s->axis_kinds[i];
		bool position = kind == PB_AXIS_POS || kind == PB_AXIS_DEST_POS || kind == PB_AXIS_SRC_POS;
		if (!position || base->n_examples != 1)
			continue;
		const char **labels = pb_arena_array(arena, (size_t)axes[i].n, sizeof *labels);
		for (int64_t k = 0; labels && k < axes[i].n; k++) {
			const char *token = pb_data_tokens_text(e->plan, base->tokens + k, 1, arena);
			labels[k] = token ? pb_arena_printf(arena, "%s (%lld)", token, (long long)k) : NULL;
			if (!labels[k])
				return -PB_E_NOMEM;
		}
		if (!labels)
			return -PB_E_NOMEM;
		axes[i].labels = labels;
	}
	return 0;
}

static const char *hook_text(const struct pb_config_sweep *c, struct pb_arena *arena)
{
	const char *text = NULL;
	for (size_t i = 0; i < c->hook.count; i++)
		text = text ? pb_arena_printf(arena, "%s, %s", text, c->hook.items[i]) : c->hook.items[i];
	return text;
}

static void describe(const struct pb_engine *e, const struct pb_plan_sweep *s, struct pb_arena *arena,
		     struct pb_result_sweep *r)
{
	const struct pb_config_sweep *c = s->config;
	r->name = c->name;
	r->file = s->file;
	r->kind = pb_sweep_kind_names[c->kind];
	r->hook = hook_text(c, arena);
	r->setter = s->setter ? s->setter->loaded->plugin->name : "params";
	r->base = pb_patch_from_names[c->base];
	r->forward = pb_patch_from_names[c->forward];
	r->backward = pb_patch_from_names[c->backward];
	r->gradient = pb_gradient_mode_names[c->gradient];
	r->metric = pb_scorer_name(e->plan->metric);
	r->unit = pb_scorer_unit(e->plan->metric);
}

/* "2 (layer 0, head 2)" */
static const char *cell_text(const struct pb_result_sweep *r, size_t i, struct pb_arena *arena)
{
	const char *text = "";
	for (size_t k = 0; text && k < r->n_axes; k++)
		text = pb_arena_printf(arena, "%s%s%s %s", text, k ? ", " : " (", r->axes[k].name,
				       r->axes[k].labels[r->cells[i].index[k]]);
	text = text ? pb_arena_printf(arena, "%zu%s%s", i, text, *text ? ")" : "") : NULL;
	return text ? text : "?";
}

/* One probe's result so far. */
struct table {
	struct pb_result_sweep *result;
	struct pb_result_cell *cells;
	const char *broken; /* why the first cell without a number has none */
};

/* What the engine made of a cell. A patch that breaks the model leaves its cell empty; the sweep goes on. recalled: why it does
 * so is known. */
static int take_cell(struct pb_engine *e, const struct pb_plan_sweep *s, struct pb_cell_job *job, size_t i,
		     bool recalled, struct table *t, struct pb_arena *arena)
{
	const struct pb_result_sweep *r = t->result;
	struct pb_result_cell *cell = &t->cells[i];
	cell->index = job->cell->index;
	if (job->rc) {
		*cell = PB_EMPTY_CELL;
		cell->index = job->cell->index;
		if (t->broken)
			return 0;
		int rc = recalled ? 0 : pb_engine_explain(e, s, job, arena);
		char *why = pb_arena_printf(arena, "cell %s: %s", cell_text(r, i, arena), job->why);
		for (char *end = why; end && (end = strchr(end, '\n'));)
			*end = ' '; /* a note is one line */
		t->broken = why;
		return rc || why ? rc : -PB_E_NOMEM;
	}
	double width = r->metric_clean - r->metric_corrupted;
	if (r->score_defined) {
		cell->score = (cell->metric - r->metric_corrupted) / width;
		cell->estimate_score = (cell->estimate - r->metric_corrupted) / width;
	}
	return 0;
}

static struct pb_cell_job job_of(const struct pb_plan_sweep *s, const struct table *tables, size_t place)
{
	const size_t probe = place / s->n_cells, cell = place % s->n_cells;
	return (struct pb_cell_job){.probe = probe, .cell = &s->cells[cell], .out = &tables[probe].cells[cell]};
}

static struct pb_journal_key key_of(const struct pb_sweep_log *log, const struct pb_plan_sweep *s, size_t place)
{
	return (struct pb_journal_key){log->weights, log->sweep, log->units[place / s->n_cells],
				       (int64_t)(place % s->n_cells)};
}

/* The cells to make, by their places, probe after probe: not those of other shards, and not those that were made before. */
static int find_places(struct pb_engine *e, const struct pb_plan_sweep *s, const struct pb_sweep_log *log,
		       struct pb_arena *arena, struct table *tables, size_t *places, size_t *ret_n, size_t *ret_recalled)
{
	int rc = 0;
	*ret_n = *ret_recalled = 0;
	for (size_t i = 0; !rc && i < s->n_cells * e->n_probes; i++) {
		struct pb_cell_job job = job_of(s, tables, i);
		if (log && !pb_shard_has(log->shard, log->first * s->n_cells + i))
			continue;
		const struct pb_journal_key key = log ? key_of(log, s, i) : (struct pb_journal_key){0};
		if (!log || !pb_journal_find_cell(log->journal, &key, &job)) {
			places[(*ret_n)++] = i;
			continue;
		}
		++*ret_recalled;
		rc = take_cell(e, s, &job, i % s->n_cells, true, &tables[job.probe], arena);
	}
	return rc;
}

/* What the engine made of these jobs, at these places. */
static int take_cells(struct pb_engine *e, const struct pb_plan_sweep *s, const struct pb_sweep_log *log,
		      struct pb_cell_job *jobs, const size_t *places, size_t n, struct table *tables,
		      struct pb_arena *arena)
{
	int rc = 0;
	for (size_t i = 0; i < n; i++) { /* all of them, also where the disk is full */
		int take_rc = take_cell(e, s, &jobs[i], places[i] % s->n_cells, false, &tables[jobs[i].probe], arena);
		const struct pb_journal_key key = log ? key_of(log, s, places[i]) : (struct pb_journal_key){0};
		if (!take_rc && log)
			take_rc = pb_journal_add_cell(log->journal, &key, &jobs[i]);
		rc = rc ? rc : take_rc;
	}
	return rc;
}

/* *ret_done: all cells before this place are there. */
static int run_cells(struct pb_engine *e, const struct pb_plan_sweep *s, const struct pb_sweep_log *log,
		     struct pb_progress *progress, struct pb_arena *arena, struct table *tables, size_t *ret_done)
{
	size_t total = s->n_cells * e->n_probes, most = pb_engine_batch(e, s), n_places = 0, recalled = 0, at = 0;
	struct pb_cell_job *jobs = pb_arena_array(arena, most, sizeof *jobs);
	size_t *places = pb_arena_array(arena, total, sizeof *places);
	int64_t before = progress ? progress->done : 0;
	*ret_done = 0;
	int rc = jobs && places ? find_places(e, s, log, arena, tables, places, &n_places, &recalled) : -PB_E_NOMEM;
	if (!rc && log && log->merged && n_places)
		rc = pb_fail(PB_E_FORMAT, "sweep `%s`: no shard has cell %s", s->config->name,
			     cell_text(tables[places[0] / s->n_cells].result, places[0] % s->n_cells, arena));
	if (rc)
		return rc;
	if (progress)
		progress->from += (int64_t)recalled;
	while (!rc && at < n_places) {
		size_t n = n_places - at < most ? n_places - at : most, done = 0;
		rc = pb_interrupted();
		if (rc)
			break;
		for (size_t i = 0; i < n; i++)
			jobs[i] = job_of(s, tables, places[at + i]);
		rc = pb_engine_cells(e, s, jobs, n, arena, &done);
		if (rc)
			rc = pb_fail_in(rc, "sweep `%s`, cell %s", s->config->name,
					cell_text(tables[places[at + done] / s->n_cells].result,
						  places[at + done] % s->n_cells, arena));
		int take_rc = take_cells(e, s, log, jobs, places + at, done, tables, arena);
		rc = rc ? rc : take_rc;
		at += done;
		if (progress)
			pb_progress_at(progress, before + (int64_t)(recalled + at), NULL);
	}
	*ret_done = at < n_places ? places[at] : total;
	return rc;
}

/* An empty table with its labels and ends. */
static int start_table(const struct pb_engine *e, size_t probe, const struct pb_plan_sweep *s, struct pb_arena *arena,
		       struct table *t)
{
	struct pb_result_axis *axes = pb_arena_array(arena, s->n_axes, sizeof *axes);
	struct pb_result_sweep *r = t->result;
	*r = (struct pb_result_sweep){.n_axes = s->n_axes, .n_cells = s->n_cells};
	t->cells = pb_arena_array(arena, s->n_cells, sizeof *t->cells);
	int rc = axes && t->cells ? label_positions(e, probe, s, arena, axes) : -PB_E_NOMEM;
	if (rc)
		return rc;
	describe(e, s, arena, r);
	set_ends(e, probe, s, r);
	r->axes = axes;
	r->cells = t->cells;
	for (size_t i = 0; i < s->n_cells; i++) {
		t->cells[i] = PB_EMPTY_CELL;
		t->cells[i].index = s->cells[i].index;
	}
	return 0;
}

/* How good the estimates are. */
static int judge_estimates(const struct pb_engine *e, size_t probe, const struct pb_plan_sweep *s,
			   struct pb_arena *arena, struct pb_result_sweep *r)
{
	bool logits = s->config->kind == PB_SWEEP_ACTIVATION;
	const struct pb_run_ends *base = &e->ends[probe].runs[s->config->base == PB_FROM_CORRUPTED];
	struct pb_result_estimate *out = pb_arena_alloc(arena, sizeof *out);
	double *values = pb_arena_array(arena, 2 * r->n_cells, sizeof *values);
	if (!out || !values)
		return -PB_E_NOMEM;
	for (size_t i = 0; i < r->n_cells; i++) {
		values[i] = r->cells[i].estimate;
		values[r->n_cells + i] = r->cells[i].metric;
	}
	*out = (struct pb_result_estimate){
		.only = s->config->estimate == PB_ESTIMATE_ONLY,
		.before = logits ? base->metric_logits : e->ends[probe].metric_before,
		.clean = logits ? NAN : e->ends[probe].runs[0].estimate,
		.corrupted = logits ? NAN : e->ends[probe].runs[1].estimate,
		.correlation = pb_correlation(r->n_cells, values, values + r->n_cells),
	};
	r->estimate = out;
	return 0;
}

int pb_sweep_run(struct pb_engine *engine, const struct pb_plan_sweep *sweep, const struct pb_sweep_log *log,
		 struct pb_progress *progress, struct pb_arena *arena, struct pb_result_sweep *ret_results,
		 size_t *ret_done)
{
	struct table *tables = pb_arena_array(arena, engine->n_probes, sizeof *tables);
	double started = pb_clock();
	size_t done = 0;
	int rc = tables ? 0 : -PB_E_NOMEM;
	for (size_t i = 0; i < engine->n_probes; i++)
		ret_done[i] = 0;
	for (size_t i = 0; !rc && i < engine->n_probes; i++) {
		tables[i].result = &ret_results[i];
		rc = start_table(engine, i, sweep, arena, &tables[i]);
	}
	if (rc)
		return rc;
	rc = run_cells(engine, sweep, log, progress, arena, tables, &done);
	double seconds = (pb_clock() - started) / (double)engine->n_probes;
	for (size_t i = 0; i < engine->n_probes; i++) {
		size_t before = i * sweep->n_cells, mine = done > before ? done - before : 0;
		if (log && log->shard.count)
			mine = 0; /* a share of a table is no table */
		ret_done[i] = mine < sweep->n_cells ? mine : sweep->n_cells;
		ret_results[i].seconds = seconds;
		if (sweep->config->estimate)
			rc = rc ? rc : judge_estimates(engine, i, sweep, arena, &ret_results[i]);
		int audit_rc = pb_audit_sweep(engine->plan, sweep, ret_done[i], tables[i].broken, arena, &ret_results[i]);
		rc = rc ? rc : audit_rc;
	}
	return rc;
}
