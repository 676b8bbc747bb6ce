/* test_figures.c: figures as files: well-formed, of sane sizes, with the scale's colours, safe from any text. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "example.h"
#include "report/report.h"
#include "report/scale.h"
#include "report/svg.h"
#include "report/words.h"
#include "support/support.h"

static struct pb_arena arena;

static void setup(void)
{
	pb_arena_init(&arena);
}

static void teardown(void)
{
	pb_arena_finish(&arena);
}

static char *path_of(const char *name)
{
	return pb_arena_printf(&arena, "%s/%s", pb_test_dir(), name);
}

static char *read_figure(const char *name)
{
	void *data;
	size_t size;
	ck_assert_ok(pb_file_read(path_of(pb_arena_printf(&arena, "figures/%s.svg", name)), 1 << 26, &data, &size));
	char *text = pb_arena_strndup(&arena, data, size);
	free(data);
	ck_assert_uint_eq(strlen(text), size);
	return text;
}

/* A figure of one sweep. */
static char *figure_of(const struct pb_result_sweep *sweep)
{
	const struct pb_result_run run = {.name = "one", .n_sweeps = 1, .sweeps = sweep};
	ck_assert_ok(pb_report_write_figures(pb_test_dir(), &run));
	return read_figure(pb_arena_printf(&arena, "sweep-%s", sweep->file));
}

/* A reader of its own for what an SVG may have of XML. Returns the place behind the tag at `at`. */
static const char *check_tag(const char *at, const char **stack, size_t *depth)
{
	const char *name = at + 1, *end = name + strcspn(name, " >/");
	if (*name == '/') {
		name++;
		end = name + strcspn(name, ">");
		ck_assert_uint_gt(*depth, 0);
		ck_assert_msg(!strncmp(stack[--*depth], name, (size_t)(end - name)), "%.20s closes %.20s", name,
			      stack[*depth]);
		return end + 1;
	}
	for (at = end; *at == ' ';) {
		at += 1 + strcspn(at + 1, "=");
		ck_assert_msg(at[1] == '"', "an attribute without quotes: %.20s", at);
		const char *value = at + 2, *close = value + strcspn(value, "\"<");
		ck_assert_msg(*close == '"', "an attribute that does not end: %.20s", value);
		ck_assert_msg(!strstr(pb_arena_strndup(&arena, value, (size_t)(close - value)), "nan"), "%.30s",
			      at - 10);
		ck_assert_msg(!strstr(pb_arena_strndup(&arena, value, (size_t)(close - value)), "inf"), "%.30s",
			      at - 10);
		at = close + 1;
	}
	if (*at == '/')
		return at + 2;
	ck_assert_msg(*at == '>', "a tag that does not end: %.30s", name);
	ck_assert_uint_lt(*depth, 8);
	stack[(*depth)++] = name;
	return at + 1;
}

static void check_well_formed(const char *svg)
{
	static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;"};
	static const char head[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
	const char *stack[8], *at = svg + sizeof head - 1;
	size_t depth = 0;
	ck_assert_msg(!strncmp(svg, head, sizeof head - 1), "%.60s", svg);
	while (*at) {
		bool known = *at != '&';
		for (size_t i = 0; i < 4; i++)
			known |= !strncmp(at, entities[i], strlen(entities[i]));
		ck_assert_msg(known && *at != '>' && (*at == '\n' || (unsigned char)*at >= 0x20), "%.30s", at);
		at = *at == '<' ? check_tag(at, stack, &depth) : at + 1;
	}
	ck_assert_uint_eq(depth, 0);
	ck_assert_ptr_null(strstr(svg, "<script"));
}

static double attribute(const char *element, const char *name)
{
	const char *at = strstr(element, pb_arena_printf(&arena, " %s=\"", name));
	ck_assert_msg(at, "no %s in %.60s", name, element);
	return strtod(strchr(at, '"') + 1, NULL);
}

static void check_size(const char *svg, double width, double height)
{
	const char *root = strstr(svg, "<svg");
	const double w = attribute(root, "width"), h = attribute(root, "height");
	ck_assert_msg(w > 100 && w <= width && h > 50 && h <= height, "%g x %g", w, h);
	for (const char *at = svg; (at = strstr(at, "<rect x")); at++) {
		ck_assert(attribute(at, "x") >= 0 && attribute(at, "x") + attribute(at, "width") <= w);
		ck_assert(attribute(at, "y") >= 0 && attribute(at, "y") + attribute(at, "height") <= h);
	}
}

static const char *escaped(const char *text)
{
	struct pb_svg svg = {0};
	pb_svg_text(&svg, 0, 0, &(struct pb_svg_type){.size = 10}, text);
	char *copy = pb_arena_strdup(&arena, strchr(svg.text.data, '>') + 1);
	*strstr(copy, "</text>") = '\0';
	pb_text_finish(&svg.text);
	return copy;
}

/* Each cell's rectangle, found by its tip, has the colour of the scale, and its number is written as the scale writes
 * it. */
static void check_cells(const struct pb_result_sweep *sweep, bool numbers)
{
	const char *svg = figure_of(sweep);
	struct pb_scale scale;
	pb_scale_init(&scale, sweep);
	check_well_formed(svg);
	const char *at = svg;
	for (size_t c = 0; c < sweep->n_cells; c++) {
		struct pb_text place = {0};
		const double value = pb_scale_value(sweep, c);
		char color[8] = "#ffffff", number[PB_SCALE_TEXT];
		int rgb[3];
		pb_words_place(&place, sweep, c, sweep->n_axes);
		const char *tip = pb_arena_printf(&arena, "<title>%s%s", escaped(place.data ? place.data : ""),
						  sweep->n_axes ? ": " : "");
		pb_text_finish(&place);
		const char *rect = strstr(at, tip);
		ck_assert_msg(rect, "no cell %s", tip);
		at = rect + 1;
		while (rect[-1] != '\n')
			rect--;
		pb_color_diverging(pb_scale_place(&scale, value), rgb);
		if (!isnan(value))
			pb_svg_color(rgb, color);
		ck_assert_msg(strstr(rect, pb_arena_printf(&arena, "fill=\"%s\"", color)) < at, "%s: not %s: %.120s",
			      tip, color, rect);
		pb_scale_write(&scale, value, number);
		const char *text = strchr(rect, '\n') + 1;
		if (numbers)
			ck_assert_msg(!strncmp(strchr(text, '>') + 1, number, strlen(number)), "not %s: %.90s",
				      number, text);
	}
}

START_TEST(every_figure_is_well_formed)
{
	static const char *const names[] = {
		"sweep-circuit_parts", "sweep-pattern_by_head", "estimate-z_by_head", "curves-X1", "units",
		"attention-71",        "attention-34.model_1",  "updates-71"};
	ck_assert_ok(pb_report_write_figures(pb_test_dir(), pb_example_run(&arena)));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *svg = read_figure(names[i]);
		check_well_formed(svg);
		check_size(svg, 1250, 2500);
		ck_assert_ptr_nonnull(strstr(svg, "<title id=\"title\">"));
		ck_assert_ptr_nonnull(strstr(svg, "<desc id=\"description\">"));
	}
	/* Where nothing is exact there is nothing to compare. */
	void *data;
	size_t size;
	ck_assert_int_eq(pb_file_read(path_of("figures/estimate-resid_pre_by_position.svg"), 1 << 20, &data, &size),
			 -PB_E_NOTFOUND);
}
END_TEST

START_TEST(cells_have_the_scale_s_colours)
{
	const struct pb_result_run *run = pb_example_run(&arena);
	for (size_t i = 0; i < run->n_sweeps; i++)
		check_cells(&run->sweeps[i], true);
}
END_TEST

START_TEST(edges_are_drawn)
{
	const struct pb_result_run *run = pb_example_edges(&arena);
	ck_assert_ok(pb_report_write_figures(pb_test_dir(), run));
	check_well_formed(read_figure("curves-one_point"));
	for (size_t i = 0; i < run->n_sweeps; i++) {
		if (i != 3) /* whose labels have what is replaced in tips */
			check_cells(&run->sweeps[i], i != 2);
		check_size(figure_of(&run->sweeps[i]), 1000, 1000);
	}
	const char *hostile = figure_of(&run->sweeps[3]);
	check_well_formed(hostile);
	ck_assert_ptr_nonnull(strstr(hostile, "&lt;/script&gt;&lt;b&gt;"));
	ck_assert_ptr_nonnull(strstr(hostile, "bad \xef\xbf\xbd\xef\xbf\xbd bytes"));
	ck_assert_ptr_nonnull(strstr(hostile, "two lines and a tab"));
}
END_TEST

/* All shapes that 2000 cells come in, and what is too long cut. */
START_TEST(two_thousand_cells_have_a_sane_size)
{
	static const char *names[2000];
	static double scores[2000];
	for (int i = 0; i < 2000; i++) {
		names[i] = pb_arena_printf(&arena,
					   "blocks.%d.attn.W_Q + blocks.%d.mlp & \xe5\xb1\xa4\xe3\x81\xae, number %d",
					   i % 7, i % 9, i);
		scores[i] = i / 2000.0;
	}
	const char *const axes[] = {"layer", "head", "dest_pos", "src_pos"};
	const struct pb_result_sweep *const sweeps[] = {
		pb_example_sweep(&arena, "strip", 1, axes, (int64_t[]){2000}, 1),
		pb_example_strip(&arena, "names", "set", 2000, names, scores),
		pb_example_sweep(&arena, "grid", 2, axes, (int64_t[]){40, 50}, 1),
		pb_example_sweep(&arena, "wide", 2, axes, (int64_t[]){4, 500}, 1),
		pb_example_sweep(&arena, "tall", 2, axes, (int64_t[]){500, 4}, 1),
		pb_example_sweep(&arena, "cube", 3, axes, (int64_t[]){20, 10, 10}, 1),
		pb_example_sweep(&arena, "four", 4, axes, (int64_t[]){5, 4, 10, 10}, 1),
	};
	for (size_t i = 0; i < sizeof sweeps / sizeof *sweeps; i++) {
		const char *svg = figure_of(sweeps[i]);
		check_well_formed(svg);
		check_size(svg, 1000, 3000);
		ck_assert_uint_lt(strlen(svg), 1 << 20);
	}
	check_cells(sweeps[5], false);
}
END_TEST

START_TEST(long_texts_are_cut_and_whole_in_the_title)
{
	const char *text = "blocks.0.attn.W_Q + blocks.1.mlp.W_in";
	struct pb_svg svg = {0};
	pb_svg_text(&svg, 0, 0, &(struct pb_svg_type){.size = 10, .room = 60}, text);
	ck_assert_ptr_nonnull(strstr(svg.text.data, "<title>blocks.0.attn.W_Q + blocks.1.mlp.W_in</title>"));
	const char *shown = strstr(svg.text.data, "</title>") + strlen("</title>");
	ck_assert(!strncmp(shown, "blocks", 6) && strstr(shown, "\xe2\x80\xa6</text>") && strlen(shown) < 30);
	pb_text_clear(&svg.text);
	pb_svg_text(&svg, 0, 0, &(struct pb_svg_type){.size = 10, .room = pb_svg_width(text, 10)}, text);
	ck_assert_ptr_null(strstr(svg.text.data, "title"));
	pb_text_finish(&svg.text);
	/* Wide characters take more room. */
	ck_assert(pb_svg_width("\xe5\xb1\xa4", 10) > pb_svg_width("a", 10) &&
		  pb_svg_width("a\xcc\x81", 10) == pb_svg_width("a", 10));
}
END_TEST

static size_t count(const char *text, const char *what)
{
	size_t n = 0;
	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

START_TEST(the_legend_marks_both_ends_and_the_middle)
{
	static const double around[] = {-0.2, 0.4, 1, 1.3};
	struct pb_result_sweep *sweep = pb_example_strip(&arena, "legend", "layer", 4, NULL, around);
	const char *svg = figure_of(sweep);
	ck_assert_uint_eq(count(svg, ">clean, no change<"), 1);
	ck_assert_uint_eq(count(svg, ">corrupted<"), 1);
	sweep->neutral = 0;
	svg = figure_of(sweep);
	ck_assert_uint_eq(count(svg, ">corrupted, no change<"), 1);
	ck_assert_uint_eq(count(svg, ">clean<"), 1);
	sweep->neutral = 0.5;
	svg = figure_of(sweep);
	ck_assert(count(svg, ">no change<") == 1 && count(svg, ">clean<") == 1 && count(svg, ">corrupted<") == 1);
}
END_TEST

/* The names of two values that are near each other: the one ends at its tick. */
START_TEST(the_legend_s_names_stay_apart)
{
	static const double wide[] = {-1.1, 0.4, 1, 1.3}, narrow[] = {-0.2, 0.4, 1, 1.3};
	const char *svg = figure_of(pb_example_strip(&arena, "wide", "layer", 4, NULL, wide)), *name = strstr(svg, ">corrupted<");
	ck_assert_ptr_nonnull(name);
	while (*name != '<')
		name--;
	ck_assert_msg(!strncmp(strstr(name, "text-anchor=\"") + 13, "end", 3), "%.200s", name);
	svg = figure_of(pb_example_strip(&arena, "narrow", "layer", 4, NULL, narrow));
	name = strstr(svg, ">corrupted<");
	while (*name != '<')
		name--;
	ck_assert_msg(!strncmp(strstr(name, "text-anchor=\"") + 13, "middle", 6), "%.200s", name);
}
END_TEST

/* All that can be seen, in the colour of its share. */
START_TEST(attention_is_drawn_clean_beside_corrupted)
{
	const struct pb_result_run *run = pb_example_run(&arena);
	const struct pb_result_pattern *p = &run->patterns[0];
	ck_assert_ok(pb_report_write_figures(pb_test_dir(), run));
	const char *svg = read_figure("attention-71"), *at = svg;
	size_t visible = 0;
	for (int64_t tile = 0; tile < p->n_layers * p->n_heads; tile++)
		for (int i = 0; i < 2; i++)
			for (int64_t k = 0; k < p->n_pos * p->n_pos; k++) {
				const double value = (i ? p->corrupted : p->clean)[tile * p->n_pos * p->n_pos + k];
				const char *const *tokens = i ? p->corrupted_tokens : p->clean_tokens;
				int rgb[3];
				char color[8];
				if (value < 0.005)
					continue;
				visible++;
				pb_color_diverging(value, rgb);
				pb_svg_color(rgb, color);
				at = strstr(at,
					    pb_arena_printf(
						    &arena, "fill=\"%s\" stroke=\"#ffffff\"><title>%s to %s: %.3f<",
						    color, tokens[k / p->n_pos], tokens[k % p->n_pos], value));
				ck_assert_msg(at, "tile %d, cell %d", (int)tile, (int)k);
			}
	ck_assert_uint_eq(count(svg, " to "), visible);
	ck_assert_uint_eq(count(svg, ">layer 5, head 3<"), 1);
}
END_TEST

START_TEST(dots_are_where_their_values_are)
{
	const struct pb_result_run *run = pb_example_run(&arena);
	ck_assert_ok(pb_report_write_figures(pb_test_dir(), run));
	const char *units = read_figure("units"), *updates = read_figure("updates-71");
	ck_assert_uint_eq(count(units, "<circle"), 60 + 2);
	/* Shares have an axis from 0 to 1, 340 pixels long. */
	const struct pb_result_unit *u = &run->units[0].units[8];
	const char *tip = strstr(units, pb_arena_printf(&arena, "<title>%s, %s:", u->name, u->set));
	ck_assert_ptr_nonnull(tip);
	while (*tip != '\n')
		tip--;
	ck_assert_double_eq_tol(attribute(tip, "cx"), 16 + 58 + 340 * u->before, 0.01);
	ck_assert(attribute(tip, "r") == 6); /* selected */
	/* A change of nothing has no place on a logarithmic axis. */
	ck_assert_uint_eq(count(updates, "<circle"), 3 + 3 * 4 - 1);
	ck_assert_uint_eq(count(updates, "blocks.0.attn.W_V, corrupted update: 0.05 "), 1);
}
END_TEST

/* Numbers so large that their difference is none. */
START_TEST(no_number_spoils_a_picture)
{
	static const struct pb_result_unit all[] = {
		{"1", NULL, -1.7e308, 1.7e308}, {"2", NULL, NAN, INFINITY}, {"3", NULL, 1, 2}};
	static const struct pb_result_units units = {"metric", "before", "after", 3, all, -1};
	const struct pb_result_run run = {.name = "huge", .n_units = 1, .units = &units};
	static const double huge[] = {-1.7e308, 1.7e308, 1e-308, 0};
	ck_assert_ok(pb_report_write_figures(pb_test_dir(), &run));
	check_well_formed(read_figure("units"));
	check_well_formed(figure_of(pb_example_strip(&arena, "huge", "layer", 4, NULL, huge)));
}
END_TEST

/* Asked by the leak sanitizer, where there is one: librsvg's fontconfig keeps its fonts to the end. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libfontconfig";
}

static bool has_librsvg(void)
{
	int rc = pb_report_write_png(path_of("none.svg"), path_of("none.png"), 1);
	ck_assert_int_lt(rc, 0);
	return rc != -PB_E_UNSUPPORTED;
}

START_TEST(png_is_the_picture_in_another_size)
{
	if (!has_librsvg()) {
		ck_assert_ptr_nonnull(strstr(pb_error_text(), "librsvg2-2"));
		return;
	}
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "none.svg"));
	const char *svg = figure_of(&pb_example_run(&arena)->sweeps[2]), *root = strstr(svg, "<svg");
	for (int scale = 1; scale < 3; scale++) {
		void *data;
		size_t size;
		ck_assert_ok(pb_report_write_png(path_of("figures/sweep-z_by_head.svg"), path_of("z.png"), scale));
		ck_assert_ok(pb_file_read(path_of("z.png"), 1 << 26, &data, &size));
		const unsigned char *png = data;
		ck_assert(size > 1000 && !memcmp(png, "\x89PNG\r\n\x1a\n", 8));
		ck_assert_int_eq(png[18] * 256 + png[19], (int)attribute(root, "width") * scale);
		ck_assert_int_eq(png[22] * 256 + png[23], (int)attribute(root, "height") * scale);
		free(data);
	}
	ck_assert_int_eq(pb_report_write_png(path_of("figures/sweep-z_by_head.svg"), path_of("z.png"), 1000),
			 -PB_E_RANGE);
	ck_assert_ok(pb_file_write(path_of("broken.svg"), "<svg><rect", 10));
	ck_assert_int_eq(pb_report_write_png(path_of("broken.svg"), path_of("z.png"), 1), -PB_E_FORMAT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("figures");
	TCase *figures = tcase_create("figures");
	tcase_add_checked_fixture(figures, setup, teardown);
	tcase_add_test(figures, every_figure_is_well_formed);
	tcase_add_test(figures, cells_have_the_scale_s_colours);
	tcase_add_test(figures, edges_are_drawn);
	tcase_add_test(figures, two_thousand_cells_have_a_sane_size);
	tcase_add_test(figures, long_texts_are_cut_and_whole_in_the_title);
	tcase_add_test(figures, the_legend_marks_both_ends_and_the_middle);
	tcase_add_test(figures, the_legend_s_names_stay_apart);
	tcase_add_test(figures, attention_is_drawn_clean_beside_corrupted);
	tcase_add_test(figures, dots_are_where_their_values_are);
	tcase_add_test(figures, no_number_spoils_a_picture);
	tcase_add_test(figures, png_is_the_picture_in_another_size);
	suite_add_tcase(suite, figures);
	return pb_test_run(suite, NULL);
}
