/* config_read.c: decodes an experiment file. Mistakes are collected; decoding goes on after each. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/schema.h"
#include "base/status.h"
#include "exp/config_tables.h"

struct reader {
	struct pb_config *config;
	struct pb_yaml *yaml;
	int rc; /* the first failure that is no mistake of the file: memory */
};

static void note(struct reader *r, int rc)
{
	if (rc && rc != -PB_E_CONFIG && !r->rc)
		r->rc = rc;
}

static void decode(struct reader *r, const struct pb_yaml_node *node, struct pb_config_table table,
		   const char *const *skip, const char *where, void *out)
{
	note(r, pb_schema_decode(r->yaml, node, table.fields, table.n, skip, where, out));
}

static const struct pb_yaml_node *expect(struct reader *r, const struct pb_yaml_node *map, const char *key,
					 enum pb_yaml_kind kind, const char *what)
{
	struct pb_yaml_node *node = map ? pb_yaml_get(map, key) : NULL;
	if (!node || pb_yaml_is_null(node))
		return NULL;
	if (node->kind == kind)
		return node;
	pb_yaml_error(r->yaml, node, "`%s` must be %s; this is %s", key, what, pb_yaml_kind_name(node));
	return NULL;
}

/* A plugin is named by a word, or by a mapping with the key `plugin` and the plugin's parameters. */
static const struct pb_yaml_node *plugin_node(struct reader *r, const struct pb_yaml_node *map, const char *key)
{
	struct pb_yaml_node *node = map ? pb_yaml_get(map, key) : NULL;
	if (!node || pb_yaml_is_null(node))
		return NULL;
	struct pb_yaml_node *name = node->kind == PB_YAML_MAP ? pb_yaml_get(node, "plugin") : node;
	if (name && name->kind == PB_YAML_SCALAR)
		return node;
	pb_yaml_error(r->yaml, name ? name : node,
		      "`%s` names a plugin: write `%s: NAME` or `%s: {plugin: NAME, ...}`; this is %s", key, key, key,
		      name ? pb_yaml_kind_name(name) : "a mapping without `plugin`");
	return NULL;
}

static void read_optimizer(struct reader *r, const struct pb_yaml_node *node, struct pb_config_table table,
			   const char *where, struct pb_config_optimizer *out)
{
	decode(r, node, table, NULL, where, out);
	if (out->betas.items && out->betas.count != 2)
		pb_yaml_error(r->yaml, pb_yaml_get(node, "betas"), "`betas` must be two numbers");
	struct pb_optim_config optim = pb_config_optim(out);
	if (!r->yaml->n_errors && pb_optim_check(&optim) < 0)
		pb_yaml_error(r->yaml, node, "%s", pb_error_text());
}

static void read_stage(struct reader *r, const struct pb_yaml_node *node, struct pb_config_stage *stage)
{
	static const char *const skip[] = {"loss", "evaluate", "optimizer", "stop", NULL};
	static const char *const stop_skip[] = {"metric", NULL};
	stage->node = node;
	decode(r, node, pb_config_tables.stage, skip, "a training stage", stage);
	if (node->kind != PB_YAML_MAP)
		return;
	if (!stage->epochs && !stage->steps)
		pb_yaml_error(r->yaml, node, "a training stage needs `epochs` or `steps`");
	stage->loss = plugin_node(r, node, "loss");
	stage->evaluate = expect(r, node, "evaluate", PB_YAML_MAP, "a mapping of metric to splits");
	const struct pb_yaml_node *optimizer = pb_yaml_get(node, "optimizer");
	stage->continues = optimizer && optimizer->kind == PB_YAML_SCALAR && optimizer->text &&
			   !strcmp(optimizer->text, "continue");
	if (!stage->continues)
		read_optimizer(r, optimizer, pb_config_tables.optimizer, "an optimizer", &stage->optimizer);
	stage->stop = expect(r, node, "stop", PB_YAML_MAP, "a mapping");
	if (stage->stop) {
		decode(r, stage->stop, pb_config_tables.stop, stop_skip, "`stop`", stage);
		stage->stop_metric = plugin_node(r, stage->stop, "metric");
		if (!pb_yaml_get(stage->stop, "below") && !pb_yaml_get(stage->stop, "above"))
			pb_yaml_error(r->yaml, stage->stop, "`stop` needs `below` or `above`");
	}
}

static void read_probe(struct reader *r, const struct pb_yaml_node *root, struct pb_config_probe *probe)
{
	static const char *const skip[] = {"select", NULL}, *const select_skip[] = {"metric", NULL};
	probe->node = expect(r, root, "probe", PB_YAML_MAP, "a mapping");
	if (!probe->node)
		return;
	decode(r, probe->node, pb_config_tables.probe, skip, "`probe`", probe);
	probe->select.node = expect(r, probe->node, "select", PB_YAML_MAP, "a mapping");
	if (!probe->select.node)
		return;
	decode(r, probe->select.node, pb_config_tables.select, select_skip, "`select`", &probe->select);
	probe->select.metric = plugin_node(r, probe->select.node, "metric");
}

static void check_params_sweep(struct reader *r, const struct pb_config_sweep *s)
{
	static const char *const foreign[] = {"hook", "over", "together", "forward", "backward", "cells", NULL};
	for (int i = 0; foreign[i]; i++)
		if (pb_yaml_get(s->node, foreign[i]))
			pb_yaml_error(r->yaml, pb_yaml_get(s->node, foreign[i]),
				      "a sweep over parameter sets has no `%s`", foreign[i]);
	if (!s->sets)
		pb_yaml_error(r->yaml, s->node,
			      "a sweep over parameter sets needs `sets`: a mapping of name to set, or one of each, "
			      "blocks, cumulative");
}

static void check_patch_sweep(struct reader *r, const struct pb_config_sweep *s)
{
	if (!s->hook.count)
		pb_yaml_error(r->yaml, s->node, "a sweep needs `hook`: the point that is patched, e.g. `hook: z`");
	if (!s->setter)
		pb_yaml_error(r->yaml, s->node, "a sweep needs `setter`: what is patched there, e.g. `setter: layer_head`");
	if (s->sets)
		pb_yaml_error(r->yaml, pb_yaml_get(s->node, "sets"), "only a sweep with `setter: params` has `sets`");
	if (s->kind == PB_SWEEP_ACTIVATION && s->backward)
		pb_yaml_error(r->yaml, pb_yaml_get(s->node, "backward"),
			      "activation patching has no backward pass: leave `backward` out, or use `kind: gradient`");
}

static void read_sweep(struct reader *r, const struct pb_yaml_node *node, struct pb_config_sweep *s)
{
	static const char *const skip[] = {"setter", "cells", "sets", NULL};
	s->node = node;
	decode(r, node, pb_config_tables.sweep, skip, "a sweep", s);
	if (node->kind != PB_YAML_MAP)
		return;
	const struct pb_yaml_node *setter = pb_yaml_get(node, "setter");
	if (setter && setter->kind == PB_YAML_SCALAR && setter->text && !strcmp(setter->text, "params"))
		s->kind = PB_SWEEP_PARAMS;
	else
		s->setter = plugin_node(r, node, "setter");
	s->sets = pb_yaml_get(node, "sets");
	s->cells = expect(r, node, "cells", PB_YAML_LIST, "a list of index tuples");
	if (s->base == PB_FROM_ABLATE)
		pb_yaml_error(r->yaml, pb_yaml_get(node, "base"), "`base` must be clean or corrupted");
	if (s->base == PB_FROM_NONE)
		s->base = s->kind == PB_SWEEP_GRADIENT ? PB_FROM_CLEAN : PB_FROM_CORRUPTED;
	if (s->kind == PB_SWEEP_PARAMS)
		check_params_sweep(r, s);
	else
		check_patch_sweep(r, s);
	if (s->neutral == 1e300)
		s->neutral = NAN;
}

static void check_sweep_names(struct reader *r)
{
	const struct pb_config *c = r->config;
	for (size_t i = 0; i < c->n_sweeps; i++)
		for (size_t k = 0; k < i; k++)
			if (c->sweeps[i].name && c->sweeps[k].name && !strcmp(c->sweeps[i].name, c->sweeps[k].name))
				pb_yaml_error(r->yaml, pb_yaml_get(c->sweeps[i].node, "name"),
					      "another sweep is called `%s` already", c->sweeps[i].name);
}

static void *list_of(struct reader *r, const struct pb_yaml_node *list, size_t size)
{
	void *items = list ? pb_arena_array(&r->yaml->arena, list->count, size) : NULL;
	if (list && !items)
		note(r, -PB_E_NOMEM);
	return items;
}

static void read_lists(struct reader *r, const struct pb_yaml_node *root)
{
	struct pb_config *c = r->config;
	const struct pb_yaml_node *stages = expect(r, root, "train", PB_YAML_LIST, "a list of stages");
	const struct pb_yaml_node *sweeps = expect(r, root, "sweeps", PB_YAML_LIST, "a list of sweeps");
	c->stages = list_of(r, stages, sizeof *c->stages);
	c->sweeps = list_of(r, sweeps, sizeof *c->sweeps);
	if (r->rc)
		return;
	c->n_stages = stages ? stages->count : 0;
	c->n_sweeps = sweeps ? sweeps->count : 0;
	for (size_t i = 0; i < c->n_stages; i++)
		read_stage(r, stages->items[i], &c->stages[i]);
	for (size_t i = 0; i < c->n_sweeps; i++)
		read_sweep(r, sweeps->items[i], &c->sweeps[i]);
	check_sweep_names(r);
}

static void read_root(struct reader *r)
{
	static const char *const skip[] = {"model", "data",  "train",  "checkpoints", "probe", "update",
					   "loss",  "metric", "sweeps", NULL};
	struct pb_config *c = r->config;
	const struct pb_yaml_node *root = r->yaml->root;
	struct pb_config_top top = {0};
	decode(r, root, pb_config_tables.top, skip, "an experiment", &top);
	c->name = top.name;
	c->question = top.question;
	c->seed = top.seed;
	c->dtype = top.precision ? PB_F64 : PB_F32;
	decode(r, expect(r, root, "model", PB_YAML_MAP, "a mapping"), pb_config_tables.model, NULL, "`model`", &c->model);
	c->data = plugin_node(r, root, "data");
	if (!pb_yaml_get(root, "data"))
		pb_yaml_error(r->yaml, NULL, "an experiment needs `data`, e.g. `data: {plugin: oocl, mod: 120}`");
	c->loss = plugin_node(r, root, "loss");
	c->metric = plugin_node(r, root, "metric");
	c->checkpoints = expect(r, root, "checkpoints", PB_YAML_MAP, "a mapping of name to file");
	read_probe(r, root, &c->probe);
	read_optimizer(r, pb_yaml_get(root, "update"), pb_config_tables.update, "`update`", &c->update);
	read_lists(r, root);
}

static char *folder_of(struct pb_arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? pb_arena_strndup(arena, path, slash == path ? 1 : (size_t)(slash - path))
		     : pb_arena_strdup(arena, ".");
}

int pb_config_read(const char *path, const char *const *sets, struct pb_config *ret_config)
{
	struct pb_config *c = ret_config;
	*c = (struct pb_config){0};
	int rc = pb_yaml_read(path, &c->yaml);
	if (rc)
		return rc;
	for (size_t i = 0; !rc && sets && sets[i]; i++)
		rc = pb_yaml_set(&c->yaml, sets[i]);
	struct reader r = {c, &c->yaml, rc};
	c->base_dir = folder_of(&c->yaml.arena, path);
	if (!c->base_dir)
		r.rc = -PB_E_NOMEM;
	if (!r.rc)
		read_root(&r);
	rc = r.rc ? r.rc : pb_yaml_status(&c->yaml);
	if (rc)
		pb_config_finish(c);
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
