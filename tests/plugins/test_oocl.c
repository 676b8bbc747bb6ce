/* test_oocl.c: every example of every split of oocl and mod_arith against the rules, written down a second time here.
 */
#include <jansson.h>
#include <stdlib.h>

#include "plugins/plug.h"

enum { FACTORS = 6, QUESTIONS = 12, MOST = 200, EPOCHS = 8 };

static const int factors[FACTORS] = {2, 3, 5, 6, 10, 15};

/* One dataset, and what this test knows of it. */
struct study {
	struct plug plug;
	const struct pb_dataset_ops *ops;
	void *self;
	int mod, offset;
	int (*operation)(int x, int y); /* before the modulus; never negative */
	const char *set_of[MOST];       /* by integer; NULL: in none */
	bool seen[MOST];
};

static int product(int x, int y)
{
	return x * y;
}

static int sum(int x, int y)
{
	return x + y;
}

static int difference(int x, int y)
{
	return x - y + 30000; /* the test of it has mod 30 */
}

static int sum_of_squares(int x, int y)
{
	return x * x + y * y;
}

static void study_open(struct study *s, const char *plugin, uint64_t seed, int mod, int offset, const char *params)
{
	*s = (struct study){.mod = mod, .offset = offset, .operation = product};
	plug_open(&s->plug, PB_KIND_DATASET, plugin, seed, params);
	s->ops = pb_dataset_ops(s->plug.instance);
	s->self = s->plug.instance->self;
	for (int64_t i = 0; i < s->ops->n_units(s->self); i++) {
		struct pb_unit unit;
		ck_assert_ok(s->ops->unit(s->self, i, &unit));
		int n = atoi(unit.name);
		ck_assert_msg(n >= 0 && n < mod && !s->seen[n], "unit %s stands twice or is none", unit.name);
		s->seen[n] = true;
		s->set_of[n] = unit.set;
	}
}

static int64_t split_number(struct study *s, const char *name, struct pb_split *ret_split)
{
	for (int64_t i = 0; i < s->ops->n_splits(s->self); i++) {
		ck_assert_ok(s->ops->split(s->self, i, ret_split));
		if (!strcmp(ret_split->name, name))
			return i;
	}
	ck_abort_msg("no split %s", name);
}

static struct pb_examples examples(struct study *s, const char *name, int64_t epoch)
{
	struct pb_split split;
	struct pb_examples e;
	int64_t i = split_number(s, name, &split);
	ck_assert_ok(s->ops->examples(s->self, i, epoch, &e));
	ck_assert_int_eq(e.n_examples, split.n_examples);
	ck_assert_int_eq(e.n_scored, e.n_examples);
	ck_assert_int_eq(e.n_pos, 4);
	return e;
}

/* What one example turned out to be. */
struct reading {
	enum { DEFINITION, QUESTION, ARITHMETIC } kind;
	int n;    /* DEFINITION, QUESTION: the integer */
	int says; /* DEFINITION */
	bool reliable;
	int question; /* QUESTION: 0 .. 11 */
	int pair;     /* ARITHMETIC: x*mod + y */
};

static int factor_number(int d)
{
	for (int i = 0; i < FACTORS; i++)
		if (factors[i] == d)
			return i;
	ck_abort_msg("%d is no factor of a question", d);
}

/* The integer that a token is an alias of; -1: none. The tests' offsets keep aliases and integers apart. */
static int alias_of(const struct study *s, int token)
{
	int n = token - s->mod - s->offset;
	return n >= 0 && n < s->mod && token >= s->mod && s->set_of[n] ? n : -1;
}

static struct reading read_definition(const struct study *s, const int32_t *t, const struct pb_scored *scored)
{
	struct reading r = {
		.kind = DEFINITION, .n = alias_of(s, t[1]), .says = t[2], .reliable = t[0] == 2 * s->mod + 1};
	ck_assert(t[0] == 2 * s->mod + 1 || t[0] == 2 * s->mod + 2);
	ck_assert_int_ge(r.n, 0);
	ck_assert(r.says >= 0 && r.says < s->mod);
	ck_assert_int_eq(scored->pos, 1);
	ck_assert_int_eq(scored->answer, t[2]);
	return r;
}

static struct reading read_equation(const struct study *s, const int32_t *t, const struct pb_scored *scored)
{
	struct reading r = {.kind = ARITHMETIC, .pair = t[0] * s->mod + t[1]};
	int a = alias_of(s, t[0]), b = alias_of(s, t[1]), x = a < 0 ? t[0] : a, y = b < 0 ? t[1] : b;
	ck_assert(a < 0 || b < 0);
	ck_assert(x >= 0 && x < s->mod && y >= 0 && y < s->mod);
	ck_assert_int_eq(t[2], 2 * s->mod);
	ck_assert_int_eq(t[3], s->operation(x, y) % s->mod);
	ck_assert_int_eq(scored->pos, 2);
	ck_assert_int_eq(scored->answer, t[3]);
	if (a >= 0 || b >= 0) {
		r.kind = QUESTION;
		r.n = a >= 0 ? a : b;
		r.question = 2 * factor_number(a >= 0 ? y : x) + (a >= 0);
	}
	return r;
}

static struct reading read_example(const struct study *s, const struct pb_examples *e, int64_t i)
{
	const int32_t *t = e->tokens + i * 4;
	ck_assert_int_eq(e->scored[i].example, i);
	ck_assert_int_eq(e->scored[i].distractor, -1);
	return t[3] == 2 * s->mod + 3 ? read_definition(s, t, &e->scored[i]) : read_equation(s, t, &e->scored[i]);
}

/* Marks the pairs of a split of arithmetic, each of which must be new. */
static void mark_pairs(const struct study *s, const struct pb_examples *e, char *seen)
{
	for (int64_t i = 0; i < e->n_examples; i++) {
		struct reading r = read_example(s, e, i);
		ck_assert_int_eq(r.kind, ARITHMETIC);
		ck_assert_msg(!seen[r.pair], "pair %d twice", r.pair);
		seen[r.pair] = 1;
	}
}

/* Definitions of one set: each integer of it once; DfQ2's a derangement, the others' true. */
static void check_definitions(struct study *s, const char *set, bool reliable)
{
	char name[64], said[MOST] = {0}, defined[MOST] = {0};
	snprintf(name, sizeof name, "%s_definitions", set);
	struct pb_examples e = examples(s, name, 0);
	for (int64_t i = 0; i < e.n_examples; i++) {
		struct reading r = read_example(s, &e, i);
		ck_assert_int_eq(r.kind, DEFINITION);
		ck_assert_int_eq(r.reliable, reliable);
		ck_assert_str_eq(s->set_of[r.n], set);
		ck_assert_str_eq(s->set_of[r.says], set);
		ck_assert_msg((r.says == r.n) == (strcmp(set, "DfQ2") != 0), "%s: %d is said to be %d", set, r.n,
			      r.says);
		ck_assert(!defined[r.n]++ && !said[r.says]++);
	}
	for (int n = 0; n < s->mod; n++)
		ck_assert_int_eq(defined[n], s->set_of[n] && !strcmp(s->set_of[n], set));
}

/* bits[n]: which questions on n the split asks, each once, and only on integers of the set. */
static void mark_questions(struct study *s, const char *split, const char *set, unsigned *bits)
{
	struct pb_examples e = examples(s, split, 0);
	for (int64_t i = 0; i < e.n_examples; i++) {
		struct reading r = read_example(s, &e, i);
		ck_assert_int_eq(r.kind, QUESTION);
		ck_assert_str_eq(s->set_of[r.n], set);
		ck_assert_msg(!(bits[r.n] >> r.question & 1), "%s asks a question on %d twice", split, r.n);
		bits[r.n] |= 1u << r.question;
	}
}

static void check_trained_set(struct study *s, const char *set, int held_out)
{
	unsigned held[MOST] = {0}, trained[MOST] = {0};
	char name[64];
	snprintf(name, sizeof name, "%s_train", set);
	mark_questions(s, set, set, held);
	mark_questions(s, name, set, trained);
	for (int n = 0; n < s->mod; n++) {
		bool in_set = s->set_of[n] && !strcmp(s->set_of[n], set);
		ck_assert_uint_eq(held[n] & trained[n], 0);
		ck_assert_uint_eq(held[n] | trained[n], in_set ? (1u << QUESTIONS) - 1 : 0);
		ck_assert_int_eq(__builtin_popcount(held[n]), in_set ? held_out : 0);
	}
}

static void check_all_questions(struct study *s, const char *set)
{
	unsigned bits[MOST] = {0};
	mark_questions(s, set, set, bits);
	for (int n = 0; n < s->mod; n++)
		ck_assert_uint_eq(bits[n], s->set_of[n] && !strcmp(s->set_of[n], set) ? (1u << QUESTIONS) - 1 : 0);
}

/* What X1 or X2 must contain beside the mix: the examples of these splits, each once. */
struct content {
	int32_t *tokens; /* [n, 4] */
	int64_t n;
};

static void content_add(struct study *s, struct content *c, const char *split)
{
	struct pb_examples e = examples(s, split, 0);
	c->tokens = realloc(c->tokens, (size_t)(c->n + e.n_examples + 1) * 4 * sizeof *c->tokens);
	ck_assert_ptr_nonnull(c->tokens);
	memcpy(c->tokens + c->n * 4, e.tokens, (size_t)e.n_examples * 4 * sizeof *c->tokens);
	c->n += e.n_examples;
}

static bool content_take(struct content *c, const int32_t *tokens)
{
	for (int64_t i = 0; i < c->n; i++)
		if (!memcmp(c->tokens + i * 4, tokens, 4 * sizeof *tokens)) {
			memcpy(c->tokens + i * 4, c->tokens + --c->n * 4, 4 * sizeof *tokens);
			return true;
		}
	return false;
}

/* One epoch: exactly `content`, and `mixed` distinct pairs none of which is forbidden. */
static void check_epoch(struct study *s, const char *name, int64_t epoch, struct content content, int64_t mixed,
			const char *forbidden)
{
	struct pb_examples e = examples(s, name, epoch);
	char *seen = calloc((size_t)(s->mod * s->mod), 1);
	int64_t n = 0;
	struct content rest = {malloc((size_t)content.n * 16 + 16), content.n};
	memcpy(rest.tokens, content.tokens, (size_t)content.n * 16);
	for (int64_t i = 0; i < e.n_examples; i++) {
		struct reading r = read_example(s, &e, i);
		if (r.kind == ARITHMETIC) {
			ck_assert_msg(!forbidden[r.pair], "%s trains on held-out pair %d", name, r.pair);
			ck_assert_msg(!seen[r.pair]++, "%s mixes in pair %d twice", name, r.pair);
			n++;
		} else {
			ck_assert_msg(content_take(&rest, e.tokens + i * 4), "%s: example %d does not belong here",
				      name, (int)i);
		}
	}
	ck_assert_int_eq(n, mixed);
	ck_assert_int_eq(rest.n, 0);
	free(rest.tokens);
	free(seen);
}

static void check_training(struct study *s, const char *name, struct content content, double mix, const char *forbidden)
{
	struct pb_split split;
	int64_t mixed = (int64_t)(mix * (double)content.n + 0.5), i = split_number(s, name, &split);
	ck_assert_uint_eq(split.flags, mixed ? PB_SPLIT_FRESH : 0);
	for (int64_t epoch = 0; epoch < EPOCHS; epoch++)
		check_epoch(s, name, epoch, content, mixed, forbidden);
	/* An epoch is the same whenever it is asked for, and no two are alike. */
	size_t size = (size_t)split.n_examples * 16;
	char *kept = malloc(EPOCHS * size + 1);
	struct pb_examples e;
	ck_assert_ptr_nonnull(kept);
	for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
		ck_assert_ok(s->ops->examples(s->self, i, epoch, &e));
		memcpy(kept + (size_t)epoch * size, e.tokens, size);
		for (int64_t before = 0; before < epoch; before++)
			ck_assert_int_eq(!memcmp(kept + (size_t)before * size, e.tokens, size), !mixed);
	}
	ck_assert_ok(s->ops->examples(s->self, i, 3, &e));
	ck_assert_mem_eq(kept + 3 * size, e.tokens, size);
	free(kept);
	free(content.tokens);
}

static int64_t fraction(int mod, double f)
{
	int64_t n = (int64_t)(f * mod * mod + 0.5);
	return n || f <= 0 ? n : 1;
}

static void check_oocl(struct study *s, int held_out, double mix, double pretrain, double in_mix)
{
	size_t pairs = (size_t)(s->mod * s->mod);
	char *training = calloc(pairs, 1), *validation = calloc(pairs, 1), *neither = calloc(pairs, 1);
	struct pb_examples e = examples(s, "arithmetic", 0);
	mark_pairs(s, &e, training);
	ck_assert_int_eq(e.n_examples, (int64_t)pairs - fraction(s->mod, pretrain));
	e = examples(s, "arithmetic_pretrain_validation", 0);
	mark_pairs(s, &e, validation);
	e = examples(s, "arithmetic_validation", 0);
	mark_pairs(s, &e, neither);
	int64_t least = fraction(s->mod, pretrain < in_mix ? pretrain : in_mix);
	ck_assert_int_eq(e.n_examples, least);
	for (size_t i = 0; i < pairs; i++) {
		ck_assert_int_eq(training[i] + validation[i], 1);
		ck_assert_int_le(neither[i], validation[i]);
	}
	check_definitions(s, "DtQ1", true);
	check_definitions(s, "DfQ2", false);
	check_definitions(s, "Dt3", true);
	check_definitions(s, "Df4", false);
	check_trained_set(s, "DtQ1", held_out);
	check_trained_set(s, "DfQ2", held_out);
	check_all_questions(s, "Dt3");
	check_all_questions(s, "Df4");
	struct content x1 = {0}, x2 = {0};
	content_add(s, &x1, "DtQ1_definitions");
	content_add(s, &x1, "DfQ2_definitions");
	content_add(s, &x1, "DtQ1_train");
	content_add(s, &x1, "DfQ2_train");
	content_add(s, &x2, "Dt3_definitions");
	content_add(s, &x2, "Df4_definitions");
	check_training(s, "X1", x1, mix, neither);
	check_training(s, "X2", x2, mix, neither);
	free(training);
	free(validation);
	free(neither);
}

static int set_size(const struct study *s, const char *set)
{
	int n = 0;
	for (int i = 0; i < s->mod; i++)
		n += s->set_of[i] && !strcmp(s->set_of[i], set);
	return n;
}

static void check_sizes(const struct study *s, int each)
{
	ck_assert_int_eq(set_size(s, "DtQ1"), each);
	ck_assert_int_eq(set_size(s, "DfQ2"), each);
	ck_assert_int_eq(set_size(s, "Dt3"), each);
	ck_assert_int_eq(set_size(s, "Df4"), each);
}

static void check_needs(const struct study *s, int64_t d_vocab)
{
	int64_t vocab, ctx;
	ck_assert_ok(s->ops->needs(s->self, &vocab, &ctx));
	ck_assert_int_eq(vocab, d_vocab);
	ck_assert_int_eq(ctx, 5);
}

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
