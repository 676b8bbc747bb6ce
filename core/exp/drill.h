/* drill.h: the search for the smallest set of parameters that still has a chosen share of the effect.
 *
 * The effect of a set is the score that its gradients bring about, all others being of the other run: 1 for the whole
 * model, 0 for nothing. It is neither additive nor monotone: clipping couples all parameters, and leaving a part out
 * may raise it above 1. So the search measures and never adds up.
 *
 * It goes down the tree level by level, the whole model first. At each level, rounds: with S the set so far, every
 * node v of this level or above is tried by leaving it out (S - v) and by keeping nothing else (S & v). Where leaving
 * out reaches the share, these nodes are also left out together, the cheapest first (effect lost per element). Of
 * everything that reaches it the set with the fewest elements is taken, then the greater effect, then the first in
 * the tree's order; rounds end when nothing does. Levels above the last keep a reserve: they ask for half of the way
 * from the share to 1, half of that one level further down and so on, so that a coarse part is not paid for with what
 * finer parts could save.
 *
 * What is guaranteed: the set found reaches the share; leaving out any one node of the tree (a leaf, a head, a matrix
 * with its bias, a block, ...) makes it fall short, and so does keeping one node only. What is not: that no other set
 * with fewer elements reaches the share, found by exchanging parts or by leaving out several at once.
 */
#ifndef PB_EXP_DRILL_H
#define PB_EXP_DRILL_H

#include "exp/drill_tree.h"

/* The effects of sets [tree->n_leaves] of leaves; NaN: it has none. */
typedef int pb_drill_judge(void *user, const bool *const *sets, size_t n, double *ret_effects);

struct pb_drill_entry;

struct pb_drill {
	const struct pb_drill_tree *tree;
	pb_drill_judge *judge;
	void *user;
	size_t most;    /* sets to judge at most */
	size_t n_judged;
	struct pb_arena arena; /* of what is remembered */
	size_t room;
	struct pb_drill_entry *entries; /* [room] */
};

struct pb_drill_step {
	int level;       /* nodes of this depth and above were tried; 0: the whole model */
	const bool *set; /* [n_leaves] */
	double effect;
	size_t n_judged; /* from the search's beginning, without sets that were known from one before */
};

struct pb_drill_found {
	size_t n_steps;
	const struct pb_drill_step *steps; /* the first is the whole model, the last what was found */
	const double *without; /* [n_leaves] effect of the last without this leaf; NaN: not in it, or nothing is left */
	bool exhausted;        /* `most` ended it: what was found reaches the share, but may not be minimal */
};

/* `tree` must outlive it. Searches share what was judged. */
void pb_drill_init(struct pb_drill *drill, const struct pb_drill_tree *tree, size_t most, pb_drill_judge *judge,
		   void *user);
void pb_drill_finish(struct pb_drill *drill);
/* 0 < share <= 1. *ret_found is valid on failure too, as far as the search came; everything in it is in the arena. */
int pb_drill_search(struct pb_drill *drill, double share, struct pb_arena *arena, struct pb_drill_found *ret_found);

#endif
