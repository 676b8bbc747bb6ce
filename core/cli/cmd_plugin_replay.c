/* cmd_plugin_replay.c: `patchbay plugin replay CAPSULE`: a plugin's call that failed in a run, once more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "conform/replay.h"
#include "host/image.h"

static void add_plugin(const struct pb_capsule *c, const struct pb_loaded *loaded, struct pb_text *out)
{
	struct pb_image *image = NULL;
	const char *now = pb_image_open(loaded->path, &image) < 0 ? "" : pb_image_build_id(image);
	const char *then = c->build_id ? c->build_id : "";
	pb_text_add(out, "%s %s %s, %s\n", pb_kind_name(c->kind), c->name, loaded->plugin->version, loaded->path);
	if (strcmp(now, then) != 0)
		pb_text_add(out, "built anew since the capsule was written (build id %.12s then, %.12s now)\n", then, now);
	else if (!*now)
		pb_text_add(out, "without a build id: whether it was built anew since cannot be told\n");
	pb_image_close(image);
	pb_text_add(out, "then: %s\n", c->failure);
}

static int make_instance(const struct pb_capsule *c, const struct pb_loaded *loaded, struct pb_yaml *yaml,
			 struct pb_device *device, struct pb_instance **ret_instance)
{
	int rc = pb_instance_create(loaded, yaml, yaml->root, NULL, c->seed, c->base_dir, device, ret_instance);
	return yaml->n_errors ? pb_yaml_status(yaml) : rc;
}

static int replay_with(const struct pb_capsule *c, const struct pb_loaded *loaded, struct pb_text *out)
{
	struct pb_yaml yaml;
	struct pb_device device;
	struct pb_instance *instance = NULL;
	int rc = pb_device_open_cpu(0, &device);
	if (rc)
		return rc;
	rc = pb_yaml_parse("the capsule's parameters", c->params, strlen(c->params), &yaml);
	if (!rc) {
		rc = make_instance(c, loaded, &yaml, &device, &instance);
		if (!rc)
			rc = pb_capsule_replay(c, instance, &device, out);
		pb_instance_destroy(instance);
		pb_yaml_finish(&yaml);
	}
	pb_device_close(&device);
	return rc;
}

static int replay(const struct pb_capsule *c)
{
	struct pb_registry *registry;
	const struct pb_loaded *loaded;
	struct pb_text out = {0};
	int rc = pb_registry_create(&registry);
	if (rc)
		return rc;
	rc = pb_registry_find(registry, c->kind, c->name, NULL, NULL, &loaded);
	if (!rc) {
		add_plugin(c, loaded, &out);
		rc = replay_with(c, loaded, &out);
	}
	if (out.data) {
		pb_utf8_disarm(out.data);
		fputs(out.data, stdout);
	}
	/* What the call did is told; what kept it from being made is not. */
	const bool told = out.data && strstr(out.data, "\nnow: ");
	pb_text_finish(&out);
	pb_registry_destroy(registry);
	if (rc && told)
		pb_error_clear();
	return rc;
}

static int run(int argc, char **argv)
{
	struct pb_capsule capsule;
	int code;
	if (!pb_cli_parse(&pb_cmd_plugin_replay, argc, argv, NULL, &code))
		return code;
	int rc = pb_capsule_read(argv[1], &capsule);
	if (rc)
		return pb_cli_fail(&pb_cmd_plugin_replay, NULL, rc);
	rc = replay(&capsule);
	if (rc && *pb_error_text())
		pb_cli_fail(&pb_cmd_plugin_replay, NULL, rc);
	pb_capsule_finish(&capsule);
	return rc ? 1 : 0;
}

static const struct pb_cli_word operands[] = {
	{.name = "CAPSULE", .offer = PB_CLI_FILES, .suffixes = "npz"},
	{0},
};

static const struct pb_cli_example examples[] = {
	{"plugin replay runs/first/capsules/1-setter-mine-apply.npz",
	 "the call that ended a cell, by the plugin as it is now"},
	{0},
};

const struct pb_cli_command pb_cmd_plugin_replay = {
	.name = "plugin replay",
	.summary = "a call that failed in a run, once more",
	.doc = "Makes a call again that failed in a run: with the inputs, parameters and seed that the capsule "
	       "keeps (RUN/capsules), by the plugin of that name that is found now (`patchbay plugin list`); the "
	       "capsule's own path is not trusted. Says what the call did then and does now; 0: it returns now and "
	       "all it wrote is finite, 1: it fails.\n\nIn a debugger, which stops where the plugin crashes:\ngdb "
	       "--args patchbay plugin replay CAPSULE",
	.operands = operands,
	.examples = examples,
	.run = run,
};
