/* sweep.c: the loop over cells, normalised scores, labels. */
#include "exp/sweep.h"

#include <math.h>
#include <string.h>

#include "base/status.h"
#include "exp/audit.h"
#include "exp/clock.h"
#include "exp/interrupt.h"

/* The two ends of the score: the unpatched clean and corrupted runs, measured as the sweep measures. */
static void set_ends(struct pb_engine *e, const struct pb_plan_sweep *s, struct pb_result_sweep *r)
{
	bool logits = s->config->kind == PB_SWEEP_ACTIVATION;
	bool clean_base = s->config->base == PB_FROM_CLEAN;
	const struct pb_engine_run *clean = &e->runs[0], *corrupted = &e->runs[1];
	r->metric_clean = clean->metric_updated;
	r->metric_corrupted = corrupted->metric_updated;
	if (logits) {
		r->metric_clean = clean_base ? clean->metric_logits : clean->metric_as_base;
		r->metric_corrupted = clean_base ? corrupted->metric_as_base : corrupted->metric_logits;
	}
	double width = fabs(r->metric_clean - r->metric_corrupted);
	double size = fmax(fabs(r->metric_clean), fabs(r->metric_corrupted));
	/* A difference within rounding of its terms carries no digits. */
	double epsilon = e->plan->config->dtype == PB_F64 ? 1e-12 : 1e-5;
	r->score_defined = width > epsilon * fmax(size, 1.0);
	r->neutral = s->config->neutral;
	if (isnan(r->neutral))
		r->neutral = s->config->base == PB_FROM_CLEAN ? 1.0 : 0.0;
}

/* Token texts on the axes that are positions; plain numbers where the base is a batch. */
static int label_positions(struct pb_engine *e, const struct pb_plan_sweep *s, struct pb_arena *arena,
			   struct pb_result_axis *axes)
{
	const struct pb_engine_run *base = pb_engine_source(e, s->config->base);
	for (size_t i = 0; i < s->n_axes; i++) {
		axes[i] = s->axes[i];
		uint8_t kind = s->axis_kinds[i];
		bool position = kind == PB_AXIS_POS || kind == PB_AXIS_DEST_POS || kind == PB_AXIS_SRC_POS;
		if (!position || base->examples->n_examples != 1)
			continue;
		const char **labels = pb_arena_array(arena, (size_t)axes[i].n, sizeof *labels);
		for (int64_t k = 0; labels && k < axes[i].n; k++) {
			const char *token = pb_data_tokens_text(e->plan, base->examples->tokens + k, 1, arena);
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

static void describe(struct pb_engine *e, const struct pb_plan_sweep *s, struct pb_arena *arena,
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

/* One cell. A patch that breaks the model leaves its cell empty and *broken says why; the sweep goes on. */
static int run_cell(struct pb_engine *e, const struct pb_plan_sweep *s, size_t i, const struct pb_result_sweep *r,
		    struct pb_arena *arena, struct pb_result_cell *cell, const char **broken)
{
	int rc = pb_engine_cell(e, s, &s->cells[i], cell);
	cell->index = s->cells[i].index;
	if (rc == -PB_E_NUMERIC && !*broken) {
		*broken = pb_arena_printf(arena, "cell %s: %s", cell_text(r, i, arena), pb_error_text());
		return *broken ? 0 : -PB_E_NOMEM;
	}
	if (rc == -PB_E_NUMERIC)
		return 0;
	if (rc)
		return pb_fail_in(rc, "sweep `%s`, cell %s", s->config->name, cell_text(r, i, arena));
	if (r->score_defined)
		cell->score = (cell->metric - r->metric_corrupted) / (r->metric_clean - r->metric_corrupted);
	return 0;
}

static int run_cells(struct pb_engine *e, const struct pb_plan_sweep *s, struct pb_terminal *terminal,
		     const struct pb_result_sweep *r, struct pb_arena *arena, struct pb_result_cell *cells,
		     size_t *ret_done, const char **ret_broken)
{
	struct pb_progress progress;
	int rc = 0;
	pb_progress_begin(&progress, terminal, s->config->name, (int64_t)s->n_cells);
	for (size_t i = 0; i < s->n_cells; i++)
		cells[i] = (struct pb_result_cell){
			.index = s->cells[i].index, .metric = NAN, .score = NAN, .loss = NAN, .grad_norm = NAN};
	while (!rc && *ret_done < s->n_cells) {
		rc = pb_interrupted();
		if (!rc)
			rc = run_cell(e, s, *ret_done, r, arena, &cells[*ret_done], ret_broken);
		if (!rc)
			pb_progress_at(&progress, (int64_t)++ * ret_done, NULL);
	}
	pb_progress_end(&progress, rc ? "stopped" : NULL);
	return rc;
}

int pb_sweep_run(struct pb_engine *engine, const struct pb_plan_sweep *sweep, struct pb_terminal *terminal,
		 struct pb_arena *arena, struct pb_result_sweep *ret_result, size_t *ret_done)
{
	struct pb_result_sweep r = {.n_axes = sweep->n_axes, .n_cells = sweep->n_cells};
	struct pb_result_axis *axes = pb_arena_array(arena, sweep->n_axes, sizeof *axes);
	struct pb_result_cell *cells = pb_arena_array(arena, sweep->n_cells, sizeof *cells);
	const char *broken = NULL;
	double started = pb_clock();
	int rc = axes && cells ? 0 : -PB_E_NOMEM;
	*ret_done = 0;
	if (!rc)
		rc = label_positions(engine, sweep, arena, axes);
	if (rc)
		return rc;
	describe(engine, sweep, arena, &r);
	set_ends(engine, sweep, &r);
	r.axes = axes;
	r.cells = cells;
	rc = run_cells(engine, sweep, terminal, &r, arena, cells, ret_done, &broken);
	r.seconds = pb_clock() - started;
	int audit_rc = pb_audit_sweep(engine->plan, sweep, *ret_done, broken, arena, &r);
	if (!rc)
		rc = audit_rc;
	*ret_result = r;
	return rc;
}
