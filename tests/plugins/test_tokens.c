/* test_tokens.c: prompt pairs from YAML and from CSV. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "plugins/plug.h"

/* Writes a file where read_file looks. */
static void put(const char *name, const char *text)
{
	char *path = pb_file_join(pb_test_dir(), name);
	ck_assert_ok(pb_file_write(path, text, strlen(text)));
	free(path);
}

static void check_examples(const struct pb_examples *e, int64_t n, int32_t n_pos, const int32_t *tokens,
			   const struct pb_scored *scored)
{
	ck_assert_int_eq(e->n_examples, n);
	ck_assert_int_eq(e->n_pos, n_pos);
	ck_assert_int_eq(e->n_scored, n);
	ck_assert_mem_eq(e->tokens, tokens, (size_t)(n * n_pos) * sizeof *tokens);
	for (int64_t i = 0; i < n; i++) {
		ck_assert_int_eq(e->scored[i].example, scored[i].example);
		ck_assert_int_eq(e->scored[i].pos, scored[i].pos);
		ck_assert_int_eq(e->scored[i].answer, scored[i].answer);
		ck_assert_int_eq(e->scored[i].distractor, scored[i].distractor);
	}
}

static const int32_t clean[] = {1, 2, 3, 4, 5, 6}, corrupted[] = {1, 9, 3, 4, 8, 6};
static const struct pb_scored all_scored[] = {{0, 2, 7, 10, {0}}, {1, 1, 11, -1, {0}}};
static const struct pb_scored second[] = {{0, 1, 11, -1, {0}}};

/* Two pairs of three tokens, however they were given. */
static void check_two(struct plug *p)
{
	const struct pb_dataset_ops *ops = pb_dataset_ops(p->instance);
	void *self = p->instance->self;
	static const char *const names[] = {"first", "1", "all"};
	struct pb_probe probe;
	struct pb_unit unit;
	struct pb_examples e;
	struct pb_split split;
	ck_assert_int_eq(ops->n_units(self), 3);
	for (int i = 0; i < 3; i++) {
		ck_assert_ok(ops->unit(self, i, &unit));
		ck_assert_str_eq(unit.name, names[i]);
		ck_assert_ptr_null(unit.set);
	}
	ck_assert_ok(ops->probe(self, 0, &probe));
	check_examples(probe.clean, 1, 3, clean, all_scored);
	check_examples(probe.corrupted, 1, 3, corrupted, all_scored);
	ck_assert_ok(ops->probe(self, 1, &probe));
	check_examples(probe.clean, 1, 3, clean + 3, second);
	check_examples(probe.corrupted, 1, 3, corrupted + 3, second);
	check_examples(probe.questions, 1, 3, clean + 3, second);
	ck_assert_ok(ops->probe(self, 2, &probe));
	check_examples(probe.clean, 2, 3, clean, all_scored);
	check_examples(probe.corrupted, 2, 3, corrupted, all_scored);
	check_examples(probe.questions, 2, 3, clean, all_scored);
	ck_assert_int_eq(ops->n_splits(self), 2);
	for (int i = 0; i < 2; i++) {
		ck_assert_ok(ops->split(self, i, &split));
		ck_assert_str_eq(split.name, i ? "corrupted" : "clean");
		ck_assert_int_eq(split.n_examples, 2);
		ck_assert_uint_eq(split.flags, 0);
		ck_assert_ok(ops->examples(self, i, 5, &e));
		check_examples(&e, 2, 3, i ? corrupted : clean, all_scored);
	}
	ck_assert_int_eq(ops->probe(self, 3, &probe), -PB_E_RANGE);
	ck_assert_int_eq(ops->split(self, 2, &split), -PB_E_RANGE);
}

static void check_needs(struct plug *p, int64_t d_vocab, int64_t n_ctx)
{
	int64_t vocab, ctx;
	ck_assert_ok(pb_dataset_ops(p->instance)->needs(p->instance->self, &vocab, &ctx));
	ck_assert_int_eq(vocab, d_vocab);
	ck_assert_int_eq(ctx, n_ctx);
}

START_TEST(pairs_from_yaml)
{
	struct plug p;
	plug_open(&p, PB_KIND_DATASET, "tokens", 0,
		  "pairs:\n"
		  "  - {name: first, clean: [1, 2, 3], corrupted: [1, 9, 3], answer: 7, distractor: 10}\n"
		  "  - {clean: [4, 5, 6], corrupted: [4, 8, 6], answer: 11, pos: 1}\n");
	check_two(&p);
	check_needs(&p, 12, 3);
	plug_close(&p);
}
END_TEST

START_TEST(pairs_from_csv)
{
	struct plug p;
	put("pairs.csv", "\xef\xbb\xbf"
			 "answer, clean,corrupted,distractor,pos,name\r\n"
			 "7,1 2 3,1 9 3,10,,\"first\"\r\n"
			 "\r\n"
			 "11,\" 4  5 6\",4 8 6,-1,-2,");
	plug_open(&p, PB_KIND_DATASET, "tokens", 0, "file: pairs.csv");
	check_two(&p);
	check_needs(&p, 12, 3);
	plug_close(&p);
}
END_TEST

START_TEST(names_may_be_quoted)
{
	struct plug p;
	struct pb_unit unit;
	put("named.csv", "name,clean,corrupted,answer\n\"a, \"\"b\"\"\",1,2,3\nplain name ,1,2,3\n");
	plug_open(&p, PB_KIND_DATASET, "tokens", 0, "file: named.csv");
	ck_assert_ok(pb_dataset_ops(p.instance)->unit(p.instance->self, 0, &unit));
	ck_assert_str_eq(unit.name, "a, \"b\"");
	ck_assert_ok(pb_dataset_ops(p.instance)->unit(p.instance->self, 1, &unit));
	ck_assert_str_eq(unit.name, "plain name");
	plug_close(&p);
}
END_TEST

START_TEST(lengths_may_differ)
{
	struct plug p;
	struct pb_probe probe;
	plug_open(&p, PB_KIND_DATASET, "tokens", 0,
		  "pairs:\n"
		  "  - {clean: [1, 2, 3], corrupted: [1, 9, 3], answer: 7}\n"
		  "  - {clean: [4], corrupted: [8], answer: 11}\n"
		  "  - {clean: [1, 2, 3], corrupted: [1, 9, 5], answer: 7}\n");
	const struct pb_dataset_ops *ops = pb_dataset_ops(p.instance);
	ck_assert_int_eq(ops->n_units(p.instance->self), 3);
	ck_assert_int_eq(ops->n_splits(p.instance->self), 0);
	ck_assert_ok(ops->probe(p.instance->self, 1, &probe));
	check_examples(probe.clean, 1, 1, (int32_t[]){4}, (struct pb_scored[]){{0, 0, 11, -1, {0}}});
	ck_assert_ok(ops->probe(p.instance->self, 2, &probe));
	check_examples(probe.corrupted, 1, 3, (int32_t[]){1, 9, 5}, (struct pb_scored[]){{0, 2, 7, -1, {0}}});
	check_needs(&p, 12, 3);
	plug_close(&p);
}
END_TEST

START_TEST(token_texts)
{
	struct plug p;
	char text[8];
	put("vocab.txt", "zero\n the\r\n\nthree\n");
	plug_open(&p, PB_KIND_DATASET, "tokens", 0,
		  "{vocab_file: vocab.txt, pairs: [{clean: [1], corrupted: [2], answer: 3}]}");
	static const char *const wanted[] = {"zero", " the", "", "three", "4"};
	for (int i = 0; i < 5; i++) {
		ck_assert_ok(pb_dataset_ops(p.instance)->token_text(p.instance->self, i, text, sizeof text));
		ck_assert_str_eq(text, wanted[i]);
	}
	check_needs(&p, 4, 1);
	plug_close(&p);
}
END_TEST

START_TEST(mistakes_in_yaml)
{
	static const struct {
		const char *params, *part;
	} cases[] = {
		{"{}", "give the pairs of prompts"},
		{"{file: x.csv, pairs: [{clean: [1], corrupted: [2], answer: 3}]}", "not in both"},
		{"pairs: [{clean: [1, 2], corrupted: [2], answer: 3}]",
		 "pairs.0: the clean prompt has 2 tokens, the corrupted one 1"},
		{"pairs: [{clean: [], corrupted: [], answer: 3}]", "no tokens"},
		{"pairs: [{clean: [1, 2], corrupted: [2, 3], answer: 3, pos: 2}]", "pos 2 is outside"},
		{"pairs: [{clean: [1, 2], corrupted: [2, 3], answer: 3, pos: -3}]", "pos -3 is outside"},
		{"pairs: [{name: all, clean: [1], corrupted: [2], answer: 3}]", "the name `all`"},
		{"pairs: [{name: '1', clean: [1], corrupted: [2], answer: 3}, {clean: [1], corrupted: [2], answer: 3}]",
		 "two pairs are named `1`"},
		{"pairs: [{clean: [1], corrupted: [-2], answer: 3}]", "corrupted"},
		{"pairs: [{clean: [1], corrupted: [2]}]", "answer"},
		{"file: absent.csv", "absent.csv"},
	};
	for (size_t i = 0; i < PB_COUNT(cases); i++)
		plug_refuses(PB_KIND_DATASET, "tokens", cases[i].params, PARTS(cases[i].part, "test.yaml:1:"));
}
END_TEST

START_TEST(mistakes_in_csv)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{"", "x.csv lists no pairs"},
		{"clean,corrupted,answer\n", "x.csv lists no pairs"},
		{"clean,corrupted\n1,2\n", "x.csv, line 1: the first line names the columns; it lacks `answer`"},
		{"1 2,3 4,5\n", "line 1: the columns are"},
		{"clean,clean,corrupted,answer\n", "line 1: there are two columns `clean`"},
		{"clean,corrupted,answer\n1 x,2 3,4\n", "line 2: this is not a token id or a number: `x`"},
		{"clean,corrupted,answer\n1 2.5,2 3,4\n", "line 2: this is not a token id or a number: `2.5`"},
		{"clean,corrupted,answer\n1,2,\n", "line 2: there is no value in column `answer`"},
		{"clean,corrupted,answer\n1,2,3 4\n", "line 2: there must be one number, not `3 4`"},
		{"clean,corrupted,answer\n1,2\n", "line 2: this line and the first differ"},
		{"clean,corrupted,answer\n1,2,3,4\n", "line 2: this line and the first differ"},
		{"clean,corrupted,answer\n\n1,2,99999999999999999999\n", "line 3: this is not a token id or a number"},
		{"clean,corrupted,answer\n1,2,200000000\n", "line 2: answer 200000000 is not a token id"},
		{"clean,corrupted,answer\n1,-2,2\n", "line 2: corrupted -2 is not a token id"},
		{"clean,corrupted,answer,distractor\n1,2,2,-2\n", "line 2: distractor -2 is not a token id"},
		{"clean,corrupted,answer\n1 2,2,3\n", "x.csv, line 2: the clean prompt has 2 tokens"},
		{"clean,corrupted,answer\n\"1,2,3\n", "line 2: a quoted field must end"},
		{"clean,corrupted,answer\n\"1\"\",2,3\n", "line 2: a quoted field must end"},
		{"clean,corrupted,answer\n1,2,\"\n", "line 2: a quoted field must end"},
		{"clean,corrupted,answer\n\"1\"2,2,3\n", "line 2: a quoted field must end"},
		{"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\n", "more columns than there can be"},
	};
	for (size_t i = 0; i < PB_COUNT(cases); i++) {
		put("x.csv", cases[i].text);
		plug_refuses(PB_KIND_DATASET, "tokens", "file: x.csv", PARTS(cases[i].part));
	}
	put("few.txt", "a\nb\n");
	plug_refuses(PB_KIND_DATASET, "tokens",
		     "{vocab_file: few.txt, pairs: [{clean: [1], corrupted: [2], answer: 0}]}",
		     PARTS("few.txt has 2 lines, but the pairs use token 2"));
}
END_TEST

/* Every cut and every single changed byte of a good file is read or refused, never more. */
START_TEST(damaged_csv)
{
	static const char good[] = "name,clean,corrupted,answer\n\"a\"\"b\",1 2 3,4 5 6,7\nc,1 2 3,4 5 6,8\n";
	static const char bytes[] = "\",\n -0";
	char text[sizeof good];
	struct plug p;
	put("x.csv", good);
	plug_open(&p, PB_KIND_DATASET, "tokens", 0, "file: x.csv");
	for (size_t cut = 0; cut < sizeof good; cut++)
		for (size_t k = 0; k < sizeof bytes; k++) {
			struct pb_instance *i = NULL;
			memcpy(text, good, sizeof good);
			text[cut] = bytes[k]; /* the last of them is the NUL: a cut */
			text[sizeof good - 1] = '\0';
			put("x.csv", text);
			int rc = pb_instance_create(p.instance->loaded, &p.yaml, p.yaml.root, NULL, 0, pb_test_dir(),
						    NULL, &i);
			ck_assert(rc == 0 || *pb_error_text());
			pb_instance_destroy(i);
		}
	plug_close(&p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tokens");
	TCase *t = tcase_create("tokens");
	tcase_add_test(t, pairs_from_yaml);
	tcase_add_test(t, pairs_from_csv);
	tcase_add_test(t, names_may_be_quoted);
	tcase_add_test(t, lengths_may_differ);
	tcase_add_test(t, token_texts);
	tcase_add_test(t, mistakes_in_yaml);
	tcase_add_test(t, mistakes_in_csv);
	tcase_add_test(t, damaged_csv);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
