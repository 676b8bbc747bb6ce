/* test_yaml.c: the tree, --set, and writing it back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
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
	pb_yaml_finish(&yaml);
	ck_assert_ok(pb_yaml_parse("f.yaml", source, strlen(source), &yaml));
}

/* Writes a tree so that every difference shows: 'plain', "quoted", [lists], {maps}. */
static void spell(const struct pb_yaml_node *node)
{
	if (node->kind == PB_YAML_SCALAR) {
		pb_text_add(&text, node->quoted ? "\"%s\"" : "'%s'", node->text);
		return;
	}
	pb_text_add(&text, node->kind == PB_YAML_LIST ? "[" : "{");
	for (size_t i = 0; i < node->count; i++) {
		pb_text_add(&text, "%s", i ? " " : "");
		if (node->kind == PB_YAML_MAP) {
			spell(node->keys[i]);
			pb_text_add(&text, ":");
		}
		spell(node->items[i]);
	}
	pb_text_add(&text, node->kind == PB_YAML_LIST ? "]" : "}");
}

static const char *spelled(void)
{
	pb_text_clear(&text);
	spell(yaml.root);
	return text.data;
}

static const struct {
	const char *source, *tree;
} trees[] = {
        {"", "{}"},
        {"# nothing\n", "{}"},
        {"---\n", "{}"},
        {"{}", "{}"},
        {"a: 1", "{'a':'1'}"},
        {"\xef\xbb\xbf"
         "a: 1\r\nb: 2\r\n",
         "{'a':'1' 'b':'2'}"},
        {"a:\nb: ~\nc: null", "{'a':'' 'b':'~' 'c':'null'}"},
        {"a: \"1\"\nb: '2'\nc: |\n  x\n  y\nd: >-\n  x\n  y", "{'a':\"1\" 'b':\"2\" 'c':\"x\ny\n\" 'd':\"x y\"}"},
        {"a: [1, [2, 3], {b: c}]", "{'a':['1' ['2' '3'] {'b':'c'}]}"},
        {"a:\n- 1\n- b: 2\n  c: 3\n-\n  - 4", "{'a':['1' {'b':'2' 'c':'3'} ['4']]}"},
        {"a: []\nb: {}", "{'a':[] 'b':{}}"},
        {"\"a b\": 1\n\"\": 2\n\"<<\": 3\n12: 4", "{\"a b\":'1' \"\":'2' \"<<\":'3' '12':'4'}"},
        {"a: x # comment\nb: x#y", "{'a':'x' 'b':'x#y'}"},
        {"a: blocks.<=2.{x,y}", "{'a':'blocks.<=2.{x,y}'}"},
        {"? a\n: b", "{'a':'b'}"},
        {"%YAML 1.2\n---\na: b\n...\n", "{'a':'b'}"},
        {"a: \"\\u00e9\\n\\t\"", "{'a':\"\xc3\xa9\n\t\"}"},
        {"a: one\n   two", "{'a':'one two'}"},
};

START_TEST(text_becomes_a_tree)
{
	parse(trees[_i].source);
	ck_assert_str_eq(spelled(), trees[_i].tree);
}
END_TEST

START_TEST(nodes_know_where_they_stood)
{
	parse("a: 1\n\xc3\xa9\xc3\xa9: [x, \"y z\"]\nb:\n  c: |\n    t\n  d:\n");
	const struct pb_yaml_node *list = pb_yaml_get(yaml.root, "\xc3\xa9\xc3\xa9"), *b = pb_yaml_get(yaml.root, "b");
	ck_assert_int_eq(yaml.root->line, 1);
	ck_assert_int_eq(yaml.root->column, 1);
	ck_assert_int_eq(list->line, 2);
	ck_assert_int_eq(list->column, 5);
	ck_assert_int_eq(list->width, 0);
	ck_assert_int_eq(list->items[1]->column, 9);
	ck_assert_int_eq(list->items[1]->width, 5);
	ck_assert_int_eq(yaml.root->keys[1]->width, 2);
	ck_assert_int_eq(b->line, 4);
	ck_assert_int_eq(b->column, 3);
	ck_assert_int_eq(pb_yaml_get(b, "c")->line, 4);
	ck_assert_int_eq(pb_yaml_get(b, "c")->width, -1);
	ck_assert_int_eq(pb_yaml_get(b, "d")->line, 6);
	ck_assert_ptr_null(list->origin);
}
END_TEST

START_TEST(lookups_say_what_is_there)
{
	parse("a: 1\nb: [x]\nc: {d: e}\nf: ~\ng: \"~\"\nh: true\ni: \"true\"\nj: abc\nk: -1.5e3\nl:\n");
	static const char *const kinds[] = {"the number `1`",      "a list", "a mapping",       "nothing",
	                                    "the text `~`",        "`true`", "the text `true`", "the text `abc`",
	                                    "the number `-1.5e3`", "nothing"};
	for (size_t i = 0; i < yaml.root->count; i++)
		ck_assert_str_eq(pb_yaml_kind_name(yaml.root->items[i]), kinds[i]);
	ck_assert_ptr_null(pb_yaml_get(yaml.root, "z"));
	ck_assert_ptr_null(pb_yaml_get(pb_yaml_get(yaml.root, "b"), "x"));
	ck_assert_ptr_null(pb_yaml_get(NULL, "x"));
	ck_assert(pb_yaml_is_null(NULL));
	ck_assert(pb_yaml_is_null(pb_yaml_get(yaml.root, "f")));
	ck_assert(pb_yaml_is_null(pb_yaml_get(yaml.root, "l")));
	ck_assert(!pb_yaml_is_null(pb_yaml_get(yaml.root, "g")));
	ck_assert(!pb_yaml_is_null(pb_yaml_get(yaml.root, "b")));
}
END_TEST

START_TEST(kind_of_a_long_text_is_short)
{
	char source[500] = "a: ";
	memset(source + 3, 'x', 400);
	parse(source);
	ck_assert_uint_lt(strlen(pb_yaml_kind_name(yaml.root->items[0])), 90);
}
END_TEST

static const char *const base = "a: 1\nlist: [x, {k: v}, y]\nmap: {b: {c: 2}}\nempty: []\nnone:\n";

static const struct {
	const char *assignment, *tree;
} sets[] = {
        {"a=2", "{'a':'2'}"},
        {"a=[1, 2]", "{'a':['1' '2']}"},
        {"a=\"2\"", "{'a':\"2\"}"},
        {"a=", "{'a':''}"},
        {"a=b=c", "{'a':'b=c'}"},
        {"a=1e-4", "{'a':'1e-4'}"},
        {"b=x", "{'a':'1' 'b':'x'}"},
        {"b.c.d=x", "{'a':'1' 'b':{'c':{'d':'x'}}}"},
        {"b.0=x", "{'a':'1' 'b':{'0':'x'}}"},
        {"b={c: {d: [e]}}", "{'a':'1' 'b':{'c':{'d':['e']}}}"},
        {"b= spaced out ", "{'a':'1' 'b':'spaced out'}"},
};

START_TEST(set_replaces_and_makes_what_is_missing)
{
	parse("a: 1");
	ck_assert_ok(pb_yaml_set(&yaml, sets[_i].assignment));
	ck_assert_str_eq(spelled(), sets[_i].tree);
}
END_TEST

START_TEST(set_goes_through_maps_and_lists)
{
	parse(base);
	ck_assert_ok(pb_yaml_set(&yaml, "list.1.k=w"));
	ck_assert_ok(pb_yaml_set(&yaml, "list.1.n=1"));
	ck_assert_ok(pb_yaml_set(&yaml, "list.2=z"));
	ck_assert_ok(pb_yaml_set(&yaml, "map.b.c=3"));
	ck_assert_ok(pb_yaml_set(&yaml, "none.x.y=4"));
	ck_assert_ok(pb_yaml_set(&yaml, "none.x.z=[5]"));
	ck_assert_str_eq(spelled(), "{'a':'1' 'list':['x' {'k':'w' 'n':'1'} 'z'] 'map':{'b':{'c':'3'}} 'empty':[] "
	                            "'none':{'x':{'y':'4' 'z':['5']}}}");
	const struct pb_yaml_node *x = pb_yaml_get(pb_yaml_get(yaml.root, "none"), "x");
	ck_assert_int_eq(x->items[0]->line, 0);
	ck_assert_str_eq(x->items[0]->origin, "--set none.x.y=4");
	ck_assert_str_eq(x->keys[1]->origin, "--set none.x.z=[5]");
}
END_TEST

static const struct {
	const char *assignment, *error;
} refused_sets[] = {
        {"a", "--set a: write path=value as in update.lr=1e-4"},
        {"=1", "--set =1: a part of the path is empty; write path=value as in update.lr=1e-4"},
        {"a..b=1", "--set a..b=1: a part of the path is empty; write path=value as in update.lr=1e-4"},
        {".a=1", "--set .a=1: a part of the path is empty; write path=value as in update.lr=1e-4"},
        {"list.3=1", "--set list.3=1: there is no item `3` in the list; its items are 0 .. 2"},
        {"list.-1=1", "--set list.-1=1: there is no item `-1` in the list; its items are 0 .. 2"},
        {"list.x=1", "--set list.x=1: there is no item `x` in the list; its items are 0 .. 2"},
        {"list.0x1=1", "--set list.0x1=1: there is no item `0x1` in the list; its items are 0 .. 2"},
        {"list.18446744073709551617=1", "--set list.18446744073709551617=1: there is no item `18446744073709551617` in "
                                        "the list; its items are 0 .. 2"},
        {"empty.0=1", "--set empty.0=1: there is no item `0`: the list is empty"},
        {"a.b=1", "--set a.b=1: `a` is the number `1`; it has nothing below it"},
        {"list.0.b=1", "--set list.0.b=1: `0` is the text `x`; it has nothing below it"},
        {"a=[1", "--set a=[1: not YAML: this [ is not closed, or a comma is missing behind it; add the ] or ,"},
        {"a=&x 1", "--set a=&x 1: anchors (`&x`) are not supported; write the value out where it is needed"},
        {"a={b: 1, b: 2}", "--set a={b: 1, b: 2}: the key `b` stands twice in one mapping; remove one"},
        {"a=\xff", "--set a=?: the byte 0xff is not UTF-8; save the file as UTF-8"},
        {"a\x01=1", "--set a?=1: the path is not plain text"},
};

START_TEST(set_refuses_with_a_reason_and_changes_nothing)
{
	parse(base);
	char *before = strdup(spelled());
	ck_assert_int_eq(pb_yaml_set(&yaml, refused_sets[_i].assignment), -PB_E_CONFIG);
	ck_assert_str_eq(pb_error_text(), refused_sets[_i].error);
	ck_assert_str_eq(spelled(), before);
	free(before);
}
END_TEST

START_TEST(set_cannot_make_long_keys)
{
	char path[300];
	parse("a: 1");
	snprintf(path, sizeof path, "%0200d=1", 0);
	ck_assert_ok(pb_yaml_set(&yaml, path));
	snprintf(path, sizeof path, "%0201d=1", 0);
	ck_assert_int_eq(pb_yaml_set(&yaml, path), -PB_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "201 bytes"));
}
END_TEST

START_TEST(set_cannot_nest_without_end)
{
	char path[300] = "";
	parse("a: 1");
	for (int i = 0; i < 30; i++)
		strcat(path, "k.");
	strcat(path, "k=[1]");
	ck_assert_ok(pb_yaml_set(&yaml, path));
	strcpy(strrchr(path, '='), "=[[1]]");
	ck_assert_int_eq(pb_yaml_set(&yaml, path), -PB_E_CONFIG);
	for (int i = 0; i < 33; i++)
		memcpy(path + 2 * i, "k.", 3);
	strcat(path, "k=1");
	ck_assert_int_eq(pb_yaml_set(&yaml, path), -PB_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "more than 32"));
}
END_TEST

static const char *const round_trips[] = {
        "a: 1\nb: x\n",
        "a: ~\nb: true\nc: \"true\"\nd: \"12\"\ne: \"\"\nf: \"~\"\ng: \"1e-4\"\nh: \"0x1F\"\ni: \"null\"\nj: \"yes\"\n",
        "a: \"- x\"\nb: \"x: y\"\nc: \"x #y\"\nd: \"[x]\"\ne: \"{x}\"\nf: \"a, b\"\ng: \"*x\"\nh: \"&x\"\ni: \"!x\"\n",
        "a: \"@x\"\nb: \"`x`\"\nc: \"%x\"\nd: \"? x\"\ne: \"x:\"\nf: \"|\"\ng: \">\"\nh: \"-\"\ni: \"---\"\nj: "
        "\"...\"\n",
        "a: \"line\\nline\\n\"\nb: \"tab\\t\"\nc: \" lead\"\nd: \"trail \"\ne: \"q\\\"q\"\nf: \"b\\\\b\"\ng: "
        "\"it's\"\n",
        "a: \"\\u0001\\x7f\\u0085\\u2028\\ufeff\xc3\xa9\xf0\x9f\x98\x80\"\n",
        "a: [1, \"x, y\", {b: c}, [d, [e]], [], {}]\nb: {}\nc: []\n",
        "a:\n  - - - 1\n      - 2\n    - x: y\n  - b:\n      - c: {d: {e: f}}\n",
        "\"a: b\": 1\n\"\": 2\n\"<<\": 3\n\"true\": 4\n12: 5\nx z: 8\n",
        "a: {b: {c: {d: {e: {f: {g: [1, {h: i}]}}}}}}\n",
};

START_TEST(what_is_written_reads_back_equal)
{
	struct pb_text written = {0}, again = {0};
	parse(round_trips[_i]);
	pb_yaml_emit(yaml.root, 0, &written);
	/* Writing what was read back gives the same again, and the first tree's texts are all in the second. */
	char *before = strdup(spelled());
	parse(written.data);
	ck_assert_str_eq(spelled(), before);
	pb_yaml_emit(yaml.root, 0, &again);
	ck_assert_str_eq(again.data, written.data);
	free(before);
	pb_text_finish(&written);
	pb_text_finish(&again);
}
END_TEST

START_TEST(written_style_is_what_a_person_would_write)
{
	parse("name: \"z by head\"\nseed: 42\nupdate: {lr: 1e-4, betas: [0.9, 0.98]}\nunits: [34, 72]\n"
	      "sweeps: [{name: z, over: [layer, head]}, {name: parts, sets: {V0: "
	      "\"blocks.0.attn.{W,b}_V\"}}]\nnone:\n");
	pb_yaml_emit(yaml.root, 0, &text);
	ck_assert_str_eq(text.data, "name: z by head\n"
	                            "seed: 42\n"
	                            "update:\n"
	                            "  lr: 1e-4\n"
	                            "  betas: [0.9, 0.98]\n"
	                            "units: [34, 72]\n"
	                            "sweeps:\n"
	                            "  - {name: z, over: [layer, head]}\n"
	                            "  - name: parts\n"
	                            "    sets:\n"
	                            "      V0: \"blocks.0.attn.{W,b}_V\"\n"
	                            "none: ~\n");
}
END_TEST

START_TEST(plain_text_that_flow_style_would_break_is_quoted)
{
	parse("a: plain, with [flow] {chars}\nb: [x:y, http://z/, a<=2, -x, a b]\nc: it's\nd: x?");
	pb_yaml_emit(yaml.root, 0, &text);
	ck_assert_str_eq(text.data, "a: \"plain, with [flow] {chars}\"\nb: [x:y, http://z/, a<=2, -x, a b]\n"
	                            "c: \"it's\"\nd: \"x?\"\n");
}
END_TEST

START_TEST(large_maps_in_lists_are_blocks)
{
	pb_text_add(&text, "a:\n  - {k: %090d}\n  - {k: %0100d}\n", 1, 2);
	parse(text.data);
	pb_text_clear(&text);
	pb_yaml_emit(yaml.root, 0, &text);
	ck_assert_ptr_nonnull(strstr(text.data, "  - {k: 000"));
	ck_assert_ptr_nonnull(strstr(text.data, "  - k: 000"));
}
END_TEST

START_TEST(indent_moves_every_line)
{
	parse("a: {b: 1, c: [{d: {e: f}}, x]}\ng: [1, 2]");
	pb_yaml_emit(yaml.root, 4, &text);
	ck_assert_str_eq(text.data,
	                 "    a:\n      b: 1\n      c:\n        - d:\n            e: f\n        - x\n    g: [1, 2]\n");
	pb_text_clear(&text);
	pb_yaml_emit(pb_yaml_get(yaml.root, "g"), 2, &text);
	ck_assert_str_eq(text.data, "  [1, 2]\n");
}
END_TEST

START_TEST(long_lists_are_wrapped)
{
	pb_text_add(&text, "a: [0");
	for (int i = 1; i < 500; i++)
		pb_text_add(&text, ", %d", i);
	pb_text_add(&text, "]");
	parse(text.data);
	pb_text_clear(&text);
	pb_yaml_emit(yaml.root, 0, &text);
	for (char *line = strtok(text.data, "\n"); line; line = strtok(NULL, "\n"))
		ck_assert_uint_le(strlen(line), 110);
	pb_text_clear(&text);
	pb_yaml_emit(yaml.root, 0, &text);
	parse(text.data);
	ck_assert_uint_eq(yaml.root->items[0]->count, 500);
	ck_assert_str_eq(yaml.root->items[0]->items[499]->text, "499");
}
END_TEST

START_TEST(files_are_read)
{
	char *path = pb_file_join(pb_test_dir(), "x.yaml"), *large = malloc(5 << 20);
	ck_assert_ok(pb_file_write(path, "a: 1\n", 5));
	ck_assert_ok(pb_yaml_read(path, &yaml));
	ck_assert_str_eq(yaml.file, path);
	ck_assert_str_eq(spelled(), "{'a':'1'}");
	memset(large, '#', 5 << 20);
	ck_assert_ok(pb_file_write(path, large, 5 << 20));
	ck_assert_int_eq(pb_yaml_read(path, &yaml), -PB_E_FORMAT);
	ck_assert_int_eq(pb_yaml_parse("x", large, 5 << 20, &yaml), -PB_E_CONFIG);
	ck_assert_int_eq(pb_yaml_read("/nonexistent.yaml", &yaml), -PB_E_NOTFOUND);
	ck_assert_str_eq(spelled(), "{'a':'1'}");
	free(large);
	free(path);
}
END_TEST

#define ADD_TABLE(tcase, test, table) tcase_add_loop_test(tcase, test, 0, sizeof table / sizeof *table)

int main(void)
{
	Suite *suite = suite_create("yaml");
	TCase *tests = tcase_create("yaml");
	tcase_add_checked_fixture(tests, NULL, teardown);
	ADD_TABLE(tests, text_becomes_a_tree, trees);
	tcase_add_test(tests, nodes_know_where_they_stood);
	tcase_add_test(tests, lookups_say_what_is_there);
	tcase_add_test(tests, kind_of_a_long_text_is_short);
	ADD_TABLE(tests, set_replaces_and_makes_what_is_missing, sets);
	tcase_add_test(tests, set_goes_through_maps_and_lists);
	ADD_TABLE(tests, set_refuses_with_a_reason_and_changes_nothing, refused_sets);
	tcase_add_test(tests, set_cannot_make_long_keys);
	tcase_add_test(tests, set_cannot_nest_without_end);
	ADD_TABLE(tests, what_is_written_reads_back_equal, round_trips);
	tcase_add_test(tests, written_style_is_what_a_person_would_write);
	tcase_add_test(tests, plain_text_that_flow_style_would_break_is_quoted);
	tcase_add_test(tests, large_maps_in_lists_are_blocks);
	tcase_add_test(tests, indent_moves_every_line);
	tcase_add_test(tests, long_lists_are_wrapped);
	tcase_add_test(tests, files_are_read);
	suite_add_tcase(suite, tests);
	return pb_test_run(suite, NULL);
}
