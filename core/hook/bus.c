/* bus.c: ordered, scoped, audited hooks. */
#include "hook/bus.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"

struct pb_bus_entry {
	struct pb_hook hook;
	struct pb_hook_audit audit;
	int id;
	bool gone, reached;
};

void pb_bus_init(struct pb_bus *bus, const struct pb_sites *sites)
{
	*bus = (struct pb_bus){.sites = sites};
}

void pb_bus_finish(struct pb_bus *bus)
{
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
	bus->entries[bus->n++] = (struct pb_bus_entry){.hook = *hook, .id = bus->next_id};
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

const struct pb_hook_audit *pb_bus_audit(const struct pb_bus *bus, int id)
{
	for (size_t i = 0; i < bus->n; i++)
		if (bus->entries[i].id == id && !bus->entries[i].gone)
			return &bus->entries[i].audit;
	return NULL;
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

static bool covers_all(const struct pb_hook *hook, int64_t batch)
{
	return !hook->examples || (hook->first_example == 0 && hook->examples == batch);
}

/* The hook's examples of a tensor, tagged. */
static int call_for(const struct pb_bus *bus, const struct pb_hook *hook, const struct pb_view *tensor,
		    struct pb_hook_call *ret_call)
{
	const struct pb_site *site = &bus->sites->items[hook->site_id];
	struct pb_hook_call call = {hook->site_id, site, hook->direction, *tensor};
	memcpy(call.value.axis, site->axis, sizeof site->axis);
	int rc = 0;
	if (hook->examples)
		rc = pb_view_slice(&call.value, 0, hook->first_example, hook->examples, &call.value);
	if (!rc)
		*ret_call = call;
	return rc;
}

/* Runs one hook on a tensor and audits it. Works on a copy of the entry's place: a hook may add hooks, which moves entries. */
static int run_hook(struct pb_bus *bus, struct pb_tape *tape, size_t i, const struct pb_view *tensor)
{
	struct pb_hook hook = bus->entries[i].hook;
	struct pb_hook_call call;
	struct pb_view before;
	double change = 0.0;
	int rc = call_for(bus, &hook, tensor, &call);
	if (rc)
		return rc;
	if (hook.effect == PB_HOOK_READ)
		call.value.flags |= PB_VIEW_READONLY;
	else if ((rc = pb_tensor_clone(&tape->pool, &call.value, &before)))
		return rc;
	if ((rc = hook.run(hook.user, &call)))
		return pb_fail_in(rc, "%s hook at %s", hook.direction == PB_FORWARD ? "forward" : "backward",
				  call.site->name);
	if (hook.effect != PB_HOOK_READ &&
	    (rc = pb_view_max_difference(tape->device, &call.value, &before, &change)))
		return rc;
	struct pb_hook_audit *audit = &bus->entries[i].audit;
	audit->fired++;
	if (change > audit->max_change)
		audit->max_change = change;
	return 0;
}

static int emit(struct pb_bus *bus, struct pb_tape *tape, int site_id, enum pb_direction direction,
		const struct pb_view *tensor)
{
	int rc = 0;
	size_t n = bus->n; /* a hook added meanwhile waits for the next time */
	bus->emitting++;
	for (size_t i = 0; !rc && i < n; i++) {
		if (!is_at(&bus->entries[i], site_id, direction))
			continue;
		bus->entries[i].reached = true;
		rc = run_hook(bus, tape, i, tensor);
	}
	bus->emitting--;
	return rc;
}

struct site_saved {
	struct pb_bus *bus;
	int site_id;
};

/* Does a backward hook that changes the gradient cover example `at`? */
static bool backward_decides(const struct pb_bus *bus, int site_id, const struct pb_hook *forward)
{
	for (size_t i = 0; i < bus->n; i++) {
		const struct pb_hook *h = &bus->entries[i].hook;
		if (!is_at(&bus->entries[i], site_id, PB_BACKWARD) || h->effect == PB_HOOK_READ)
			continue;
		if (!h->examples || !forward->examples)
			return true;
		if (h->first_example <= forward->first_example &&
		    forward->first_example + forward->examples <= h->first_example + h->examples)
			return true;
	}
	return false;
}

/* What forward hook i did to the value, done to the gradient. */
static int apply_effect(struct pb_bus *bus, struct pb_tape *tape, const struct pb_hook *hook,
			const struct pb_view *grad)
{
	struct pb_hook_call call;
	struct pb_view region;
	int rc = 0;
	if (hook->effect < PB_HOOK_CONSTANT || (rc = call_for(bus, hook, grad, &call)))
		return rc;
	if (hook->effect == PB_HOOK_CUT)
		return pb_view_fill(tape->device, &call.value, 0.0);
	if (backward_decides(bus, hook->site_id, hook))
		return 0;
	if (hook->effect == PB_HOOK_ADJOINT)
		return hook->adjoint(hook->user, &call);
	rc = hook->region(hook->user, &call, &region);
	return rc ? rc : pb_view_fill(tape->device, &region, 0.0);
}

static int site_backward(struct pb_tape *tape, struct pb_var *y)
{
	const struct site_saved *saved = y->saved;
	struct pb_bus *bus = saved->bus;
	struct pb_view dx;
	/* y's gradient is nobody else's any more: it is changed in place. */
	int rc = emit(bus, tape, saved->site_id, PB_BACKWARD, &y->grad);
	for (size_t i = bus->n; !rc && i-- > 0;)
		if (is_at(&bus->entries[i], saved->site_id, PB_FORWARD))
			rc = apply_effect(bus, tape, &bus->entries[i].hook, &y->grad);
	if (rc || !pb_var_wants_grad(y->in[0]) || (rc = pb_var_grad(tape, y->in[0], &dx)))
		return rc;
	return pb_view_axpy(tape->device, &dx, 1.0, &y->grad);
}

static const struct pb_op site_op = {"site", site_backward};

/* What the hooks at a site ask for. */
struct demand {
	bool any, changes, backward, cut;
};

static struct demand demand_at(struct pb_bus *bus, int site_id, int64_t batch)
{
	struct demand d = {0};
	for (size_t i = 0; i < bus->n; i++) {
		struct pb_bus_entry *e = &bus->entries[i];
		if (e->gone || e->hook.site_id != site_id)
			continue;
		d.any = true;
		if (e->hook.direction == PB_BACKWARD) {
			d.backward = true;
			continue;
		}
		d.changes |= e->hook.effect != PB_HOOK_READ;
		e->audit.cut |= e->hook.effect == PB_HOOK_CUT;
		d.cut |= e->hook.effect == PB_HOOK_CUT && covers_all(&e->hook, batch);
	}
	return d;
}

struct pb_var *pb_bus_site(struct pb_bus *bus, struct pb_tape *tape, int site_id, struct pb_var *x)
{
	if (!bus || site_id < 0 || !bus->n)
		return x;
	struct demand d = demand_at(bus, site_id, x->value.shape[0]);
	struct pb_view value = x->value;
	if (!d.any)
		return x;
	/* A changed value is a new tensor: ops behind may have saved the old one. */
	if (d.changes && pb_tensor_clone(&tape->pool, &x->value, &value) < 0)
		return NULL;
	if (emit(bus, tape, site_id, PB_FORWARD, &value) < 0)
		return NULL;
	if (!d.changes && !(d.backward && tape->sink))
		return x;
	struct pb_var *y = pb_tape_node_over(tape, &site_op, false, d.cut ? NULL : x, NULL, &value);
	struct site_saved *saved = y ? pb_arena_alloc(&tape->arena, sizeof *saved) : NULL;
	if (!saved)
		return NULL;
	*saved = (struct site_saved){bus, site_id};
	y->saved = saved;
	return y;
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
