/* op_heads.c: q, k and v of all heads: y[b,p,h,e] = x[b,p,d] W[h,d,e] + bias[h,e]. */
#include "tape/op.h"

enum { MOST = 3 };

/* Those that were computed at once. On the way back nobody comes in between, so that the one which is visited last makes
 * x's gradient for all that have one. */
struct family {
	int count;
	struct pb_var *y[MOST]; /* the last is visited first */
	bool add[MOST];         /* to what x's gradient has from others */
};

struct heads_saved {
	struct pb_weight w;
	int bias_id, number; /* in the family */
	int64_t rows, h, d, e;
	struct family *family;
};

static bool takes_part(const struct pb_var *y, const struct pb_var *other)
{
	return other->grad.data && other->in[0] == y->in[0];
}

static bool is_last(const struct heads_saved *s, const struct pb_var *y)
{
	for (int i = 0; i < s->number; i++)
		if (takes_part(y, s->family->y[i]))
			return false;
	return true;
}

static void make_inputs(struct pb_tape *tape, const struct heads_saved *s, const struct pb_var *y, void *dx)
{
	struct pbk_linear_input parts[MOST];
	bool add = false;
	int n = 0;
	for (int i = s->family->count - 1; i >= s->number; i--) {
		const struct pb_var *other = s->family->y[i];
		if (!takes_part(y, other))
			continue;
		add = n ? add : s->family->add[i];
		parts[n++] = (struct pbk_linear_input){other->grad.data,
						       ((const struct heads_saved *)other->saved)->w.value.data};
	}
	pb_kernels(tape->device, tape->dtype)
		->linear_inputs(tape->device->context, add, s->h, s->rows, s->d, s->e, dx, n, parts);
}

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
	if (rc || !pb_var_wants_grad(y->in[0]))
		return rc;
	rc = pb_var_grad_add(tape, y->in[0], &dx, &s->family->add[s->number]);
	if (!rc && is_last(s, y))
		make_inputs(tape, s, y, dx.data);
	return rc;
}

static const struct pb_op heads_op = {"heads", heads_backward, true};

static int add_node(struct pb_tape *tape, struct pb_heads *one, struct family *family)
{
	const struct pb_view *x = &one->x->value, *w = &one->w.value;
	const int64_t b = x->shape[0], p = x->shape[1], d = x->shape[2], h = w->shape[0], e = w->shape[2];
	struct heads_saved *saved = pb_arena_alloc(&tape->arena, sizeof *saved);
	one->y = saved ? pb_tape_node(tape, &heads_op, true, one->x, NULL, 4, (int64_t[]){b, p, h, e}) : NULL;
	if (!one->y)
		return -PB_E_NOMEM;
	*saved = (struct heads_saved){one->w, one->bias.id, family->count, b * p, h, d, e, family};
	one->y->saved = saved;
	family->y[family->count++] = one->y;
	return 0;
}

int pb_op_heads(struct pb_tape *tape, struct pb_heads *list, int count)
{
	struct family *family = pb_arena_alloc(&tape->arena, sizeof *family);
	struct pbk_linear work[MOST];
	if (!family)
		return -PB_E_NOMEM;
	*family = (struct family){0};
	for (int i = 0; i < count; i++) {
		int rc = add_node(tape, &list[i], family);
		if (rc)
			return rc;
		const struct heads_saved *s = list[i].y->saved;
		const int64_t rows = pb_tape_active(tape, &list[i].y->value).shape[0] * list[i].y->value.shape[1];
		work[i] = (struct pbk_linear){s->h, rows, s->d, s->e, list[i].x->value.data, s->w.value.data,
					      list[i].bias.value.data, list[i].y->value.data};
	}
	pb_kernels(tape->device, tape->dtype)->linear(tape->device->context, count, work);
	return 0;
}
