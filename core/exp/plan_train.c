/* plan_train.c: training stages and the selection of a unit: splits, metrics, names of weights. */
#include <string.h>

#include "base/status.h"
#include "exp/plan.h"

/* Can the metric measure the split's rows? */
static int check_rows(struct pb_plan *plan, const struct pb_scorer *scorer, int64_t split,
		      const struct pb_yaml_node *at)
{
	uint32_t flags = scorer->ops->flags;
	struct pb_examples x;
	int rc = 0;
	if (flags & PB_METRIC_NEEDS_REFERENCE)
		pb_yaml_error(&plan->config->yaml, at,
			      "metric `%s` compares with the logits before a patch, and in training there is none; "
			      "choose another",
			      pb_scorer_name(scorer));
	else if (split >= 0 && flags & PB_METRIC_NEEDS_DISTRACTOR && !(rc = pb_data_examples(plan, split, 0, &x)) &&
		 pb_scorer_check(scorer, &x, "split's rows") < 0)
		pb_yaml_error(&plan->config->yaml, at, "%s", pb_error_text());
	return rc;
}

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
		int rc = pb_plan_scorer(plan, map->keys[i], NULL, &scorer);
		if (rc)
			return rc;
		size_t n = splits->kind == PB_YAML_LIST ? splits->count : 1;
		for (size_t k = 0; scorer && k < n; k++) {
			const struct pb_yaml_node *at = splits->kind == PB_YAML_LIST ? splits->items[k] : splits;
			if (at->kind != PB_YAML_SCALAR) {
				pb_yaml_error(&plan->config->yaml, at, "a split's name is wanted here; this is %s",
					      pb_yaml_kind_name(at));
				continue;
			}
			int64_t split = pb_plan_split(plan, at->text, at);
			const char *label = pb_arena_printf(&plan->arena, "%s %s", map->keys[i]->text, at->text);
			rc = label ? check_rows(plan, scorer, split, at) : -PB_E_NOMEM;
			if (rc)
				return rc;
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
		pb_yaml_error(yaml, pb_yaml_get(c->node, "optimizer"),
			      "the first stage has no optimizer to continue; write e.g. `optimizer: {lr: 1.0e-3}`");
	stage->loss = plan->loss;
	int rc = c->loss ? pb_plan_scorer(plan, c->loss, NULL, &stage->loss) : 0;
	if (!rc && c->loss && stage->loss)
		pb_plan_check_loss(plan, stage->loss, c->loss);
	if (!rc && stage->loss && !(stage->loss->ops->flags & PB_METRIC_NEEDS_REFERENCE))
		rc = check_rows(plan, stage->loss, stage->split, c->loss ? c->loss : plan->config->loss);
	if (!rc)
		rc = make_evaluations(plan, stage);
	if (rc || !c->stop)
		return rc;
	stage->stop_split = pb_plan_split(plan, c->stop_split, pb_yaml_get(c->stop, "split"));
	rc = pb_plan_scorer(plan, c->stop_metric, "cross_entropy", &stage->stop);
	return rc || !stage->stop ? rc : check_rows(plan, stage->stop, stage->stop_split, c->stop);
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

int pb_plan_check_weights_name(struct pb_plan *plan, const char *name, const struct pb_yaml_node *at)
{
	const struct pb_config *c = plan->config;
	size_t n = 0, most = 1 + c->n_stages + (c->checkpoints ? c->checkpoints->count : 0);
	const char **names = pb_arena_array(&plan->arena, most, sizeof *names);
	if (!names)
		return -PB_E_NOMEM;
	names[n++] = c->model.load ? "loaded" : "init";
	for (size_t i = 0; i < c->n_stages; i++)
		if (c->stages[i].save)
			names[n++] = c->stages[i].save;
	for (size_t i = 0; c->checkpoints && i < c->checkpoints->count; i++)
		names[n++] = c->checkpoints->keys[i]->text;
	for (size_t i = 0; i < n; i++)
		if (!name || !strcmp(name, names[i]))
			return 0;
	const char *nearest = pb_nearest(name, names, n), *list = pb_plan_list(plan, names, n);
	if (!list)
		return -PB_E_NOMEM;
	pb_yaml_error(&plan->config->yaml, at,
		      "no weights are called `%s`%s%s%s\nthere are: %s; others come from `save` of a stage, or from "
		      "`checkpoints`",
		      name, nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "", list);
	return 0;
}

static bool in_sets(const struct pb_string_list *sets, const char *set)
{
	for (size_t i = 0; i < sets->count; i++)
		if (set && !strcmp(sets->items[i], set))
			return true;
	return !sets->count;
}

/* Item `i` of `select.sets` names no set of the data, or the data have no units. */
static int no_candidates(struct pb_plan *plan, size_t i)
{
	const struct pb_config_select *select = &plan->config->probe.select;
	int64_t n = pb_dataset_n_units(plan->data);
	const char **sets = pb_arena_array(&plan->arena, (size_t)n + 1, sizeof *sets);
	size_t n_sets = 0;
	if (!sets)
		return -PB_E_NOMEM;
	for (int64_t k = 0; k < n; k++) {
		struct pb_unit unit;
		int rc = pb_data_unit(plan, k, &unit);
		if (rc)
			return rc;
		bool seen = !unit.set;
		for (size_t j = 0; j < n_sets && !seen; j++)
			seen = !strcmp(sets[j], unit.set);
		if (!seen)
			sets[n_sets++] = unit.set;
	}
	const struct pb_yaml_node *list = pb_yaml_get(select->node, "sets"), *at = list ? list : select->node;
	const char *all = pb_plan_list(plan, sets, n_sets);
	if (!all)
		return -PB_E_NOMEM;
	if (!n || !select->sets.count)
		pb_yaml_error(&plan->config->yaml, at, "the data (%s) have no units to select from",
			      pb_plan_data_name(plan));
	else
		pb_yaml_error(&plan->config->yaml, at->kind == PB_YAML_LIST ? at->items[i] : at,
			      "no unit of the data is in a set `%s`\n%s%s", select->sets.items[i],
			      n_sets ? "there are: " : "this dataset has no sets: remove `sets`", all);
	return 0;
}

/* Can candidate `i` be compared by its questions? The first is told without its name: what it lacks, all do as a rule.
 */
static int check_questions(struct pb_plan *plan, size_t i, bool *ret_good)
{
	const struct pb_config_select *select = &plan->config->probe.select;
	const struct pb_yaml_node *at = select->metric ? select->metric : select->node;
	size_t before = plan->config->yaml.n_errors;
	struct pb_probe_data probe;
	struct pb_unit unit;
	int rc = pb_data_unit(plan, plan->candidates[i], &unit);
	if (!rc)
		rc = pb_data_probe(plan, plan->candidates[i], &probe);
	if (rc)
		return rc;
	const char *of = i ? pb_arena_printf(&plan->arena, "questions of unit `%s`", unit.name) : "questions";
	if (!of)
		return -PB_E_NOMEM;
	if (!probe.questions.n_scored)
		pb_yaml_error(&plan->config->yaml, select->node,
			      "the data (%s) have no %s to compare units by; name one: `probe: {unit: NAME}`",
			      pb_plan_data_name(plan), of);
	else if (pb_scorer_check(plan->select_metric, &probe.questions, of) < 0)
		pb_yaml_error(&plan->config->yaml, at, "%s", pb_error_text());
	*ret_good = plan->config->yaml.n_errors == before;
	return 0;
}

int pb_plan_make_selection(struct pb_plan *plan)
{
	const struct pb_config_select *select = &plan->config->probe.select;
	int64_t n = pb_dataset_n_units(plan->data);
	int rc = pb_plan_check_weights_name(plan, select->before, pb_yaml_get(select->node, "before"));
	if (!rc)
		rc = pb_plan_check_weights_name(plan, select->after, pb_yaml_get(select->node, "after"));
	if (rc)
		return rc;
	plan->candidates = pb_arena_array(&plan->arena, (size_t)n, sizeof *plan->candidates);
	if (!plan->candidates)
		return -PB_E_NOMEM;
	/* In the order of `sets`, so that the first of equals is the first set's. */
	for (size_t s = 0; s < (select->sets.count ? select->sets.count : 1); s++) {
		struct pb_string_list one = {select->sets.items + s, select->sets.count ? 1 : 0};
		size_t before = plan->n_candidates;
		for (int64_t i = 0; i < n; i++) {
			struct pb_unit unit;
			rc = pb_data_unit(plan, i, &unit);
			if (rc)
				return rc;
			if (in_sets(&one, unit.set))
				plan->candidates[plan->n_candidates++] = i;
		}
		if (plan->n_candidates == before && (rc = no_candidates(plan, s)))
			return rc;
	}
	rc = pb_plan_scorer(plan, select->metric, "accuracy", &plan->select_metric);
	bool good = plan->select_metric;
	if (good && plan->select_metric->ops->flags & PB_METRIC_NEEDS_REFERENCE) {
		pb_yaml_error(
			&plan->config->yaml, select->metric,
			"metric `%s` compares with the logits before a patch, and a selection has none; choose another",
			pb_scorer_name(plan->select_metric));
		good = false;
	}
	for (size_t i = 0; !rc && good && i < plan->n_candidates; i++)
		rc = check_questions(plan, i, &good);
	return rc;
}
