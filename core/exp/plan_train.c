/* plan_train.c: training stages, the probe and its selection: splits, metrics, names of weights. */
#include <string.h>

#include "base/status.h"
#include "exp/plan.h"

static int make_evaluations(struct pb_plan *plan, struct pb_plan_stage *stage)
{
	const struct pb_yaml_node *map = stage->config->evaluate;
	size_t most = 0;
	for (size_t i = 0; map && i < map->count; i++)
		most += map->items[i]->kind == PB_YAML_LIST ? map->items[i]->count : 1;
	stage->evaluations = pb_arena_array(&plan->arena, most, sizeof *stage->evaluations);
	if (!stage->evaluations)
		return -PB_E_NOMEM;
	for (size_t i = 0; map && i < map->count; i++) {
		struct pb_scorer *scorer;
		struct pb_yaml_node *splits = map->items[i];
		int rc = pb_plan_scorer(plan, map->keys[i], NULL, NULL, &scorer);
		if (rc)
			return rc;
		size_t n = splits->kind == PB_YAML_LIST ? splits->count : 1;
		for (size_t k = 0; scorer && k < n; k++) {
			const struct pb_yaml_node *at = splits->kind == PB_YAML_LIST ? splits->items[k] : splits;
			if (at->kind != PB_YAML_SCALAR) {
				pb_yaml_error(&plan->config->yaml, at, "expected a split's name; this is %s",
					      pb_yaml_kind_name(at));
				continue;
			}
			int64_t split = pb_plan_split(plan, at->text, at);
			const char *label =
				pb_arena_printf(&plan->arena, "%s %s", map->keys[i]->text, at->text);
			if (!label)
				return -PB_E_NOMEM;
			stage->evaluations[stage->n_evaluations++] = (struct pb_plan_evaluation){label, scorer, split};
		}
	}
	return 0;
}

static int make_stage(struct pb_plan *plan, size_t i)
{
	struct pb_plan_stage *stage = &plan->stages[i];
	const struct pb_config_stage *c = stage->config = &plan->config->stages[i];
	struct pb_yaml *yaml = &plan->config->yaml;
	stage->split = pb_plan_split(plan, c->split, pb_yaml_get(c->node, "split"));
	stage->optim = pb_config_optim(&c->optimizer);
	if (c->continues && !i)
		pb_yaml_error(yaml, pb_yaml_get(c->node, "optimizer"), "the first stage has no optimizer to continue");
	stage->loss = plan->loss;
	int rc = c->loss ? pb_plan_scorer(plan, c->loss, NULL, NULL, &stage->loss) : 0;
	if (!rc && stage->loss && !pb_scorer_has_gradient(stage->loss))
		pb_yaml_error(yaml, c->loss, "metric `%s` has no gradient and cannot be the loss",
			      pb_scorer_name(stage->loss));
	if (!rc)
		rc = make_evaluations(plan, stage);
	if (rc || !c->stop)
		return rc;
	stage->stop_split = pb_plan_split(plan, c->stop_split, pb_yaml_get(c->stop, "split"));
	return pb_plan_scorer(plan, c->stop_metric, "cross_entropy", NULL, &stage->stop);
}

int pb_plan_make_stages(struct pb_plan *plan)
{
	plan->n_stages = plan->config->n_stages;
	plan->stages = pb_arena_array(&plan->arena, plan->n_stages, sizeof *plan->stages);
	int rc = plan->stages ? 0 : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < plan->n_stages; i++)
		rc = make_stage(plan, i);
	return rc;
}

static void check_weights_name(struct pb_plan *plan, const char *name, const struct pb_yaml_node *at)
{
	const struct pb_config *c = plan->config;
	const char *names[128];
	size_t n = 0;
	names[n++] = plan->has_loaded ? "loaded" : "init";
	for (size_t i = 0; i < c->n_stages && n < 100; i++)
		if (c->stages[i].save)
			names[n++] = c->stages[i].save;
	for (size_t i = 0; c->checkpoints && i < c->checkpoints->count && n < 128; i++)
		names[n++] = c->checkpoints->keys[i]->text;
	for (size_t i = 0; i < n; i++)
		if (!name || !strcmp(name, names[i]))
			return;
	const char *nearest = pb_nearest(name, names, n);
	pb_yaml_error(&plan->config->yaml, at, "no weights are called `%s`%s%s%s", name,
		      nearest ? "; did you mean `" : " (they come from `save` of a stage, or from `checkpoints`)",
		      nearest ? nearest : "", nearest ? "`?" : "");
}

/* A unit by name; the nearest name in the message. */
static int find_unit(struct pb_plan *plan, const char *name, const struct pb_yaml_node *at, int64_t *ret_unit)
{
	int64_t n = pb_dataset_ops(plan->data)->n_units(plan->data->self);
	const char **names = pb_arena_array(&plan->arena, (size_t)n + 1, sizeof *names);
	if (!names)
		return -PB_E_NOMEM;
	for (int64_t i = 0; i < n; i++) {
		struct pb_unit unit;
		int rc = pb_data_unit(plan, i, &unit);
		if (rc)
			return rc;
		names[i] = unit.name;
		if (!strcmp(unit.name, name)) {
			*ret_unit = i;
			return 0;
		}
	}
	if (n)
		pb_yaml_error(&plan->config->yaml, at, "the data have no unit `%s`; they have %lld, from `%s` to `%s`",
			      name, (long long)n, names[0], names[n - 1]);
	else
		pb_yaml_error(&plan->config->yaml, at, "the data have no units to probe");
	return 0;
}

static bool in_sets(const struct pb_string_list *sets, const char *set)
{
	for (size_t i = 0; i < sets->count; i++)
		if (set && !strcmp(sets->items[i], set))
			return true;
	return !sets->count;
}

static int make_selection(struct pb_plan *plan)
{
	const struct pb_config_select *select = &plan->config->probe.select;
	int64_t n = pb_dataset_ops(plan->data)->n_units(plan->data->self);
	check_weights_name(plan, select->before, pb_yaml_get(select->node, "before"));
	check_weights_name(plan, select->after, pb_yaml_get(select->node, "after"));
	plan->candidates = pb_arena_array(&plan->arena, (size_t)n, sizeof *plan->candidates);
	if (!plan->candidates)
		return -PB_E_NOMEM;
	/* In the order of `sets`, so that the first of equals is the first set's. */
	for (size_t s = 0; s < (select->sets.count ? select->sets.count : 1); s++) {
		struct pb_string_list one = {select->sets.items + s, select->sets.count ? 1 : 0};
		size_t before = plan->n_candidates;
		for (int64_t i = 0; i < n; i++) {
			struct pb_unit unit;
			int rc = pb_data_unit(plan, i, &unit);
			if (rc)
				return rc;
			if (in_sets(&one, unit.set))
				plan->candidates[plan->n_candidates++] = i;
		}
		if (plan->n_candidates == before)
			pb_yaml_error(&plan->config->yaml, pb_yaml_get(select->node, "sets"),
				      "the data have no units%s%s", one.count ? " in a set " : "",
				      one.count ? one.items[0] : "");
	}
	return pb_plan_scorer(plan, select->metric, "accuracy", NULL, &plan->select_metric);
}

int pb_plan_make_probe(struct pb_plan *plan)
{
	struct pb_config *c = plan->config;
	const struct pb_config_probe *probe = &c->probe;
	int64_t n_units = pb_dataset_ops(plan->data)->n_units(plan->data->self);
	int rc = 0;
	plan->has_probe = probe->node || c->n_sweeps;
	plan->update = pb_config_optim(&c->update);
	if (!plan->has_probe)
		return 0;
	plan->probe_weights = probe->model;
	if (probe->model)
		check_weights_name(plan, probe->model, pb_yaml_get(probe->node, "model"));
	if (probe->select.node)
		rc = make_selection(plan);
	if (!rc && probe->unit)
		rc = find_unit(plan, probe->unit, pb_yaml_get(probe->node, "unit"), &plan->unit);
	else if (!rc && !probe->select.node && n_units == 1)
		plan->unit = 0;
	else if (!rc && !probe->select.node)
		pb_yaml_error(&c->yaml, probe->node, "which unit? Write `probe: {unit: NAME}`, or `select` one; the data have %lld",
			      (long long)n_units);
	return rc;
}
