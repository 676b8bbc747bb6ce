/* patch.h: a setter plugin as hooks on the bus: one region at a time, or a whole cell. */
#ifndef PB_EXP_PATCH_H
#define PB_EXP_PATCH_H

#include "exp/means.h"

/* One region, one direction. Must stay until its scope on the bus ends. */
struct pb_patch {
	const struct pb_plan_sweep *sweep;
	const struct pb_plan_patch *place;
	enum pb_direction direction;
	int64_t first_example, examples; /* of the batch that it is for; examples 0: all */
	struct pb_device *device; /* of the tensors */
	bool has_source;
	struct pb_view source; /* the whole tensor of the source for these examples, axes tagged */
	uint64_t stream;       /* of its random numbers; set by attach, as hook_id */
	int hook_id;           /* on the bus; -1: none */
	bool failed;           /* its setter did */
	bool explain;          /* what the setter wrote is looked at; not finite, it is -PB_E_NUMERIC */
};

/* Adds the patch to the bus's present scope. In mode `torch` a forward patch has the gradient effect that its setter
 * declares; in mode `pass` none. */
int pb_patch_attach(struct pb_patch *patch, struct pb_bus *bus, enum pb_gradient_mode mode);

/* Where a cell's patches go and what they copy from. */
struct pb_patch_context {
	struct pb_device *device;
	struct pb_bus *bus;
	const struct pb_cache *clean, *corrupted;
	int64_t first_source, sources; /* examples of the caches that are the cell's probe */
	const struct pb_means *means;
	int64_t first_example, examples; /* of the batch; examples 0: all */
	bool explain; /* as in pb_patch */
};

/* A cell's patches: for each place forward, then backward. patches [2 * cell->n_patches], zeroed or not. */
int pb_cell_attach(const struct pb_patch_context *context, const struct pb_plan_sweep *sweep,
		   const struct pb_plan_cell *cell, struct pb_patch *patches);
/* What the bus saw of them: forward, backward and graph_cut of the result. Before the scope ends. */
void pb_cell_audit(struct pb_bus *bus, const struct pb_patch *patches, size_t n, struct pb_result_cell *cell);

#endif
