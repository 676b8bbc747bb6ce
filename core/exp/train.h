/* train.h: one training stage after another, with curves. */
#ifndef PB_EXP_TRAIN_H
#define PB_EXP_TRAIN_H

#include "exp/plan.h"
#include "exp/train_state.h"
#include "report/report.h"

/* What goes on from stage to stage. */
struct pb_trainer {
	const struct pb_plan *plan;
	struct pb_params *params; /* trained in place; not owned */
	struct pb_params grads;
	bool *present;
	struct pb_pool pool;
	struct pb_view squares; /* [table.n] float64, of the gradients that are present */
	double *squares_read;   /* [table.n] */
	struct pb_optim optim;
	bool has_optim;
	struct pb_tape tape;
	/* One batch. */
	int32_t *tokens;
	struct pb_scored *scored;
	size_t room_tokens, room_rows;
	int64_t settled_rows, settled_scored; /* what the tape has room for */
	/* Where it stands is written to this file; set both after init. NULL: nowhere. */
	uint64_t run; /* for the state: pb_train_state_save */
	const char *state_path;
	double save_every; /* seconds */
	double saved;      /* when */
	bool check_finite; /* gradients before and weights behind each step; set after init */
};

int pb_trainer_init(struct pb_trainer *trainer, const struct pb_plan *plan, struct pb_params *params);
void pb_trainer_finish(struct pb_trainer *trainer);
/* Trains stage `index`, from its beginning or, with `from`, from where that stands. Curves come from the arena. When interrupted or failing, what was measured is in *ret_result and the failure is
 * returned. A loss that is not finite is -PB_E_NUMERIC, naming epoch and step. */
int pb_trainer_run(struct pb_trainer *trainer, size_t index, const struct pb_train_state *from,
		   struct pb_terminal *terminal, struct pb_events *events, struct pb_arena *arena,
		   struct pb_result_stage *ret_result);
/* Writes that training stands before stage `index`; `last`: no stage comes, and the optimizer is of no use. */
int pb_trainer_save(const struct pb_trainer *trainer, size_t index, bool last);

#endif
