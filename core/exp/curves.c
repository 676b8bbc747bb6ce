/* curves.c: rows of points, turned into columns at the end. */
#include "exp/curves.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

int pb_curves_init(struct pb_curves *curves, const struct pb_plan_stage *stage, struct pb_arena *arena)
{
	*curves = (struct pb_curves){.stage = stage, .arena = arena, .n_series = 1 + stage->n_evaluations};
	return 0;
}

int pb_curves_begin_point(struct pb_curves *curves, double x, double loss)
{
	size_t width = 1 + curves->n_series;
	if (curves->n_points == curves->room) {
		size_t room = curves->room ? curves->room * 2 : 64;
		double *values = realloc(curves->values, room * width * sizeof *values);
		if (!values)
			return pb_fail_nomem(room * width * sizeof *values, "training curves");
		curves->values = values;
		curves->room = room;
	}
	double *point = curves->values + curves->n_points++ * width;
	for (size_t i = 0; i < width; i++)
		point[i] = NAN;
	point[0] = x;
	point[1] = loss;
	return 0;
}

void pb_curves_set(struct pb_curves *curves, size_t series, double value)
{
	curves->values[(curves->n_points - 1) * (1 + curves->n_series) + 1 + series] = value;
}

int pb_curves_restore(struct pb_curves *curves, const double *values, size_t n_points)
{
	size_t width = 1 + curves->n_series;
	int rc = 0;
	for (size_t i = 0; !rc && i < n_points; i++) {
		rc = pb_curves_begin_point(curves, 0, 0);
		if (!rc)
			memcpy(curves->values + i * width, values + i * width, width * sizeof *values);
	}
	return rc;
}

static double *column(const struct pb_curves *c, size_t i)
{
	double *values = pb_arena_array(c->arena, c->n_points, sizeof *values);
	for (size_t k = 0; values && k < c->n_points; k++)
		values[k] = c->values[k * (1 + c->n_series) + i];
	return values;
}

int pb_curves_finish(struct pb_curves *curves, struct pb_result_stage *result)
{
	struct pb_result_series *series = pb_arena_array(curves->arena, curves->n_series, sizeof *series);
	int rc = series && (result->x = column(curves, 0)) ? 0 : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < curves->n_series; i++) {
		series[i].name = i ? curves->stage->evaluations[i - 1].label : "loss";
		series[i].values = column(curves, i + 1);
		if (!series[i].values)
			rc = -PB_E_NOMEM;
	}
	if (!rc) {
		result->n_points = curves->n_points;
		result->n_series = curves->n_series;
		result->series = series;
	}
	free(curves->values);
	*curves = (struct pb_curves){0};
	return rc;
}
