/* patch.h: a setter plugin as hooks on the bus. */
#ifndef PB_EXP_PATCH_H
#define PB_EXP_PATCH_H

#include "exp/plan.h"
#include "hook/cache.h"

/* One region, one direction. Must stay until its scope on the bus ends. */
struct pb_patch {
	const struct pb_plan_sweep *sweep;
	const struct pb_plan_patch *place;
	enum pb_direction direction;
	const struct pb_view *source; /* the whole tensor of the source, axes tagged; NULL: the setter needs none */
	uint64_t stream;              /* of its random numbers; set by attach, as hook_id */
	int hook_id;                  /* on the bus */
};

/* Adds the patch to the bus's present scope, for the whole batch. In mode `torch` a forward patch has the gradient effect that
 * its setter declares; in mode `pass` none. */
int pb_patch_attach(struct pb_patch *patch, struct pb_bus *bus, enum pb_gradient_mode mode);

#endif
