/* test_yaml_errors.c: each refusal with its place, excerpt and advice; mistakes collected in order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/yaml.h"
#include "support/support.h"

static struct pb_yaml yaml;
static struct pb_text text;

static void teardown(void)
{
	pb_yaml_finish(&yaml);
	pb_text_finish(&text);
}

static void parse(const char *source)
{
	ck_assert_ok(pb_yaml_parse("f.yaml", source, strlen(source), &yaml));
}

static const struct {
	const char *source, *error;
} refused[] = {
        {"a: !!int 1", "f.yaml:1:4: tags (`!!int`) are not supported; remove it, or put the text into "
                       "quotes\n  1 | a: !!int 1\n    |    ^"},
        {"a: ! 1", "f.yaml:1:4: tags (`!`) are not supported; remove it, or put the text into quotes\n"
                   "  1 | a: ! 1\n    |    ^"},
        {"a: !x [1]", "f.yaml:1:4: tags (`!x`) are not supported; remove it, or put the text into quotes\n"
                      "  1 | a: !x [1]\n    |    ^"},
        {"a: !e!x 1", "f.yaml:1:4: not YAML: tags (`!`) are not supported; put the text into quotes\n"
                      "  1 | a: !e!x 1\n    |    ^"},
        {"a: &x 1", "f.yaml:1:4: anchors (`&x`) are not supported; write the value out where it is needed\n"
                    "  1 | a: &x 1\n    |    ^"},
        {"a: &x {b: c}", "f.yaml:1:4: anchors (`&x`) are not supported; write the value out where it is needed\n"
                         "  1 | a: &x {b: c}\n    |    ^"},
        {"a: *x", "f.yaml:1:4: aliases (`*x`) are not supported; write the value out, or quote the text\n"
                  "  1 | a: *x\n    |    ^"},
        {"a: *.W_V",
         "f.yaml:1:5: not YAML: anchors and aliases (`&`, `*`) are not supported; put the text into quotes\n"
         "  1 | a: *.W_V\n    |     ^"},
        {"*a : b", "f.yaml:1:1: aliases (`*a`) are not supported; write the value out, or quote the text\n"
                   "  1 | *a : b\n    | ^"},
        {"x: 1\n<<: {a: b}", "f.yaml:2:1: merge keys (`<<`) are not supported; write the keys out\n"
                             "  2 | <<: {a: b}\n    | ^^"},
        {"a:\n  bb: 1\n  c: 2\n  bb: 3",
         "f.yaml:4:3: the key `bb` stands twice in one mapping, first in line 2; remove "
         "one\n  4 |   bb: 3\n    |   ^^"},
        {"a: 1\n\"a\": 2", "f.yaml:2:1: the key `a` stands twice in one mapping, first in line 1; remove one\n"
                           "  2 | \"a\": 2\n    | ^^^"},
        {"a: 1\n---\nb: 2",
         "f.yaml:2:1: a second document starts here; a file holds one: split it, or remove the `---`\n"
         "  2 | ---\n    | ^"},
        {"? [a]\n: b", "f.yaml:1:3: a key must be a single word or text, not a list or a mapping\n"
                       "  1 | ? [a]\n    |   ^"},
        {"{a: b}: c", "f.yaml:1:1: a key must be a single word or text, not a list or a mapping\n"
                      "  1 | {a: b}: c\n    | ^"},
        {"?\n: x", "f.yaml:1:2: a key is missing here; quote a text that starts with `: ` or `? `\n  1 | ?\n    |  ^"},
        {"- a", "f.yaml:1:1: the file is a list; it must be a mapping, lines of `key: value`\n  1 | - a\n    | ^"},
        {"word", "f.yaml:1:1: the file is the text `word`; it must be a mapping, lines of `key: value`\n"
                 "  1 | word\n    | ^^^^"},
        {"a: \"x\\0y\"", "f.yaml:1:4: a text must not contain the character NUL; remove the \\0\n"
                         "  1 | a: \"x\\0y\"\n    |    ^"},
        {"a: 1\nb: \xc3\xa9\xff", "f.yaml:2:5: the byte 0xff is not UTF-8; save the file as UTF-8\n"
                                  "  2 | b: \xc3\xa9?\n    |     ^"},
        {"a: 1\r\nb: \xff", "f.yaml:2:4: the byte 0xff is not UTF-8; save the file as UTF-8\n  2 | b: ?\n    |    ^"},
        {"a: x\x1by", "f.yaml:1:5: the control character U+001B is not allowed; remove it\n  1 | a: x?y\n    |     ^"},
        {"a: x\xef\xbb\xbf", "f.yaml:1:5: the control character U+FEFF is not allowed; remove it\n"
                             "  1 | a: x\xef\xbb\xbf\n    |     ^"},
        {"a:\n\tb: 1", "f.yaml:2:1: not YAML: a tab; indent with spaces\n  2 | \tb: 1\n    | ^"},
        {"a: [1, 2\nb: 3\n",
         "f.yaml:1:4: not YAML: this [ is not closed, or a comma is missing behind it; add the ] or , "
         "(noticed in line 2)\n  1 | a: [1, 2\n    |    ^"},
        {"a: \"x\nb: 1\n",
         "f.yaml:1:4: not YAML: this quote is never closed; add one at the end of the text (noticed in "
         "line 3)\n  1 | a: \"x\n    |    ^"},
        {"a: b: c",
         "f.yaml:1:5: not YAML: a `: ` where none can stand; put a text that contains it into quotes, or mend "
         "the indentation\n  1 | a: b: c\n    |     ^"},
        {"a: 1\nb 2\nc: 3",
         "f.yaml:2:1: not YAML: a key without `: ` and a value; write `key: value` (noticed in line 3)\n"
         "  2 | b 2\n    | ^"},
};

START_TEST(refusals_name_the_place_and_the_way_out)
{
	struct pb_yaml untouched = {.n_errors = 77};
	ck_assert_int_eq(pb_yaml_parse("f.yaml", refused[_i].source, strlen(refused[_i].source), &untouched),
	                 -PB_E_CONFIG);
	ck_assert_str_eq(pb_error_text(), refused[_i].error);
	ck_assert_uint_eq(untouched.n_errors, 77);
}
END_TEST

START_TEST(nul_bytes_are_refused)
{
	ck_assert_int_eq(pb_yaml_parse("f.yaml", "a: 1\nb: \0x", 10, &yaml), -PB_E_CONFIG);
	ck_assert_str_eq(pb_error_text(), "f.yaml:2:4: a NUL byte; this is not a text file\n  2 | b:\n    |    ^");
	/* UTF-16, as some editors save it. */
	ck_assert_int_eq(pb_yaml_parse("f.yaml",
	                               "\xff\xfe"
	                               "a\0:\0",
	                               6, &yaml),
	                 -PB_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "not UTF-8"));
}
END_TEST

START_TEST(depth_is_bounded)
{
	pb_text_add(&text, "a: ");
	for (int i = 0; i < 31; i++)
		pb_text_add(&text, "[");
	for (int i = 0; i < 31; i++)
		pb_text_add(&text, "]");
	parse(text.data);
	/* Neighbours do not add up. */
	pb_text_clear(&text);
	pb_text_add(&text, "a: [");
	for (int i = 0; i < 100; i++)
		pb_text_add(&text, "[[1]], {b: {c: d}}, ");
	pb_text_add(&text, "]");
	pb_yaml_finish(&yaml);
	parse(text.data);
	pb_text_clear(&text);
	pb_text_add(&text, "a: ");
	for (int i = 0; i < 100000; i++)
		pb_text_add(&text, "[");
	ck_assert_int_eq(pb_yaml_parse("f.yaml", text.data, text.length, &yaml), -PB_E_CONFIG);
	ck_assert_ptr_eq(strstr(pb_error_text(),
	                        "f.yaml:1:35: nested too deep: more than 32 lists and mappings in each "
	                        "other\n  1 | a: [[["),
	                 pb_error_text());
}
END_TEST

START_TEST(nodes_are_bounded)
{
	pb_text_add(&text, "a: [");
	for (int i = 0; i < 200000; i++)
		pb_text_add(&text, "0,");
	pb_text_add(&text, "]");
	ck_assert_int_eq(pb_yaml_parse("f.yaml", text.data, text.length, &yaml), -PB_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "more than 200000 values"));
}
END_TEST

START_TEST(many_keys_are_compared_in_time)
{
	for (int i = 0; i < 90000; i++)
		pb_text_add(&text, "k%d: 0\n", i);
	pb_text_add(&text, "k5: 0\n");
	ck_assert_int_eq(pb_yaml_parse("f.yaml", text.data, text.length, &yaml), -PB_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "f.yaml:90001:1: the key `k5` stands twice"));
}
END_TEST

START_TEST(keys_are_bounded)
{
	pb_text_add(&text, "%0200d: 1\n", 0);
	parse(text.data);
	pb_text_clear(&text);
	pb_text_add(&text, "? %0201d\n: 1\n", 0);
	ck_assert_int_eq(pb_yaml_parse("f.yaml", text.data, text.length, &yaml), -PB_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "f.yaml:1:3: a key of 201 bytes; at most 200 are allowed"));
}
END_TEST

static void check_excerpt(const char *source, const char *key, const char *expected)
{
	pb_yaml_finish(&yaml);
	parse(source);
	pb_yaml_error(&yaml, pb_yaml_get(yaml.root, key), "wrong");
	ck_assert_int_eq(pb_yaml_status(&yaml), -PB_E_CONFIG);
	ck_assert_str_eq(pb_error_text(), expected);
}

START_TEST(caret_stands_under_what_is_meant)
{
	check_excerpt("sweeps:\n  - {a: b}\nhok: zzz  # here\n", "hok",
	              "f.yaml:3:6: wrong\n  3 | hok: zzz  # here\n    |      ^^^");
	check_excerpt("k: [1, 2]", "k", "f.yaml:1:4: wrong\n  1 | k: [1, 2]\n    |    ^");
	check_excerpt("k:", "k", "f.yaml:1:3: wrong\n  1 | k:\n    |   ^");
	check_excerpt("{a:\t\t1,\tk:\tv }", "k",
	              "f.yaml:1:12: wrong\n  1 | {a:\t\t1,\tk:\tv }\n    |    \t\t  \t  \t^");
	/* A wide character takes two columns, a combining one none. */
	check_excerpt("{\xe6\x97\xa5: e\xcc\x81, k: \xe6\x97\xa5x}", "k",
	              "f.yaml:1:12: wrong\n  1 | {\xe6\x97\xa5: e\xcc\x81, k: \xe6\x97\xa5x}\n    |            ^^^");
	check_excerpt("k: |\n  text\n", "k", "f.yaml:1:4: wrong\n  1 | k: |\n    |    ^");
	check_excerpt("k: \"one\n  two\"\n", "k", "f.yaml:1:4: wrong\n  1 | k: \"one\n    |    ^^^^");
	check_excerpt("a: 1\r\nk: v\r\n", "k", "f.yaml:2:4: wrong\n  2 | k: v\n    |    ^");
	check_excerpt("a: 1\rk: v\r", "k", "f.yaml:2:4: wrong\n  2 | k: v\n    |    ^");
}
END_TEST

START_TEST(empty_lines_are_not_shown)
{
	parse("");
	pb_yaml_error(&yaml, yaml.root, "wrong");
	pb_yaml_status(&yaml);
	ck_assert_str_eq(pb_error_text(), "f.yaml:1:1: wrong");
}
END_TEST

START_TEST(long_lines_are_shown_in_part)
{
	pb_text_add(&text, "{a: %0300d, k: v, b: %0300d}", 1, 2);
	parse(text.data);
	pb_yaml_error(&yaml, pb_yaml_get(yaml.root, "k"), "wrong");
	pb_yaml_status(&yaml);
	char *copy = strdup(pb_error_text()), *line = strchr(copy, '\n') + 1, *below = strchr(line, '\n') + 1;
	below[-1] = '\0';
	ck_assert_int_eq(strncmp(copy, "f.yaml:1:310: wrong\n", 20), 0);
	ck_assert_uint_lt(strlen(line), 140);
	ck_assert_ptr_nonnull(strstr(line, "1 | ...0000"));
	ck_assert_ptr_nonnull(strstr(line, "000..."));
	ck_assert_int_eq(line[strchr(below, '^') - below], 'v');
	free(copy);
}
END_TEST

START_TEST(mistakes_come_in_the_order_of_the_file)
{
	parse("a: 1\nb: 2\nc: {d: 3, e: 4}\n");
	ck_assert_int_eq(pb_yaml_status(&yaml), 0);
	ck_assert_ok(pb_yaml_set(&yaml, "f=x"));
	struct pb_yaml_node *c = pb_yaml_get(yaml.root, "c");
	ck_assert_int_eq(pb_yaml_error(&yaml, pb_yaml_get(yaml.root, "f"), "set"), -PB_E_CONFIG);
	pb_yaml_error(&yaml, pb_yaml_get(c, "e"), "fourth");
	pb_yaml_error(&yaml, pb_yaml_get(c, "d"), "third");
	pb_yaml_error(&yaml, pb_yaml_get(yaml.root, "a"), "second\nand more\nlines");
	pb_yaml_error(&yaml, pb_yaml_get(c, "d"), "third again");
	pb_yaml_error(&yaml, NULL, "first of %d", 6);
	ck_assert_int_eq(pb_yaml_status(&yaml), -PB_E_CONFIG);
	ck_assert_str_eq(pb_error_text(), "f.yaml: first of 6\n\n"
	                                  "f.yaml:1:4: second\n  1 | a: 1\n    |    ^\nand more\nlines\n\n"
	                                  "f.yaml:3:8: third\n  3 | c: {d: 3, e: 4}\n    |        ^\n\n"
	                                  "f.yaml:3:8: third again\n  3 | c: {d: 3, e: 4}\n    |        ^\n\n"
	                                  "f.yaml:3:14: fourth\n  3 | c: {d: 3, e: 4}\n    |              ^\n\n"
	                                  "--set f=x: set");
}
END_TEST

START_TEST(many_mistakes_are_counted)
{
	parse("a: 1");
	for (int i = 0; i < 20; i++)
		pb_yaml_error(&yaml, NULL, "mistake %d", i);
	pb_yaml_status(&yaml);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "mistake 19"));
	ck_assert_ptr_null(strstr(pb_error_text(), "more"));
	pb_yaml_error(&yaml, NULL, "mistake 20");
	pb_yaml_status(&yaml);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "mistake 19\n\n... and 1 more mistake"));
	for (int i = 0; i < 100000; i++)
		pb_yaml_error(&yaml, yaml.root, "mistake");
	pb_yaml_status(&yaml);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "\n\n... and 100001 more mistakes"));
}
END_TEST

START_TEST(twenty_long_mistakes_fit)
{
	pb_text_add(&text, "{");
	for (int i = 0; i < 20; i++)
		pb_text_add(&text, "k%02d: %0100d, ", i, i);
	pb_text_add(&text, "}");
	parse(text.data);
	for (size_t i = 0; i < 20; i++)
		pb_yaml_error(&yaml, yaml.root->items[i], "%0300d", 1);
	pb_yaml_error(&yaml, NULL, "last");
	pb_yaml_status(&yaml);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "... and 1 more mistake"));
}
END_TEST

START_TEST(endless_messages_are_cut_between_characters)
{
	char words[4001], expected[1600];
	for (int i = 0; i < 2000; i++)
		memcpy(words + 2 * i, "\xc3\xa9", 3);
	parse("a: 1");
	pb_yaml_error(&yaml, NULL, "%s", words);
	pb_yaml_status(&yaml);
	snprintf(expected, sizeof expected, "f.yaml: %.1496s...", words);
	ck_assert_str_eq(pb_error_text(), expected);
}
END_TEST

START_TEST(values_of_their_own_have_an_origin)
{
	parse("a: 1");
	struct pb_yaml_node *node = pb_yaml_value(&yaml, "default of `x`", "[1, {a: b}]");
	ck_assert_uint_eq(node->count, 2);
	ck_assert_str_eq(node->items[1]->items[0]->origin, "default of `x`");
	ck_assert_int_eq(node->line, 0);
	ck_assert(pb_yaml_is_null(pb_yaml_value(&yaml, "o", "")));
	ck_assert_ptr_null(pb_yaml_value(&yaml, "default of `x`", "[1"));
	ck_assert_str_eq(
	        pb_error_text(),
	        "default of `x`: not YAML: this [ is not closed, or a comma is missing behind it; add the ] or ,");
	pb_yaml_error(&yaml, node->items[0], "bad");
	pb_yaml_status(&yaml);
	ck_assert_str_eq(pb_error_text(), "default of `x`: bad");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("yaml_errors");
	TCase *tests = tcase_create("yaml_errors");
	tcase_add_checked_fixture(tests, NULL, teardown);
	tcase_add_loop_test(tests, refusals_name_the_place_and_the_way_out, 0, sizeof refused / sizeof *refused);
	tcase_add_test(tests, nul_bytes_are_refused);
	tcase_add_test(tests, depth_is_bounded);
	tcase_add_test(tests, nodes_are_bounded);
	tcase_add_test(tests, many_keys_are_compared_in_time);
	tcase_add_test(tests, keys_are_bounded);
	tcase_add_test(tests, caret_stands_under_what_is_meant);
	tcase_add_test(tests, empty_lines_are_not_shown);
	tcase_add_test(tests, long_lines_are_shown_in_part);
	tcase_add_test(tests, mistakes_come_in_the_order_of_the_file);
	tcase_add_test(tests, many_mistakes_are_counted);
	tcase_add_test(tests, twenty_long_mistakes_fit);
	tcase_add_test(tests, endless_messages_are_cut_between_characters);
	tcase_add_test(tests, values_of_their_own_have_an_origin);
	suite_add_tcase(suite, tests);
	return pb_test_run(suite, NULL);
}
