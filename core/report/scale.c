/* scale.c: the numbers of a heat map: value, place on the colour scale, digits, rows and columns. */
#include "report/scale.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/report.h"
#include "report/utf8.h"

/* In single precision a patch that changes nothing moves the score by some 1e-5; that must not look like an effect. */
double pb_scale_rounding(double neutral)
{
	return 1e-4 * fmax(1, fabs(neutral));
}

double pb_scale_value(const struct pb_result_sweep *sweep, size_t cell)
{
	const struct pb_result_cell *c = &sweep->cells[cell];
	if (sweep->estimate && sweep->estimate->only)
		return sweep->score_defined ? c->estimate_score : c->estimate;
	return sweep->score_defined ? c->score : c->metric;
}

static double neutral_of(const struct pb_result_sweep *sweep)
{
	double neutral = sweep->neutral;
	/* Without a score the two ends coincide, and either is where nothing happened. */
	if (!sweep->score_defined)
		neutral = isfinite(sweep->metric_corrupted) ? sweep->metric_corrupted : sweep->metric_clean;
	return isfinite(neutral) ? neutral : 0;
}

double pb_scale_half_width(const struct pb_result_sweep *sweep)
{
	double neutral = neutral_of(sweep), half = pb_scale_rounding(neutral);
	for (size_t c = 0; c < sweep->n_cells; c++) {
		double distance = fabs(pb_scale_value(sweep, c) - neutral);
		if (isfinite(distance) && distance > half)
			half = distance;
	}
	return half;
}

static int decimals_of(const struct pb_result_sweep *sweep)
{
	double greatest = 0;
	for (size_t c = 0; c < sweep->n_cells; c++) {
		double value = fabs(pb_scale_value(sweep, c));
		if (isfinite(value) && value > greatest)
			greatest = value;
	}
	if (greatest >= 0.1 || greatest == 0)
		return 2;
	return greatest < 1e-4 ? -1 : 1 - (int)floor(log10(greatest));
}

void pb_scale_init(struct pb_scale *scale, const struct pb_result_sweep *sweep)
{
	*scale = (struct pb_scale){.sweep = sweep,
	                           .neutral = neutral_of(sweep),
	                           .half = pb_scale_half_width(sweep),
	                           .decimals = decimals_of(sweep)};
}

double pb_scale_place(const struct pb_scale *scale, double value)
{
	double t = (value - scale->neutral) / scale->half;
	return isnan(t) ? t : fmax(-1, fmin(1, t));
}

/* "-0.00" says that something is there when nothing is. */
static void drop_negative_zero(char *text)
{
	if (text[0] == '-' && !text[strspn(text, "-0.")])
		memmove(text, text + 1, strlen(text));
}

void pb_scale_write(const struct pb_scale *scale, double value, char ret_text[PB_SCALE_TEXT])
{
	double size = fabs(value);
	int decimals = scale->decimals;
	if (size >= 10)
		decimals = size < 99.95 ? 1 : 0;
	if (isnan(value))
		snprintf(ret_text, PB_SCALE_TEXT, "nan");
	else if (isinf(value))
		snprintf(ret_text, PB_SCALE_TEXT, value > 0 ? "inf" : "-inf");
	else if (value == 0 && decimals < 0)
		snprintf(ret_text, PB_SCALE_TEXT, "0");
	else if (decimals < 0 || size >= 99999.5)
		snprintf(ret_text, PB_SCALE_TEXT, "%.1e", value);
	else
		snprintf(ret_text, PB_SCALE_TEXT, "%.*f", decimals, value);
	drop_negative_zero(ret_text);
}

struct pb_grid pb_grid_of(const struct pb_result_sweep *sweep)
{
	struct pb_grid grid = {.facets = 1, .rows = 1, .columns = 1};
	size_t n = sweep->n_axes;
	if (n >= 1) {
		grid.column_axis = &sweep->axes[n - 1];
		grid.columns = (size_t)grid.column_axis->n;
	}
	if (n >= 2) {
		grid.row_axis = &sweep->axes[n - 2];
		grid.rows = (size_t)grid.row_axis->n;
	}
	for (size_t a = 0; a + 2 < n; a++)
		grid.facets *= (size_t)sweep->axes[a].n;
	return grid;
}

void pb_grid_turn_strip(struct pb_grid *grid, const struct pb_result_sweep *sweep)
{
	enum { WIDEST_NUMBER = 14 }; /* columns: a wider label is a name */
	bool names = false;
	for (int64_t i = 0; sweep->n_axes == 1 && i < sweep->axes[0].n; i++)
		names |= pb_utf8_columns(sweep->axes[0].labels[i], true) > WIDEST_NUMBER;
	if (!names)
		return;
	grid->row_axis = grid->column_axis;
	grid->rows = grid->columns;
	grid->column_axis = NULL;
	grid->columns = 1;
}

size_t pb_grid_index(const struct pb_result_sweep *sweep, size_t cell, size_t axis)
{
	for (size_t a = sweep->n_axes; a-- > axis + 1;)
		cell /= (size_t)sweep->axes[a].n;
	return cell % (size_t)sweep->axes[axis].n;
}
