/* zero.c: sets a region to zero. */
#include <patchbay/setter.h>

static int zero_region(void *self, const struct pb_host *host, const struct pb_setter_call *call)
{
	(void)self;
	return host->fill(host, call->target, 0.0);
}

static const struct pb_setter_ops ops = {
	.struct_size = sizeof(struct pb_setter_ops),
	.flags = PB_SETTER_FREE_AXES,
	.effect = PB_EFFECT_REPLACE,
	.source = PB_SOURCE_NONE,
	.apply = zero_region,
};

PB_EXPORT const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_SETTER,
	.name = "zero",
	.version = "1.0.0",
	.author = "patchbay",
	.summary = "zero ablation: the region becomes 0",
	.doc = "Sets the region to zero: what does the model do without it? Takes whatever axes the sweep's "
	       "`over` names and the hook point has. As a backward patch it stops the gradient at the region.\n\n"
	       "Zero is seldom a value that the model ever sees there; `mean` removes the information and keeps "
	       "the size.",
	.ops = &ops,
};

PB_PLUGIN_ABI;
