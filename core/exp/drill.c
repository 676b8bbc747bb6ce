/* drill.c: rounds of trying, level by level. */
#include "exp/drill.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

struct pb_drill_entry {
	const bool *set; /* NULL: free */
	double effect;
};

struct search {
	struct pb_drill *drill;
	const struct pb_drill_tree *tree;
	struct pb_arena *arena; /* of what is found */
	struct pb_arena round;
	size_t size; /* bytes of a set */
	double asked; /* at this level */
	size_t began; /* drill->n_judged then */
	const bool *set; /* so far */
	double effect;
	struct pb_drill_step *steps; /* room for each level and leaf */
	double *without;
	struct pb_drill_found *found;
};

/* A set that is tried; `node` is left out, or alone kept where `keeps`; -1: several are left out. */
struct trial {
	const bool *set;
	int node;
	bool keeps;
	double effect;
	int64_t count;
};

struct trials {
	struct trial *items;
	size_t n;
};

void pb_drill_init(struct pb_drill *drill, const struct pb_drill_tree *tree, size_t most, pb_drill_judge *judge,
		   void *user)
{
	*drill = (struct pb_drill){.tree = tree, .judge = judge, .user = user, .most = most};
}

void pb_drill_finish(struct pb_drill *drill)
{
	pb_arena_finish(&drill->arena);
	free(drill->entries);
	*drill = (struct pb_drill){0};
}

/* Where the set is, or would be. */
static struct pb_drill_entry *find(const struct pb_drill *d, const bool *set)
{
	size_t n = (size_t)d->tree->n_leaves;
	uint64_t hash = 14695981039346656037u;
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ set[i]) * 1099511628211u;
	size_t at = (size_t)(hash >> 20) & (d->room - 1);
	while (d->entries[at].set && memcmp(d->entries[at].set, set, n))
		at = (at + 1) & (d->room - 1);
	return &d->entries[at];
}

static int make_room(struct pb_drill *d, size_t n)
{
	struct pb_drill_entry *old = d->entries;
	size_t before = d->room, room = before ? before : 256;
	while (room < 2 * (d->n_judged + n))
		room *= 2;
	if (room == before)
		return 0;
	struct pb_drill_entry *entries = calloc(room, sizeof *entries);
	if (!entries)
		return pb_fail_nomem(room * sizeof *entries, "the sets that were judged");
	d->entries = entries;
	d->room = room;
	for (size_t i = 0; i < before; i++)
		if (old[i].set)
			*find(d, old[i].set) = old[i];
	free(old);
	return 0;
}

/* The sets that are not known yet, each once; effects of those are NaN meanwhile. */
static int collect(struct search *s, const struct trials *t, const bool **sets, size_t *ret_n)
{
	struct pb_drill *d = s->drill;
	int rc = make_room(d, t->n);
	for (size_t i = 0; !rc && i < t->n; i++) {
		struct pb_drill_entry *entry = find(d, t->items[i].set);
		if (entry->set)
			continue;
		if (d->n_judged + *ret_n == d->most) {
			s->found->exhausted = true;
			break;
		}
		bool *copy = pb_arena_alloc(&d->arena, s->size);
		if (!copy)
			return -PB_E_NOMEM;
		memcpy(copy, t->items[i].set, s->size);
		*entry = (struct pb_drill_entry){copy, NAN};
		sets[(*ret_n)++] = copy;
	}
	return rc;
}

/* Fills in effects, NaN where no set may be judged any more. */
static int judge(struct search *s, struct trials *t)
{
	struct pb_drill *d = s->drill;
	const bool **sets = pb_arena_array(&s->round, t->n + 1, sizeof *sets);
	double *effects = pb_arena_array(&s->round, t->n + 1, sizeof *effects);
	size_t n = 0;
	int rc = sets && effects ? collect(s, t, sets, &n) : -PB_E_NOMEM;
	if (!rc && n)
		rc = d->judge(d->user, sets, n, effects);
	for (size_t i = 0; !rc && i < n; i++)
		find(d, sets[i])->effect = effects[i];
	d->n_judged += rc ? 0 : n;
	for (size_t i = 0; !rc && i < t->n; i++) {
		const struct pb_drill_entry *entry = find(d, t->items[i].set);
		t->items[i].effect = entry->set ? entry->effect : NAN;
	}
	return rc;
}

static int count_leaves(const bool *set, int first, int end)
{
	int n = 0;
	for (int i = first; i < end; i++)
		n += set[i];
	return n;
}

static int64_t count_elements(const struct pb_drill_tree *tree, const bool *set)
{
	int64_t n = 0;
	for (int i = 0; i < tree->n_leaves; i++)
		n += set[i] ? tree->nodes[tree->leaves[i].node].count : 0;
	return n;
}

static bool *copy_set(const struct search *s, struct pb_arena *arena, const bool *set)
{
	bool *copy = pb_arena_alloc(arena, s->size);
	if (copy)
		memcpy(copy, set, s->size);
	return copy;
}

/* S - v, or S & v. */
static int try_node(struct search *s, struct trials *t, int node, bool keeps)
{
	const struct pb_drill_node *v = &s->tree->nodes[node];
	bool *set = copy_set(s, &s->round, s->set);
	if (!set)
		return -PB_E_NOMEM;
	for (int i = 0; i < s->tree->n_leaves; i++)
		if ((i >= v->first && i < v->end) != keeps)
			set[i] = false;
	t->items[t->n++] = (struct trial){set, node, keeps, NAN, count_elements(s->tree, set)};
	return 0;
}

/* Every node of the level and above that has some of the set, but not all, and not just its parent's. */
static int try_nodes(struct search *s, int level, struct trials *t)
{
	const struct pb_drill_tree *tree = s->tree;
	int all = count_leaves(s->set, 0, tree->n_leaves), rc = 0;
	t->items = pb_arena_array(&s->round, 2 * (size_t)tree->n_nodes, sizeof *t->items);
	if (!t->items)
		return -PB_E_NOMEM;
	for (int i = 1; !rc && i < tree->n_nodes; i++) {
		const struct pb_drill_node *v = &tree->nodes[i], *above = &tree->nodes[v->parent];
		int mine = count_leaves(s->set, v->first, v->end);
		if (v->depth > level || !mine || mine == all || mine == count_leaves(s->set, above->first, above->end))
			continue;
		rc = try_node(s, t, i, false);
		if (!rc)
			rc = try_node(s, t, i, true);
	}
	return rc ? rc : judge(s, t);
}

/* What leaving it out costs, for each element that it saves. */
static double price(const struct search *s, const struct trial *t)
{
	return (s->effect - t->effect) / (double)(count_elements(s->tree, s->set) - t->count);
}

/* Those whose node may be left out, the cheapest first; the order of the tree where prices are equal. */
static size_t sort_cheap(const struct search *s, const struct trials *t, const struct trial **ret_cheap)
{
	size_t n = 0;
	for (size_t i = 0; i < t->n; i++) {
		const struct trial *x = &t->items[i];
		if (x->keeps || !(x->effect >= s->asked))
			continue;
		size_t at = n++;
		for (; at && price(s, ret_cheap[at - 1]) > price(s, x); at--)
			ret_cheap[at] = ret_cheap[at - 1];
		ret_cheap[at] = x;
	}
	return n;
}

/* The two cheapest left out together, the three cheapest, and so on, as long as something stays. */
static int try_together(struct search *s, const struct trials *single, struct trials *t)
{
	const struct trial **cheap = pb_arena_array(&s->round, single->n + 1, sizeof *cheap);
	t->items = pb_arena_array(&s->round, single->n + 1, sizeof *t->items);
	bool *left = copy_set(s, &s->round, s->set);
	if (!cheap || !t->items || !left)
		return -PB_E_NOMEM;
	size_t n = sort_cheap(s, single, cheap);
	for (size_t i = 0; i < n; i++) {
		const struct pb_drill_node *v = &s->tree->nodes[cheap[i]->node];
		if (!count_leaves(left, v->first, v->end))
			continue;
		memset(left + v->first, false, (size_t)(v->end - v->first));
		if (!count_leaves(left, 0, s->tree->n_leaves))
			break;
		bool *set = copy_set(s, &s->round, left);
		if (!set)
			return -PB_E_NOMEM;
		t->items[t->n++] = (struct trial){set, -1, false, NAN, count_elements(s->tree, set)};
	}
	return judge(s, t);
}

/* The better of the two, of which `best` may be NULL. */
static const struct trial *better(const struct search *s, const struct trial *best, const struct trials *t)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct trial *x = &t->items[i];
		if (!(x->effect >= s->asked))
			continue;
		if (!best || x->count < best->count || (x->count == best->count && x->effect > best->effect))
			best = x;
	}
	return best;
}

static int add_step(struct search *s, int level, const bool *set, double effect)
{
	struct pb_drill_step *step = &s->steps[s->found->n_steps];
	bool *copy = copy_set(s, s->arena, set);
	if (!copy)
		return -PB_E_NOMEM;
	*step = (struct pb_drill_step){level, copy, effect, s->drill->n_judged - s->began};
	s->found->n_steps++;
	s->set = copy;
	s->effect = effect;
	return 0;
}

/* What the round that ended the search knows of each leaf. */
static void note_without(struct search *s, const struct trials *t)
{
	for (int i = 0; i < s->tree->n_leaves; i++)
		s->without[i] = NAN;
	for (size_t i = 0; i < t->n; i++) {
		const struct pb_drill_node *v = &s->tree->nodes[t->items[i].node];
		for (int k = v->first; !t->items[i].keeps && k < v->end; k++)
			if (s->set[k] && count_leaves(s->set, v->first, v->end) == 1)
				s->without[k] = t->items[i].effect;
	}
}

/* One round; *ret_ends when nothing more can be left out. */
static int go_round(struct search *s, int level, bool *ret_ends)
{
	struct trials single = {0}, together = {0};
	pb_arena_reset(&s->round);
	int rc = try_nodes(s, level, &single);
	if (!rc)
		rc = try_together(s, &single, &together);
	if (rc)
		return rc;
	const struct trial *best = better(s, better(s, NULL, &single), &together);
	*ret_ends = !best;
	if (!best)
		note_without(s, &single);
	return best ? add_step(s, level, best->set, best->effect) : 0;
}

int pb_drill_search(struct pb_drill *drill, double share, struct pb_arena *arena, struct pb_drill_found *ret_found)
{
	const struct pb_drill_tree *tree = drill->tree;
	struct search s = {.drill = drill, .tree = tree, .arena = arena, .size = (size_t)tree->n_leaves,
			   .began = drill->n_judged, .found = ret_found};
	*ret_found = (struct pb_drill_found){0};
	bool *all = pb_arena_alloc(arena, s.size);
	s.steps = pb_arena_array(arena, s.size + 1, sizeof *s.steps);
	s.without = pb_arena_array(arena, s.size, sizeof *s.without);
	int rc = all && s.steps && s.without ? 0 : -PB_E_NOMEM;
	if (rc)
		return rc;
	ret_found->steps = s.steps;
	ret_found->without = s.without;
	memset(all, true, s.size);
	rc = add_step(&s, 0, all, 1.0);
	double reserve = 1.0;
	for (int level = 1; !rc && level <= tree->depth; level++) {
		bool ends = false;
		reserve = level == tree->depth ? 0.0 : reserve / 2;
		s.asked = share + (1.0 - share) * reserve;
		while (!rc && !ends && !ret_found->exhausted)
			rc = go_round(&s, level, &ends);
	}
	if (ret_found->exhausted)
		for (int i = 0; i < tree->n_leaves; i++)
			s.without[i] = NAN;
	pb_arena_finish(&s.round);
	return rc;
}
