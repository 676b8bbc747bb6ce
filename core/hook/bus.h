/* bus.h: hooks on activations and gradients, and the audit of what they did.
 *
 * A model passes every hook point's activation through pb_bus_site. Forward hooks see it and may change it; backward
 * hooks see dLoss/d(the value that went on) and may change the gradient that continues upstream. Hooks on one point run
 * in the order in which they were added, each on what the one before left. A hook belongs to a range of the batch's
 * examples, so that many cells can share one pass. Hooks live in a scope and are gone when it ends.
 */
#ifndef PB_HOOK_BUS_H
#define PB_HOOK_BUS_H

#include <patchbay/setter.h>

#include "hook/tail.h"

/* What a forward hook means for the gradient. */
enum pb_hook_effect {
	PB_HOOK_READ = 0, /* changes nothing; its view is read-only */
	PB_HOOK_PASS,     /* changes the value, the gradient passes as if it had not */
	PB_HOOK_CONSTANT, /* `region` holds constants now: their gradient is zero upstream */
	PB_HOOK_CUT,      /* the tensor was replaced: nothing upstream gets a gradient */
	PB_HOOK_ADJOINT,  /* a linear map was applied: `adjoint` maps the gradient back */
};
/* A backward hook that changes the gradient decides alone what continues upstream for its examples: CONSTANT and
 * ADJOINT at the same point no longer apply to them, as with PyTorch's full backward hooks. Behind a CUT no backward
 * hook of this point fires. A CUT of some of the examples leaves them a gradient of zero; once all are cut, the point
 * and what is only behind it get none. What a hook did to a value counts for the gradient even if the hook is gone by
 * then. */

struct pb_hook_call {
	int site_id;
	const struct pb_site *site;
	enum pb_direction direction;
	struct pb_view value; /* the hook's examples; [examples, ...], contiguous, axes tagged */
	const struct pb_view *before; /* a copy of what the hook's region, or for `adjoint` all of it, holds now; for hooks that change
				       * something */
};

struct pb_hook {
	int site_id;
	enum pb_direction direction;
	enum pb_hook_effect effect;      /* backward hooks: READ or anything else */
	int64_t first_example, examples; /* examples 0: all of the batch */
	void *user;                      /* until the tape's reset */
	/* May change call->value unless READ. NULL: nothing, the point is just to be evaluated (READ only). */
	int (*run)(void *user, const struct pb_hook_call *call);
	/* The only part of the value that `run` changes (CONSTANT: that became constant); the audit looks nowhere else.
	 * NULL: all of it; CONSTANT needs one. */
	int (*region)(void *user, const struct pb_hook_call *call, struct pb_view *ret_region);
	/* ADJOINT: call->value is the gradient, to be mapped in place. */
	int (*adjoint)(void *user, const struct pb_hook_call *call);
};

struct pb_hook_audit {
	int64_t fired;     /* how often it ran */
	double max_change; /* largest |new - old| over all its runs; 0 for READ */
	bool cut;          /* the graph was cut here */
};

struct pb_bus {
	const struct pb_sites *sites;
	struct pb_tail *tail;         /* what passes leave out; NULL: nothing. Until the pass's backward is done */
	struct pb_bus_entry *entries; /* owned */
	size_t n, room;
	int emitting;
	int next_id;
	struct pb_bus_changes *changes; /* what hooks changed, as far as the device has not told it yet */
};

void pb_bus_init(struct pb_bus *bus, const struct pb_sites *sites);
void pb_bus_finish(struct pb_bus *bus);

/* Everything added after pb_bus_begin is gone after pb_bus_end(mark). Scopes nest. */
size_t pb_bus_begin(struct pb_bus *bus);
void pb_bus_end(struct pb_bus *bus, size_t mark);
/* Copies the hook. ret_id may be NULL. Fails on a point that the model does not have. */
int pb_bus_add(struct pb_bus *bus, const struct pb_hook *hook, int *ret_id);
/* A hook may remove itself or others while it runs. */
void pb_bus_remove(struct pb_bus *bus, int id);
/* Waits for the device. NULL: gone. */
const struct pb_hook_audit *pb_bus_audit(struct pb_bus *bus, int id);

bool pb_bus_wants(const struct pb_bus *bus, int site_id); /* any hook there */
/* Passes an activation through its point: x itself where nobody changes it. bus may be NULL. NULL on failure. */
struct pb_var *pb_bus_site(struct pb_bus *bus, struct pb_tape *tape, int site_id, struct pb_var *x);
/* Hook points before this one are left out of the pass on purpose: their forward hooks count as reached. */
void pb_bus_pass_over(struct pb_bus *bus, int site_id);
/* -PB_E_NOTFOUND, naming the point, if a forward hook's point was never reached since it was added. Those that a hook
 * added count as reached. */
int pb_bus_check_reached(const struct pb_bus *bus);

#endif
