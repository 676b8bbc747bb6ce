/* correct_logit.c: the right answer's logit or probability. */
#include <string.h>

#include "rows.h"

enum { LOGIT, PROBABILITY };

struct correct_params {
	int32_t of;
};

static const char *const choices[] = {"logit", "probability", NULL};

static const struct pb_param params[] = {
	{.name = "of",
	 .type = PB_TYPE_ENUM,
	 .offset = offsetof(struct correct_params, of),
	 .default_text = "logit",
	 .choices = choices,
	 .doc = "what to read off the right answer: its logit, or its probability after softmax"},
};

/* The parameters are all there is to an instance; the host owns them. */
static int create(const struct pb_host *host, const void *parsed, void **ret_self)
{
	(void)host;
	*ret_self = (void *)(uintptr_t)parsed;
	return 0;
}

static int score(void *self, const struct pb_host *host, const struct pb_metric_batch *batch, double *ret_score)
{
	const struct correct_params *p = self;
	int rc = check_answers(host, batch);
	if (rc < 0)
		return rc;
	for (int64_t row = 0; row < batch->n_rows; row++) {
		const double *logits = batch->logits + row * batch->d_vocab;
		double correct = logits[batch->answer[row]];
		ret_score[row] = p->of == LOGIT ? correct : exp(correct - log_sum_exp(logits, batch->d_vocab));
	}
	return 0;
}

/* dp[answer]/dlogits[i] = p[answer] * ((i == answer) - p[i]) */
static void probability_gradient(const double *logits, int64_t n, int32_t answer, double weight, double *ret_gradient)
{
	double whole = log_sum_exp(logits, n), correct = exp(logits[answer] - whole);
	for (int64_t i = 0; i < n; i++)
		ret_gradient[i] = weight * correct * ((i == answer) - exp(logits[i] - whole));
}

static int adjoint(void *self, const struct pb_host *host, const struct pb_metric_batch *batch, const double *weight,
		   double *ret_dlogits)
{
	const struct correct_params *p = self;
	int64_t n = batch->d_vocab;
	int rc = check_answers(host, batch);
	if (rc < 0)
		return rc;
	for (int64_t row = 0; row < batch->n_rows; row++) {
		double *gradient = ret_dlogits + row * n;
		if (p->of == PROBABILITY) {
			probability_gradient(batch->logits + row * n, n, batch->answer[row], weight[row], gradient);
			continue;
		}
		memset(gradient, 0, (size_t)n * sizeof *gradient);
		gradient[batch->answer[row]] = weight[row];
	}
	return 0;
}

static const char *instance_unit(void *self)
{
	const struct correct_params *p = self;
	return choices[p->of];
}

static const struct pb_metric_ops ops = {
	.struct_size = sizeof(struct pb_metric_ops),
	.unit = "logit",
	.create = create,
	.score = score,
	.adjoint = adjoint,
	.instance_unit = instance_unit,
};

PB_EXPORT const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_METRIC,
	.name = "correct_logit",
	.version = "1.0.0",
	.author = "patchbay",
	.summary = "the right answer's logit, or its probability",
	.doc = "The logit of the right answer, averaged over the scored rows. It moves even where the model's "
	       "choice does not, which makes it the usual measure of what one update did.\n\n"
	       "A logit can rise because all logits rise; `of: probability` compares the answer with the others.",
	.params = params,
	.n_params = PB_COUNT(params),
	.params_size = sizeof(struct correct_params),
	.ops = &ops,
};

PB_PLUGIN_ABI;
