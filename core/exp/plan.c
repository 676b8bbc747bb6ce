/* plan.c: resolves an experiment, part by part, and describes what came out. */
#include "exp/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"

int pb_plan_instance(struct pb_plan *plan, enum pb_kind kind, const struct pb_yaml_node *node, const char *fallback,
		     const char *const *skip, struct pb_instance **ret_instance)
{
	struct pb_config *c = plan->config;
	const struct pb_loaded *loaded;
	const struct pb_yaml_node *params = node && node->kind == PB_YAML_MAP ? node : NULL;
	const struct pb_yaml_node *name_node = params ? pb_yaml_get(params, "plugin") : node;
	const char *name = name_node ? name_node->text : fallback;
	*ret_instance = NULL;
	int rc = pb_registry_find(plan->registry, kind, name, &c->yaml, name_node, &loaded);
	if (!rc)
		rc = pb_instance_create(loaded, &c->yaml, params, skip, (uint64_t)c->seed, c->base_dir, plan->device,
					ret_instance);
	if (rc == -PB_E_PLUGIN || rc == -PB_E_RANGE || rc == -PB_E_UNSUPPORTED || rc == -PB_E_SHAPE)
		pb_yaml_error(&c->yaml, node, "%s", pb_error_text());
	/* What is wrong in the file, or with a plugin's parameters, is recorded: go on and find the next. */
	return c->yaml.n_errors ? 0 : rc;
}

int pb_plan_scorer(struct pb_plan *plan, const struct pb_yaml_node *node, const char *fallback, const char *const *skip,
		   struct pb_scorer **ret_scorer)
{
	static const char *const plugin_only[] = {"plugin", NULL};
	struct pb_instance *instance;
	*ret_scorer = NULL;
	int rc = pb_plan_instance(plan, PB_KIND_METRIC, node, fallback, skip ? skip : plugin_only, &instance);
	if (rc || !instance)
		return rc;
	struct pb_scorer *scorer = NULL;
	if (plan->n_scorers == sizeof plan->scorers / sizeof *plan->scorers)
		rc = pb_fail(PB_E_CONFIG, "an experiment may name at most %zu metrics", plan->n_scorers);
	else if (!(scorer = calloc(1, sizeof *scorer)))
		rc = pb_fail_nomem(sizeof *scorer, "a metric");
	if (rc) {
		pb_instance_destroy(instance);
		return rc;
	}
	rc = pb_scorer_init(scorer, instance, plan->device);
	plan->scorers[plan->n_scorers++] = scorer;
	*ret_scorer = scorer;
	return rc;
}

int64_t pb_plan_split(struct pb_plan *plan, const char *name, const struct pb_yaml_node *at)
{
	const struct pb_dataset_ops *ops = pb_dataset_ops(plan->data);
	int64_t n = ops->n_splits(plan->data->self), found = name ? pb_data_find_split(plan, name) : -1;
	if (found >= 0 || !name)
		return found;
	const char **names = pb_arena_array(&plan->arena, (size_t)n + 1, sizeof *names);
	struct pb_text all = {0};
	for (int64_t i = 0; names && i < n; i++) {
		struct pb_split split = {.struct_size = sizeof split};
		if (!ops->split(plan->data->self, i, &split)) {
			names[i] = split.name;
			pb_text_add(&all, i ? ", %s" : "%s", split.name);
		}
	}
	const char *nearest = names ? pb_nearest(name, names, (size_t)n) : NULL;
	if (nearest)
		pb_yaml_error(&plan->config->yaml, at, "the data have no split `%s`; did you mean `%s`?", name, nearest);
	else
		pb_yaml_error(&plan->config->yaml, at, "the data have no split `%s`; they have: %s", name,
			      all.data ? all.data : "none");
	pb_text_finish(&all);
	return -1;
}

static int make_data(struct pb_plan *plan)
{
	static const char *const skip[] = {"plugin", NULL};
	return pb_plan_instance(plan, PB_KIND_DATASET, plan->config->data, NULL, skip, &plan->data);
}

static int make_metrics(struct pb_plan *plan)
{
	static const char *const skip[] = {"plugin", "normalise", NULL};
	int rc = pb_plan_scorer(plan, plan->config->loss, "cross_entropy", NULL, &plan->loss);
	if (!rc)
		rc = pb_plan_scorer(plan, plan->config->metric, "correct_logit", skip, &plan->metric);
	if (!rc && plan->loss && !pb_scorer_has_gradient(plan->loss))
		pb_yaml_error(&plan->config->yaml, plan->config->loss,
			      "metric `%s` has no gradient and cannot be the loss", pb_scorer_name(plan->loss));
	return rc;
}

static int make_sweeps(struct pb_plan *plan)
{
	struct pb_probe probe;
	int64_t unit = plan->unit >= 0 ? plan->unit : plan->n_candidates ? plan->candidates[0] : -1;
	if (!plan->has_probe || unit < 0)
		return 0;
	int rc = pb_data_probe(plan, unit, &probe);
	return rc ? rc : pb_plan_make_sweeps(plan, &probe);
}

int pb_plan_make(struct pb_config *config, struct pb_device *device, struct pb_plan *ret_plan)
{
	struct pb_plan *plan = ret_plan;
	struct pb_yaml *yaml = &config->yaml;
	*plan = (struct pb_plan){.config = config, .device = device, .unit = -1};
	int rc = pb_registry_create(&plan->registry);
	if (!rc)
		rc = make_data(plan);
	if (!rc)
		rc = make_metrics(plan);
	/* Without data or metrics the rest cannot be judged. */
	if (!rc && !yaml->n_errors)
		rc = pb_plan_make_model(plan);
	if (!rc && !yaml->n_errors)
		rc = pb_plan_make_stages(plan);
	if (!rc && plan->data && plan->model.table.n)
		rc = pb_plan_make_probe(plan);
	if (!rc && plan->data && plan->model.table.n)
		rc = make_sweeps(plan);
	if (!rc || yaml->n_errors)
		rc = yaml->n_errors ? pb_yaml_status(yaml) : rc;
	if (rc)
		pb_plan_finish(plan);
	return rc;
}

void pb_plan_finish(struct pb_plan *plan)
{
	for (size_t i = 0; i < plan->n_sweeps; i++)
		pb_instance_destroy(plan->sweeps[i].setter);
	for (size_t i = 0; i < plan->n_scorers; i++) {
		pb_scorer_finish(plan->scorers[i]);
		free(plan->scorers[i]);
	}
	pb_instance_destroy(plan->data);
	if (plan->has_loaded)
		pb_ckpt_finish(&plan->loaded);
	pb_model_finish(&plan->model);
	pb_registry_destroy(plan->registry);
	pb_arena_finish(&plan->arena);
	*plan = (struct pb_plan){0};
}

static void describe_sweeps(const struct pb_plan *plan, struct pb_text *out)
{
	size_t cells = 0;
	for (size_t i = 0; i < plan->n_sweeps; i++)
		cells += plan->sweeps[i].n_cells;
	pb_text_add(out, "sweeps: %zu, %zu cells\n", plan->n_sweeps, cells);
	for (size_t i = 0; i < plan->n_sweeps; i++) {
		const struct pb_plan_sweep *s = &plan->sweeps[i];
		pb_text_add(out, "  %s: %s", s->config->name, pb_sweep_kind_names[s->config->kind]);
		for (size_t k = 0; k < s->n_axes; k++)
			pb_text_add(out, "%s%s %lld", k ? " x " : ", ", s->axes[k].name, (long long)s->axes[k].n);
		pb_text_add(out, ", %zu cell%s\n", s->n_cells, s->n_cells == 1 ? "" : "s");
	}
}

void pb_plan_describe(const struct pb_plan *plan, struct pb_text *out)
{
	const struct pb_model_config *m = &plan->model.config;
	int64_t count = 0;
	for (int i = 0; i < plan->model.table.n; i++)
		count += plan->model.table.items[i].count;
	pb_text_add(out, "data: %s, %lld splits, %lld units\n", plan->data->loaded->plugin->name,
		    (long long)pb_dataset_ops(plan->data)->n_splits(plan->data->self),
		    (long long)pb_dataset_ops(plan->data)->n_units(plan->data->self));
	pb_text_add(out, "model: %lld layers, d_model %lld, %lld heads of %lld, d_mlp %lld, %s, %s; %lld parameters\n",
		    (long long)m->n_layers, (long long)m->d_model, (long long)m->n_heads, (long long)m->d_head,
		    (long long)m->d_mlp, pb_act_names[m->act_fn], pb_normalization_names[m->normalization],
		    (long long)count);
	for (size_t i = 0; i < plan->n_stages; i++)
		pb_text_add(out, "train: %s on %s\n", plan->stages[i].config->name, plan->stages[i].config->split);
	if (plan->has_probe && plan->unit >= 0)
		pb_text_add(out, "probe: unit %s\n", plan->config->probe.unit ? plan->config->probe.unit : "(the only one)");
	else if (plan->has_probe)
		pb_text_add(out, "probe: the unit with the largest change among %zu\n", plan->n_candidates);
	describe_sweeps(plan, out);
}
