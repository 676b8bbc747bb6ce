/* layer_head.c: replaces one attention head at all positions. */
#include "replace.h"

static const uint8_t axes[] = {PB_AXIS_LAYER, PB_AXIS_HEAD};

static const struct pb_setter_ops ops = {
	.struct_size = sizeof(struct pb_setter_ops),
	.effect = PB_EFFECT_REPLACE,
	.source = PB_SOURCE_RUN,
	.axes = axes,
	.n_axes = PB_COUNT(axes),
	.apply = replace_region,
};

PB_EXPORT const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_SETTER,
	.name = "layer_head",
	.version = "1.0.0",
	.author = "patchbay",
	.summary = "one attention head at all positions, from another run",
	.doc = "Replaces what one head computed, at every position, by that of another run. One cell per layer "
	       "and head.\n\n"
	       "For q, k, v, z, result, pattern and attn_scores.",
	.ops = &ops,
};

PB_PLUGIN_ABI;
