/* op_attend.c: attention over lists of rows, as one op. */
#include "tape/op.h"

struct attend_saved {
	struct pb_var *v; /* the third input */
	const int32_t *first, *path;
};

static struct pbk_paths paths_of(const struct pb_var *q, const struct pb_var *k, const struct attend_saved *saved,
				 const struct pb_var *z)
{
	return (struct pbk_paths){
		.queries = q->value.shape[0] * q->value.shape[1],
		.q = q->value.data,
		.k = k->value.data,
		.v = saved->v->value.data,
		.host_first = saved->first,
		.host_path = saved->path,
		.z = z->value.data,
	};
}

/* Where an input's gradient goes: to waste if nobody wants it. */
static int grad_of(struct pb_tape *tape, struct pb_var *x, struct pb_view *ret_grad, bool *ret_add)
{
	*ret_add = false;
	if (pb_var_wants_grad(x))
		return pb_var_grad_add(tape, x, ret_grad, ret_add);
	return pb_tape_tensor(tape, x->value.rank, x->value.shape, ret_grad);
}

/* The three gradients are set, or if one has something already, added to. */
static int attend_backward(struct pb_tape *tape, struct pb_var *y)
{
	const struct attend_saved *saved = y->saved;
	const struct pbk_paths paths = paths_of(y->in[0], y->in[1], saved, y);
	struct pb_var *const in[3] = {y->in[0], y->in[1], saved->v};
	struct pb_view d[3];
	bool add[3];
	int rc = 0;
	for (int i = 0; !rc && i < 3; i++)
		rc = grad_of(tape, in[i], &d[i], &add[i]);
	const bool any = !rc && (add[0] || add[1] || add[2]);
	for (int i = 0; !rc && any && i < 3; i++)
		rc = add[i] ? 0 : pb_view_fill(tape->device, &d[i], 0.0);
	if (!rc)
		pb_kernels(tape->device, tape->dtype)
			->attend_backward(tape->device->context, any, d[0].shape[2], d[0].shape[3], &paths, y->grad.data,
					  d[1].shape[0] * d[1].shape[1], d[0].data, d[1].data, d[2].data);
	return rc;
}

static const struct pb_op attend_op = {"attend", attend_backward, false};

struct pb_var *pb_op_attend(struct pb_tape *tape, struct pb_var *q, struct pb_var *k, struct pb_var *v,
			    const int32_t *first, const int32_t *path)
{
	struct attend_saved *saved = pb_arena_alloc(&tape->arena, sizeof *saved);
	struct pb_var *y = saved ? pb_tape_node(tape, &attend_op, pb_var_wants_grad(v), q, k, 4, q->value.shape) : NULL;
	if (!y)
		return NULL;
	*saved = (struct attend_saved){v, first, path};
	y->saved = saved;
	struct pbk_paths paths = paths_of(q, k, saved, y);
	paths.queries = pb_tape_active(tape, &y->value).shape[0] * y->value.shape[1];
	pb_kernels(tape->device, tape->dtype)
		->attend(tape->device->context, q->value.shape[2], q->value.shape[3], 1, &paths);
	return y;
}
