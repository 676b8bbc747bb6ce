/* svg_plot.h: axes of a plot. */
#ifndef PB_REPORT_SVG_PLOT_H
#define PB_REPORT_SVG_PLOT_H

#include "report/svg.h"

/* From values to places of the picture. */
struct pb_svg_axis {
	bool log;         /* values that are not positive do not fit */
	bool any;         /* has seen a value */
	double low, high; /* values */
	double from, to;  /* their places */
};

/* The values that are to fit, one by one, then where the axis lies. An axis of shares (0 .. 1) is that whole. */
void pb_svg_axis_extend(struct pb_svg_axis *axis, double value);
void pb_svg_axis_settle(struct pb_svg_axis *axis, double from, double to);
bool pb_svg_axis_fits(const struct pb_svg_axis *axis, double value);
double pb_svg_axis_at(const struct pb_svg_axis *axis, double value);
/* Round numbers, or powers of ten; returns how many. */
enum { PB_SVG_TICKS = 32 };
size_t pb_svg_axis_ticks(const struct pb_svg_axis *axis, double ret_ticks[PB_SVG_TICKS]);
/* The x axis with its ticks and name below the plot, and lines behind it. */
void pb_svg_columns(struct pb_svg *svg, const struct pb_svg_axis *x, const struct pb_svg_axis *y, const char *name,
		    bool lines);
/* Axes with ticks and names, lines behind the plot at y's ticks, and at x's too where `grid`. */
void pb_svg_frame(struct pb_svg *svg, const struct pb_svg_axis *x, const struct pb_svg_axis *y, const char *x_name,
		  const char *y_name, bool grid);

#endif
