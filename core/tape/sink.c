/* sink.c: the dense sink. Gradients are added; the first contribution is written over what was there. */
#include "tape/sink.h"

#include "base/status.h"

static struct pb_dense_sink *dense(struct pb_grad_sink *base)
{
	return (struct pb_dense_sink *)base;
}

static const struct pbk_table *kernels(const struct pb_dense_sink *sink, int id)
{
	return pb_kernels(sink->device, sink->grads[id].dtype);
}

/* Ends every contribution. Most parameters get one, so that this reads a gradient once, while it is in cache. Another
 * device takes all together, when all are there. */
static void arrived(struct pb_dense_sink *sink, int id)
{
	const struct pb_view *grad = &sink->grads[id];
	const struct pbk_vector all = {grad->data, pb_view_count(grad)};
	if (sink->squares && !sink->device->backend)
		kernels(sink, id)->sum_squares(sink->device->context, 1, &all, &sink->squares[id]);
}

/* What waits is handed over. */
static void send(struct pb_dense_sink *sink, const struct pbk_table *k)
{
	if (sink->n_outers)
		k->linear_weights(sink->device->context, sink->n_outers, sink->outers);
	if (sink->n_sums)
		k->sum_rows(sink->device->context, sink->n_sums, sink->sums);
	sink->n_outers = sink->n_sums = 0;
}

static bool waits(const struct pb_dense_sink *sink, const void *grad)
{
	for (int i = 0; i < sink->n_outers; i++)
		if (sink->outers[i].dw == grad)
			return true;
	for (int i = 0; i < sink->n_sums; i++)
		if (sink->sums[i].out == grad)
			return true;
	return false;
}

/* Whether something has arrived before, to which more is added: it must not wait any longer then. */
static bool arrives(struct pb_dense_sink *sink, int id)
{
	const bool add = sink->present[id];
	if (add && waits(sink, sink->grads[id].data))
		send(sink, kernels(sink, id));
	sink->present[id] = true;
	return add;
}

/* Room for one more that waits. */
static int make_room(struct pb_dense_sink *sink)
{
	const size_t room = (size_t)sink->n_params;
	if (!sink->outers && !(sink->outers = pb_arena_array(sink->arena, room, sizeof *sink->outers)))
		return -PB_E_NOMEM;
	if (!sink->sums && !(sink->sums = pb_arena_array(sink->arena, room, sizeof *sink->sums)))
		return -PB_E_NOMEM;
	return 0;
}

static int dense_outer(struct pb_grad_sink *base, int id, const struct pb_view *x, const struct pb_view *dy)
{
	struct pb_dense_sink *sink = dense(base);
	const struct pbk_linear_weight outer = {
		.add = arrives(sink, id),
		.groups = x->shape[0],
		.rows = x->shape[1],
		.k = x->shape[2],
		.n = dy->shape[2],
		.ldx = x->stride[1],
		.lddy = dy->stride[1],
		.stride_x = x->stride[0],
		.stride_dy = dy->stride[0],
		.x = x->data,
		.dy = dy->data,
		.dw = sink->grads[id].data,
	};
	if (sink->device->backend) {
		int rc = make_room(sink);
		if (!rc)
			sink->outers[sink->n_outers++] = outer;
		return rc;
	}
	kernels(sink, id)->linear_weights(sink->device->context, 1, &outer);
	arrived(sink, id);
	return 0;
}

static struct pbk_row_sum sum_of(struct pb_dense_sink *sink, int id, const struct pb_view *x, const struct pb_view *dy)
{
	const void *first = x ? x->data : dy->data, *second = x ? dy->data : NULL;
	return (struct pbk_row_sum){arrives(sink, id), 1, dy->shape[0], dy->shape[1], first, second, sink->grads[id].data};
}

static int dense_sum(struct pb_grad_sink *base, int id, const struct pb_view *dy)
{
	struct pb_dense_sink *sink = dense(base);
	const struct pbk_row_sum sum = sum_of(sink, id, NULL, dy);
	if (sink->device->backend) {
		int rc = make_room(sink);
		if (!rc)
			sink->sums[sink->n_sums++] = sum;
		return rc;
	}
	kernels(sink, id)->sum_rows(sink->device->context, 1, &sum);
	arrived(sink, id);
	return 0;
}

static int dense_affine(struct pb_grad_sink *base, int w_id, int b_id, const struct pb_view *x, const struct pb_view *dy)
{
	struct pb_dense_sink *sink = dense(base);
	const struct pbk_row_sum sums[] = {sum_of(sink, w_id, x, dy), sum_of(sink, b_id, NULL, dy)};
	kernels(sink, w_id)->sum_rows(sink->device->context, 2, sums);
	arrived(sink, w_id);
	arrived(sink, b_id);
	return 0;
}

static int dense_scatter(struct pb_grad_sink *base, int id, const int32_t *ids, const struct pb_view *dy)
{
	struct pb_dense_sink *sink = dense(base);
	const struct pb_view *grad = &sink->grads[id];
	int rc = arrives(sink, id) ? 0 : pb_view_fill(sink->device, grad, 0.0);
	if (rc)
		return rc;
	kernels(sink, id)
		->scatter_add_rows(sink->device->context, dy->shape[0], dy->shape[1], grad->data, ids, dy->data);
	arrived(sink, id);
	return 0;
}

static int dense_complete(struct pb_grad_sink *base)
{
	struct pb_dense_sink *sink = dense(base);
	int some = 0; /* one that is present: they have one dtype */
	while (some < sink->n_params && !sink->present[some])
		some++;
	if (!sink->device->backend || some == sink->n_params)
		return 0;
	const struct pbk_table *k = kernels(sink, some);
	send(sink, k);
	sink->outers = NULL; /* the tape's reset takes them */
	sink->sums = NULL;
	if (!sink->squares)
		return 0;
	struct pbk_vector *list = pb_arena_array(sink->arena, (size_t)sink->n_params, sizeof *list);
	if (!list)
		return -PB_E_NOMEM;
	for (int i = 0; i < sink->n_params; i++)
		list[i] = (struct pbk_vector){sink->grads[i].data, sink->present[i] ? pb_view_count(&sink->grads[i]) : 0};
	k->sum_squares(sink->device->context, sink->n_params, list, sink->squares);
	return 0;
}

static const struct pb_grad_sink_ops dense_ops = {
	.outer = dense_outer,
	.sum = dense_sum,
	.affine = dense_affine,
	.scatter = dense_scatter,
	.complete = dense_complete,
};

void pb_dense_sink_init(struct pb_dense_sink *sink, struct pb_device *device, struct pb_arena *arena, int n_params,
			const struct pb_view *grads, bool *present)
{
	*sink = (struct pb_dense_sink){.base = {&dense_ops},
				       .device = device,
				       .arena = arena,
				       .n_params = n_params,
				       .grads = grads,
				       .present = present};
	for (int i = 0; i < n_params; i++)
		present[i] = false;
}
