/* op_add.c: y = a + b. */
#include "tape/op.h"

static int add_backward(struct pb_tape *tape, struct pb_var *y)
{
	const struct pbk_table *k = pb_kernels(tape->device, tape->dtype);
	for (int i = 0; i < 2; i++) {
		struct pb_view dx;
		if (!pb_var_wants_grad(y->in[i]))
			continue;
		int rc = pb_var_grad(tape, y->in[i], &dx);
		if (rc)
			return rc;
		k->axpy(tape->device->context, pb_view_count(&dx), 1.0, y->grad.data, dx.data);
	}
	return 0;
}

static const struct pb_op add_op = {"add", add_backward};

struct pb_var *pb_op_add(struct pb_tape *tape, struct pb_var *a, struct pb_var *b)
{
	struct pb_var *y = pb_tape_node(tape, &add_op, false, a, b, a->value.rank, a->value.shape);
	if (y)
		pb_kernels(tape->device, tape->dtype)
			->add(tape->device->context, pb_view_count(&y->value), y->value.data, a->value.data,
			      b->value.data);
	return y;
}
