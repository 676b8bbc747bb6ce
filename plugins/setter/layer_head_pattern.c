/* layer_head_pattern.c: replaces one head's whole attention pattern. */
#include "replace.h"

static const uint8_t axes[] = {PB_AXIS_LAYER, PB_AXIS_HEAD};

static const struct pb_setter_ops ops = {
	.struct_size = sizeof(struct pb_setter_ops),
	.effect = PB_EFFECT_REPLACE,
	.source = PB_SOURCE_RUN,
	.axes = axes,
	.n_axes = PB_COUNT(axes),
	.prepare = need_pattern,
	.apply = replace_region,
};

PB_EXPORT const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_SETTER,
	.name = "layer_head_pattern",
	.version = "1.0.0",
	.author = "patchbay",
	.summary = "one head's whole attention pattern, from another run",
	.doc = "Replaces all of one head's attention, every query and every key, by that of another run. One "
	       "cell per layer and head.\n\n"
	       "For pattern and attn_scores only; at other points layer_head does the same.",
	.ops = &ops,
};

PB_PLUGIN_ABI;
