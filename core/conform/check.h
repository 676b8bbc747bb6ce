/* check.h: does a plugin keep the contract of <patchbay/...>? A list of tests, each in a child process. */
#ifndef PB_CONFORM_CHECK_H
#define PB_CONFORM_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pb_check_options {
	const char *file;
	const char *params;       /* YAML, parameters to use in place of defaults; NULL: none */
	const char *dir;          /* where host->read_file looks; NULL: the working folder */
	int64_t d_model, n_heads; /* of the hook points; 0: 16 and 2 */
	uint64_t seed;
	double time_limit; /* seconds of one call; a test may take ten times as long. 0: for ever */
	const char *only;  /* the one test to run; NULL: all */
	bool in_process;   /* no child processes, and crashes are left to a debugger */
};

enum pb_check_state {
	PB_CHECK_OK,
	PB_CHECK_NOTE, /* in order, with something to know */
	PB_CHECK_SKIPPED,
	PB_CHECK_FAILED,
};

struct pb_check_result {
	const char *name, *doc; /* "file", "it is a plugin for this patchbay, and its table is in order" */
	enum pb_check_state state;
	char *text; /* what went wrong, or is to be known; NULL where all is well */
};

struct pb_check_report {
	char *plugin; /* "setter noise 1.0.0"; NULL: it cannot be read */
	struct pb_check_result *results;
	size_t n;
	size_t counts[PB_CHECK_FAILED + 1]; /* results by state */
};

/* Told each result as it comes. */
typedef void pb_check_sink(void *context, const struct pb_check_result *result);

/* Runs the tests of the plugin's kind. What is wrong with the plugin is in the report; failing are only options that
 * make no sense (-PB_E_USAGE, -PB_E_CONFIG, a file that is not there) and lack of memory. */
int pb_check_run(const struct pb_check_options *options, pb_check_sink *sink, void *context,
		 struct pb_check_report *ret_report);
void pb_check_finish(struct pb_check_report *report);
/* Test i of all, of whatever kind; NULL past the last. ret_kinds: those it is for, "setter, metric". */
const char *pb_check_test(size_t i, const char **ret_doc, const char **ret_kinds);

#endif
