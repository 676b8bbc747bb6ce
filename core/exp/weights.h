/* weights.h: the sets of weights of one run, by name. */
#ifndef PB_EXP_WEIGHTS_H
#define PB_EXP_WEIGHTS_H

#include "exp/plan.h"

struct pb_named_weights {
	const char *name;
	struct pb_params params;
};

struct pb_weights_store {
	const struct pb_plan *plan;
	size_t n, room;
	struct pb_named_weights **items; /* each stays where it is while the list grows */
};

void pb_weights_init(struct pb_weights_store *store, const struct pb_plan *plan);
void pb_weights_finish(struct pb_weights_store *store);
/* A copy of `params` under a name, replacing an earlier one. */
int pb_weights_keep(struct pb_weights_store *store, const char *name, const struct pb_params *params);
/* The weights of that name; a name in the file's `checkpoints` is read now. Valid until finish. */
int pb_weights_get(struct pb_weights_store *store, const char *name, const struct pb_params **ret_params);
/* The starting weights: the loaded checkpoint, or seeded initial values. ret_params is the caller's. */
int pb_weights_start(const struct pb_plan *plan, struct pb_params *ret_params);

#endif
