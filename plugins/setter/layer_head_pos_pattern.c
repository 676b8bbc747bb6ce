/* layer_head_pos_pattern.c: replaces one query's row of one head's attention pattern. */
#include "replace.h"

static const uint8_t axes[] = {PB_AXIS_LAYER, PB_AXIS_HEAD, PB_AXIS_DEST_POS};

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
	.name = "layer_head_pos_pattern",
	.version = "1.0.0",
	.author = "patchbay",
	.summary = "one query position of one head's attention pattern, from another run",
	.doc = "Replaces where one head looks from one query position (a row of its pattern) by that of another "
	       "run. One cell per layer, head and query position.\n\n"
	       "For pattern and attn_scores only.",
	.ops = &ops,
};

PB_PLUGIN_ABI;
