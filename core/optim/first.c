/* first.c: the first step from fresh state in closed form: with t = 1 Adam's bias corrections cancel, so that its means
 * are g and g^2, and SGD's momentum buffer is g. */
#include "optim/optim.h"

struct pbk_step pb_optim_first_step(const struct pb_optim_config *c)
{
	double lr = pb_optim_warmup(c->lr, c->warmup_steps, 1);
	struct pbk_step step = {.lr = lr, .decay = 1.0, .l2 = c->weight_decay};
	if (c->kind == PB_OPTIM_SGD) {
		step.lr *= c->nesterov ? 1.0 + c->momentum : 1.0;
		return step;
	}
	step.adam = true;
	step.eps = c->eps;
	if (c->kind == PB_OPTIM_ADAMW) {
		step.decay = 1.0 - lr * c->weight_decay;
		step.l2 = 0.0;
	}
	return step;
}
