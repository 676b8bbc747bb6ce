/* parts.h: which parameters carry the first-order change, as a table of the run. */
#ifndef PB_EXP_PARTS_H
#define PB_EXP_PARTS_H

#include "exp/engine.h"

struct pb_parts {
	size_t n, room;
	struct pb_result_part *items;
};

/* Appends what each parameter of both updates of one of the engine's probes contributes; nothing where no sweep wants
 * estimates. `unit` and the arena must outlive the run. */
int pb_parts_add(const struct pb_engine *engine, size_t probe, const char *unit, struct pb_arena *arena,
		 struct pb_parts *parts);

#endif
