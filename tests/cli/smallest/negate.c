/* negate.c: a whole setter: the region's values with the other sign. Built and used by tests/cli/install.sh. */
#include <patchbay/setter.h>

static int negate(void *self, const struct pb_host *host, const struct pb_setter_call *call)
{
	(void)self;
	return host->scale(host, call->target, -1.0);
}

static const struct pb_setter_ops ops = {
	.struct_size = sizeof(struct pb_setter_ops),
	.flags = PB_SETTER_FREE_AXES,
	.effect = PB_EFFECT_LINEAR,
	.apply = negate,
	.adjoint = negate,
};

const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_SETTER,
	.name = "negate",
	.version = "1.0.0",
	.summary = "the region's values with the other sign",
	.ops = &ops,
};

PB_PLUGIN_ABI;
