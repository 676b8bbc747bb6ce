/* mean.c: replaces a region by its mean over a dataset split. */
#include <patchbay/setter.h>

#include "replace.h"

struct mean_params {
	const char *split;
};

static const struct pb_param params[] = {
	{.name = "split",
	 .type = PB_TYPE_STRING,
	 .offset = offsetof(struct mean_params, split),
	 .doc = "dataset split whose examples the mean is taken over"},
};

static int check_direction(void *self, const struct pb_host *host, const struct pb_setter_shape *shape)
{
	(void)self;
	if (shape->direction == PB_FORWARD)
		return 0;
	return host->fail(host, PB_E_UNSUPPORTED,
			  "%s: a mean is taken of activations, not of gradients: use it as the forward patch only",
			  shape->hook);
}

static const struct pb_setter_ops ops = {
	.struct_size = sizeof(struct pb_setter_ops),
	.flags = PB_SETTER_FREE_AXES,
	.effect = PB_EFFECT_REPLACE,
	.source = PB_SOURCE_MEAN,
	.prepare = check_direction,
	.apply = replace_region,
};

PB_EXPORT const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_SETTER,
	.name = "mean",
	.version = "1.0.0",
	.author = "patchbay",
	.summary = "mean ablation: the region becomes its mean over a dataset split",
	.doc = "Replaces the region by its mean over the examples of a dataset split, position by position. This "
	       "removes what distinguishes the example and keeps what all examples share. Takes whatever axes "
	       "the sweep's `over` names and the hook point has.\n\n"
	       "The split's examples must have as many tokens as the probe. Forward only.",
	.params = params,
	.n_params = PB_COUNT(params),
	.params_size = sizeof(struct mean_params),
	.ops = &ops,
};

PB_PLUGIN_ABI;
