/* sink.c: the dense sink. Gradients are added; the first contribution is written over what was there. */
#include "tape/sink.h"

#include "base/status.h"

/* The gradient, not cleared where nothing has arrived yet: *ret_beta is 0 then, else 1. */
static const struct pb_view *grad_of(struct pb_grad_sink *base, int id, const struct pbk_table **ret_kernels,
				     double *ret_beta)
{
	struct pb_dense_sink *sink = (struct pb_dense_sink *)base;
	*ret_beta = sink->present[id] ? 1.0 : 0.0;
	sink->present[id] = true;
	*ret_kernels = pb_kernels(sink->device, sink->grads[id].dtype);
	return &sink->grads[id];
}

/* Ends every contribution. Most parameters get one, so that this reads a gradient once, while it is in cache. Another
 * device takes all together, when all are there. */
static int arrived(struct pb_grad_sink *base, int id)
{
	struct pb_dense_sink *sink = (struct pb_dense_sink *)base;
	const struct pb_view *grad = &sink->grads[id];
	const struct pbk_vector all = {grad->data, pb_view_count(grad)};
	if (sink->squares && !sink->device->backend)
		pb_kernels(sink->device, grad->dtype)->sum_squares(sink->device->context, 1, &all, &sink->squares[id]);
	return 0;
}

static pbk_context *context(struct pb_grad_sink *base)
{
	return ((struct pb_dense_sink *)base)->device->context;
}

static int dense_outer(struct pb_grad_sink *base, int id, const struct pb_view *x, const struct pb_view *dy)
{
	const struct pbk_table *k;
	double beta;
	const struct pb_view *grad = grad_of(base, id, &k, &beta);
	int64_t groups = x->shape[0], rows = x->shape[1], in = x->shape[2], out = dy->shape[2];
	k->gemm_batch(context(base), true, false, in, out, rows, 1.0, x->data, x->stride[1], x->stride[0], dy->data,
		      dy->stride[1], dy->stride[0], beta, grad->data, out, in * out, groups);
	return arrived(base, id);
}

static int dense_sum(struct pb_grad_sink *base, int id, const struct pb_view *dy)
{
	const struct pbk_table *k;
	double beta;
	const struct pb_view *grad = grad_of(base, id, &k, &beta);
	k->sum_rows(context(base), beta != 0, 1, dy->shape[0], dy->shape[1], dy->data, grad->data);
	return arrived(base, id);
}

static int dense_product(struct pb_grad_sink *base, int id, const struct pb_view *x, const struct pb_view *dy)
{
	const struct pbk_table *k;
	double beta;
	const struct pb_view *grad = grad_of(base, id, &k, &beta);
	k->sum_rows_product(context(base), beta != 0, 1, dy->shape[0], dy->shape[1], x->data, dy->data, grad->data);
	return arrived(base, id);
}

static int dense_scatter(struct pb_grad_sink *base, int id, const int32_t *ids, const struct pb_view *dy)
{
	const struct pbk_table *k;
	double beta;
	const struct pb_view *grad = grad_of(base, id, &k, &beta);
	if (beta == 0.0)
		pb_view_fill(((struct pb_dense_sink *)base)->device, grad, 0.0);
	k->scatter_add_rows(context(base), dy->shape[0], dy->shape[1], grad->data, ids, dy->data);
	return arrived(base, id);
}

static const struct pb_grad_sink_ops dense_ops = {
	.outer = dense_outer,
	.sum = dense_sum,
	.product = dense_product,
	.scatter = dense_scatter,
};

void pb_dense_sink_init(struct pb_dense_sink *sink, struct pb_device *device, int n_params, const struct pb_view *grads,
			bool *present)
{
	*sink = (struct pb_dense_sink){
		.base = {&dense_ops}, .device = device, .n_params = n_params, .grads = grads, .present = present};
	for (int i = 0; i < n_params; i++)
		present[i] = false;
}

int pb_dense_sink_measure(struct pb_dense_sink *sink, struct pb_arena *arena)
{
	if (!sink->squares || !sink->device->backend)
		return 0;
	uint32_t dtype = PB_F32;
	struct pbk_vector *list = pb_arena_array(arena, (size_t)sink->n_params, sizeof *list);
	if (!list)
		return -PB_E_NOMEM;
	for (int i = 0; i < sink->n_params; i++) {
		list[i] = (struct pbk_vector){sink->grads[i].data, sink->present[i] ? pb_view_count(&sink->grads[i]) : 0};
		dtype = sink->present[i] ? sink->grads[i].dtype : dtype;
	}
	pb_kernels(sink->device, dtype)->sum_squares(sink->device->context, sink->n_params, list, sink->squares);
	return 0;
}
