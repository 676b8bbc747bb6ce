/* evaluate.h: a metric's mean over examples, forward passes only. */
#ifndef PB_EXP_EVALUATE_H
#define PB_EXP_EVALUATE_H

#include "exp/scorer.h"
#include "model/model.h"

/* Rows of the flattened [n_examples * n_pos] activations that are scored: [n_scored] from the arena; NULL: recorded.
 * The tokens are those of example `first_example` on, which the scored list counts from an earlier one; else 0. */
int32_t *pb_examples_rows(const struct pb_examples *examples, int64_t first_example, struct pb_arena *arena);

/* Do both score the same positions of the same examples? Their answers may differ. */
bool pb_examples_same_rows(const struct pb_examples *a, const struct pb_examples *b);

/* Some of a list's examples, and where its scored rows begin that belong to them. */
struct pb_slice {
	const struct pb_examples *all;
	int64_t first_example, n_examples, first_scored, n_scored;
};

/* The next slice that fits one pass; at first only `all` is set. False: there is none. */
bool pb_slice_next(struct pb_slice *slice);
/* The scored rows' logits, [n_scored, d_vocab], at least one; nothing that they do not depend on is computed. The caller
 * resets the tape; the examples must stay until it is reset again. *ret_rows (may be NULL): rows of the pass, at most
 * those of each example up to its last scored position, or of whole examples where they are long. */
int pb_slice_forward(const struct pb_model *model, struct pb_tape *tape, const struct pb_weights *weights,
		     const struct pb_slice *slice, struct pb_var **ret_logits, int64_t *ret_rows);

/* Resets the tape. ret_rows [n_scored] may be NULL; `reference` as in scorer.h. At most 512 examples in one pass. */
int pb_evaluate(const struct pb_model *model, struct pb_tape *tape, const struct pb_weights *weights,
		struct pb_scorer *scorer, const struct pb_examples *examples, const double *reference, double *ret_rows,
		double *ret_mean);
/* The scored rows of the logits as doubles, ret_logits [n_scored, d_vocab]. */
int pb_evaluate_logits(const struct pb_model *model, struct pb_tape *tape, const struct pb_weights *weights,
		       const struct pb_examples *examples, double *ret_logits);

#endif
