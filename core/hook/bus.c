/* bus.c: ordered, scoped, audited hooks. */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "hook/bus_impl.h"

void pb_bus_init(struct pb_bus *bus, const struct pb_sites *sites)
{
	*bus = (struct pb_bus){.sites = sites};
}

void pb_bus_finish(struct pb_bus *bus)
{
	pb_bus_audit_finish(bus);
	free(bus->entries);
	*bus = (struct pb_bus){0};
}

size_t pb_bus_begin(struct pb_bus *bus)
{
	return bus->n;
}

void pb_bus_end(struct pb_bus *bus, size_t mark)
{
	if (!bus->emitting && mark < bus->n)
		bus->n = mark;
	for (size_t i = mark; i < bus->n; i++)
		bus->entries[i].gone = true;
}

int pb_bus_add(struct pb_bus *bus, const struct pb_hook *hook, int *ret_id)
{
	if (hook->site_id < 0 || hook->site_id >= bus->sites->n)
		return pb_fail(PB_E_NOTFOUND, "this model has no hook point number %d", hook->site_id);
	if (bus->n == bus->room) {
		size_t room = bus->room ? bus->room * 2 : 64;
		struct pb_bus_entry *entries = realloc(bus->entries, room * sizeof *entries);
		if (!entries)
			return pb_fail_nomem(room * sizeof *entries, "hooks");
		bus->entries = entries;
		bus->room = room;
	}
	/* One that is added in the middle of a pass may be too late for it: that is no mistake. */
	bus->entries[bus->n++] = (struct pb_bus_entry){.hook = *hook, .id = bus->next_id, .change = -1, .reached = bus->emitting > 0};
	if (ret_id)
		*ret_id = bus->next_id;
	bus->next_id++;
	return 0;
}

void pb_bus_remove(struct pb_bus *bus, int id)
{
	for (size_t i = 0; i < bus->n; i++)
		if (bus->entries[i].id == id)
			bus->entries[i].gone = true;
}

static bool is_at(const struct pb_bus_entry *e, int site_id, enum pb_direction direction)
{
	return !e->gone && e->hook.site_id == site_id && e->hook.direction == direction;
}

bool pb_bus_wants(const struct pb_bus *bus, int site_id)
{
	for (size_t i = 0; bus && i < bus->n; i++)
		if (!bus->entries[i].gone && bus->entries[i].hook.site_id == site_id)
			return true;
	return false;
}

static bool covers(const struct pb_hook *hook, int64_t example)
{
	return !hook->examples || (example >= hook->first_example && example - hook->first_example < hook->examples);
}

/* The hooks that changed one tensor, in their order. Copies: a hook may be gone before the gradient arrives. */
struct changes {
	struct pb_hook *hooks; /* in the tape's arena */
	size_t n;
};

static int changes_init(const struct pb_bus *bus, struct pb_tape *tape, int site_id, enum pb_direction direction,
			struct changes *ret_changes)
{
	size_t most = 0;
	for (size_t i = 0; i < bus->n; i++)
		most += is_at(&bus->entries[i], site_id, direction) && bus->entries[i].hook.effect != PB_HOOK_READ;
	struct pb_hook *hooks = most ? pb_arena_array(&tape->arena, most, sizeof *hooks) : NULL;
	if (most && !hooks)
		return -PB_E_NOMEM;
	*ret_changes = (struct changes){hooks, 0};
	return 0;
}

static bool is_changed(const struct changes *changes, int64_t example)
{
	for (size_t i = 0; i < changes->n; i++)
		if (covers(&changes->hooks[i], example))
			return true;
	return false;
}

/* Was each of these examples' value replaced, so that no gradient passes? */
static bool all_cut(const struct changes *forward, int64_t first, int64_t count)
{
	for (int64_t example = first; example < first + count; example++) {
		bool cut = false;
		for (size_t i = 0; i < forward->n && !cut; i++)
			cut = forward->hooks[i].effect == PB_HOOK_CUT && covers(&forward->hooks[i], example);
		if (!cut)
			return false;
	}
	return true;
}

/* The hook's examples of a tensor, tagged. */
static int call_for(const struct pb_bus *bus, const struct pb_hook *hook, const struct pb_view *tensor,
		    struct pb_hook_call *ret_call)
{
	const struct pb_site *site = &bus->sites->items[hook->site_id];
	struct pb_hook_call call = {hook->site_id, site, hook->direction, *tensor, NULL};
	memcpy(call.value.axis, site->axis, sizeof site->axis);
	int rc = 0;
	if (hook->examples)
		rc = pb_view_slice(&call.value, 0, hook->first_example, hook->examples, &call.value);
	if (!rc)
		*ret_call = call;
	return rc;
}

static int fail_at(int rc, const struct pb_bus *bus, const struct pb_hook *hook)
{
	return pb_fail_in(rc, "%s hook at %s", hook->direction == PB_FORWARD ? "forward" : "backward",
			  bus->sites->items[hook->site_id].name);
}

/* Runs an entry's hook on a tensor, and has the device note the largest change it made. */
static int run_hook(struct pb_bus *bus, struct pb_tape *tape, size_t entry, const struct pb_hook *hook,
		    const struct pb_view *tensor)
{
	struct pb_hook_call call;
	struct pb_view before, part;
	int rc = call_for(bus, hook, tensor, &call);
	if (rc)
		return rc;
	pb_error_clear(); /* a hook that fails without a reason must not be given an old one */
	if (hook->effect == PB_HOOK_READ) {
		call.value.flags |= PB_VIEW_READONLY;
		return hook->run(hook->user, &call);
	}
	part = call.value;
	if (hook->region && (rc = hook->region(hook->user, &call, &part)))
		return rc;
	if ((rc = pb_tensor_clone(&tape->pool, &part, &before)))
		return rc;
	call.before = &before;
	if ((rc = hook->run(hook->user, &call)))
		return rc;
	double *change = pb_bus_change(bus, tape->device, entry);
	return change ? pb_view_raise_difference(tape->device, &part, &before, change) : pb_error_status();
}

/* Passes a tensor to the hooks of a point and collects those that may change it. `forward`: what was done to the value
 * whose gradient this is, else NULL. */
static int emit(struct pb_bus *bus, struct pb_tape *tape, int site_id, const struct pb_view *tensor,
		const struct changes *forward, struct changes *changes)
{
	enum pb_direction direction = forward ? PB_BACKWARD : PB_FORWARD;
	int rc = 0;
	size_t n = bus->n; /* a hook added meanwhile waits for the next time */
	bus->emitting++;
	for (size_t i = 0; !rc && i < n; i++) {
		struct pb_hook hook = bus->entries[i].hook; /* a copy: a hook may add hooks, which moves the entries */
		if (!is_at(&bus->entries[i], site_id, direction))
			continue;
		bus->entries[i].reached = true;
		if (!hook.run)
			continue;
		if (forward && all_cut(forward, hook.examples ? hook.first_example : 0,
				       hook.examples ? hook.examples : tensor->shape[0]))
			continue;
		if ((rc = run_hook(bus, tape, i, &hook, tensor))) {
			fail_at(rc, bus, &hook);
			break;
		}
		struct pb_hook_audit *audit = &bus->entries[i].audit;
		audit->fired++;
		audit->cut |= !forward && hook.effect == PB_HOOK_CUT;
		if (hook.effect != PB_HOOK_READ)
			changes->hooks[changes->n++] = hook;
	}
	bus->emitting--;
	return rc;
}

struct site_saved {
	struct pb_bus *bus;
	int site_id;
	struct changes changes; /* of the value */
};

static int zero_cuts(const struct pb_bus *bus, struct pb_tape *tape, const struct changes *forward,
		     const struct pb_view *grad)
{
	struct pb_hook_call call;
	int rc = 0;
	for (size_t i = 0; !rc && i < forward->n; i++)
		if (forward->hooks[i].effect == PB_HOOK_CUT && !(rc = call_for(bus, &forward->hooks[i], grad, &call)))
			rc = pb_view_fill(tape->device, &call.value, 0.0);
	return rc;
}

static int map_gradient(struct pb_tape *tape, const struct pb_hook *hook, const struct pb_hook_call *call)
{
	struct pb_view region;
	if (hook->effect == PB_HOOK_ADJOINT)
		return hook->adjoint(hook->user, call);
	int rc = hook->region(hook->user, call, &region);
	return rc ? rc : pb_view_fill(tape->device, &region, 0.0);
}

/* What a CONSTANT or ADJOINT hook did to the value, done to the gradient of the examples for which no backward hook
 * decided. */
static int apply_effect(const struct pb_bus *bus, struct pb_tape *tape, const struct pb_hook *hook,
			const struct pb_view *grad, const struct changes *backward)
{
	struct pb_hook_call call;
	struct pb_view before, from, to;
	int64_t first = hook->examples ? hook->first_example : 0, decided = 0;
	int rc = call_for(bus, hook, grad, &call);
	if (rc)
		return rc;
	int64_t count = call.value.shape[0];
	for (int64_t i = 0; i < count; i++)
		decided += is_changed(backward, first + i);
	if (decided == count)
		return 0;
	if ((decided || hook->effect == PB_HOOK_ADJOINT) && (rc = pb_tensor_clone(&tape->pool, &call.value, &before)))
		return rc;
	if (hook->effect == PB_HOOK_ADJOINT)
		call.before = &before;
	if ((rc = map_gradient(tape, hook, &call)))
		return fail_at(rc, bus, hook);
	for (int64_t i = 0; decided && !rc && i < count; i++)
		if (is_changed(backward, first + i) && !(rc = pb_view_slice(&before, 0, i, 1, &from)) &&
		    !(rc = pb_view_slice(&call.value, 0, i, 1, &to)))
			rc = pb_view_copy(tape->device, &to, &from);
	return rc;
}

/* Examples whose value was replaced get no gradient behind this point, which is not the same as zero. */
static int miss_cuts(struct pb_tape *tape, const struct changes *forward, int64_t examples)
{
	bool any = false, *missed = pb_arena_array(&tape->arena, (size_t)examples, sizeof *missed);
	if (!missed)
		return -PB_E_NOMEM;
	for (int64_t i = 0; i < examples; i++)
		any |= missed[i] = all_cut(forward, i, 1);
	return any ? pb_tape_miss(tape, examples, missed) : 0;
}

/* All that hooks do to a point's gradient, in place. */
static int change_gradient(struct pb_tape *tape, const struct site_saved *saved, const struct pb_view *grad)
{
	const struct changes *forward = &saved->changes;
	struct changes backward;
	int rc = zero_cuts(saved->bus, tape, forward, grad);
	if (!rc)
		rc = changes_init(saved->bus, tape, saved->site_id, PB_BACKWARD, &backward);
	if (!rc)
		rc = emit(saved->bus, tape, saved->site_id, grad, forward, &backward);
	for (size_t i = forward->n; !rc && i-- > 0;)
		if (forward->hooks[i].effect == PB_HOOK_CONSTANT || forward->hooks[i].effect == PB_HOOK_ADJOINT)
			rc = apply_effect(saved->bus, tape, &forward->hooks[i], grad, &backward);
	return rc ? rc : zero_cuts(saved->bus, tape, forward, grad);
}

static int site_backward(struct pb_tape *tape, struct pb_var *y)
{
	const struct site_saved *saved = y->saved;
	const struct changes *forward = &saved->changes;
	const struct pb_site *site = &saved->bus->sites->items[saved->site_id];
	struct pb_tail *tail = saved->bus->tail;
	struct pb_view dx, grad = y->grad; /* nobody else's any more */
	int rc = tail ? pb_tail_gradient(tail, tape, site, &y->grad, &grad) : 0;
	if (!rc)
		rc = change_gradient(tape, saved, &grad);
	if (!rc && tail)
		rc = pb_tail_cut_gradient(tail, tape, site, &grad, &y->grad);
	if (!rc && tail)
		rc = pb_tape_spare(tape, &grad);
	if (!rc && forward->n)
		rc = miss_cuts(tape, forward, y->grad.shape[0]);
	if (rc || !pb_var_wants_grad(y->in[0]) || (rc = pb_var_grad(tape, y->in[0], &dx)))
		return rc;
	return pb_view_axpy(tape->device, &dx, 1.0, &y->grad);
}

static const struct pb_op site_op = {"site", site_backward, false};

/* What the hooks at a point ask for. */
struct demand {
	bool any, shows, changes, backward; /* shows: to forward hooks that look */
};

static struct demand demand_at(const struct pb_bus *bus, int site_id)
{
	struct demand d = {0};
	for (size_t i = 0; i < bus->n; i++) {
		const struct pb_hook *hook = &bus->entries[i].hook;
		if (bus->entries[i].gone || hook->site_id != site_id)
			continue;
		d.any = true;
		d.shows |= hook->direction == PB_FORWARD && hook->run;
		d.backward |= hook->direction == PB_BACKWARD;
		d.changes |= hook->direction == PB_FORWARD && hook->effect != PB_HOOK_READ;
	}
	return d;
}

/* Lets the hooks see the value and change it; ret_value is what goes on. A changed value is a new tensor: ops behind
 * may have saved the old one. */
static int show_value(struct pb_bus *bus, struct pb_tape *tape, int site_id, const struct pb_view *value,
		      const struct demand *demand, struct changes *changes, struct pb_view *ret_value)
{
	const struct pb_site *site = &bus->sites->items[site_id];
	const bool whole = bus->tail && demand->shows;
	struct pb_view shown = *value, left = *value;
	int rc = 0;
	if (whole)
		rc = pb_tail_value(bus->tail, tape, site, site_id, value, &shown);
	else if (demand->changes)
		rc = pb_tensor_clone(&tape->pool, value, &shown);
	if (!rc)
		rc = emit(bus, tape, site_id, &shown, NULL, changes);
	if (!rc && whole && demand->changes)
		rc = pb_tape_tensor(tape, value->rank, value->shape, &left);
	if (!rc && whole && demand->changes)
		rc = pb_tail_cut(bus->tail, tape, site, &shown, &left);
	if (!rc)
		*ret_value = whole ? left : shown;
	return rc || !whole ? rc : pb_tape_spare(tape, &shown);
}

struct pb_var *pb_bus_site(struct pb_bus *bus, struct pb_tape *tape, int site_id, struct pb_var *x)
{
	if (!bus || site_id < 0 || !bus->n)
		return x;
	struct demand d = demand_at(bus, site_id);
	struct changes changes;
	struct pb_view value;
	if (!d.any)
		return x;
	if (changes_init(bus, tape, site_id, PB_FORWARD, &changes) < 0 ||
	    show_value(bus, tape, site_id, &x->value, &d, &changes, &value) < 0)
		return NULL;
	if (!d.changes && !(d.backward && tape->sink))
		return x;
	bool cut = all_cut(&changes, 0, value.shape[0]);
	struct pb_var *y = pb_tape_node_over(tape, &site_op, false, cut ? NULL : x, NULL, &value);
	struct site_saved *saved = y ? pb_arena_alloc(&tape->arena, sizeof *saved) : NULL;
	if (!saved)
		return NULL;
	*saved = (struct site_saved){bus, site_id, changes};
	y->saved = saved;
	return y;
}

void pb_bus_pass_over(struct pb_bus *bus, int site_id)
{
	for (size_t i = 0; bus && i < bus->n; i++)
		bus->entries[i].reached |= bus->entries[i].hook.site_id < site_id;
}

int pb_bus_check_reached(const struct pb_bus *bus)
{
	for (size_t i = 0; bus && i < bus->n; i++) {
		const struct pb_bus_entry *e = &bus->entries[i];
		if (!e->gone && e->hook.direction == PB_FORWARD && !e->reached)
			return pb_fail(PB_E_NOTFOUND, "the hook at %s did not fire: the pass never reached that point",
				       bus->sites->items[e->hook.site_id].name);
	}
	return 0;
}
