/* test_status.c: the thread's error slot. */
#include <pthread.h>
#include <string.h>

#include "base/status.h"
#include "support/support.h"

START_TEST(failure_leaves_a_text_and_a_status)
{
	pb_error_clear();
	ck_assert_str_eq(pb_error_text(), "");
	ck_assert_int_eq(pb_error_status(), 0);
	ck_assert_int_eq(pb_fail(PB_E_RANGE, "%d of %s", 3, "x"), -PB_E_RANGE);
	ck_assert_str_eq(pb_error_text(), "3 of x");
	ck_assert_int_eq(pb_error_status(), -PB_E_RANGE);
	ck_assert_int_eq(pb_fail_nomem(12, "a list"), -PB_E_NOMEM);
	ck_assert_str_eq(pb_error_text(), "out of memory (12 bytes for a list)");
}
END_TEST

START_TEST(context_goes_in_front)
{
	pb_fail(PB_E_IO, "no");
	ck_assert_int_eq(pb_fail_in(-PB_E_IO, "layer %d", 3), -PB_E_IO);
	ck_assert_int_eq(pb_fail_in(-PB_E_IO, "model"), -PB_E_IO);
	ck_assert_str_eq(pb_error_text(), "model: layer 3: no");
	pb_error_clear();
	pb_fail_in(-PB_E_SHAPE, "x");
	ck_assert_str_eq(pb_error_text(), "x: shapes do not fit");
}
END_TEST

START_TEST(old_text_may_be_part_of_the_new)
{
	pb_fail(PB_E_IO, "inner");
	pb_fail(PB_E_CONFIG, "<%s|%s>", pb_error_text(), pb_error_text());
	ck_assert_str_eq(pb_error_text(), "<inner|inner>");
	pb_fail_in(-PB_E_CONFIG, "%s", pb_error_text());
	ck_assert_str_eq(pb_error_text(), "<inner|inner>: <inner|inner>");
}
END_TEST

START_TEST(long_texts_are_cut_not_overrun)
{
	for (int i = 0; i < 40; i++) {
		pb_fail(PB_E_IO, "%0*d", 32000 + i * 40, 1);
		size_t length = strlen(pb_error_text());
		ck_assert_uint_le(length, 32767);
		pb_fail_in(-PB_E_IO, "%0*d", 500 + i * 40, 2);
		ck_assert_uint_le(strlen(pb_error_text()), 32767);
		ck_assert_uint_ge(strlen(pb_error_text()), length);
		ck_assert_int_eq(pb_error_text()[0], '0');
	}
}
END_TEST

static void *fail_elsewhere(void *arg)
{
	pb_fail(PB_E_NUMERIC, "other thread");
	return arg;
}

START_TEST(threads_have_texts_of_their_own)
{
	pthread_t thread;
	pb_fail(PB_E_IO, "this thread");
	ck_assert_int_eq(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
	pthread_join(thread, NULL);
	ck_assert_str_eq(pb_error_text(), "this thread");
}
END_TEST

START_TEST(statuses_have_names_texts_and_exit_codes)
{
	ck_assert_str_eq(pb_status_name(-PB_E_NOMEM), "NOMEM");
	ck_assert_str_eq(pb_status_text(-PB_E_INTERRUPTED), "interrupted");
	ck_assert_str_eq(pb_status_name(0), "OK");
	ck_assert_str_eq(pb_status_name(-999), "UNKNOWN");
	ck_assert_int_eq(pb_status_exit_code(0), 0);
	ck_assert_int_eq(pb_status_exit_code(-PB_E_CONFIG), 2);
	ck_assert_int_eq(pb_status_exit_code(-PB_E_NOMEM), 1);
	ck_assert_int_eq(pb_status_exit_code(-PB_E_INTERRUPTED), 130);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("status");
	TCase *tests = tcase_create("status");
	tcase_add_test(tests, failure_leaves_a_text_and_a_status);
	tcase_add_test(tests, context_goes_in_front);
	tcase_add_test(tests, old_text_may_be_part_of_the_new);
	tcase_add_test(tests, long_texts_are_cut_not_overrun);
	tcase_add_test(tests, threads_have_texts_of_their_own);
	tcase_add_test(tests, statuses_have_names_texts_and_exit_codes);
	suite_add_tcase(suite, tests);
	return pb_test_run(suite, NULL);
}
