/* instance.c: a plugin with its parameters, and what its calls return. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "host/host_impl.h"

typedef int create_call(const struct pb_host *host, const void *params, void **ret_self);
typedef void destroy_call(const struct pb_host *host, void *self);

static create_call *create_of(const struct pb_plugin *plugin)
{
	switch (plugin->kind) {
	case PB_KIND_SETTER: return ((const struct pb_setter_ops *)plugin->ops)->create;
	case PB_KIND_METRIC: return ((const struct pb_metric_ops *)plugin->ops)->create;
	default: return ((const struct pb_dataset_ops *)plugin->ops)->create;
	}
}

static destroy_call *destroy_of(const struct pb_plugin *plugin)
{
	switch (plugin->kind) {
	case PB_KIND_SETTER: return ((const struct pb_setter_ops *)plugin->ops)->destroy;
	case PB_KIND_METRIC: return ((const struct pb_metric_ops *)plugin->ops)->destroy;
	default: return ((const struct pb_dataset_ops *)plugin->ops)->destroy;
	}
}

void pb_instance_begin(struct pb_instance *instance)
{
	(void)instance;
	pb_services_forget_reason();
}

int pb_instance_result(const struct pb_instance *instance, const char *call, int rc)
{
	const char *who = instance->impl->who, *reason = pb_services_reason(instance->impl);
	if (!rc)
		return 0;
	if (rc > 0 || -rc > PB_E_INTERNAL)
		return pb_fail(PB_E_PLUGIN, "%s: %s returned %d, which is no status (%s)", who, call, rc,
			       instance->loaded->path);
	if (!reason)
		return pb_fail(-rc, "%s: %s failed without a reason (%s): a mistake of the plugin, %s", who, call,
			       pb_status_text(rc), instance->loaded->path);
	/* What create refuses is the user's parameters, whatever the call is called. */
	return strcmp(call, "create") ? pb_fail(-rc, "%s: %s: %s", who, call, reason) : pb_fail(-rc, "%s: %s", who, reason);
}

static void free_instance(struct pb_instance *instance)
{
	if (instance->impl) {
		pb_arena_finish(&instance->impl->defaults.arena);
		free(instance->impl->base_dir);
		free(instance->impl->who);
	}
	free(instance->impl);
	free(instance->params);
	free(instance);
}

void pb_instance_destroy(struct pb_instance *instance)
{
	if (!instance)
		return;
	destroy_call *destroy = destroy_of(instance->loaded->plugin);
	pb_instance_begin(instance);
	if (destroy)
		destroy(&instance->host, instance->self);
	free_instance(instance);
}

static int allocate(const struct pb_loaded *loaded, const char *base_dir, struct pb_instance **ret_instance)
{
	const struct pb_plugin *plugin = loaded->plugin;
	struct pb_instance *instance = calloc(1, sizeof *instance);
	if (!instance)
		return pb_fail_nomem(sizeof *instance, plugin->name);
	struct pb_instance_impl *impl = instance->impl = calloc(1, sizeof *impl);
	instance->loaded = loaded;
	instance->params = calloc(1, plugin->params_size + (size_t)1);
	if (impl && base_dir)
		impl->base_dir = strdup(base_dir);
	if (impl && asprintf(&impl->who, "%s %s", pb_kind_name(plugin->kind), plugin->name) < 0)
		impl->who = NULL;
	if (!impl || !instance->params || !impl->who || (base_dir && !impl->base_dir)) {
		free_instance(instance);
		return pb_fail_nomem(plugin->params_size, plugin->name);
	}
	*ret_instance = instance;
	return 0;
}

/* Without a file there are the defaults, and a required parameter is a mistake with no place. */
static int decode_params(struct pb_instance *instance, struct pb_yaml *yaml, const struct pb_yaml_node *params,
			 const char *const *skip)
{
	const struct pb_plugin *plugin = instance->loaded->plugin;
	struct pb_yaml *own = &instance->impl->defaults;
	own->file = instance->impl->who;
	int rc = pb_schema_decode(yaml ? yaml : own, params, plugin->params, plugin->n_params, skip,
				  instance->impl->who, instance->params);
	return rc == -PB_E_CONFIG && !yaml ? pb_yaml_status(own) : rc;
}

/* What a plugin finds wrong with its parameters stands in the file as much as what the table finds. */
static int place_failure(struct pb_yaml *yaml, const struct pb_yaml_node *params, int rc)
{
	bool users = pb_status_exit_code(rc) == 2 || rc == -PB_E_IO;
	return yaml && params && users ? pb_yaml_error(yaml, params, "%s", pb_error_text()) : rc;
}

/* mod_arith has no units and leaves these slots empty; a dataset that has some may not. */
static int check_units(struct pb_instance *instance)
{
	const struct pb_dataset_ops *ops = pb_dataset_ops(instance);
	if (instance->loaded->plugin->kind != PB_KIND_DATASET || ops->unit || ops->n_units(instance->self) == 0)
		return 0;
	return pb_fail(PB_E_PLUGIN, "%s has units, but ops->unit and ops->probe are NULL", instance->impl->who);
}

static int start(struct pb_instance *instance, struct pb_yaml *yaml, const struct pb_yaml_node *params)
{
	create_call *create = create_of(instance->loaded->plugin);
	int rc = 0;
	pb_instance_begin(instance);
	if (create)
		rc = pb_instance_result(instance, "create", create(&instance->host, instance->params, &instance->self));
	return rc ? place_failure(yaml, params, rc) : 0;
}

int pb_instance_create(const struct pb_loaded *loaded, struct pb_yaml *yaml, const struct pb_yaml_node *params,
		       const char *const *skip, uint64_t seed, const char *base_dir, struct pb_device *device,
		       struct pb_instance **ret_instance)
{
	if (!loaded->plugin)
		return pb_fail(PB_E_PLUGIN, "%s did not load: %s", loaded->path, loaded->reason);
	struct pb_instance *instance = NULL;
	int rc = allocate(loaded, base_dir, &instance);
	if (rc < 0)
		return rc;
	instance->impl->device = device;
	pb_services_init(&instance->host, instance->impl, seed);
	rc = decode_params(instance, yaml, params, skip);
	if (!rc)
		rc = start(instance, yaml, params);
	if (rc < 0) {
		free_instance(instance);
		return rc;
	}
	rc = check_units(instance);
	if (rc < 0) {
		pb_instance_destroy(instance);
		return rc;
	}
	*ret_instance = instance;
	return 0;
}
