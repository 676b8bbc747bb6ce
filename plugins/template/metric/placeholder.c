/* placeholder.c: a metric, and a loss too: the log-probability of the right answer at a temperature.
 *
 * patchbay gathers the rows of the logits that the dataset wants scored and hands them over as doubles. A metric
 * gives one number a row; the value of a batch is their mean. Change `score` first, then `adjoint`, its derivative.
 */
#include <math.h>
#include <patchbay/metric.h>

/* What the experiment file gives: `metric: {plugin: placeholder, temperature: 2}`. The table describes the struct;
 * patchbay reads, checks and explains the keys by it. */
struct params {
	double temperature;
};

static const struct pb_param params[] = {
	{.name = "temperature",
	 .type = PB_TYPE_REAL,
	 .offset = offsetof(struct params, temperature),
	 .min = 1e-3,
	 .max = 1e3,
	 .default_text = "1", /* left out (NULL): the key is required */
	 .doc = "what logits are divided by; above 1, wrong answers that are near count more"},
};

/* An instance: one `metric:` of the experiment. What can be worked out once belongs here. */
struct instance {
	double factor;
};

static int create(const struct pb_host *host, const void *parsed, void **ret_self)
{
	const struct params *p = parsed;
	struct instance *self = host->alloc(host, sizeof *self);
	if (!self)
		return host->fail(host, PB_E_NOMEM, "no memory for an instance");
	self->factor = 1 / p->temperature;
	*ret_self = self;
	return 0;
}

/* log(sum(exp(factor * x))), with the largest taken out so that nothing overflows. */
static double log_sum_exp(const double *x, int64_t n, double factor)
{
	double largest = x[0], sum = 0;
	for (int64_t i = 1; i < n; i++)
		largest = x[i] > largest ? x[i] : largest;
	for (int64_t i = 0; i < n; i++)
		sum += exp(factor * (x[i] - largest));
	return factor * largest + log(sum);
}

/* From several threads: no allocations here, and nothing written to `self`. Answers come from the dataset and the
 * number of logits from the model; patchbay has compared the two. */
static int score(void *self, const struct pb_host *host, const struct pb_metric_batch *batch, double *ret_score)
{
	(void)host;
	const struct instance *s = self;
	for (int64_t row = 0; row < batch->n_rows; row++) {
		const double *logits = batch->logits + row * batch->d_vocab;
		ret_score[row] =
			s->factor * logits[batch->answer[row]] - log_sum_exp(logits, batch->d_vocab, s->factor);
	}
	return 0;
}

/* d(score)/d(logit i) = factor * ((i is the answer) - probability of i), times the row's weight. Without an adjoint
 * (NULL below) a metric measures only: it can be no loss and has no first-order estimate. */
static int adjoint(void *self, const struct pb_host *host, const struct pb_metric_batch *batch, const double *weight,
		   double *ret_dlogits)
{
	(void)host;
	const struct instance *s = self;
	for (int64_t row = 0; row < batch->n_rows; row++) {
		const double *logits = batch->logits + row * batch->d_vocab;
		double *gradient = ret_dlogits + row * batch->d_vocab;
		double whole = log_sum_exp(logits, batch->d_vocab, s->factor);
		for (int64_t i = 0; i < batch->d_vocab; i++)
			gradient[i] = weight[row] * s->factor *
				      ((i == batch->answer[row]) - exp(s->factor * logits[i] - whole));
	}
	return 0;
}

static void destroy(const struct pb_host *host, void *self)
{
	host->free(host, self);
}

static const struct pb_metric_ops ops = {
	.struct_size = sizeof(struct pb_metric_ops),
	.flags = 0, /* PB_METRIC_LOWER_IS_BETTER, PB_METRIC_NEEDS_DISTRACTOR, ...: see metric.h */
	.unit = "nat",
	.create = create,
	.score = score,
	.adjoint = adjoint,
	.destroy = destroy,
};

/* The declaration in plugin.h exports it; everything else stays hidden. */
const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_METRIC,
	.name = "placeholder",
	.version = "0.1.0",
	.author = "you",
	.summary = "the right answer's log-probability at a temperature",
	.doc = "The logarithm of the right answer's probability, after a softmax of the logits divided by the "
	       "temperature, averaged over the scored rows.",
	.params = params,
	.n_params = PB_COUNT(params),
	.params_size = sizeof(struct params),
	.ops = &ops,
};

PB_PLUGIN_ABI;
