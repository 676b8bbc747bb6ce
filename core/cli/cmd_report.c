/* cmd_report.c: `patchbay report DIR...`: a run's report anew, or several runs side by side. */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "report/compare.h"
#include "report/report.h"

struct request {
	const char **dirs;
	size_t n;
	const char *out;
	bool quiet, png;
};

/* The last part of a folder's path. */
static const char *base_of(const char *dir, struct pb_arena *arena)
{
	char *name = pb_arena_strdup(arena, dir);
	size_t length = name ? strlen(name) : 0;
	while (length > 1 && name[length - 1] == '/')
		name[--length] = '\0';
	const char *slash = name ? strrchr(name, '/') : NULL;
	return slash && slash[1] ? slash + 1 : name;
}

/* That, with a number behind it where runs before it are called so. */
static const char *name_of(const struct request *r, size_t i, struct pb_arena *arena)
{
	const char *name = base_of(r->dirs[i], arena);
	size_t same = 0;
	for (size_t k = 0; name && k < i; k++) {
		const char *other = base_of(r->dirs[k], arena);
		same += !other || !strcmp(other, name);
	}
	return name && same ? pb_arena_printf(arena, "%s %zu", name, same + 1) : name;
}

static int read_run(const char *dir, struct pb_arena *arena, struct pb_result_run *run)
{
	const char *path = pb_arena_printf(arena, "%s/results.json", dir);
	int rc = path ? pb_report_read_run(path, arena, run) : -PB_E_NOMEM;
	return rc == -PB_E_NOTFOUND || rc == -PB_E_IO ? pb_fail_in(rc, "%s is no folder of a run that ended", dir) : rc;
}

static int read_runs(const struct request *r, struct pb_arena *arena, struct pb_result_run *ret_run)
{
	struct pb_result_run *runs = pb_arena_array(arena, r->n, sizeof *runs);
	const char **names = pb_arena_array(arena, r->n, sizeof *names);
	int rc = runs && names ? 0 : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < r->n; i++) {
		names[i] = name_of(r, i, arena);
		rc = names[i] ? read_run(r->dirs[i], arena, &runs[i]) : -PB_E_NOMEM;
	}
	if (!rc && r->n > 1)
		return pb_report_compare(runs, names, r->n, arena, ret_run);
	if (!rc)
		*ret_run = runs[0];
	return rc;
}

static void show(const struct pb_result_run *run, const char *page)
{
	struct pb_terminal terminal;
	pb_terminal_init(&terminal, stdout);
	for (size_t i = 0; i < run->n_sweeps; i++)
		pb_terminal_sweep(&terminal, &run->sweeps[i]);
	if (run->similarity)
		pb_terminal_similarity(&terminal, run->similarity);
	pb_terminal_summary(&terminal, run, page);
}

/* Twice as large as the .svg says: sharp on today's screens. */
static int write_png(const char *folder, const char *name)
{
	struct pb_text png = {0};
	char *svg = pb_file_join(folder, name);
	int rc = svg ? 0 : -PB_E_NOMEM;
	if (svg)
		pb_text_add(&png, "%.*s.png", (int)(strlen(svg) - strlen(".svg")), svg);
	if (!rc)
		rc = pb_text_status(&png);
	if (!rc)
		rc = pb_report_write_png(svg, png.data, 2);
	pb_text_finish(&png);
	free(svg);
	return rc;
}

static int write_pngs(const char *dir)
{
	char *folder = pb_file_join(dir, "figures");
	DIR *figures = folder ? opendir(folder) : NULL;
	int rc = figures ? 0 : folder ? pb_fail(PB_E_IO, "cannot read %s: %s", folder, strerror(errno)) : -PB_E_NOMEM;
	for (const struct dirent *d; !rc && (d = readdir(figures));) {
		size_t length = strlen(d->d_name);
		if (length > 4 && !strcmp(d->d_name + length - 4, ".svg"))
			rc = write_png(folder, d->d_name);
	}
	if (figures)
		closedir(figures);
	free(folder);
	return rc;
}

static int report(const struct request *r)
{
	struct pb_arena arena = {0};
	struct pb_result_run run;
	const char *page = r->out ? r->out
			   : r->n > 1 ? "comparison.html"
				      : pb_arena_printf(&arena, "%s/report.html", r->dirs[0]);
	int rc = page ? read_runs(r, &arena, &run) : -PB_E_NOMEM;
	if (!rc)
		rc = pb_report_write_html(page, &run);
	if (!rc && r->n == 1)
		rc = pb_report_write_figures(r->dirs[0], &run);
	if (!rc && r->png)
		rc = write_pngs(r->dirs[0]);
	if (!rc && !r->quiet)
		show(&run, page);
	int code = rc ? pb_cli_fail(&pb_cmd_report, NULL, rc) : 0;
	pb_arena_finish(&arena);
	return code;
}

static int run(int argc, char **argv)
{
	struct request r = {0};
	int code;
	if (!pb_cli_parse(&pb_cmd_report, argc, argv, &r, &code))
		return code;
	r.dirs = (const char **)(argv + 1);
	while (r.dirs[r.n])
		r.n++;
	if (r.n > 1 && r.png)
		return pb_cli_usage(&pb_cmd_report, "of one run at a time; not with several folders:", "--png", NULL);
	return report(&r);
}

static const struct pb_cli_option out = {
	.name = "out", .type = PB_CLI_TEXT, .offset = offsetof(struct request, out),
	.value = {.name = "FILE", .offer = PB_CLI_FILES, .suffixes = "html"},
	.doc = "the page; default DIR/report.html, of several comparison.html"};
static const struct pb_cli_option png = {
	.name = "png", .type = PB_CLI_FLAG, .offset = offsetof(struct request, png),
	.doc = "of one run: each figure as .png, too"};
static const struct pb_cli_option quiet = {
	.name = "quiet", .letter = 'q', .type = PB_CLI_FLAG, .offset = offsetof(struct request, quiet),
	.doc = "print nothing but errors"};

static const struct pb_cli_word operands[] = {
	{.name = "DIR", .offer = PB_CLI_FOLDERS, .repeated = true},
	{0},
};

static const struct pb_cli_example examples[] = {
	{"report runs/first", "its report.html and figures anew, and the heat maps here"},
	{"report runs/adamw runs/sgd --out adamw-or-sgd.html", "one page with both, and their difference"},
	{0},
};

const struct pb_cli_command pb_cmd_report = {
	.name = "report",
	.summary = "a run's report anew, or several runs side by side",
	.doc = "Of one run folder: writes its report.html and figures anew from its results.json (a newer patchbay draws better), "
	       "and shows the heat maps and the summary. Of several: writes one page with their sweeps side by side and, of "
	       "two, the differences.",
	.operands = operands,
	.options = (const struct pb_cli_option *const[]){&out, &png, &quiet, NULL},
	.examples = examples,
	.run = run,
	.writes = true,
};
