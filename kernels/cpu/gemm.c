/* gemm.c: matrix products in plain C. */
#include "real.h"

static void gemm(pbk_context *context, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a,
		 int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc)
{
	(void)context;
	const real *x = a, *y = b;
	for (int64_t i = 0; i < m; i++) {
		real *row = (real *)c + i * ldc;
		for (int64_t j = 0; j < n; j++) {
			double total = 0;
			for (int64_t l = 0; l < k; l++)
				total += (double)x[ta ? l * lda + i : i * lda + l] *
					 (double)y[tb ? j * ldb + l : l * ldb + j];
			row[j] = (real)(beta == 0 ? alpha * total : alpha * total + beta * (double)row[j]);
		}
	}
}

static void gemm_batch(pbk_context *context, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha,
		       const void *a, int64_t lda, int64_t stride_a, const void *b, int64_t ldb, int64_t stride_b,
		       double beta, void *c, int64_t ldc, int64_t stride_c, int64_t count)
{
	for (int64_t i = 0; i < count; i++)
		gemm(context, ta, tb, m, n, k, alpha, (const real *)a + i * stride_a, lda,
		     (const real *)b + i * stride_b, ldb, beta, (real *)c + i * stride_c, ldc);
}

#include "linear.h"

void PBK_NAME(pbk_fill_gemm)(struct pbk_table *table)
{
	table->gemm = gemm;
	table->gemm_batch = gemm_batch;
	fill_linear(table);
}
