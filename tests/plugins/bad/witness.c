/* witness.c: a setter that copies the source and logs what prepare is told. */
#include <stdio.h>

#include <patchbay/setter.h>

static int prepare(void *self, const struct pb_host *host, const struct pb_setter_shape *shape)
{
	char dims[128] = "";
	int n = 0;
	(void)self;
	for (int i = 0; i < shape->region.rank; i++)
		n += snprintf(dims + n, sizeof dims - (size_t)n, " %lld", (long long)shape->region.shape[i]);
	host->log(host, PB_LOG_INFO, "%s %s%s", shape->hook, shape->direction == PB_FORWARD ? "forward" : "backward",
		  dims);
	return 0;
}

static int apply(void *self, const struct pb_host *host, const struct pb_setter_call *call)
{
	(void)self;
	return host->copy(host, call->target, call->source);
}

static const struct pb_setter_ops ops = {
	.struct_size = sizeof(struct pb_setter_ops),
	.flags = PB_SETTER_FREE_AXES,
	.effect = PB_EFFECT_REPLACE,
	.source = PB_SOURCE_RUN,
	.prepare = prepare,
	.apply = apply,
};

PB_EXPORT const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_SETTER,
	.name = "witness",
	.version = "1.0.0",
	.summary = "logs what prepare is told",
	.ops = &ops,
};

PB_PLUGIN_ABI;
