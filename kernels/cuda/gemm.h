/* gemm.h: lists of products that become one launch. */
#ifndef PBK_CUDA_GEMM_H
#define PBK_CUDA_GEMM_H

#include "cuda.h"

/* C[m,n] = alpha * sum of terms op(A) op(B) + beta * C, or + bias [n]. `batch` of them, `stride_*` elements apart; their
 * biases follow each other. */
template <class real> struct product {
	int64_t m, n, lda, ldb, ldc, stride_a, stride_b, stride_c, batch;
	bool ta, tb;
	real alpha, beta;
	real *c;
	const real *bias;
};

template <class real> struct job;     /* a product and how blocks share it */
template <class real> struct segment; /* of a term, along k */

/* A list in the making. */
template <class real> struct products {
	job<real> *list;
	segment<real> *segments; /* in the same piece of memory, behind the list */
	int64_t count, n_segments;
};

/* Room for exactly `count` products of up to `terms` terms together, none along more than k. Returns whether there is. */
template <class real> bool pbk_products_open(pbk_context *context, products<real> *p, int64_t count, int64_t terms, int64_t k);
/* Its terms come next. */
template <class real> void pbk_products_add(products<real> *p, const product<real> &one);
template <class real> void pbk_products_term(products<real> *p, const real *a, const real *b, int64_t k);
/* One launch. Frees the list. */
template <class real> void pbk_products_multiply(pbk_context *context, products<real> *p);

/* The table's, for those that do several in turn (gemm.cu, rows.cu). */
template <class real>
void pbk_cuda_gemm_batch(pbk_context *context, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a,
			 int64_t lda, int64_t stride_a, const void *b, int64_t ldb, int64_t stride_b, double beta, void *c,
			 int64_t ldc, int64_t stride_c, int64_t count);
template <class real> void pbk_cuda_bias_add(pbk_context *context, int64_t rows, int64_t n, void *y, const void *bias);

#endif
