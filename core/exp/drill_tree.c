/* drill_tree.c: which parts there are, named as people speak of them. */
#include "exp/drill_tree.h"

#include <string.h>

#include "base/status.h"

struct builder {
	struct pb_drill_tree *tree;
	struct pb_arena *arena;
	bool heads;
	int rc;
};

/* Opens a node; its leaves are those added until pb_close. */
static int open_node(struct builder *b, int parent, const char *name, const char *expression)
{
	struct pb_drill_tree *t = b->tree;
	int depth = parent < 0 ? 0 : t->nodes[parent].depth + 1;
	if (!name || !expression)
		b->rc = -PB_E_NOMEM;
	t->nodes[t->n_nodes] = (struct pb_drill_node){
		.name = name, .expression = expression, .parent = parent, .depth = depth, .first = t->n_leaves};
	t->depth = depth > t->depth ? depth : t->depth;
	return t->n_nodes++;
}

static void close_node(struct builder *b, int node)
{
	struct pb_drill_node *n = &b->tree->nodes[node];
	n->end = b->tree->n_leaves;
	if (n->parent >= 0)
		b->tree->nodes[n->parent].count += n->count;
}

/* A parameter of the block (-1: outside), or one of its heads (-1: all); nothing where the model has none. */
static void add_leaf(struct builder *b, int parent, int layer, const char *name, int head)
{
	const struct pb_param_table *table = b->tree->table;
	int id = pb_param_id(table, layer, name);
	if (id < 0)
		return;
	const struct pb_param_info *info = &table->items[id];
	char room[PB_PARAM_PART_NAME];
	const char *full = head < 0 ? info->name
				    : pb_arena_strdup(b->arena, pb_param_part_name(info, head, room));
	int node = open_node(b, parent, full, full);
	b->tree->leaves[b->tree->n_leaves++] =
		(struct pb_drill_leaf){node, info->first_part + (head < 0 ? 0 : head), head < 0 ? info->n_parts : 1};
	b->tree->nodes[node].count = head < 0 ? info->count : info->count / info->n_parts;
	close_node(b, node);
}

/* Q, K or V: by head its matrix and its bias. */
static void add_projection(struct builder *b, int parent, int layer, char letter)
{
	struct pb_arena *a = b->arena;
	const char *above = b->tree->nodes[parent].name;
	char w[] = "attn.W_?", bias[] = "attn.b_?";
	int node = open_node(b, parent, pb_arena_printf(a, "%s %c", above, letter),
			     pb_arena_printf(a, "blocks.%d.attn.{W,b}_%c", layer, letter));
	w[7] = bias[7] = letter;
	int heads = b->tree->table->items[pb_param_id(b->tree->table, layer, w)].n_parts;
	for (int h = 0; b->heads && heads > 1 && h < heads; h++) {
		int head = open_node(b, node, pb_arena_printf(a, "%s %c head %d", above, letter, h),
				     pb_arena_printf(a, "blocks.%d.attn.{W,b}_%c.h%d", layer, letter, h));
		add_leaf(b, head, layer, w, h);
		add_leaf(b, head, layer, bias, h);
		close_node(b, head);
	}
	if (!b->heads || heads == 1) {
		add_leaf(b, node, layer, w, -1);
		add_leaf(b, node, layer, bias, -1);
	}
	close_node(b, node);
}

static void add_output(struct builder *b, int parent, int layer)
{
	int node = open_node(b, parent, pb_arena_printf(b->arena, "%s O", b->tree->nodes[parent].name),
			     pb_arena_printf(b->arena, "blocks.%d.attn.{W,b}_O", layer));
	int heads = b->tree->table->items[pb_param_id(b->tree->table, layer, "attn.W_O")].n_parts;
	for (int h = 0; b->heads && heads > 1 && h < heads; h++)
		add_leaf(b, node, layer, "attn.W_O", h);
	if (!b->heads || heads == 1)
		add_leaf(b, node, layer, "attn.W_O", -1);
	add_leaf(b, node, layer, "attn.b_O", -1);
	close_node(b, node);
}

static void add_attention(struct builder *b, int parent, int layer)
{
	for (const char *letter = "QKV"; *letter; letter++)
		add_projection(b, parent, layer, *letter);
	add_output(b, parent, layer);
}

/* A node of single parameters, its name behind its parent's; `names` ends with NULL. */
static void add_group(struct builder *b, int parent, int layer, const char *name, const char *expression,
		      const char *const *names)
{
	if (pb_param_id(b->tree->table, layer, names[0]) < 0)
		return;
	int node = open_node(b, parent, name, expression);
	for (int i = 0; names[i]; i++)
		add_leaf(b, node, layer, names[i], -1);
	close_node(b, node);
}

static void add_block(struct builder *b, int root, int layer)
{
	static const char *const mlp[] = {"mlp.W_in", "mlp.b_in", "mlp.W_out", "mlp.b_out", NULL};
	static const char *const norms[] = {"ln1.w", "ln1.b", "ln2.w", "ln2.b", NULL};
	const struct pb_param_table *table = b->tree->table;
	struct pb_arena *a = b->arena;
	bool has_mlp = pb_param_id(table, layer, mlp[0]) >= 0, has_norms = pb_param_id(table, layer, norms[0]) >= 0;
	const char *name = pb_arena_printf(a, "block %d", layer);
	int block = open_node(b, root, name, pb_arena_printf(a, "blocks.%d", layer)), attention = block;
	/* A block of nothing but attention needs no node for it. */
	if (has_mlp || has_norms)
		attention = open_node(b, block, pb_arena_printf(a, "%s attention", name),
				      pb_arena_printf(a, "blocks.%d.attn", layer));
	add_attention(b, attention, layer);
	if (attention != block)
		close_node(b, attention);
	add_group(b, block, layer, pb_arena_printf(a, "%s MLP", name), pb_arena_printf(a, "blocks.%d.mlp", layer), mlp);
	add_group(b, block, layer, pb_arena_printf(a, "%s norms", name),
		  pb_arena_printf(a, has_mlp ? "blocks.%d.{ln1,ln2}" : "blocks.%d.ln1", layer), norms);
	close_node(b, block);
}

int pb_drill_tree_make(const struct pb_param_table *table, bool heads, struct pb_arena *arena,
		       struct pb_drill_tree *ret_tree)
{
	static const char *const embeddings[] = {"embed.W_E", "pos_embed.W_pos", NULL};
	static const char *const norm[] = {"ln_final.w", "ln_final.b", NULL};
	static const char *const unembedding[] = {"unembed.W_U", "unembed.b_U", NULL};
	/* Every node but a leaf has two children or more. */
	size_t most = (size_t)table->n_parts;
	struct pb_drill_tree tree = {.table = table,
				     .nodes = pb_arena_array(arena, 2 * most, sizeof *tree.nodes),
				     .leaves = pb_arena_array(arena, most, sizeof *tree.leaves)};
	struct builder b = {&tree, arena, heads, 0};
	if (!tree.nodes || !tree.leaves)
		return -PB_E_NOMEM;
	int root = open_node(&b, -1, "the whole model", "*");
	add_group(&b, root, -1, "embeddings", "embed + pos_embed", embeddings);
	for (int layer = 0; layer < table->n_layers; layer++)
		add_block(&b, root, layer);
	add_group(&b, root, -1, "final norm", "ln_final", norm);
	add_group(&b, root, -1, "unembedding", "unembed", unembedding);
	close_node(&b, root);
	if (!b.rc)
		*ret_tree = tree;
	return b.rc;
}

int pb_drill_cover(const struct pb_drill_tree *tree, const bool *set, int *ret_nodes)
{
	int n = 0, covered = 0; /* leaves before `covered` are done */
	for (int i = 0; i < tree->n_nodes; i++) {
		const struct pb_drill_node *node = &tree->nodes[i];
		if (node->first < covered || memchr(set + node->first, false, (size_t)(node->end - node->first)))
			continue;
		ret_nodes[n++] = i;
		covered = node->end;
	}
	return n;
}

const char *pb_drill_expression(const struct pb_drill_tree *tree, const bool *set, struct pb_arena *arena)
{
	struct pb_text text = {0};
	int *nodes = pb_arena_array(arena, (size_t)tree->n_leaves, sizeof *nodes);
	if (!nodes)
		return NULL;
	int n = pb_drill_cover(tree, set, nodes);
	for (int i = 0; i < n; i++)
		pb_text_add(&text, i ? " + %s" : "%s", tree->nodes[nodes[i]].expression);
	const char *expression = text.failed ? NULL : pb_arena_strdup(arena, text.data ? text.data : "");
	pb_text_finish(&text);
	return expression;
}

void pb_drill_parts(const struct pb_drill_tree *tree, const bool *set, bool *ret_parts)
{
	for (int i = 0; i < tree->n_leaves; i++)
		memset(ret_parts + tree->leaves[i].first_part, set[i], (size_t)tree->leaves[i].n_parts);
}
