/* raw.c: setter `raw`: what layer_head does, by the plugin's own loops over memory. */
#include <patchbay/setter.h>
#include <string.h>

static void copy(const struct pb_view *to, const struct pb_view *from, int axis, int64_t at, int64_t source)
{
	const size_t size = to->dtype == PB_F64 ? sizeof(double) : sizeof(float);
	if (axis >= to->rank || axis >= PB_MAX_RANK) {
		memcpy((char *)to->data + (size_t)at * size, (const char *)from->data + (size_t)source * size, size);
		return;
	}
	for (int64_t i = 0; i < to->shape[axis]; i++)
		copy(to, from, axis + 1, at + i * to->stride[axis], source + i * from->stride[axis]);
}

static int apply(void *self, const struct pb_host *host, const struct pb_setter_call *call)
{
	(void)self;
	copy(call->target, call->source, 0, 0, 0);
	return host->scale(host, call->target, 1.0); /* the host's operations work on such memory too */
}

static const uint8_t axes[] = {PB_AXIS_LAYER, PB_AXIS_HEAD};

static const struct pb_setter_ops ops = {
	.struct_size = sizeof(struct pb_setter_ops),
	.flags = PB_RAW_MEMORY,
	.effect = PB_EFFECT_REPLACE,
	.source = PB_SOURCE_RUN,
	.axes = axes,
	.n_axes = 2,
	.apply = apply,
};

PB_EXPORT const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_SETTER,
	.name = "raw",
	.version = "1.0.0",
	.summary = "copies one head of a layer by itself",
	.ops = &ops,
};

PB_PLUGIN_ABI;
