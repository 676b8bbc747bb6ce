/* compare.h: several runs as one, to be shown side by side. */
#ifndef PB_REPORT_COMPARE_H
#define PB_REPORT_COMPARE_H

#include "base/arena.h"
#include "report/result.h"

/* names [n]: what the runs are called, each another; n >= 2. Sweeps of one name follow each other, "NAME (RUN)", and of two runs
 * with the same axes there is "NAME: B minus A" behind them, cell by cell, where the scores' difference (or the metrics', if one
 * has no score) is shown around 0. Stages, tables, drill-downs and notes are named likewise. Everything new is the arena's; the rest
 * stays where it is in `runs`. -PB_E_NOMEM. */
int pb_report_compare(const struct pb_result_run *runs, const char *const *names, size_t n, struct pb_arena *arena,
		      struct pb_result_run *ret_run);

#endif
