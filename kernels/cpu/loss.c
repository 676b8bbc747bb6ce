/* loss.c: the cross entropy of rows of logits, in double. */
#include "real.h"

static double cross_entropy_row(int64_t n, const real *logits, int32_t answer, double weight, real *dlogits)
{
	double largest = -(double)INFINITY, total = 0;
	for (int64_t i = 0; i < n; i++)
		largest = (double)logits[i] > largest ? (double)logits[i] : largest;
	for (int64_t i = 0; i < n; i++)
		total += exp((double)logits[i] - largest);
	const double whole = largest + log(total);
	for (int64_t i = 0; dlogits && i < n; i++)
		dlogits[i] = (real)(weight * (exp((double)logits[i] - whole) - (i == answer)));
	return whole - (double)logits[answer];
}

static void cross_entropy(pbk_context *context, int64_t rows, int64_t n, const void *logits, const int32_t *host_answers,
			  double weight, double *scores, void *dlogits)
{
	PBK_PARALLEL(
		context, rows, rows * n * 32, for (int64_t r = begin; r < end; r++) scores[r] =
			cross_entropy_row(n, (const real *)logits + r * n, host_answers[r], weight,
					  dlogits ? (real *)dlogits + r * n : NULL));
}

void PBK_NAME(pbk_fill_loss)(struct pbk_table *table)
{
	table->cross_entropy = cross_entropy;
}
