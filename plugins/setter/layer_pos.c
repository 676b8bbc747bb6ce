/* layer_pos.c: replaces an activation at one token position. */
#include "replace.h"

static const uint8_t axes[] = {PB_AXIS_LAYER, PB_AXIS_POS};

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
	.name = "layer_pos",
	.version = "1.0.0",
	.author = "patchbay",
	.summary = "one token position of a layer, from another run",
	.doc = "Replaces the activation at one position by that of another run: the usual first look at where in "
	       "the prompt and at what depth an effect sits. One cell per layer and position.\n\n"
	       "For resid_pre, resid_mid, resid_post, attn_out, mlp_out, and for q, k, v, z (all heads at once). "
	       "Patterns and scores have query and key positions instead: use a pattern setter there.",
	.ops = &ops,
};

PB_PLUGIN_ABI;
