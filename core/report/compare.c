/* compare.c: puts runs beside each other, sweep by sweep. */
#include "report/compare.h"

#include <string.h>

#include "base/status.h"

struct comparison {
	const struct pb_result_run *runs;
	const char *const *names;
	size_t n;
	struct pb_arena *arena;
	struct pb_result_run *out;
	bool failed; /* for memory */
};

static const char *named(struct comparison *c, const char *name, size_t run)
{
	const char *text = pb_arena_printf(c->arena, "%s (%s)", name, c->names[run]);
	c->failed |= !text;
	return text ? text : name;
}

static void *take(struct comparison *c, size_t count, size_t size)
{
	void *memory = pb_arena_array(c->arena, count, size);
	c->failed |= !memory;
	return memory;
}

/* One of several sweeps of one name in a run is the one of the same number. */
static const struct pb_result_sweep *find_sweep(const struct pb_result_run *run, const char *name, size_t number)
{
	for (size_t i = 0; i < run->n_sweeps; i++)
		if (!strcmp(run->sweeps[i].name, name) && !number--)
			return &run->sweeps[i];
	return NULL;
}

/* How many of that name come before sweep i. */
static size_t number_of(const struct pb_result_run *run, size_t i)
{
	size_t number = 0;
	for (size_t k = 0; k < i; k++)
		number += !strcmp(run->sweeps[k].name, run->sweeps[i].name);
	return number;
}

static bool same_axes(const struct pb_result_sweep *a, const struct pb_result_sweep *b)
{
	if (a->n_axes != b->n_axes || a->n_cells != b->n_cells || strcmp(a->metric, b->metric) != 0)
		return false;
	for (size_t i = 0; i < a->n_axes; i++)
		if (strcmp(a->axes[i].name, b->axes[i].name) != 0 || a->axes[i].n != b->axes[i].n)
			return false;
	return true;
}

/* Cells whose metric and score are differences; what was audited is not carried over. */
static void add_difference(struct comparison *c, const struct pb_result_sweep *a, const struct pb_result_sweep *b,
			   struct pb_result_sweep *out)
{
	struct pb_result_cell *cells = take(c, a->n_cells, sizeof *cells);
	const char *name = pb_arena_printf(c->arena, "%s: %s minus %s", a->name, c->names[1], c->names[0]);
	const char *file = pb_arena_printf(c->arena, "%s-difference", a->file);
	c->failed |= !name || !file;
	if (c->failed)
		return;
	for (size_t i = 0; i < a->n_cells; i++) {
		cells[i] = PB_EMPTY_CELL;
		cells[i].index = a->cells[i].index;
		cells[i].metric = b->cells[i].metric - a->cells[i].metric;
		cells[i].score = b->cells[i].score - a->cells[i].score;
	}
	*out = *a;
	out->kind = "difference";
	out->hook = NULL;
	out->name = name;
	out->file = file;
	out->cells = cells;
	out->over = NULL;
	out->estimate = NULL;
	out->n_notes = 0;
	out->neutral = 0;
	out->score_defined = a->score_defined && b->score_defined;
	out->metric_clean = b->metric_clean - a->metric_clean;
	out->metric_corrupted = out->score_defined ? b->metric_corrupted - a->metric_corrupted : 0;
	out->seconds = 0;
}

/* All of a name, as the first run that has it orders them. */
static void add_sweeps_like(struct comparison *c, size_t run, size_t i, struct pb_result_sweep *sweeps)
{
	const struct pb_result_sweep *first = &c->runs[run].sweeps[i], *two[2] = {NULL, NULL};
	size_t number = number_of(&c->runs[run], i);
	for (size_t k = run; k < c->n && !c->failed; k++) {
		const struct pb_result_sweep *sweep = find_sweep(&c->runs[k], first->name, number);
		if (!sweep)
			continue;
		struct pb_result_sweep *out = &sweeps[c->out->n_sweeps++];
		*out = *sweep;
		out->name = named(c, sweep->name, k);
		out->file = named(c, sweep->file, k);
		if (k < 2)
			two[k] = sweep;
	}
	if (c->n == 2 && two[0] && two[1] && same_axes(two[0], two[1]))
		add_difference(c, two[0], two[1], &sweeps[c->out->n_sweeps++]);
}

static void add_sweeps(struct comparison *c)
{
	size_t most = 0;
	for (size_t k = 0; k < c->n; k++)
		most += 2 * c->runs[k].n_sweeps;
	struct pb_result_sweep *sweeps = take(c, most, sizeof *sweeps);
	for (size_t k = 0; k < c->n && !c->failed; k++)
		for (size_t i = 0; i < c->runs[k].n_sweeps; i++) {
			bool shown = false;
			for (size_t before = 0; before < k && !shown; before++)
				shown = find_sweep(&c->runs[before], c->runs[k].sweeps[i].name,
						   number_of(&c->runs[k], i));
			if (!shown)
				add_sweeps_like(c, k, i, sweeps);
		}
	c->out->sweeps = sweeps;
}

static void add_stages(struct comparison *c)
{
	size_t n = 0;
	for (size_t k = 0; k < c->n; k++)
		n += c->runs[k].n_stages;
	struct pb_result_stage *stages = take(c, n, sizeof *stages);
	for (size_t k = 0; k < c->n && !c->failed; k++)
		for (size_t i = 0; i < c->runs[k].n_stages; i++) {
			struct pb_result_stage *stage = &stages[c->out->n_stages++];
			*stage = c->runs[k].stages[i];
			stage->name = named(c, stage->name, k);
		}
	c->out->stages = stages;
}

static void add_units(struct comparison *c)
{
	size_t n = 0;
	for (size_t k = 0; k < c->n; k++)
		n += c->runs[k].n_units;
	struct pb_result_units *units = take(c, n, sizeof *units);
	for (size_t k = 0; k < c->n && !c->failed; k++)
		for (size_t i = 0; i < c->runs[k].n_units; i++) {
			struct pb_result_units *table = &units[c->out->n_units++];
			*table = c->runs[k].units[i];
			table->metric = named(c, table->metric, k);
		}
	c->out->units = units;
}

static void add_drills(struct comparison *c)
{
	size_t n = 0;
	for (size_t k = 0; k < c->n; k++)
		n += c->runs[k].n_drills;
	struct pb_result_drill *drills = take(c, n, sizeof *drills);
	for (size_t k = 0; k < c->n && !c->failed; k++)
		for (size_t i = 0; i < c->runs[k].n_drills; i++) {
			struct pb_result_drill *drill = &drills[c->out->n_drills++];
			*drill = c->runs[k].drills[i];
			drill->weights = drill->weights ? named(c, drill->weights, k) : c->names[k];
		}
	c->out->drills = drills;
}

/* The probes of all runs, as if under several sets of weights. */
static void add_probes(struct comparison *c)
{
	size_t n = 0;
	for (size_t k = 0; k < c->n; k++)
		n += c->runs[k].probe ? 1 : c->runs[k].n_probes;
	struct pb_result_probe *probes = take(c, n, sizeof *probes);
	for (size_t k = 0; k < c->n && !c->failed; k++) {
		const struct pb_result_run *run = &c->runs[k];
		for (size_t i = 0; i < (run->probe ? 1 : run->n_probes); i++) {
			struct pb_result_probe *probe = &probes[c->out->n_probes++];
			*probe = run->probe ? *run->probe : run->probes[i];
			probe->weights = probe->weights ? named(c, probe->weights, k) : c->names[k];
		}
	}
	c->out->probes = probes;
}

static void add_notes(struct comparison *c)
{
	size_t n = 0;
	for (size_t k = 0; k < c->n; k++)
		n += c->runs[k].n_notes;
	const char **notes = take(c, n, sizeof *notes);
	for (size_t k = 0; k < c->n && !c->failed; k++)
		for (size_t i = 0; i < c->runs[k].n_notes; i++) {
			notes[c->out->n_notes] = pb_arena_printf(c->arena, "%s: %s", c->names[k], c->runs[k].notes[i]);
			c->failed |= !notes[c->out->n_notes++];
		}
	c->out->notes = notes;
}

static void add_environments(struct comparison *c)
{
	size_t n = 0;
	for (size_t k = 0; k < c->n; k++)
		n += c->runs[k].n_environment;
	struct pb_result_pair *pairs = take(c, n, sizeof *pairs);
	for (size_t k = 0; k < c->n && !c->failed; k++)
		for (size_t i = 0; i < c->runs[k].n_environment; i++) {
			const struct pb_result_pair *pair = &c->runs[k].environment[i];
			pairs[c->out->n_environment++] = (struct pb_result_pair){named(c, pair->name, k), pair->value};
		}
	c->out->environment = pairs;
}

static void add_configs(struct comparison *c)
{
	const char *text = "", *title = NULL;
	for (size_t k = 0; k < c->n && text; k++) {
		text = pb_arena_printf(c->arena, "%s# %s\n%s\n", text, c->names[k],
				       c->runs[k].config ? c->runs[k].config : "");
		title = pb_arena_printf(c->arena, "%s%s%s", title ? title : "", title ? " beside " : "", c->names[k]);
	}
	c->failed |= !text || !title;
	c->out->config = text;
	c->out->name = title;
}

int pb_report_compare(const struct pb_result_run *runs, const char *const *names, size_t n, struct pb_arena *arena,
		      struct pb_result_run *ret_run)
{
	struct pb_result_run out = {.version = runs[0].version, .date = runs[n - 1].date};
	struct comparison c = {runs, names, n, arena, &out, false};
	for (size_t k = 0; k < n; k++)
		out.seconds += runs[k].seconds;
	add_sweeps(&c);
	add_stages(&c);
	add_units(&c);
	add_drills(&c);
	add_probes(&c);
	add_notes(&c);
	add_environments(&c);
	add_configs(&c);
	if (c.failed)
		return -PB_E_NOMEM;
	*ret_run = out;
	return 0;
}
