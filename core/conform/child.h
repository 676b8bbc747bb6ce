/* child.h: runs a test where its crash does no harm. */
#ifndef PB_CONFORM_CHILD_H
#define PB_CONFORM_CHILD_H

#include <stddef.h>

/* What the test returns: 0, a negative status with an error text, or a positive number of its own with one. */
typedef int pb_child_test(void *argument);

/* Calls test(argument) in a child process and gives back what it returned, with its error text. A child that ends
 * otherwise, or is killed after `seconds` (0: never), gives -PB_E_PLUGIN and the reason. What it writes to stderr
 * appears there, unless it is the reason. */
int pb_child_run(pb_child_test *test, void *argument, double seconds);

#endif
