/* op_attention.c: scores, softmax and the weighted sum of values. Gradients are added. */
#include <math.h>

#include "tape/op.h"

/* q, k, v and z are [b,p,h,e]: the matrix of one (b, h) has rows h*e apart. Scores are [b,h,p,p]. */
struct head_geometry {
	int64_t b, p, h, e, ld, per_example, per_scores;
};

static struct head_geometry geometry(const struct pb_view *q)
{
	int64_t p = q->shape[1], h = q->shape[2], e = q->shape[3];
	return (struct head_geometry){q->shape[0], p, h, e, h * e, p * h * e, h * p * p};
}

/* Products go along the longer of examples and heads in one call, along the other in several. */
struct axes {
	int64_t outer, inner, out_x, in_x, out_s, in_s;
};

static struct axes axes(const struct head_geometry *g)
{
	if (g->h >= g->b)
		return (struct axes){g->b, g->h, g->per_example, g->e, g->per_scores, g->p * g->p};
	return (struct axes){g->h, g->b, g->e, g->per_example, g->p * g->p, g->per_scores};
}

static int scores_backward(struct pb_tape *tape, struct pb_var *y)
{
	const struct pbk_table *t = pb_kernels(tape->device, tape->dtype);
	struct pb_var *q = y->in[0], *k = y->in[1];
	struct head_geometry g = geometry(&q->value);
	double scale = 1.0 / sqrt((double)g.e);
	struct pb_view dq = {0}, dk = {0};
	int rc = 0;
	/* A patched gradient may be non-zero where nothing was computed. */
	t->causal_zero(tape->device->context, g.b * g.h, g.p, y->grad.data);
	if (pb_var_wants_grad(q))
		rc = pb_var_grad(tape, q, &dq);
	if (!rc && pb_var_wants_grad(k))
		rc = pb_var_grad(tape, k, &dk);
	const struct axes a = axes(&g);
	for (int64_t i = 0; !rc && i < a.outer; i++) {
		const void *ds = pb_view_at(&y->grad, i * a.out_s);
		if (dq.data)
			t->gemm_batch(tape->device->context, false, false, g.p, g.e, g.p, scale, ds, g.p, a.in_s,
				      pb_view_at(&k->value, i * a.out_x), g.ld, a.in_x, 1.0,
				      pb_view_at(&dq, i * a.out_x), g.ld, a.in_x, a.inner);
		if (dk.data)
			t->gemm_batch(tape->device->context, true, false, g.p, g.e, g.p, scale, ds, g.p, a.in_s,
				      pb_view_at(&q->value, i * a.out_x), g.ld, a.in_x, 1.0,
				      pb_view_at(&dk, i * a.out_x), g.ld, a.in_x, a.inner);
	}
	return rc;
}

static const struct pb_op scores_op = {"attn_scores", scores_backward, false};

struct pb_var *pb_op_attn_scores(struct pb_tape *tape, struct pb_var *q, struct pb_var *k)
{
	const struct pbk_table *t = pb_kernels(tape->device, tape->dtype);
	struct head_geometry g = geometry(&q->value);
	struct pb_var *y = pb_tape_node(tape, &scores_op, false, q, k, 4, (int64_t[]){g.b, g.h, g.p, g.p});
	if (!y)
		return NULL;
	g.b = pb_tape_active(tape, &y->value).shape[0];
	const struct axes a = axes(&g);
	for (int64_t i = 0; i < a.outer; i++)
		t->gemm_batch(tape->device->context, false, true, g.p, g.p, g.e, 1.0 / sqrt((double)g.e),
			      pb_view_at(&q->value, i * a.out_x), g.ld, a.in_x, pb_view_at(&k->value, i * a.out_x), g.ld, a.in_x,
			      0.0, pb_view_at(&y->value, i * a.out_s), g.p, a.in_s, a.inner);
	t->causal_mask(tape->device->context, g.b * g.h, g.p, y->value.data);
	return y;
}

static int softmax_backward(struct pb_tape *tape, struct pb_var *y)
{
	int64_t n = y->value.shape[y->value.rank - 1];
	struct pb_view dx;
	int rc = pb_var_grad(tape, y->in[0], &dx);
	if (!rc)
		pb_kernels(tape->device, tape->dtype)
			->softmax_backward(tape->device->context, pb_view_count(&dx) / n, n, y->value.data,
					   y->grad.data, dx.data);
	return rc;
}

static const struct pb_op softmax_op = {"softmax", softmax_backward, false};

struct pb_var *pb_op_softmax(struct pb_tape *tape, struct pb_var *x)
{
	int64_t n = x->value.shape[x->value.rank - 1];
	struct pb_var *y = pb_tape_node(tape, &softmax_op, false, x, NULL, x->value.rank, x->value.shape);
	if (!y)
		return NULL;
	const struct pb_view part = pb_tape_active(tape, &y->value);
	pb_kernels(tape->device, tape->dtype)
		->softmax(tape->device->context, pb_view_count(&part) / n, n, x->value.data, part.data);
	return y;
}

static int mix_backward(struct pb_tape *tape, struct pb_var *y)
{
	const struct pbk_table *t = pb_kernels(tape->device, tape->dtype);
	struct pb_var *pattern = y->in[0], *v = y->in[1];
	struct head_geometry g = geometry(&v->value);
	struct pb_view dpattern = {0}, dv = {0};
	int rc = 0;
	if (pb_var_wants_grad(pattern))
		rc = pb_var_grad(tape, pattern, &dpattern);
	if (!rc && pb_var_wants_grad(v))
		rc = pb_var_grad(tape, v, &dv);
	const struct axes a = axes(&g);
	for (int64_t i = 0; !rc && i < a.outer; i++) {
		const void *dz = pb_view_at(&y->grad, i * a.out_x);
		if (dpattern.data)
			t->gemm_batch(tape->device->context, false, true, g.p, g.p, g.e, 1.0, dz, g.ld, a.in_x,
				      pb_view_at(&v->value, i * a.out_x), g.ld, a.in_x, 1.0,
				      pb_view_at(&dpattern, i * a.out_s), g.p, a.in_s, a.inner);
		if (dv.data)
			t->gemm_batch(tape->device->context, true, false, g.p, g.e, g.p, 1.0,
				      pb_view_at(&pattern->value, i * a.out_s), g.p, a.in_s, dz, g.ld, a.in_x, 1.0,
				      pb_view_at(&dv, i * a.out_x), g.ld, a.in_x, a.inner);
	}
	return rc;
}

static const struct pb_op mix_op = {"attn_mix", mix_backward, false};

struct pb_var *pb_op_attn_mix(struct pb_tape *tape, struct pb_var *pattern, struct pb_var *v)
{
	struct head_geometry g = geometry(&v->value);
	struct pb_var *y = pb_tape_node(tape, &mix_op, false, pattern, v, 4, v->value.shape);
	if (!y)
		return NULL;
	g.b = pb_tape_active(tape, &y->value).shape[0];
	const struct axes a = axes(&g);
	for (int64_t i = 0; i < a.outer; i++)
		pb_kernels(tape->device, tape->dtype)
			->gemm_batch(tape->device->context, false, false, g.p, g.e, g.p, 1.0,
				     pb_view_at(&pattern->value, i * a.out_s), g.p, a.in_s,
				     pb_view_at(&v->value, i * a.out_x), g.ld, a.in_x, 0.0,
				     pb_view_at(&y->value, i * a.out_x), g.ld, a.in_x, a.inner);
	return y;
}
