/* plan_plugin.c: the plugins that an experiment names, with their parameters. */
#include <string.h>

#include "base/schema.h"
#include "base/status.h"
#include "exp/plan.h"

/* A word alone gives no parameters: says so where some are required. */
static bool word_suffices(struct pb_plan *plan, const struct pb_plugin *plugin, const struct pb_yaml_node *word)
{
	const struct pb_param *required = NULL;
	for (uint32_t i = 0; !required && i < plugin->n_params; i++)
		if (!plugin->params[i].default_text)
			required = &plugin->params[i];
	if (word && required)
		pb_yaml_error(&plan->config->yaml, word,
			      "%s `%s` needs `%s`: write `{plugin: %s, %s: ...}`; it is the %s",
			      pb_kind_name((enum pb_kind)plugin->kind), plugin->name, required->name, plugin->name,
			      required->name, required->doc);
	return !word || !required;
}

/* Is it a setter that needs host memory where tensors are elsewhere? */
static bool is_staged(const struct pb_plan *plan, enum pb_kind kind, const struct pb_plugin *plugin)
{
	return kind == PB_KIND_SETTER && plan->device->backend &&
	       ((const struct pb_setter_ops *)plugin->ops)->flags & PB_RAW_MEMORY;
}

/* The plugin that was meant, as far as a name tells; NULL: none is near. */
static const struct pb_plugin *nearest_plugin(struct pb_plan *plan, enum pb_kind kind, const char *name)
{
	size_t n = pb_registry_count(plan->registry), n_names = 0;
	const char **names = pb_arena_array(&plan->arena, n + 1, sizeof *names), *near;
	for (size_t i = 0; names && i < n; i++) {
		const struct pb_loaded *l = pb_registry_at(plan->registry, i);
		if (l->plugin && l->plugin->kind == kind)
			names[n_names++] = l->name;
	}
	near = names ? pb_nearest(name, names, n_names) : NULL;
	for (size_t i = 0; near && i < n; i++) {
		const struct pb_loaded *l = pb_registry_at(plan->registry, i);
		if (l->plugin && l->plugin->kind == kind && !strcmp(l->name, near))
			return l->plugin;
	}
	return NULL;
}

/* Whoever wrote `ocol` meant oocl, and will want to know now what is wrong with its parameters. */
static int judge_as_nearest(struct pb_plan *plan, enum pb_kind kind, const char *name,
			    const struct pb_yaml_node *params, const char *const *skip)
{
	const struct pb_plugin *p = nearest_plugin(plan, kind, name);
	const char *who = p ? pb_arena_printf(&plan->arena, "%s %s", pb_kind_name(kind), p->name) : NULL;
	void *values = p ? pb_arena_array(&plan->arena, 1, p->params_size + 1) : NULL;
	if (!p || !who || !values)
		return p ? -PB_E_NOMEM : 0;
	int rc = pb_schema_decode(&plan->config->yaml, params, p->params, p->n_params, skip, who, values);
	return rc == -PB_E_CONFIG ? 0 : rc;
}

int pb_plan_instance(struct pb_plan *plan, enum pb_kind kind, const struct pb_yaml_node *node, const char *fallback,
		     const char *const *skip, struct pb_instance **ret_instance)
{
	struct pb_config *c = plan->config;
	const struct pb_loaded *loaded;
	const struct pb_yaml_node *params = node && node->kind == PB_YAML_MAP ? node : NULL;
	const struct pb_yaml_node *name_node = params ? pb_yaml_get(params, "plugin") : node;
	size_t before = c->yaml.n_errors;
	*ret_instance = NULL;
	int rc = pb_registry_find(plan->registry, kind, name_node ? name_node->text : fallback, &c->yaml, name_node,
				  &loaded);
	if (rc == -PB_E_CONFIG && params && name_node) {
		int judged = judge_as_nearest(plan, kind, name_node->text, params, skip);
		rc = judged ? judged : rc;
	}
	if (!rc && !params && !word_suffices(plan, loaded->plugin, node))
		return 0;
	const bool staged = !rc && is_staged(plan, kind, loaded->plugin);
	if (staged && !plan->host.context)
		rc = pb_device_open_cpu(1, &plan->host);
	if (!rc)
		rc = pb_instance_create(loaded, &c->yaml, params, skip, (uint64_t)c->seed, c->base_dir,
					staged ? &plan->host : plan->device, ret_instance);
	return pb_plan_blame(plan, node, before, rc);
}
