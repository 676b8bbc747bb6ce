/* train_state.h: where training stands, in a file, so that it can go on from there to the same bits. */
#ifndef PB_EXP_TRAIN_STATE_H
#define PB_EXP_TRAIN_STATE_H

#include "exp/curves.h"
#include "model/model.h"
#include "optim/optim.h"

/* A place within training: before example `at` of an epoch's order. */
struct pb_train_place {
	int64_t stage, epoch, steps, at; /* stages that are complete; epochs and steps of this one */
	int64_t count;                   /* scored rows of this epoch so far */
	double sum;                      /* of their losses */
	double loss, stop_value;         /* as last shown */
};

/* Writes the file whole, or not at all. run: tells it from those of other runs. optim NULL: nothing goes on from the optimizer; curves NULL: none yet. */
int pb_train_state_save(const char *path, uint64_t run, const struct pb_train_place *place, const struct pb_params *params,
			const struct pb_optim *optim, const struct pb_curves *curves);

/* A file read, and found whole and of this run: -PB_E_NOTFOUND, or -PB_E_FORMAT naming what is wrong. */
struct pb_train_state {
	struct pb_ckpt file;
	struct pb_train_place place;
};

int pb_train_state_read(const char *path, uint64_t run, const struct pb_param_table *table, struct pb_train_state *ret_state);
void pb_train_state_finish(struct pb_train_state *state);
/* The same into what was set up for them; optim has as many slots as it had. curves were just made. */
int pb_train_state_params(const struct pb_train_state *state, struct pb_params *params);
int pb_train_state_optim(const struct pb_train_state *state, struct pb_optim *optim);
int pb_train_state_curves(const struct pb_train_state *state, struct pb_curves *curves);

#endif
