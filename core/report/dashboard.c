/* dashboard.c: reads events into steps, and draws them. */
#include "report/dashboard.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "report/draw.h"
#include "report/utf8.h"

void pb_dashboard_finish(struct pb_dashboard *dashboard)
{
	free(dashboard->steps);
	pb_arena_finish(&dashboard->arena);
	*dashboard = (struct pb_dashboard){0};
}

static const char *text_of(struct pb_dashboard *d, const json_t *event, const char *key)
{
	const char *text = json_string_value(json_object_get(event, key));
	return text ? pb_arena_strdup(&d->arena, text) : NULL;
}

static int64_t int_of(const json_t *event, const char *key)
{
	return json_integer_value(json_object_get(event, key));
}

/* The latest of that name which has not ended. */
static struct pb_dashboard_step *find_step(const struct pb_dashboard *d, const char *kind, const char *what)
{
	for (size_t i = d->n_steps; i-- > 0;)
		if (!d->steps[i].ended && !strcmp(d->steps[i].what, what) && !strcmp(d->steps[i].kind, kind))
			return &d->steps[i];
	return NULL;
}

static struct pb_dashboard_step *new_step(struct pb_dashboard *d, const char *kind, const char *what)
{
	if (d->n_steps == d->room) {
		size_t room = d->room ? 2 * d->room : 32;
		struct pb_dashboard_step *steps = realloc(d->steps, room * sizeof *steps);
		if (!steps)
			return NULL;
		d->steps = steps;
		d->room = room;
	}
	struct pb_dashboard_step *step = &d->steps[d->n_steps];
	*step = (struct pb_dashboard_step){.kind = pb_arena_strdup(&d->arena, kind),
					   .what = pb_arena_strdup(&d->arena, what)};
	d->n_steps += step->kind && step->what;
	return step->kind && step->what ? step : NULL;
}

static int take_step(struct pb_dashboard *d, const char *name, const json_t *event, double now)
{
	const char *kind = json_string_value(json_object_get(event, "kind"));
	const char *what = json_string_value(json_object_get(event, "what"));
	if (!kind || !what)
		return 0;
	struct pb_dashboard_step *step = strcmp(name, "begin") ? find_step(d, kind, what) : NULL;
	if (!step)
		step = new_step(d, kind, what);
	if (!step)
		return pb_fail_nomem(sizeof *step, "events");
	step->done = int_of(event, "done");
	step->total = int_of(event, "total");
	step->seconds = json_number_value(json_object_get(event, "seconds"));
	step->detail = text_of(d, event, "detail");
	step->ended = !strcmp(name, "end");
	step->heard = now;
	return 0;
}

/* A run over several seeds has the events of each seed's run in its own. */
static bool is_own(const struct pb_dashboard *d, const json_t *event)
{
	const char *folder = json_string_value(json_object_get(event, "folder"));
	return folder && d->folder && !strcmp(folder, d->folder);
}

static void take_run(struct pb_dashboard *d, const json_t *event)
{
	if (d->folder)
		return;
	d->name = text_of(d, event, "name");
	d->folder = text_of(d, event, "folder");
	d->host = text_of(d, event, "host");
	d->time = text_of(d, event, "time");
	d->pid = int_of(event, "pid");
}

static void take_sweep(struct pb_dashboard *d, const json_t *event)
{
	d->n_notes += json_array_size(json_object_get(event, "notes"));
	if (is_own(d, event))
		d->last_sweep = text_of(d, event, "file");
}

static void take_end(struct pb_dashboard *d, const json_t *event, bool failed)
{
	if (!is_own(d, event))
		return;
	d->ended = true;
	d->seconds = json_number_value(json_object_get(event, "seconds"));
	d->failure = failed ? text_of(d, event, "text") : NULL;
	if (failed && !d->failure)
		d->failure = "no reason is known";
}

int pb_dashboard_take(struct pb_dashboard *dashboard, const char *line, size_t size, double now)
{
	json_t *event = json_loadb(line, size, 0, NULL);
	const char *name = json_string_value(json_object_get(event, "event"));
	int rc = 0;
	if (name && (!strcmp(name, "begin") || !strcmp(name, "progress") || !strcmp(name, "end")))
		rc = take_step(dashboard, name, event, now);
	else if (name && !strcmp(name, "run"))
		take_run(dashboard, event);
	else if (name && !strcmp(name, "sweep"))
		take_sweep(dashboard, event);
	else if (name && (!strcmp(name, "done") || !strcmp(name, "failed")))
		take_end(dashboard, event, !strcmp(name, "failed"));
	json_decref(event);
	return rc;
}

void pb_dashboard_draw_step(const struct pb_dashboard_step *step, struct pb_terminal *terminal, double now,
			    struct pb_text *out)
{
	const struct pb_progress progress = {.terminal = terminal, .what = step->what, .total = step->total,
					     .done = step->done};
	if (!step->ended) {
		pb_progress_line(&progress, step->seconds + (now - step->heard), step->detail, out);
		return;
	}
	struct pb_text line = {0};
	pb_text_add(&line, "%s  %lld", step->what, (long long)step->done);
	if (step->total && step->total != step->done)
		pb_text_add(&line, "/%lld", (long long)step->total);
	pb_text_add(&line, "  in %.3g s", step->seconds);
	if (step->detail)
		pb_text_add(&line, "  %s", step->detail);
	pb_utf8_add(out, line.data ? line.data : "", terminal->tty ? terminal->width - 3 : 400, terminal->unicode);
	pb_text_finish_part(&line, out);
}

void pb_dashboard_draw_head(const struct pb_dashboard *dashboard, struct pb_terminal *terminal, struct pb_text *out)
{
	const struct pb_dashboard *d = dashboard;
	struct pb_text words = {0};
	pb_text_add(&words, "%s", d->name ? d->name : "a run that has not begun");
	if (d->ended)
		pb_text_add(&words, d->failure ? ", failed after %.3g s" : ", done in %.3g s", d->seconds);
	if (d->n_notes)
		pb_text_add(&words, ", %zu note%s of the audit", d->n_notes, d->n_notes == 1 ? "" : "s");
	pb_draw_style(out, terminal, PB_STYLE_BOLD);
	if (!words.failed)
		pb_draw_words(out, terminal, "", words.data);
	pb_draw_style(out, terminal, PB_STYLE_PLAIN);
	pb_text_finish_part(&words, out);
	if (d->failure)
		pb_draw_words(out, terminal, "  ! ", d->failure);
}

void pb_dashboard_draw(const struct pb_dashboard *dashboard, struct pb_terminal *terminal, double now, int height,
		       struct pb_text *out)
{
	const struct pb_dashboard *d = dashboard;
	size_t most = height > 4 ? (size_t)height - 4 : height ? 1 : d->n_steps;
	size_t first = d->n_steps > most ? d->n_steps - most : 0;
	pb_dashboard_draw_head(d, terminal, out);
	if (first)
		pb_text_add(out, "  ... %zu more before these\n", first);
	for (size_t i = first; i < d->n_steps; i++) {
		const struct pb_dashboard_step *step = &d->steps[i];
		const bool active = !step->ended && !d->ended;
		struct pb_terminal narrow = *terminal;
		narrow.width -= 2;
		pb_text_add(out, "%s", active ? "> " : "  ");
		pb_dashboard_draw_step(step, &narrow, now, out);
		pb_text_add(out, "\n");
	}
}
