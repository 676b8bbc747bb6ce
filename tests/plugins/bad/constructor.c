/* constructor.c: a metric that ends any process that loads it, unless PB_TEST_CONSTRUCTOR is set; where that is
 * "rename", it gives itself another name. */
#include <stdlib.h>
#include <string.h>

#include <patchbay/metric.h>

static char name[] = "constructor";

__attribute__((constructor)) static void run(void)
{
	const char *wish = getenv("PB_TEST_CONSTRUCTOR");
	if (!wish)
		abort();
	if (!strcmp(wish, "rename"))
		memcpy(name, "instructor", sizeof "instructor");
}

static int score(void *self, const struct pb_host *host, const struct pb_metric_batch *batch, double *ret_score)
{
	(void)self, (void)host;
	for (int64_t i = 0; i < batch->n_rows; i++)
		ret_score[i] = 1;
	return 0;
}

static const struct pb_metric_ops ops = {.struct_size = sizeof ops, .unit = "one", .score = score};

PB_EXPORT const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_METRIC,
	.name = name,
	.version = "1.0.0",
	.summary = "runs before anybody asked it to",
	.ops = &ops,
};

PB_PLUGIN_ABI;
