/* scale.h: which number of a cell is shown, how it is written, where it falls on the colour scale, and how the axes
 * become rows, columns and facets. */
#ifndef PB_REPORT_SCALE_H
#define PB_REPORT_SCALE_H

#include "report/result.h"

#define PB_SCALE_TEXT 16

struct pb_scale {
	const struct pb_result_sweep *sweep;
	double neutral, half; /* the middle of the colours, and the distance at which they end */
	int decimals;         /* -1: as d.de+xx */
};

/* A distance from the neutral value that is a rounding error's worth. */
double pb_scale_rounding(double neutral);
void pb_scale_init(struct pb_scale *scale, const struct pb_result_sweep *sweep);
/* The cell's score, or its metric where the score is not defined; as estimated where there is only that. */
double pb_scale_value(const struct pb_result_sweep *sweep, size_t cell);
/* Its place between the ends of the colours, -1 .. 1; NaN for NaN. */
double pb_scale_place(const struct pb_scale *scale, double value);
/* Two or three significant digits, few enough columns for a cell: "0.39", "12.3", "1.2e-05", "nan". */
void pb_scale_write(const struct pb_scale *scale, double value, char ret_text[PB_SCALE_TEXT]);

/* The last axis runs along the columns, the one before it along the rows, the others make facets. */
struct pb_grid {
	const struct pb_result_axis *row_axis, *column_axis; /* NULL where there are too few axes */
	size_t facets, rows, columns;
};

struct pb_grid pb_grid_of(const struct pb_result_sweep *sweep);
/* One axis with names rather than numbers reads better downwards: it becomes the rows. */
void pb_grid_turn_strip(struct pb_grid *grid, const struct pb_result_sweep *sweep);
/* The index of cell `cell` on axis `axis`, in row-major order. */
size_t pb_grid_index(const struct pb_result_sweep *sweep, size_t cell, size_t axis);

#endif
