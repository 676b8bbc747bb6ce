/* instance.c: a plugin with its parameters. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "host/calls.h"
#include "host/host_impl.h"

static void free_instance(struct pb_instance *instance)
{
	if (instance->impl) {
		pb_arena_finish(&instance->impl->defaults.arena);
		free(instance->impl->base_dir);
		free(instance->impl->who);
		pb_text_finish(&instance->impl->files);
		pthread_mutex_destroy(&instance->impl->lock);
	}
	free(instance->impl);
	free(instance->params);
	free(instance);
}

void pb_instance_destroy(struct pb_instance *instance)
{
	if (!instance)
		return;
	if (pb_instance_end(instance) < 0)
		pb_instance_warn(instance, pb_error_text());
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
	if (impl)
		pthread_mutex_init(&impl->lock, NULL);
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
	if (instance->loaded->plugin->kind != PB_KIND_DATASET || ops->unit || pb_dataset_n_units(instance) == 0)
		return 0;
	return pb_fail(PB_E_PLUGIN, "%s has units, but ops->unit and ops->probe are NULL", instance->impl->who);
}

bool pb_instance_first(struct pb_instance *instance, unsigned what)
{
	uint8_t *byte = &instance->tried[what / 8 % sizeof instance->tried], bit = (uint8_t)(1u << what % 8);
	bool first = !(*byte & bit);
	*byte |= bit;
	return first;
}

void pb_instance_warn(const struct pb_instance *instance, const char *text)
{
	const char *who = instance->impl->who;
	size_t length = strlen(who);
	bool named = !strncmp(text, who, length) && !strncmp(text + length, ": ", 2);
	pb_host_log(PB_LOG_WARNING, who, "%s", named ? text + length + 2 : text);
}

const char *pb_instance_files(const struct pb_instance *instance)
{
	return instance->impl->files.data ? instance->impl->files.data : "";
}

struct pb_device *pb_instance_device(const struct pb_instance *instance)
{
	return instance->impl->device;
}

void pb_instance_forget(struct pb_instance *instance)
{
	if (instance)
		free_instance(instance);
}

int pb_instance_configure(const struct pb_loaded *loaded, struct pb_yaml *yaml, const struct pb_yaml_node *params,
			  const char *const *skip, uint64_t seed, const char *base_dir, struct pb_device *device,
			  struct pb_instance **ret_instance)
{
	if (!loaded->plugin)
		return pb_fail(PB_E_PLUGIN, "%s did not load: %s", loaded->path, loaded->reason);
	assert(loaded->live);
	struct pb_instance *instance = NULL;
	int rc = allocate(loaded, base_dir, &instance);
	if (rc < 0)
		return rc;
	instance->impl->device = device;
	pb_services_init(&instance->host, instance->impl, seed);
	rc = decode_params(instance, yaml, params, skip);
	if (rc < 0)
		free_instance(instance);
	else
		*ret_instance = instance;
	return rc;
}

int pb_instance_create(const struct pb_loaded *loaded, struct pb_yaml *yaml, const struct pb_yaml_node *params,
		       const char *const *skip, uint64_t seed, const char *base_dir, struct pb_device *device,
		       struct pb_instance **ret_instance)
{
	struct pb_instance *instance;
	int rc = pb_instance_configure(loaded, yaml, params, skip, seed, base_dir, device, &instance);
	if (rc < 0)
		return rc;
	rc = pb_instance_start(instance);
	if (rc < 0) {
		rc = place_failure(yaml, params, rc);
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
