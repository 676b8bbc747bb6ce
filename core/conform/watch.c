/* watch.c: copies before, comparison after. */
#include "conform/watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"

static size_t size_of(const struct pb_instance *instance)
{
	return instance->loaded->plugin->params_size;
}

int pb_watch_init(struct pb_watch *watch, struct pb_instance *instance)
{
	void *params = malloc(size_of(instance) + 1);
	if (!params)
		return pb_fail_nomem(size_of(instance), "a copy of parameters");
	memcpy(params, instance->params, size_of(instance));
	watch->instance = instance;
	watch->params = params;
	memcpy(&watch->host, &instance->host, sizeof watch->host);
	return 0;
}

void pb_watch_finish(struct pb_watch *watch)
{
	free(watch->params);
	*watch = (struct pb_watch){0};
}

static int refuse(const struct pb_watch *watch, const char *call, const char *what)
{
	const struct pb_loaded *loaded = watch->instance->loaded;
	return pb_fail(PB_E_PLUGIN, "%s %s: %s wrote to %s: a mistake of the plugin, %s",
		       pb_kind_name(loaded->plugin->kind), loaded->plugin->name, call, what, loaded->path);
}

int pb_watch_check(const struct pb_watch *watch, const char *call)
{
	struct pb_instance *instance = watch->instance;
	int rc = 0;
	if (!instance)
		return 0;
	if (memcmp(watch->params, instance->params, size_of(instance)) != 0) {
		memcpy(instance->params, watch->params, size_of(instance));
		rc = refuse(watch, call, "its parameters");
	}
	if (memcmp(&watch->host, &instance->host, sizeof watch->host) != 0) {
		memcpy(&instance->host, &watch->host, sizeof watch->host);
		rc = refuse(watch, call, "the host's table");
	}
	return rc;
}
