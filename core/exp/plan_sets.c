/* plan_sets.c: the cells of a sweep over parameter sets. */
#include <string.h>

#include "base/status.h"
#include "exp/plan.h"

/* One set: a name and an expression. */
static int make_set(struct pb_plan *plan, struct pb_plan_sweep *s, size_t i, const char *expression,
		    const struct pb_yaml_node *at)
{
	bool *set = pb_arena_array(&plan->arena, (size_t)plan->model.table.n_parts, sizeof *set);
	int64_t *index = pb_arena_alloc(&plan->arena, sizeof *index);
	if (!set || !index)
		return -PB_E_NOMEM;
	*index = (int64_t)i;
	s->cells[i] = (struct pb_plan_cell){.index = index, .set = set};
	int rc = pb_param_select(&plan->model.table, expression, set);
	if (rc == -PB_E_NOMEM)
		return rc;
	if (rc)
		pb_yaml_error(&plan->config->yaml, at, "%s", pb_error_text());
	return 0;
}

static int make_named_sets(struct pb_plan *plan, struct pb_plan_sweep *s, const struct pb_yaml_node *map)
{
	const char **labels;
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
	const char **labels;
	int rc = pb_plan_single_axis(plan, s, "param", (size_t)plan->model.table.n, &labels);
	for (int i = 0; !rc && i < plan->model.table.n; i++) {
		labels[i] = plan->model.table.items[i].name;
		rc = make_set(plan, s, (size_t)i, labels[i], s->config->sets);
	}
	return rc;
}

/* embeddings, then each block (or all up to it), then the rest */
static int make_blocks(struct pb_plan *plan, struct pb_plan_sweep *s, bool cumulative)
{
	const char **labels;
	int layers = plan->model.sites.n_layers;
	int rc = pb_plan_single_axis(plan, s, "set", (size_t)layers + 2, &labels);
	for (int i = 0; !rc && i < layers + 2; i++) {
		const char *expression;
		struct pb_arena *a = &plan->arena;
		if (i == 0) {
			labels[i] = "embed";
			expression = "embed + pos_embed";
		} else if (i <= layers) {
			labels[i] = pb_arena_printf(a, cumulative ? "embed..block%d" : "block%d", i - 1);
			expression = pb_arena_printf(
				a, cumulative ? "embed + pos_embed + blocks.<=%d.*" : "blocks.%d.*", i - 1);
		} else {
			labels[i] = cumulative ? "all" : "unembed";
			expression = cumulative ? "*" : "!(embed + pos_embed + blocks.*)";
		}
		rc = labels[i] && expression ? make_set(plan, s, (size_t)i, expression, s->config->sets) : -PB_E_NOMEM;
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
