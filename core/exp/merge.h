/* merge.h: the tables of one sweep, one a unit or seed, as one table of means. */
#ifndef PB_EXP_MERGE_H
#define PB_EXP_MERGE_H

#include "exp/statistics.h"

/* One of the tables. */
struct pb_merge_part {
	const char *name, *set;
	const struct pb_result_sweep *table;
};

/* All tables have the same axes, but for labels of positions, which become plain numbers where they differ. A cell's
 * metric, score, loss and gradient norm are means over those that have one; of the audit's numbers, calls add up and
 * of changes the largest counts. Notes that all share stand once; others say whose they are. The first part gives what
 * all have in common. What is new comes from the arena. */
int pb_merge_sweeps(const struct pb_merge_part *parts, size_t n, const char *what, uint64_t seed,
		    struct pb_arena *arena, struct pb_result_sweep *ret_sweep);

#endif
