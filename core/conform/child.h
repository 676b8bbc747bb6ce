/* child.h: runs a test where its crash does no harm. */
#ifndef PB_CONFORM_CHILD_H
#define PB_CONFORM_CHILD_H

#include <patchbay/host.h>

/* What the test returns: 0, a negative status with an error text, or a positive number of its own with one. */
typedef int pb_child_test(void *argument);

/* Calls test(argument) in a child process and gives back what it returned, with its error text. A child that ends
 * otherwise, or is killed after `seconds` (0: never), gives -PB_E_PLUGIN, the reason and where it was. What it writes
 * to stdout or stderr appears on stderr, or in the text where the test fails. */
int pb_child_run(pb_child_test *test, void *argument, double seconds);
/* In the child: what it is about to do, "blocks.0.hook_resid_pre, float32", should it not come back. Elsewhere it
 * does nothing. */
void pb_child_progress(const char *format, ...) PB_PRINTF(1, 2);

#endif
