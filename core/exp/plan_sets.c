/* plan_sets.c: the cells of a sweep over parameter sets. */
#include <limits.h>
#include <string.h>

#include "base/status.h"
#include "exp/plan.h"

enum { MOST_BYTES = 1 << 28 }; /* of a sweep's sets */

/* Cell i, whose set is still empty. */
static bool *add_set(struct pb_plan *plan, struct pb_plan_sweep *s, size_t i)
{
	bool *set = pb_arena_array(&plan->arena, (size_t)plan->model.table.n_parts, sizeof *set);
	int64_t *index = pb_arena_alloc(&plan->arena, sizeof *index);
	if (!set || !index)
		return NULL;
	*index = (int64_t)i;
	s->cells[i] = (struct pb_plan_cell){.index = index, .set = set};
	return set;
}

static int make_set(struct pb_plan *plan, struct pb_plan_sweep *s, size_t i, const char *expression,
		    const struct pb_yaml_node *at)
{
	bool *set = add_set(plan, s, i);
	int rc = set ? pb_param_select(&plan->model.table, expression, set) : -PB_E_NOMEM;
	if (rc == -PB_E_NOMEM)
		return rc;
	if (rc)
		pb_yaml_error(&plan->config->yaml, at, "%s", pb_error_text());
	return 0;
}

static void take_param(bool *set, const struct pb_param_info *info)
{
	for (int k = 0; k < info->n_parts; k++)
		set[info->first_part + k] = true;
}

/* Each set has a byte for each part of the model: a small file must not ask for all memory there is. */
static bool is_too_much(struct pb_plan *plan, const struct pb_plan_sweep *s, size_t n)
{
	const size_t parts = (size_t)plan->model.table.n_parts;
	if (n <= MOST_BYTES / parts)
		return false;
	pb_yaml_error(&plan->config->yaml, s->config->sets,
		      "%zu sets of %zu parameters and heads are too many: name those in question, `sets: {OV: \"attn.W_O + attn.W_V\"}`", n, parts);
	return true;
}

static int make_named_sets(struct pb_plan *plan, struct pb_plan_sweep *s, const struct pb_yaml_node *map)
{
	const char **labels;
	if (is_too_much(plan, s, map->count))
		return 0;
	int rc = pb_plan_single_axis(plan, s, "set", map->count, &labels);
	for (size_t i = 0; !rc && i < map->count; i++) {
		labels[i] = map->keys[i]->text;
		if (map->items[i]->kind == PB_YAML_SCALAR && !pb_yaml_is_null(map->items[i]))
			rc = make_set(plan, s, i, map->items[i]->text, map->items[i]);
		else
			pb_yaml_error(&plan->config->yaml, map->items[i],
				      "the set `%s` is %s; it must be a text such as \"blocks.0.attn - W_Q\"",
				      labels[i], pb_yaml_kind_name(map->items[i]));
	}
	return rc;
}

static int make_each_param(struct pb_plan *plan, struct pb_plan_sweep *s)
{
	const struct pb_param_table *table = &plan->model.table;
	const char **labels;
	if (is_too_much(plan, s, (size_t)table->n))
		return 0;
	int rc = pb_plan_single_axis(plan, s, "param", (size_t)table->n, &labels);
	for (int i = 0; !rc && i < table->n; i++) {
		bool *set = add_set(plan, s, (size_t)i);
		labels[i] = table->items[i].name;
		rc = set ? 0 : -PB_E_NOMEM;
		if (set)
			take_param(set, &table->items[i]);
	}
	return rc;
}

enum { EMBEDDINGS = -1, REST = INT_MAX };

static int block_of(const struct pb_param_info *info)
{
	if (info->layer >= 0)
		return info->layer;
	return !strncmp(info->name, "embed.", 6) || !strncmp(info->name, "pos_embed.", 10) ? EMBEDDINGS : REST;
}

/* embeddings, then each block (or all up to it), then the rest (or all) */
static int make_blocks(struct pb_plan *plan, struct pb_plan_sweep *s, bool cumulative)
{
	const struct pb_param_table *table = &plan->model.table;
	const int layers = plan->model.sites.n_layers;
	const char **labels;
	if (is_too_much(plan, s, (size_t)layers + 2))
		return 0;
	int rc = pb_plan_single_axis(plan, s, "set", (size_t)layers + 2, &labels);
	for (int i = 0; !rc && i < layers + 2; i++) {
		const int block = i <= layers ? i - 1 : REST; /* the first is EMBEDDINGS */
		bool *set = add_set(plan, s, (size_t)i);
		labels[i] = i == 0	  ? "embed"
			    : i <= layers ? pb_arena_printf(&plan->arena, cumulative ? "embed..block%d" : "block%d", block)
					  : (cumulative ? "all" : "unembed");
		rc = set && labels[i] ? 0 : -PB_E_NOMEM;
		for (int k = 0; set && k < table->n; k++) {
			const int its = block_of(&table->items[k]);
			if (its == block || (cumulative && its < block))
				take_param(set, &table->items[k]);
		}
	}
	return rc;
}

int pb_plan_make_sets(struct pb_plan *plan, struct pb_plan_sweep *sweep)
{
	const struct pb_yaml_node *sets = sweep->config->sets;
	if (sets && sets->kind == PB_YAML_MAP && sets->count)
		return make_named_sets(plan, sweep, sets);
	if (sets && sets->kind == PB_YAML_SCALAR && !strcmp(sets->text, "each"))
		return make_each_param(plan, sweep);
	if (sets && sets->kind == PB_YAML_SCALAR &&
	    (!strcmp(sets->text, "blocks") || !strcmp(sets->text, "cumulative")))
		return make_blocks(plan, sweep, *sets->text == 'c');
	pb_yaml_error(&plan->config->yaml, sets,
		      "`sets` is %s; it must be a mapping such as {OV: \"attn.W_O + attn.W_V\"}, or one of each, "
		      "blocks, cumulative",
		      sets && sets->kind == PB_YAML_MAP ? "empty" : pb_yaml_kind_name(sets));
	return 0;
}
