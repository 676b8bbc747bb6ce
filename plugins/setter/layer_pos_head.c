/* layer_pos_head.c: replaces one attention head at one token position. */
#include "replace.h"

static const uint8_t axes[] = {PB_AXIS_LAYER, PB_AXIS_POS, PB_AXIS_HEAD};

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
	.name = "layer_pos_head",
	.version = "1.0.0",
	.author = "patchbay",
	.summary = "one attention head at one token position, from another run",
	.doc = "Replaces what one head computed at one position by that of another run. One cell per layer, "
	       "position and head.\n\n"
	       "For q, k, v, z and result. Patterns and scores have query and key positions instead: use "
	       "layer_head_pos_pattern or layer_head_dest_src_pattern there.",
	.ops = &ops,
};

PB_PLUGIN_ABI;
