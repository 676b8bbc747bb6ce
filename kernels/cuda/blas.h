/* blas.h: products by cuBLAS, for those who ask for faster and coarser ones than float32's. */
#ifndef PBK_CUDA_BLAS_H
#define PBK_CUDA_BLAS_H

#include "cuda.h"

/* As gemm_batch of the table; row-major. */
struct pbk_blas_product {
	bool ta, tb;
	int64_t m, n, k;
	double alpha, beta;
	int64_t lda, ldb, ldc, stride_a, stride_b, stride_c, count;
	const float *a, *b;
	float *c;
};

/* For a context with a stream. Returns whether cuBLAS can be used; why not, in `why` [size]. */
bool pbk_blas_open(pbk_context *context, char *why, size_t size);
/* Whether it multiplies elements of that size here. */
static inline bool pbk_blas_serves(const pbk_context *context, size_t real_size)
{
	return context->matmul != PBK_MATMUL_F32 && real_size == sizeof(float);
}
/* By the context's matmul, which is not PBK_MATMUL_F32. */
void pbk_blas_multiply(pbk_context *context, const struct pbk_blas_product *product);
void pbk_blas_close(pbk_context *context);

#endif
