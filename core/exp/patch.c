/* patch.c: slices the region at the cell's index and hands it to the setter. */
#include "exp/patch.h"

#include <stdio.h>

#include "base/rng.h"
#include "base/status.h"

/* The part of a tensor that the patch's index chooses. */
static int region_of(const struct pb_patch *p, const struct pb_view *tensor, struct pb_view *ret_region)
{
	struct pb_view region = *tensor;
	int rc = 0;
	for (size_t i = 0; !rc && i < p->sweep->n_setter_axes; i++)
		if (p->sweep->setter_axes[i] != PB_AXIS_LAYER)
			rc = pb_view_select(&region, p->sweep->setter_axes[i], p->place->index[i], &region);
	if (!rc)
		*ret_region = region;
	return rc;
}

static int call_setter(const struct pb_patch *p, const struct pb_hook_call *call, bool adjoint)
{
	struct pb_instance *setter = p->sweep->setter;
	const struct pb_setter_ops *ops = pb_setter_ops(setter);
	struct pb_view target, source, activation = call->value;
	int rc = region_of(p, &call->value, &target);
	if (!rc && p->source)
		rc = region_of(p, p->source, &source);
	if (rc)
		return rc;
	activation.flags |= PB_VIEW_READONLY;
	if (p->source)
		source.flags |= PB_VIEW_READONLY;
	struct pb_setter_call told = {
		.struct_size = sizeof told,
		.direction = p->direction,
		.hook = call->site->name,
		.layer = call->site->layer,
		.n_index = (uint32_t)p->sweep->n_setter_axes,
		.index = p->place->index,
		.activation = &activation,
		.target = &target,
		.source = p->source ? &source : NULL,
		.stream = p->stream,
	};
	pb_instance_begin(setter);
	rc = (adjoint ? ops->adjoint : ops->apply)(setter->self, &setter->host, &told);
	return pb_instance_result(setter, adjoint ? "adjoint" : "apply", rc);
}

static int run(void *user, const struct pb_hook_call *call)
{
	return call_setter(user, call, false);
}

static int adjoint(void *user, const struct pb_hook_call *call)
{
	return call_setter(user, call, true);
}

static int region(void *user, const struct pb_hook_call *call, struct pb_view *ret_region)
{
	return region_of(user, &call->value, ret_region);
}

static enum pb_hook_effect effect_of(const struct pb_patch *p, enum pb_gradient_mode mode)
{
	if (mode == PB_MODE_PASS || p->direction == PB_BACKWARD)
		return PB_HOOK_PASS;
	switch (pb_setter_ops(p->sweep->setter)->effect) {
	case PB_EFFECT_REPLACE_WHOLE: return PB_HOOK_CUT;
	case PB_EFFECT_REPLACE: return PB_HOOK_CONSTANT;
	case PB_EFFECT_LINEAR: return PB_HOOK_ADJOINT;
	default: return PB_HOOK_PASS;
	}
}

/* From what the patch is and nothing else: other cells, their order and other sweeps change no noise. */
static uint64_t stream_of(const struct pb_patch *p, const struct pb_site *site)
{
	char text[256]; /* the longest point's name and six numbers take less */
	int n = snprintf(text, sizeof text, "%016llx/%s/%d",
	                 (unsigned long long)pb_random_stream(p->sweep->config->name), site->name, (int)p->direction);
	/* By kind of axis: the order in which a sweep names its axes does not matter either. */
	for (int axis = PB_AXIS_POS; axis < PB_AXIS_FEATURE; axis++)
		for (size_t i = 0; i < p->sweep->n_setter_axes && n < (int)sizeof text; i++)
			if (p->sweep->setter_axes[i] == axis)
				n += snprintf(text + n, sizeof text - (size_t)n, "/%d:%lld", axis,
					      (long long)p->place->index[i]);
	return pb_random_stream(text);
}

int pb_patch_attach(struct pb_patch *patch, struct pb_bus *bus, enum pb_gradient_mode mode)
{
	struct pb_hook hook = {
		.site_id = patch->place->site_id,
		.direction = patch->direction,
		.effect = effect_of(patch, mode),
		.user = patch,
		.run = run,
		.region = region,
		.adjoint = adjoint,
	};
	patch->stream = stream_of(patch, &bus->sites->items[patch->place->site_id]);
	return pb_bus_add(bus, &hook, &patch->hook_id);
}
