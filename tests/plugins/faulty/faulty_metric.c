/* faulty_metric.c: the answer's logit squared, with one MISTAKE; built once per mistake. */
#include <math.h>
#include <patchbay/metric.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum mistake {
	NONE,
	SKIPS_ROW, /* the last one's score */
	WRITES_INPUT,
	READS_BEHIND, /* the answers */
	GIVES_NAN,
	WRONG_ADJOINT, /* of the sign */
	NO_WEIGHTS,    /* in the adjoint */
	SKIPS_LOGIT,   /* in the adjoint */
	COUNTS,
	KNOWS_ROWS,
	HIDES_NAN,
	ALLOCATES,
	SHARES_BUFFER,
	DRIFTS,      /* from its sixth call on */
	SINGLE,      /* minus log-softmax in float32, which is noisy: no mistake */
	HINGE,       /* max(0, reference - logit), which has a kink: no mistake */
	WRONG_HINGE, /* of which neither side has the slope */
};

static int calls;
static volatile int32_t sink;
static void *volatile kept;

/* The same in another place, where another thread may be. */
static double move(double value)
{
	static volatile double shared;
	shared = value;
	sched_yield();
	return shared;
}

/* Computed as PyTorch would. */
static double minus_log_softmax(const double *logits, int64_t n, int32_t answer, double *ret_probability)
{
	float largest = (float)logits[0], sum = 0;
	for (int64_t i = 1; i < n; i++)
		largest = (float)logits[i] > largest ? (float)logits[i] : largest;
	for (int64_t i = 0; i < n; i++)
		sum += expf((float)logits[i] - largest);
	for (int64_t i = 0; ret_probability && i < n; i++)
		ret_probability[i] = expf((float)logits[i] - largest) / sum;
	return largest + logf(sum) - (float)logits[answer];
}

static int score_otherwise(const struct pb_metric_batch *batch, double *ret_score)
{
	for (int64_t row = 0; row < batch->n_rows; row++) {
		int64_t at = row * batch->d_vocab + batch->answer[row];
		double below = MISTAKE == SINGLE ? 0 : batch->reference[at] - batch->logits[at];
		ret_score[row] = MISTAKE == SINGLE ? minus_log_softmax(batch->logits + row * batch->d_vocab,
								      batch->d_vocab, batch->answer[row], NULL)
						   : (below < 0 ? 0 : below);
	}
	return 0;
}

static int adjoint_otherwise(const struct pb_metric_batch *batch, const double *weight, double *ret_dlogits)
{
	for (int64_t row = 0; row < batch->n_rows; row++) {
		double *out = ret_dlogits + row * batch->d_vocab;
		int64_t at = row * batch->d_vocab + batch->answer[row];
		memset(out, 0, (size_t)batch->d_vocab * sizeof *out);
		if (MISTAKE == SINGLE) {
			minus_log_softmax(batch->logits + row * batch->d_vocab, batch->d_vocab, batch->answer[row], out);
			for (int64_t i = 0; i < batch->d_vocab; i++)
				out[i] = weight[row] * (out[i] - (i == batch->answer[row]));
		} else if (batch->logits[at] <= batch->reference[at]) {
			out[batch->answer[row]] = MISTAKE == HINGE ? -weight[row] : weight[row];
		}
	}
	return 0;
}

static int score(void *self, const struct pb_host *host, const struct pb_metric_batch *batch, double *ret_score)
{
	(void)self, (void)host;
	if (MISTAKE >= SINGLE)
		return score_otherwise(batch, ret_score);
	calls++;
	for (int64_t row = 0; row < batch->n_rows; row++) {
		double logit = batch->logits[row * batch->d_vocab + batch->answer[row]];
		if (MISTAKE == SHARES_BUFFER)
			logit = move(logit);
		if (MISTAKE == HIDES_NAN && logit != logit)
			logit = 0;
		if (MISTAKE == SKIPS_ROW && row == batch->n_rows - 1)
			continue;
		ret_score[row] = logit * logit;
		if (MISTAKE == COUNTS)
			ret_score[row] += calls;
		if (MISTAKE == DRIFTS)
			ret_score[row] += calls >= 6;
		if (MISTAKE == KNOWS_ROWS)
			ret_score[row] += (double)row;
		if (MISTAKE == GIVES_NAN && row == 1)
			ret_score[row] = strtod("nan", NULL);
	}
	if (MISTAKE == ALLOCATES)
		free(kept = calloc(10, 10));
	if (MISTAKE == WRITES_INPUT)
		((double *)(uintptr_t)batch->logits)[1] = 0;
	if (MISTAKE == READS_BEHIND)
		sink = batch->answer[batch->n_rows];
	return 0;
}

static int adjoint(void *self, const struct pb_host *host, const struct pb_metric_batch *batch, const double *weight,
		   double *ret_dlogits)
{
	(void)self, (void)host;
	if (MISTAKE >= SINGLE)
		return adjoint_otherwise(batch, weight, ret_dlogits);
	double sign = MISTAKE == WRONG_ADJOINT ? -1 : 1;
	for (int64_t row = 0; row < batch->n_rows; row++) {
		const double *logits = batch->logits + row * batch->d_vocab;
		double w = MISTAKE == NO_WEIGHTS ? 1 : weight[row];
		for (int64_t i = MISTAKE == SKIPS_LOGIT; i < batch->d_vocab; i++)
			ret_dlogits[row * batch->d_vocab + i] =
				i == batch->answer[row] ? sign * w * 2 * logits[i] : 0;
	}
	return 0;
}

static const struct pb_metric_ops ops = {
	.struct_size = sizeof(struct pb_metric_ops),
	.flags = MISTAKE == HINGE || MISTAKE == WRONG_HINGE ? PB_METRIC_NEEDS_REFERENCE : 0,
	.unit = "logit",
	.score = score,
	.adjoint = adjoint,
};

const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_METRIC,
	.name = NAME,
	.version = "1.0.0",
	.summary = "the answer's logit squared, with a mistake",
	.doc = "It is there to be caught.",
	.ops = &ops,
};

PB_PLUGIN_ABI;
