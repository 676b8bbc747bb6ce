/* probe.c: groups of units through the engine, tables per unit, and their means. */
#include "exp/probe.h"

#include <math.h>
#include <string.h>

#include "base/status.h"
#include "exp/merge.h"
#include "exp/sweep.h"
#include "exp/wants.h"

/* All units under one set of weights. */
struct prober {
	const struct pb_probing *p;
	const char *name;
	const struct pb_params *weights;
	struct pb_means means;
	struct pb_probed *out;
	const char **names, **sets;     /* [n_units] of the units */
	struct pb_result_sweep *tables; /* [n_sweeps, n_units] */
	size_t *done;                   /* the same: cells of each */
	int64_t told;                   /* examples that the setters know of */
	struct pb_progress progress;
};

static bool several(const struct prober *r)
{
	return r->p->n_units > 1;
}

static int copy_examples(struct pb_arena *arena, struct pb_examples *x)
{
	size_t tokens = (size_t)x->n_examples * (size_t)x->n_pos, scored = (size_t)x->n_scored;
	int32_t *t = pb_arena_array(arena, tokens + 1, sizeof *t);
	struct pb_scored *s = pb_arena_array(arena, scored + 1, sizeof *s);
	if (!t || !s)
		return -PB_E_NOMEM;
	if (tokens)
		memcpy(t, x->tokens, tokens * sizeof *t);
	if (scored)
		memcpy(s, x->scored, scored * sizeof *s);
	x->tokens = t;
	x->scored = s;
	return 0;
}

static int copy_probe(struct pb_arena *arena, struct pb_probe_data *probe)
{
	int rc = copy_examples(arena, &probe->clean);
	if (!rc)
		rc = copy_examples(arena, &probe->corrupted);
	return rc ? rc : copy_examples(arena, &probe->questions);
}

int pb_probe_group_open(const struct pb_probing *probing, size_t first, struct pb_probe_group *ret_group)
{
	const struct pb_probing *p = probing;
	struct pb_probe_group g = {.first = first};
	size_t most = pb_engine_group(p->plan, p->engine), left = p->n_units - first;
	most = most < left ? most : left;
	g.probes = pb_arena_array(&g.arena, most, sizeof *g.probes);
	int rc = g.probes ? 0 : -PB_E_NOMEM;
	while (!rc && g.n < most) {
		struct pb_probe_data *probe = &g.probes[g.n];
		rc = pb_data_probe(p->plan, p->units[first + g.n], probe);
		if (!rc && g.n && !pb_engine_same_shape(&g.probes[0], probe))
			break;
		if (!rc)
			rc = copy_probe(&g.arena, probe);
		g.n += !rc;
	}
	if (rc)
		pb_arena_finish(&g.arena);
	else
		*ret_group = g;
	return rc;
}

void pb_probe_group_close(struct pb_probe_group *group)
{
	pb_arena_finish(&group->arena);
}

static const char *examples_text(const struct prober *r, const struct pb_examples *x)
{
	const char *first = pb_data_tokens_text(r->p->plan, x->tokens, x->n_pos, r->p->arena);
	if (!first || x->n_examples == 1)
		return first;
	return pb_arena_printf(r->p->arena, "%s (+%lld)", first, (long long)x->n_examples - 1);
}

static int describe_probe(struct prober *r, const struct pb_probe_group *g, const struct pb_engine *engine, size_t i)
{
	const struct pb_probe_ends *ends = &engine->ends[i];
	struct pb_result_probe *probe = &r->out->probes[r->out->n_probes++];
	*probe = (struct pb_result_probe){
		.unit = r->names[g->first + i],
		.set = r->sets[g->first + i],
		.weights = r->name,
		.clean = examples_text(r, &g->probes[i].clean),
		.corrupted = examples_text(r, &g->probes[i].corrupted),
		.metric_before = ends->metric_before,
		.metric_clean = ends->runs[0].metric_updated,
		.metric_corrupted = ends->runs[1].metric_updated,
		.loss_clean = ends->runs[0].loss,
		.loss_corrupted = ends->runs[1].loss,
		.grad_norm_clean = ends->runs[0].grad_norm,
		.grad_norm_corrupted = ends->runs[1].grad_norm,
	};
	if (pb_wants_updates(r->p->plan))
		pb_folder_log(r->p->folder,
			      "probe %s%s%s: metric %.9g, after the clean update %.9g, after the corrupted one %.9g",
			      probe->unit, r->name ? " under " : "", r->name ? r->name : "", probe->metric_before,
			      probe->metric_clean, probe->metric_corrupted);
	const char *of = r->name ? pb_arena_printf(r->p->arena, "%s (%s)", probe->unit, r->name) : probe->unit;
	return of ? pb_parts_add(engine, i, of, r->p->arena, &r->out->parts) : -PB_E_NOMEM;
}

/* The runs without a patch, looked at besides the engine's passes, for the report: rank 0 writes it. */
static int look_at(struct prober *r, const struct pb_probe_group *g, const struct pb_engine *engine, size_t i)
{
	const struct pb_probing *p = r->p;
	const char *unit = r->names[g->first + i];
	if (p->team && p->team->rank)
		return 0;
	int rc = pb_patterns_add(p->plan, r->weights, &g->probes[i], unit, r->name, p->arena, &r->out->patterns);
	return rc ? rc
		  : pb_updates_add(p->plan, r->weights, &g->probes[i], !engine->is_fast, unit, r->name, p->arena,
				   &r->out->updates);
}

/* "z by head", under several sets of weights "z by head (model_1)"; files the same. */
static int name_table(const struct prober *r, struct pb_result_sweep *table)
{
	table->weights = r->name;
	if (!r->name)
		return 0;
	table->name = pb_arena_printf(r->p->arena, "%s (%s)", table->name, r->name);
	table->file = pb_arena_printf(r->p->arena, "%s.%s", table->file, r->name);
	return table->name && table->file ? 0 : -PB_E_NOMEM;
}

/* A finished table, or what there is of it. */
static int publish(struct prober *r, const struct pb_result_sweep *table, size_t done)
{
	size_t units = table->over ? table->over->n : 1;
	r->out->sweeps[r->out->n_sweeps++] = *table;
	if (table->over)
		pb_folder_log(r->p->folder, "sweep %s: %zu of %zu cells of %zu units, %.2f s", table->name, done,
			      table->n_cells * r->p->n_units, units, table->seconds);
	else
		pb_folder_log(r->p->folder, "sweep %s: %zu of %zu cells, %.2f s", table->name, done, table->n_cells,
			      table->seconds);
	if (table->estimate)
		pb_folder_log(r->p->folder, "estimate %s: from %.9g, correlation %.6g", table->name,
			      table->estimate->before, table->estimate->correlation);
	for (size_t k = 0; k < table->n_notes; k++)
		pb_folder_log(r->p->folder, "audit %s: %s", table->name, table->notes[k]);
	int rc = pb_report_write_sweep(r->p->folder->path, table);
	pb_events_sweep(&r->p->folder->events, table);
	if (r->p->terminal)
		pb_terminal_sweep(r->p->terminal, table);
	return rc;
}

/* Where the claims of the sweep's cells begin: those of one set of weights behind the other, of one sweep behind the other. */
static size_t claims_of(const struct pb_probing *p, size_t sweep, size_t weights)
{
	size_t before = 0, all = 0;
	for (size_t i = 0; i < p->plan->n_sweeps; i++) {
		before += i < sweep ? p->plan->sweeps[i].n_cells : 0;
		all += p->plan->sweeps[i].n_cells;
	}
	return (weights * all + before) * p->n_units;
}

static int sweep_group(struct prober *r, const struct pb_probe_group *g, struct pb_engine *engine)
{
	const struct pb_plan *plan = r->p->plan;
	int rc = 0;
	for (size_t i = 0; !rc && i < plan->n_sweeps; i++) {
		size_t at = i * r->p->n_units + g->first;
		if (!several(r))
			pb_progress_begin(&r->progress, r->p->terminal, &r->p->folder->events, "sweep",
					  plan->sweeps[i].config->name,
					  (int64_t)pb_shard_below(r->p->shard, plan->sweeps[i].n_cells));
		const struct pb_sweep_log log = {.journal = &r->p->folder->journal, .weights = r->p->weights,
						 .sweep = (int64_t)i, .units = r->p->units + g->first,
						 .first = g->first, .shard = r->p->shard, .team = r->p->team,
						 .base = claims_of(r->p, i, (size_t)r->p->weights) +
							 g->first * plan->sweeps[i].n_cells,
						 .merged = r->p->merged};
		rc = pb_sweep_run(engine, &plan->sweeps[i], &log, &r->progress, r->p->arena, &r->tables[at], &r->done[at]);
		if (!several(r))
			pb_progress_end(&r->progress, rc ? "stopped" : NULL);
		for (size_t k = 0; k < g->n; k++) {
			int name_rc = r->done[at + k] ? name_table(r, &r->tables[at + k]) : 0;
			rc = rc ? rc : name_rc;
		}
		int write_rc = several(r) || !r->done[at] ? 0 : publish(r, &r->tables[at], r->done[at]);
		rc = rc ? rc : write_rc;
	}
	return rc;
}

static int run_group(struct prober *r, const struct pb_probe_group *g)
{
	struct pb_engine engine;
	int rc = pb_plan_settle(r->p->plan, &g->probes[0], &r->told);
	if (rc)
		return rc;
	rc = pb_engine_open(&engine, r->p->plan, r->weights, &r->means, g->probes, g->n, r->p->engine);
	if (rc && several(r))
		return pb_fail_in(rc, "unit%s `%s`%s%s%s, the probe's runs without a patch", g->n > 1 ? "s" : "",
				  r->names[g->first], g->n > 1 ? " .. `" : "",
				  g->n > 1 ? r->names[g->first + g->n - 1] : "", g->n > 1 ? "`" : "");
	if (rc)
		return pb_fail_in(rc, "the probe's runs without a patch");
	for (size_t i = 0; !rc && i < g->n; i++)
		if (!(rc = describe_probe(r, g, &engine, i)))
			rc = look_at(r, g, &engine, i);
	if (!rc)
		rc = sweep_group(r, g, &engine);
	pb_engine_close(&engine);
	return rc;
}

/* A sweep's tables of all units as one; units that no cell was finished of are not in it. */
static int merge_sweep(struct prober *r, size_t i)
{
	struct pb_merge_part *parts = pb_arena_array(r->p->arena, r->p->n_units, sizeof *parts);
	struct pb_result_sweep merged;
	size_t n = 0, done = 0;
	if (!parts)
		return -PB_E_NOMEM;
	for (size_t k = 0; k < r->p->n_units; k++) {
		size_t at = i * r->p->n_units + k;
		done += r->done[at];
		if (r->done[at])
			parts[n++] = (struct pb_merge_part){r->names[k], r->sets[k], &r->tables[at]};
	}
	int rc = n ? pb_merge_sweeps(parts, n, "unit", (uint64_t)r->p->plan->config->seed, r->p->arena, &merged) : 0;
	return rc || !n ? rc : publish(r, &merged, done);
}

static int name_units(struct prober *r)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < r->p->n_units; i++) {
		struct pb_unit unit;
		rc = pb_data_unit(r->p->plan, r->p->units[i], &unit);
		r->names[i] = unit.name;
		r->sets[i] = unit.set;
	}
	return rc;
}

/* Has it cells that nobody has? */
static bool has_left(const struct pb_probing *p, const struct pb_probe_group *g)
{
	bool left = false;
	for (size_t i = 0; !left && i < p->plan->n_sweeps; i++) {
		const size_t n_cells = p->plan->sweeps[i].n_cells;
		left = pb_team_has_left(p->team, claims_of(p, i, (size_t)p->weights) + g->first * n_cells, g->n * n_cells);
	}
	return left;
}

/* Does this rank run the group? fresh: only one that nobody has come to, and not the next of those: there rank 0 will soon be. */
static bool is_mine(const struct pb_probing *p, const struct pb_probe_group *g, bool fresh, bool *passed)
{
	const size_t n_weights = p->plan->config->probe.model.count, behind = claims_of(p, 0, n_weights ? n_weights : 1);
	const size_t place = behind + (size_t)p->weights * p->n_units + g->first;
	if (!p->team)
		return true;
	if (fresh && !*passed) {
		*passed = pb_team_has_left(p->team, place, 1);
		return false;
	}
	const bool is_first = pb_team_come(p->team, place);
	*passed &= !is_first;
	return fresh ? is_first : !p->team->rank || has_left(p, g);
}

static int run_groups(struct prober *r, bool fresh)
{
	bool passed = false;
	int rc = 0;
	for (size_t first = 0; !rc && first < r->p->n_units;) {
		struct pb_probe_group g;
		rc = pb_probe_group_open(r->p, first, &g);
		if (rc)
			break;
		if (is_mine(r->p, &g, fresh, &passed))
			rc = run_group(r, &g);
		first += g.n;
		pb_probe_group_close(&g);
	}
	return rc;
}

/* Rank 0 needs every group's runs without a patch for the report, and goes through all. Those cost each rank that opens a
 * group: so the others take groups of their own, before they help with what is left. */
static int run_all(struct prober *r)
{
	const bool helps = r->p->team && r->p->team->rank;
	if (r->p->team) {
		const size_t weights = (size_t)r->p->weights;
		r->p->team->all = claims_of(r->p, 0, weights);
		r->p->team->n_all = claims_of(r->p, 0, weights + 1) - r->p->team->all;
	}
	int rc = helps && several(r) ? run_groups(r, true) : 0;
	return rc ? rc : run_groups(r, false);
}

static int run_several(struct prober *r)
{
	const struct pb_plan *plan = r->p->plan;
	const char *what = pb_arena_printf(r->p->arena, "%zu units%s%s", r->p->n_units, r->name ? ", " : "",
					   r->name ? r->name : "");
	int64_t cells = 0;
	for (size_t i = 0; i < plan->n_sweeps; i++)
		cells += (int64_t)pb_shard_below(r->p->shard, plan->sweeps[i].n_cells * r->p->n_units);
	pb_progress_begin(&r->progress, r->p->terminal, &r->p->folder->events, "units", what ? what : "units", cells);
	int rc = run_all(r);
	pb_progress_end(&r->progress, rc ? "stopped" : NULL);
	char *why = rc ? pb_arena_strdup(r->p->arena, pb_error_text()) : NULL;
	int merge_rc = 0;
	for (size_t i = 0; !merge_rc && i < plan->n_sweeps; i++)
		merge_rc = merge_sweep(r, i);
	return rc && why ? pb_fail(-rc, "%s", why) : rc ? rc : merge_rc;
}

int pb_probe_units(const struct pb_probing *probing, const char *name, const struct pb_params *weights,
		   struct pb_probed *probed)
{
	const struct pb_probing *p = probing;
	struct pb_arena arena = {0};
	size_t n = p->n_units, n_tables = p->plan->n_sweeps * n;
	struct prober r = {.p = p,
			   .name = name,
			   .weights = weights,
			   .out = probed,
			   .told = p->plan->n_examples,
			   .names = pb_arena_array(&arena, n, sizeof *r.names),
			   .sets = pb_arena_array(&arena, n, sizeof *r.sets),
			   .tables = pb_arena_array(&arena, n_tables, sizeof *r.tables),
			   .done = pb_arena_array(&arena, n_tables, sizeof *r.done)};
	int rc = r.names && r.sets && r.tables && r.done ? name_units(&r) : -PB_E_NOMEM;
	if (!rc)
		rc = pb_means_make(p->plan, weights, &r.means);
	if (!rc) {
		rc = several(&r) ? run_several(&r) : run_all(&r);
		pb_means_finish(&r.means);
	}
	pb_arena_finish(&arena);
	return rc;
}
