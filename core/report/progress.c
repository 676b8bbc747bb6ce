/* progress.c: how far a stage or a sweep is: one line redrawn in place, or plain lines at tenths. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "report/draw.h"
#include "report/utf8.h"

enum { MAX_BAR = 24, MIN_BAR = 6, MAX_NAME = 24, NUMBERS = 30 };

static const double frame = 0.1;  /* seconds between two drawings */
static const double pause = 1;    /* seconds between two plain lines, however fast the tenths come */
static const double between = 0.5; /* seconds between two events */
static const double silence = 60; /* seconds without a plain line after which one is due */

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* "0:07", "12:30", "3:05:00" */
static void add_time(struct pb_text *out, double seconds)
{
	int64_t s = (int64_t)fmin(fmax(seconds, 0), 1e9);
	if (s >= 3600)
		pb_text_add(out, "%" PRId64 ":%02d:%02d", s / 3600, (int)(s / 60 % 60), (int)(s % 60));
	else
		pb_text_add(out, "%d:%02d", (int)(s / 60), (int)(s % 60));
}

/* "12.3/s", or "8.1 s each" where that says more. */
static void add_rate(struct pb_text *out, double rate)
{
	if (rate >= 100)
		pb_text_add(out, "%.0f/s", rate);
	else if (rate >= 0.5)
		pb_text_add(out, "%.3g/s", rate);
	else
		pb_text_add(out, "%.3g s each", 1 / rate);
}

/* "123/500  12.3/s  0:31 left" */
static void add_numbers(struct pb_text *out, const struct pb_progress *progress, double elapsed)
{
	int64_t fresh = progress->done - progress->from;
	pb_text_add(out, "%" PRId64, progress->done);
	if (progress->total)
		pb_text_add(out, "/%" PRId64, progress->total);
	if (fresh <= 0 || elapsed <= 0)
		return;
	pb_text_add(out, "  ");
	add_rate(out, (double)fresh / elapsed);
	if (progress->total > progress->done) {
		pb_text_add(out, "  ");
		add_time(out, elapsed * (double)(progress->total - progress->done) / (double)fresh);
		pb_text_add(out, " left");
	}
}

static double share_of(const struct pb_progress *progress)
{
	double share = progress->total > 0 ? (double)progress->done / (double)progress->total : 0;
	return fmax(0, fmin(1, share));
}

/* In eighths of a column where the terminal has the characters for it. */
static void add_bar(struct pb_text *out, const struct pb_progress *progress, int columns)
{
	static const char *const parts[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
	bool unicode = progress->terminal->unicode;
	int eighths = (int)(share_of(progress) * columns * 8);
	pb_text_add(out, unicode ? "▕" : "[");
	for (int i = 0; i < columns; i++) {
		int part = eighths - 8 * i;
		part = part < 0 ? 0 : part > 8 ? 8 : part;
		pb_text_add(out, "%s", unicode ? parts[part] : part == 8 ? "#" : "-");
	}
	pb_text_add(out, unicode ? "▏" : "]");
}

static void add_detail(struct pb_text *out, const struct pb_progress *progress, int room, const char *detail)
{
	/* A stub of a word says nothing. */
	if (!detail || !*detail || room < 8)
		return;
	pb_text_add(out, "  ");
	pb_utf8_add(out, detail, room - 2, progress->terminal->unicode);
}

/* A redrawn line must never wrap; a plain one may be as long as it likes. */
static int room_of(const struct pb_terminal *terminal)
{
	return terminal->tty ? terminal->width - 1 : 400;
}

void pb_progress_line(const struct pb_progress *progress, double elapsed, const char *detail, struct pb_text *out)
{
	const struct pb_terminal *terminal = progress->terminal;
	struct pb_text numbers = {0};
	add_numbers(&numbers, progress, elapsed);
	int room = room_of(terminal) - (int)numbers.length - 2;
	/* The bar's width must not jump with every digit of the numbers. */
	int spare = (int)numbers.length < NUMBERS ? NUMBERS - (int)numbers.length : 0;
	room -= pb_utf8_add(out, progress->what, room < MAX_NAME ? room : MAX_NAME, terminal->unicode);
	int bar = (room - spare) / 2 < MAX_BAR ? (room - spare) / 2 : MAX_BAR;
	if (terminal->tty && progress->total > 0 && bar >= MIN_BAR) {
		pb_text_add(out, "  ");
		add_bar(out, progress, bar);
		room -= bar + 4;
	}
	pb_text_add(out, "  %s", numbers.data ? numbers.data : "");
	pb_text_finish_part(&numbers, out);
	add_detail(out, progress, room, detail);
}

/* Over the last line on a tty, wiping what it had more. */
static void draw(struct pb_progress *progress, const struct pb_text *line, bool last)
{
	const struct pb_terminal *terminal = progress->terminal;
	struct pb_text out = {0};
	int columns = line->data ? pb_utf8_columns(line->data, true) : 0;
	if (terminal->tty)
		pb_text_add(&out, "\r");
	pb_text_add(&out, "%s", line->data ? line->data : "");
	if (terminal->tty)
		pb_draw_spaces(&out, progress->columns - columns);
	progress->columns = columns;
	/* Not pb_draw_newline: the blanks wipe. */
	if (last || !terminal->tty)
		pb_text_add(&out, "\n");
	pb_draw_flush(terminal, &out);
}

void pb_progress_begin(struct pb_progress *progress, struct pb_terminal *terminal, struct pb_events *events,
		       const char *kind, const char *what, int64_t total)
{
	double at = now();
	*progress = (struct pb_progress){.terminal = terminal,
	                                 .events = events,
	                                 .kind = kind,
	                                 .what = what,
	                                 .total = total,
	                                 .started = at,
	                                 .sent = at,
	                                 .drawn = at - (terminal && terminal->tty)};
	pb_events_step(events, "begin", kind, what, 0, total, 0, NULL);
}

/* Whether a line is due. */
static bool is_due(struct pb_progress *progress)
{
	double at = now();
	int tenths = (int)(share_of(progress) * 10);
	double since = at - progress->drawn;
	bool due = progress->terminal->tty ? since >= frame
	                               : since >= silence || (tenths > progress->tenths && since >= pause);
	if (due) {
		progress->drawn = at;
		progress->tenths = tenths;
	}
	return due;
}

void pb_progress_at(struct pb_progress *progress, int64_t done, const char *detail)
{
	progress->done = done;
	if (progress->events && now() - progress->sent >= between) {
		progress->sent = now();
		pb_events_step(progress->events, "progress", progress->kind, progress->what, done, progress->total,
			       progress->sent - progress->started, detail);
	}
	/* What is complete is left to the final line. */
	bool complete = progress->total > 0 && done >= progress->total;
	if (!progress->terminal || complete || !is_due(progress))
		return;
	struct pb_text line = {0};
	pb_progress_line(progress, now() - progress->started, detail, &line);
	draw(progress, &line, false);
	pb_text_finish(&line);
}

void pb_progress_end(struct pb_progress *progress, const char *result)
{
	pb_events_step(progress->events, "end", progress->kind, progress->what, progress->done, progress->total,
		       now() - progress->started, result);
	progress->events = NULL;
	if (!progress->terminal)
		return;
	struct pb_text line = {0};
	const struct pb_terminal *terminal = progress->terminal;
	pb_utf8_add(&line, progress->what, MAX_NAME, terminal->unicode);
	pb_text_add(&line, "  %" PRId64, progress->done);
	if (progress->total > 0 && progress->done != progress->total)
		pb_text_add(&line, "/%" PRId64, progress->total);
	double elapsed = now() - progress->started;
	pb_text_add(&line, "  in ");
	if (elapsed < 1)
		pb_text_add(&line, "%.0f ms", ceil(1000 * elapsed));
	else if (elapsed < 10)
		pb_text_add(&line, "%.1f s", elapsed);
	else
		add_time(&line, elapsed);
	int columns = line.data ? pb_utf8_columns(line.data, true) : 0;
	add_detail(&line, progress, room_of(terminal) - columns, result);
	draw(progress, &line, true);
	pb_text_finish(&line);
	progress->terminal = NULL;
}
