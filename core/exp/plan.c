/* plan.c: resolves an experiment, part by part, and describes what came out. */
#include "exp/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "exp/plan_axes.h"

int pb_plan_blame(struct pb_plan *plan, const struct pb_yaml_node *at, size_t n_before, int rc)
{
	struct pb_yaml *yaml = &plan->config->yaml;
	bool of_file = rc == -PB_E_PLUGIN || rc == -PB_E_IO || pb_status_exit_code(rc) == 2;
	if (!rc || !of_file)
		return rc;
	if (yaml->n_errors == n_before)
		pb_yaml_error(yaml, at, "%s", pb_error_text());
	return 0;
}

const char *pb_plan_list(struct pb_plan *plan, const char *const *names, size_t n)
{
	enum { SHOWN = 40 };
	struct pb_text text = {0};
	for (size_t i = 0; i < n && i < SHOWN; i++)
		pb_text_add(&text, i ? ", %s" : "%s", names[i]);
	if (n > SHOWN)
		pb_text_add(&text, ", ... (%zu in all)", n);
	const char *list = text.failed ? NULL : pb_arena_strdup(&plan->arena, text.data ? text.data : "");
	pb_text_finish(&text);
	return list;
}

int pb_plan_scorer(struct pb_plan *plan, const struct pb_yaml_node *node, const char *fallback,
		   struct pb_scorer **ret_scorer)
{
	static const char *const skip[] = {"plugin", NULL};
	struct pb_instance *instance;
	*ret_scorer = NULL;
	int rc = pb_plan_instance(plan, PB_KIND_METRIC, node, fallback, skip, &instance);
	if (rc || !instance)
		return rc;
	bool full = plan->n_scorers == sizeof plan->scorers / sizeof *plan->scorers;
	struct pb_scorer *scorer = full ? NULL : calloc(1, sizeof *scorer);
	if (!scorer) {
		pb_instance_destroy(instance);
		if (!full)
			return pb_fail_nomem(sizeof *scorer, "a metric");
		pb_yaml_error(&plan->config->yaml, node, "an experiment may name at most %zu metrics", plan->n_scorers);
		return 0;
	}
	rc = pb_scorer_init(scorer, instance, plan->device);
	plan->scorers[plan->n_scorers++] = scorer;
	*ret_scorer = scorer;
	return rc;
}

void pb_plan_check_loss(struct pb_plan *plan, const struct pb_scorer *loss, const struct pb_yaml_node *at)
{
	if (!pb_scorer_has_gradient(loss))
		pb_yaml_error(
			&plan->config->yaml, at,
			"metric `%s` has no gradient and cannot be the loss; cross_entropy can (`patchbay plugin info` "
			"tells of each)",
			pb_scorer_name(loss));
	else if (loss->ops->flags & PB_METRIC_NEEDS_REFERENCE)
		pb_yaml_error(
			&plan->config->yaml, at,
			"metric `%s` compares with the logits before a patch, and a loss has none; choose another",
			pb_scorer_name(loss));
}

static void fail_split(struct pb_plan *plan, const char *name, const struct pb_yaml_node *at)
{
	int64_t n = pb_dataset_n_splits(plan->data);
	const char **names = pb_arena_array(&plan->arena, (size_t)n + 1, sizeof *names);
	size_t n_names = 0;
	for (int64_t i = 0; names && i < n; i++) {
		struct pb_split split;
		if (!pb_data_split(plan, i, &split))
			names[n_names++] = split.name;
	}
	const char *nearest = names ? pb_nearest(name, names, n_names) : NULL;
	const char *list = names && !nearest ? pb_plan_list(plan, names, n_names) : NULL;
	pb_yaml_error(&plan->config->yaml, at, "the data (%s) have no split `%s`%s%s%s", pb_plan_data_name(plan), name,
		      nearest ? "; did you mean `" : "\nthere are: ",
		      nearest ? nearest
		      : list  ? list
			      : "none",
		      nearest ? "`?" : "");
}

int64_t pb_plan_split(struct pb_plan *plan, const char *name, const struct pb_yaml_node *at)
{
	struct pb_split split;
	int64_t found = pb_data_find_split(plan, name);
	if (found < 0)
		fail_split(plan, name, at);
	else if (!pb_data_split(plan, found, &split) && !split.n_examples)
		pb_yaml_error(&plan->config->yaml, at, "split `%s` of the data (%s) is empty", name,
			      pb_plan_data_name(plan));
	return found;
}

static int make_data(struct pb_plan *plan)
{
	static const char *const skip[] = {"plugin", NULL};
	return plan->config->data ? pb_plan_instance(plan, PB_KIND_DATASET, plan->config->data, NULL, skip, &plan->data)
				  : 0;
}

static int make_metrics(struct pb_plan *plan)
{
	const struct pb_config *c = plan->config;
	int rc = pb_plan_scorer(plan, c->loss, "cross_entropy", &plan->loss);
	if (!rc)
		rc = pb_plan_scorer(plan, c->metric, "correct_logit", &plan->metric);
	if (!rc && plan->loss)
		pb_plan_check_loss(plan, plan->loss, c->loss);
	return rc;
}

/* Of a file with mistakes, what can still be judged: the plugins of its sweeps, their parameters, and the names of axes. */
static int try_setters(struct pb_plan *plan)
{
	static const char *const skip[] = {"plugin", NULL};
	int rc = 0;
	for (size_t i = 0; !rc && i < plan->config->n_sweeps; i++) {
		struct pb_instance *setter = NULL;
		struct pb_plan_asked asked;
		pb_plan_ask_axes(&plan->config->yaml, &plan->config->sweeps[i], &asked);
		if (plan->config->sweeps[i].setter)
			rc = pb_plan_instance(plan, PB_KIND_SETTER, plan->config->sweeps[i].setter, NULL, skip,
					      &setter);
		pb_instance_destroy(setter);
	}
	return rc;
}

static bool patches_activations(const struct pb_plan *plan)
{
	bool patches = false;
	for (size_t i = 0; i < plan->config->n_sweeps; i++)
		patches |= plan->config->sweeps[i].kind != PB_SWEEP_PARAMS;
	return patches;
}

/* One more unit that is probed or may be selected, against the first, for which the sweeps were made. */
static int check_unit(struct pb_plan *plan, int64_t number, int32_t n_pos, const char *first, bool *ret_good)
{
	struct pb_unit unit;
	struct pb_probe_data probe;
	int rc = pb_data_unit(plan, number, &unit);
	if (!rc)
		rc = pb_data_probe(plan, number, &probe);
	if (rc)
		return rc;
	const char *name = pb_arena_printf(&plan->arena, "unit `%s`", unit.name);
	if (!name)
		return -PB_E_NOMEM;
	*ret_good = probe.clean.n_pos == n_pos || !patches_activations(plan);
	if (*ret_good)
		*ret_good = pb_plan_check_probe(plan, &probe, name);
	else
		pb_yaml_error(&plan->config->yaml,
			      plan->n_units ? pb_yaml_get(plan->config->probe.node, "units")
					    : plan->config->probe.select.node,
			      "unit `%s` has %d tokens, %s %d: units of different lengths cannot share sweeps over "
			      "positions; %s",
			      first, n_pos, name, probe.clean.n_pos,
			      plan->n_units ? "leave one of them out" : "name the unit in `probe.unit`");
	return 0;
}

/* The sweeps must fit every unit that is probed, and whichever may be selected. */
static int check_units(struct pb_plan *plan, const int64_t *units, size_t n, int32_t n_pos)
{
	struct pb_unit first;
	bool good = true;
	int rc = n ? pb_data_unit(plan, units[0], &first) : 0;
	for (size_t i = 1; !rc && good && i < n; i++)
		rc = check_unit(plan, units[i], n_pos, first.name, &good);
	return rc;
}

/* The unit whose examples tell the sweeps' shapes: the probe's, or any where that is not known. */
static int make_sweeps(struct pb_plan *plan)
{
	struct pb_probe_data probe;
	int64_t unit = plan->unit >= 0 ? plan->unit : plan->n_candidates ? plan->candidates[0] : 0;
	size_t before = plan->config->yaml.n_errors;
	if (!plan->has_probe || !pb_dataset_n_units(plan->data))
		return 0;
	int rc = pb_data_probe(plan, unit, &probe);
	int32_t n_pos = rc ? 0 : probe.clean.n_pos;
	if (!rc)
		rc = pb_plan_make_sweeps(plan, &probe);
	if (!rc)
		pb_plan_check_probe(plan, &probe, NULL);
	if (rc || plan->config->yaml.n_errors != before)
		return rc;
	return plan->n_units ? check_units(plan, plan->units, plan->n_units, n_pos)
			     : check_units(plan, plan->candidates, plan->n_candidates, n_pos);
}

/* Each part that can be judged is, whatever is wrong with the others. */
static int make_parts(struct pb_plan *plan, bool readable)
{
	int rc = make_data(plan);
	if (!rc)
		rc = make_metrics(plan);
	if (!rc && readable && plan->data)
		rc = pb_plan_make_model(plan);
	if (!rc && readable && plan->data)
		rc = pb_plan_make_stages(plan);
	if (!rc && readable && plan->data)
		rc = pb_plan_make_probe(plan);
	if (!rc && plan->has_probe)
		rc = pb_plan_make_similarity(plan);
	if (!rc)
		rc = plan->data && plan->has_model ? make_sweeps(plan) : try_setters(plan);
	return rc;
}

int pb_plan_make(struct pb_config *config, struct pb_device *device, struct pb_plan *ret_plan)
{
	struct pb_plan *plan = ret_plan;
	*plan = (struct pb_plan){.config = config, .device = device, .unit = -1};
	int rc = pb_registry_create(&plan->registry);
	if (!rc)
		rc = make_parts(plan, !config->yaml.n_errors);
	if (rc != -PB_E_NOMEM && config->yaml.n_errors)
		rc = pb_yaml_status(&config->yaml);
	if (rc)
		pb_plan_finish(plan);
	return rc;
}

int pb_plan_make_model_only(struct pb_config *config, struct pb_device *device, struct pb_plan *ret_plan)
{
	struct pb_plan *plan = ret_plan;
	*plan = (struct pb_plan){.config = config, .device = device, .unit = -1};
	int rc = pb_registry_create(&plan->registry);
	if (!rc)
		rc = make_data(plan);
	if (!rc && plan->data)
		rc = pb_plan_make_model(plan);
	if (rc != -PB_E_NOMEM && !plan->has_model)
		rc = pb_yaml_status(&config->yaml);
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
	pb_model_finish(&plan->model);
	pb_registry_destroy(plan->registry);
	pb_arena_finish(&plan->arena);
	if (plan->host.context)
		pb_device_close(&plan->host);
	*plan = (struct pb_plan){0};
}

static void describe_sweeps(const struct pb_plan *plan, struct pb_text *out)
{
	size_t cells = 0, weights = plan->config->probe.model.count;
	for (size_t i = 0; i < plan->n_sweeps; i++)
		cells += plan->sweeps[i].n_cells;
	pb_text_add(out, "sweeps: %zu, %zu cells", plan->n_sweeps, cells);
	if (plan->n_units > 1)
		pb_text_add(out, " x %zu units", plan->n_units);
	if (weights > 1)
		pb_text_add(out, " x %zu sets of weights", weights);
	if (plan->n_units > 1 || weights > 1)
		pb_text_add(out, " = %zu", cells * (plan->n_units > 1 ? plan->n_units : 1) * (weights > 1 ? weights : 1));
	pb_text_add(out, "\n");
	for (size_t i = 0; i < plan->n_sweeps; i++) {
		const struct pb_plan_sweep *s = &plan->sweeps[i];
		pb_text_add(out, "  %s: %s", s->config->name, pb_sweep_kind_names[s->config->kind]);
		for (size_t k = 0; k < s->n_axes; k++)
			pb_text_add(out, "%s%s %lld", k ? " x " : ", ", s->axes[k].name, (long long)s->axes[k].n);
		pb_text_add(out, ", %zu cell%s\n", s->n_cells, s->n_cells == 1 ? "" : "s");
	}
}

static void describe_drill(const struct pb_plan *plan, struct pb_text *out)
{
	const struct pb_config_drilldown *c = &plan->config->drilldown;
	pb_text_add(out, "drill-down: to %s, for ", pb_drill_end_names[c->ends_at]);
	for (size_t i = 0; i < c->share.count; i++)
		pb_text_add(out, "%s%g", i ? ", " : "", c->share.items[i]);
	pb_text_add(out, " of the score, at most %lld cells\n", (long long)c->max_cells);
}

static void describe_units(const struct pb_plan *plan, struct pb_text *out)
{
	enum { SHOWN = 10 };
	struct pb_unit unit;
	pb_text_add(out, "probe: %zu units (", plan->n_units);
	for (size_t i = 0; i < plan->n_units && i < SHOWN; i++)
		if (!pb_data_unit(plan, plan->units[i], &unit))
			pb_text_add(out, "%s%s", i ? ", " : "", unit.name);
	pb_text_add(out, plan->n_units > SHOWN ? ", ...)\n" : ")\n");
}

bool pb_plan_asks(const struct pb_plan *plan)
{
	return plan->n_stages || plan->has_probe;
}

void pb_plan_describe(const struct pb_plan *plan, struct pb_text *out)
{
	const struct pb_model_config *m = &plan->model.config;
	int64_t count = 0;
	for (int i = 0; i < plan->model.table.n; i++)
		count += plan->model.table.items[i].count;
	pb_text_add(out, "data: %s, %lld splits, %lld units\n", plan->data->loaded->plugin->name,
		    (long long)pb_dataset_n_splits(plan->data),
		    (long long)pb_dataset_n_units(plan->data));
	pb_text_add(out, "model: %lld layer%s, d_model %lld, %lld heads of %lld, d_mlp %lld, %s, %s; %lld parameters\n",
		    (long long)m->n_layers, m->n_layers == 1 ? "" : "s", (long long)m->d_model, (long long)m->n_heads,
		    (long long)m->d_head, (long long)m->d_mlp, pb_act_names[m->act_fn],
		    pb_normalization_names[m->normalization], (long long)count);
	const struct pb_int_list *seeds = &plan->config->seeds;
	for (size_t i = 0; i < seeds->count; i++)
		pb_text_add(out, "%s%lld", i ? ", " : "seeds: ", (long long)seeds->items[i]);
	if (seeds->count)
		pb_text_add(out, "; all of what follows with each\n");
	for (size_t i = 0; i < plan->n_stages; i++)
		pb_text_add(out, "train: %s on %s\n", plan->stages[i].config->name, plan->stages[i].config->split);
	struct pb_unit unit;
	if (plan->n_units > 1)
		describe_units(plan, out);
	else if (plan->has_probe && plan->unit >= 0 && !pb_data_unit(plan, plan->unit, &unit))
		pb_text_add(out, "probe: unit %s\n", unit.name);
	else if (plan->has_probe)
		pb_text_add(out, "probe: the unit with the largest improvement among %zu\n", plan->n_candidates);
	if (!pb_plan_asks(plan))
		pb_text_add(out, "nothing to run: neither `train` nor `sweeps`\n");
	else if (plan->n_sweeps || !plan->drill)
		describe_sweeps(plan, out);
	if (plan->drill)
		describe_drill(plan, out);
}
