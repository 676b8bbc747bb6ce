/* test_schema.c: YAML into structs: every type, every mistake, defaults. */
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/schema.h"
#include "base/status.h"
#include "support/support.h"

#define COUNT(array) (sizeof array / sizeof *array)

struct betas {
	double lr;
	struct pb_real_list betas;
};

struct item {
	const char *name;
	int64_t n;
	struct betas update;
};

struct all {
	bool flag;
	int64_t count;
	double rate;
	const char *name;
	int32_t act_fn;
	struct pb_int_list units;
	struct pb_real_list grid;
	struct pb_string_list over;
	struct betas update;
	struct pb_record_list items;
	int64_t free_int;
	double free_real, any_real;
};

static const char *const act_fns[] = {"relu", "gelu", "gelu_new", "silu", NULL};

static const struct pb_param betas_table[] = {
        {.name = "lr", .type = PB_TYPE_REAL, .offset = offsetof(struct betas, lr), .max = 1, .doc = "learning rate"},
        {.name = "betas",
         .type = PB_TYPE_REAL_LIST,
         .offset = offsetof(struct betas, betas),
         .default_text = "[0.9, 0.98]",
         .max = 1,
         .doc = "decay rates"},
};

static const struct pb_param item_table[] = {
        {.name = "name", .type = PB_TYPE_STRING, .offset = offsetof(struct item, name), .doc = "its name"},
        {.name = "n", .type = PB_TYPE_INT, .offset = offsetof(struct item, n), .default_text = "7", .doc = "a number"},
        {.name = "update",
         .type = PB_TYPE_RECORD,
         .offset = offsetof(struct item, update),
         .default_text = "{}",
         .fields = betas_table + 1,
         .n_fields = 1,
         .fields_size = sizeof(struct betas),
         .doc = "the update"},
};

#define MEMBER(member, kind, text)                                                                                     \
	.name = #member, .type = kind, .offset = offsetof(struct all, member), .default_text = text, .doc = "a key"

static const struct pb_param table[] = {
        {MEMBER(flag, PB_TYPE_BOOL, "true")},
        {MEMBER(count, PB_TYPE_INT, "12"), .min = 1, .max = 1000},
        {MEMBER(rate, PB_TYPE_REAL, "1e-4"), .max = 1},
        {MEMBER(name, PB_TYPE_STRING, "~")},
        {MEMBER(act_fn, PB_TYPE_ENUM, "gelu"), .choices = act_fns},
        {MEMBER(units, PB_TYPE_INT_LIST, "[1, 2]"), .min = -5, .max = 500},
        {MEMBER(grid, PB_TYPE_REAL_LIST, "[]")},
        {MEMBER(over, PB_TYPE_STRING_LIST, "[layer]")},
        {MEMBER(update, PB_TYPE_RECORD, "{lr: 0.5}"), .fields = betas_table, .n_fields = 2,
         .fields_size = sizeof(struct betas)},
        {MEMBER(items, PB_TYPE_RECORD_LIST, "[]"), .fields = item_table, .n_fields = 3,
         .fields_size = sizeof(struct item)},
        {MEMBER(free_int, PB_TYPE_INT, "0")},
        {MEMBER(free_real, PB_TYPE_REAL, "0")},
        {MEMBER(any_real, PB_TYPE_REAL, ".nan"), .min = -INFINITY, .max = INFINITY},
};

static struct pb_yaml yaml;
static struct all all;

static void teardown(void)
{
	pb_yaml_finish(&yaml);
}

static int decode_table(const struct pb_param *params, size_t count, const char *const *skip, const char *source)
{
	pb_yaml_finish(&yaml);
	all = (struct all){0};
	ck_assert_ok(pb_yaml_parse("f.yaml", source, strlen(source), &yaml));
	return pb_schema_decode(&yaml, yaml.root, params, count, skip, "a test", &all);
}

static int decode(const char *source)
{
	return decode_table(table, COUNT(table), NULL, source);
}

static const char *errors(void)
{
	return pb_yaml_status(&yaml) ? pb_error_text() : "";
}

START_TEST(defaults_fill_what_is_not_given)
{
	ck_assert_ok(decode(""));
	ck_assert_int_eq(pb_yaml_status(&yaml), 0);
	ck_assert(all.flag);
	ck_assert_int_eq(all.count, 12);
	ck_assert(all.rate == 1e-4 && isnan(all.any_real));
	ck_assert_ptr_null(all.name);
	ck_assert_int_eq(all.act_fn, 1);
	ck_assert_uint_eq(all.units.count, 2);
	ck_assert_int_eq(all.units.items[1], 2);
	ck_assert_uint_eq(all.grid.count, 0);
	ck_assert_str_eq(all.over.items[0], "layer");
	ck_assert(all.update.lr == 0.5 && all.update.betas.items[1] == 0.98);
	ck_assert_uint_eq(all.items.count, 0);
	all = (struct all){0};
	ck_assert_ok(pb_schema_decode(&yaml, NULL, table, COUNT(table), NULL, "a test", &all));
	ck_assert_int_eq(all.count, 12);
}
END_TEST

START_TEST(every_type_is_decoded)
{
	ck_assert_ok(
	        decode("flag: false\ncount: 0x10\nrate: .25\nname: \"71\"\nact_fn: gelu_new\nunits: [-5, 500, 0]\n"
	               "grid: [1, 2.5, 1e3]\nover: [layer, \"\", 12]\nupdate: {lr: 0.125, betas: [0.5]}\n"
	               "items:\n  - {name: a}\n  - name: b\n    n: -9223372036854775808\n    update: {betas: [1]}\n"
	               "free_int: 9223372036854775807\nfree_real: -1e308\nany_real: -.inf\n"));
	ck_assert(!all.flag && all.rate == 0.25 && all.free_real == -1e308 && all.any_real == -INFINITY);
	ck_assert_int_eq(all.count, 16);
	ck_assert_str_eq(all.name, "71");
	ck_assert_int_eq(all.act_fn, 2);
	ck_assert_uint_eq(all.units.count, 3);
	ck_assert_int_eq(all.units.items[0], -5);
	ck_assert(all.grid.items[1] == 2.5 && all.grid.items[2] == 1000);
	ck_assert_str_eq(all.over.items[1], "");
	ck_assert_str_eq(all.over.items[2], "12");
	ck_assert(all.update.lr == 0.125 && all.update.betas.count == 1);
	const struct item *items = all.items.items;
	ck_assert_uint_eq(all.items.count, 2);
	ck_assert_str_eq(items[0].name, "a");
	ck_assert_int_eq(items[0].n, 7);
	ck_assert_uint_eq(items[0].update.betas.count, 2);
	ck_assert_int_eq(items[1].n, INT64_MIN);
	ck_assert(items[1].update.betas.count == 1 && items[1].update.betas.items[0] == 1);
	ck_assert_int_eq(all.free_int, INT64_MAX);
}
END_TEST

START_TEST(one_scalar_is_a_list)
{
	ck_assert_ok(decode("units: 5\ngrid: 0.5\nover: head\nupdate: {lr: 1, betas: 0.25}"));
	ck_assert(all.units.count == 1 && all.units.items[0] == 5);
	ck_assert(all.grid.count == 1 && all.grid.items[0] == 0.5);
	ck_assert(all.over.count == 1 && !strcmp(all.over.items[0], "head"));
	ck_assert(all.update.betas.count == 1 && all.update.betas.items[0] == 0.25);
}
END_TEST

/* The first line of the only mistake. */
static const struct {
	const char *source, *error;
} mistakes[] = {
        /* kinds */
        {"flag: [true]", "f.yaml:1:7: `flag` is a list; expected true or false"},
        {"flag: yes", "f.yaml:1:7: `flag` is the text `yes`; write true"},
        {"flag: Off", "f.yaml:1:7: `flag` is the text `Off`; write false"},
        {"flag: TRUE", "f.yaml:1:7: `flag` is the text `TRUE`; write true"},
        {"flag: 1", "f.yaml:1:7: `flag` is the number `1`; write true"},
        {"flag: \"true\"", "f.yaml:1:7: `flag` is the text `true`; write true, without quotes"},
        {"flag: maybe", "f.yaml:1:7: `flag` is the text `maybe`; expected true or false"},
        {"count: {a: 1}", "f.yaml:1:8: `count` is a mapping; expected int, 1 .. 1000"},
        {"count: abc", "f.yaml:1:8: `count` is the text `abc`; expected int, 1 .. 1000"},
        {"count: \"5\"", "f.yaml:1:8: `count` is the text `5`; expected int, 1 .. 1000"},
        {"count: true", "f.yaml:1:8: `count` is `true`; expected int, 1 .. 1000"},
        {"count:", "f.yaml:1:7: `count` has no value; give one, or remove the key for the default 12"},
        {"rate: abc", "f.yaml:1:7: `rate` is the text `abc`; expected real, 0 .. 1"},
        {"rate: nan", "f.yaml:1:7: `rate` is the text `nan`; expected real, 0 .. 1"},
        {"name: [a]", "f.yaml:1:7: `name` is a list; expected text"},
        {"act_fn: [relu]", "f.yaml:1:9: `act_fn` is a list; expected one of relu, gelu, gelu_new, silu"},
        {"units: {a: 1}", "f.yaml:1:8: `units` is a mapping; expected list of int, -5 .. 500"},
        {"units: abc", "f.yaml:1:8: `units` is the text `abc`; expected list of int, -5 .. 500"},
        {"units: [1, [2]]", "f.yaml:1:12: an item of `units` is a list; expected int, -5 .. 500"},
        {"over: [a, ~]", "f.yaml:1:11: an item of `over` is nothing; expected text"},
        {"update: 5", "f.yaml:1:9: `update` is the number `5`; expected a mapping, `key: value`"},
        {"items: {name: a}",
         "f.yaml:1:8: `items` is a mapping; expected list of mappings: put `- ` before its first key"},
        {"items: abc", "f.yaml:1:8: `items` is the text `abc`; expected list of mappings"},
        {"items: [a]", "f.yaml:1:9: an item of `items` is the text `a`; expected a mapping, `key: value`"},
        /* numbers */
        {"count: 1e2", "f.yaml:1:8: `count` is `1e2`; an int has no point and no exponent: write 100"},
        {"count: 3.0", "f.yaml:1:8: `count` is `3.0`; an int has no point and no exponent: write 3"},
        {"count: 2.5", "f.yaml:1:8: `count` is `2.5`, which is not a whole number; expected int, 1 .. 1000"},
        {"count: .inf", "f.yaml:1:8: `count` is `.inf`, which is not a whole number; expected int, 1 .. 1000"},
        {"count: 1_000", "f.yaml:1:8: `count` is `1_000`; write the number without underscores"},
        {"count: 010", "f.yaml:1:8: `count` is `010`; octal numbers are not read: write it without the leading 0"},
        {"count: 0o17", "f.yaml:1:8: `count` is `0o17`; octal numbers are not read: write it without the leading 0"},
        {"free_int: 9223372036854775808",
         "f.yaml:1:11: `free_int` is `9223372036854775808`, which is too large; expected int"},
        {"rate: 1e999", "f.yaml:1:7: `rate` is `1e999`, which is too large; expected real, 0 .. 1"},
        {"rate: 1e-999", "f.yaml:1:7: `rate` is `1e-999`, which is too small to tell from 0; expected real, 0 .. 1"},
        /* ranges */
        {"count: 0", "f.yaml:1:8: `count` is `0`, out of range; expected int, 1 .. 1000"},
        {"count: 1001", "f.yaml:1:8: `count` is `1001`, out of range; expected int, 1 .. 1000"},
        {"rate: -1e-9", "f.yaml:1:7: `rate` is `-1e-9`, out of range; expected real, 0 .. 1"},
        {"rate: .inf", "f.yaml:1:7: `rate` is `.inf`, out of range; write a finite number"},
        {"rate: .nan", "f.yaml:1:7: `rate` is `.nan`, out of range; write a finite number"},
        {"free_real: .inf", "f.yaml:1:12: `free_real` is `.inf`, out of range; write a finite number"},
        {"units: [1, 501]", "f.yaml:1:12: an item of `units` is `501`, out of range; expected int, -5 .. 500"},
        {"units: -6", "f.yaml:1:8: `units` is `-6`, out of range; expected list of int, -5 .. 500"},
        {"update: {lr: 2}", "f.yaml:1:14: `lr` is `2`, out of range; expected real, 0 .. 1"},
        /* names */
        {"act_fn: rellu",
         "f.yaml:1:9: `act_fn` is `rellu` (did you mean `relu`?); expected one of relu, gelu, gelu_new, silu"},
        {"act_fn: tanh", "f.yaml:1:9: `act_fn` is the text `tanh`; expected one of relu, gelu, gelu_new, silu"},
        {"coutn: 5", "f.yaml:1:1: unknown key `coutn` in a test; did you mean `count`?"},
        {"zzzzz: 5",
         "f.yaml:1:1: unknown key `zzzzz` in a test; its keys are flag, count, rate, name, act_fn, units, grid, "
         "over, update, items, free_int, free_real, any_real"},
        {"update: {lr: 1, bettas: 1}", "f.yaml:1:17: unknown key `bettas` in `update`; did you mean `betas`?"},
        {"items: [{name: a, updat: 1}]",
         "f.yaml:1:19: unknown key `updat` in an item of `items`; did you mean `update`?"},
        /* what is missing */
        {"update: {betas: 1}", "f.yaml:1:9: missing key `lr` in `update`: learning rate (real, 0 .. 1)"},
        {"items:\n  - n: 1", "f.yaml:2:5: missing key `name` in an item of `items`: its name (text)"},
        {"items: [~]", "f.yaml:1:9: missing key `name` in an item of `items`: its name (text)"},
};

START_TEST(mistake_says_what_and_where)
{
	ck_assert_int_eq(decode(mistakes[_i].source), -PB_E_CONFIG);
	ck_assert_uint_eq(yaml.n_errors, 1);
	char *first = strdup(errors());
	*strchrnul(first, '\n') = '\0';
	ck_assert_str_eq(first, mistakes[_i].error);
	free(first);
}
END_TEST

START_TEST(all_mistakes_are_found_in_one_go)
{
	ck_assert_int_eq(decode("nmae: x\ncount: 0\nunits: [a, 1, b]\nupdate: {betas: [2]}\nflag: false\n"),
	                 -PB_E_CONFIG);
	ck_assert_str_eq(
	        errors(),
	        "f.yaml:1:1: unknown key `nmae` in a test; did you mean `name`?\n  1 | nmae: x\n    | ^^^^\n\n"
	        "f.yaml:2:8: `count` is `0`, out of range; expected int, 1 .. 1000\n  2 | count: 0\n    |        ^\n\n"
	        "f.yaml:3:9: an item of `units` is the text `a`; expected int, -5 .. 500\n"
	        "  3 | units: [a, 1, b]\n    |         ^\n\n"
	        "f.yaml:3:15: an item of `units` is the text `b`; expected int, -5 .. 500\n"
	        "  3 | units: [a, 1, b]\n    |               ^\n\n"
	        "f.yaml:4:9: missing key `lr` in `update`: learning rate (real, 0 .. 1)\n"
	        "  4 | update: {betas: [2]}\n    |         ^\n\n"
	        "f.yaml:4:18: an item of `betas` is `2`, out of range; expected real, 0 .. 1\n"
	        "  4 | update: {betas: [2]}\n    |                  ^");
	/* What is right is there all the same. */
	ck_assert(!all.flag);
	ck_assert_int_eq(all.act_fn, 1);
	ck_assert_uint_eq(all.units.count, 0);
}
END_TEST

START_TEST(keys_of_others_are_skipped)
{
	static const char *const skip[] = {"plugin", "hooks", NULL};
	ck_assert_ok(decode_table(table, COUNT(table), skip, "plugin: x\nhooks: [1]\ncount: 5"));
	ck_assert_int_eq(decode_table(table, COUNT(table), skip, "plugni: x"), -PB_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(errors(), "did you mean `plugin`?"));
	ck_assert_ok(decode_table(NULL, 0, skip, "plugin: x"));
	ck_assert_int_eq(decode_table(NULL, 0, NULL, "a: x"), -PB_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(errors(), "unknown key `a` in a test, which has no keys; remove it"));
}
END_TEST

START_TEST(missing_keys_of_the_root_are_at_its_place)
{
	ck_assert_int_eq(decode_table(betas_table, 2, NULL, "# first\nbetas: 0.5\n"), -PB_E_CONFIG);
	ck_assert_str_eq(errors(), "f.yaml:2:1: missing key `lr` in a test: learning rate (real, 0 .. 1)\n"
	                           "  2 | betas: 0.5\n    | ^");
	pb_yaml_finish(&yaml);
	ck_assert_ok(pb_yaml_parse("f.yaml", "", 0, &yaml));
	ck_assert_int_eq(pb_schema_decode(&yaml, NULL, betas_table, 2, NULL, "plugin oocl", &all), -PB_E_CONFIG);
	ck_assert_str_eq(errors(), "f.yaml: missing key `lr` in plugin oocl: learning rate (real, 0 .. 1)");
}
END_TEST

START_TEST(missing_keys_of_a_default_are_at_the_place_above)
{
	const struct pb_param update = {.name = "update",
	                                .type = PB_TYPE_RECORD,
	                                .offset = offsetof(struct item, update),
	                                .default_text = "{}",
	                                .fields = betas_table,
	                                .n_fields = 2,
	                                .fields_size = sizeof(struct betas),
	                                .doc = "the update"};
	const struct pb_param items = {.name = "items",
	                               .type = PB_TYPE_RECORD_LIST,
	                               .offset = offsetof(struct all, items),
	                               .fields = &update,
	                               .n_fields = 1,
	                               .fields_size = sizeof(struct item),
	                               .doc = "n"};
	ck_assert_int_eq(decode_table(&items, 1, NULL, "items: [{}]"), -PB_E_CONFIG);
	ck_assert_str_eq(errors(), "f.yaml:1:9: missing key `lr` in `update`: learning rate (real, 0 .. 1)\n"
	                           "  1 | items: [{}]\n    |         ^");
}
END_TEST

/* Encodes `all`; the text is the caller's. */
static char *encoded(const char *const *skip)
{
	struct pb_text out = {0};
	struct pb_yaml_node *node = pb_schema_encode(&yaml, table, COUNT(table), skip, &all);
	ck_assert_ptr_nonnull(node);
	pb_yaml_emit(node, 0, &out);
	ck_assert_ok(pb_text_status(&out));
	return out.data;
}

START_TEST(values_go_back_into_yaml)
{
	ck_assert_ok(decode("flag: false\ncount: 7\nrate: 1e-7\nname: '42'\nact_fn: silu\nunits: []\ngrid: [1e300, -0.5, 3]\n"
	                    "over: [a, '~', 'b: c']\nupdate: {lr: 0.25, betas: 1}\nitems: [{name: x, n: -9}, {name: ''}]\n"
	                    "free_int: -9223372036854775808\nfree_real: 0.1\nany_real: -.inf\n"));
	char *text = encoded(NULL);
	ck_assert_str_eq(text, "flag: false\ncount: 7\nrate: 1.0e-07\nname: \"42\"\nact_fn: silu\nunits: []\n"
	                       "grid: [1.0e+300, -0.5, 3]\nover: [a, \"~\", \"b: c\"]\n"
	                       "update:\n  lr: 0.25\n  betas: [1]\n"
	                       "items:\n"
	                       "  - name: x\n    \"n\": -9\n    update:\n      betas: [0.9, 0.98]\n"
	                       "  - name: \"\"\n    \"n\": 7\n    update:\n      betas: [0.9, 0.98]\n"
	                       "free_int: -9223372036854775808\nfree_real: 0.1\nany_real: -.inf\n");
	ck_assert_ok(decode(text));
	char *again = encoded(NULL);
	ck_assert_str_eq(again, text);
	free(again);
	free(text);
}
END_TEST

START_TEST(what_is_not_there_is_not_encoded)
{
	ck_assert_ok(decode(""));
	char *text = encoded((const char *const[]){"items", "update", "count", NULL});
	ck_assert_str_eq(text, "flag: true\nrate: 0.0001\nact_fn: gelu\nunits: [1, 2]\ngrid: []\nover: [layer]\n"
	                       "free_int: 0\nfree_real: 0\nany_real: .nan\n");
	free(text);
}
END_TEST

START_TEST(mistakes_in_set_values_name_the_option)
{
	ck_assert_ok(decode("count: 5"));
	ck_assert_ok(pb_yaml_set(&yaml, "count=0"));
	ck_assert_ok(pb_yaml_set(&yaml, "update.lrr=0"));
	ck_assert_int_eq(pb_schema_decode(&yaml, yaml.root, table, COUNT(table), NULL, "a test", &all), -PB_E_CONFIG);
	ck_assert_str_eq(errors(), "--set count=0: `count` is `0`, out of range; expected int, 1 .. 1000\n\n"
	                           "--set update.lrr=0: unknown key `lrr` in `update`; did you mean `lr`?");
}
END_TEST

/* The neighbours of 2^53 + 1 as doubles are 2^53 and 2^53 + 2. */
START_TEST(large_ints_are_compared_exactly)
{
	const struct pb_param bounded = {.name = "free_int",
	                                 .type = PB_TYPE_INT,
	                                 .offset = offsetof(struct all, free_int),
	                                 .max = 9007199254740992.0,
	                                 .doc = "n"};
	ck_assert_ok(decode_table(&bounded, 1, NULL, "free_int: 9007199254740992"));
	ck_assert_int_eq(decode_table(&bounded, 1, NULL, "free_int: 9007199254740993"), -PB_E_CONFIG);
	const struct pb_param open = {.name = "free_int",
	                              .type = PB_TYPE_INT,
	                              .offset = offsetof(struct all, free_int),
	                              .min = 1,
	                              .max = INFINITY,
	                              .doc = "n"};
	ck_assert_ok(decode_table(&open, 1, NULL, "free_int: 9223372036854775807"));
	ck_assert_int_eq(decode_table(&open, 1, NULL, "free_int: 0"), -PB_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(errors(), "expected int, at least 1\n"));
}
END_TEST

START_TEST(wrong_default_is_reported_not_ignored)
{
	struct pb_param wrong = table[1];
	wrong.default_text = "0";
	ck_assert_int_eq(decode_table(&wrong, 1, NULL, ""), -PB_E_CONFIG);
	ck_assert_str_eq(errors(), "default of `count`: `count` is `0`, out of range; expected int, 1 .. 1000");
	wrong.default_text = "[";
	ck_assert_int_eq(decode_table(&wrong, 1, NULL, ""), -PB_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(errors(), "default of `count`: not YAML"));
}
END_TEST

START_TEST(odd_texts_are_shown_safely)
{
	char source[5000];
	snprintf(source, sizeof source, "\"k\\e[31m%0150d\": 1\ncount: \"a\\nb\\e[31m%04000d\"", 1, 2);
	ck_assert_int_eq(decode(source), -PB_E_CONFIG);
	ck_assert_uint_eq(yaml.n_errors, 2);
	ck_assert_ptr_null(strchr(errors(), '\x1b'));
	ck_assert_uint_lt(strlen(errors()), 1000);
	ck_assert_ptr_nonnull(strstr(errors(), "the text `a b?[31m0000"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("schema");
	TCase *tests = tcase_create("schema");
	tcase_add_checked_fixture(tests, NULL, teardown);
	tcase_add_test(tests, defaults_fill_what_is_not_given);
	tcase_add_test(tests, every_type_is_decoded);
	tcase_add_test(tests, one_scalar_is_a_list);
	tcase_add_loop_test(tests, mistake_says_what_and_where, 0, COUNT(mistakes));
	tcase_add_test(tests, all_mistakes_are_found_in_one_go);
	tcase_add_test(tests, keys_of_others_are_skipped);
	tcase_add_test(tests, missing_keys_of_the_root_are_at_its_place);
	tcase_add_test(tests, missing_keys_of_a_default_are_at_the_place_above);
	tcase_add_test(tests, values_go_back_into_yaml);
	tcase_add_test(tests, what_is_not_there_is_not_encoded);
	tcase_add_test(tests, mistakes_in_set_values_name_the_option);
	tcase_add_test(tests, large_ints_are_compared_exactly);
	tcase_add_test(tests, wrong_default_is_reported_not_ignored);
	tcase_add_test(tests, odd_texts_are_shown_safely);
	suite_add_tcase(suite, tests);
	return pb_test_run(suite, NULL);
}
