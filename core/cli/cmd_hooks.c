/* cmd_hooks.c: patchbay hooks: the points a model has, with shapes and short names. */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "ckpt/model_load.h"
#include "cli/cli.h"
#include "cli/experiment.h"
#include "exp/plan.h"

static void print_shape(const struct pb_site *site)
{
	static const char *const names[] = {"", "", "batch", "pos", "head", "dest_pos", "src_pos", ""};
	printf("[");
	for (int i = 0; i < site->rank; i++) {
		printf("%s%s", i ? ", " : "", names[site->axis[i]]);
		if (site->axis[i] == PB_AXIS_HEAD)
			printf(" %lld", (long long)site->features[0]);
		if (site->axis[i] == PB_AXIS_FEATURE)
			printf("%lld", (long long)site->features[1]);
	}
	printf("]");
}

/* The shortest name that a sweep may use for the point's family: "z", but "ln1.scale". */
static const char *short_name(const struct pb_sites *sites, const struct pb_site *site, char *name, size_t size)
{
	const char *hook = strstr(site->family, "hook_"), *brief = hook + 5;
	for (int i = 0; i < sites->n; i++) {
		const char *other = strstr(sites->items[i].family, "hook_") + 5;
		if (sites->items[i].kind == site->kind || strcmp(other, brief) != 0)
			continue;
		snprintf(name, size, "%.*s%s", (int)(hook - site->family), site->family, brief);
		return name;
	}
	return brief;
}

static int print_sites(const struct pb_model_config *config)
{
	struct pb_site_dims dims = pb_model_site_dims(config);
	struct pb_sites sites;
	char name[64];
	int rc = pb_sites_init(&sites, &dims);
	for (int i = 0; !rc && i < sites.n; i++) {
		const struct pb_site *site = &sites.items[i];
		printf("%-34s  %-19s ", site->name, short_name(&sites, site, name, sizeof name));
		print_shape(site);
		printf("%s\n", site->kind == PB_SITE_RESULT ? "  evaluated only when a sweep names it" : "");
	}
	if (!rc)
		pb_sites_finish(&sites);
	return rc;
}

static bool is_yaml(const char *path)
{
	const char *dot = strrchr(path, '.');
	return dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
}

static int experiment_hooks(const struct pb_cli_run *o)
{
	struct pb_config config;
	struct pb_device device = {0};
	static struct pb_plan plan;
	int rc = pb_config_open(o->file, o->sets.items, &config);
	if (rc)
		return rc;
	rc = pb_device_open_cpu(o->threads, &device);
	if (!rc)
		rc = pb_plan_make_model_only(&config, &device, &plan);
	if (!rc) {
		rc = print_sites(&plan.model.config);
		pb_plan_finish(&plan);
	}
	pb_device_close(&device);
	pb_config_finish(&config);
	return rc;
}

static int checkpoint_hooks(const char *path)
{
	struct pb_ckpt ckpt;
	struct pb_model_config config = {0};
	int rc = pb_ckpt_read(path, &ckpt);
	if (rc)
		return rc;
	rc = pb_ckpt_model_config(&ckpt, &config);
	pb_ckpt_finish(&ckpt);
	return rc ? rc : print_sites(&config);
}

static int hooks(int argc, char **argv)
{
	struct pb_cli_run o;
	int code;
	if (!pb_cli_parse_run(&pb_cmd_hooks, argc, argv, &o, &code))
		return code;
	int rc = is_yaml(o.file) ? experiment_hooks(&o) : checkpoint_hooks(o.file);
	return rc ? pb_cli_fail(&pb_cmd_hooks, o.file, rc) : 0;
}

static const struct pb_cli_word operands[] = {
	{.name = "FILE|CHECKPOINT", .offer = PB_CLI_FILES, .suffixes = "yaml yml pt safetensors"},
	{0},
};

static const struct pb_cli_example examples[] = {
	{"hooks model_1.pt", "the points of a checkpoint's model"},
	{"hooks configs/quickstart.yaml --set model.n_layers=1", "those of an experiment, with one value changed"},
	{0},
};

const struct pb_cli_command pb_cmd_hooks = {
	.name = "hooks",
	.summary = "list the hook points of an experiment or a checkpoint",
	.doc = "Lists the hook points of an experiment's model, or of a checkpoint (.pt, .safetensors), in order "
	       "of evaluation: full name, short name, shape. A sweep's `hook` takes either name.",
	.operands = operands,
	.options = (const struct pb_cli_option *const[]){&pb_cli_set, NULL},
	.examples = examples,
	.run = hooks,
};
