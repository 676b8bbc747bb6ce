/* linear.cu: a layer and its gradients: a list of them is one launch, unless cuBLAS is asked for. */
#include "blas.h"
#include "gemm.h"

template <class real> static void coarse_linear(pbk_context *context, int64_t count, const struct pbk_linear *list)
{
	for (const struct pbk_linear *l = list; l < list + count; l++) {
		const int64_t all = l->groups * l->n;
		pbk_cuda_gemm_batch<real>(context, false, false, l->rows, l->n, l->k, 1, l->x, l->k, 0, l->w, l->n, l->k * l->n,
					  0, l->y, all, l->n, l->groups);
		pbk_cuda_bias_add<real>(context, l->rows, all, l->y, l->bias);
	}
}

template <class real> static void linear(pbk_context *context, int64_t count, const struct pbk_linear *list)
{
	products<real> p;
	int64_t k = 0;
	for (int64_t i = 0; i < count; i++)
		k = list[i].k > k ? list[i].k : k;
	if (pbk_blas_serves(context, sizeof(real)))
		return coarse_linear<real>(context, count, list);
	if (!pbk_products_open(context, &p, count, count, k))
		return;
	for (const struct pbk_linear *l = list; l < list + count; l++) {
		const product<real> one = {l->rows, l->n, l->k, l->n, l->groups * l->n, 0, l->k * l->n, l->n, l->groups, false, false,
					   1, 0, (real *)l->y, (const real *)l->bias};
		pbk_products_add(&p, one);
		pbk_products_term(&p, (const real *)l->x, (const real *)l->w, l->k);
	}
	pbk_products_multiply(context, &p);
}

template <class real>
static void coarse_inputs(pbk_context *context, bool add, int64_t groups, int64_t rows, int64_t k, int64_t n, void *dx,
			  int64_t count, const struct pbk_linear_input *parts)
{
	for (int64_t i = 0; i < count * groups; i++, add = true)
		pbk_cuda_gemm_batch<real>(context, false, true, rows, k, n, 1, (const real *)parts[i / groups].dy + i % groups * n,
					  groups * n, 0, (const real *)parts[i / groups].w + i % groups * k * n, n, 0, add, dx,
					  k, 0, 1);
}

template <class real>
static void linear_inputs(pbk_context *context, bool add, int64_t groups, int64_t rows, int64_t k, int64_t n, void *dx,
			  int64_t count, const struct pbk_linear_input *parts)
{
	products<real> p;
	const product<real> one = {rows, k, groups * n, n, k, 0, 0, 0, 1, false, true, 1, real(add), (real *)dx, NULL};
	if (pbk_blas_serves(context, sizeof(real)))
		return coarse_inputs<real>(context, add, groups, rows, k, n, dx, count, parts);
	if (!pbk_products_open(context, &p, 1, count * groups, n))
		return;
	pbk_products_add(&p, one);
	for (int64_t i = 0; i < count * groups; i++)
		pbk_products_term(&p, (const real *)parts[i / groups].dy + i % groups * n,
				  (const real *)parts[i / groups].w + i % groups * k * n, n);
	pbk_products_multiply(context, &p);
}

template <class real> static void coarse_weights(pbk_context *context, int64_t count, const struct pbk_linear_weight *list)
{
	for (const struct pbk_linear_weight *l = list; l < list + count; l++)
		pbk_cuda_gemm_batch<real>(context, true, false, l->k, l->n, l->rows, 1, l->x, l->ldx, l->stride_x, l->dy, l->lddy,
					  l->stride_dy, l->add, l->dw, l->n, l->k * l->n, l->groups);
}

template <class real> static void linear_weights(pbk_context *context, int64_t count, const struct pbk_linear_weight *list)
{
	products<real> p;
	int64_t rows = 0;
	for (int64_t i = 0; i < count; i++)
		rows = list[i].rows > rows ? list[i].rows : rows;
	if (pbk_blas_serves(context, sizeof(real)))
		return coarse_weights<real>(context, count, list);
	if (!pbk_products_open(context, &p, count, count, rows))
		return;
	for (const struct pbk_linear_weight *l = list; l < list + count; l++) {
		const product<real> one = {l->k, l->n, l->ldx, l->lddy, l->n, l->stride_x, l->stride_dy, l->k * l->n, l->groups, true,
					   false, 1, real(l->add), (real *)l->dw, NULL};
		pbk_products_add(&p, one);
		pbk_products_term(&p, (const real *)l->x, (const real *)l->dy, l->rows);
	}
	pbk_products_multiply(context, &p);
}

template <class real> void pbk_cuda_fill_linear(struct pbk_table *table)
{
	table->linear = linear<real>;
	table->linear_inputs = linear_inputs<real>;
	table->linear_weights = linear_weights<real>;
}

template void pbk_cuda_fill_linear<float>(struct pbk_table *table);
template void pbk_cuda_fill_linear<double>(struct pbk_table *table);
