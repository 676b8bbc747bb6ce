/* test_drill.c: the tree of a model's parts, and the search on effects that are known. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/status.h"
#include "exp/drill.h"
#include "support/support.h"

static const struct pb_model_config models[] = {
	{.n_layers = 2, .d_model = 4, .d_head = 3, .n_heads = 2, .d_mlp = 5, .n_ctx = 6, .d_vocab = 7},
	{.n_layers = 1, .d_model = 6, .d_head = 2, .n_heads = 3, .n_ctx = 4, .d_vocab = 9, .attn_only = true},
	{.n_layers = 3, .d_model = 4, .d_head = 4, .n_heads = 1, .d_mlp = 2, .n_ctx = 3, .d_vocab = 5,
	 .normalization = PB_NORM_NONE},
	{.n_layers = 2, .d_model = 4, .d_head = 2, .n_heads = 2, .n_ctx = 3, .d_vocab = 5, .attn_only = true,
	 .normalization = PB_NORM_LNPRE},
	{.n_layers = 11, .d_model = 2, .d_head = 1, .n_heads = 2, .d_mlp = 3, .n_ctx = 2, .d_vocab = 3},
};

enum { MODELS = sizeof models / sizeof *models, TREES = 2 * MODELS, SEARCHES = 200, MOST = 600 };

static struct pb_param_table table;
static struct pb_drill_tree tree;
static struct pb_arena arena;

/* Tree i: of each model, without heads and with them. */
static void open_tree(int i)
{
	arena = (struct pb_arena){0};
	ck_assert_ok(pb_param_table_init(&table, &models[i / 2]));
	ck_assert_ok(pb_drill_tree_make(&table, i % 2, &arena, &tree));
	ck_assert_int_le(table.n_parts, MOST);
}

static void close_tree(void)
{
	pb_param_table_finish(&table);
	pb_arena_finish(&arena);
}

/* A node's expression selects exactly the parts of its leaves; its count is theirs. */
static void check_node(const struct pb_drill_node *node)
{
	bool leaves[MOST] = {false}, parts[MOST], selected[MOST];
	int64_t count = 0;
	for (int k = node->first; k < node->end; k++) {
		leaves[k] = true;
		count += tree.nodes[tree.leaves[k].node].count;
	}
	ck_assert_int_eq(count, node->count);
	pb_drill_parts(&tree, leaves, parts);
	ck_assert_msg(!pb_param_select(&table, node->expression, selected), "%s", pb_error_text());
	ck_assert_msg(!memcmp(parts, selected, (size_t)table.n_parts), "`%s` is not %s", node->expression, node->name);
	int cover[MOST];
	ck_assert_int_eq(pb_drill_cover(&tree, leaves, cover), 1);
	ck_assert_ptr_eq(&tree.nodes[cover[0]], node);
}

START_TEST(a_node_is_its_expression)
{
	open_tree(_i);
	int covered = 0, n_params = 0;
	int64_t count = 0;
	for (int i = 0; i < tree.n_nodes; i++) {
		const struct pb_drill_node *node = &tree.nodes[i];
		ck_assert_int_lt(node->parent, i);
		ck_assert_int_eq(node->depth, i ? tree.nodes[node->parent].depth + 1 : 0);
		ck_assert_int_le(node->depth, tree.depth);
		ck_assert_int_eq(pb_drill_is_leaf(&tree, i), tree.leaves[node->first].node == i);
		check_node(node);
	}
	for (int i = 0; i < tree.n_leaves; i++)
		covered += tree.leaves[i].n_parts;
	ck_assert_int_eq(covered, table.n_parts);
	for (int i = 0; i < table.n; i++) {
		count += table.items[i].count;
		n_params += _i % 2 ? table.items[i].n_parts : 1;
	}
	ck_assert_int_eq(tree.nodes[0].count, count);
	ck_assert_int_eq(tree.n_leaves, n_params);
	close_tree();
}
END_TEST

START_TEST(a_set_has_the_shortest_expression)
{
	bool leaves[MOST];
	open_tree(1);
	ck_assert_ok(pb_param_select(&table, "*", leaves)); /* a leaf a part */
	ck_assert_int_eq(tree.n_leaves, table.n_parts);
	for (int i = 0; i < tree.n_leaves; i++)
		leaves[i] = strstr(tree.nodes[tree.leaves[i].node].name, "blocks.0.attn") ||
			    strstr(tree.nodes[tree.leaves[i].node].name, "_V.h1") ||
			    strstr(tree.nodes[tree.leaves[i].node].name, "blocks.1.attn.W_O.h0") ||
			    strstr(tree.nodes[tree.leaves[i].node].name, "pos_embed");
	ck_assert_str_eq(pb_drill_expression(&tree, leaves, &arena),
			 "pos_embed.W_pos + blocks.0.attn + blocks.1.attn.{W,b}_V.h1 + blocks.1.attn.W_O.h0");
	close_tree();
}
END_TEST

/* Effects of sets: each leaf's own, and what pairs of leaves have together; divided by that of all. */
struct world {
	uint64_t seed;
	double pairs; /* how much they matter */
	size_t calls, sets;
	bool (*seen)[MOST]; /* [sets] */
	bool nan;  /* some sets have no effect */
	size_t fails_at; /* 0: never */
};

static double own(const struct world *w, const char *what, int i)
{
	double x = pb_random_normal(w->seed, pb_random_stream(what), (uint64_t)i);
	return x * x * x * x; /* few matter */
}

static double total(const struct world *w, const bool *set)
{
	double sum = 0.0;
	for (int i = 0; i < tree.n_leaves; i++) {
		int other = (i * 7 + 3) % tree.n_leaves;
		if (set[i])
			sum += own(w, "leaf", i) - 0.3;
		if (set[i] && set[other])
			sum += w->pairs * pb_random_normal(w->seed, pb_random_stream("pair"), (uint64_t)i);
	}
	return sum;
}

static double effect(const struct world *w, const bool *set)
{
	bool all[MOST];
	memset(all, true, sizeof all);
	uint64_t at = 0;
	for (int i = 0; i < tree.n_leaves; i++)
		at = at * 3 + set[i];
	if (w->nan && pb_random(w->seed, pb_random_stream("nan"), at) % 5 == 0)
		return NAN;
	return total(w, set) / total(w, all);
}

static int judge(void *user, const bool *const *sets, size_t n, double *ret_effects)
{
	struct world *w = user;
	if (w->fails_at && ++w->calls >= w->fails_at)
		return pb_fail(PB_E_INTERRUPTED, "stop");
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < w->sets; k++)
			if (!memcmp(w->seen[k], sets[i], (size_t)tree.n_leaves))
				ck_abort_msg("a set is judged twice");
		w->seen = realloc(w->seen, (w->sets + 1) * sizeof *w->seen);
		memcpy(w->seen[w->sets++], sets[i], (size_t)tree.n_leaves);
		ret_effects[i] = effect(w, sets[i]);
	}
	return 0;
}

static int64_t elements(const bool *set)
{
	int64_t n = 0;
	for (int i = 0; i < tree.n_leaves; i++)
		n += set[i] ? tree.nodes[tree.leaves[i].node].count : 0;
	return n;
}

/* Of a node that has something of the set but not all: what is left without it, and of it alone. */
static bool split(const bool *set, const struct pb_drill_node *node, bool *ret_without, bool *ret_alone)
{
	int left = 0, mine = 0;
	for (int i = 0; i < tree.n_leaves; i++) {
		bool inside = i >= node->first && i < node->end;
		ret_without[i] = set[i] && !inside;
		ret_alone[i] = set[i] && inside;
		left += ret_without[i];
		mine += ret_alone[i];
	}
	return left && mine;
}

/* The promises of drill.h. */
static void check_found(const struct world *w, const struct pb_drill_found *found, double share)
{
	bool without[MOST], alone[MOST];
	const struct pb_drill_step *last = &found->steps[found->n_steps - 1];
	ck_assert(!found->exhausted);
	ck_assert_int_eq(elements(found->steps[0].set), tree.nodes[0].count);
	for (size_t i = 1; i < found->n_steps; i++) {
		const struct pb_drill_step *step = &found->steps[i], *before = step - 1;
		ck_assert(step->effect >= share && step->effect == effect(w, step->set));
		ck_assert_int_lt(elements(step->set), elements(before->set));
		ck_assert_int_ge(step->level, before->level);
		ck_assert_uint_gt(step->n_judged, 0);
		for (int k = 0; k < tree.n_leaves; k++)
			ck_assert(before->set[k] || !step->set[k]);
		int cover[MOST];
		for (int k = pb_drill_cover(&tree, step->set, cover); k--;)
			ck_assert_int_le(tree.nodes[cover[k]].depth, step->level);
	}
	for (int i = 0; i < tree.n_nodes; i++) {
		const struct pb_drill_node *node = &tree.nodes[i];
		bool divides = split(last->set, node, without, alone);
		if (divides && (effect(w, without) >= share || effect(w, alone) >= share))
			ck_abort_msg("%s need not be as it is", node->name);
		if (!pb_drill_is_leaf(&tree, i))
			continue;
		double told = found->without[node->first];
		double real = divides ? effect(w, without) : NAN;
		ck_assert(told == real || (isnan(told) && isnan(real)));
	}
}

static void free_world(struct world *w, struct pb_drill *drill)
{
	pb_drill_finish(drill);
	free(w->seen);
}

START_TEST(what_is_found_is_minimal)
{
	static const double shares[] = {0.9, 0.5, 1.0, 0.2};
	struct world w = {.seed = (uint64_t)_i, .pairs = _i % 3 * 2.0, .nan = _i % 7 == 0};
	struct pb_drill drill;
	struct pb_drill_found found;
	double share = shares[_i % 4];
	open_tree(_i % TREES);
	pb_drill_init(&drill, &tree, SIZE_MAX, judge, &w);
	ck_assert_ok(pb_drill_search(&drill, share, &arena, &found));
	check_found(&w, &found, share);
	ck_assert_uint_eq(drill.n_judged, w.sets);
	/* Again: nothing is new, and everything the same. */
	struct pb_drill_found again;
	ck_assert_ok(pb_drill_search(&drill, share, &arena, &again));
	ck_assert_uint_eq(again.n_steps, found.n_steps);
	ck_assert_uint_eq(again.steps[again.n_steps - 1].n_judged, 0);
	for (size_t i = 0; i < found.n_steps; i++)
		ck_assert_mem_eq(again.steps[i].set, found.steps[i].set, (size_t)tree.n_leaves);
	free_world(&w, &drill);
	close_tree();
}
END_TEST

/* One leaf has it all. */
static int judge_one(void *user, const bool *const *sets, size_t n, double *ret_effects)
{
	for (size_t i = 0; i < n; i++)
		ret_effects[i] = sets[i][*(int *)user];
	return 0;
}

START_TEST(one_leaf_is_found)
{
	struct pb_drill drill;
	struct pb_drill_found found;
	open_tree(_i);
	for (int leaf = 0; leaf < tree.n_leaves; leaf++) {
		pb_drill_init(&drill, &tree, SIZE_MAX, judge_one, &leaf);
		ck_assert_ok(pb_drill_search(&drill, 0.9, &arena, &found));
		const struct pb_drill_step *last = &found.steps[found.n_steps - 1];
		ck_assert_str_eq(pb_drill_expression(&tree, last->set, &arena),
				 tree.nodes[tree.leaves[leaf].node].expression);
		ck_assert(isnan(found.without[leaf]));
		pb_drill_finish(&drill);
	}
	close_tree();
}
END_TEST

/* The first leaf has it all; two more undo each other, so that neither can be left out alone. */
static int judge_tied(void *user, const bool *const *sets, size_t n, double *ret_effects)
{
	(void)user;
	for (size_t i = 0; i < n; i++) {
		bool a = sets[i][3], b = sets[i][tree.n_leaves - 1];
		ret_effects[i] = sets[i][0] - 0.5 * a - 0.5 * b + (a && b);
	}
	return 0;
}

START_TEST(tied_leaves_are_left_out_together)
{
	struct pb_drill drill;
	struct pb_drill_found found;
	open_tree(_i);
	pb_drill_init(&drill, &tree, SIZE_MAX, judge_tied, NULL);
	ck_assert_ok(pb_drill_search(&drill, 0.9, &arena, &found));
	const struct pb_drill_step *last = &found.steps[found.n_steps - 1];
	ck_assert_str_eq(pb_drill_expression(&tree, last->set, &arena), "embed.W_E");
	pb_drill_finish(&drill);
	close_tree();
}
END_TEST

/* Whatever number of sets may be judged: no more are, and what is there reaches the share. */
START_TEST(a_limit_ends_the_search)
{
	struct pb_drill_found whole, found;
	struct pb_drill drill;
	struct world w = {.seed = 5, .pairs = 0.3};
	open_tree(1);
	pb_drill_init(&drill, &tree, SIZE_MAX, judge, &w);
	ck_assert_ok(pb_drill_search(&drill, 0.8, &arena, &whole));
	size_t needed = drill.n_judged;
	free_world(&w, &drill);
	ck_assert_uint_gt(needed, 40);
	for (size_t most = 0; most <= needed; most++) {
		struct world limited = {.seed = 5, .pairs = 0.3};
		pb_drill_init(&drill, &tree, most, judge, &limited);
		ck_assert_ok(pb_drill_search(&drill, 0.8, &arena, &found));
		ck_assert_uint_le(limited.sets, most);
		ck_assert(found.exhausted == (most < needed));
		const struct pb_drill_step *last = &found.steps[found.n_steps - 1];
		ck_assert(last->effect >= 0.8 && last->effect == effect(&limited, last->set));
		free_world(&limited, &drill);
	}
	ck_assert_uint_eq(found.n_steps, whole.n_steps);
	close_tree();
}
END_TEST

START_TEST(a_failure_leaves_what_was_found)
{
	struct pb_drill_found found;
	struct pb_drill drill;
	struct world w = {.seed = 5, .pairs = 0.3, .fails_at = 4};
	open_tree(1);
	pb_drill_init(&drill, &tree, SIZE_MAX, judge, &w);
	ck_assert_int_eq(pb_drill_search(&drill, 0.8, &arena, &found), -PB_E_INTERRUPTED);
	ck_assert_uint_ge(found.n_steps, 2);
	ck_assert(found.steps[found.n_steps - 1].effect >= 0.8);
	free_world(&w, &drill);
	close_tree();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("drill");
	TCase *tc = tcase_create("drill");
	tcase_add_loop_test(tc, a_node_is_its_expression, 0, TREES);
	tcase_add_test(tc, a_set_has_the_shortest_expression);
	tcase_add_loop_test(tc, what_is_found_is_minimal, 0, SEARCHES);
	tcase_add_loop_test(tc, one_leaf_is_found, 0, TREES);
	tcase_add_loop_test(tc, tied_leaves_are_left_out_together, 0, TREES);
	tcase_add_test(tc, a_limit_ends_the_search);
	tcase_add_test(tc, a_failure_leaves_what_was_found);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
