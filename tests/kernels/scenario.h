/* scenario.h: every entry of a table once, on memory that only the device may touch, for the tests of failures. */
#ifndef PB_TESTS_KERNELS_SCENARIO_H
#define PB_TESTS_KERNELS_SCENARIO_H

#include "kernels.h"

enum { SCENARIO_RESULTS = 1 << 14 };

/* Of a table in float64. Results are all that the kernels leave, downloaded; count_results of them. Returns what sync
 * says, or PBK_E_NOMEM where there is no memory for operands. */
int run_scenario(const struct pbk_table *table, pbk_context *context, double results[SCENARIO_RESULTS]);
int count_results(void); /* of the last run */

/* Fails the test where a run does, or gives other numbers than the CPU. */
void expect_scenario(const struct pbk_table *table, pbk_context *context, const char *what);

#endif
