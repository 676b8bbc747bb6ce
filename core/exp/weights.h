/* weights.h: the sets of weights of one run, by name. */
#ifndef PB_EXP_WEIGHTS_H
#define PB_EXP_WEIGHTS_H

#include "base/file.h"
#include "exp/plan.h"

struct pb_named_weights {
	const char *name;
	bool from_file; /* it can be read again */
	struct pb_params params;
};

struct pb_weights_store {
	const struct pb_plan *plan;
	size_t n, room;
	struct pb_named_weights **items; /* each stays where it is while the list grows */
	const char *start_name;          /* of weights that nobody changes and that are not copied for it */
	const struct pb_params *start;   /* not owned; NULL: none */
	struct pb_file_stamp *files;     /* of the plan's checkpoints, when the run began */
};

/* The plan's files are to be what they are now whenever they are read; else that is an error. On failure there is nothing to
 * finish. */
int pb_weights_init(struct pb_weights_store *store, const struct pb_plan *plan);
void pb_weights_finish(struct pb_weights_store *store);
/* A copy of `params` under a name, replacing an earlier one. */
int pb_weights_keep(struct pb_weights_store *store, const char *name, const struct pb_params *params);
/* The weights of that name; a name in the file's `checkpoints` is read now. Valid until finish, or pb_weights_forget_files.
 */
int pb_weights_get(struct pb_weights_store *store, const char *name, const struct pb_params **ret_params);
/* Gives the memory of those read from files back. */
void pb_weights_forget_files(struct pb_weights_store *store);
/* The starting weights: the loaded checkpoint, or seeded initial values. ret_params is the caller's. */
int pb_weights_start(const struct pb_plan *plan, struct pb_params *ret_params);

#endif
