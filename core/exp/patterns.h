/* patterns.h: where attention looks in a probe's clean and corrupted run, for the report. */
#ifndef PB_EXP_PATTERNS_H
#define PB_EXP_PATTERNS_H

#include "exp/plan.h"

/* Of a whole run; zero-initialise it. */
struct pb_patterns {
	size_t n;
	struct pb_result_pattern *items;
	int64_t numbers;  /* in all of them */
	int64_t left_out; /* probes for which there was no room */
};

/* Appends the patterns of one probe: a forward pass over the first example of each run, besides all others, so that
 * no pass of a sweep has to evaluate a point more. What there are more than 16 probes or 200,000 numbers of is
 * counted and left out, the first ones win. `unit`, `name` (of the weights; NULL: there is one set) and the arena
 * must outlive the results. */
int pb_patterns_add(const struct pb_plan *plan, const struct pb_params *weights, const struct pb_probe_data *probe,
		    const char *unit, const char *name, struct pb_arena *arena, struct pb_patterns *patterns);

#endif
