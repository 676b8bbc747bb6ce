/* drill_tree.h: the parts of a model as a tree, from the whole down to single matrices.
 *
 *   model -> embeddings, each block, final norm, unembedding
 *   block -> attention, MLP, norms; attention -> Q, K, V, O
 *   and from there to single parameters; of Q, K, V and O first to heads, where there are several that are asked for.
 *
 * A node is a run of leaves, since leaves are numbered as they are met.
 */
#ifndef PB_EXP_DRILL_TREE_H
#define PB_EXP_DRILL_TREE_H

#include "model/model.h"

struct pb_drill_node {
	const char *name;       /* "block 0 attention V head 2"; of a leaf its parameter's name */
	const char *expression; /* as pb_param_select takes it */
	int parent;             /* -1: the whole */
	int depth;
	int first, end; /* leaves [first, end) */
	int64_t count;  /* elements */
};

struct pb_drill_leaf {
	int node;
	int first_part, n_parts; /* of the table */
};

struct pb_drill_tree {
	const struct pb_param_table *table;
	struct pb_drill_node *nodes; /* parents before their children */
	int n_nodes;
	struct pb_drill_leaf *leaves;
	int n_leaves;
	int depth; /* of the deepest leaf */
};

/* `table` must outlive the tree; everything is in the arena. */
int pb_drill_tree_make(const struct pb_param_table *table, bool heads, struct pb_arena *arena,
		       struct pb_drill_tree *ret_tree);
static inline bool pb_drill_is_leaf(const struct pb_drill_tree *tree, int node)
{
	return node + 1 == tree->n_nodes || tree->nodes[node + 1].parent != node;
}
/* ret_nodes [n_leaves]: the fewest nodes that make up the set of leaves; returns how many. */
int pb_drill_cover(const struct pb_drill_tree *tree, const bool *set, int *ret_nodes);
/* The cover as one expression, NULL when out of memory. */
const char *pb_drill_expression(const struct pb_drill_tree *tree, const bool *set, struct pb_arena *arena);
/* ret_parts [table->n_parts] */
void pb_drill_parts(const struct pb_drill_tree *tree, const bool *set, bool *ret_parts);

#endif
