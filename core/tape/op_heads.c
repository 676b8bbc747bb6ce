/* op_heads.c: q, k or v of all heads: y[b,p,h,e] = x[b,p,d] W[h,d,e] + bias[h,e]. */
#include "tape/op.h"

struct heads_saved {
	struct pb_weight w;
	int bias_id;
	int64_t rows, h, d, e;
};

static int heads_backward(struct pb_tape *tape, struct pb_var *y)
{
	const struct heads_saved *s = y->saved;
	/* x is shared by the heads; a head's part of dy lies e wide in rows of h*e. */
	struct pb_view x3 = pb_view_over(y->in[0]->value.data, tape->dtype, 3, (int64_t[]){s->h, s->rows, s->d});
	struct pb_view dy3 = pb_view_over(y->grad.data, tape->dtype, 3, (int64_t[]){s->h, s->rows, s->e});
	struct pb_view dy = pb_view_over(y->grad.data, tape->dtype, 2, (int64_t[]){s->rows, s->h * s->e}), dx;
	x3.stride[0] = 0;
	dy3.stride[0] = s->e;
	dy3.stride[1] = s->h * s->e;
	int rc = tape->sink->ops->outer(tape->sink, s->w.id, &x3, &dy3);
	if (!rc)
		rc = tape->sink->ops->sum(tape->sink, s->bias_id, &dy);
	double beta;
	if (rc || !pb_var_wants_grad(y->in[0]) || (rc = pb_var_grad_beta(tape, y->in[0], &dx, &beta)))
		return rc;
	pb_kernels(tape->device, tape->dtype)
		->gemm_sum(tape->device->context, false, true, s->rows, s->d, s->e, 1.0, y->grad.data, s->h * s->e, s->e,
			   s->w.value.data, s->e, s->d * s->e, beta, dx.data, s->d, s->h);
	return 0;
}

static const struct pb_op heads_op = {"heads", heads_backward, true};

struct pb_var *pb_op_heads(struct pb_tape *tape, struct pb_var *x, const struct pb_weight *w,
			   const struct pb_weight *bias)
{
	int64_t b = x->value.shape[0], p = x->value.shape[1], d = x->value.shape[2];
	int64_t h = w->value.shape[0], e = w->value.shape[2];
	struct heads_saved *saved = pb_arena_alloc(&tape->arena, sizeof *saved);
	struct pb_var *y = saved ? pb_tape_node(tape, &heads_op, true, x, NULL, 4, (int64_t[]){b, p, h, e}) : NULL;
	if (!y)
		return NULL;
	*saved = (struct heads_saved){*w, bias->id, b * p, h, d, e};
	y->saved = saved;
	const struct pbk_table *t = pb_kernels(tape->device, tape->dtype);
	const int64_t rows = pb_tape_active(tape, &y->value).shape[0] * p;
	t->linear(tape->device->context, h, rows, d, e, x->value.data, w->value.data, bias->value.data, y->value.data);
	return y;
}
