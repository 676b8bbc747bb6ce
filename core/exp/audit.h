/* audit.h: what the hooks of a sweep did, in plain words. */
#ifndef PB_EXP_AUDIT_H
#define PB_EXP_AUDIT_H

#include "exp/plan.h"

/* Notes on a finished sweep, from the arena: patches that changed nothing, backward hooks that never fired, graphs that
 * were cut, ends of the score that coincide, and what follows for the scores. */
int pb_audit_sweep(const struct pb_plan *plan, const struct pb_plan_sweep *sweep, const struct pb_result_cell *cells,
                   size_t n_cells, bool score_defined, struct pb_arena *arena, const char *const **ret_notes,
                   size_t *ret_n_notes);

#endif
