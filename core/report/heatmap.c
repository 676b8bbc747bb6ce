/* heatmap.c: a sweep in the terminal: rows and columns of coloured numbers, facets one under another. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "report/column.h"
#include "report/draw.h"
#include "report/scale.h"
#include "report/utf8.h"
#include "report/words.h"

enum {
	MARGIN = 2,     /* columns left of everything */
	MAX_LABEL = 14, /* a wider column label is cut */
	MIN_CELL = 6,
};

/* How one sweep is laid out: widths in columns of the terminal. */
struct layout {
	struct pb_scale scale;
	struct pb_grid grid;
	int label_width, cell_width;
	size_t per_block; /* columns that fit side by side */
};

static int widest_label(const struct pb_result_axis *axis, const struct pb_terminal *terminal)
{
	int widest = 0;
	for (int64_t i = 0; axis && i < axis->n; i++) {
		int width = pb_utf8_columns(axis->labels[i], terminal->unicode);
		widest = width > widest ? width : widest;
	}
	return widest;
}

static int at_most(int value, int limit)
{
	return value < limit ? value : limit;
}

static int widest_number(const struct pb_scale *scale)
{
	int widest = 0;
	for (size_t c = 0; c < scale->sweep->n_cells; c++) {
		char number[PB_SCALE_TEXT];
		pb_scale_write(scale, pb_scale_value(scale->sweep, c), number);
		widest = (int)strlen(number) > widest ? (int)strlen(number) : widest;
	}
	return widest;
}

static void plan(struct layout *layout, const struct pb_terminal *terminal, const struct pb_result_sweep *sweep)
{
	pb_scale_init(&layout->scale, sweep);
	layout->grid = pb_grid_of(sweep);
	pb_grid_turn_strip(&layout->grid, sweep);
	const struct pb_grid *grid = &layout->grid;
	int cell = at_most(widest_label(grid->column_axis, terminal), MAX_LABEL);
	int number = widest_number(&layout->scale);
	cell = (cell > number ? cell : number) + 2;
	layout->cell_width = cell < MIN_CELL ? MIN_CELL : cell;
	int label = widest_label(grid->row_axis, terminal);
	int name = grid->row_axis ? pb_utf8_columns(grid->row_axis->name, terminal->unicode) : 0;
	label = at_most(label > name ? label : name, terminal->width - MARGIN - 1 - layout->cell_width);
	layout->label_width = label < 0 ? 0 : label;
	int room = terminal->width - MARGIN - layout->label_width - 1;
	layout->per_block = room < layout->cell_width ? 1 : (size_t)(room / layout->cell_width);
}

static void draw_lead(struct pb_text *out, const struct layout *layout, const struct pb_terminal *terminal,
                      const char *label)
{
	pb_draw_spaces(out, MARGIN);
	pb_draw_field(out, terminal, label, layout->label_width, PB_ALIGN_RIGHT);
	pb_draw_spaces(out, 1);
}

static void draw_column_labels(struct pb_text *out, const struct layout *layout, const struct pb_terminal *terminal,
                               size_t first, size_t last)
{
	const struct pb_result_axis *rows = layout->grid.row_axis, *columns = layout->grid.column_axis;
	pb_draw_style(out, terminal, PB_STYLE_DIM);
	if (columns) {
		draw_lead(out, layout, terminal, "");
		pb_text_add(out, " ");
		pb_utf8_add(out, columns->name, terminal->width - layout->label_width - MARGIN - 2, terminal->unicode);
		pb_draw_newline(out);
	}
	draw_lead(out, layout, terminal, rows ? rows->name : "");
	for (size_t c = first; columns && c < last; c++) {
		pb_text_add(out, " ");
		pb_draw_field(out, terminal, columns->labels[c], layout->cell_width - 2, PB_ALIGN_RIGHT);
		pb_text_add(out, " ");
	}
	pb_draw_style(out, terminal, PB_STYLE_PLAIN);
	pb_draw_newline(out);
}

static void draw_cell(struct pb_text *out, const struct layout *layout, const struct pb_terminal *terminal, size_t cell)
{
	double value = pb_scale_value(layout->scale.sweep, cell);
	double place = pb_scale_place(&layout->scale, value);
	char number[PB_SCALE_TEXT];
	pb_scale_write(&layout->scale, value, number);
	if (!isnan(place)) {
		int rgb[3];
		pb_color_diverging(place, rgb);
		pb_draw_background(out, terminal, rgb);
	}
	pb_text_add(out, "%*s ", layout->cell_width - 1, number);
	if (!isnan(place))
		pb_draw_style(out, terminal, PB_STYLE_PLAIN);
}

static void draw_facet(struct pb_text *out, const struct layout *layout, const struct pb_terminal *terminal,
                       size_t facet)
{
	const struct pb_grid *grid = &layout->grid;
	for (size_t first = 0; first < grid->columns; first += layout->per_block) {
		size_t last = first + layout->per_block < grid->columns ? first + layout->per_block : grid->columns;
		if (first)
			pb_draw_newline(out);
		if (grid->row_axis || grid->column_axis)
			draw_column_labels(out, layout, terminal, first, last);
		for (size_t r = 0; r < grid->rows; r++) {
			draw_lead(out, layout, terminal, grid->row_axis ? grid->row_axis->labels[r] : "");
			for (size_t c = first; c < last; c++)
				draw_cell(out, layout, terminal, (facet * grid->rows + r) * grid->columns + c);
			pb_draw_newline(out);
		}
	}
}

static void draw_facet_name(struct pb_text *out, const struct pb_terminal *terminal,
                            const struct pb_result_sweep *sweep, size_t cell)
{
	struct pb_text name = {0};
	pb_words_place(&name, sweep, cell, sweep->n_axes - 2);
	pb_draw_style(out, terminal, PB_STYLE_BOLD);
	pb_draw_words(out, terminal, "  ", name.data ? name.data : "");
	pb_draw_style(out, terminal, PB_STYLE_PLAIN);
	pb_text_finish_part(&name, out);
}

static void draw_description(struct pb_text *out, const struct pb_terminal *terminal,
                             const struct pb_result_sweep *sweep)
{
	struct pb_text words = {0};
	pb_words_description(&words, sweep);
	pb_draw_style(out, terminal, PB_STYLE_DIM);
	pb_draw_words(out, terminal, "", words.data ? words.data : "");
	pb_draw_style(out, terminal, PB_STYLE_PLAIN);
	pb_text_finish_part(&words, out);
}

static void draw_legend(struct pb_text *out, const struct pb_terminal *terminal, const struct pb_scale *scale)
{
	enum { STEPS = 25 };
	char low[PB_SCALE_TEXT], high[PB_SCALE_TEXT];
	if (!terminal->colors)
		return;
	pb_scale_write(scale, scale->neutral - scale->half, low);
	pb_scale_write(scale, scale->neutral + scale->half, high);
	pb_draw_spaces(out, MARGIN);
	pb_text_add(out, "%s ", low);
	for (int i = 0; i < STEPS; i++) {
		int rgb[3];
		pb_color_diverging(2.0 * i / (STEPS - 1) - 1, rgb);
		pb_draw_background(out, terminal, rgb);
		pb_text_add(out, " ");
	}
	pb_draw_style(out, terminal, PB_STYLE_PLAIN);
	pb_text_add(out, " %s\n", high);
}

static void draw_ends(struct pb_text *out, const struct pb_terminal *terminal, const struct pb_scale *scale)
{
	struct pb_text words = {0};
	pb_words_ends(&words, scale);
	pb_draw_words(out, terminal, "  ", words.data ? words.data : "");
	pb_text_finish_part(&words, out);
}

static void draw_estimate(struct pb_text *out, const struct pb_terminal *terminal, const struct pb_result_sweep *sweep)
{
	struct pb_text words = {0};
	pb_words_estimate(&words, sweep);
	pb_draw_words(out, terminal, "  ", words.data ? words.data : "");
	pb_text_finish_part(&words, out);
}

void pb_terminal_sweep(struct pb_terminal *terminal, const struct pb_result_sweep *sweep)
{
	struct layout layout;
	struct pb_text out = {0};
	pb_draw_style(&out, terminal, PB_STYLE_BOLD);
	pb_draw_words(&out, terminal, "", sweep->name);
	pb_draw_style(&out, terminal, PB_STYLE_PLAIN);
	if (pb_column_check(sweep) < 0) {
		pb_draw_words(&out, terminal, "  ! ", pb_error_text());
		pb_draw_flush(terminal, &out);
		return;
	}
	plan(&layout, terminal, sweep);
	draw_description(&out, terminal, sweep);
	if (!sweep->n_cells)
		pb_draw_words(&out, terminal, "  ", "no cells");
	for (size_t f = 0; sweep->n_cells && f < layout.grid.facets; f++) {
		pb_text_add(&out, "\n");
		if (sweep->n_axes > 2)
			draw_facet_name(&out, terminal, sweep, f * layout.grid.rows * layout.grid.columns);
		draw_facet(&out, &layout, terminal, f);
	}
	pb_text_add(&out, "\n");
	draw_legend(&out, terminal, &layout.scale);
	draw_ends(&out, terminal, &layout.scale);
	if (sweep->estimate)
		draw_estimate(&out, terminal, sweep);
	for (size_t i = 0; i < sweep->n_notes; i++)
		pb_draw_words(&out, terminal, "  ! ", sweep->notes[i]);
	pb_text_add(&out, "\n");
	pb_draw_flush(terminal, &out);
}
