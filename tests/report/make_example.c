/* make_example.c: writes an example run's files to a folder, or shows it in the terminal: make_example DIR [WHICH]. */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "example.h"
#include "report/report.h"

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: %s DIR [run|edges|shapes|units|empty]\n", argv[0]);
		return 2;
	}
	struct pb_arena arena = {0};
	struct pb_terminal terminal;
	const char *which = argc > 2 ? argv[2] : "run";
	const struct pb_result_run *run = strcmp(which, "edges") == 0   ? pb_example_edges(&arena)
	                                  : strcmp(which, "shapes") == 0 ? pb_example_shapes(&arena)
	                                  : strcmp(which, "units") == 0 ? pb_example_units(&arena)
	                                  : strcmp(which, "empty") == 0 ? pb_example_empty(&arena)
	                                                                : pb_example_run(&arena);
	int rc = pb_report_write_run(argv[1], run);
	for (size_t i = 0; !rc && i < run->n_sweeps; i++)
		rc = pb_report_write_sweep(argv[1], &run->sweeps[i]);
	for (size_t i = 0; !rc && i < run->n_stages; i++)
		rc = pb_report_write_stage(argv[1], &run->stages[i]);
	struct pb_text page = {0};
	pb_text_add(&page, "%s/report.html", argv[1]);
	if (!rc && !(rc = pb_text_status(&page)))
		rc = pb_report_write_html(page.data, run);
	if (!rc)
		rc = pb_report_write_figures(argv[1], run);
	pb_terminal_init(&terminal, stdout);
	for (size_t i = 0; i < run->n_sweeps; i++)
		pb_terminal_sweep(&terminal, &run->sweeps[i]);
	pb_terminal_summary(&terminal, run, page.data ? page.data : "");
	pb_text_finish(&page);
	if (rc < 0)
		fprintf(stderr, "%s\n", pb_error_text());
	pb_arena_finish(&arena);
	return pb_status_exit_code(rc);
}
