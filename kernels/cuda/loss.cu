/* loss.cu: the cross entropy of rows of logits, in double: a block of threads for each row. */
#include "cuda.h"

template <class real>
static __global__ void cross_entropy_kernel(int64_t n, const real *logits, const int32_t *answers, double weight,
					    double *scores, real *dlogits)
{
	const real *row = logits + blockIdx.x * n;
	const int32_t answer = answers[blockIdx.x];
	double largest = -INFINITY, total = 0;
	for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
		largest = (double)row[i] > largest ? (double)row[i] : largest;
	largest = block_max(largest, (double)-INFINITY);
	for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
		total += exp((double)row[i] - largest);
	const double whole = largest + log(block_sum(total));
	for (int64_t i = threadIdx.x; dlogits && i < n; i += blockDim.x)
		dlogits[blockIdx.x * n + i] = (real)(weight * (exp((double)row[i] - whole) - (i == answer)));
	if (!threadIdx.x)
		scores[blockIdx.x] = whole - (double)row[answer];
}

template <class real>
static void cross_entropy(pbk_context *context, int64_t rows, int64_t n, const void *logits, const int32_t *host_answers,
			  double weight, double *scores, void *dlogits)
{
	const void *answers = pbk_stage(context, host_answers, (size_t)rows * sizeof *host_answers);
	if (answers)
		pbk_launch(context, cross_entropy_kernel<real>, dim3((unsigned)rows), BLOCK, n, (const real *)logits,
			   (const int32_t *)answers, weight, scores, (real *)dlogits);
}

template <class real> void pbk_cuda_fill_loss(struct pbk_table *table)
{
	table->cross_entropy = cross_entropy<real>;
}

template void pbk_cuda_fill_loss<float>(struct pbk_table *table);
template void pbk_cuda_fill_loss<double>(struct pbk_table *table);
