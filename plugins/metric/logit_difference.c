/* logit_difference.c: the right answer's logit less a wrong one's. */
#include <string.h>

#include "rows.h"

static int check_rows(const struct pb_host *host, const struct pb_metric_batch *batch)
{
	for (int64_t row = 0; row < batch->n_rows; row++) {
		int32_t token = batch->distractor[row];
		if (token < 0)
			return host->fail(
				host, PB_E_RANGE,
				"row %lld has no distractor: give each question a wrong answer to compare with, "
				"or use correct_logit",
				(long long)row);
		if (token >= batch->d_vocab)
			return host->fail(host, PB_E_RANGE,
					  "row %lld: the distractor is token %d, but there are %lld logits",
					  (long long)row, (int)token, (long long)batch->d_vocab);
	}
	return check_answers(host, batch);
}

static int score(void *self, const struct pb_host *host, const struct pb_metric_batch *batch, double *ret_score)
{
	(void)self;
	int rc = check_rows(host, batch);
	if (rc < 0)
		return rc;
	for (int64_t row = 0; row < batch->n_rows; row++) {
		const double *logits = batch->logits + row * batch->d_vocab;
		ret_score[row] = logits[batch->answer[row]] - logits[batch->distractor[row]];
	}
	return 0;
}

static int adjoint(void *self, const struct pb_host *host, const struct pb_metric_batch *batch, const double *weight,
		   double *ret_dlogits)
{
	(void)self;
	int rc = check_rows(host, batch);
	if (rc < 0)
		return rc;
	memset(ret_dlogits, 0, (size_t)(batch->n_rows * batch->d_vocab) * sizeof *ret_dlogits);
	for (int64_t row = 0; row < batch->n_rows; row++) {
		double *gradient = ret_dlogits + row * batch->d_vocab;
		gradient[batch->answer[row]] += weight[row];
		gradient[batch->distractor[row]] -= weight[row];
	}
	return 0;
}

static const struct pb_metric_ops ops = {
	.struct_size = sizeof(struct pb_metric_ops),
	.flags = PB_METRIC_NEEDS_DISTRACTOR,
	.unit = "logit",
	.score = score,
	.adjoint = adjoint,
};

PB_EXPORT const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_METRIC,
	.name = "logit_difference",
	.version = "1.0.0",
	.author = "patchbay",
	.summary = "the right answer's logit less the distractor's",
	.doc = "The difference of two logits, averaged over the scored rows: how much the model prefers the "
	       "right answer to one wrong answer, whatever happens to the rest of the vocabulary. Every row of "
	       "the data must name a distractor.",
	.ops = &ops,
};

PB_PLUGIN_ABI;
