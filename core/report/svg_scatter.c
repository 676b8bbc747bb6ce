/* svg_scatter.c: one dot a cell, exact against estimated; one dot a unit, before against after. */
#include <math.h>
#include <string.h>

#include "report/figures.h"
#include "report/svg_plot.h"
#include "report/words.h"

enum { MARGIN = 16, SIDE = 340, LEFT = 58, BELOW = 44, LINE = 15, HEAD = 30, MOST_SETS = 12 };

/* Two numbers of each of many things. */
struct scatter {
	const char *title, *about, *x_name, *y_name;
	struct pb_svg_axis x, y;
	double top;   /* of the plot */
	double below; /* room under it */
};

static const struct pb_svg_type about_type = {.size = 11, .color = PB_SVG_SOFT};

/* Dots at the edge would be half outside; shares have their axis whole. */
static void pad(struct pb_svg_axis *axis)
{
	const double span = axis->high - axis->low, share = 0.04;
	if (!axis->any || (axis->low >= 0 && axis->high <= 1))
		return;
	pb_svg_axis_extend(axis, axis->low - share * span);
	pb_svg_axis_extend(axis, axis->high + share * span);
}

static void settle(struct scatter *s)
{
	s->top = MARGIN + HEAD + pb_svg_words(NULL, 0, 0, LEFT + SIDE, &about_type, s->about);
	pad(&s->x);
	pad(&s->y);
	pb_svg_axis_settle(&s->x, MARGIN + LEFT, MARGIN + LEFT + SIDE);
	pb_svg_axis_settle(&s->y, s->top + SIDE, s->top);
}

/* On the dashed line both are equal. */
static void begin(struct pb_svg *svg, struct scatter *s)
{
	const double low = fmax(s->x.low, s->y.low), high = fmin(s->x.high, s->y.high), width = LEFT + SIDE;
	pb_svg_begin(svg, width + 2 * MARGIN, s->top + SIDE + BELOW + s->below + MARGIN, s->title, s->about);
	pb_svg_text(svg, MARGIN, MARGIN + 12, &(struct pb_svg_type){.size = 15, .bold = true, .room = width},
		    s->title);
	pb_svg_words(svg, MARGIN, MARGIN + 30, width, &about_type, s->about);
	pb_svg_frame(svg, &s->x, &s->y, s->x_name, s->y_name, true);
	if (low < high)
		pb_svg_line(svg, pb_svg_axis_at(&s->x, low), pb_svg_axis_at(&s->y, low), pb_svg_axis_at(&s->x, high),
			    pb_svg_axis_at(&s->y, high), PB_SVG_SOFT, true);
}

static void dot(struct pb_svg *svg, const struct scatter *s, double x, double y, size_t color, bool chosen,
		const char *tip)
{
	if (isfinite(x) && isfinite(y))
		pb_svg_circle(svg, pb_svg_axis_at(&s->x, x), pb_svg_axis_at(&s->y, y), chosen ? 6 : 4,
			      pb_svg_series(color), chosen ? PB_SVG_INK : NULL, tip);
}

static double exact_of(const struct pb_result_sweep *sweep, size_t c)
{
	return sweep->score_defined ? sweep->cells[c].score : sweep->cells[c].metric;
}

static double estimate_of(const struct pb_result_sweep *sweep, size_t c)
{
	return sweep->score_defined ? sweep->cells[c].estimate_score : sweep->cells[c].estimate;
}

static void draw_cells(struct pb_svg *svg, const struct scatter *s, const struct pb_result_sweep *sweep)
{
	for (size_t c = 0; c < sweep->n_cells; c++) {
		struct pb_text tip = {0};
		pb_words_place(&tip, sweep, c, sweep->n_axes);
		pb_text_add(&tip, "%sexact %.6g, estimated %.6g", sweep->n_axes ? ": " : "", exact_of(sweep, c),
			    estimate_of(sweep, c));
		dot(svg, s, exact_of(sweep, c), estimate_of(sweep, c), 0, false, tip.data);
		pb_text_finish_part(&tip, &svg->text);
	}
}

void pb_figure_estimate(struct pb_svg *svg, const struct pb_result_sweep *sweep)
{
	const char *what = sweep->score_defined ? "score" : sweep->metric;
	struct pb_text words = {0}, x_name = {0}, y_name = {0};
	pb_words_estimate(&words, sweep);
	pb_text_add(&x_name, "exact %s", what);
	pb_text_add(&y_name, "estimated %s", what);
	struct scatter s = {.title = sweep->name,
			    .about = words.data ? words.data : "",
			    .x_name = x_name.data ? x_name.data : "",
			    .y_name = y_name.data ? y_name.data : ""};
	for (size_t c = 0; c < sweep->n_cells; c++) {
		pb_svg_axis_extend(&s.x, exact_of(sweep, c));
		pb_svg_axis_extend(&s.y, estimate_of(sweep, c));
	}
	settle(&s);
	begin(svg, &s);
	draw_cells(svg, &s, sweep);
	pb_svg_end(svg);
	pb_text_finish_part(&words, &svg->text);
	pb_text_finish_part(&x_name, &svg->text);
	pb_text_finish_part(&y_name, &svg->text);
}

/* The units' sets, each once; returns how many. Those beyond the last share its colour. */
static size_t find_sets(const struct pb_result_units *units, const char *sets[MOST_SETS])
{
	size_t n = 0;
	for (size_t i = 0; i < units->n_units; i++) {
		const char *set = units->units[i].set;
		size_t k = 0;
		while (set && k < n && strcmp(sets[k], set) != 0)
			k++;
		if (set && k == n && n < MOST_SETS)
			sets[n++] = set;
	}
	return n;
}

static size_t set_of(const struct pb_result_unit *unit, const char *const *sets, size_t n)
{
	size_t k = 0;
	while (unit->set && k + 1 < n && strcmp(sets[k], unit->set) != 0)
		k++;
	return k;
}

static void draw_units(struct pb_svg *svg, const struct scatter *s, const struct pb_result_units *units,
		       const char *const *sets, size_t n)
{
	for (size_t i = 0; i < units->n_units; i++) {
		const struct pb_result_unit *u = &units->units[i];
		struct pb_text tip = {0};
		pb_text_add(&tip, "%s%s%s: %s %.6g, %s %.6g", u->name, u->set ? ", " : "", u->set ? u->set : "",
			    units->label_before, u->before, units->label_after, u->after);
		dot(svg, s, u->before, u->after, set_of(u, sets, n), (int64_t)i == units->selected, tip.data);
		pb_text_finish_part(&tip, &svg->text);
	}
}

void pb_figure_units(struct pb_svg *svg, const struct pb_result_units *units)
{
	const char *sets[MOST_SETS];
	const size_t n = find_sets(units, sets);
	const bool chosen = units->selected >= 0 && (size_t)units->selected < units->n_units;
	struct pb_text title = {0}, about = {0};
	pb_text_add(&title, "%s of each unit", units->metric);
	if (chosen)
		pb_text_add(&about, "ringed: %s, which is probed", units->units[units->selected].name);
	struct scatter s = {.title = title.data ? title.data : "",
			    .about = about.data ? about.data : "",
			    .x_name = units->label_before,
			    .y_name = units->label_after,
			    .below = LINE * (double)n};
	for (size_t i = 0; i < units->n_units; i++)
		for (int k = 0; k < 2; k++) { /* one scale for both axes */
			pb_svg_axis_extend(&s.x, k ? units->units[i].after : units->units[i].before);
			pb_svg_axis_extend(&s.y, k ? units->units[i].after : units->units[i].before);
		}
	settle(&s);
	begin(svg, &s);
	draw_units(svg, &s, units, sets, n);
	for (size_t k = 0; k < n; k++) {
		const double y = s.top + SIDE + BELOW + LINE * (double)(k + 1) - 4;
		pb_svg_circle(svg, MARGIN + LEFT + 6, y - 4, 4, pb_svg_series(k), NULL, NULL);
		pb_svg_text(svg, MARGIN + LEFT + 16, y, &(struct pb_svg_type){.size = 11, .room = SIDE - 16},
			    sets[k]);
	}
	pb_svg_end(svg);
	pb_text_finish_part(&title, &svg->text);
	pb_text_finish_part(&about, &svg->text);
}
