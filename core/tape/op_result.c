/* op_result.c: what each head writes to the residual stream, and their sum. Only used when hook_result is asked for. */
#include "tape/op.h"

struct result_saved {
	struct pb_weight w;
	int64_t rows, h, e, d;
};

static int result_backward(struct pb_tape *tape, struct pb_var *y)
{
	const struct result_saved *s = y->saved;
	/* [h, rows, e] and [h, rows, d], strided over the head axis in the middle. */
	struct pb_view z3 = pb_view_over(y->in[0]->value.data, tape->dtype, 3, (int64_t[]){s->h, s->rows, s->e});
	struct pb_view dy3 = pb_view_over(y->grad.data, tape->dtype, 3, (int64_t[]){s->h, s->rows, s->d}), dz;
	z3.stride[0] = s->e;
	z3.stride[1] = s->h * s->e;
	dy3.stride[0] = s->d;
	dy3.stride[1] = s->h * s->d;
	bool add;
	int rc = tape->sink->ops->outer(tape->sink, s->w.id, &z3, &dy3);
	if (rc || !pb_var_wants_grad(y->in[0]) || (rc = pb_var_grad_add(tape, y->in[0], &dz, &add)))
		return rc;
	pb_kernels(tape->device, tape->dtype)
		->gemm_batch(tape->device->context, false, true, s->rows, s->e, s->d, 1.0, y->grad.data, s->h * s->d,
			     s->d, s->w.value.data, s->d, s->e * s->d, add, dz.data, s->h * s->e, s->e, s->h);
	return 0;
}

static const struct pb_op result_op = {"result", result_backward, true};

struct pb_var *pb_op_result(struct pb_tape *tape, struct pb_var *z, const struct pb_weight *w)
{
	int64_t b = z->value.shape[0], p = z->value.shape[1], h = z->value.shape[2], e = z->value.shape[3];
	int64_t d = w->value.shape[2];
	struct result_saved *saved = pb_arena_alloc(&tape->arena, sizeof *saved);
	struct pb_var *y = saved ? pb_tape_node(tape, &result_op, true, z, NULL, 4, (int64_t[]){b, p, h, d}) : NULL;
	if (!y)
		return NULL;
	*saved = (struct result_saved){*w, b * p, h, e, d};
	y->saved = saved;
	const int64_t rows = pb_tape_active(tape, &y->value).shape[0] * p;
	pb_kernels(tape->device, tape->dtype)
		->gemm_batch(tape->device->context, false, false, rows, d, e, 1.0, z->value.data, h * e, e,
			     w->value.data, d, e * d, 0.0, y->value.data, h * d, d, h);
	return y;
}

struct sum_saved {
	int bias_id;
};

/* One head's part of a [b,p,h,d] tensor as [b,p,d]. */
static struct pb_view head_of(const struct pb_view *v, int64_t h)
{
	struct pb_view part = pb_view_over(pb_view_at(v, h * v->shape[3]), v->dtype, 3,
					   (int64_t[]){v->shape[0], v->shape[1], v->shape[3]});
	part.stride[0] = v->stride[0];
	part.stride[1] = v->stride[1];
	return part;
}

static int sum_heads_backward(struct pb_tape *tape, struct pb_var *y)
{
	const struct sum_saved *s = y->saved;
	int64_t n = y->value.shape[2];
	struct pb_view dy = pb_view_over(y->grad.data, tape->dtype, 2, (int64_t[]){pb_view_count(&y->value) / n, n});
	struct pb_view dx;
	int rc = tape->sink->ops->sum(tape->sink, s->bias_id, &dy);
	if (rc || !pb_var_wants_grad(y->in[0]) || (rc = pb_var_grad(tape, y->in[0], &dx)))
		return rc;
	for (int64_t h = 0; !rc && h < dx.shape[2]; h++) {
		struct pb_view part = head_of(&dx, h);
		rc = pb_view_axpy(tape->device, &part, 1.0, &y->grad);
	}
	return rc;
}

static const struct pb_op sum_heads_op = {"sum_heads", sum_heads_backward, true};

struct pb_var *pb_op_sum_heads(struct pb_tape *tape, struct pb_var *result, const struct pb_weight *bias)
{
	const struct pb_view *r = &result->value;
	int64_t shape[3] = {r->shape[0], r->shape[1], r->shape[3]};
	struct sum_saved *saved = pb_arena_alloc(&tape->arena, sizeof *saved);
	struct pb_var *y = saved ? pb_tape_node(tape, &sum_heads_op, true, result, NULL, 3, shape) : NULL;
	if (!y)
		return NULL;
	saved->bias_id = bias->id;
	y->saved = saved;
	const struct pb_view sum = pb_tape_active(tape, &y->value), from = pb_tape_active(tape, r);
	int rc = pb_view_fill(tape->device, &sum, 0.0);
	for (int64_t h = 0; !rc && h < r->shape[2]; h++) {
		struct pb_view part = head_of(&from, h);
		rc = pb_view_axpy(tape->device, &sum, 1.0, &part);
	}
	if (rc)
		return NULL;
	pb_kernels(tape->device, tape->dtype)
		->bias_add(tape->device->context, sum.shape[0] * shape[1], shape[2], sum.data, bias->value.data);
	return y;
}
