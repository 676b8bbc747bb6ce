/* test_schema_check.c: tables that are wrong themselves, their digest, types in words. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/schema.h"
#include "base/status.h"
#include "support/support.h"

#define COUNT(array) (sizeof array / sizeof *array)

struct inner {
	int64_t n;
};

struct params {
	int64_t count;
	double rate;
	bool flag;
	int32_t kind;
	const char *name;
	struct pb_int_list list;
	struct inner inner;
	struct pb_record_list inners;
};

static const char *const kinds[] = {"one", "two", NULL};

static const struct pb_param inner_table[] = {
        {.name = "n", .type = PB_TYPE_INT, .default_text = "1", .doc = "a number"},
};

#define AT(member) .offset = offsetof(struct params, member)
#define INNER      .fields = inner_table, .n_fields = 1, .fields_size = sizeof(struct inner)

/* A good table, as something to spoil. */
static const struct pb_param good[] = {
        {.name = "count", .type = PB_TYPE_INT, AT(count), .min = 1, .max = 9, .default_text = "3", .doc = "how many"},
        {.name = "rate", .type = PB_TYPE_REAL, AT(rate), .doc = "how fast"},
        {.name = "flag", .type = PB_TYPE_BOOL, AT(flag), .default_text = "false", .doc = "whether"},
        {.name = "kind", .type = PB_TYPE_ENUM, AT(kind), .choices = kinds, .default_text = "two", .doc = "which"},
        {.name = "name", .type = PB_TYPE_STRING, AT(name), .default_text = "~", .doc = "who"},
        {.name = "list", .type = PB_TYPE_INT_LIST, AT(list), .default_text = "[1, 2]", .doc = "many"},
        {.name = "inner", .type = PB_TYPE_RECORD, AT(inner), .default_text = "{}", INNER, .doc = "nested"},
        {.name = "Inners", .type = PB_TYPE_RECORD_LIST, AT(inners), .default_text = "[{n: 2}]", INNER, .doc = "nested"},
};

enum { COUNT_I, RATE, FLAG, KIND, NAME, LIST, INNER_I, INNERS, N };

static struct pb_param table[N];

static void setup(void)
{
	memcpy(table, good, sizeof table);
	pb_error_clear();
}

static void expect(const char *text)
{
	ck_assert_int_eq(pb_schema_check(table, N, sizeof(struct params), "plugin x"), -PB_E_PLUGIN);
	ck_assert_msg(strstr(pb_error_text(), text), "`%s` lacks `%s`", pb_error_text(), text);
	setup();
	ck_assert_ok(pb_schema_check(table, N, sizeof(struct params), "plugin x"));
}

START_TEST(good_tables_pass)
{
	ck_assert_ok(pb_schema_check(table, N, sizeof(struct params), "plugin x"));
	ck_assert_ok(pb_schema_check(NULL, 0, 0, "plugin x"));
	/* The order of the table need not be that of the struct. */
	for (size_t i = 0; i < N; i++)
		table[i] = good[N - 1 - i];
	ck_assert_ok(pb_schema_check(table, N, sizeof(struct params), "plugin x"));
}
END_TEST

START_TEST(names_and_docs_are_checked)
{
	table[RATE].name = "my-rate";
	expect("plugin x: parameter `my-rate` needs a name of letters");
	table[RATE].name = "1st";
	expect("needs a name");
	table[RATE].name = "";
	expect("needs a name");
	table[RATE].name = NULL;
	expect("needs a name");
	table[RATE].name = "count";
	expect("parameter `count` stands twice");
	table[RATE].doc = NULL;
	expect("parameter `rate` needs a doc text");
	table[RATE].doc = " \t";
	expect("needs a doc text");
	table[RATE].doc = "two\nlines";
	expect("needs a doc text");
}
END_TEST

START_TEST(places_are_checked)
{
	table[INNERS].offset = sizeof(struct params) - 8;
	expect("parameter `Inners` lies past the end");
	table[RATE].offset = UINT32_MAX;
	expect("lies past the end");
	table[RATE].offset = offsetof(struct params, count);
	expect("parameter `rate` overlaps another");
	table[KIND].offset = offsetof(struct params, flag);
	expect("overlaps");
	table[KIND].offset = offsetof(struct params, flag) + 2;
	expect("not aligned");
	table[FLAG].type = PB_TYPE_INT;
	expect("overlaps");
	ck_assert_int_lt(pb_schema_check(table, N, sizeof(struct params) - 8, "x"), 0);
	ck_assert_int_lt(pb_schema_check(table, N, 0, "x"), 0);
	table[INNERS].fields_size = 12;
	expect("not aligned");
}
END_TEST

START_TEST(types_ranges_and_choices_are_checked)
{
	static const char *const none[] = {NULL}, *const twice[] = {"a", "b", "a", NULL};
	table[RATE].type = 0;
	expect("parameter `rate` has an unknown type");
	table[RATE].type = 99;
	expect("unknown type");
	table[COUNT_I].min = 10;
	expect("parameter `count` has a range whose min");
	table[COUNT_I].max = NAN;
	expect("has a range whose min");
	table[NAME].max = 5;
	expect("parameter `name` has a range, but is not a number");
	table[KIND].choices = NULL;
	table[KIND].default_text = NULL;
	expect("parameter `kind` is of type ENUM but has no choices");
	table[KIND].choices = none;
	expect("has no choices");
	table[KIND].choices = twice;
	expect("the same choice twice");
	table[NAME].choices = kinds;
	expect("has choices, but is not");
}
END_TEST

START_TEST(defaults_are_parsed)
{
	table[COUNT_I].default_text = "10";
	expect("default of `count`: `count` is `10`, out of range; expected int, 1 .. 9");
	table[COUNT_I].default_text = "[1]";
	expect("default of `count`: `count` is a list");
	table[LIST].default_text = "[1, x]";
	expect("default of `list`: an item of `list` is the text `x`; expected int");
	table[LIST].default_text = "[1";
	expect("default of `list`: not YAML");
	table[KIND].default_text = "three";
	expect("default of `kind`");
	table[FLAG].default_text = "yes";
	expect("default of `flag`: `flag` is the text `yes`; write true");
	table[COUNT_I].default_text = "~";
	expect("default of `count`");
	table[INNERS].default_text = "[{m: 1}]";
	expect("default of `Inners`: unknown key `m`");
	table[INNER_I].default_text = "{n: 5}";
	expect("its default can only be {}");
}
END_TEST

START_TEST(nested_tables_are_checked)
{
	struct pb_param inner[1] = {inner_table[0]};
	table[INNER_I].fields = inner;
	inner[0].doc = "";
	expect("parameter `inner.n` needs a doc");
	inner[0] = inner_table[0];
	table[INNER_I].fields = inner;
	inner[0].default_text = "x";
	expect("default of `n`");
	inner[0].default_text = NULL;
	table[INNER_I].fields = inner;
	expect("missing key `n` in `inner`: a number (int)");
	inner[0].offset = 8;
	table[INNER_I].fields = inner;
	expect("`inner.n` lies past");
	table[INNER_I].n_fields = 0;
	expect("is a record without fields");
	table[COUNT_I].fields = inner_table;
	expect("has fields, but is not a record");
}
END_TEST

START_TEST(tables_that_contain_themselves_are_refused)
{
	struct pb_param self = {.name = "self",
	                        .type = PB_TYPE_RECORD,
	                        .default_text = "{}",
	                        .n_fields = 1,
	                        .fields_size = 8,
	                        .doc = "itself"};
	self.fields = &self;
	ck_assert_int_eq(pb_schema_check(&self, 1, 8, "x"), -PB_E_PLUGIN);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "nested too deep"));
}
END_TEST

START_TEST(all_that_is_wrong_is_listed)
{
	table[RATE].doc = NULL;
	table[KIND].choices = NULL;
	ck_assert_int_eq(pb_schema_check(table, N, sizeof(struct params), "x"), -PB_E_PLUGIN);
	ck_assert_str_eq(pb_error_text(), "x: parameter `rate` needs a doc text of one line\n"
	                                  "x: parameter `kind` is of type ENUM but has no choices");
}
END_TEST

START_TEST(digest_follows_the_meaning)
{
	static const char *const others[] = {"one", "three", NULL}, *const moved[] = {"onet", "wo", NULL};
	struct pb_param inner[1] = {inner_table[0]};
	uint64_t same = pb_schema_hash(table, N);
	/* Not what a user never sees. */
	table[RATE].doc = "another doc";
	table[RATE].offset = 0;
	ck_assert_uint_eq(pb_schema_hash(table, N), same);
#define CHANGE(change)                                                                                                 \
	do {                                                                                                           \
		setup();                                                                                               \
		change;                                                                                                \
		ck_assert_uint_ne(pb_schema_hash(table, N), same);                                                     \
	} while (0)
	CHANGE(table[RATE].name = "Rate");
	CHANGE(table[RATE].type = PB_TYPE_INT);
	CHANGE(table[RATE].min = -1);
	CHANGE(table[RATE].max = 1e-9);
	CHANGE(table[RATE].default_text = "");
	CHANGE(table[COUNT_I].default_text = NULL);
	CHANGE(table[RATE].unit = "tokens");
	CHANGE(table[KIND].choices = others);
	CHANGE(table[KIND].choices = moved);
	CHANGE((inner[0].max = 5, table[INNER_I].fields = inner));
	CHANGE((table[RATE] = good[FLAG], table[FLAG] = good[RATE]));
	ck_assert_uint_ne(pb_schema_hash(good, N - 1), same);
}
END_TEST

static const struct {
	struct pb_param param;
	const char *text;
} types[] = {
        {{.type = PB_TYPE_BOOL}, "true or false"},
        {{.type = PB_TYPE_INT}, "int"},
        {{.type = PB_TYPE_INT, .min = 1, .max = 1000}, "int, 1 .. 1000"},
        {{.type = PB_TYPE_INT, .min = 1, .max = INFINITY}, "int, at least 1"},
        {{.type = PB_TYPE_INT, .min = 1, .max = 9223372036854775807.0}, "int, at least 1"},
        {{.type = PB_TYPE_INT, .min = -INFINITY, .max = 5}, "int, at most 5"},
        {{.type = PB_TYPE_INT, .max = 9007199254740992.0}, "int, 0 .. 9007199254740992"},
        {{.type = PB_TYPE_REAL}, "real"},
        {{.type = PB_TYPE_REAL, .max = 0.5}, "real, 0 .. 0.5"},
        {{.type = PB_TYPE_REAL, .min = -1e-9, .max = INFINITY}, "real, at least -1e-09"},
        {{.type = PB_TYPE_REAL, .min = -INFINITY, .max = INFINITY}, "real"},
        {{.type = PB_TYPE_STRING}, "text"},
        {{.type = PB_TYPE_ENUM, .choices = kinds}, "one of one, two"},
        {{.type = PB_TYPE_INT_LIST, .max = 7}, "list of int, 0 .. 7"},
        {{.type = PB_TYPE_REAL_LIST}, "list of real"},
        {{.type = PB_TYPE_STRING_LIST}, "list of text"},
        {{.type = PB_TYPE_RECORD}, "mapping"},
        {{.type = PB_TYPE_RECORD_LIST}, "list of mappings"},
};

START_TEST(types_are_put_into_words)
{
	struct pb_text text = {0};
	pb_schema_type_text(&types[_i].param, &text);
	ck_assert_str_eq(text.data, types[_i].text);
	pb_text_finish(&text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("schema_check");
	TCase *tests = tcase_create("schema_check");
	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_test(tests, good_tables_pass);
	tcase_add_test(tests, names_and_docs_are_checked);
	tcase_add_test(tests, places_are_checked);
	tcase_add_test(tests, types_ranges_and_choices_are_checked);
	tcase_add_test(tests, defaults_are_parsed);
	tcase_add_test(tests, nested_tables_are_checked);
	tcase_add_test(tests, tables_that_contain_themselves_are_refused);
	tcase_add_test(tests, all_that_is_wrong_is_listed);
	tcase_add_test(tests, digest_follows_the_meaning);
	tcase_add_loop_test(tests, types_are_put_into_words, 0, COUNT(types));
	suite_add_tcase(suite, tests);
	return pb_test_run(suite, NULL);
}
