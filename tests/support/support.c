/* support.c: runs suites, finds golden files, makes scratch folders. */
#include "support/support.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Made before the tests fork and removed behind them, so that a test that dies leaves nothing. */
static char scratch[64];

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

int pb_test_run(Suite *first, ...)
{
	SRunner *runner = srunner_create(first);
	va_list args;
	va_start(args, first);
	for (Suite *s; (s = va_arg(args, Suite *));)
		srunner_add_suite(runner, s);
	va_end(args);
	srunner_set_tap(runner, "-");
	snprintf(scratch, sizeof scratch, "/tmp/patchbay-test-XXXXXX");
	if (!mkdtemp(scratch))
		abort();
	srunner_run_all(runner, CK_SILENT);
	nftw(scratch, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

const char *pb_test_golden(const char *name)
{
	static char path[4096];
	snprintf(path, sizeof path, "%s/%s", PB_GOLDEN_DIR, name);
	return path;
}

const char *pb_test_dir(void)
{
	static char own[96];
	static int owner; /* a forked test has its parent's memory but wants a folder of its own */
	if (owner != (int)getpid()) {
		snprintf(own, sizeof own, "%s/%d", scratch, (int)getpid());
		if (mkdir(own, 0700) < 0)
			abort();
		owner = (int)getpid();
	}
	return own;
}
