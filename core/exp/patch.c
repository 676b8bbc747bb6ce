/* patch.c: slices the region at the cell's index and hands it to the setter. */
#include "exp/patch.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "base/status.h"
#include "exp/staged.h"

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

/* `whole`: the point's tensor, `from`: the source's (NULL: none), both where the setter can work on them. */
static int call_on(struct pb_patch *p, const struct pb_hook_call *call, const struct pb_view *whole,
		   const struct pb_view *from, bool adjoint)
{
	struct pb_instance *setter = p->sweep->setter;
	struct pb_view target, source, activation = *whole;
	int rc = region_of(p, whole, &target);
	if (!rc && from)
		rc = region_of(p, from, &source);
	if (rc)
		return rc;
	activation.flags |= PB_VIEW_READONLY;
	if (from)
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
		.source = from ? &source : NULL,
		.stream = p->stream,
	};
	return adjoint ? pb_setter_adjoint(setter, &told) : pb_setter_apply(setter, &told);
}

/* The same on copies in host memory. */
static int call_on_copies(struct pb_patch *p, const struct pb_hook_call *call, bool adjoint)
{
	struct pb_device *device = p->device;
	struct pb_view whole = {0}, from = {0};
	int rc = pb_staged_read(device, &call->value, &whole);
	if (!rc && p->has_source)
		rc = pb_staged_read(device, &p->source, &from);
	if (!rc)
		rc = call_on(p, call, &whole, p->has_source ? &from : NULL, adjoint);
	if (!rc)
		rc = pb_staged_write(device, &call->value, &whole);
	free(whole.data);
	free(from.data);
	return rc;
}

static int call_setter(struct pb_patch *p, const struct pb_hook_call *call, bool adjoint)
{
	int rc = p->sweep->staged ? call_on_copies(p, call, adjoint)
				  : call_on(p, call, &call->value, p->has_source ? &p->source : NULL, adjoint);
	p->failed = rc;
	return rc;
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
	struct pb_patch *p = user;
	int rc = region_of(p, &call->value, ret_region);
	p->failed = rc;
	return rc;
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
		.first_example = patch->first_example,
		.examples = patch->examples,
		.user = patch,
		.run = run,
		.region = region,
		.adjoint = adjoint,
	};
	patch->stream = stream_of(patch, &bus->sites->items[patch->place->site_id]);
	return pb_bus_add(bus, &hook, &patch->hook_id);
}

/* Where the patch copies from; none where the setter needs nothing. */
static int find_source(const struct pb_patch_context *c, struct pb_patch *p)
{
	int32_t from = p->direction == PB_FORWARD ? p->sweep->config->forward : p->sweep->config->backward;
	const struct pb_cache *cache = from == PB_FROM_CLEAN ? c->clean : from == PB_FROM_CORRUPTED ? c->corrupted : NULL;
	const struct pb_view *view = pb_means_get(c->means, p->sweep, p->place->site_id);
	if (cache && !(view = pb_cache_get(cache, p->place->site_id, p->direction)))
		return pb_fail(PB_E_INTERNAL, "no cached value at %s", c->bus->sites->items[p->place->site_id].name);
	p->has_source = view;
	if (!view)
		return 0;
	p->source = *view;
	if (cache)
		return pb_view_slice(view, 0, c->first_source, c->sources, &p->source);
	p->source.shape[0] = c->sources; /* a mean stands for every example */
	return 0;
}

int pb_cell_attach(const struct pb_patch_context *context, const struct pb_plan_sweep *sweep,
		   const struct pb_plan_cell *cell, struct pb_patch *patches)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < 2 * cell->n_patches; i++) {
		struct pb_patch *p = &patches[i];
		*p = (struct pb_patch){.sweep = sweep, .place = &cell->patches[i / 2],
				       .direction = i % 2 ? PB_BACKWARD : PB_FORWARD, .hook_id = -1,
				       .first_example = context->first_example, .examples = context->examples,
				       .device = context->device};
		if (!(p->direction == PB_FORWARD ? sweep->config->forward : sweep->config->backward))
			continue;
		rc = find_source(context, p);
		if (!rc)
			rc = pb_patch_attach(p, context->bus, (enum pb_gradient_mode)sweep->config->gradient);
	}
	return rc;
}

void pb_cell_audit(struct pb_bus *bus, const struct pb_patch *patches, size_t n, struct pb_result_cell *cell)
{
	for (size_t i = 0; i < n; i++) {
		const struct pb_hook_audit *audit = patches[i].hook_id < 0 ? NULL : pb_bus_audit(bus, patches[i].hook_id);
		struct pb_result_hook *hook = patches[i].direction == PB_FORWARD ? &cell->forward : &cell->backward;
		if (!audit)
			continue;
		hook->fired += audit->fired;
		if (audit->max_change > hook->max_change)
			hook->max_change = audit->max_change;
		cell->graph_cut |= audit->cut;
	}
}
