/* config_read.c: decodes an experiment file. Mistakes are collected; decoding goes on after each. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/schema.h"
#include "base/status.h"
#include "exp/config_impl.h"

void pb_config_note(struct pb_config_reader *r, int rc)
{
	if (rc && rc != -PB_E_CONFIG && !r->rc)
		r->rc = rc;
}

static void decode(struct pb_config_reader *r, const struct pb_yaml_node *node, const struct pb_config_table *table,
		   void *out)
{
	pb_config_note(r, pb_schema_decode(r->yaml, node, table->fields, table->n, table->others, table->where, out));
}

bool pb_config_lacks(struct pb_config_reader *r, const struct pb_yaml_node *map, const struct pb_config_table *table,
		     const char *key)
{
	return pb_schema_lacks(r->yaml, map, table->fields, table->n, table->others, key);
}

static const struct pb_yaml_node *expect(struct pb_config_reader *r, const struct pb_yaml_node *map, const char *key,
					 enum pb_yaml_kind kind, const char *what)
{
	struct pb_yaml_node *node = pb_yaml_get(map, key);
	if (!node || pb_yaml_is_null(node))
		return NULL;
	if (node->kind == kind)
		return node;
	pb_yaml_error(r->yaml, node, "`%s` is %s; it must be %s", key, pb_yaml_kind_name(node), what);
	return NULL;
}

/* A plugin is named by a word, or by a mapping with the key `plugin` and the plugin's parameters. */
static const struct pb_yaml_node *plugin_node(struct pb_config_reader *r, const struct pb_yaml_node *map,
					      const char *key)
{
	struct pb_yaml_node *node = pb_yaml_get(map, key);
	if (!node || pb_yaml_is_null(node))
		return NULL;
	struct pb_yaml_node *name = node->kind == PB_YAML_MAP ? pb_yaml_get(node, "plugin") : node;
	if (name && name->kind == PB_YAML_SCALAR && !pb_yaml_is_null(name))
		return node;
	pb_yaml_error(r->yaml, name ? name : node,
		      "`%s` is %s; name a plugin: `%s: NAME`, or `%s: {plugin: NAME, ...}`", key,
		      name ? pb_yaml_kind_name(name) : "a mapping without `plugin`", key, key);
	return NULL;
}

static void read_optimizer(struct pb_config_reader *r, const struct pb_yaml_node *node,
			   const struct pb_config_table *table, struct pb_config_optimizer *out)
{
	size_t before = r->yaml->n_errors;
	decode(r, node, table, out);
	/* PyTorch's default, and the tables', is AdamW's alone. */
	const struct pb_yaml_node *decay = pb_yaml_get(node, "weight_decay");
	if (out->kind != PB_OPTIM_ADAMW && (!decay || pb_yaml_is_null(decay)))
		out->weight_decay = 0.0;
	if (out->betas.items && out->betas.count != 2)
		pb_yaml_error(r->yaml, pb_yaml_get(node, "betas"),
			      "`betas` has %zu number%s; it must be two: [0.9, 0.98]", out->betas.count,
			      out->betas.count == 1 ? "" : "s");
	struct pb_optim_config optim = pb_config_optim(out);
	if (r->yaml->n_errors == before && pb_optim_check(&optim) < 0)
		pb_yaml_error(r->yaml, node, "%s", pb_error_text());
}

static void read_stage_optimizer(struct pb_config_reader *r, struct pb_config_stage *stage)
{
	const struct pb_yaml_node *node = pb_yaml_get(stage->node, "optimizer");
	bool word = node && node->kind == PB_YAML_SCALAR && !pb_yaml_is_null(node);
	if (word && !strcmp(node->text, "continue"))
		stage->continues = true;
	else if (word)
		pb_yaml_error(
			r->yaml, node,
			"`optimizer` is %s; write `optimizer: {kind: adamw, lr: 1.0e-3}`, or `optimizer: continue` to "
			"go on with that of the stage before",
			pb_yaml_kind_name(node));
	else
		read_optimizer(r, node, &pb_config_tables.optimizer, &stage->optimizer);
}

static void read_stop(struct pb_config_reader *r, struct pb_config_stage *stage)
{
	stage->stop = expect(r, stage->node, "stop", PB_YAML_MAP, "a mapping, e.g. {split: X1, below: 0.05}");
	if (!stage->stop)
		return;
	decode(r, stage->stop, &pb_config_tables.stop, stage);
	stage->stop_metric = plugin_node(r, stage->stop, "metric");
	if (pb_config_lacks(r, stage->stop, &pb_config_tables.stop, "below") &&
	    pb_config_lacks(r, stage->stop, &pb_config_tables.stop, "above"))
		pb_yaml_error(r->yaml, stage->stop, "`stop` needs `below` or `above`: the value to stop at");
}

static void read_stage(struct pb_config_reader *r, const struct pb_yaml_node *node, struct pb_config_stage *stage)
{
	stage->node = node;
	size_t before = r->yaml->n_errors;
	decode(r, node, &pb_config_tables.stage, stage);
	if (node->kind != PB_YAML_MAP)
		return;
	if (r->yaml->n_errors == before && !stage->epochs && !stage->steps)
		pb_yaml_error(r->yaml, node, "a training stage needs `epochs` or `steps`: how long to train");
	stage->loss = plugin_node(r, node, "loss");
	stage->evaluate =
		expect(r, node, "evaluate", PB_YAML_MAP, "a mapping of metric to splits, e.g. {accuracy: [Dt3]}");
	read_stage_optimizer(r, stage);
	read_stop(r, stage);
}

static void read_probe(struct pb_config_reader *r, const struct pb_yaml_node *root, struct pb_config_probe *probe)
{
	probe->node = expect(r, root, "probe", PB_YAML_MAP, "a mapping, e.g. {unit: 71}");
	if (!probe->node)
		return;
	decode(r, probe->node, &pb_config_tables.probe, probe);
	probe->select.node =
		expect(r, probe->node, "select", PB_YAML_MAP, "a mapping, e.g. {before: model_1, after: model_2}");
	if (!probe->select.node)
		return;
	decode(r, probe->select.node, &pb_config_tables.select, &probe->select);
	probe->select.metric = plugin_node(r, probe->select.node, "metric");
}

static void read_sweep(struct pb_config_reader *r, const struct pb_yaml_node *node, struct pb_config_sweep *s)
{
	s->node = node;
	decode(r, node, &pb_config_tables.sweep, s);
	if (node->kind != PB_YAML_MAP)
		return;
	const struct pb_yaml_node *setter = pb_yaml_get(node, "setter");
	bool params = setter && setter->kind == PB_YAML_SCALAR && !strcmp(setter->text, "params");
	s->setter = params ? NULL : plugin_node(r, node, "setter");
	s->sets = pb_yaml_get(node, "sets");
	s->cells = expect(r, node, "cells", PB_YAML_LIST, "a list of index tuples, e.g. [[0, 1], [0, 3]]");
	pb_config_check_sweep(r, s, params);
	if (s->base == PB_FROM_NONE)
		s->base = s->kind == PB_SWEEP_GRADIENT ? PB_FROM_CLEAN
			  : s->kind == PB_SWEEP_PARAMS ? PB_FROM_CORRUPTED
						       : PB_FROM_NONE;
	if (s->neutral == 1e300)
		s->neutral = NAN;
}

/* A word or a number, or a mapping that names the unit too. */
static void read_example(struct pb_config_reader *r, const struct pb_yaml_node *node, struct pb_config_example *e)
{
	const struct pb_yaml_node *named = node->kind == PB_YAML_MAP ? pb_yaml_get(node, "example") : node;
	e->at = named ? named : node;
	e->example = "clean"; /* where there is a mistake */
	if (node->kind == PB_YAML_MAP) {
		decode(r, node, &pb_config_tables.example, e);
		e->at_unit = pb_yaml_get(node, "unit");
	} else if (node->kind == PB_YAML_SCALAR && !pb_yaml_is_null(node)) {
		e->example = node->text;
	} else {
		pb_yaml_error(
			r->yaml, node,
			"an item of `similarity` is %s; write clean, corrupted, questions, a question's number, or "
			"`{example: clean, unit: 34}`",
			pb_yaml_kind_name(node));
	}
}

static void read_drilldown(struct pb_config_reader *r, const struct pb_yaml_node *root,
			   struct pb_config_drilldown *drill)
{
	drill->node = expect(r, root, "drilldown", PB_YAML_MAP, "a mapping, e.g. {share: 0.9}");
	if (!drill->node)
		return;
	size_t before = r->yaml->n_errors;
	decode(r, drill->node, &pb_config_tables.drilldown, drill);
	if (r->yaml->n_errors != before)
		return;
	if (!drill->share.count)
		pb_yaml_error(r->yaml, pb_yaml_get(drill->node, "share"),
			      "`share` is empty; write e.g. `share: 0.9`, or leave it out");
	if (drill->base != PB_FROM_CLEAN && drill->base != PB_FROM_CORRUPTED)
		pb_yaml_error(r->yaml, pb_yaml_get(drill->node, "base"), "`base` must be clean or corrupted");
}

static void *list_of(struct pb_config_reader *r, const struct pb_yaml_node *list, size_t size)
{
	void *items = list ? pb_arena_array(&r->yaml->arena, list->count, size) : NULL;
	if (list && !items)
		pb_config_note(r, -PB_E_NOMEM);
	return items;
}

static void read_lists(struct pb_config_reader *r, const struct pb_yaml_node *root)
{
	struct pb_config *c = r->config;
	const struct pb_yaml_node *stages =
		expect(r, root, "train", PB_YAML_LIST, "a list of stages: put `- ` before the first key of each");
	const struct pb_yaml_node *sweeps =
		expect(r, root, "sweeps", PB_YAML_LIST, "a list of sweeps: put `- ` before the first key of each");
	const struct pb_yaml_node *similarity = c->similarity_node =
		expect(r, root, "similarity", PB_YAML_LIST, "a list of examples, e.g. [clean, corrupted, questions]");
	c->similarity = list_of(r, similarity, sizeof *c->similarity);
	c->stages = list_of(r, stages, sizeof *c->stages);
	c->sweeps = list_of(r, sweeps, sizeof *c->sweeps);
	if (r->rc)
		return;
	c->n_stages = stages ? stages->count : 0;
	c->n_sweeps = sweeps ? sweeps->count : 0;
	c->n_similarity = similarity ? similarity->count : 0;
	for (size_t i = 0; i < c->n_similarity; i++)
		read_example(r, similarity->items[i], &c->similarity[i]);
	for (size_t i = 0; i < c->n_stages; i++)
		read_stage(r, stages->items[i], &c->stages[i]);
	for (size_t i = 0; i < c->n_sweeps; i++)
		read_sweep(r, sweeps->items[i], &c->sweeps[i]);
}

static void read_data(struct pb_config_reader *r, const struct pb_yaml_node *root)
{
	struct pb_yaml_node *node = pb_yaml_get(root, "data");
	r->config->data = plugin_node(r, root, "data");
	if (node ? pb_yaml_is_null(node) : pb_config_lacks(r, root, &pb_config_tables.top, "data"))
		pb_yaml_error(r->yaml, node, "an experiment needs `data`, e.g. `data: {plugin: oocl, mod: 120}`");
}

static void read_root(struct pb_config_reader *r)
{
	struct pb_config *c = r->config;
	const struct pb_yaml_node *root = r->yaml->root;
	struct pb_config_top top = {0};
	decode(r, root, &pb_config_tables.top, &top);
	c->name = top.name;
	c->question = top.question;
	c->seed = top.seed;
	c->seeds = top.seeds;
	c->manifest = top.manifest;
	c->dtype = top.precision ? PB_F64 : PB_F32;
	c->device = top.device && pb_device_is_name(top.device) ? top.device : "auto";
	if (top.device && !pb_device_is_name(top.device))
		pb_yaml_error(r->yaml, pb_yaml_get(root, "device"), "`device` must be auto, cpu, cuda or cuda:NUMBER");
	c->matmul = (enum pbk_matmul)top.matmul;
	if (top.folder)
		c->base_dir = top.folder;
	decode(r,
	       expect(r, root, "model", PB_YAML_MAP,
		      "a mapping, e.g. {load: model_1.pt} or {n_layers: 2, d_model: 64, n_heads: 4}"),
	       &pb_config_tables.model, &c->model);
	read_data(r, root);
	c->loss = plugin_node(r, root, "loss");
	c->metric = plugin_node(r, root, "metric");
	c->checkpoints =
		expect(r, root, "checkpoints", PB_YAML_MAP, "a mapping of name to file, e.g. {model_2: runs/b.pt}");
	read_probe(r, root, &c->probe);
	read_optimizer(r, pb_yaml_get(root, "update"), &pb_config_tables.update, &c->update);
	read_lists(r, root);
	read_drilldown(r, root, &c->drilldown);
	pb_config_check_names(r);
}

static char *folder_of(struct pb_arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? pb_arena_strndup(arena, path, slash == path ? 1 : (size_t)(slash - path))
		     : pb_arena_strdup(arena, ".");
}

int pb_config_open(const char *path, const char *const *sets, struct pb_config *ret_config)
{
	struct pb_config *c = ret_config;
	*c = (struct pb_config){0};
	int rc = pb_yaml_read(path, &c->yaml);
	if (rc)
		return rc;
	for (size_t i = 0; !rc && sets && sets[i]; i++)
		rc = pb_yaml_set(&c->yaml, sets[i]);
	if (!rc && !(c->base_dir = folder_of(&c->yaml.arena, path)))
		rc = -PB_E_NOMEM;
	struct pb_config_reader r = {c, &c->yaml, rc};
	if (!rc)
		read_root(&r);
	if (r.rc)
		pb_config_finish(c);
	return r.rc;
}

int pb_config_read(const char *path, const char *const *sets, struct pb_config *ret_config)
{
	int rc = pb_config_open(path, sets, ret_config);
	if (rc)
		return rc;
	rc = pb_yaml_status(&ret_config->yaml);
	if (rc)
		pb_config_finish(ret_config);
	return rc;
}

void pb_config_finish(struct pb_config *config)
{
	pb_yaml_finish(&config->yaml);
	*config = (struct pb_config){0};
}

struct pb_optim_config pb_config_optim(const struct pb_config_optimizer *o)
{
	struct pb_optim_config config = pb_optim_defaults((enum pb_optim_kind)o->kind);
	config.lr = o->lr;
	if (o->betas.count == 2) {
		config.beta1 = o->betas.items[0];
		config.beta2 = o->betas.items[1];
	}
	config.eps = o->eps;
	config.weight_decay = o->weight_decay;
	config.momentum = o->momentum;
	config.dampening = o->dampening;
	config.nesterov = o->nesterov;
	config.max_grad_norm = o->max_grad_norm;
	config.warmup_steps = o->warmup_steps;
	return config;
}
