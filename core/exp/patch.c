/* patch.c: slices the region at the cell's index and hands it to the setter. */
#include "exp/patch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "base/status.h"
#include "conform/trial.h"
#include "exp/staged.h"
#include "host/capsule.h"

/* The part of a tensor that the patch's index chooses. */
static int region_of(const struct pb_patch *p, const struct pb_view *tensor, struct pb_view *ret_region)
{
	return pb_view_region(tensor, p->sweep->setter_axes, p->place->index, p->sweep->n_setter_axes, ret_region);
}

/* The first value of the region that is not finite, though it was before and the setter was given nothing such. */
static int check_finite(const struct pb_patch *p, const struct pb_setter_call *told, const struct pb_view *before)
{
	const size_t count = (size_t)pb_view_count(told->target);
	double *now = malloc(2 * count * sizeof *now + 1), *old = now + count;
	int rc = now ? pb_view_read(pb_instance_device(p->sweep->setter), told->target, now) : pb_fail_nomem(count, "a region");
	if (!rc)
		rc = pb_view_read(p->device, before, old);
	for (size_t i = 0; !rc && i < count; i++) {
		char place[128];
		if (isfinite(now[i]) || !isfinite(old[i]))
			continue;
		pb_view_place_text(told->target, (int64_t)i, place, sizeof place);
		rc = pb_fail(PB_E_NUMERIC, "setter %s: apply wrote %g at element %s of its region",
			     p->sweep->setter->loaded->plugin->name, now[i], place);
	}
	free(now);
	return rc;
}

/* The first call at a point is tried on copies, where whatever the setter may not do is noticed. What is not finite is told by the
 * cell that it breaks. */
static int try_first(const struct pb_patch *p, const struct pb_setter_call *told, bool adjoint)
{
	struct pb_instance *setter = p->sweep->setter;
	const unsigned what = 4 * (unsigned)p->place->site_id + 2 * (unsigned)p->direction + adjoint;
	if (pb_instance_device(setter)->backend || !pb_instance_first(setter, what))
		return 0;
	int rc = pb_trial_setter(setter, told, adjoint);
	if (!rc && adjoint)
		rc = pb_trial_transpose(setter, told);
	return rc == -PB_E_NUMERIC ? 0 : rc;
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
	rc = try_first(p, &told, adjoint);
	if (!rc)
		rc = adjoint ? pb_setter_adjoint(setter, &told) : pb_setter_apply(setter, &told);
	if (!rc && p->explain && !adjoint)
		rc = check_finite(p, &told, call->before);
	return rc ? pb_capsule_of_setter(rc, &(struct pb_capsule_setter){setter, &told, adjoint, p->sweep->setter_axes,
									  call->before, p->device})
		  : 0;
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
				       .device = context->device, .explain = context->explain};
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
