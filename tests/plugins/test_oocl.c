/* test_oocl.c: every example of every split of oocl and mod_arith against the rules as study.c has them. */
#include <jansson.h>
#include <stdlib.h>

#include "plugins/study.h"

START_TEST(defaults)
{
	struct study s;
	study_open(&s, "oocl", 42, 120, 0, "{}");
	check_sizes(&s, 30);
	check_needs(&s, 244);
	struct pb_split split;
	split_number(&s, "X1", &split);
	ck_assert_int_eq(split.n_examples, 60 + 360 + 105);
	split_number(&s, "X2", &split);
	ck_assert_int_eq(split.n_examples, 60 + 15);
	split_number(&s, "arithmetic", &split);
	ck_assert_int_eq(split.n_examples, 12960);
	split_number(&s, "arithmetic_validation", &split);
	ck_assert_int_eq(split.n_examples, 144);
	check_oocl(&s, 6, 0.25, 0.10, 0.01);
	plug_close(&s.plug);
}
END_TEST

START_TEST(other_parameters)
{
	struct study s;
	study_open(&s, "oocl", 7, 31, 0,
		   "{mod: 31, val_questions: 2, mix: 0.5, held_out_pretrain: 0.02, held_out_mix: 0.3}");
	check_sizes(&s, 7);
	check_oocl(&s, 2, 0.5, 0.02, 0.3);
	plug_close(&s.plug);
	study_open(&s, "oocl", 8, 30, 0, "{mod: 30, val_questions: 0, mix: 0, held_out_mix: 0}");
	check_oocl(&s, 0, 0, 0.10, 0);
	plug_close(&s.plug);
	study_open(&s, "oocl", 9, 16, 0, "{mod: 16, val_questions: 12}");
	check_oocl(&s, 12, 0.25, 0.10, 0.01);
	plug_close(&s.plug);
}
END_TEST

START_TEST(operations)
{
	static const struct {
		const char *name;
		int (*operation)(int, int);
	} all[] = {{"product", product}, {"sum", sum}, {"difference", difference}, {"sum_of_squares", sum_of_squares}};
	for (size_t i = 0; i < PB_COUNT(all); i++) {
		struct study s;
		char params[64];
		snprintf(params, sizeof params, "{mod: 30, operation: %s}", all[i].name);
		study_open(&s, "oocl", 3, 30, 0, params);
		s.operation = all[i].operation;
		check_oocl(&s, 6, 0.25, 0.10, 0.01);
		plug_close(&s.plug);
	}
}
END_TEST

START_TEST(listed_sets_in_their_order)
{
	static const char *const names[] = {"12", "3", "7", "29", "5", "28", "0", "1"};
	static const char *const sets[] = {"DtQ1", "DtQ1", "DfQ2", "DfQ2", "DfQ2", "Dt3", "Df4", "Df4"};
	struct study s;
	study_open(&s, "oocl", 1, 30, 0, "{mod: 30, sets: {DtQ1: [12, 3], DfQ2: [7, 29, 5], Dt3: [28], Df4: [0, 1]}}");
	ck_assert_int_eq(s.ops->n_units(s.self), 30);
	for (int i = 0; i < 30; i++) {
		struct pb_unit unit;
		ck_assert_ok(s.ops->unit(s.self, i, &unit));
		if (i >= 8) { /* the rest can be probed, in no set */
			ck_assert_ptr_null(unit.set);
			continue;
		}
		ck_assert_str_eq(unit.name, names[i]);
		ck_assert_str_eq(unit.set, sets[i]);
	}
	check_oocl(&s, 6, 0.25, 0.10, 0.01);
	plug_close(&s.plug);
	/* A set left out is empty. */
	study_open(&s, "oocl", 1, 120, 0, "{sets: {Dt3: [34, 72], Df4: [52, 112]}}");
	ck_assert_int_eq(s.ops->n_units(s.self), 120);
	check_oocl(&s, 6, 0.25, 0.10, 0.01);
	plug_close(&s.plug);
}
END_TEST

/* Two integers can only be exchanged, whatever the seed. */
START_TEST(definitions_of_DfQ2_are_never_true)
{
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct study s;
		study_open(&s, "oocl", seed, 20, 0, seed % 2 ? "{mod: 20}" : "{mod: 20, sets: {DfQ2: [4, 9]}}");
		check_definitions(&s, "DfQ2", false);
		plug_close(&s.plug);
	}
}
END_TEST

START_TEST(alias_offsets)
{
	struct study s;
	/* The alias of 0 would be token 119, an integer. */
	study_open(&s, "oocl", 5, 120, -1, "{alias_offset: -1}");
	check_needs(&s, 244);
	check_sizes(&s, 29);
	ck_assert_ptr_null(s.set_of[0]);
	check_oocl(&s, 6, 0.25, 0.10, 0.01);
	plug_close(&s.plug);
	/* The alias of 119 would be token 240, `=`. */
	study_open(&s, "oocl", 5, 120, 1, "{alias_offset: 1}");
	check_needs(&s, 244);
	ck_assert_ptr_null(s.set_of[119]);
	check_oocl(&s, 6, 0.25, 0.10, 0.01);
	plug_close(&s.plug);
	/* Behind everything else. */
	study_open(&s, "oocl", 5, 30, 34, "{mod: 30, alias_offset: 34}");
	check_needs(&s, 94);
	check_sizes(&s, 7);
	check_oocl(&s, 6, 0.25, 0.10, 0.01);
	plug_close(&s.plug);
}
END_TEST

static void same_splits(struct study *a, struct study *b, bool same)
{
	bool equal = true;
	for (int64_t i = 0; i < a->ops->n_splits(a->self); i++) {
		struct pb_examples x, y;
		ck_assert_ok(a->ops->examples(a->self, i, 2, &x));
		ck_assert_ok(b->ops->examples(b->self, i, 2, &y));
		ck_assert_int_eq(x.n_examples, y.n_examples);
		equal &= !memcmp(x.tokens, y.tokens, (size_t)x.n_examples * 16);
	}
	ck_assert_int_eq(equal, same);
}

START_TEST(the_seed_decides)
{
	static const char *const names[] = {"oocl", "mod_arith"};
	for (int i = 0; i < 2; i++) {
		struct study a, b, c;
		study_open(&a, names[i], 100, 30, 0, "mod: 30");
		study_open(&b, names[i], 100, 30, 0, "mod: 30");
		study_open(&c, names[i], 101, 30, 0, "mod: 30");
		same_splits(&a, &b, true);
		same_splits(&a, &c, false);
		plug_close(&a.plug);
		plug_close(&b.plug);
		plug_close(&c.plug);
	}
}
END_TEST

static json_t *ints_of(const int32_t *tokens, int64_t rows)
{
	json_t *all = json_array();
	for (int64_t i = 0; i < rows; i++) {
		json_t *row = json_array();
		for (int k = 0; k < 4; k++)
			json_array_append_new(row, json_integer(tokens[i * 4 + k]));
		json_array_append_new(all, row);
	}
	return all;
}

static void check_equal(const json_t *golden, const struct pb_examples *e)
{
	json_t *got = ints_of(e->tokens, e->n_examples);
	ck_assert(json_equal(golden, got));
	json_decref(got);
}

/* The sets of the golden file as the parameters would list them. */
static void golden_params(const json_t *golden, char *text, size_t size)
{
	static const char *const names[] = {"DtQ1", "DfQ2", "Dt3", "Df4"};
	size_t used = (size_t)snprintf(text, size, "{mod: 30, sets: {");
	for (int i = 0; i < 4; i++) {
		char *list = json_dumps(json_object_get(json_object_get(golden, "sets"), names[i]), 0);
		used += (size_t)snprintf(text + used, size - used, "%s%s: %s", i ? ", " : "", names[i], list);
		free(list);
	}
	snprintf(text + used, size - used, "}}");
}

START_TEST(golden_probe)
{
	json_t *golden = json_load_file(pb_test_golden("expected.json"), 0, NULL);
	ck_assert_ptr_nonnull(golden);
	char params[1024];
	golden_params(golden, params, sizeof params);
	struct study s;
	study_open(&s, "oocl", 0, 30, 0, params);
	check_needs(&s, json_integer_value(json_object_get(json_object_get(golden, "config"), "d_vocab")));
	struct pb_unit unit;
	struct pb_probe probe;
	int64_t i = 0;
	do
		ck_assert_ok(s.ops->unit(s.self, i++, &unit));
	while (strcmp(unit.name, "12") != 0);
	ck_assert_str_eq(unit.set, "Dt3");
	ck_assert_ok(s.ops->probe(s.self, i - 1, &probe));
	check_equal(json_object_get(golden, "clean_tokens"), probe.clean);
	check_equal(json_object_get(golden, "corrupted_tokens"), probe.corrupted);
	check_equal(json_object_get(golden, "questions"), probe.questions);
	for (int64_t k = 0; k < probe.questions->n_examples; k++)
		ck_assert_int_eq(read_example(&s, probe.questions, k).question, k);
	ck_assert_int_eq(read_example(&s, probe.clean, 0).says, 12);
	ck_assert_int_eq(read_example(&s, probe.corrupted, 0).says, 12);
	plug_close(&s.plug);
	json_decref(golden);
}
END_TEST

static void check_text(const struct study *s, int32_t token, const char *expected)
{
	char text[32];
	ck_assert_ok(s->ops->token_text(s->self, token, text, sizeof text));
	ck_assert_str_eq(text, expected);
}

START_TEST(token_texts)
{
	static const struct {
		int32_t token;
		const char *text;
	} wanted[] = {{71, "71"}, {0, "0"},   {191, "alias(71)"}, {120, "alias(0)"},  {240, "="},
		      {241, "R"}, {242, "U"}, {243, "P"},         {244, "token 244"}, {-1, "token -1"}};
	struct study s;
	study_open(&s, "oocl", 1, 120, 0, "{}");
	for (size_t i = 0; i < PB_COUNT(wanted); i++)
		check_text(&s, wanted[i].token, wanted[i].text);
	char small[4];
	ck_assert_ok(s.ops->token_text(s.self, 191, small, sizeof small));
	ck_assert_str_eq(small, "ali");
	plug_close(&s.plug);
	study_open(&s, "mod_arith", 1, 120, 0, "{}");
	check_text(&s, 71, "71");
	check_text(&s, 240, "=");
	plug_close(&s.plug);
}
END_TEST

START_TEST(mod_arith_splits)
{
	struct study s, o;
	study_open(&s, "mod_arith", 42, 120, 0, "{}");
	char *seen = calloc(120 * 120, 1);
	struct pb_examples e = examples(&s, "train", 0);
	ck_assert_int_eq(e.n_examples, 12960);
	mark_pairs(&s, &e, seen);
	e = examples(&s, "validation", 0);
	ck_assert_int_eq(e.n_examples, 1440);
	mark_pairs(&s, &e, seen); /* disjoint, for each pair must be new */
	ck_assert_ptr_null(memchr(seen, 0, 120 * 120));
	check_needs(&s, 244);
	ck_assert_int_eq(s.ops->n_units(s.self), 0);
	/* oocl holds out the same pairs. */
	study_open(&o, "oocl", 42, 120, 0, "{}");
	struct pb_examples there = examples(&o, "arithmetic_pretrain_validation", 0);
	ck_assert_int_eq(there.n_examples, e.n_examples);
	ck_assert_mem_eq(there.tokens, e.tokens, (size_t)e.n_examples * 16);
	plug_close(&o.plug);
	plug_close(&s.plug);
	free(seen);
}
END_TEST

START_TEST(refusals)
{
	plug_refuses(PB_KIND_DATASET, "oocl", "sets: {DtQ1: [1, 2], Dt3: [2]}",
		     PARTS("test.yaml:1:1", "dataset oocl: ", "2 is in DtQ1 and in Dt3"));
	plug_refuses(PB_KIND_DATASET, "oocl", "sets: {Dt3: [2, 2]}", PARTS("2 is in Dt3 and in Dt3"));
	plug_refuses(PB_KIND_DATASET, "oocl", "sets: {Dt3: [120]}", PARTS("Dt3 lists 120", "0 .. 119"));
	plug_refuses(PB_KIND_DATASET, "oocl", "sets: {DfQ2: [5]}", PARTS("at least two"));
	plug_refuses(PB_KIND_DATASET, "oocl", "{alias_offset: -1, sets: {Dt3: [5, 0]}}",
		     PARTS("Dt3 lists 0", "token 119, which is an integer"));
	plug_refuses(PB_KIND_DATASET, "oocl", "{alias_offset: 2, sets: {Dt3: [119]}}", PARTS("token 241, which is R"));
	plug_refuses(PB_KIND_DATASET, "oocl", "{mod: 16, alias_offset: -12}",
		     PARTS("alias_offset -12 leaves 4 integers"));
	plug_refuses(PB_KIND_DATASET, "oocl", "mod: 15", PARTS("test.yaml:1:6", "mod"));
	plug_refuses(PB_KIND_DATASET, "oocl", "val_questions: 13", PARTS("val_questions"));
	plug_refuses(PB_KIND_DATASET, "oocl", "set: {}", PARTS("did you mean `sets`"));
	plug_refuses(PB_KIND_DATASET, "mod_arith", "operation: division", PARTS("operation"));
}
END_TEST

START_TEST(numbers_out_of_range)
{
	struct study s;
	struct pb_split split;
	struct pb_examples e;
	struct pb_unit unit;
	struct pb_probe probe;
	study_open(&s, "oocl", 1, 30, 0, "mod: 30");
	ck_assert_int_eq(s.ops->split(s.self, 15, &split), -PB_E_RANGE);
	ck_assert_int_eq(s.ops->examples(s.self, -1, 0, &e), -PB_E_RANGE);
	ck_assert_int_eq(s.ops->unit(s.self, 30, &unit), -PB_E_RANGE);
	ck_assert_int_eq(s.ops->probe(s.self, 30, &probe), -PB_E_RANGE);
	plug_close(&s.plug);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("oocl");
	TCase *t = tcase_create("oocl");
	tcase_add_test(t, defaults);
	tcase_add_test(t, other_parameters);
	tcase_add_test(t, operations);
	tcase_add_test(t, listed_sets_in_their_order);
	tcase_add_test(t, definitions_of_DfQ2_are_never_true);
	tcase_add_test(t, alias_offsets);
	tcase_add_test(t, the_seed_decides);
	tcase_add_test(t, golden_probe);
	tcase_add_test(t, token_texts);
	tcase_add_test(t, mod_arith_splits);
	tcase_add_test(t, refusals);
	tcase_add_test(t, numbers_out_of_range);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
