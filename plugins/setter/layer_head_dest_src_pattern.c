/* layer_head_dest_src_pattern.c: replaces one entry of one head's attention pattern. */
#include "replace.h"

static const uint8_t axes[] = {PB_AXIS_LAYER, PB_AXIS_HEAD, PB_AXIS_DEST_POS, PB_AXIS_SRC_POS};

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
	.name = "layer_head_dest_src_pattern",
	.version = "1.0.0",
	.author = "patchbay",
	.summary = "one query-key entry of one head's attention pattern, from another run",
	.doc = "Replaces how much one head attends from one query position to one key position by that of "
	       "another run. One cell per layer, head, query and key position.\n\n"
	       "For pattern and attn_scores only. A row of a patched pattern need not sum to 1. Entries whose "
	       "key comes after the query are masked in both runs: their cells change nothing.",
	.ops = &ops,
};

PB_PLUGIN_ABI;
