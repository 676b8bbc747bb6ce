/* svg_plot.c: ranges, ticks and frames, as the page's curves.js has them. */
#include "report/svg_plot.h"

#include <math.h>
#include <stdio.h>

void pb_svg_axis_extend(struct pb_svg_axis *axis, double value)
{
	if (!pb_svg_axis_fits(axis, value))
		return;
	axis->low = axis->any ? fmin(axis->low, value) : value;
	axis->high = axis->any ? fmax(axis->high, value) : value;
	axis->any = true;
}

void pb_svg_axis_settle(struct pb_svg_axis *axis, double from, double to)
{
	axis->from = from;
	axis->to = to;
	if (!axis->any) {
		axis->low = axis->log ? 0.1 : 0;
		axis->high = 1;
	}
	if (!axis->log && axis->low >= 0 && axis->high <= 1 && axis->high > 0.2) {
		axis->low = 0;
		axis->high = 1;
	}
	if (axis->high - axis->low >= 1e-12 * fmax(1, fabs(axis->high)))
		return;
	axis->low = axis->log ? axis->low / 2 : axis->low - 0.5;
	axis->high = axis->log ? axis->high * 2 : axis->high + 0.5;
}

bool pb_svg_axis_fits(const struct pb_svg_axis *axis, double value)
{
	return isfinite(value) && (!axis->log || value > 0);
}

double pb_svg_axis_at(const struct pb_svg_axis *axis, double value)
{
	const double share = axis->log ? log10(value / axis->low) / log10(axis->high / axis->low)
				       : (value - axis->low) / (axis->high - axis->low);
	return axis->from + (axis->to - axis->from) * share;
}

static size_t round_ticks(double low, double high, double *ticks)
{
	static const double steps[] = {1, 2, 5, 10};
	enum { ABOUT = 5 };
	const double raw = (high - low) / ABOUT, power = pow(10, floor(log10(raw)));
	double step = 10 * power;
	size_t n = 0;
	for (size_t i = sizeof steps / sizeof *steps; i-- > 0;)
		if (steps[i] * power >= raw * 0.999)
			step = steps[i] * power;
	for (double k = ceil(low / step - 1e-9); k * step <= high + step * 1e-9 && n < PB_SVG_TICKS; k++)
		ticks[n++] = k * step;
	return n;
}

/* Powers of ten, with 2 and 5 between them where the powers are few. */
static size_t log_ticks(double low, double high, double *ticks)
{
	static const double steps[] = {1, 2, 5};
	const double decades = log10(high / low);
	const int per_decade = decades < 2.5 ? 3 : 1, skip = (int)fmax(1, ceil(decades / 6));
	size_t n = 0;
	for (int e = (int)floor(log10(low)); e <= (int)ceil(log10(high)); e++)
		for (int i = 0; i < per_decade && n < PB_SVG_TICKS; i++) {
			const double tick = steps[i] * pow(10, e);
			if (e % skip == 0 && tick >= low * 0.999 && tick <= high * 1.001)
				ticks[n++] = tick;
		}
	return n;
}

size_t pb_svg_axis_ticks(const struct pb_svg_axis *axis, double ret_ticks[PB_SVG_TICKS])
{
	return axis->log ? log_ticks(axis->low, axis->high, ret_ticks)
			 : round_ticks(axis->low, axis->high, ret_ticks);
}

static void write_tick(double value, double span, char *text, size_t size)
{
	snprintf(text, size, "%.4g", fabs(value) < 1e-9 * span ? 0 : value);
}

void pb_svg_columns(struct pb_svg *svg, const struct pb_svg_axis *x, const struct pb_svg_axis *y, const char *name,
		    bool lines)
{
	const struct pb_svg_type below = {.size = 10, .anchor = PB_SVG_MIDDLE};
	double ticks[PB_SVG_TICKS];
	char text[32];
	const size_t n = pb_svg_axis_ticks(x, ticks);
	for (size_t i = 0; i < n; i++) {
		const double at = pb_svg_axis_at(x, ticks[i]);
		write_tick(ticks[i], x->high - x->low, text, sizeof text);
		if (lines)
			pb_svg_line(svg, at, y->to, at, y->from, PB_SVG_RULE, false);
		pb_svg_line(svg, at, y->from, at, y->from + 4, PB_SVG_INK, false);
		pb_svg_text(svg, at, y->from + 16, &below, text);
	}
	pb_svg_line(svg, x->from, y->from, x->to, y->from, PB_SVG_INK, false);
	pb_svg_text(svg, (x->from + x->to) / 2, y->from + 32,
		    &(struct pb_svg_type){.size = 11, .anchor = PB_SVG_MIDDLE, .room = x->to - x->from}, name);
}

void pb_svg_frame(struct pb_svg *svg, const struct pb_svg_axis *x, const struct pb_svg_axis *y, const char *x_name,
		  const char *y_name, bool grid)
{
	const struct pb_svg_type left = {.size = 10, .anchor = PB_SVG_END};
	const struct pb_svg_type side = {
		.size = 11, .anchor = PB_SVG_MIDDLE, .turned = true, .room = y->from - y->to};
	double ticks[PB_SVG_TICKS];
	char text[32];
	const size_t n = pb_svg_axis_ticks(y, ticks);
	for (size_t i = 0; i < n; i++) {
		const double at = pb_svg_axis_at(y, ticks[i]);
		write_tick(ticks[i], y->high - y->low, text, sizeof text);
		pb_svg_line(svg, x->from, at, x->to, at, PB_SVG_RULE, false);
		pb_svg_text(svg, x->from - 6, at + 3.5, &left, text);
	}
	pb_svg_columns(svg, x, y, x_name, grid);
	if (y_name)
		pb_svg_text(svg, x->from - 42, (y->from + y->to) / 2, &side, y_name);
}
