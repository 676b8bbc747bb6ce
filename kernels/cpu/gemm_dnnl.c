/* gemm_dnnl.c: float matrix products by oneDNN, the fastest for the few rows that patching works with. */
#include <oneapi/dnnl/dnnl.h>

#include "cpu.h"

/* C = beta * C: oneDNN leaves C alone when there is nothing to sum. */
static void fill_product(int64_t m, int64_t n, float beta, float *c, int64_t ldc)
{
	for (int64_t i = 0; i < m; i++)
		for (int64_t j = 0; j < n; j++)
			c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];
}

static void gemm(pbk_context *context, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a,
                 int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc)
{
	(void)context;
	if (!k)
		fill_product(m, n, (float)beta, c, ldc);
	else if (m && n)
		dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', m, n, k, (float)alpha, a, lda, b, ldb, (float)beta, c, ldc);
}

static void gemm_batch(pbk_context *context, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha,
                       const void *a, int64_t lda, int64_t stride_a, const void *b, int64_t ldb, int64_t stride_b,
                       double beta, void *c, int64_t ldc, int64_t stride_c, int64_t count)
{
	for (int64_t i = 0; i < count; i++)
		gemm(context, ta, tb, m, n, k, alpha, (const float *)a + i * stride_a, lda,
		     (const float *)b + i * stride_b, ldb, beta, (float *)c + i * stride_c, ldc);
}

void pbk_fill_dnnl(struct pbk_table *table)
{
	table->gemm = gemm;
	table->gemm_batch = gemm_batch;
}
