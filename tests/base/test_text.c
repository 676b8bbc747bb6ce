/* test_text.c: growing text, JSON strings, reals, nearest names, UTF-8, scalars. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/scalar.h"
#include "base/status.h"
#include "base/text.h"
#include "base/utf8.h"
#include "support/support.h"

static struct pb_text text;

static void teardown(void)
{
	pb_text_finish(&text);
}

START_TEST(text_grows_and_stays_terminated)
{
	size_t length = 0;
	for (int i = 0; i < 5000; i++) {
		pb_text_add(&text, "%d,", i);
		pb_text_add_bytes(&text, "\0x", 2);
		length += (size_t)snprintf(NULL, 0, "%d,", i) + 2;
		ck_assert_uint_eq(text.length, length);
		ck_assert_int_eq(text.data[length], '\0');
	}
	ck_assert_mem_eq(text.data, "0,\0x1,\0x2,", 10);
	ck_assert_int_eq(pb_text_status(&text), 0);
	pb_text_clear(&text);
	ck_assert_str_eq(text.data, "");
	pb_text_add_bytes(&text, "", 0);
	ck_assert_uint_eq(text.length, 0);
}
END_TEST

START_TEST(text_remembers_that_memory_ran_out)
{
	pb_text_add(&text, "abc");
	pb_text_add_bytes(&text, "x", SIZE_MAX - 2);
	ck_assert(text.failed);
	pb_text_add(&text, "def");
	ck_assert_str_eq(text.data, "abc");
	ck_assert_int_eq(pb_text_status(&text), -PB_E_NOMEM);
}
END_TEST

START_TEST(json_strings_are_escaped)
{
	pb_text_add_json(&text, "a\"b\\c\n\t\x01\x7f/\xc3\xa9\xff\xf0\x9f\x98\x80");
	ck_assert_str_eq(text.data, "\"a\\\"b\\\\c\\u000a\\u0009\\u0001\\u007f/\xc3\xa9\\ufffd\xf0\x9f\x98\x80\"");
}
END_TEST

static const struct {
	double value;
	const char *text;
} reals[] = {
        {0.1, "0.1"},
        {-3, "-3"},
        {1e-9, "1e-09"},
        {0, "0"},
        {1.0 / 3, "0.3333333333333333"},
        {1e300, "1e+300"},
        {120, "120"},
        {-0.0, "-0"},
        {INFINITY, "1e999"},
        {-INFINITY, "-1e999"},
        {NAN, "null"},
        {5e-324, "5e-324"},
        {1e6, "1000000"},
        {-2.5e-7, "-2.5e-07"},
        {DBL_MAX, "1.7976931348623157e+308"},
};

START_TEST(reals_are_as_short_as_can_be)
{
	pb_text_add_real(&text, reals[_i].value);
	ck_assert_str_eq(text.data, reals[_i].text);
}
END_TEST

START_TEST(reals_read_back_exactly)
{
	for (uint64_t i = 0; i < 20000; i++) {
		uint64_t bits = pb_random(1, 1, i);
		double value;
		memcpy(&value, &bits, sizeof value);
		if (!isfinite(value))
			continue;
		pb_text_clear(&text);
		pb_text_add_real(&text, value);
		double back = strtod(text.data, NULL);
		ck_assert_mem_eq(&back, &value, sizeof back);
	}
}
END_TEST

static const char *const names[] = {"hook",  "setter",  "over",     "forward",    "backward",  "gradient", "name",
                                    "units", "d_model", "n_layers", "layer_head", "optimizer", "lr",       NULL};

static const struct {
	const char *word, *nearest;
} near[] = {
        {"hok", "hook"},
        {"hoko", "hook"},
        {"HOOK", "hook"},
        {"hooks", "hook"},
        {"seter", "setter"},
        {"foward", "forward"},
        {"d_modle", "d_model"},
        {"optim", "optimizer"},
        {"layer-head", "layer_head"},
        {"lrr", "lr"},
        {"zzz", NULL},
        {"", NULL},
        {"x", NULL},
        {"ab", NULL},
        {"abc", NULL},
        {"nothing_alike", NULL},
        {"rl", "lr"},
        {"l", NULL},
        {"op", NULL},
        {"nlayers", "n_layers"},
};

START_TEST(nearest_name_is_what_was_meant)
{
	const char *found = pb_nearest(near[_i].word, names, SIZE_MAX);
	if (near[_i].nearest)
		ck_assert_str_eq(found ? found : "(none)", near[_i].nearest);
	else
		ck_assert_msg(!found, "%s for %s", found, near[_i].word);
}
END_TEST

START_TEST(nearest_stops_where_the_names_do)
{
	ck_assert_ptr_null(pb_nearest("setter", names, 1));
	ck_assert_ptr_null(pb_nearest("setter", names, 0));
	const char *const tie[] = {"aaaa", "bbbb", "aaab", NULL};
	ck_assert_str_eq(pb_nearest("aaac", tie, SIZE_MAX), "aaaa");
	/* What the word begins is nearer, and most so the shortest. */
	const char *const alike[] = {"d_head", "n_heads", "setter", "sets", NULL};
	ck_assert_str_eq(pb_nearest("n_head", alike, SIZE_MAX), "n_heads");
	ck_assert_str_eq(pb_nearest("set", alike, SIZE_MAX), "sets");
	char longest[5000];
	memset(longest, 'h', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	ck_assert_ptr_null(pb_nearest(longest, names, SIZE_MAX));
}
END_TEST

static const struct {
	const char *bytes;
	int32_t code;
	size_t used;
} utf8[] = {
        {"a", 'a', 1},
        {"\x7f", 0x7f, 1},
        {"\xc2\x80", 0x80, 2},
        {"\xdf\xbf", 0x7ff, 2},
        {"\xe0\xa0\x80", 0x800, 3},
        {"\xef\xbf\xbf", 0xffff, 3},
        {"\xf0\x90\x80\x80", 0x10000, 4},
        {"\xf4\x8f\xbf\xbf", 0x10ffff, 4},
        {"\xed\x9f\xbf", 0xd7ff, 3},
        {"\xee\x80\x80", 0xe000, 3},
        /* overlong, surrogate, too large, continuation alone, cut short */
        {"\xc0\x80", -1, 1},
        {"\xc1\xbf", -1, 1},
        {"\xe0\x9f\xbf", -1, 1},
        {"\xf0\x8f\xbf\xbf", -1, 1},
        {"\xed\xa0\x80", -1, 1},
        {"\xf4\x90\x80\x80", -1, 1},
        {"\xf5\x80\x80\x80", -1, 1},
        {"\x80", -1, 1},
        {"\xe2\x82", -1, 1},
        {"\xc3", -1, 1},
        {"\xc3(", -1, 1},
        {"\xff", -1, 1},
};

START_TEST(utf8_is_read_strictly)
{
	const char *at = utf8[_i].bytes, *end = at + strlen(at);
	ck_assert_int_eq(pb_utf8_read(&at, end), utf8[_i].code);
	ck_assert_int_eq(at - utf8[_i].bytes, (long)utf8[_i].used);
}
END_TEST

START_TEST(utf8_ends_where_it_is_told)
{
	const char euro[] = "\xe2\x82\xac", *at = euro;
	ck_assert_int_eq(pb_utf8_read(&at, euro + 2), -1);
	ck_assert_ptr_eq(at, euro + 1);
	at = euro;
	ck_assert_int_eq(pb_utf8_read(&at, euro + 3), 0x20ac);
}
END_TEST

START_TEST(shown_text_is_one_short_clean_line)
{
	char buffer[12];
	ck_assert_str_eq(pb_utf8_shown("a\nb\tc\x01\xff", buffer, sizeof buffer), "a b c??");
	ck_assert_str_eq(pb_utf8_shown("12345678901", buffer, sizeof buffer), "12345678901");
	ck_assert_str_eq(pb_utf8_shown("123456789012", buffer, sizeof buffer), "12345678...");
	ck_assert_str_eq(pb_utf8_shown("1234567\xc3\xa9xyz", buffer, sizeof buffer), "1234567...");
	ck_assert_str_eq(pb_utf8_shown("123456\xc3\xa9xyzw", buffer, sizeof buffer), "123456\xc3\xa9...");
	ck_assert_str_eq(pb_utf8_shown("", buffer, sizeof buffer), "");
	ck_assert_str_eq(pb_utf8_shown("a\u202eb\u2067c", buffer, sizeof buffer), "a?b?c"); /* else the rest is reversed */
	char armed[] = "a\u202e\n\x1b\tb";
	pb_utf8_disarm(armed);
	ck_assert_str_eq(armed, "a???\n?\tb");
}
END_TEST

static const struct {
	const char *text;
	int why;
	int64_t value;
} ints[] = {
        {"0", PB_SCALAR_OK, 0},
        {"-0", PB_SCALAR_OK, 0},
        {"+17", PB_SCALAR_OK, 17},
        {"-9223372036854775808", PB_SCALAR_OK, INT64_MIN},
        {"9223372036854775807", PB_SCALAR_OK, INT64_MAX},
        {"0x1F", PB_SCALAR_OK, 31},
        {"0x7fffffffffffffff", PB_SCALAR_OK, INT64_MAX},
        {"9223372036854775808", PB_SCALAR_LARGE, 0},
        {"-9223372036854775809", PB_SCALAR_LARGE, 0},
        {"0xffffffffffffffff", PB_SCALAR_LARGE, 0},
        {"010", PB_SCALAR_OCTAL, 0},
        {"00", PB_SCALAR_OCTAL, 0},
        {"-07", PB_SCALAR_OCTAL, 0},
        {"0o17", PB_SCALAR_OCTAL, 0},
        {"1_000", PB_SCALAR_UNDERSCORES, 0},
        {"1e3", PB_SCALAR_REAL, 0},
        {"1.0", PB_SCALAR_REAL, 0},
        {".inf", PB_SCALAR_REAL, 0},
        {"", PB_SCALAR_NOT, 0},
        {"-", PB_SCALAR_NOT, 0},
        {"0x", PB_SCALAR_NOT, 0},
        {"-0x1", PB_SCALAR_NOT, 0},
        {"1a", PB_SCALAR_NOT, 0},
        {" 1", PB_SCALAR_NOT, 0},
        {"1 ", PB_SCALAR_NOT, 0},
        {"--1", PB_SCALAR_NOT, 0},
        {"_1", PB_SCALAR_NOT, 0},
        {"12:30:45", PB_SCALAR_NOT, 0},
};

START_TEST(ints_are_those_of_the_core_schema)
{
	int64_t value = 77;
	ck_assert_int_eq(pb_scalar_int(ints[_i].text, &value), ints[_i].why);
	ck_assert_int_eq(value, ints[_i].why == PB_SCALAR_OK ? ints[_i].value : 77);
}
END_TEST

static const struct {
	const char *text;
	int why;
	double value;
} numbers[] = {
        {"1e-4", PB_SCALAR_OK, 1e-4},
        {"1.0e-4", PB_SCALAR_OK, 1e-4},
        {".5", PB_SCALAR_OK, 0.5},
        {"5.", PB_SCALAR_OK, 5},
        {"-1E+3", PB_SCALAR_OK, -1000},
        {"0x10", PB_SCALAR_OK, 16},
        {"0.0e0", PB_SCALAR_OK, 0},
        {"0e999", PB_SCALAR_OK, 0},
        {".inf", PB_SCALAR_OK, INFINITY},
        {"-.INF", PB_SCALAR_OK, -INFINITY},
        {"5e-324", PB_SCALAR_OK, 5e-324},
        {"00.5", PB_SCALAR_OK, 0.5},
        {"1e999", PB_SCALAR_LARGE, 0},
        {"-1e999", PB_SCALAR_LARGE, 0},
        {"1e-999", PB_SCALAR_SMALL, 0},
        {"010", PB_SCALAR_OCTAL, 0},
        {"1_0.5", PB_SCALAR_UNDERSCORES, 0},
        {"inf", PB_SCALAR_NOT, 0},
        {"nan", PB_SCALAR_NOT, 0},
        {"infinity", PB_SCALAR_NOT, 0},
        {".", PB_SCALAR_NOT, 0},
        {"e5", PB_SCALAR_NOT, 0},
        {"1e", PB_SCALAR_NOT, 0},
        {"1e+", PB_SCALAR_NOT, 0},
        {"1.5.2", PB_SCALAR_NOT, 0},
        {"0x1p3", PB_SCALAR_NOT, 0},
        {"1,5", PB_SCALAR_NOT, 0},
        {"+.nan", PB_SCALAR_NOT, 0},
};

START_TEST(reals_are_those_of_the_core_schema)
{
	double value = 77;
	ck_assert_int_eq(pb_scalar_real(numbers[_i].text, &value), numbers[_i].why);
	ck_assert(value == (numbers[_i].why == PB_SCALAR_OK ? numbers[_i].value : 77));
}
END_TEST

START_TEST(truth_and_nothing_have_one_spelling)
{
	bool truth = false;
	ck_assert(pb_scalar_bool("true", &truth) && truth);
	ck_assert(pb_scalar_bool("false", &truth) && !truth);
	static const char *const others[] = {"True", "TRUE", "yes", "no", "on", "off", "1", "0", "y", ""};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		ck_assert(!pb_scalar_bool(others[i], &truth));
	ck_assert_str_eq(pb_scalar_bool_hint("Yes"), "true");
	ck_assert_str_eq(pb_scalar_bool_hint("OFF"), "false");
	ck_assert_ptr_null(pb_scalar_bool_hint("maybe"));
	ck_assert(pb_scalar_null("") && pb_scalar_null("~") && pb_scalar_null("null") && !pb_scalar_null("none"));
	double value;
	ck_assert_int_eq(pb_scalar_real(".NaN", &value), PB_SCALAR_OK);
	ck_assert(isnan(value));
}
END_TEST

#define ADD_TABLE(tcase, test, table) tcase_add_loop_test(tcase, test, 0, sizeof table / sizeof *table)

int main(void)
{
	Suite *suite = suite_create("text");
	TCase *tests = tcase_create("text");
	tcase_add_checked_fixture(tests, NULL, teardown);
	tcase_add_test(tests, text_grows_and_stays_terminated);
	tcase_add_test(tests, text_remembers_that_memory_ran_out);
	tcase_add_test(tests, json_strings_are_escaped);
	ADD_TABLE(tests, reals_are_as_short_as_can_be, reals);
	tcase_add_test(tests, reals_read_back_exactly);
	ADD_TABLE(tests, nearest_name_is_what_was_meant, near);
	tcase_add_test(tests, nearest_stops_where_the_names_do);
	ADD_TABLE(tests, utf8_is_read_strictly, utf8);
	tcase_add_test(tests, utf8_ends_where_it_is_told);
	tcase_add_test(tests, shown_text_is_one_short_clean_line);
	ADD_TABLE(tests, ints_are_those_of_the_core_schema, ints);
	ADD_TABLE(tests, reals_are_those_of_the_core_schema, numbers);
	tcase_add_test(tests, truth_and_nothing_have_one_spelling);
	suite_add_tcase(suite, tests);
	return pb_test_run(suite, NULL);
}
