/* op_rows.c: the scored rows of the last residual stream, so that only they are unembedded. */
#include "tape/op.h"

struct rows_saved {
	const int32_t *rows;
	int64_t n_rows, n;
};

static int rows_backward(struct pb_tape *tape, struct pb_var *y)
{
	const struct rows_saved *saved = y->saved;
	struct pb_view dx;
	int rc = pb_var_grad(tape, y->in[0], &dx);
	if (!rc)
		pb_kernels(tape->device, tape->dtype)
			->scatter_add_rows(tape->device->context, saved->n_rows, saved->n, dx.data, saved->rows,
					   y->grad.data);
	return rc;
}

static const struct pb_op rows_op = {"rows", rows_backward, false};

struct pb_var *pb_op_rows(struct pb_tape *tape, struct pb_var *x, const int32_t *rows, int64_t n_rows)
{
	int64_t n = x->value.shape[x->value.rank - 1];
	struct rows_saved *saved = pb_arena_alloc(&tape->arena, sizeof *saved);
	struct pb_var *y = saved ? pb_tape_node(tape, &rows_op, false, x, NULL, 2, (int64_t[]){n_rows, n}) : NULL;
	if (!y)
		return NULL;
	*saved = (struct rows_saved){rows, n_rows, n};
	y->saved = saved;
	pb_kernels(tape->device, tape->dtype)
		->gather_rows(tape->device->context, n_rows, n, x->value.data, rows, y->value.data);
	return y;
}
