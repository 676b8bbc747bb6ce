/* optim.h: AdamW, Adam and SGD with gradient clipping and linear warm-up, as PyTorch defines them. May use base/,
 * tensor/tensor.h and kernels.h.
 *
 * Parameters and gradients are flat buffers in device memory with the same layout; each parameter is a slot of it.
 * Definitions:
 *   AdamW, Adam, SGD  torch.optim.{AdamW,Adam,SGD} with foreach=False: pbk_adam and pbk_sgd in kernels.h.
 *     Every parameter counts its own steps. One without a gradient is skipped: no step, no weight decay.
 *   clipping          torch.nn.utils.clip_grad_norm_: all gradients that are present are multiplied by
 *     min(1, max_grad_norm / (norm + 1e-6)), norm being the 2-norm of all of them.
 *   warm-up           torch.optim.lr_scheduler.LambdaLR with min(1, (step + 1) / warmup_steps): the t-th call of
 *     pb_optim_step, t = 1, 2, ..., uses lr * min(1, t / warmup_steps).
 */
#ifndef PB_OPTIM_OPTIM_H
#define PB_OPTIM_OPTIM_H

#include <stdbool.h>
#include <stdint.h>

#include "tensor/tensor.h"

enum pb_optim_kind {
	PB_OPTIM_ADAMW = 0,
	PB_OPTIM_ADAM,
	PB_OPTIM_SGD,
};

struct pb_optim_config {
	enum pb_optim_kind kind;
	double lr;
	double beta1, beta2, eps;   /* AdamW, Adam */
	double weight_decay;        /* AdamW: decoupled; else added to the gradient */
	double momentum, dampening; /* SGD */
	bool nesterov;              /* SGD; needs momentum > 0 and dampening 0 */
	double max_grad_norm;       /* 0: no clipping */
	int64_t warmup_steps;       /* 0: none */
};

/* One parameter's elements in the flat buffers. */
struct pb_optim_slot {
	int64_t offset, count;
};

/* The state is plain, so that it can be saved and restored: first and second have the layout of the parameters. */
struct pb_optim {
	struct pb_device *device;
	uint32_t dtype;
	struct pb_optim_config config; /* may be changed between steps, but for kind and momentum being 0 or not */
	int n_slots;
	struct pb_optim_slot *slots; /* own copy */
	int64_t *steps;              /* per slot: updates that it took part in */
	int64_t calls;               /* of pb_optim_step: the schedule's t */
	int64_t extent;              /* elements of first and second */
	void *first;                 /* Adam: mean of g; SGD: momentum; NULL for SGD without momentum */
	void *second;                /* Adam: mean of g^2; NULL for SGD */
	double *squares;             /* [n_slots] on the device: of gradients */
};

/* PyTorch's defaults (AdamW decays by 0.01, Adam and SGD by 0; lr 1e-3); no clipping, no warm-up. */
struct pb_optim_config pb_optim_defaults(enum pb_optim_kind kind);
/* -PB_E_RANGE, naming the value that is out of range. */
int pb_optim_check(const struct pb_optim_config *config);

/* Fresh state, copies config and slots. -PB_E_RANGE for a bad config or slot, -PB_E_NOMEM. */
int pb_optim_init(struct pb_optim *opt, struct pb_device *device, uint32_t dtype, const struct pb_optim_config *config,
		  const struct pb_optim_slot *slots, int n_slots);
void pb_optim_finish(struct pb_optim *opt); /* zero-initialised is fine */
void pb_optim_reset(struct pb_optim *opt);  /* fresh state again */

/* Clips and updates params in place. present[i] says whether slot i has a gradient; NULL: all have. *ret_grad_norm
 * (may be NULL) is the norm before clipping. -PB_E_NUMERIC, with nothing changed, if the norm is needed (for clipping
 * or for ret_grad_norm) and not finite. */
int pb_optim_step(struct pb_optim *opt, void *params, const void *grads, const bool *present, double *ret_grad_norm);
/* The same for who knows the norm before clipping, or does not clip and gives 0: no pass over the gradients for it. */
int pb_optim_step_by_norm(struct pb_optim *opt, void *params, const void *grads, const bool *present, double norm);

/* clip.c: 2-norm of the gradients that are present, in double; and the factor for it. max_norm 0: 1. */
double pb_optim_grad_norm(const struct pb_optim *opt, const void *grads, const bool *present);
double pb_optim_clip_factor(double norm, double max_norm);

/* first.c: the constants of call 1 from fresh state; the clip factor goes into the gradient's scale. */
struct pbk_step pb_optim_first_step(const struct pb_optim_config *config);

/* schedule.c: the learning rate of call t = 1, 2, ... */
double pb_optim_warmup(double lr, int64_t warmup_steps, int64_t t);

#endif
