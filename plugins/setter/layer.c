/* layer.c: replaces a whole activation. */
#include "replace.h"

static const uint8_t axes[] = {PB_AXIS_LAYER};

static const struct pb_setter_ops ops = {
	.struct_size = sizeof(struct pb_setter_ops),
	.effect = PB_EFFECT_REPLACE_WHOLE,
	.source = PB_SOURCE_RUN,
	.axes = axes,
	.n_axes = PB_COUNT(axes),
	.apply = replace_region,
};

PB_EXPORT const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_SETTER,
	.name = "layer",
	.version = "1.0.0",
	.author = "patchbay",
	.summary = "the whole activation of a layer, from another run",
	.doc = "Replaces every position, head and feature of the hook point by those of another run of the same "
	       "probe. One cell per layer.\n\n"
	       "The activation is another tensor afterwards. With `gradient: torch` the graph is therefore cut "
	       "at the point: nothing upstream of it gets a gradient, the optimizer skips those parameters, and "
	       "a backward patch at the same point never fires. With `gradient: pass` the gradient flows on as "
	       "if the value had not been replaced.",
	.ops = &ops,
};

PB_PLUGIN_ABI;
