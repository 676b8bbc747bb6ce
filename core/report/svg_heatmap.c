/* svg_heatmap.c: a sweep as a picture: a strip, a grid, or facets of grids; the legend and the words under it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/draw.h"
#include "report/figures.h"
#include "report/scale.h"
#include "report/words.h"

enum {
	MARGIN = 16,
	PAGE = 900,       /* wide, at most: what does not fit goes under it */
	PAGE_HIGH = 2400, /* with numbers in the cells; higher, and they are left out */
	NARROWEST = 380,  /* for title and words */
	GAP = 20,         /* between facets */
	BLOCK_GAP = 10,   /* between the parts of a facet that is too wide */
	FONT = 10,
	LINE = 14,
	ROW_LABEL = 260, /* longer labels are cut */
	HEAD_LABEL = 110,
	SHORT_LABEL = 40, /* need not be turned: every so many-th will do */
	RAMP = 260,
	LEGEND = 52, /* high, with its ticks */
};

static const struct pb_svg_type title_type = {.size = 15, .bold = true},
				about_type = {.size = 11, .color = PB_SVG_SOFT}, words_type = {.size = 11};

/* How one sweep is laid out. */
struct layout {
	struct pb_scale scale;
	struct pb_grid grid;
	bool numbers;   /* in the cells */
	bool turned;    /* the columns' labels */
	bool positions; /* in place of these: there are too many long ones */
	double cell_w, cell_h;
	double label_w, head_h;         /* row labels, column labels with the axis' name */
	double head_room;               /* of a column label */
	size_t per_block, blocks;       /* columns side by side */
	size_t every_column, every_row; /* labels that there is room for */
	double block_h, facet_w, facet_h, facet_title;
	size_t per_line; /* facets */
};

static double greater(double a, double b)
{
	return a > b ? a : b;
}

static double lesser(double a, double b)
{
	return a < b ? a : b;
}

static double widest_label(const struct pb_result_axis *axis)
{
	double widest = 0;
	for (int64_t i = 0; axis && i < axis->n; i++)
		widest = greater(widest, pb_svg_width(axis->labels[i], FONT));
	return widest;
}

static double widest_number(const struct pb_scale *scale)
{
	double widest = 0;
	for (size_t c = 0; c < scale->sweep->n_cells; c++) {
		char number[PB_SCALE_TEXT];
		pb_scale_write(scale, pb_scale_value(scale->sweep, c), number);
		widest = greater(widest, pb_svg_width(number, FONT));
	}
	return widest;
}

static size_t parts_of(double whole, double part)
{
	return part > 0 && whole > part ? (size_t)ceil(whole / part) : 1;
}

/* The cells: wide enough for numbers and short labels, or as small as they must be. */
static void size_cells(struct layout *l)
{
	const double labels = widest_label(l->grid.column_axis), columns = (double)l->grid.columns;
	const double room = PAGE - l->label_w, rows = (double)l->grid.rows;
	enum { LEAST = 34, HIGH = 24, SMALL = 22, SMALL_OF_MANY = 16, SMALLEST = 3, LOW = 14 };
	enum { ALL_LABELS = 420, ALL_ROWS = 1600 };
	if (l->numbers) {
		l->cell_w = greater(LEAST, widest_number(&l->scale) + 8);
		l->turned =
			labels + 6 > l->cell_w && (columns * (labels + 6) > ALL_LABELS || l->scale.sweep->n_axes > 2);
		l->cell_w = l->turned ? l->cell_w : greater(l->cell_w, labels + 6);
		l->cell_h = HIGH;
		return;
	}
	const size_t axes = l->scale.sweep->n_axes;
	l->cell_w = axes == 2 ? SMALL : SMALL_OF_MANY;
	if (axes > 1) /* a strip goes on in the next line */
		l->cell_w = greater(SMALLEST, lesser(l->cell_w, floor(room / greater(columns, 1))));
	l->cell_h = greater(SMALLEST, lesser(greater(LOW, l->cell_w), floor(ALL_ROWS / greater(rows, 1))));
	l->turned = labels + 4 > 2 * l->cell_w && labels > SHORT_LABEL;
}

static void size_heads(struct layout *l)
{
	double labels = widest_label(l->grid.column_axis);
	const double room = PAGE - l->label_w;
	l->per_block = room < l->cell_w ? 1 : (size_t)(room / l->cell_w);
	l->per_block = l->per_block < l->grid.columns ? l->per_block : l->grid.columns;
	l->per_block = l->per_block ? l->per_block : 1;
	l->blocks = (l->grid.columns + l->per_block - 1) / l->per_block;
	l->positions = l->turned && l->blocks > 1;
	if (l->positions) {
		l->turned = false;
		labels = SHORT_LABEL;
	}
	l->head_room = l->turned ? lesser(labels, HEAD_LABEL) : labels;
	l->head_h = l->turned ? l->head_room + 6 : LINE;
	l->every_column = parts_of(l->turned ? LINE - 2 : labels + 6, l->cell_w);
	l->every_row = parts_of(LINE - 2, l->cell_h);
}

/* Facets side by side, in step with the last of their axes. */
static size_t facets_per_line(const struct layout *l)
{
	const struct pb_result_sweep *sweep = l->scale.sweep;
	const size_t fit = l->facet_w + GAP > PAGE ? 1 : (size_t)((PAGE + GAP) / (l->facet_w + GAP));
	const size_t axis = sweep->n_axes > 2 ? (size_t)sweep->axes[sweep->n_axes - 3].n : 1;
	if (l->grid.facets <= fit)
		return l->grid.facets;
	return axis && axis <= fit ? fit / axis * axis : pb_svg_per_line(axis, fit);
}

static void plan(struct layout *l, const struct pb_result_sweep *sweep, bool numbers)
{
	*l = (struct layout){.numbers = numbers};
	pb_scale_init(&l->scale, sweep);
	l->grid = pb_grid_of(sweep);
	if (numbers)
		pb_grid_turn_strip(&l->grid, sweep);
	if (l->grid.row_axis)
		l->label_w = lesser(ROW_LABEL, greater(widest_label(l->grid.row_axis),
						       pb_svg_width(l->grid.row_axis->name, FONT))) +
			     8;
	size_cells(l);
	size_heads(l);
	const double axis_name = l->grid.column_axis ? LINE : 0;
	l->block_h = axis_name + l->head_h + (double)l->grid.rows * l->cell_h;
	l->facet_title = sweep->n_axes > 2 ? LINE + 6 : 0;
	l->facet_w = l->label_w + (double)l->per_block * l->cell_w;
	l->facet_h = l->facet_title + (double)l->blocks * (l->block_h + BLOCK_GAP) - BLOCK_GAP;
	l->per_line = facets_per_line(l);
}

static double map_height(const struct layout *l)
{
	const size_t lines = l->per_line ? (l->grid.facets + l->per_line - 1) / l->per_line : 0;
	return l->scale.sweep->n_cells ? (double)lines * (l->facet_h + GAP) : LINE + GAP;
}

static double map_width(const struct layout *l)
{
	return l->scale.sweep->n_cells ? (double)l->per_line * (l->facet_w + GAP) - GAP : 0;
}

static void choose(struct layout *l, const struct pb_result_sweep *sweep)
{
	plan(l, sweep, true);
	if (map_height(l) > PAGE_HIGH || (sweep->n_axes > 1 && l->blocks > 1))
		plan(l, sweep, false);
}

/* "layer 0, head 3: score 0.3921" */
static void add_tip(struct pb_text *tip, const struct layout *l, size_t cell)
{
	const struct pb_result_sweep *sweep = l->scale.sweep;
	const char *estimated = sweep->estimate && sweep->estimate->only ? "estimated " : "";
	pb_words_place(tip, sweep, cell, sweep->n_axes);
	pb_text_add(tip, "%s%s%s %.6g", sweep->n_axes ? ": " : "", estimated,
		    sweep->score_defined ? "score" : sweep->metric, pb_scale_value(sweep, cell));
}

static void draw_cell(struct pb_svg *svg, const struct layout *l, double x, double y, size_t cell)
{
	const double value = pb_scale_value(l->scale.sweep, cell), place = pb_scale_place(&l->scale, value);
	char color[8] = "#ffffff", number[PB_SCALE_TEXT];
	const char *ink = PB_SVG_SOFT;
	struct pb_text tip = {0};
	if (!isnan(place)) {
		int rgb[3];
		pb_color_diverging(place, rgb);
		pb_svg_color(rgb, color);
		ink = pb_color_wants_white(rgb) ? "#ffffff" : "#000000";
	}
	add_tip(&tip, l, cell);
	pb_svg_rect(svg, x, y, l->cell_w, l->cell_h, color, l->cell_h > 8 ? "#ffffff" : NULL, tip.data);
	if (isnan(place) && !l->numbers) /* a cell without a number is not a white one */
		pb_svg_line(svg, x + 1, y + l->cell_h - 1, x + l->cell_w - 1, y + 1, PB_SVG_RULE, false);
	pb_scale_write(&l->scale, value, number);
	if (l->numbers)
		pb_svg_text(svg, x + l->cell_w / 2, y + l->cell_h / 2 + 3.5,
			    &(struct pb_svg_type){.size = FONT, .anchor = PB_SVG_MIDDLE, .color = ink}, number);
	pb_text_finish_part(&tip, &svg->text);
}

static void draw_heads(struct pb_svg *svg, const struct layout *l, double x, double y, size_t first, size_t last)
{
	const struct pb_result_axis *axis = l->grid.column_axis;
	const struct pb_svg_type name = {
		.size = FONT, .color = PB_SVG_SOFT, .room = (double)l->per_block * l->cell_w};
	const bool wide =
		!l->turned && l->head_room > 2 * l->cell_w; /* the first one would run into what is left of it */
	struct pb_svg_type label = {.size = FONT, .turned = l->turned, .room = l->turned ? l->head_room : 0};
	pb_svg_text(svg, x, y + LINE - 4, &name, axis->name);
	for (size_t c = first; c < last; c += l->every_column) {
		const double middle = x + ((double)(c - first) + (wide && c == first ? 0 : 0.5)) * l->cell_w;
		char position[24];
		label.anchor = l->turned || (wide && c == first) ? PB_SVG_START : PB_SVG_MIDDLE;
		snprintf(position, sizeof position, "%zu", c);
		pb_svg_text(svg, middle + (l->turned ? 3.5 : 0), y + LINE + l->head_h - 4, &label,
			    l->positions ? position : axis->labels[c]);
	}
}

/* Columns [first, last) of all rows. */
static void draw_block(struct pb_svg *svg, const struct layout *l, double x, double y, size_t facet, size_t first,
		       size_t last)
{
	const struct pb_grid *g = &l->grid;
	const struct pb_svg_type label = {.size = FONT, .anchor = PB_SVG_END, .room = l->label_w - 8};
	const struct pb_svg_type name = {
		.size = FONT, .anchor = PB_SVG_END, .color = PB_SVG_SOFT, .room = l->label_w - 8};
	const double left = x + l->label_w, top = y + (g->column_axis ? LINE : 0) + l->head_h;
	if (g->column_axis)
		draw_heads(svg, l, left, y, first, last);
	if (g->row_axis)
		pb_svg_text(svg, left - 6, top - 4, &name, g->row_axis->name);
	for (size_t r = 0; r < g->rows; r++) {
		const double at = top + (double)r * l->cell_h;
		if (g->row_axis && r % l->every_row == 0)
			pb_svg_text(svg, left - 6, at + l->cell_h / 2 + 3.5, &label, g->row_axis->labels[r]);
		for (size_t c = first; c < last; c++)
			draw_cell(svg, l, left + (double)(c - first) * l->cell_w, at,
				  (facet * g->rows + r) * g->columns + c);
	}
}

static void draw_facet(struct pb_svg *svg, const struct layout *l, double x, double y, size_t facet)
{
	const struct pb_grid *g = &l->grid;
	const struct pb_result_sweep *sweep = l->scale.sweep;
	struct pb_text name = {0};
	if (sweep->n_axes > 2) {
		pb_words_place(&name, sweep, facet * g->rows * g->columns, sweep->n_axes - 2);
		pb_svg_text(svg, x, y + LINE - 3,
			    &(struct pb_svg_type){.size = 11, .bold = true, .room = greater(l->facet_w, 60)},
			    name.data ? name.data : "");
	}
	pb_text_finish_part(&name, &svg->text);
	for (size_t b = 0; b < l->blocks; b++) {
		const size_t first = b * l->per_block, end = first + l->per_block;
		draw_block(svg, l, x, y + l->facet_title + (double)b * (l->block_h + BLOCK_GAP), facet, first,
			   end < g->columns ? end : g->columns);
	}
}

/* Ticks of the legend: those too near to one that is there already are left out. */
struct ticks {
	struct pb_svg *svg;
	const struct pb_scale *scale;
	double x, y;
	double taken[5];
	size_t n;
	double middle, half; /* of the neutral value's name, the first */
};

/* The name beside that of the neutral value: a name that would run into it ends, or begins, at its own tick. */
static void add_name(struct ticks *t, double at, enum pb_svg_anchor anchor, const char *name)
{
	enum { BETWEEN = 6 };
	const double half = pb_svg_width(name, FONT) / 2;
	if (!t->half) {
		t->middle = at;
		t->half = half;
	} else if (anchor == PB_SVG_MIDDLE && fabs(at - t->middle) < half + t->half + BETWEEN) {
		anchor = at < t->middle ? PB_SVG_END : PB_SVG_START;
	}
	pb_svg_text(t->svg, at, t->y + 26, &(struct pb_svg_type){.size = FONT, .anchor = anchor, .color = PB_SVG_SOFT}, name);
}

static void add_tick(struct ticks *t, double value, const char *name)
{
	enum { APART = 14 }; /* percent of the ramp */
	const double exact = (value - t->scale->neutral + t->scale->half) / (2 * t->scale->half), near = 0.01;
	const double share = greater(0, lesser(1, exact)), at = t->x + RAMP * share;
	char number[PB_SCALE_TEXT];
	if (!(exact >= -near && exact <= 1 + near)) /* as good as at the end, it is there */
		return;
	for (size_t i = 0; i < t->n; i++)
		if (fabs(t->taken[i] - share) * 100 < APART)
			return;
	t->taken[t->n++] = share;
	/* Names at the ends would stick out. */
	const enum pb_svg_anchor anchor = share < 0.06 ? PB_SVG_START : share > 0.94 ? PB_SVG_END : PB_SVG_MIDDLE;
	pb_scale_write(t->scale, value, number);
	pb_svg_line(t->svg, at, t->y, at, t->y + 4, PB_SVG_INK, false);
	pb_svg_text(t->svg, at, t->y + 14, &(struct pb_svg_type){.size = FONT, .anchor = anchor}, number);
	if (name)
		add_name(t, at, anchor, name);
}

/* As the page's: the neutral value first, then 0 and 1, then the ends. */
static void draw_legend(struct pb_svg *svg, const struct layout *l, double y)
{
	enum { HIGH = 12 };
	const struct pb_scale *s = &l->scale;
	const bool scored = s->sweep->score_defined;
	struct ticks ticks = {.svg = svg, .scale = s, .x = MARGIN, .y = y + HIGH};
	pb_svg_ramp(svg, MARGIN, y, RAMP, HIGH, true);
	add_tick(&ticks, s->neutral,
		 scored && s->neutral == 1   ? "clean, no change"
		 : scored && s->neutral == 0 ? "corrupted, no change"
					     : "no change");
	if (scored && s->neutral != 0)
		add_tick(&ticks, 0, "corrupted");
	if (scored && s->neutral != 1)
		add_tick(&ticks, 1, "clean");
	if (s->half > pb_scale_rounding(s->neutral)) {
		add_tick(&ticks, s->neutral - s->half, NULL);
		add_tick(&ticks, s->neutral + s->half, NULL);
	}
}

/* Everything that is said under the map; returns the height. Not `draw`: only that. */
static double draw_words(struct pb_svg *svg, bool draw, const struct layout *l, double y, double width)
{
	struct pb_svg *to = draw ? svg : NULL;
	const struct pb_result_sweep *sweep = l->scale.sweep;
	const struct pb_svg_type note = {.size = 11, .color = "#8a5a00"};
	struct pb_text ends = {0}, estimate = {0};
	pb_words_ends(&ends, &l->scale);
	double height = pb_svg_words(to, MARGIN, y, width, &words_type, ends.data ? ends.data : "");
	if (sweep->estimate) {
		pb_words_estimate(&estimate, sweep);
		height +=
			pb_svg_words(to, MARGIN, y + height, width, &words_type, estimate.data ? estimate.data : "");
	}
	for (size_t i = 0; i < sweep->n_notes; i++)
		height += pb_svg_words(to, MARGIN, y + height, width, &note, sweep->notes[i]);
	pb_text_finish_part(&ends, &svg->text);
	pb_text_finish_part(&estimate, &svg->text);
	return height;
}

static void draw_facets(struct pb_svg *svg, const struct layout *l, double y)
{
	for (size_t f = 0; f < l->grid.facets; f++)
		draw_facet(svg, l, MARGIN + (double)(f % l->per_line) * (l->facet_w + GAP),
			   y + (double)(f / l->per_line) * (l->facet_h + GAP), f);
}

void pb_figure_sweep(struct pb_svg *svg, const struct pb_result_sweep *sweep)
{
	struct layout l;
	struct pb_text about = {0};
	choose(&l, sweep);
	const double width = greater(NARROWEST, map_width(&l));
	pb_words_description(&about, sweep);
	const char *description = about.data ? about.data : "";
	const double title_h = pb_svg_words(NULL, 0, 0, width, &title_type, sweep->name);
	const double about_h = pb_svg_words(NULL, 0, 0, width, &about_type, description);
	const double map_y = MARGIN + title_h + about_h + 8, legend_y = map_y + map_height(&l);
	const double words_y = legend_y + LEGEND;
	pb_svg_begin(svg, width + 2 * MARGIN, words_y + draw_words(svg, false, &l, 0, width) + MARGIN / 2, sweep->name,
		     description);
	pb_svg_words(svg, MARGIN, MARGIN + 12, width, &title_type, sweep->name);
	pb_svg_words(svg, MARGIN, MARGIN + title_h + 10, width, &about_type, description);
	if (sweep->n_cells)
		draw_facets(svg, &l, map_y);
	else
		pb_svg_text(svg, MARGIN, map_y + LINE, &words_type, "no cells");
	draw_legend(svg, &l, legend_y);
	draw_words(svg, true, &l, words_y + 6, width);
	pb_svg_end(svg);
	pb_text_finish_part(&about, &svg->text);
}
