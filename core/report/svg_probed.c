/* svg_probed.c: attention patterns, clean beside corrupted; how far both updates move each parameter. */
#include <math.h>
#include <stdio.h>

#include "report/draw.h"
#include "report/figures.h"
#include "report/svg_plot.h"

enum {
	MARGIN = 16,
	PAGE = 1160, /* wide, at most */
	FONT = 10,
	LINE = 14,
	HEAD = 46,        /* title and the line under it */
	GAP = 22,         /* between tiles */
	MATRIX = 112,     /* about as wide */
	TOKEN = 70,       /* longer tokens are cut */
	NUMBER = 24,      /* a cell so wide has its number in it */
	LONGEST_TIP = 32, /* positions; with more of them cells are too many and too small to point at */
};

/* One head's two matrices, and how they lie beside each other's. */
struct tiles {
	const struct pb_result_pattern *p;
	double cell, label_w, head_h, tile_w, tile_h;
	int64_t per_line, lines_of_layer;
	int64_t every; /* token that there is room for */
};

static double widest_token(const struct pb_result_pattern *p)
{
	double widest = 0;
	for (int64_t i = 0; i < p->n_pos; i++)
		widest = fmax(widest, fmax(pb_svg_width(p->clean_tokens[i], FONT),
					   pb_svg_width(p->corrupted_tokens[i], FONT)));
	return fmin(widest, TOKEN);
}

static double matrix_size(const struct tiles *t)
{
	return t->cell * (double)t->p->n_pos;
}

static struct tiles plan(const struct pb_result_pattern *p)
{
	enum { LEAST = 2, MOST = 26 };
	struct tiles t = {.p = p};
	const double token = widest_token(p);
	t.cell = fmax(LEAST, fmin(MOST, floor(MATRIX / fmax(1, (double)p->n_pos))));
	t.every = (int64_t)ceil((LINE - 2) / t.cell);
	t.label_w = token + 6;
	t.head_h = LINE + token + 6; /* "clean", then the keys */
	t.tile_w = t.label_w + 2 * matrix_size(&t) + 8;
	t.tile_h = LINE + t.head_h + matrix_size(&t);
	const int64_t fit = (int64_t)((PAGE + GAP) / (t.tile_w + GAP));
	t.per_line = (int64_t)pb_svg_per_line((size_t)p->n_heads, fit < 1 ? 1 : (size_t)fit);
	t.lines_of_layer = (p->n_heads + t.per_line - 1) / t.per_line;
	return t;
}

static void draw_cell(struct pb_svg *svg, const struct tiles *t, double x, double y, double value, const char *query,
		      const char *key)
{
	int rgb[3];
	char color[8], number[16];
	struct pb_text tip = {0};
	pb_color_diverging(fmax(0, fmin(1, value)), rgb);
	pb_svg_color(rgb, color);
	pb_text_add(&tip, "%s to %s: %.3f", query, key, value);
	pb_svg_rect(svg, x, y, t->cell, t->cell, color, t->cell > 8 ? "#ffffff" : NULL,
		    t->p->n_pos <= LONGEST_TIP ? tip.data : NULL);
	pb_text_finish_part(&tip, &svg->text);
	if (t->cell < NUMBER)
		return;
	snprintf(number, sizeof number, "%.2f", value);
	pb_svg_text(svg, x + t->cell / 2, y + t->cell / 2 + 3,
		    &(struct pb_svg_type){.size = 8.5,
					  .anchor = PB_SVG_MIDDLE,
					  .color = pb_color_wants_white(rgb) ? "#ffffff" : "#000000"},
		    number);
}

/* What is too little to be seen, as all that a query may not look at, is not drawn: there is much of it. */
static void draw_matrix(struct pb_svg *svg, const struct tiles *t, double x, double y, const double *values,
			const char *const *tokens)
{
	const int64_t n = t->p->n_pos;
	const double visible = 0.005;
	pb_svg_rect(svg, x, y, matrix_size(t), matrix_size(t), "#f7f7f7", NULL, NULL);
	for (int64_t i = 0; i < n * n; i++)
		if (values[i] >= visible)
			draw_cell(svg, t, x + (double)(i % n) * t->cell, y + (double)(i / n) * t->cell, values[i],
				  tokens[i / n], tokens[i % n]);
	for (int64_t i = 0; i < n; i += t->every)
		pb_svg_text(svg, x + ((double)i + 0.5) * t->cell + 3.5, y - 4,
			    &(struct pb_svg_type){.size = FONT, .turned = true, .room = TOKEN}, tokens[i]);
}

static void draw_tile(struct pb_svg *svg, const struct tiles *t, double x, double y, int64_t layer, int64_t head)
{
	const struct pb_result_pattern *p = t->p;
	const int64_t at = (layer * p->n_heads + head) * p->n_pos * p->n_pos;
	const struct pb_svg_type small = {.size = FONT, .color = PB_SVG_SOFT, .room = fmax(matrix_size(t), 30)};
	const double left = x + t->label_w, right = left + matrix_size(t) + 8, top = y + LINE + t->head_h;
	char name[64];
	snprintf(name, sizeof name, "layer %lld, head %lld", (long long)layer, (long long)head);
	pb_svg_text(svg, x, y + LINE - 3, &(struct pb_svg_type){.size = 11, .bold = true}, name);
	pb_svg_text(svg, left, y + 2 * LINE - 3, &small, "clean");
	pb_svg_text(svg, right, y + 2 * LINE - 3, &small, "corrupted");
	draw_matrix(svg, t, left, top, p->clean + at, p->clean_tokens);
	draw_matrix(svg, t, right, top, p->corrupted + at, p->corrupted_tokens);
	for (int64_t i = 0; i < p->n_pos; i += t->every)
		pb_svg_text(svg, left - 5, top + ((double)i + 0.5) * t->cell + 3.5,
			    &(struct pb_svg_type){.size = FONT, .anchor = PB_SVG_END, .room = TOKEN},
			    p->clean_tokens[i]);
}

static void draw_shares(struct pb_svg *svg, double y)
{
	enum { RAMP = 160, HIGH = 12 };
	pb_svg_ramp(svg, MARGIN, y, RAMP, HIGH, false);
	pb_svg_text(svg, MARGIN, y + HIGH + 12, &(struct pb_svg_type){.size = FONT}, "0");
	pb_svg_text(svg, MARGIN + RAMP, y + HIGH + 12, &(struct pb_svg_type){.size = FONT, .anchor = PB_SVG_END},
		    "1");
	pb_svg_text(svg, MARGIN + RAMP + 10, y + HIGH - 2, &(struct pb_svg_type){.size = FONT, .color = PB_SVG_SOFT},
		    "share of the attention");
}

static void draw_title(struct pb_svg *svg, const char *title, const char *about, double width)
{
	pb_svg_text(svg, MARGIN, MARGIN + 12, &(struct pb_svg_type){.size = 15, .bold = true, .room = width}, title);
	pb_svg_text(svg, MARGIN, MARGIN + 30, &(struct pb_svg_type){.size = 11, .color = PB_SVG_SOFT, .room = width},
		    about);
}

/* "attention, unit 71 (model_1)" */
static void add_title(struct pb_text *title, const char *what, const char *unit, const char *weights)
{
	pb_text_add(title, "%s, unit %s", what, unit);
	if (weights)
		pb_text_add(title, " (%s)", weights);
}

void pb_figure_pattern(struct pb_svg *svg, const struct pb_result_pattern *pattern)
{
	static const char about[] = "rows: where attention looks from (query); columns: where it looks (key)";
	enum { SHARES = 40 };
	const struct tiles t = plan(pattern);
	const double width = fmax(400, (double)t.per_line * (t.tile_w + GAP) - GAP);
	const double top = MARGIN + HEAD,
		     bottom = top + (double)(pattern->n_layers * t.lines_of_layer) * (t.tile_h + GAP);
	struct pb_text title = {0};
	add_title(&title, "Attention", pattern->unit, pattern->weights);
	pb_svg_begin(svg, width + 2 * MARGIN, bottom + SHARES + MARGIN / 2, title.data ? title.data : "", about);
	draw_title(svg, title.data ? title.data : "", about, width);
	for (int64_t i = 0; i < pattern->n_layers * pattern->n_heads; i++) {
		const int64_t layer = i / pattern->n_heads, head = i % pattern->n_heads;
		const int64_t line = layer * t.lines_of_layer + head / t.per_line;
		draw_tile(svg, &t, MARGIN + (double)(head % t.per_line) * (t.tile_w + GAP),
			  top + (double)line * (t.tile_h + GAP), layer, head);
	}
	draw_shares(svg, bottom);
	pb_svg_end(svg);
	pb_text_finish_part(&title, &svg->text);
}

/* Rows of dots. */
enum { NAME = 190, PLOT = 460, KEYS = 24 };

static const char *const kinds[] = {"clean update", "corrupted update", "clean minus corrupted"};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static double size_of(const struct pb_result_update *u, size_t kind, size_t param)
{
	const double *const lists[N_KINDS] = {u->clean, u->corrupted, u->difference};
	return lists[kind][param];
}

static void draw_param(struct pb_svg *svg, const struct pb_result_update *u, const struct pb_svg_axis *x, double y,
		       double high, size_t i)
{
	const double radius = fmax(1.5, fmin(4, high / 3.5));
	pb_svg_line(svg, x->from, y, x->to, y, "#ecece6", false);
	for (size_t k = 0; k < N_KINDS; k++) {
		struct pb_text tip = {0};
		const double size = size_of(u, k, i);
		pb_text_add(&tip, "%s, %s: %.4g (the parameter's own norm: %.4g, %lld elements)", u->params[i],
			    kinds[k], size, u->weight[i], (long long)u->elements[i]);
		if (pb_svg_axis_fits(x, size))
			pb_svg_circle(svg, pb_svg_axis_at(x, size), y, radius, k < 2 ? pb_svg_series(k) : "#ffffff",
				      k < 2 ? NULL : pb_svg_series(k), tip.data);
		pb_text_finish_part(&tip, &svg->text);
	}
}

static void draw_keys(struct pb_svg *svg, double x, double y)
{
	for (size_t k = 0; k < N_KINDS; k++) {
		pb_svg_circle(svg, x + 4, y - 4, 4, k < 2 ? pb_svg_series(k) : "#ffffff",
			      k < 2 ? NULL : pb_svg_series(k), NULL);
		pb_svg_text(svg, x + 14, y, &(struct pb_svg_type){.size = 11}, kinds[k]);
		x += 14 + pb_svg_width(kinds[k], 11) + 16;
	}
}

void pb_figure_update(struct pb_svg *svg, const struct pb_result_update *update)
{
	static const char about[] = "2-norm of each parameter's change by one optimizer step";
	enum { HIGHEST = 16, LEAST = 4, ALL = 4800, BELOW = 44 };
	const size_t n = update->n_params;
	const double high = fmax(LEAST, fmin(HIGHEST, floor(ALL / fmax(1, (double)n)))), top = MARGIN + HEAD + KEYS;
	const double width = NAME + PLOT;
	const size_t every = (size_t)ceil((LINE - 2) / high);
	struct pb_svg_axis x = {.log = true}, y = {.any = true, .low = 0, .high = 1};
	struct pb_text title = {0};
	add_title(&title, "Sizes of the updates", update->unit, update->weights);
	for (size_t i = 0; i < n * N_KINDS; i++)
		pb_svg_axis_extend(&x, size_of(update, i % N_KINDS, i / N_KINDS));
	pb_svg_axis_settle(&x, MARGIN + NAME, MARGIN + NAME + PLOT - 12);
	pb_svg_begin(svg, width + 2 * MARGIN, top + (double)n * high + BELOW + MARGIN / 2,
		     title.data ? title.data : "", about);
	draw_title(svg, title.data ? title.data : "", about, width);
	draw_keys(svg, MARGIN + NAME, MARGIN + HEAD + 8);
	y.from = top + (double)n * high;
	y.to = top;
	pb_svg_columns(svg, &x, &y, "norm of the change", true);
	for (size_t i = 0; i < n; i++) {
		const double at = top + ((double)i + 0.5) * high;
		if (i % every == 0)
			pb_svg_text(svg, MARGIN + NAME - 8, at + 3.5,
				    &(struct pb_svg_type){.size = FONT, .anchor = PB_SVG_END, .room = NAME - 8},
				    update->params[i]);
		draw_param(svg, update, &x, at, high, i);
	}
	pb_svg_end(svg);
	pb_text_finish_part(&title, &svg->text);
}
