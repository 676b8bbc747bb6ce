/* sweep_cells.h: making a sweep's cells, or finding them. */
#ifndef PB_EXP_SWEEP_CELLS_H
#define PB_EXP_SWEEP_CELLS_H

#include "exp/sweep.h"

/* One probe's result so far. */
struct pb_sweep_table {
	struct pb_result_sweep *result;
	struct pb_result_cell *cells;
	const char *broken; /* why the first cell without a number has none */
};

/* All cells of `tables` [n_probes], as far as they are this process's to make. *ret_done: all before this place, probe after
 * probe, are there. */
int pb_sweep_cells(struct pb_engine *engine, const struct pb_plan_sweep *sweep, const struct pb_sweep_log *log,
		   struct pb_progress *progress, struct pb_arena *arena, struct pb_sweep_table *tables, size_t *ret_done);

#endif
