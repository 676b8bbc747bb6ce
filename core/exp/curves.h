/* curves.h: a stage's measured points while they are being made. */
#ifndef PB_EXP_CURVES_H
#define PB_EXP_CURVES_H

#include "exp/plan.h"

/* Series 0 is the training loss, series i + 1 the stage's evaluation i. */
struct pb_curves {
	const struct pb_plan_stage *stage;
	struct pb_arena *arena;
	size_t n_points, room, n_series;
	double *values; /* [n_points, 1 + n_series]: x first; owned until finish */
};

int pb_curves_init(struct pb_curves *curves, const struct pb_plan_stage *stage, struct pb_arena *arena);
int pb_curves_begin_point(struct pb_curves *curves, double x, double loss); /* other series NaN */
void pb_curves_set(struct pb_curves *curves, size_t series, double value);  /* of the last point */
/* Points that were measured before: rows [n_points, 1 + n_series]. */
int pb_curves_restore(struct pb_curves *curves, const double *values, size_t n_points);
/* Moves the points to the arena, one array a series. Frees the curves in any case. */
int pb_curves_finish(struct pb_curves *curves, struct pb_result_stage *result);

#endif
