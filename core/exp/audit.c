/* audit.c: reads the cells' audit and says what a person should know before believing the heat map. */
#include "exp/audit.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/status.h"

enum { MAX_NOTES = 12 };

struct tally {
	size_t cells, cut, backward_fired, forward_unchanged, backward_unchanged, not_finite;
	int64_t least_without_grad, most_without_grad;
	bool one_score; /* all cells score the same, to rounding */
	double score;
};

struct notes {
	struct pb_arena *arena;
	const char **items;
	size_t n;
	bool failed;
};

static void note(struct notes *notes, const char *format, ...) PB_PRINTF(2, 3);

static void note(struct notes *notes, const char *format, ...)
{
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	const char *copy = pb_arena_strdup(notes->arena, text);
	if (!copy || notes->n == MAX_NOTES)
		notes->failed = !copy;
	else
		notes->items[notes->n++] = copy;
}

static struct tally count(const struct pb_result_cell *cells, size_t n)
{
	struct tally t = {.one_score = true, .least_without_grad = INT64_MAX, .score = NAN};
	for (size_t i = 0; i < n; i++) {
		const struct pb_result_cell *c = &cells[i];
		const double score = isnan(c->metric) ? c->estimate_score : c->score;
		if (isnan(c->metric) && isnan(c->estimate))
			continue;
		if (!t.cells++)
			t.score = score;
		t.cut += c->graph_cut;
		t.backward_fired += c->backward.fired > 0;
		t.forward_unchanged += c->forward.fired && c->forward.max_change == 0.0;
		t.not_finite += isinf(c->forward.max_change) || isinf(c->backward.max_change);
		t.backward_unchanged += c->backward.fired && c->backward.max_change == 0.0;
		if (c->params_without_grad < t.least_without_grad)
			t.least_without_grad = c->params_without_grad;
		if (c->params_without_grad > t.most_without_grad)
			t.most_without_grad = c->params_without_grad;
		t.one_score &= fabs(score - t.score) <= 1e-9;
	}
	return t;
}

/* "blocks.3.hook_resid_pre", or "the 6 points of hook_resid_pre" */
static void name_points(const struct pb_plan *plan, const struct pb_plan_sweep *s, char *text, size_t size)
{
	const struct pb_site *first = &plan->model.sites.items[s->sites[0]];
	if (s->n_sites == 1)
		snprintf(text, size, "%s", first->name);
	else
		snprintf(text, size, "%s .. %s", first->name,
			 plan->model.sites.items[s->sites[s->n_sites - 1]].name);
}

static void by_construction(const struct tally *t, char *text, size_t size)
{
	if (t->one_score && isfinite(t->score))
		snprintf(text, size, ": every score is %.4g by construction", t->score);
	else
		snprintf(text, size, ": these cells say nothing");
}

/* Does the forward patch hold the gradient up, whatever it does to the value? A backward patch that fires decides
 * instead. */
static bool blocks_gradient(const struct pb_plan_sweep *s, const struct tally *t)
{
	return s->config->kind == PB_SWEEP_GRADIENT && s->config->gradient == PB_MODE_TORCH &&
	       pb_setter_ops(s->setter)->effect != PB_EFFECT_ADD && !t->backward_fired;
}

static void forward_notes(const struct pb_plan_sweep *s, const struct tally *t, const char *points, struct notes *out)
{
	const struct pb_config_sweep *c = s->config;
	char so[96] = "", why[128];
	if (c->forward == PB_FROM_ABLATE)
		snprintf(why, sizeof why, "the setter left the values there as they were");
	else if (c->forward == c->base)
		snprintf(why, sizeof why, "it takes the base run's own activations");
	else
		snprintf(why, sizeof why, "the %s run's activations there equal those of the base run",
		         pb_patch_from_names[c->forward]);
	if (!c->backward)
		by_construction(t, so, sizeof so);
	if (blocks_gradient(s, t))
		snprintf(so, sizeof so, "; mode `torch` holds the gradient up there all the same");
	if (t->forward_unchanged == t->cells)
		note(out, "forward patch at %s changed nothing: %s%s", points, why, so);
	else if (t->forward_unchanged)
		note(out, "forward patch changed nothing in %zu of %zu cells: %s", t->forward_unchanged, t->cells, why);
}

static void cut_notes(const struct pb_config_sweep *c, const struct tally *t, const char *points, struct notes *out)
{
	char range[64];
	int n = snprintf(range, sizeof range, "%lld", (long long)t->least_without_grad);
	if (t->most_without_grad > t->least_without_grad)
		snprintf(range + n, sizeof range - (size_t)n, " to %lld", (long long)t->most_without_grad);
	if (t->cut && c->backward && !t->backward_fired)
		note(out,
		     "backward hook at %s never fired: in mode `torch` the setter replaced the whole activation, which cuts the "
		     "graph there, so forward and backward together equal forward alone; use `gradient: pass` to patch both",
		     points);
	if (t->cut && t->most_without_grad)
		note(out,
		     "the graph was cut in %zu of %zu cells: %s parameters got no gradient, and the optimizer skipped them (no weight "
		     "decay either)",
		     t->cut, t->cells, range);
	else if (t->cut)
		note(out, "the graph was cut in %zu of %zu cells; every parameter still got a gradient on other paths",
		     t->cut, t->cells);
}

static void backward_notes(const struct pb_config_sweep *c, const struct tally *t, const char *points,
			   struct notes *out)
{
	char so[96];
	by_construction(t, so, sizeof so);
	if (t->cut && !t->backward_fired)
		return; /* told by cut_notes */
	if (!t->backward_fired)
		note(out, "backward hook at %s never fired: no gradient passes there%s", points, so);
	else if (t->backward_unchanged == t->cells && !c->forward)
		note(out, "backward patch at %s replaced the gradient with itself%s", points, so);
	else if (t->backward_unchanged == t->cells)
		note(out, "backward patch at %s changed nothing: the gradient there was the %s run's already%s", points,
		     pb_patch_from_names[c->backward], t->forward_unchanged == t->cells ? so : "");
	else if (t->backward_unchanged)
		note(out, "backward patch changed nothing in %zu of %zu cells", t->backward_unchanged, t->cells);
	if (t->backward_fired && t->backward_fired < t->cells)
		note(out, "backward hook never fired in %zu of %zu cells: no gradient passes there",
		     t->cells - t->backward_fired, t->cells);
}

static void patch_notes(const struct pb_plan *plan, const struct pb_plan_sweep *s, const struct tally *t,
			struct notes *out)
{
	const struct pb_config_sweep *c = s->config;
	char points[256], so[96];
	name_points(plan, s, points, sizeof points);
	by_construction(t, so, sizeof so);
	/* Scores that are masked are minus infinity, and replacing them is no accident. */
	if (t->not_finite && plan->model.sites.items[s->sites[0]].kind != PB_SITE_ATTN_SCORES)
		note(out, "the patch wrote numbers that are not finite in %zu of %zu cells, where they did not matter",
		     t->not_finite, t->cells);
	if (!c->forward && !c->backward)
		note(out, "no patch at all (neither `forward` nor `backward` names a run)%s", so);
	if (c->forward)
		forward_notes(s, t, points, out);
	cut_notes(c, t, points, out);
	if (c->backward)
		backward_notes(c, t, points, out);
}

/* A set that holds nothing measures the base run's plain update again. */
static void params_notes(const struct pb_plan *plan, const struct pb_plan_sweep *s, size_t n_done, struct notes *out)
{
	size_t empty = 0;
	for (size_t i = 0; i < n_done; i++) {
		int held = 0;
		for (int k = 0; k < plan->model.table.n_parts; k++)
			held += s->cells[i].set[k];
		empty += held == 0;
	}
	if (empty)
		note(out, "%zu of %zu sets hold no parameter: that is the update on the %s run by construction", empty,
		     n_done, pb_patch_from_names[s->config->base]);
}

int pb_audit_sweep(const struct pb_plan *plan, const struct pb_plan_sweep *sweep, size_t n_done, const char *broken,
		   struct pb_arena *arena, struct pb_result_sweep *result)
{
	enum pb_sweep_kind kind = (enum pb_sweep_kind)sweep->config->kind;
	struct tally t = count(result->cells, n_done);
	struct notes out = {.arena = arena, .items = pb_arena_array(arena, MAX_NOTES, sizeof *out.items)};
	if (!out.items)
		return -PB_E_NOMEM;
	if (broken)
		note(&out, "no metric in %zu of %zu cells: the patched model's numbers are not finite (%s)",
		     n_done - t.cells, n_done, broken);
	if (n_done && !result->score_defined)
		note(&out, "clean and corrupted %s give the same metric within rounding: the score is undefined",
		     kind == PB_SWEEP_ACTIVATION ? "runs" : "updates");
	if (kind == PB_SWEEP_PARAMS)
		params_notes(plan, sweep, n_done, &out);
	else if (t.cells)
		patch_notes(plan, sweep, &t, &out);
	result->notes = out.items;
	result->n_notes = out.n;
	return out.failed ? -PB_E_NOMEM : 0;
}
