/* example.h: made-up runs, so that files, pictures and the page can be tested and looked at without a real one. */
#ifndef PB_TESTS_REPORT_EXAMPLE_H
#define PB_TESTS_REPORT_EXAMPLE_H

#include "base/arena.h"
#include "report/result.h"

/* A cell's numbers are smooth functions of its index; seed moves them. NULL: out of memory. */
struct pb_result_sweep *pb_example_sweep(struct pb_arena *arena, const char *name, size_t n_axes,
                                         const char *const *names, const int64_t *sizes, double seed);
/* A sweep over one axis with exactly these scores. */
struct pb_result_sweep *pb_example_strip(struct pb_arena *arena, const char *name, const char *axis, size_t n,
                                         const char *const *labels, const double *scores);
/* A run as a user would have it: training, units, probe, seven sweeps. */
const struct pb_result_run *pb_example_run(struct pb_arena *arena);
/* A run made of what is awkward: one cell, no cells, all NaN, no score, 500 cells, names in other scripts, markup. */
const struct pb_result_run *pb_example_edges(struct pb_arena *arena);
/* A run over three units, one sweep. Cell c's spreads are made of c: not those of the units' tables. */
const struct pb_result_run *pb_example_units(struct pb_arena *arena);
/* A run of sweeps over 0 to 4 axes, of 1 to 2000 cells, with idle patches, and of patterns of many heads and tokens. */
const struct pb_result_run *pb_example_shapes(struct pb_arena *arena);
const struct pb_result_pattern *pb_example_pattern(struct pb_arena *arena, const char *unit, int64_t n_layers,
						   int64_t n_heads, int64_t n_pos);
const struct pb_result_update *pb_example_update(struct pb_arena *arena, const char *unit, size_t n_layers);
/* A run with nothing in it. */
const struct pb_result_run *pb_example_empty(struct pb_arena *arena);

#endif
