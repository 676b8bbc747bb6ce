/* accuracy.c: how often the right answer has the largest logit. */
#include "rows.h"

/* The first of the largest, as torch.argmax on a CPU; -1 if one is not a number. */
static int64_t argmax(const double *x, int64_t n)
{
	int64_t best = 0;
	for (int64_t i = 0; i < n; i++) {
		if (isnan(x[i]))
			return -1;
		if (x[i] > x[best])
			best = i;
	}
	return best;
}

static int score(void *self, const struct pb_host *host, const struct pb_metric_batch *batch, double *ret_score)
{
	(void)self;
	int rc = check_answers(host, batch);
	if (rc < 0)
		return rc;
	for (int64_t row = 0; row < batch->n_rows; row++) {
		int64_t best = argmax(batch->logits + row * batch->d_vocab, batch->d_vocab);
		/* A model that has diverged is not wrong but broken, and must look it. */
		ret_score[row] = best < 0 ? NAN : best == batch->answer[row];
	}
	return 0;
}

static const struct pb_metric_ops ops = {
	.struct_size = sizeof(struct pb_metric_ops),
	.unit = "fraction",
	.score = score,
};

PB_EXPORT const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_METRIC,
	.name = "accuracy",
	.version = "1.0.0",
	.author = "patchbay",
	.summary = "how often the right answer has the largest logit",
	.doc = "1 for each scored row whose largest logit is the right answer's, else 0, averaged. Of equal "
	       "logits the lowest token wins. A row with a logit that is not a number scores no number.\n\n"
	       "It has no gradient: it cannot be a loss or a first-order estimate's target.",
	.ops = &ops,
};

PB_PLUGIN_ABI;
