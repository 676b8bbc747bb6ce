/* linear.h: a layer and its gradients, by the gemm and gemm_batch of the file that includes this. */
#ifndef PBK_CPU_LINEAR_H
#define PBK_CPU_LINEAR_H

static void linear(pbk_context *context, int64_t count, const struct pbk_linear *list)
{
	for (const struct pbk_linear *l = list; l < list + count; l++) {
		const int64_t all = l->groups * l->n;
		gemm_batch(context, false, false, l->rows, l->n, l->k, 1, l->x, l->k, 0, l->w, l->n, l->k * l->n, 0, l->y, all,
			   l->n, l->groups);
		PBK_NAME(pbk_bias_add)(context, l->rows, all, l->y, l->bias);
	}
}

static void linear_inputs(pbk_context *context, bool add, int64_t groups, int64_t rows, int64_t k, int64_t n, void *dx,
			  int64_t count, const struct pbk_linear_input *parts)
{
	for (const struct pbk_linear_input *p = parts; p < parts + count; p++)
		for (int64_t g = 0; g < groups; g++, add = true)
			gemm(context, false, true, rows, k, n, 1, (const real *)p->dy + g * n, groups * n,
			     (const real *)p->w + g * k * n, n, add, dx, k);
}

static void linear_weights(pbk_context *context, int64_t count, const struct pbk_linear_weight *list)
{
	for (const struct pbk_linear_weight *l = list; l < list + count; l++)
		gemm_batch(context, true, false, l->k, l->n, l->rows, 1, l->x, l->ldx, l->stride_x, l->dy, l->lddy,
			   l->stride_dy, l->add, l->dw, l->n, l->k * l->n, l->groups);
}

static void fill_linear(struct pbk_table *table)
{
	table->linear = linear;
	table->linear_inputs = linear_inputs;
	table->linear_weights = linear_weights;
}

#endif
