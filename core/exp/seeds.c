/* seeds.c: plans made anew by seed, runs read back, sweeps merged. */
#include "exp/seeds.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "exp/clock.h"
#include "exp/environment.h"
#include "exp/folder.h"
#include "exp/merge.h"
#include "exp/resolve.h"
#include "exp/team.h"

struct seeds {
	const struct pb_plan *plan;
	const char *file;
	const char *const *sets;
	const struct pb_run_options *options;
	struct pb_arena arena;
	struct pb_folder folder;
	size_t n;                   /* runs that have results */
	struct pb_result_run *runs; /* [n] */
	const char **names;         /* [n]: "1" */
};

/* The experiment's own --set, then the seed's. */
static const char **sets_of(struct seeds *s, int64_t seed)
{
	size_t n = 0;
	while (s->sets && s->sets[n])
		n++;
	const char **sets = pb_arena_array(&s->arena, n + 3, sizeof *sets);
	if (!sets)
		return NULL;
	if (n)
		memcpy(sets, s->sets, n * sizeof *sets);
	sets[n] = pb_arena_printf(&s->arena, "seed=%lld", (long long)seed);
	sets[n + 1] = "seeds=[]";
	return sets[n] ? sets : NULL;
}

static int run_one(struct seeds *s, int64_t seed, const char *out)
{
	struct pb_run_options options = *s->options;
	struct pb_config *config = calloc(1, sizeof *config);
	struct pb_plan *plan = calloc(1, sizeof *plan);
	const char **sets = sets_of(s, seed);
	int rc = config && plan && sets ? pb_config_open(s->file, sets, config) : -PB_E_NOMEM;
	options.out = out;
	options.ret_started = NULL;
	options.events = &s->folder.events;
	/* Those that were begun. */
	options.resume = options.resume && pb_folder_holds(out);
	if (!rc) {
		rc = pb_plan_make(config, s->plan->device, plan);
		if (!rc) {
			rc = pb_run(plan, &options);
			pb_plan_finish(plan);
		}
		pb_config_finish(config);
	}
	free(plan);
	free(config);
	return rc;
}

/* What a run left behind, also one that ended early. */
static int read_back(struct seeds *s, int64_t seed, const char *out)
{
	const char *path = pb_arena_printf(&s->arena, "%s/results.json", out);
	const char *name = pb_arena_printf(&s->arena, "%lld", (long long)seed);
	if (!path || !name)
		return -PB_E_NOMEM;
	if (access(path, F_OK))
		return 0;
	int rc = pb_report_read_run(path, &s->arena, &s->runs[s->n]);
	s->names[s->n] = name;
	s->n += !rc;
	return rc;
}

static int run_all(struct seeds *s)
{
	const struct pb_int_list *seeds = &s->plan->config->seeds;
	int rc = 0;
	for (size_t i = 0; !rc && i < seeds->count; i++) {
		long long seed = seeds->items[i];
		const char *out = pb_arena_printf(&s->arena, "%s/seed-%lld", s->folder.path, seed);
		if (!out)
			return -PB_E_NOMEM;
		pb_folder_log(&s->folder, "seed %lld", seed);
		rc = run_one(s, seed, out);
		if (rc)
			rc = pb_fail_in(rc, "seed %lld", seed);
		const char *why = rc ? pb_arena_strdup(&s->arena, pb_error_text()) : NULL;
		int read_rc = read_back(s, seed, out);
		if (why)
			pb_fail(-rc, "%s", why);
		rc = rc ? rc : read_rc;
	}
	return rc;
}

/* Sweep `name` in every run that has it. */
static int merge_sweep(struct seeds *s, const char *name, struct pb_result_sweep *ret_sweep)
{
	struct pb_merge_part *parts = pb_arena_array(&s->arena, s->n, sizeof *parts);
	size_t n = 0;
	if (!parts)
		return -PB_E_NOMEM;
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->runs[i].n_sweeps; k++)
			if (!strcmp(s->runs[i].sweeps[k].name, name))
				parts[n++] = (struct pb_merge_part){s->names[i], NULL, &s->runs[i].sweeps[k]};
	return pb_merge_sweeps(parts, n, "seed", (uint64_t)s->plan->config->seed, &s->arena, ret_sweep);
}

/* The first run has all sweeps that any has: the others ended early or not at all. */
static int merge_sweeps(struct seeds *s, struct pb_result_run *result)
{
	size_t n = s->n ? s->runs[0].n_sweeps : 0;
	struct pb_result_sweep *sweeps = pb_arena_array(&s->arena, n, sizeof *sweeps);
	int rc = sweeps ? 0 : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < n; i++) {
		rc = merge_sweep(s, s->runs[0].sweeps[i].name, &sweeps[i]);
		if (!rc)
			rc = pb_report_write_sweep(s->folder.path, &sweeps[i]);
		if (!rc)
			pb_events_sweep(&s->folder.events, &sweeps[i]);
		if (!rc && s->options->terminal)
			pb_terminal_sweep(s->options->terminal, &sweeps[i]);
		result->n_sweeps += !rc;
	}
	result->sweeps = sweeps;
	return rc;
}

/* Every seed's training curves, one behind the other. */
static int collect_stages(struct seeds *s, struct pb_result_run *result)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		n += s->runs[i].n_stages;
	struct pb_result_stage *stages = pb_arena_array(&s->arena, n, sizeof *stages);
	if (!stages)
		return -PB_E_NOMEM;
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->runs[i].n_stages; k++) {
			struct pb_result_stage *stage = &stages[result->n_stages++];
			*stage = s->runs[i].stages[k];
			stage->name = pb_arena_printf(&s->arena, "%s, seed %s", stage->name, s->names[i]);
			if (!stage->name)
				return -PB_E_NOMEM;
		}
	result->stages = stages;
	return 0;
}

static int report(struct seeds *s, const char *why, double seconds)
{
	struct pb_result_run result = {.seconds = seconds};
	struct pb_text config = {0};
	const char *html = pb_arena_printf(&s->arena, "%s/report.html", s->folder.path);
	int rc = html ? merge_sweeps(s, &result) : -PB_E_NOMEM;
	if (!rc)
		rc = collect_stages(s, &result);
	if (!rc)
		rc = pb_resolve(s->plan, &config);
	if (!rc)
		rc = pb_environment(s->plan, pb_engine_name(s->plan, &s->options->engine), &s->arena, &result);
	const char *note = why ? pb_arena_printf(&s->arena, "the run ended early: %s", why) : NULL;
	result.config = config.data;
	result.notes = &note;
	result.n_notes = note != NULL;
	if (!rc)
		rc = pb_report_write_run(s->folder.path, &result);
	if (!rc)
		rc = pb_report_write_html(html, &result);
	if (!rc)
		rc = pb_report_write_figures(s->folder.path, &result);
	if (!rc && s->options->terminal)
		pb_terminal_summary(s->options->terminal, &result, html);
	pb_text_finish(&config);
	return rc;
}

/* A rank but the first: takes part in the seed's run that the first is at, then in the next. */
static int help(struct seeds *s)
{
	const struct pb_int_list *seeds = &s->plan->config->seeds;
	const size_t n = seeds->count;
	const char **dirs = pb_arena_array(&s->arena, n, sizeof *dirs);
	size_t at = n;
	int rc = dirs ? 0 : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < n; i++)
		if (!(dirs[i] = pb_arena_printf(&s->arena, "%s/seed-%lld", s->options->out, (long long)seeds->items[i])))
			rc = -PB_E_NOMEM;
	while (!rc && !(rc = pb_team_await(s->options->team, dirs, n, &at)) && at < n)
		rc = run_one(s, seeds->items[at], dirs[at]);
	return rc;
}

int pb_run_seeds(const struct pb_plan *plan, const char *file, const char *const *sets,
		 const struct pb_run_options *options)
{
	struct seeds s = {.plan = plan, .file = file, .sets = sets, .options = options};
	size_t n = plan->config->seeds.count;
	if (options->team && options->team->rank) {
		int rc = help(&s);
		pb_arena_finish(&s.arena);
		return rc;
	}
	double started = pb_clock();
	s.runs = pb_arena_array(&s.arena, n, sizeof *s.runs);
	s.names = pb_arena_array(&s.arena, n, sizeof *s.names);
	int rc = s.runs && s.names ? pb_folder_open(plan, options, &s.folder) : -PB_E_NOMEM;
	if (options->ret_started)
		*options->ret_started = !rc;
	if (!rc) {
		pb_events_run(&s.folder.events, plan->config->name);
		rc = run_all(&s);
		/* The first failure is the one to tell. */
		const char *why = rc ? pb_arena_strdup(&s.arena, pb_error_text()) : NULL;
		if (why)
			pb_folder_log(&s.folder, "ended early: %s", why);
		int report_rc = report(&s, why, pb_clock() - started);
		if (why)
			pb_fail(-rc, "%s", why);
		rc = rc ? rc : report_rc;
		if (!rc)
			rc = pb_journal_finish(&s.folder.journal);
		pb_events_finish(&s.folder.events, pb_clock() - started, rc ? pb_error_text() : NULL);
		pb_folder_close(&s.folder);
	}
	pb_arena_finish(&s.arena);
	return rc;
}
