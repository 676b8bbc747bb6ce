/* replace.h: what the setters that copy a region from another run share. */
#ifndef PB_PLUGINS_SETTER_REPLACE_H
#define PB_PLUGINS_SETTER_REPLACE_H

#include <patchbay/setter.h>
#include <stdbool.h>

/* The host has sliced both sides at the cell's index already. */
static inline int replace_region(void *self, const struct pb_host *host, const struct pb_setter_call *call)
{
	(void)self;
	return host->copy(host, call->target, call->source);
}

/* Refuses a hook point that is not [.., query, key]. */
static inline int need_pattern(void *self, const struct pb_host *host, const struct pb_setter_shape *shape)
{
	(void)self;
	bool query = false, key = false;
	for (int i = 0; i < shape->region.rank; i++) {
		query |= shape->region.axis[i] == PB_AXIS_DEST_POS;
		key |= shape->region.axis[i] == PB_AXIS_SRC_POS;
	}
	if (query && key)
		return 0;
	return host->fail(host, PB_E_SHAPE,
			  "%s has no query and key positions (dest_pos, src_pos): choose `hook: pattern` or `hook: "
			  "attn_scores`, or for this point one of the setters layer_head and layer_pos_head",
			  shape->hook);
}

#endif
