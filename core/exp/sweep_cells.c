/* sweep_cells.c: the loop over cells, and normalised scores. */
#include "exp/sweep_cells.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "base/status.h"
#include "exp/clock.h"
#include "exp/interrupt.h"

enum { NAP = 2000000 /* ns */, LOOKS = 20, SLOWER = 4 /* that another machine may be */ };

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

/* What the engine made of a cell. A patch that breaks the model leaves its cell empty; the sweep goes on. recalled: why it does
 * so is known. */
static int take_cell(struct pb_engine *e, const struct pb_plan_sweep *s, struct pb_cell_job *job, size_t i,
		     bool recalled, struct pb_sweep_table *t, struct pb_arena *arena)
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

static struct pb_cell_job job_of(const struct pb_plan_sweep *s, const struct pb_sweep_table *tables, size_t place)
{
	const size_t probe = place / s->n_cells, cell = place % s->n_cells;
	return (struct pb_cell_job){.probe = probe, .cell = &s->cells[cell], .out = &tables[probe].cells[cell]};
}

static struct pb_journal_key key_of(const struct pb_sweep_log *log, const struct pb_plan_sweep *s, size_t place)
{
	return (struct pb_journal_key){log->weights, log->sweep, log->units[place / s->n_cells],
				       (int64_t)(place % s->n_cells)};
}

/* The loop over one group's cells, by their places, probe after probe. */
struct loop {
	struct pb_engine *engine;
	const struct pb_plan_sweep *sweep;
	const struct pb_sweep_log *log; /* NULL: nothing is kept or found */
	struct pb_arena *arena;
	struct pb_sweep_table *tables;
	size_t total, n_there;
	bool *there;     /* [total] */
	size_t *missing; /* [total] */
	size_t most;     /* cells of a pass, at most */
	size_t *chosen;  /* [most]: those of the next */
	struct pb_cell_job *jobs; /* [most] */
	double slowest; /* seconds of the longest pass of this process */
	struct pb_progress *progress; /* NULL: none */
	int64_t progress_before;
};

static bool is_mine(const struct loop *l, size_t place)
{
	return !l->log || pb_shard_has(l->log->shard, l->log->first * l->sweep->n_cells + place);
}

static void show(const struct loop *l)
{
	if (l->progress)
		pb_progress_at(l->progress, l->progress_before + (int64_t)l->n_there, NULL);
}

/* Takes what the journal has. */
static int recall(struct loop *l)
{
	int rc = 0;
	for (size_t i = 0; l->log && !rc && i < l->total; i++) {
		struct pb_cell_job job = job_of(l->sweep, l->tables, i);
		const struct pb_journal_key key = key_of(l->log, l->sweep, i);
		if (l->there[i] || !is_mine(l, i) || !pb_journal_find_cell(l->log->journal, &key, &job))
			continue;
		rc = take_cell(l->engine, l->sweep, &job, i % l->sweep->n_cells, true, &l->tables[job.probe], l->arena);
		l->there[i] = true;
		l->n_there++;
	}
	return rc;
}

static size_t list_missing(const struct loop *l)
{
	size_t n = 0;
	for (size_t i = 0; i < l->total; i++)
		if (!l->there[i] && is_mine(l, i))
			l->missing[n++] = i;
	return n;
}

static const char *place_text(const struct loop *l, size_t place)
{
	return cell_text(l->tables[place / l->sweep->n_cells].result, place % l->sweep->n_cells, l->arena);
}

/* Takes what the engine made of the first `n` jobs: all of them, also where the disk is full. */
static int take(struct loop *l, size_t n)
{
	int rc = 0;
	for (size_t i = 0; i < n; i++) {
		const size_t place = l->chosen[i];
		struct pb_cell_job *job = &l->jobs[i];
		int take_rc = take_cell(l->engine, l->sweep, job, place % l->sweep->n_cells, false, &l->tables[job->probe],
					l->arena);
		if (!take_rc && l->log) {
			const struct pb_journal_key key = key_of(l->log, l->sweep, place);
			take_rc = pb_journal_add_cell(l->log->journal, &key, job);
		}
		l->there[place] = true;
		l->n_there++;
		rc = rc ? rc : take_rc;
	}
	return rc;
}

/* Makes the first `n` of the chosen cells. */
static int make(struct loop *l, size_t n)
{
	const double began = pb_clock();
	size_t done = 0;
	int rc = pb_interrupted();
	if (rc)
		return rc;
	for (size_t i = 0; i < n; i++)
		l->jobs[i] = job_of(l->sweep, l->tables, l->chosen[i]);
	rc = pb_engine_cells(l->engine, l->sweep, l->jobs, n, l->arena, &done);
	if (rc)
		rc = pb_fail_in(rc, "sweep `%s`, cell %s", l->sweep->config->name, place_text(l, l->chosen[done]));
	int take_rc = take(l, done);
	l->slowest = fmax(l->slowest, pb_clock() - began);
	show(l);
	return rc ? rc : take_rc;
}

static int make_all(struct loop *l)
{
	size_t n = list_missing(l);
	int rc = 0;
	for (size_t at = 0; !rc && at < n; at += l->most) {
		const size_t count = n - at < l->most ? n - at : l->most;
		memcpy(l->chosen, l->missing + at, count * sizeof *l->chosen);
		rc = make(l, count);
	}
	return rc;
}

/* What the other ranks have made meanwhile; whether that is anything. */
static int absorb(struct loop *l, bool *ret_any)
{
	const size_t before = l->log->team->taken;
	int rc = pb_team_absorb(l->log->team, l->log->journal);
	*ret_any = l->log->team->taken != before;
	if (!rc && *ret_any)
		rc = recall(l);
	show(l);
	return rc;
}

/* As many as nobody else takes. */
static int make_share(struct loop *l)
{
	for (;;) {
		size_t n, count = 0;
		bool any;
		int rc = l->log->team->rank ? 0 : absorb(l, &any);
		n = list_missing(l);
		if (!rc)
			rc = pb_team_claim(l->log->team, l->log->base, l->missing, n, l->most, l->chosen, &count);
		if (!rc && count)
			rc = make(l, count);
		if (rc || !count)
			return rc;
	}
}

/* Makes the missing cells that ranks have which have ended; stalled: that any have. */
static int make_lost(struct loop *l, bool stalled)
{
	size_t n = list_missing(l), count = 0, kept = 0;
	bool any;
	for (size_t i = 0; i < n && count < l->most; i++)
		if (stalled || pb_team_has_lost(l->log->team, l->log->base + l->missing[i]))
			l->chosen[count++] = l->missing[i];
	int rc = count ? absorb(l, &any) : 0; /* it may have written its last just before it ended */
	for (size_t i = 0; i < count; i++)
		if (!l->there[l->chosen[i]])
			l->chosen[kept++] = l->chosen[i];
	l->log->team->overtaken += kept;
	return rc || !kept ? rc : make(l, kept);
}

/* Rank 0: until nothing is missing. Whether the others live is looked at where none has made anything for a while. One may live
 * and make nothing, as its machine hangs: rank 0, which has nothing else to do, comes to the same cells. */
static int await_others(struct loop *l)
{
	double heard = pb_clock();
	for (size_t looks = 1;; looks++) {
		bool any;
		int rc = absorb(l, &any);
		if (rc || !list_missing(l))
			return rc;
		if (any) {
			looks = 0;
			heard = pb_clock();
		}
		if (looks % LOOKS)
			nanosleep(&(struct timespec){0, NAP}, NULL);
		else if (looks)
			rc = make_lost(l, pb_clock() - heard > fmax(l->log->team->stalled_after, SLOWER * l->slowest));
		if (!rc)
			rc = pb_interrupted();
		if (rc)
			return rc;
	}
}

static int run(struct loop *l)
{
	const struct pb_sweep_log *log = l->log;
	int rc = recall(l);
	if (l->progress)
		l->progress->from += (int64_t)l->n_there;
	show(l);
	size_t n = list_missing(l);
	if (!rc && n && log && log->merged)
		rc = pb_fail(PB_E_FORMAT, "sweep `%s`: no shard has cell %s", l->sweep->config->name,
			     place_text(l, l->missing[0]));
	if (rc || !n)
		return rc;
	if (!log || !log->team)
		return make_all(l);
	rc = make_share(l);
	return rc || log->team->rank ? rc : await_others(l);
}

int pb_sweep_cells(struct pb_engine *engine, const struct pb_plan_sweep *sweep, const struct pb_sweep_log *log,
		   struct pb_progress *progress, struct pb_arena *arena, struct pb_sweep_table *tables, size_t *ret_done)
{
	struct loop l = {.engine = engine, .sweep = sweep, .log = log, .arena = arena, .tables = tables,
			 .total = sweep->n_cells * engine->n_probes, .most = pb_engine_batch(engine, sweep),
			 .progress = progress, .progress_before = progress ? progress->done : 0};
	l.there = pb_arena_array(arena, l.total, sizeof *l.there);
	l.missing = pb_arena_array(arena, l.total, sizeof *l.missing);
	l.chosen = pb_arena_array(arena, l.most, sizeof *l.chosen);
	l.jobs = pb_arena_array(arena, l.most, sizeof *l.jobs);
	int rc = l.there && l.missing && l.chosen && l.jobs ? run(&l) : -PB_E_NOMEM;
	*ret_done = 0;
	while (l.there && *ret_done < l.total && l.there[*ret_done])
		++*ret_done;
	return rc;
}
