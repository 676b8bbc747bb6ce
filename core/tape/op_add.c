/* op_add.c: y = a + b. */
#include "tape/op.h"

/* y's gradient is nobody else's any more once the second input has its own. */
static int add_backward(struct pb_tape *tape, struct pb_var *y)
{
	int rc = 0;
	if (pb_var_wants_grad(y->in[1]))
		rc = pb_var_pass_grad(tape, y->in[1], &y->grad, false);
	if (!rc && pb_var_wants_grad(y->in[0]))
		rc = pb_var_pass_grad(tape, y->in[0], &y->grad, true);
	return rc;
}

static const struct pb_op add_op = {"add", add_backward, false};

struct pb_var *pb_op_add(struct pb_tape *tape, struct pb_var *a, struct pb_var *b)
{
	struct pb_var *y = pb_tape_node(tape, &add_op, false, a, b, a->value.rank, a->value.shape);
	if (!y)
		return NULL;
	const struct pb_view part = pb_tape_active(tape, &y->value);
	pb_kernels(tape->device, tape->dtype)
		->add(tape->device->context, pb_view_count(&part), part.data, a->value.data, b->value.data);
	return y;
}
