/* sink.c: the dense sink. Gradients are added; the first contribution clears. */
#include "tape/sink.h"

static const struct pb_view *touch(struct pb_grad_sink *base, int id, const struct pbk_table **ret_kernels)
{
	struct pb_dense_sink *sink = (struct pb_dense_sink *)base;
	const struct pb_view *grad = &sink->grads[id];
	const struct pbk_table *k = pb_kernels(sink->device, grad->dtype);
	if (!sink->present[id])
		k->zero(sink->device->context, grad->data, (size_t)pb_view_count(grad) * k->real_size);
	sink->present[id] = true;
	*ret_kernels = k;
	return grad;
}

static pbk_context *context(struct pb_grad_sink *base)
{
	return ((struct pb_dense_sink *)base)->device->context;
}

static int dense_outer(struct pb_grad_sink *base, int id, const struct pb_view *x, const struct pb_view *dy)
{
	const struct pbk_table *k;
	const struct pb_view *grad = touch(base, id, &k);
	int64_t groups = x->shape[0], rows = x->shape[1], in = x->shape[2], out = dy->shape[2];
	k->gemm_batch(context(base), true, false, in, out, rows, 1.0, x->data, x->stride[1], x->stride[0], dy->data,
		      dy->stride[1], dy->stride[0], 1.0, grad->data, out, in * out, groups);
	return 0;
}

static int dense_sum(struct pb_grad_sink *base, int id, const struct pb_view *dy)
{
	const struct pbk_table *k;
	const struct pb_view *grad = touch(base, id, &k);
	k->sum_rows(context(base), dy->shape[0], dy->shape[1], dy->data, grad->data);
	return 0;
}

static int dense_product(struct pb_grad_sink *base, int id, const struct pb_view *x, const struct pb_view *dy)
{
	const struct pbk_table *k;
	const struct pb_view *grad = touch(base, id, &k);
	k->sum_rows_product(context(base), dy->shape[0], dy->shape[1], x->data, dy->data, grad->data);
	return 0;
}

static int dense_scatter(struct pb_grad_sink *base, int id, const int32_t *ids, const struct pb_view *dy)
{
	const struct pbk_table *k;
	const struct pb_view *grad = touch(base, id, &k);
	k->scatter_add_rows(context(base), dy->shape[0], dy->shape[1], grad->data, ids, dy->data);
	return 0;
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
