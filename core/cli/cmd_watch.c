/* cmd_watch.c: `patchbay watch DIR`: follows a run from another terminal, by the events in its folder. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/status.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "report/dashboard.h"

struct watch {
	const char *dir;
	bool once;
	int fd;
	char *pending; /* the beginning of a line whose end was not written yet */
	size_t n_pending;
	struct pb_dashboard dashboard;
	size_t told; /* steps of which a plain line was printed */
	struct pb_terminal terminal;
};

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int open_events(struct watch *w)
{
	char *path = pb_file_join(w->dir, "events.jsonl");
	int rc = path ? 0 : -PB_E_NOMEM;
	w->fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	if (path && w->fd < 0)
		rc = errno == ENOENT ? pb_fail(PB_E_NOTFOUND,
					       "%s is no folder of a run: there is no events.jsonl in it", w->dir)
				     : pb_fail(PB_E_IO, "cannot open %s: %s", path, strerror(errno));
	free(path);
	return rc;
}

/* Lines whose end is there; the rest waits. */
static int take_lines(struct watch *w)
{
	int rc = 0;
	char *line = w->pending, *end;
	while (!rc && w->n_pending && (end = memchr(line, '\n', (size_t)(w->pending + w->n_pending - line)))) {
		rc = pb_dashboard_take(&w->dashboard, line, (size_t)(end - line), now());
		line = end + 1;
	}
	w->n_pending -= (size_t)(line - w->pending);
	memmove(w->pending, line, w->n_pending);
	return rc;
}

/* Whatever was written since. */
static int read_events(struct watch *w)
{
	enum { PART = 1 << 16 };
	for (;;) {
		char *pending = realloc(w->pending, w->n_pending + PART);
		if (!pending)
			return pb_fail_nomem(w->n_pending + PART, "events");
		w->pending = pending;
		ssize_t n = read(w->fd, pending + w->n_pending, PART);
		if (n < 0 && errno != EINTR)
			return pb_fail(PB_E_IO, "cannot read the events: %s", strerror(errno));
		if (n <= 0)
			return 0;
		w->n_pending += (size_t)n;
		int rc = take_lines(w);
		if (rc)
			return rc;
	}
}

/* A run on this machine whose process is gone without a word. */
static bool is_gone(const struct watch *w)
{
	char host[256] = "";
	const struct pb_dashboard *d = &w->dashboard;
	gethostname(host, sizeof host - 1);
	return d->pid > 0 && d->host && !strcmp(d->host, host) && kill((pid_t)d->pid, 0) < 0 && errno == ESRCH;
}

static int height_of(const struct pb_terminal *terminal)
{
	struct winsize size;
	return ioctl(fileno(terminal->out), TIOCGWINSZ, &size) == 0 && size.ws_row > 4 ? size.ws_row : 24;
}

/* The last sweep's heat map as a text of at most `height` lines; "" where it does not fit. */
static char *picture_of(const struct watch *w, int height)
{
	struct pb_arena arena = {0};
	struct pb_result_sweep sweep;
	struct pb_terminal terminal = w->terminal;
	char *text = NULL, *file = pb_arena_printf(&arena, "%s/sweeps/%s.json", w->dir, w->dashboard.last_sweep);
	size_t size;
	int lines = 0;
	terminal.out = open_memstream(&text, &size);
	if (terminal.out && file && !pb_report_read_sweep(file, &arena, &sweep))
		pb_terminal_sweep(&terminal, &sweep);
	if (terminal.out)
		fclose(terminal.out);
	pb_arena_finish(&arena);
	for (const char *at = text; at && *at; at++)
		lines += *at == '\n';
	if (text && lines > height)
		*text = '\0';
	return text;
}

/* The whole screen anew, from its top. */
static void draw_screen(struct watch *w)
{
	struct pb_text out = {0};
	int height = height_of(&w->terminal), lines = 0;
	char *picture = w->dashboard.last_sweep ? picture_of(w, height / 2) : NULL;
	for (const char *at = picture; at && *at; at++)
		lines += *at == '\n';
	pb_dashboard_draw(&w->dashboard, &w->terminal, now(), height - lines - 1, &out);
	if (picture && *picture)
		pb_text_add(&out, "\n%s", picture);
	fputs("\033[H\033[J", w->terminal.out);
	if (!out.failed)
		fwrite(out.data, 1, out.length, w->terminal.out);
	fflush(w->terminal.out);
	pb_text_finish(&out);
	free(picture);
}

/* A line for each step that ended since. */
static void print_steps(struct watch *w)
{
	for (; w->told < w->dashboard.n_steps && w->dashboard.steps[w->told].ended; w->told++) {
		struct pb_text out = {0};
		pb_dashboard_draw_step(&w->dashboard.steps[w->told], &w->terminal, now(), &out);
		fprintf(w->terminal.out, "%s\n", out.data ? out.data : "");
		pb_text_finish(&out);
	}
	fflush(w->terminal.out);
}

static void print_end(struct watch *w)
{
	struct pb_text out = {0};
	if (w->terminal.tty || w->once)
		pb_dashboard_draw(&w->dashboard, &w->terminal, now(), 0, &out);
	else
		pb_dashboard_draw_head(&w->dashboard, &w->terminal, &out);
	fputs(out.data ? out.data : "", w->terminal.out);
	pb_text_finish(&out);
}

static int follow(struct watch *w)
{
	bool screen = w->terminal.tty && !w->once, gone = false;
	int rc = read_events(w);
	if (screen)
		fputs("\033[?1049h\033[?25l", w->terminal.out); /* another screen, no cursor */
	while (!rc && !stopped && !w->once && !w->dashboard.ended && !gone) {
		gone = is_gone(w);
		if (screen)
			draw_screen(w);
		else
			print_steps(w);
		if (!gone)
			nanosleep(&(struct timespec){.tv_nsec = 250000000}, NULL);
		rc = read_events(w); /* what a run that is gone wrote last, too */
	}
	if (screen)
		fputs("\033[?25h\033[?1049l", w->terminal.out);
	if (rc)
		return rc;
	if (!screen && !w->once)
		print_steps(w);
	print_end(w);
	if (w->dashboard.ended)
		return 0;
	return is_gone(w) ? pb_fail(PB_E_INTERRUPTED, "%s: the run's process (%lld) is gone without a word: it was killed, or crashed",
				    w->dir, (long long)w->dashboard.pid)
			  : 0;
}

static int watch(struct watch *w)
{
	struct sigaction action = {.sa_handler = stop};
	int rc = open_events(w);
	if (!rc) {
		sigaction(SIGINT, &action, NULL);
		sigaction(SIGTERM, &action, NULL);
		pb_terminal_init(&w->terminal, stdout);
		rc = follow(w);
		close(w->fd);
	}
	int code = rc == -PB_E_INTERRUPTED || w->dashboard.failure ? 1 : pb_status_exit_code(rc);
	if (rc)
		pb_cli_fail(&pb_cmd_watch, NULL, rc);
	free(w->pending);
	pb_dashboard_finish(&w->dashboard);
	return code;
}

static int run(int argc, char **argv)
{
	struct watch w = {0};
	int code;
	if (!pb_cli_parse(&pb_cmd_watch, argc, argv, &w, &code))
		return code;
	w.dir = argv[1];
	return watch(&w);
}

static const struct pb_cli_option once = {
	.name = "once", .type = PB_CLI_FLAG, .offset = offsetof(struct watch, once), .doc = "say where it stands, and end"};

static const struct pb_cli_word operands[] = {
	{.name = "DIR", .offer = PB_CLI_FOLDERS},
	{0},
};

static const struct pb_cli_example examples[] = {
	{"watch runs/first", "the stages and sweeps of a run, and the last heat map"},
	{0},
};

const struct pb_cli_command pb_cmd_watch = {
	.name = "watch",
	.summary = "follow a run from another terminal",
	.doc = "Follows the run in folder DIR: its stages and sweeps, how far they are, and the last heat map. Ends when the run "
	       "ends, with 0 if it is done and 1 if it failed or was killed. Ctrl-C stops watching, not the run.",
	.operands = operands,
	.options = (const struct pb_cli_option *const[]){&once, NULL},
	.examples = examples,
	.run = run,
};
