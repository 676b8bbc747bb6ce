/* resolve.c: from the decoded structs back to YAML, by the tables that decoded them. */
#include "exp/resolve.h"

#include <math.h>
#include <string.h>

#include "base/schema.h"
#include "base/status.h"
#include "exp/config_tables.h"

/* A failed pb_yaml_put is remembered by the text's own check: what is missing then is memory. */
struct resolver {
	const struct pb_plan *plan;
	struct pb_yaml yaml; /* owns the new nodes; parts of the experiment's own tree hang in between */
	bool failed;
};

typedef const char *const *names;

#define NAMES(...) ((names)(const char *const[]){__VA_ARGS__, NULL})

static struct pb_yaml_node *new_node(struct resolver *r, enum pb_yaml_kind kind)
{
	struct pb_yaml_node *node = pb_yaml_new(&r->yaml, kind);
	r->failed |= !node;
	return node;
}

static void put(struct resolver *r, struct pb_yaml_node *map, const char *key, struct pb_yaml_node *value)
{
	r->failed |= pb_yaml_put(&r->yaml, map, key, value) < 0;
}

static void put_text(struct resolver *r, struct pb_yaml_node *map, const char *key, const char *text)
{
	put(r, map, key, pb_yaml_new_text(&r->yaml, text, true));
}

/* A part of the experiment as it was written; NULL: it was not. */
static void put_written(struct resolver *r, struct pb_yaml_node *map, const char *key, const struct pb_yaml_node *node)
{
	if (node)
		put(r, map, key, (struct pb_yaml_node *)node);
}

/* Puts all fields of a map into another. */
static void merge(struct resolver *r, struct pb_yaml_node *map, const struct pb_yaml_node *fields)
{
	r->failed |= !fields;
	for (size_t i = 0; fields && i < fields->count; i++)
		put(r, map, fields->keys[i]->text, fields->items[i]);
}

static struct pb_yaml_node *encode(struct resolver *r, const struct pb_config_table *table, names skip,
				   const void *values)
{
	struct pb_yaml_node *node = pb_schema_encode(&r->yaml, table->fields, table->n, skip, values);
	r->failed |= !node;
	return node;
}

static struct pb_yaml_node *plugin(struct resolver *r, const struct pb_instance *instance)
{
	const struct pb_plugin *p = instance->loaded->plugin;
	struct pb_yaml_node *map = new_node(r, PB_YAML_MAP);
	put_text(r, map, "plugin", p->name);
	merge(r, map, pb_schema_encode(&r->yaml, p->params, p->n_params, NULL, instance->params));
	return map;
}

static struct pb_yaml_node *model(struct resolver *r)
{
	const struct pb_model_config *m = &r->plan->model.config;
	struct pb_config_model values = {
		.load = r->plan->config->model.load,
		.n_layers = m->n_layers,
		.d_model = m->d_model,
		.d_head = m->d_head,
		.n_heads = m->n_heads,
		.d_mlp = m->d_mlp,
		.n_ctx = m->n_ctx,
		.d_vocab = m->d_vocab,
		.act_fn = (int32_t)m->act_fn,
		.normalization = 1 + (int32_t)m->normalization,
		.attn_only = 1 + m->attn_only,
		.eps = m->eps,
	};
	return encode(r, &pb_config_tables.model, m->attn_only ? NAMES("d_mlp") : NULL, &values);
}

static struct pb_yaml_node *stop(struct resolver *r, const struct pb_plan_stage *stage)
{
	const struct pb_config_stage *c = stage->config;
	const char *skip[3] = {NULL};
	size_t n = 0;
	if (!pb_yaml_get(c->stop, "below"))
		skip[n++] = "below";
	if (!pb_yaml_get(c->stop, "above"))
		skip[n++] = "above";
	struct pb_yaml_node *map = encode(r, &pb_config_tables.stop, skip, c);
	put(r, map, "metric", plugin(r, stage->stop->instance));
	return map;
}

static struct pb_yaml_node *stage(struct resolver *r, const struct pb_plan_stage *s)
{
	const struct pb_config_stage *c = s->config;
	struct pb_yaml_node *map = encode(r, &pb_config_tables.stage, NULL, c);
	put(r, map, "loss", plugin(r, s->loss->instance));
	if (c->continues)
		put_text(r, map, "optimizer", "continue");
	else
		put(r, map, "optimizer", encode(r, &pb_config_tables.optimizer, NULL, &c->optimizer));
	put_written(r, map, "evaluate", c->evaluate);
	if (s->stop)
		put(r, map, "stop", stop(r, s));
	return map;
}

static const char *default_weights(const struct pb_plan *plan)
{
	if (!plan->n_stages)
		return plan->has_loaded ? "loaded" : "init";
	return plan->stages[plan->n_stages - 1].config->save;
}

static struct pb_yaml_node *probe(struct resolver *r)
{
	const struct pb_plan *plan = r->plan;
	struct pb_config_probe values = plan->config->probe;
	struct pb_unit unit;
	const char *weights = values.model.count ? values.model.items[0] : default_weights(plan);
	if (plan->n_units == 1 && !pb_data_unit(plan, plan->unit, &unit))
		values.unit = unit.name;
	struct pb_yaml_node *map = encode(r, &pb_config_tables.probe,
					  plan->n_units > 1 ? NAMES("unit", "model") : NAMES("units", "model"), &values);
	if (values.model.count > 1)
		put_written(r, map, "model", pb_yaml_get(values.node, "model"));
	else if (weights)
		put_text(r, map, "model", weights);
	if (plan->select_metric) {
		struct pb_yaml_node *select = encode(r, &pb_config_tables.select, NULL, &values.select);
		put(r, select, "metric", plugin(r, plan->select_metric->instance));
		put(r, map, "select", select);
	}
	return map;
}

/* What a kind of sweep does not know is left out, and so is a middle of the colours that the base run gives. */
static struct pb_yaml_node *sweep(struct resolver *r, const struct pb_plan_sweep *s)
{
	static const char *const foreign[] = {"hook", "over", "together", "forward", "backward", "gradient"};
	const struct pb_config_sweep *c = s->config;
	const char *skip[8] = {NULL};
	size_t n = 0;
	for (size_t i = 0; i < PB_COUNT_OF(foreign); i++)
		if (c->kind == PB_SWEEP_PARAMS || (c->kind == PB_SWEEP_ACTIVATION && i > 3))
			skip[n++] = foreign[i];
	if (isnan(c->neutral))
		skip[n++] = "neutral";
	struct pb_yaml_node *map = encode(r, &pb_config_tables.sweep, skip, c);
	if (s->setter)
		put(r, map, "setter", plugin(r, s->setter));
	else
		put_text(r, map, "setter", "params");
	put_written(r, map, "cells", c->cells);
	put_written(r, map, "sets", c->sets);
	return map;
}

static void put_lists(struct resolver *r, struct pb_yaml_node *root)
{
	const struct pb_plan *plan = r->plan;
	struct pb_yaml_node *stages = new_node(r, PB_YAML_LIST), *sweeps = new_node(r, PB_YAML_LIST);
	for (size_t i = 0; i < plan->n_stages; i++)
		r->failed |= pb_yaml_append(&r->yaml, stages, stage(r, &plan->stages[i])) < 0;
	for (size_t i = 0; i < plan->n_sweeps; i++)
		r->failed |= pb_yaml_append(&r->yaml, sweeps, sweep(r, &plan->sweeps[i])) < 0;
	if (plan->n_stages)
		put(r, root, "train", stages);
	put_written(r, root, "checkpoints", plan->config->checkpoints);
	if (plan->has_probe)
		put(r, root, "probe", probe(r));
	put(r, root, "update", encode(r, &pb_config_tables.update, NULL, &plan->config->update));
	put(r, root, "metric", plugin(r, plan->metric->instance));
	put_written(r, root, "similarity", plan->config->similarity_node);
	if (plan->n_sweeps)
		put(r, root, "sweeps", sweeps);
	if (plan->drill)
		put(r, root, "drilldown", encode(r, &pb_config_tables.drilldown, NULL, &plan->config->drilldown));
}

/* An earlier run's manifest is no part of the experiment. */
static int resolve(const struct pb_plan *plan, bool placed, struct pb_text *out)
{
	const struct pb_config *c = plan->config;
	struct resolver r = {.plan = plan};
	struct pb_config_top top = {c->name, c->question, c->base_dir, c->seed, c->seeds, c->dtype == PB_F64, c->device,
				    (int32_t)c->matmul, {NULL, 0}};
	const char *skip[4] = {"manifest"};
	size_t n = 1;
	if (!placed)
		skip[n++] = "folder";
	if (!c->seeds.count)
		skip[n++] = "seeds";
	struct pb_yaml_node *root = encode(&r, &pb_config_tables.top, skip, &top);
	put(&r, root, "model", model(&r));
	put(&r, root, "data", plugin(&r, plan->data));
	put(&r, root, "loss", plugin(&r, plan->loss->instance));
	put_lists(&r, root);
	if (!r.failed)
		pb_yaml_emit(root, 0, out);
	pb_arena_finish(&r.yaml.arena);
	return r.failed ? -PB_E_NOMEM : pb_text_status(out);
}

int pb_resolve(const struct pb_plan *plan, struct pb_text *out)
{
	return resolve(plan, true, out);
}

int pb_resolve_unplaced(const struct pb_plan *plan, struct pb_text *out)
{
	return resolve(plan, false, out);
}
