/* sweep.c: tables with their labels and ends. */
#include "exp/sweep.h"

#include <math.h>
#include <string.h>

#include "base/status.h"
#include "exp/audit.h"
#include "exp/clock.h"
#include "exp/sweep_cells.h"

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

/* An empty table with its labels and ends. */
static int start_table(const struct pb_engine *e, size_t probe, const struct pb_plan_sweep *s, struct pb_arena *arena,
		       struct pb_sweep_table *t)
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
	struct pb_sweep_table *tables = pb_arena_array(arena, engine->n_probes, sizeof *tables);
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
	rc = pb_sweep_cells(engine, sweep, log, progress, arena, tables, &done);
	double seconds = (pb_clock() - started) / (double)engine->n_probes;
	for (size_t i = 0; i < engine->n_probes; i++) {
		size_t before = i * sweep->n_cells, mine = done > before ? done - before : 0;
		if (log && (log->shard.count || (log->team && log->team->rank)))
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
