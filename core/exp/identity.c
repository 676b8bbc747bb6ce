/* identity.c: collected before a run begins. */
#include "exp/identity.h"

#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/status.h"
#include "exp/resolve.h"

/* An experiment's plugins are each told once. */
static void add_plugin(struct pb_text *out, const struct pb_instance *instance)
{
	const struct pb_plugin *p = instance->loaded->plugin;
	struct pb_text line = {0};
	pb_text_add(&line, "plugin: %s %s %s, build id %s\n", pb_kind_name((enum pb_kind)p->kind), p->name, p->version,
		    instance->loaded->build_id && *instance->loaded->build_id ? instance->loaded->build_id : "none");
	if (!line.failed && (!out->data || !strstr(out->data, line.data)))
		pb_text_add(out, "%s", line.data);
	out->failed |= line.failed;
	pb_text_finish(&line);
}

static int add_file(struct pb_text *out, const char *path)
{
	void *data;
	size_t size;
	int rc = pb_file_read(path, (size_t)1 << 40, &data, &size);
	if (rc)
		return rc;
	pb_text_add(out, "checkpoint: %s, checksum %016llx\n", path, (unsigned long long)pb_checksum(data, size));
	free(data);
	return 0;
}

static int add_files(const struct pb_plan *plan, struct pb_text *out)
{
	const struct pb_yaml_node *files = plan->config->checkpoints;
	int rc = plan->config->model.load ? add_file(out, plan->config->model.load) : 0;
	for (size_t i = 0; !rc && files && i < files->count; i++)
		if (files->items[i]->kind == PB_YAML_SCALAR)
			rc = add_file(out, files->items[i]->text);
	return rc;
}

int pb_identity(const struct pb_plan *plan, const char *engine, struct pb_text *out)
{
	struct pb_text config = {0};
	pb_text_add(out, "patchbay: %s, %s\n", PB_VERSION, __VERSION__);
	pb_text_add(out, "device: %s\nengine: %s\n",
		    *plan->device->description ? plan->device->description : plan->device->name, engine);
	add_plugin(out, plan->data);
	for (size_t i = 0; i < plan->n_scorers; i++)
		add_plugin(out, plan->scorers[i]->instance);
	for (size_t i = 0; i < plan->n_sweeps; i++)
		if (plan->sweeps[i].setter)
			add_plugin(out, plan->sweeps[i].setter);
	int rc = add_files(plan, out);
	if (!rc)
		rc = pb_resolve(plan, &config);
	if (!rc)
		pb_text_add(out, "%s", config.data ? config.data : "");
	pb_text_finish(&config);
	return rc ? rc : pb_text_status(out);
}
