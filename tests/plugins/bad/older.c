/* older.c: a metric of a time when its operations ended with destroy: what lies behind them is not to be touched. */
#include <patchbay/metric.h>

static int score(void *self, const struct pb_host *host, const struct pb_metric_batch *batch, double *ret_score)
{
	(void)self, (void)host;
	for (int64_t i = 0; i < batch->n_rows; i++)
		ret_score[i] = (double)batch->answer[i];
	return 0;
}

static const char *trap(void *self)
{
	(void)self;
	__builtin_trap();
}

static const struct pb_metric_ops ops = {
	.struct_size = PB_METRIC_OPS_LEAST,
	.unit = "old",
	.score = score,
	.instance_unit = trap,
};

PB_EXPORT const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = PB_PLUGIN_LEAST,
	.kind = PB_KIND_METRIC,
	.name = "older",
	.version = "0.9.0",
	.summary = "the answer's number",
	.ops = &ops,
};

PB_PLUGIN_ABI;
