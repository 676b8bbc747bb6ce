/* op_norm.c: the four steps of layer norm, and all at once. Each one's gradient is added to its inputs'. */
#include "tape/op.h"

static int64_t last(const struct pb_view *v)
{
	return v->shape[v->rank - 1];
}

static int64_t rows_of(const struct pb_view *v)
{
	return pb_view_count(v) / last(v);
}

static int center_backward(struct pb_tape *tape, struct pb_var *y)
{
	struct pb_view dx;
	int rc = pb_var_grad(tape, y->in[0], &dx);
	if (!rc)
		pb_kernels(tape->device, tape->dtype)
			->center_backward(tape->device->context, rows_of(&dx), last(&dx), y->grad.data, dx.data);
	return rc;
}

static const struct pb_op center_op = {"center", center_backward, false};

struct pb_var *pb_op_center(struct pb_tape *tape, struct pb_var *x)
{
	struct pb_var *y = pb_tape_node(tape, &center_op, false, x, NULL, x->value.rank, x->value.shape);
	if (!y)
		return NULL;
	const struct pb_view part = pb_tape_active(tape, &y->value);
	pb_kernels(tape->device, tape->dtype)
		->center(tape->device->context, rows_of(&part), last(&part), x->value.data, part.data);
	return y;
}

static int rms_backward(struct pb_tape *tape, struct pb_var *y)
{
	const struct pb_view *x = &y->in[0]->value;
	struct pb_view dx;
	int rc = pb_var_grad(tape, y->in[0], &dx);
	if (!rc)
		pb_kernels(tape->device, tape->dtype)
			->rms_backward(tape->device->context, rows_of(x), last(x), x->data, y->value.data, y->grad.data,
				       dx.data);
	return rc;
}

static const struct pb_op rms_op = {"rms", rms_backward, false};

struct pb_var *pb_op_rms(struct pb_tape *tape, struct pb_var *x, double eps)
{
	struct pb_view scale = x->value;
	scale.shape[scale.rank - 1] = 1;
	struct pb_var *y = pb_tape_node(tape, &rms_op, false, x, NULL, scale.rank, scale.shape);
	if (!y)
		return NULL;
	const struct pb_view part = pb_tape_active(tape, &x->value);
	pb_kernels(tape->device, tape->dtype)
		->rms(tape->device->context, rows_of(&part), last(&part), eps, part.data, y->value.data);
	return y;
}

static int divide_backward(struct pb_tape *tape, struct pb_var *y)
{
	struct pb_var *x = y->in[0], *scale = y->in[1];
	struct pb_view dx = {0}, dscale = {0};
	int rc = 0;
	if (pb_var_wants_grad(x))
		rc = pb_var_grad(tape, x, &dx);
	if (!rc && pb_var_wants_grad(scale))
		rc = pb_var_grad(tape, scale, &dscale);
	if (!rc)
		pb_kernels(tape->device, tape->dtype)
			->divide_backward(tape->device->context, rows_of(&x->value), last(&x->value), x->value.data,
					  scale->value.data, y->grad.data, dx.data, dscale.data);
	return rc;
}

static const struct pb_op divide_op = {"divide", divide_backward, false};

struct pb_var *pb_op_divide(struct pb_tape *tape, struct pb_var *x, struct pb_var *scale)
{
	struct pb_var *y = pb_tape_node(tape, &divide_op, false, x, scale, x->value.rank, x->value.shape);
	if (!y)
		return NULL;
	const struct pb_view part = pb_tape_active(tape, &y->value);
	pb_kernels(tape->device, tape->dtype)
		->divide(tape->device->context, rows_of(&part), last(&part), x->value.data, scale->value.data,
			 part.data);
	return y;
}

struct affine_saved {
	struct pb_weight w;
	int bias_id;
};

static int affine_backward(struct pb_tape *tape, struct pb_var *y)
{
	const struct affine_saved *saved = y->saved;
	int64_t rows = rows_of(&y->value), n = last(&y->value);
	struct pb_view dy = pb_view_over(y->grad.data, tape->dtype, 2, (int64_t[]){rows, n});
	struct pb_view x = pb_view_over(y->in[0]->value.data, tape->dtype, 2, (int64_t[]){rows, n}), dx;
	int rc = tape->sink->ops->affine(tape->sink, saved->w.id, saved->bias_id, &x, &dy);
	if (rc || !pb_var_wants_grad(y->in[0]) || (rc = pb_var_grad(tape, y->in[0], &dx)))
		return rc;
	pb_kernels(tape->device, tape->dtype)
		->affine_backward(tape->device->context, rows, n, saved->w.value.data, dy.data, dx.data);
	return 0;
}

static const struct pb_op affine_op = {"affine", affine_backward, false};

struct pb_var *pb_op_affine(struct pb_tape *tape, struct pb_var *x, const struct pb_weight *w,
			    const struct pb_weight *b)
{
	struct affine_saved *saved = pb_arena_alloc(&tape->arena, sizeof *saved);
	struct pb_var *y = saved ? pb_tape_node(tape, &affine_op, true, x, NULL, x->value.rank, x->value.shape) : NULL;
	if (!y)
		return NULL;
	*saved = (struct affine_saved){*w, b->id};
	y->saved = saved;
	const struct pb_view part = pb_tape_active(tape, &y->value);
	pb_kernels(tape->device, tape->dtype)
		->affine(tape->device->context, rows_of(&part), last(&part), x->value.data, w->value.data,
			 b->value.data, part.data);
	return y;
}

struct layer_norm_saved {
	bool affine;
	struct pb_weight w;
	int bias_id;
	double eps;
};

static int layer_norm_backward(struct pb_tape *tape, struct pb_var *y)
{
	const struct layer_norm_saved *saved = y->saved;
	struct pb_var *x = y->in[0];
	int64_t rows = rows_of(&y->value), n = last(&y->value);
	struct pb_view dy = pb_view_over(y->grad.data, tape->dtype, 2, (int64_t[]){rows, n}), dx, normalized;
	int rc = pb_tape_tensor(tape, 2, (int64_t[]){rows, n}, &normalized);
	if (!rc)
		rc = pb_var_wants_grad(x) ? pb_var_grad(tape, x, &dx)
					  : pb_tensor_zeros(&tape->pool, tape->dtype, 2, normalized.shape, &dx);
	if (rc)
		return rc;
	pb_kernels(tape->device, tape->dtype)
		->layer_norm_backward(tape->device->context, rows, n, saved->eps, x->value.data,
				      saved->affine ? saved->w.value.data : NULL, dy.data, dx.data, normalized.data);
	if (saved->affine)
		rc = tape->sink->ops->affine(tape->sink, saved->w.id, saved->bias_id, &normalized, &dy);
	return rc ? rc : pb_tape_spare(tape, &normalized);
}

static const struct pb_op layer_norm_op = {"layer_norm", layer_norm_backward, false};

struct pb_var *pb_op_layer_norm(struct pb_tape *tape, struct pb_var *x, double eps, const struct pb_weight *w,
				const struct pb_weight *b)
{
	struct layer_norm_saved *saved = pb_arena_alloc(&tape->arena, sizeof *saved);
	struct pb_var *y =
		saved ? pb_tape_node(tape, &layer_norm_op, w, x, NULL, x->value.rank, x->value.shape) : NULL;
	if (!y)
		return NULL;
	*saved = (struct layer_norm_saved){.affine = w, .bias_id = b ? b->id : -1, .eps = eps};
	if (w)
		saved->w = *w;
	y->saved = saved;
	const struct pb_view part = pb_tape_active(tape, &y->value);
	const int32_t first[2] = {0, (int32_t)rows_of(&part)};
	pb_kernels(tape->device, tape->dtype)
		->layer_norm(tape->device->context, 1, first, last(&part), eps, x->value.data,
			     w ? w->value.data : NULL, b ? b->value.data : NULL, 0, part.data);
	return y;
}
