/* cross_entropy.c: minus the log-probability of the right answer. */
#include "rows.h"

static int score(void *self, const struct pb_host *host, const struct pb_metric_batch *batch, double *ret_score)
{
	(void)self;
	int rc = check_answers(host, batch);
	if (rc < 0)
		return rc;
	for (int64_t row = 0; row < batch->n_rows; row++) {
		const double *logits = batch->logits + row * batch->d_vocab;
		ret_score[row] = log_sum_exp(logits, batch->d_vocab) - logits[batch->answer[row]];
	}
	return 0;
}

/* softmax less one at the answer */
static int adjoint(void *self, const struct pb_host *host, const struct pb_metric_batch *batch, const double *weight,
		   double *ret_dlogits)
{
	(void)self;
	int64_t n = batch->d_vocab;
	int rc = check_answers(host, batch);
	if (rc < 0)
		return rc;
	for (int64_t row = 0; row < batch->n_rows; row++) {
		const double *logits = batch->logits + row * n;
		double whole = log_sum_exp(logits, n), *gradient = ret_dlogits + row * n;
		for (int64_t i = 0; i < n; i++)
			gradient[i] = weight[row] * (exp(logits[i] - whole) - (i == batch->answer[row]));
	}
	return 0;
}

static const struct pb_metric_ops ops = {
	.struct_size = sizeof(struct pb_metric_ops),
	.flags = PB_METRIC_LOWER_IS_BETTER | PB_METRIC_CROSS_ENTROPY,
	.unit = "nat",
	.score = score,
	.adjoint = adjoint,
};

PB_EXPORT const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_METRIC,
	.name = "cross_entropy",
	.version = "1.0.0",
	.author = "patchbay",
	.summary = "the loss: minus the log-probability of the right answer",
	.doc = "Cross entropy between the softmax of the logits and the right answer, averaged over the scored "
	       "rows: the loss that models are trained with. Lower is better.",
	.ops = &ops,
};

PB_PLUGIN_ABI;
