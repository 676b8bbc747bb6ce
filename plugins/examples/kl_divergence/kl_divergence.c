/* kl_divergence.c: how far predictions have moved from those of the unpatched model: sum of p (log p - log q) over
 * the vocabulary, where p is the softmax of the logits before, q that of the logits now.
 *
 * Shows: a metric that compares with the model before any patch or update (PB_METRIC_NEEDS_REFERENCE), where lower is
 * better, and its adjoint. It needs no parameters and no instance.
 */
#include <math.h>
#include <patchbay/metric.h>

/* log(sum(exp(x))), with the largest taken out so that nothing overflows. */
static double log_sum_exp(const double *x, int64_t n)
{
	double largest = x[0], sum = 0;
	for (int64_t i = 1; i < n; i++)
		largest = x[i] > largest ? x[i] : largest;
	for (int64_t i = 0; i < n; i++)
		sum += exp(x[i] - largest);
	return largest + log(sum);
}

static int score(void *self, const struct pb_host *host, const struct pb_metric_batch *batch, double *ret_score)
{
	(void)self;
	(void)host;
	for (int64_t row = 0; row < batch->n_rows; row++) {
		const double *now = batch->logits + row * batch->d_vocab,
			     *before = batch->reference + row * batch->d_vocab;
		double all_now = log_sum_exp(now, batch->d_vocab), all_before = log_sum_exp(before, batch->d_vocab);
		double sum = 0;
		for (int64_t i = 0; i < batch->d_vocab; i++) {
			double log_p = before[i] - all_before, log_q = now[i] - all_now;
			sum += exp(log_p) * (log_p - log_q);
		}
		ret_score[row] = sum < 0 ? 0 : sum; /* below is rounding only; what is no number must stay none */
	}
	return 0;
}

/* d(score)/d(logit i) = q(i) - p(i), times the row's weight. It is zero where nothing has moved: the divergence is
 * flat there, and a first-order estimate from that point says nothing about it. */
static int adjoint(void *self, const struct pb_host *host, const struct pb_metric_batch *batch, const double *weight,
		   double *ret_dlogits)
{
	(void)self;
	(void)host;
	for (int64_t row = 0; row < batch->n_rows; row++) {
		const double *now = batch->logits + row * batch->d_vocab,
			     *before = batch->reference + row * batch->d_vocab;
		double all_now = log_sum_exp(now, batch->d_vocab), all_before = log_sum_exp(before, batch->d_vocab);
		double *gradient = ret_dlogits + row * batch->d_vocab;
		for (int64_t i = 0; i < batch->d_vocab; i++)
			gradient[i] = weight[row] * (exp(now[i] - all_now) - exp(before[i] - all_before));
	}
	return 0;
}

static const struct pb_metric_ops ops = {
	.struct_size = sizeof(struct pb_metric_ops),
	.flags = PB_METRIC_NEEDS_REFERENCE | PB_METRIC_LOWER_IS_BETTER,
	.unit = "nat",
	.score = score,
	.adjoint = adjoint,
};

const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_METRIC,
	.name = "kl_divergence",
	.version = "1.0.0",
	.author = "patchbay",
	.summary = "how far predictions moved from the unpatched model's",
	.doc = "The Kullback-Leibler divergence of the softmax of the logits from that of the logits before any "
	       "patch or "
	       "update, averaged over the scored rows. It is 0 where nothing has changed, whatever the answers are.",
	.ops = &ops,
};

PB_PLUGIN_ABI;
