/* support.h: what every test program shares. */
#ifndef PB_TESTS_SUPPORT_H
#define PB_TESTS_SUPPORT_H

#include <check.h>

/* Runs the suites given (ended by NULL), prints TAP, returns the process's exit code. */
int pb_test_run(Suite *first, ...);
/* A file below the golden folder (tests/golden/data); the text is static and changes with the next call. */
const char *pb_test_golden(const char *name);
/* A fresh folder for this test, removed at exit. */
const char *pb_test_dir(void);

/* ck_assert that a call returned 0, with the error text if not. */
#define ck_assert_ok(call)                                                         \
	do {                                                                       \
		int rc_ = (call);                                                  \
		ck_assert_msg(rc_ == 0, "%s: %d %s", #call, rc_, pb_error_text()); \
	} while (0)

#endif
