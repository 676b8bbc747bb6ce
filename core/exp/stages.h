/* stages.h: all training of a run, from its beginning or from where it was left. */
#ifndef PB_EXP_STAGES_H
#define PB_EXP_STAGES_H

#include "exp/folder.h"
#include "exp/train.h"
#include "exp/weights.h"

struct pb_stages {
	const struct pb_plan *plan;
	struct pb_folder *folder;
	struct pb_terminal *terminal; /* NULL: quiet */
	struct pb_arena *arena;       /* of everything in the results */
	double save_every;            /* seconds between two files of where training stands */
	bool check_finite;            /* see pb_trainer */
	struct pb_params *params;     /* trained in place */
	struct pb_weights_store *weights; /* gets those that are wanted later */
	/* Is a copy of the weights of this name worth its memory? */
	bool (*is_wanted)(void *context, const char *name);
	void *context;
};

/* Results of the stages that there are, the one that failed included, in ret_results [plan->n_stages]. What each leaves (checkpoint,
 * curves) is written when it ends. */
int pb_stages_run(const struct pb_stages *stages, struct pb_result_stage *ret_results, size_t *ret_n);

#endif
