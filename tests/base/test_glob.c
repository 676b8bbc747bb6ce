/* test_glob.c: patterns over names of hook points and parameters. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "support/support.h"

static const struct {
	const char *pattern, *name;
	bool matches;
} cases[] = {
        {"", "", true},
        {"", "a", false},
        {"a", "", false},
        {"abc", "abc", true},
        {"abc", "abcd", false},
        {"abc", "ab", false},
        {"*", "", true},
        {"*", "anything", true},
        {"a*c", "abbbc", true},
        {"a*c", "ac", true},
        {"a*c", "abcd", false},
        {"**a**", "bab", true},
        {"a?c", "abc", true},
        {"a?c", "ac", false},
        {"???", "ab", false},
        {"[abc]x", "bx", true},
        {"[abc]x", "dx", false},
        {"[a-cx-z]", "y", true},
        {"[a-cx-z]", "m", false},
        {"[a-]", "-", true},
        {"[!a-c]", "d", true},
        {"[!a-c]", "!", true},
        {"[!a-c]", "b", false},
        {"[!a-c]", "", false},
        {"{this,that}", "that", true},
        {"{this,that}", "those", false},
        {"{a,b}{c,d}", "bc", true},
        {"{a,b}{c,d}", "ab", false},
        {"{,x}y", "y", true},
        {"{,x}y", "xy", true},
        {"{a}", "a", true},
        {"a,b", "a,b", true},
        {"{a,b{c,d{e,f}}}g", "bdfg", true},
        {"{a,b{c,d{e,f}}}g", "bcg", true},
        {"{a,b{c,d{e,f}}}g", "bdg", false},
        {"{{a,b},c}", "b", true},
        {"{a*,b}*z", "aqz", true},
        {"{a,ab}c", "abc", true},
        {"blocks.<=2.*", "blocks.2.attn.W_Q", true},
        {"blocks.<=2.*", "blocks.0.attn.W_Q", true},
        {"blocks.<=2.*", "blocks.3.attn.W_Q", false},
        {"blocks.<=2.*", "blocks.12.attn.W_Q", false},
        {"blocks.<2.*", "blocks.2.x", false},
        {"blocks.<2.*", "blocks.1.x", true},
        {"blocks.>=10.*", "blocks.10.x", true},
        {"blocks.>=10.*", "blocks.9.x", false},
        {"blocks.>9", "blocks.10", true},
        {"blocks.>9", "blocks.9", false},
        {"*<=2", "blocks.12", false},
        {"*<=2", "blocks.2", true},
        {"blocks.{<1,>4}.x", "blocks.5.x", true},
        {"blocks.{<1,>4}.x", "blocks.0.x", true},
        {"blocks.{<1,>4}.x", "blocks.3.x", false},
        {"blocks.<=2.*", "blocks.x.y", false},
        {"blocks.<3", "blocks.", false},
        {">99999999999999999999999", "5", false},
        {"blocks.0.attn.{W,b}_[OV]", "blocks.0.attn.b_V", true},
        {"blocks.0.attn.{W,b}_[OV]", "blocks.0.attn.W_Q", false},
        {"*.hook_{q,k,v}", "blocks.1.attn.hook_k", true},
        {"*.W_?", "blocks.1.attn.W_K", true},
        /* malformed: nothing */
        {"{a", "a", false},
        {"{a,b", "a", false},
        {"[a", "a", false},
        {"[]", "]", false},
        {"<", "<", false},
        {"<=", "1", false},
        {"a}", "a}", true},
};

START_TEST(pattern_matches_as_described)
{
	ck_assert_msg(pb_glob_match(cases[_i].pattern, cases[_i].name) == cases[_i].matches, "%s against %s",
	              cases[_i].pattern, cases[_i].name);
}
END_TEST

/* Backtracking would need longer than the universe has. */
START_TEST(hostile_patterns_take_no_time)
{
	char name[200], pattern[4000], *deep = malloc(2000001);
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	for (size_t i = 0; i + 2 < sizeof pattern; i += 2)
		memcpy(pattern + i, "*a", 3);
	clock_t start = clock();
	strcpy(pattern + 300, "b");
	ck_assert(!pb_glob_match(pattern, name));
	for (size_t i = 0; i + 6 < sizeof pattern; i += 6)
		memcpy(pattern + i, "{a,aa}", 7);
	ck_assert(!pb_glob_match(pattern, "b"));
	ck_assert_ptr_nonnull(deep);
	memset(deep, '{', 2000000);
	deep[2000000] = '\0';
	ck_assert(!pb_glob_match(deep, name));
	memset(deep, '*', 2000000);
	ck_assert(pb_glob_match(deep, "abc"));
	ck_assert_double_lt((double)(clock() - start) / CLOCKS_PER_SEC, 5);
	free(deep);
}
END_TEST

START_TEST(names_may_be_long_but_not_endless)
{
	char name[1100];
	memset(name, 'x', sizeof name);
	name[1023] = '\0';
	ck_assert(pb_glob_match("x*x", name));
	ck_assert(!pb_glob_match("x*y", name));
	name[1023] = 'x';
	name[1024] = '\0';
	ck_assert(!pb_glob_match("*", name));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("glob");
	TCase *tests = tcase_create("glob");
	tcase_add_loop_test(tests, pattern_matches_as_described, 0, sizeof cases / sizeof *cases);
	tcase_add_test(tests, hostile_patterns_take_no_time);
	tcase_add_test(tests, names_may_be_long_but_not_endless);
	suite_add_tcase(suite, tests);
	return pb_test_run(suite, NULL);
}
