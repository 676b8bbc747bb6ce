/* op_linear.c: y = x W + bias. The weight's gradient goes to the sink as the factors x and dy. */
#include "tape/op.h"

struct linear_saved {
	struct pb_weight w;
	int bias_id; /* -1: none */
	int64_t rows, k, n;
};

static int linear_backward(struct pb_tape *tape, struct pb_var *y)
{
	const struct linear_saved *s = y->saved;
	struct pb_view x3 = pb_view_over(y->in[0]->value.data, tape->dtype, 3, (int64_t[]){1, s->rows, s->k});
	struct pb_view dy3 = pb_view_over(y->grad.data, tape->dtype, 3, (int64_t[]){1, s->rows, s->n});
	int rc = tape->sink->ops->outer(tape->sink, s->w.id, &x3, &dy3);
	if (!rc && s->bias_id >= 0) {
		struct pb_view dy = pb_view_over(y->grad.data, tape->dtype, 2, (int64_t[]){s->rows, s->n});
		rc = tape->sink->ops->sum(tape->sink, s->bias_id, &dy);
	}
	struct pb_view dx;
	bool add;
	if (rc || !pb_var_wants_grad(y->in[0]) || (rc = pb_var_grad_add(tape, y->in[0], &dx, &add)))
		return rc;
	const struct pbk_linear_input part = {y->grad.data, s->w.value.data};
	pb_kernels(tape->device, tape->dtype)
		->linear_inputs(tape->device->context, add, 1, s->rows, s->k, s->n, dx.data, 1, &part);
	return 0;
}

static const struct pb_op linear_op = {"linear", linear_backward, true};

struct pb_var *pb_op_linear(struct pb_tape *tape, struct pb_var *x, const struct pb_weight *w,
			    const struct pb_weight *bias)
{
	const struct pb_view *xv = &x->value;
	int lead = xv->rank == 2 ? 1 : 2;
	int64_t n = w->value.shape[w->value.rank - 1], k = pb_view_count(&w->value) / n;
	int64_t shape[3] = {xv->shape[0], lead == 1 ? n : xv->shape[1], n};
	struct linear_saved *saved = pb_arena_alloc(&tape->arena, sizeof *saved);
	struct pb_var *y = saved ? pb_tape_node(tape, &linear_op, true, x, NULL, lead + 1, shape) : NULL;
	if (!y)
		return NULL;
	*saved = (struct linear_saved){*w, bias ? bias->id : -1, pb_view_count(xv) / k, k, n};
	y->saved = saved;
	const struct pbk_table *t = pb_kernels(tape->device, tape->dtype);
	const struct pb_view part = pb_tape_active(tape, &y->value);
	const int64_t rows = pb_view_count(&part) / n;
	if (bias)
		t->linear(tape->device->context, 1,
			  &(struct pbk_linear){1, rows, k, n, xv->data, w->value.data, bias->value.data, y->value.data});
	else
		t->gemm(tape->device->context, false, false, rows, n, k, 1.0, xv->data, k, w->value.data, n, 0.0,
			y->value.data, n);
	return y;
}
