/* similarity.h: the cosine of the angle between the gradients of any two examples. */
#ifndef PB_EXP_SIMILARITY_H
#define PB_EXP_SIMILARITY_H

#include "exp/plan.h"

/* The gradient of the loss of each of the plan's examples with respect to every parameter, of the weights as they are,
 * and their inner products; `unit` is the probed one. Before the data's next probe call: it makes some. `dense`: with
 * gradients multiplied out, as the reference engine has them; else through factors. Everything in the result comes from
 * the arena or the plan. */
int pb_similarity_make(const struct pb_plan *plan, const struct pb_params *weights, int64_t unit, bool dense,
		       struct pb_arena *arena, struct pb_result_similarity *ret_result);

#endif
