/* gemm_dnnl.c: float matrix products by oneDNN, the fastest library for the few rows that patching works with. */
#include <oneapi/dnnl/dnnl.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "cpu.h"

void pbk_sgemm_dnnl(pbk_context *context, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha,
		    const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc)
{
#ifdef _OPENMP
	/* oneDNN takes as many threads as OpenMP would give it. */
	const int before = omp_get_max_threads(), threads = pbk_threads(context, m * n, pbk_gemm_work(m, n, k));
	omp_set_num_threads(threads);
#else
	(void)context;
#endif
	dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', m, n, k, (float)alpha, a, lda, b, ldb, (float)beta, c, ldc);
#ifdef _OPENMP
	omp_set_num_threads(before);
#endif
}
