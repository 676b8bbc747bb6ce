/* study.c: reads examples back from their tokens, and checks whole splits. */
#include "plugins/study.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FACTORS = 6, QUESTIONS = 12, EPOCHS = 8 };

static const int factors[FACTORS] = {2, 3, 5, 6, 10, 15};

int product(int x, int y)
{
	return x * y;
}

int sum(int x, int y)
{
	return x + y;
}

int difference(int x, int y)
{
	return x - y + 30000; /* the test of it has mod 30 */
}

int sum_of_squares(int x, int y)
{
	return x * x + y * y;
}

void study_open(struct study *s, const char *plugin, uint64_t seed, int mod, int offset, const char *params)
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

int64_t split_number(struct study *s, const char *name, struct pb_split *ret_split)
{
	for (int64_t i = 0; i < s->ops->n_splits(s->self); i++) {
		ck_assert_ok(s->ops->split(s->self, i, ret_split));
		if (!strcmp(ret_split->name, name))
			return i;
	}
	ck_abort_msg("no split %s", name);
}

struct pb_examples examples(struct study *s, const char *name, int64_t epoch)
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

struct reading read_example(const struct study *s, const struct pb_examples *e, int64_t i)
{
	const int32_t *t = e->tokens + i * 4;
	ck_assert_int_eq(e->scored[i].example, i);
	ck_assert_int_eq(e->scored[i].distractor, -1);
	return t[3] == 2 * s->mod + 3 ? read_definition(s, t, &e->scored[i]) : read_equation(s, t, &e->scored[i]);
}

void mark_pairs(const struct study *s, const struct pb_examples *e, char *seen)
{
	for (int64_t i = 0; i < e->n_examples; i++) {
		struct reading r = read_example(s, e, i);
		ck_assert_int_eq(r.kind, ARITHMETIC);
		ck_assert_msg(!seen[r.pair], "pair %d twice", r.pair);
		seen[r.pair] = 1;
	}
}

void check_definitions(struct study *s, const char *set, bool reliable)
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

void check_oocl(struct study *s, int held_out, double mix, double pretrain, double in_mix)
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

void check_sizes(const struct study *s, int each)
{
	ck_assert_int_eq(set_size(s, "DtQ1"), each);
	ck_assert_int_eq(set_size(s, "DfQ2"), each);
	ck_assert_int_eq(set_size(s, "Dt3"), each);
	ck_assert_int_eq(set_size(s, "Df4"), each);
}

void check_needs(const struct study *s, int64_t d_vocab)
{
	int64_t vocab, ctx;
	ck_assert_ok(s->ops->needs(s->self, &vocab, &ctx));
	ck_assert_int_eq(vocab, d_vocab);
	ck_assert_int_eq(ctx, 5);
}
