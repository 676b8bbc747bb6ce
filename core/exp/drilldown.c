/* drilldown.c: sets as cells through the engine, and what the search found as a result. */
#include "exp/drilldown.h"

#include <math.h>
#include <string.h>

#include "base/status.h"
#include "exp/clock.h"
#include "exp/drill.h"
#include "exp/interrupt.h"
#include "exp/sweep.h"

struct driller {
	const struct pb_probing *p;
	const struct pb_params *weights;
	const char *name;
	const struct pb_plan_sweep *sweep;
	struct pb_drill_tree tree;
	struct pb_means means;       /* none: parameters' gradients need none */
	struct pb_probe_group group; /* n 0: no engine is open */
	struct pb_engine engine;
	struct pb_arena lists; /* as long as a call of the judge */
	int64_t n_scored;      /* units that have a score */
	int64_t done;          /* cells */
	struct pb_progress progress;
};

static void close_group(struct driller *d)
{
	if (!d->group.n)
		return;
	pb_engine_close(&d->engine);
	pb_probe_group_close(&d->group);
	d->group.n = 0;
}

/* The group that begins with this unit; it stays open, since most drill-downs have one group only. */
static int need_group(struct driller *d, size_t first)
{
	if (d->group.n && d->group.first == first)
		return 0;
	close_group(d);
	int rc = pb_probe_group_open(d->p, first, &d->group);
	if (rc) {
		d->group.n = 0;
		return rc;
	}
	rc = pb_engine_open(&d->engine, d->p->plan, d->weights, &d->means, d->group.probes, d->group.n, d->p->engine);
	if (!rc)
		return 0;
	pb_probe_group_close(&d->group);
	d->group.n = 0;
	return pb_fail_in(rc, "the probe's runs without a patch");
}

static bool has_score(const struct driller *d, size_t probe)
{
	const struct pb_run_ends *runs = d->engine.ends[probe].runs;
	return pb_sweep_has_score(d->p->plan, runs[0].metric_updated, runs[1].metric_updated);
}

/* The unit's score, or what is missing from it to the clean run's 1 where that is the base. */
static double effect_of(const struct driller *d, const struct pb_cell_job *job)
{
	const struct pb_run_ends *runs = d->engine.ends[job->probe].runs, *base = &runs[1], *other = &runs[0];
	if (d->sweep->config->base == PB_FROM_CLEAN) {
		base = &runs[0];
		other = &runs[1];
	}
	return job->rc ? NAN : (job->out->metric - base->metric_updated) / (other->metric_updated - base->metric_updated);
}

/* Cells of the group's units that have a score, all sets of one unit after the other; their effects go to `sums`. */
static int judge_group(struct driller *d, const struct pb_plan_cell *cells, size_t n, double *sums)
{
	size_t most = pb_engine_batch(&d->engine, d->sweep), total = n * d->group.n;
	struct pb_cell_job *jobs = pb_arena_array(&d->lists, most, sizeof *jobs);
	struct pb_result_cell *results = pb_arena_array(&d->lists, most, sizeof *results);
	int rc = jobs && results ? 0 : -PB_E_NOMEM;
	for (size_t at = 0; !rc && at < total;) {
		size_t filled = 0, done = 0;
		rc = pb_interrupted();
		for (; at < total && filled < most; at++)
			if (has_score(d, at / n)) {
				jobs[filled] = (struct pb_cell_job){
					.probe = at / n, .cell = &cells[at % n], .out = &results[filled]};
				filled++;
			}
		if (!rc && filled)
			rc = pb_engine_cells(&d->engine, d->sweep, jobs, filled, &d->lists, &done);
		for (size_t i = 0; !rc && i < filled; i++)
			sums[jobs[i].cell - cells] += effect_of(d, &jobs[i]);
		d->done += (int64_t)done;
		pb_progress_at(&d->progress, d->done, NULL);
	}
	return rc;
}

/* The mean effect of each set over the units that have a score. */
static int judge(void *user, const bool *const *sets, size_t n, double *ret_effects)
{
	struct driller *d = user;
	size_t parts = (size_t)d->tree.table->n_parts;
	pb_arena_reset(&d->lists);
	struct pb_plan_cell *cells = pb_arena_array(&d->lists, n, sizeof *cells);
	bool *chosen = pb_arena_array(&d->lists, n * parts, sizeof *chosen);
	int rc = cells && chosen ? 0 : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < n; i++) {
		pb_drill_parts(&d->tree, sets[i], chosen + i * parts);
		cells[i].set = chosen + i * parts;
		ret_effects[i] = 0.0;
	}
	for (size_t first = 0; !rc && first < d->p->n_units; first += d->group.n) {
		rc = need_group(d, first);
		if (!rc)
			rc = judge_group(d, cells, n, ret_effects);
		if (rc)
			break;
	}
	for (size_t i = 0; !rc && i < n; i++)
		ret_effects[i] /= (double)d->n_scored;
	return rc;
}

/* Of all units: how many have a score? */
static int count_scored(struct driller *d)
{
	int rc = 0;
	for (size_t first = 0; !rc && first < d->p->n_units; first += d->group.n) {
		rc = need_group(d, first);
		if (rc)
			break;
		for (size_t i = 0; i < d->group.n; i++)
			d->n_scored += has_score(d, i);
	}
	return rc;
}

static double score_of(const struct driller *d, double effect)
{
	return d->sweep->config->base == PB_FROM_CLEAN ? 1.0 - effect : effect;
}

static int64_t count_elements(const struct driller *d, const bool *set)
{
	int64_t n = 0;
	for (int i = 0; i < d->tree.n_leaves; i++)
		n += set[i] ? d->tree.nodes[d->tree.leaves[i].node].count : 0;
	return n;
}

static int take_steps(struct driller *d, const struct pb_drill_found *found, struct pb_result_drill *r)
{
	struct pb_result_drill_step *steps = pb_arena_array(d->p->arena, found->n_steps, sizeof *steps);
	if (!steps)
		return -PB_E_NOMEM;
	for (size_t i = 0; i < found->n_steps; i++) {
		const struct pb_drill_step *from = &found->steps[i];
		steps[i] = (struct pb_result_drill_step){
			.level = from->level,
			.set = pb_drill_expression(&d->tree, from->set, d->p->arena),
			.score = score_of(d, from->effect),
			.parameters = count_elements(d, from->set),
			.cells = (int64_t)from->n_judged * d->n_scored,
		};
		if (!steps[i].set)
			return -PB_E_NOMEM;
	}
	r->steps = steps;
	r->n_steps = found->n_steps;
	return 0;
}

static int take_parts(struct driller *d, const struct pb_drill_found *found, struct pb_result_drill *r)
{
	const bool *set = found->steps[found->n_steps - 1].set;
	struct pb_result_drill_part *parts = pb_arena_array(d->p->arena, (size_t)d->tree.n_leaves, sizeof *parts);
	if (!parts)
		return -PB_E_NOMEM;
	for (int i = 0; i < d->tree.n_leaves; i++) {
		const struct pb_drill_node *node = &d->tree.nodes[d->tree.leaves[i].node];
		if (set[i])
			parts[r->n_parts++] = (struct pb_result_drill_part){node->name, node->count,
									    score_of(d, found->without[i])};
	}
	r->parts = parts;
	return 0;
}

/* One share; *ret_done: there is something to show. */
static int search(struct driller *d, struct pb_drill *drill, double share, struct pb_result_drill *r, bool *ret_done)
{
	struct pb_drill_found found = {0};
	double started = pb_clock();
	size_t before = drill->n_judged;
	*r = (struct pb_result_drill){.weights = d->name, .share = share, .n_units = d->n_scored,
				      .base = pb_patch_from_names[d->sweep->config->base],
				      .parameters = d->tree.nodes[0].count};
	if (!d->n_scored)
		r->note = "the ends of the score coincide for every unit: there is nothing to search for";
	int rc = d->n_scored ? pb_drill_search(drill, share, d->p->arena, &found) : 0;
	r->seconds = pb_clock() - started;
	r->cells = (int64_t)(drill->n_judged - before) * d->n_scored;
	if (found.exhausted)
		r->note = "ended by max_cells: the set reaches the share, but a smaller one may be found";
	else if (rc)
		r->note = "cut short: the set reaches the share, but a smaller one may be found";
	int take_rc = found.n_steps ? take_steps(d, &found, r) : 0;
	if (!take_rc && found.n_steps)
		take_rc = take_parts(d, &found, r);
	*ret_done = !take_rc && (!rc || found.n_steps);
	return rc ? rc : take_rc;
}

static void log_drill(struct driller *d, const struct pb_result_drill *r)
{
	const struct pb_result_drill_step *last = r->n_steps ? &r->steps[r->n_steps - 1] : NULL;
	if (last)
		pb_folder_log(d->p->folder,
			      "drill-down to %g of the score: %lld of %lld parameters, score %.6g, %lld cells, %.2f s",
			      r->share, (long long)last->parameters, (long long)r->parameters, last->score,
			      (long long)r->cells, r->seconds);
	if (r->note)
		pb_folder_log(d->p->folder, "drill-down: %s", r->note);
}

static int run_searches(struct driller *d, struct pb_result_drill *ret_drills, size_t *ret_done)
{
	const struct pb_config_drilldown *c = &d->p->plan->config->drilldown;
	struct pb_drill drill;
	size_t most = d->n_scored ? (size_t)(c->max_cells / d->n_scored) : 0;
	pb_drill_init(&drill, &d->tree, most, judge, d);
	int rc = 0;
	for (size_t i = 0; !rc && i < c->share.count; i++) {
		bool done = false;
		rc = search(d, &drill, c->share.items[i], &ret_drills[i], &done);
		*ret_done += done;
		if (done)
			log_drill(d, &ret_drills[i]);
	}
	pb_drill_finish(&drill);
	return rc;
}

int pb_drilldown_run(const struct pb_probing *probing, const char *name, const struct pb_params *weights,
		     struct pb_result_drill *ret_drills, size_t *ret_done)
{
	const struct pb_plan *plan = probing->plan;
	struct driller d = {.p = probing, .weights = weights, .name = name, .sweep = &plan->drill->sweep};
	*ret_done = 0;
	int rc = pb_drill_tree_make(&plan->model.table, plan->config->drilldown.ends_at == PB_DRILL_HEADS,
				    probing->arena, &d.tree);
	if (rc)
		return rc;
	pb_progress_begin(&d.progress, probing->terminal, &probing->folder->events, "drilldown",
			  plan->drill->config.name, 0);
	rc = count_scored(&d);
	if (!rc)
		rc = run_searches(&d, ret_drills, ret_done);
	pb_progress_end(&d.progress, rc ? "stopped" : NULL);
	close_group(&d);
	pb_arena_finish(&d.lists);
	return rc;
}
