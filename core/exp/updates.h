/* updates.h: how far a probe's clean and corrupted update move each parameter, for the report. */
#ifndef PB_EXP_UPDATES_H
#define PB_EXP_UPDATES_H

#include "exp/plan.h"

/* Of a whole run; zero-initialise it. */
struct pb_updates {
	size_t n;
	struct pb_result_update *items;
	int64_t left_out; /* probes for which there was no room */
};

/* Appends the sizes of both updates of one probe, each from the weights as they are and a fresh optimizer, clipped as
 * the plan says; nothing where no sweep makes an update. The changes are never stored: a piece of a parameter at a
 * time is formed, measured and dropped; with `dense` (the reference engine's way) both gradients are multiplied out
 * beforehand. Of more than 16 probes or 200,000 numbers the first ones win. `unit`, `name` (of the weights; NULL:
 * there is one set) and the arena must outlive the results. */
int pb_updates_add(const struct pb_plan *plan, const struct pb_params *weights, const struct pb_probe_data *probe,
		   bool dense, const char *unit, const char *name, struct pb_arena *arena,
		   struct pb_updates *updates);

#endif
