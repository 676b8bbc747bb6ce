/* test_terminal.c: heat maps and summaries in the terminal, against golden texts and against the colours that the
 * numbers ask for. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "example.h"
#include "report/draw.h"
#include "report/report.h"
#include "report/scale.h"
#include "report/utf8.h"
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

struct screen {
	struct pb_terminal terminal;
	char *text;
	size_t size;
};

static void open_screen(struct screen *screen, int colors, int width)
{
	*screen = (struct screen){.terminal = {.colors = colors, .width = width, .unicode = true}};
	screen->terminal.out = open_memstream(&screen->text, &screen->size);
	ck_assert_ptr_nonnull(screen->terminal.out);
}

static char *close_screen(struct screen *screen)
{
	fclose(screen->terminal.out);
	char *text = pb_arena_strdup(&arena, screen->text);
	free(screen->text);
	return text;
}

static char *draw(const struct pb_result_sweep *sweep, int colors, int width)
{
	struct screen screen;
	open_screen(&screen, colors, width);
	pb_terminal_sweep(&screen.terminal, sweep);
	return close_screen(&screen);
}

static void check_width(const char *text, int width)
{
	for (const char *line = text, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		ck_assert_ptr_nonnull(end);
		const char *copy = pb_arena_strndup(&arena, line, (size_t)(end - line));
		ck_assert_msg(pb_utf8_columns(copy, true) <= width, "wider than %d: \"%s\"", width, copy);
	}
}

static const double six[] = {-0.0589, 0.3849, 0.4423, 1, 1.22, NAN};

START_TEST(plain_strip_is_as_expected)
{
	ck_assert_str_eq(draw(pb_example_strip(&arena, "resid_pre", "layer", 6, NULL, six), 0, 80),
	                 "resid_pre\n"
	                 "gradient patching of z by layer_head; base clean; forward corrupted; gradient\n"
	                 "torch\n"
	                 "\n"
	                 "    layer\n"
	                 "        0      1      2      3      4      5\n"
	                 "    -0.06   0.38   0.44   1.00   1.22    nan\n"
	                 "\n"
	                 "  score 0 = after the corrupted update (correct_logit 2.066), 1 = after the\n"
	                 "  clean update (6.248); nothing happened = 1\n"
	                 "\n");
}
END_TEST

START_TEST(plain_grid_splits_into_blocks_at_forty_columns)
{
	struct pb_result_sweep *sweep =
	        pb_example_sweep(&arena, "grid", 2, (const char *[]){"layer", "head"}, (int64_t[]){2, 7}, 1);
	struct pb_result_cell cells[14];
	static const char *const notes[] = {"the patch changed nothing in 3 of 14 cells"};
	memcpy(cells, sweep->cells, sizeof cells);
	for (int i = 0; i < 14; i++)
		cells[i].score = i / 10.0;
	sweep->cells = cells;
	sweep->notes = notes;
	sweep->n_notes = 1;
	char *text = draw(sweep, 0, 40);
	ck_assert_str_eq(text, "grid\n"
	                       "gradient patching of z by layer_head;\n"
	                       "base clean; forward corrupted; gradient\n"
	                       "torch\n"
	                       "\n"
	                       "         head\n"
	                       "  layer     0     1     2     3     4\n"
	                       "      0  0.00  0.10  0.20  0.30  0.40\n"
	                       "      1  0.70  0.80  0.90  1.00  1.10\n"
	                       "\n"
	                       "         head\n"
	                       "  layer     5     6\n"
	                       "      0  0.50  0.60\n"
	                       "      1  1.20  1.30\n"
	                       "\n"
	                       "  score 0 = after the corrupted update\n"
	                       "  (correct_logit 2.066), 1 = after the\n"
	                       "  clean update (6.248); nothing happened\n"
	                       "  = 1\n"
	                       "  ! the patch changed nothing in 3 of 14\n"
	                       "    cells\n"
	                       "\n");
}
END_TEST

START_TEST(facets_come_one_under_another)
{
	const char *text =
	        draw(pb_example_sweep(&arena, "p", 4, (const char *[]){"layer", "head", "dest_pos", "src_pos"},
	                              (int64_t[]){2, 2, 3, 3}, 1),
	             0, 80);
	const char *at = text;
	static const char *const facets[] = {"\n  layer 0, head 0\n", "\n  layer 0, head 1\n", "\n  layer 1, head 0\n",
	                                     "\n  layer 1, head 1\n"};
	for (int i = 0; i < 4; i++) {
		at = strstr(at, facets[i]);
		ck_assert_msg(at, "no facet %s in\n%s", facets[i], text);
	}
}
END_TEST

/* Each cell of the colour terminal must carry the colour of its own number. */
static void check_colors(int colors, const char *format_first)
{
	const struct pb_result_sweep *sweep = pb_example_strip(&arena, "resid_pre", "layer", 5, NULL, six);
	const char *text = strstr(draw(sweep, colors, 80), "4 \033[0m\n");
	struct pb_scale scale;
	pb_scale_init(&scale, sweep);
	ck_assert_ptr_nonnull(text);
	for (size_t c = 0; c < 5; c++) {
		int rgb[3];
		char number[PB_SCALE_TEXT], *expected;
		pb_color_diverging((six[c] - 1) / 1.0589, rgb);
		pb_scale_write(&scale, six[c], number);
		bool white = pb_color_wants_white(rgb);
		if (colors > 256)
			expected = pb_arena_printf(&arena, "\033[48;2;%d;%d;%d;38;2;%sm%6s \033[0m", rgb[0], rgb[1],
			                           rgb[2], white ? "255;255;255" : "0;0;0", number);
		else
			expected = pb_arena_printf(&arena, "\033[48;5;%d;38;5;%dm%6s \033[0m", pb_color_256(rgb),
			                           white ? 231 : 16, number);
		const char *found = strstr(text, expected);
		ck_assert_msg(found, "no \"%s\" in \"%s\"", expected, text);
		ck_assert(c > 0 || strncmp(found, format_first, strlen(format_first)) == 0);
		text = found;
	}
}

START_TEST(true_color_matches_each_number)
{
	check_colors(1 << 24, "\033[48;2;124;23;30;38;2;255;255;255m -0.06 ");
}
END_TEST

START_TEST(indexed_color_matches_each_number)
{
	check_colors(256, "\033[48;5;88;38;5;231m -0.06 ");
}
END_TEST

START_TEST(scale_is_diverging_and_centred)
{
	int low[3], middle[3], high[3], left[3], right[3];
	pb_color_diverging(-1, low);
	pb_color_diverging(0, middle);
	pb_color_diverging(1, high);
	ck_assert(low[0] > 100 && low[2] < 60);
	ck_assert(high[2] > 100 && high[0] < 60);
	ck_assert(middle[0] == middle[1] && middle[1] == middle[2] && middle[0] > 240);
	for (double t = 0.05; t < 1; t += 0.1) {
		pb_color_diverging(-t, left);
		pb_color_diverging(t, right);
		ck_assert_int_gt(left[0], left[2]);
		ck_assert_int_gt(right[2], right[0]);
	}
	pb_color_diverging(7, left);
	ck_assert_mem_eq(left, high, sizeof high);
}
END_TEST

START_TEST(indexed_colors_are_the_nearest)
{
	ck_assert_int_eq(pb_color_256((const int[]){0, 0, 0}), 16);
	ck_assert_int_eq(pb_color_256((const int[]){255, 255, 255}), 231);
	ck_assert_int_eq(pb_color_256((const int[]){95, 135, 175}), 16 + 36 * 1 + 6 * 2 + 3);
	ck_assert_int_eq(pb_color_256((const int[]){128, 128, 128}), 244);
	ck_assert_int_eq(pb_color_256((const int[]){247, 247, 247}), 231);
}
END_TEST

START_TEST(text_contrasts_with_its_background)
{
	ck_assert(!pb_color_wants_white((const int[]){247, 247, 247}));
	ck_assert(pb_color_wants_white((const int[]){124, 23, 30}));
	ck_assert(pb_color_wants_white((const int[]){24, 67, 122}));
}
END_TEST

START_TEST(half_width_is_the_greatest_distance)
{
	static const double rounding[] = {1.00001, 0.99999, 1}, scores[] = {0.2, NAN, INFINITY, 1.3};
	ck_assert_double_eq_tol(pb_scale_half_width(pb_example_strip(&arena, "a", "layer", 4, NULL, scores)), 0.8,
	                        1e-12);
	/* Rounding errors must not be stretched over all the colours. */
	ck_assert_double_ge(pb_scale_half_width(pb_example_strip(&arena, "b", "layer", 3, NULL, rounding)), 5e-5);
	struct pb_result_sweep *sweep = pb_example_strip(&arena, "c", "layer", 4, NULL, scores);
	sweep->score_defined = false;
	sweep->metric_clean = sweep->metric_corrupted = 2.066;
	ck_assert_double_eq_tol(pb_scale_half_width(sweep), 4.182 * 1.3, 1e-9);
}
END_TEST

START_TEST(numbers_have_two_or_three_digits)
{
	static const struct {
		double greatest, value;
		const char *text;
	} cases[] = {{1, 0.3849, "0.38"},      {1, -0.001, "0.00"},         {1, 0, "0.00"},
	             {0.05, 0.0312, "0.031"},  {0.0005, -3e-4, "-0.00030"}, {1e-5, 3.14e-6, "3.1e-06"},
	             {1e-5, 0, "0"},           {50, 12.345, "12.3"},        {50, 99.97, "100"},
	             {2000, -1234.5, "-1234"}, {1e6, 123456, "1.2e+05"},    {1, NAN, "nan"},
	             {1, -INFINITY, "-inf"},   {1, 9.999, "10.00"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		double scores[] = {cases[i].greatest};
		struct pb_scale scale;
		char text[PB_SCALE_TEXT];
		pb_scale_init(&scale, pb_example_strip(&arena, "n", "layer", 1, NULL, scores));
		pb_scale_write(&scale, cases[i].value, text);
		ck_assert_str_eq(text, cases[i].text);
	}
}
END_TEST

START_TEST(plain_has_no_control_codes)
{
	const struct pb_result_run *runs[] = {pb_example_run(&arena), pb_example_edges(&arena),
	                                      pb_example_empty(&arena)};
	static const int widths[] = {20, 40, 80, 200};
	for (size_t i = 0; i < 12; i++) {
		struct screen screen;
		open_screen(&screen, 0, widths[i % 4]);
		for (size_t s = 0; s < runs[i / 4]->n_sweeps; s++)
			pb_terminal_sweep(&screen.terminal, &runs[i / 4]->sweeps[s]);
		pb_terminal_summary(&screen.terminal, runs[i / 4], "runs/x/report.html");
		for (const char *c = close_screen(&screen); *c; c++)
			ck_assert_msg((unsigned char)*c >= 0x20 || *c == '\n', "control code %d", *c);
	}
}
END_TEST

START_TEST(lines_fit_the_terminal)
{
	const struct pb_result_run *run = pb_example_run(&arena);
	for (int width = 40; width <= 120; width += 40)
		for (size_t s = 0; s < run->n_sweeps; s++)
			check_width(draw(&run->sweeps[s], 0, width), width);
	/* One long word there is not broken: a path must stay a path. */
	run = pb_example_edges(&arena);
	for (size_t s = 0; s < run->n_sweeps; s++)
		check_width(draw(&run->sweeps[s], 0, 60), 60);
}
END_TEST

/* Words that are long for what a deep indentation leaves of a narrow terminal. */
START_TEST(deep_words_fit_a_narrow_terminal)
{
	static const char words[] = "embed + blocks.0.attn.{W,b}_V.h0 + arithmetic_pretrain_validation + blocks.1";
	static const char *const leads[] = {"", "  z: ", "            loss: ", "                  0.901  45.6 %  "};
	for (size_t i = 0; i < sizeof leads / sizeof *leads; i++) {
		struct screen screen;
		struct pb_text out = {0};
		open_screen(&screen, 0, 40);
		pb_draw_words(&out, &screen.terminal, leads[i], words);
		pb_draw_flush(&screen.terminal, &out);
		char *text = close_screen(&screen);
		check_width(text, 40);
		ck_assert_int_eq(strncmp(text, leads[i], strlen(leads[i]) - (*leads[i] != '\0')), 0);
	}
}
END_TEST

START_TEST(undefined_score_shows_the_metric)
{
	const char *text = draw(&pb_example_edges(&arena)->sweeps[4], 0, 80);
	ck_assert_ptr_nonnull(strstr(text, "no score, because both ends give the same correct_logit"));
	char number[PB_SCALE_TEXT];
	snprintf(number, sizeof number, "%.2f", pb_example_edges(&arena)->sweeps[4].cells[0].metric);
	ck_assert_ptr_nonnull(strstr(text, number));
}
END_TEST

START_TEST(estimates_are_told)
{
	const struct pb_result_run *run = pb_example_run(&arena);
	const char *text = draw(&run->sweeps[2], 0, 200);
	ck_assert_ptr_nonnull(strstr(text, "beside the exact values: correlation 0.875; the ends"));
	ck_assert_ptr_nonnull(strstr(text, "clean 6.9, corrupted 1.8"));
	text = draw(&run->sweeps[1], 0, 200);
	ck_assert_ptr_nonnull(strstr(text, "no cell was measured"));
	ck_assert_ptr_null(strstr(text, "nan"));
	ck_assert_ptr_null(strstr(draw(&run->sweeps[0], 0, 200), "estimate"));
}
END_TEST

START_TEST(similarity_is_a_table)
{
	struct screen screen;
	open_screen(&screen, 0, 40);
	pb_terminal_similarity(&screen.terminal, pb_example_run(&arena)->similarity);
	const char *text = close_screen(&screen);
	ck_assert_ptr_nonnull(strstr(text, "1 corrupted"));
	ck_assert_ptr_nonnull(strstr(text, "  0.750  1.000\n"));
	ck_assert_ptr_nonnull(strstr(text, "further columns"));
	check_width(text, 40);
}
END_TEST

START_TEST(broken_table_is_said_not_drawn)
{
	struct pb_result_sweep sweep = *pb_example_strip(&arena, "s", "layer", 5, NULL, six);
	sweep.n_cells = 4;
	ck_assert_ptr_nonnull(strstr(draw(&sweep, 0, 80), "its axes have 5 cells, the table 4"));
}
END_TEST

START_TEST(summary_names_the_strongest_cells)
{
	struct screen screen;
	open_screen(&screen, 0, 140);
	pb_terminal_summary(&screen.terminal, pb_example_run(&arena), "runs/x/report.html");
	const char *text = close_screen(&screen);
	static const char *const parts[] = {
	        "  probe 71: clean \"R alias(71) 71 P\", corrupted \"U alias(71) 71 P\"; correct_logit: 3.909",
	        "3.909 before, 6.248 after the clean update, 2.066 after",
	        "  X2: 51 epochs, loss ",
	        "  resid_pre by layer: layer 0: -0.06; layer 1: 0.38; layer 5: 0.44\n",
	        "  circuit parts: set embeddings + blocks 0-1: 1.02; set embeddings + block 0: 0.89; set block 0: 0.66",
	        "  resid_pre, backward only: no cell differs from 1, where nothing happens\n",
	        "\nDrill-down\n  90 % of the score: 1567488 of 16283380 parameters, 93 cells\n",
	        "\n    1.000  100 %  the whole model\n",
	        "\n      1.048  17.7 %  embed + pos_embed + blocks.0\n          0.912  9.63 %  embed + pos_embed + ",
	        "\nReport: runs/x/report.html\n",
	};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		ck_assert_msg(strstr(text, parts[i]), "no \"%s\" in\n%s", parts[i], text);
	ck_assert_msg(!strstr(text, "replaced the gradient with itself"), "a note stands under its sweep already");
}
END_TEST

/* Activation patching alone. */
START_TEST(no_update_is_no_number)
{
	struct pb_result_run run = *pb_example_run(&arena);
	struct pb_result_probe probe = *run.probe;
	struct screen screen;
	probe.metric_clean = probe.metric_corrupted = NAN;
	run.probe = &probe;
	open_screen(&screen, 0, 140);
	pb_terminal_summary(&screen.terminal, &run, "runs/x/report.html");
	const char *text = close_screen(&screen);
	ck_assert_ptr_nonnull(strstr(text, "correct_logit: 3.909\n"));
	ck_assert_ptr_null(strstr(text, "update"));
	ck_assert_ptr_null(strstr(text, "nan"));
}
END_TEST

START_TEST(widths_of_characters)
{
	ck_assert_int_eq(pb_utf8_columns("abc", true), 3);
	ck_assert_int_eq(pb_utf8_columns("\xe5\xb1\xa4", true), 2);
	ck_assert_int_eq(pb_utf8_columns("e\xcc\x81", true), 1);
	ck_assert_int_eq(pb_utf8_columns("\xe5\xb1\xa4", false), 1);
	ck_assert_int_eq(pb_utf8_columns("\xff\xc0", true), 2);
	/* An overlong form is not the character it hides. */
	uint32_t point;
	ck_assert_uint_eq(pb_utf8_next("\xc0\x9b", &point), 1);
	ck_assert_uint_eq(point, 0xfffd);
	struct pb_text out = {0};
	ck_assert_int_eq(pb_utf8_add(&out, "\xe5\xb1\xa4\xe5\xb1\xa4\xe5\xb1\xa4", 5, true), 5);
	ck_assert_str_eq(out.data, "\xe5\xb1\xa4\xe5\xb1\xa4\xe2\x80\xa6");
	pb_text_finish(&out);
}
END_TEST

START_TEST(environment_decides)
{
	struct pb_terminal terminal;
	FILE *out = tmpfile();
	setenv("TERM", "xterm-256color", 1);
	setenv("COLORTERM", "truecolor", 1);
	setenv("COLUMNS", "57", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	unsetenv("NO_COLOR");
	pb_terminal_init(&terminal, out);
	ck_assert_int_eq(terminal.colors, 0);
	ck_assert(!terminal.tty);
	ck_assert(terminal.unicode);
	ck_assert_int_eq(terminal.width, 57);
	setenv("LC_ALL", "C", 1);
	setenv("COLUMNS", "-3", 1);
	pb_terminal_init(&terminal, out);
	ck_assert(!terminal.unicode);
	ck_assert_int_eq(terminal.width, 80);
	fclose(out);
}
END_TEST

static TCase *terminal_case(void)
{
	TCase *tcase = tcase_create("terminal");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, plain_strip_is_as_expected);
	tcase_add_test(tcase, plain_grid_splits_into_blocks_at_forty_columns);
	tcase_add_test(tcase, facets_come_one_under_another);
	tcase_add_test(tcase, true_color_matches_each_number);
	tcase_add_test(tcase, indexed_color_matches_each_number);
	tcase_add_test(tcase, scale_is_diverging_and_centred);
	tcase_add_test(tcase, indexed_colors_are_the_nearest);
	tcase_add_test(tcase, text_contrasts_with_its_background);
	tcase_add_test(tcase, half_width_is_the_greatest_distance);
	tcase_add_test(tcase, numbers_have_two_or_three_digits);
	tcase_add_test(tcase, plain_has_no_control_codes);
	tcase_add_test(tcase, lines_fit_the_terminal);
	tcase_add_test(tcase, deep_words_fit_a_narrow_terminal);
	tcase_add_test(tcase, undefined_score_shows_the_metric);
	tcase_add_test(tcase, estimates_are_told);
	tcase_add_test(tcase, similarity_is_a_table);
	tcase_add_test(tcase, broken_table_is_said_not_drawn);
	tcase_add_test(tcase, summary_names_the_strongest_cells);
	tcase_add_test(tcase, no_update_is_no_number);
	tcase_add_test(tcase, widths_of_characters);
	tcase_add_test(tcase, environment_decides);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("terminal");
	suite_add_tcase(suite, terminal_case());
	return pb_test_run(suite, NULL);
}
