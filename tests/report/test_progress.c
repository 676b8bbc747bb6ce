/* test_progress.c: progress lines: redrawn in place on a tty, plain lines at tenths otherwise, nothing when quiet. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/report.h"
#include "report/utf8.h"
#include "support/support.h"

static struct pb_terminal terminal;
static char *text;
static size_t size;

static void open_screen(bool tty, int width)
{
	terminal = (struct pb_terminal){.tty = tty, .width = width, .out = open_memstream(&text, &size)};
	ck_assert_ptr_nonnull(terminal.out);
}

static void teardown(void)
{
	free(text);
	text = NULL;
}

static size_t count(const char *haystack, const char *needle)
{
	size_t n = 0;
	for (const char *at = haystack; (at = strstr(at, needle)); at++)
		n++;
	return n;
}

/* "WHAT  done/total  rate/s  m:ss left" somewhere in the text; the machine may be slow, so rate and time are not exact.
 */
static void check_line(const char *what, double rate, int left)
{
	const char *at = strstr(text, what);
	double rate_found;
	int minutes, seconds, used = 0;
	ck_assert_msg(at, "no \"%s\" in \"%s\"", what, text);
	ck_assert_int_eq(sscanf(at + strlen(what), "  %lf/s  %d:%d left%n", &rate_found, &minutes, &seconds, &used), 3);
	ck_assert_int_gt(used, 0);
	ck_assert_double_eq_tol(rate_found, rate, 0.1 * rate);
	ck_assert_int_ge(minutes * 60 + seconds, left);
	ck_assert_double_le(minutes * 60 + seconds, 1.1 * left + 1);
}

START_TEST(plain_lines_come_at_tenths)
{
	struct pb_progress progress;
	open_screen(false, 80);
	pb_progress_begin(&progress, &terminal, NULL, "sweep", "X1", 500);
	progress.started -= 10;
	for (int64_t i = 1; i <= 500; i++) {
		progress.drawn -= 1;
		pb_progress_at(&progress, i, "loss 0.031");
	}
	pb_progress_end(&progress, "500 epochs");
	fclose(terminal.out);
	ck_assert_uint_eq(count(text, "\n"), 10);
	ck_assert_uint_eq(count(text, "\r") + count(text, "\033"), 0);
	ck_assert_int_eq(strncmp(text, "X1  50/500  ", 12), 0);
	check_line("X1  50/500", 5, 90);
	check_line("\nX1  100/500", 10, 40);
	ck_assert_uint_eq(count(text, " left  loss 0.031\n"), 9);
	ck_assert_ptr_nonnull(strstr(text, "\nX1  500  in 0:1"));
	ck_assert_ptr_nonnull(strstr(text, "  500 epochs\n"));
}
END_TEST

START_TEST(slow_work_speaks_each_minute)
{
	struct pb_progress progress;
	open_screen(false, 80);
	pb_progress_begin(&progress, &terminal, NULL, "sweep", "pretrain", 1000);
	for (int64_t i = 1; i <= 3; i++) {
		progress.drawn -= 61;
		progress.started -= 61;
		pb_progress_at(&progress, i, NULL);
		pb_progress_at(&progress, i, NULL);
	}
	fclose(terminal.out);
	ck_assert_uint_eq(count(text, "\n"), 3);
}
END_TEST

START_TEST(fast_work_is_one_line)
{
	struct pb_progress progress;
	open_screen(false, 80);
	pb_progress_begin(&progress, &terminal, NULL, "sweep", "z by head", 12);
	for (int64_t i = 1; i <= 12; i++)
		pb_progress_at(&progress, i, NULL);
	pb_progress_end(&progress, NULL);
	fclose(terminal.out);
	ck_assert_uint_eq(count(text, "\n"), 1);
	ck_assert_int_eq(strncmp(text, "z by head  12  in ", 18), 0);
}
END_TEST

START_TEST(unknown_total_is_not_a_flood)
{
	struct pb_progress progress;
	open_screen(false, 80);
	pb_progress_begin(&progress, &terminal, NULL, "sweep", "pretrain", 0);
	for (int64_t i = 1; i <= 1000; i++)
		pb_progress_at(&progress, i, NULL);
	progress.drawn -= 61;
	progress.started -= 61;
	pb_progress_at(&progress, 1001, "loss 2");
	fclose(terminal.out);
	ck_assert_uint_eq(count(text, "\n"), 1);
	ck_assert_int_eq(strncmp(text, "pretrain  1001  1", 17), 0);
	ck_assert_ptr_nonnull(strstr(text, "/s  loss 2\n"));
}
END_TEST

START_TEST(tty_redraws_one_line_and_wipes_it)
{
	struct pb_progress progress;
	open_screen(true, 60);
	pb_progress_begin(&progress, &terminal, NULL, "sweep", "z by head", 24);
	progress.started -= 12;
	pb_progress_at(&progress, 12, "a detail that will be gone");
	pb_progress_at(&progress, 13, "too soon to be drawn");
	progress.drawn -= 1;
	pb_progress_at(&progress, 18, NULL);
	pb_progress_end(&progress, "stopped");
	fclose(terminal.out);
	ck_assert_uint_eq(count(text, "\n"), 1);
	ck_assert_uint_eq(count(text, "\r"), 3);
	ck_assert_uint_eq(count(text, "\033"), 0);
	ck_assert_ptr_null(strstr(text, "too soon"));
	const char *first = strchr(text, '\r') + 1, *second = strchr(first, '\r') + 1, *last = strchr(second, '\r') + 1;
	ck_assert_int_eq(strncmp(first, "z by head  [####", 16), 0);
	check_line("12/24", 1, 12);
	check_line("18/24", 1.5, 4);
	ck_assert_ptr_nonnull(strstr(first, " left  a det"));
	/* Each line covers the one before it. */
	ck_assert_int_ge(last - second, second - first);
	ck_assert_int_eq(strncmp(last, "z by head  18/24  in 0:1", 24), 0);
	ck_assert_ptr_nonnull(strstr(last, "  stopped  "));
}
END_TEST

START_TEST(line_never_wraps)
{
	for (int width = 20; width < 200; width += 9) {
		struct pb_progress progress;
		open_screen(true, width);
		terminal.unicode = width % 2;
		pb_progress_begin(&progress, &terminal, NULL, "sweep", "a sweep with quite a long name", 123456);
		progress.started -= 4000;
		pb_progress_at(&progress, 777,
		               "loss 0.123456  accuracy 0.97  gradient norm 12.4  learning rate 0.0001");
		fclose(terminal.out);
		ck_assert_int_lt(pb_utf8_columns(text + 1, true), width < 50 ? 50 : width);
		free(text);
		text = NULL;
	}
}
END_TEST

START_TEST(resumed_run_does_not_boast)
{
	struct pb_progress progress;
	open_screen(false, 80);
	pb_progress_begin(&progress, &terminal, NULL, "sweep", "X1", 100);
	progress.from = 40;
	progress.started -= 10;
	progress.drawn -= 10;
	pb_progress_at(&progress, 50, NULL);
	fclose(terminal.out);
	check_line("X1  50/100", 1, 50);
}
END_TEST

START_TEST(quiet_is_quiet)
{
	struct pb_progress progress;
	pb_progress_begin(&progress, NULL, NULL, "sweep", "X1", 10);
	for (int64_t i = 0; i <= 10; i++)
		pb_progress_at(&progress, i, "x");
	pb_progress_end(&progress, "done");
}
END_TEST

START_TEST(detail_cannot_steer_the_terminal)
{
	struct pb_progress progress;
	open_screen(false, 80);
	pb_progress_begin(&progress, &terminal, NULL, "sweep", "a\033[2Jb", 10);
	progress.drawn -= 10;
	pb_progress_at(&progress, 5, "x\r\033[31my\nz");
	fclose(terminal.out);
	ck_assert_uint_eq(count(text, "\033") + count(text, "\r"), 0);
	ck_assert_uint_eq(count(text, "\n"), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("progress");
	TCase *lines = tcase_create("lines");
	tcase_add_checked_fixture(lines, NULL, teardown);
	tcase_add_test(lines, plain_lines_come_at_tenths);
	tcase_add_test(lines, slow_work_speaks_each_minute);
	tcase_add_test(lines, fast_work_is_one_line);
	tcase_add_test(lines, unknown_total_is_not_a_flood);
	tcase_add_test(lines, tty_redraws_one_line_and_wipes_it);
	tcase_add_test(lines, line_never_wraps);
	tcase_add_test(lines, resumed_run_does_not_boast);
	tcase_add_test(lines, quiet_is_quiet);
	tcase_add_test(lines, detail_cannot_steer_the_terminal);
	suite_add_tcase(suite, lines);
	return pb_test_run(suite, NULL);
}
