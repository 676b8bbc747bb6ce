/* svg_curves.c: a training stage's curves: losses beside everything else. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/draw.h"
#include "report/figures.h"
#include "report/svg_plot.h"

enum {
	MARGIN = 16,
	PANEL = 430, /* wide */
	HIGH = 230,  /* of the plot */
	LEFT = 58,   /* of a panel, for the axis */
	BELOW = 40,
	LINE = 15,
	MOST_POINTS = 1000, /* of a curve: curves/ has them all */
};

static bool is_loss(const struct pb_result_series *series)
{
	return strcasestr(series->name, "loss");
}

static size_t count_panel(const struct pb_result_stage *stage, bool losses)
{
	size_t n = 0;
	for (size_t s = 0; s < stage->n_series; s++)
		n += is_loss(&stage->series[s]) == losses;
	return n;
}

static size_t stride_of(const struct pb_result_stage *stage)
{
	return (stage->n_points + MOST_POINTS - 1) / MOST_POINTS;
}

/* The last point is always one of those that are drawn. */
static size_t next_point(const struct pb_result_stage *stage, size_t i)
{
	const size_t next = i + stride_of(stage), last = stage->n_points - 1;
	return i == last ? stage->n_points : next < last ? next : last;
}

static void draw_series(struct pb_svg *svg, const struct pb_result_stage *stage, const struct pb_svg_axis *x,
			const struct pb_svg_axis *y, const double *values, size_t color)
{
	bool down = false;
	pb_svg_curve_begin(svg, pb_svg_series(color), color > 5);
	for (size_t i = 0; i < stage->n_points; i = next_point(stage, i)) {
		const bool usable = pb_svg_axis_fits(y, values[i]) && isfinite(stage->x[i]);
		if (usable)
			pb_svg_curve_point(svg, pb_svg_axis_at(x, stage->x[i]), pb_svg_axis_at(y, values[i]), down);
		down = usable;
	}
	pb_svg_curve_end(svg);
}

static double last_of(const struct pb_result_stage *stage, const double *values)
{
	double last = NAN;
	for (size_t i = 0; i < stage->n_points; i++)
		last = isfinite(values[i]) ? values[i] : last;
	return last;
}

static void draw_key(struct pb_svg *svg, const struct pb_result_stage *stage, const struct pb_result_series *series,
		     double x, double y, size_t color)
{
	struct pb_text key = {0};
	pb_text_add(&key, "%s ", series->name);
	if (isfinite(last_of(stage, series->values)))
		pb_draw_number(&key, last_of(stage, series->values));
	pb_svg_curve_begin(svg, pb_svg_series(color), color > 5);
	pb_svg_curve_point(svg, x, y - 4, false);
	pb_svg_curve_point(svg, x + 18, y - 4, true);
	pb_svg_curve_end(svg);
	pb_svg_text(svg, x + 24, y, &(struct pb_svg_type){.size = 11, .room = PANEL - LEFT - 24},
		    key.data ? key.data : "");
	pb_text_finish_part(&key, &svg->text);
}

static void draw_panel(struct pb_svg *svg, const struct pb_result_stage *stage, double left, double top, bool losses)
{
	struct pb_svg_axis x = {0}, y = {0};
	size_t color = 0;
	for (size_t s = 0; s < stage->n_series; s++)
		for (size_t i = 0; i < stage->n_points && losses; i++)
			y.log |= is_loss(&stage->series[s]) && stage->series[s].values[i] > 0;
	for (size_t i = 0; i < stage->n_points; i++) {
		pb_svg_axis_extend(&x, stage->x[i]);
		for (size_t s = 0; s < stage->n_series; s++)
			if (is_loss(&stage->series[s]) == losses)
				pb_svg_axis_extend(&y, stage->series[s].values[i]);
	}
	pb_svg_axis_settle(&x, left + LEFT, left + PANEL - 12);
	pb_svg_axis_settle(&y, top + HIGH, top);
	pb_svg_frame(svg, &x, &y, stage->x_label, NULL, false);
	for (size_t s = 0; s < stage->n_series; s++) {
		const struct pb_result_series *series = &stage->series[s];
		if (is_loss(series) != losses)
			continue;
		draw_series(svg, stage, &x, &y, series->values, color);
		draw_key(svg, stage, series, left + LEFT, top + HIGH + BELOW + LINE * (double)(color + 1), color);
		color++;
	}
}

void pb_figure_stage(struct pb_svg *svg, const struct pb_result_stage *stage)
{
	const struct pb_svg_type title = {.size = 15, .bold = true}, about = {.size = 11, .color = PB_SVG_SOFT};
	const size_t losses = count_panel(stage, true), others = count_panel(stage, false),
		     most = losses > others ? losses : others;
	const double width = losses && others ? 2 * PANEL : PANEL, top = MARGIN + 46;
	struct pb_text words = {0};
	pb_text_add(&words, "%zu point%s%s%s", stage->n_points, stage->n_points == 1 ? "" : "s",
		    stage->stopped ? "; ended: " : "", stage->stopped ? stage->stopped : "");
	const char *facts = words.data ? words.data : "";
	pb_svg_begin(svg, width + 2 * MARGIN, top + HIGH + BELOW + LINE * (double)(most + 1) + MARGIN, stage->name,
		     facts);
	pb_svg_text(svg, MARGIN, MARGIN + 12, &(struct pb_svg_type){.size = title.size, .bold = true, .room = width},
		    stage->name);
	pb_svg_text(svg, MARGIN, MARGIN + 30,
		    &(struct pb_svg_type){.size = about.size, .color = about.color, .room = width}, facts);
	if (losses)
		draw_panel(svg, stage, MARGIN, top, true);
	if (others)
		draw_panel(svg, stage, MARGIN + (losses ? PANEL : 0), top, false);
	pb_svg_end(svg);
	pb_text_finish_part(&words, &svg->text);
}
