/* tape.h: records what was computed and runs it backwards. May use base/, tensor/ and kernels.h.
 *
 * A forward function (op.h) computes at once and leaves a node behind; pb_tape_backward visits the nodes in reverse
 * order. Gradients of activations are added up: a node's gradient is made and cleared at its first contribution, and a
 * node nobody contributed to is not visited. Gradients of parameters go to the tape's sink and are never formed here.
 */
#ifndef PB_TAPE_TAPE_H
#define PB_TAPE_TAPE_H

#include "base/arena.h"
#include "tape/sink.h"
#include "tensor/tensor.h"

struct pb_tape;
struct pb_var;

struct pb_op {
	const char *name;
	/* y->grad holds dLoss/dy. Adds to the gradients of y's inputs and gives parameters' to the sink. */
	int (*backward)(struct pb_tape *tape, struct pb_var *y);
	bool keeps_grad; /* y->grad is read after backward too, by a sink: a factor, a bias' rows; else its memory serves again */
};

/* One activation. Lives until the tape's reset. */
struct pb_var {
	struct pb_view value;
	struct pb_view grad;    /* data NULL: no gradient arrived */
	const struct pb_op *op; /* NULL: a constant, nothing behind it */
	struct pb_var *in[2];
	const void *saved; /* what the op needs again, from the tape's arena */
	const bool *missed; /* [tape->examples]: no gradient arrived for these; NULL: it did for all. Only beside a grad */
};

/* A parameter as an op sees it. */
struct pb_weight {
	int id; /* the sink's name for it */
	struct pb_view value;
};

struct pb_spare;

struct pb_tape {
	struct pb_device *device;
	uint32_t dtype;
	struct pb_grad_sink *sink; /* NULL: forward only, nothing is recorded; not owned */
	struct pb_arena arena;     /* nodes */
	struct pb_pool pool;       /* tensors */
	struct pb_var **nodes;
	size_t n_nodes, room;
	struct pb_spare *spares; /* memory of tensors that nobody needs any more */
	struct pb_var *current; /* whose backward is running; else NULL */
	int64_t examples;       /* of the batch; set by who writes `missed` */
	int64_t active; /* ops compute this many leading examples of their result; the others' values are not set. A reset
			 * makes it all (INT64_MAX) */
};

void pb_tape_init(struct pb_tape *tape, struct pb_device *device, uint32_t dtype);
void pb_tape_finish(struct pb_tape *tape);
/* Forgets all nodes, keeps the memory, and records for `sink` from now on. */
void pb_tape_reset(struct pb_tape *tape, struct pb_grad_sink *sink);

/* After a pass: forgets all nodes and keeps room for a pass with tensors `factor` times as large and lists (of paths)
 * factor squared times as long, so that those to come allocate nothing. -PB_E_NOMEM. */
int pb_tape_settle(struct pb_tape *tape, double factor);

/* A new contiguous tensor until the tape's reset, not cleared; in memory that serves again where there is some. */
int pb_tape_tensor(struct pb_tape *tape, int rank, const int64_t *shape, struct pb_view *ret_view);
/* The tensor was the last thing in its memory, which may serve again: nobody reads or writes it any more. data becomes
 * NULL. */
int pb_tape_spare(struct pb_tape *tape, struct pb_view *tensor);

/* The leading examples of a value that are computed now. */
struct pb_view pb_tape_active(const struct pb_tape *tape, const struct pb_view *value);

/* A node with an uninitialised value of this shape. NULL: out of memory, recorded. Without a sink, or where no
 * input wants a gradient and the op has no parameters, the node is a constant. */
struct pb_var *pb_tape_node(struct pb_tape *tape, const struct pb_op *op, bool has_params, struct pb_var *a,
			    struct pb_var *b, int rank, const int64_t *shape);
/* The same over a value that exists. */
struct pb_var *pb_tape_node_over(struct pb_tape *tape, const struct pb_op *op, bool has_params, struct pb_var *a,
				 struct pb_var *b, const struct pb_view *value);

static inline bool pb_var_wants_grad(const struct pb_var *var)
{
	return var && var->op;
}
/* Where to add dLoss/dvar, contiguous, same shape as the value. */
int pb_var_grad(struct pb_tape *tape, struct pb_var *var, struct pb_view *ret_grad);
/* The same for who can also set it: *ret_add is false where the gradient is new and not cleared. */
int pb_var_grad_add(struct pb_tape *tape, struct pb_var *var, struct pb_view *ret_grad, bool *ret_add);
/* Adds a gradient of var's shape. `give`: it is the running node's own, which nobody reads any more; its memory may become
 * that of var's. */
int pb_var_pass_grad(struct pb_tape *tape, struct pb_var *var, const struct pb_view *grad, bool give);

/* The node whose backward is running passes nothing on for these examples, not even a gradient of zero: what is only
 * behind it has none for them. `missed` [examples] is copied. */
int pb_tape_miss(struct pb_tape *tape, int64_t examples, const bool *missed);

/* Runs back from y, seeded with dLoss/dy (contiguous, y's shape), and tells the sink that it is complete. Does nothing where
 * y wants no gradient. */
int pb_tape_backward(struct pb_tape *tape, struct pb_var *y, const struct pb_view *seed);

#endif
