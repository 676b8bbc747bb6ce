/* rows.h: what the metrics share. */
#ifndef PB_PLUGINS_METRIC_ROWS_H
#define PB_PLUGINS_METRIC_ROWS_H

#include <math.h>
#include <patchbay/metric.h>

/* Tokens come from the data and the width from the model; the two may not fit. */
static inline int check_answers(const struct pb_host *host, const struct pb_metric_batch *batch)
{
	for (int64_t row = 0; row < batch->n_rows; row++)
		if (batch->answer[row] < 0 || batch->answer[row] >= batch->d_vocab)
			return host->fail(host, PB_E_RANGE,
					  "row %lld: the answer is token %d, but there are %lld logits", (long long)row,
					  (int)batch->answer[row], (long long)batch->d_vocab);
	return 0;
}

/* log(sum(exp(x))), with the largest taken out so that nothing overflows. */
static inline double log_sum_exp(const double *x, int64_t n)
{
	double largest = x[0], sum = 0.0;
	for (int64_t i = 1; i < n; i++)
		largest = x[i] > largest ? x[i] : largest;
	for (int64_t i = 0; i < n; i++)
		sum += exp(x[i] - largest);
	return largest + log(sum);
}

#endif
