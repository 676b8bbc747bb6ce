/* op_act.c: relu, gelu, gelu_new, silu. */
#include "tape/op.h"

struct act_saved {
	enum pbk_act act;
};

static int act_backward(struct pb_tape *tape, struct pb_var *y)
{
	const struct act_saved *saved = y->saved;
	struct pb_view dx;
	bool add;
	int rc = pb_var_grad_add(tape, y->in[0], &dx, &add);
	if (!rc)
		pb_kernels(tape->device, tape->dtype)
			->act_backward(tape->device->context, saved->act, add, pb_view_count(&dx), y->in[0]->value.data,
				       y->grad.data, dx.data);
	return rc;
}

static const struct pb_op act_op = {"act", act_backward, false};

struct pb_var *pb_op_act(struct pb_tape *tape, enum pbk_act act, struct pb_var *x)
{
	struct act_saved *saved = pb_arena_alloc(&tape->arena, sizeof *saved);
	struct pb_var *y = saved ? pb_tape_node(tape, &act_op, false, x, NULL, x->value.rank, x->value.shape) : NULL;
	if (!y)
		return NULL;
	saved->act = act;
	y->saved = saved;
	const struct pb_view part = pb_tape_active(tape, &y->value);
	pb_kernels(tape->device, tape->dtype)
		->act(tape->device->context, act, pb_view_count(&part), x->value.data, part.data);
	return y;
}
