/* cmd_plugin.c: `patchbay plugin` and its list of subcommands; `list` and `info` are here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/plugin_show.h"

/* What list and info were asked for. */
struct request {
	const struct pb_cli_command *command;
	const char *name; /* NULL: all */
	bool splits, json;
};

static int compare(const void *a, const void *b)
{
	const struct pb_loaded *x = *(const struct pb_loaded *const *)a, *y = *(const struct pb_loaded *const *)b;
	if (!x->plugin != !y->plugin)
		return x->plugin ? -1 : 1;
	if (x->plugin && x->plugin->kind != y->plugin->kind)
		return x->plugin->kind < y->plugin->kind ? -1 : 1;
	int order = strcmp(x->name, y->name);
	/* The one in use in front of those it shadows. */
	return order ? order : (x->shadowed_by != NULL) - (y->shadowed_by != NULL);
}

static const struct pb_loaded **sorted(const struct pb_registry *registry)
{
	size_t n = pb_registry_count(registry);
	const struct pb_loaded **list = calloc(n + 2, sizeof *list); /* ended by NULL, and room for one from elsewhere */
	if (!list) {
		pb_fail_nomem(n * sizeof *list, "the list of plugins");
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		list[i] = pb_registry_at(registry, i);
	qsort(list, n, sizeof *list, compare);
	return list;
}

static void add_folders(const struct pb_registry *registry, struct pb_text *out)
{
	const char *path, *state;
	pb_text_add(out, "looked in:\n");
	for (size_t i = 0; (path = pb_registry_folder(registry, i, &state)); i++)
		pb_text_add(out, "  %s (%s)\n", path, state);
}

static void list(const struct pb_registry *registry, const struct pb_loaded *const *plugins, struct pb_text *out)
{
	for (size_t i = 0; plugins[i]; i++)
		pb_plugin_add_line(plugins[i], out);
	pb_text_add(out, "%s", out->length ? "\n" : "");
	add_folders(registry, out);
}

static int fail_unknown(const struct pb_registry *registry, const struct pb_loaded *const *plugins, const char *name)
{
	size_t n = pb_registry_count(registry);
	const char **names = calloc(n + 1, sizeof *names);
	if (!names)
		return pb_fail_nomem(n * sizeof *names, "names");
	for (size_t i = 0; i < n; i++)
		names[i] = plugins[i]->name;
	const char *near = pb_nearest(name, names, n);
	free(names);
	struct pb_text text = {0};
	pb_text_add(&text, "there is no plugin `%s`", name);
	if (near)
		pb_text_add(&text, "; did you mean `%s`?", near);
	pb_text_add(&text, "\n`patchbay plugin list` shows all; ");
	add_folders(registry, &text);
	if (text.length)
		text.data[text.length - 1] = '\0';
	int rc = pb_text_status(&text);
	if (!rc)
		rc = pb_fail(PB_E_NOTFOUND, "%s", text.data);
	pb_text_finish(&text);
	return rc;
}

/* By its name; what did not load also by that of its file, KIND_NAME. */
static bool is_called(const struct pb_loaded *l, const char *name)
{
	const char *behind = l->plugin ? NULL : strchr(l->name, '_');
	return !strcmp(l->name, name) || (behind && !strcmp(behind + 1, name));
}

/* Drops from the list what is not called so. One name may be a setter's and a metric's, or shadowed: all are kept. */
static int select_named(const struct pb_registry *registry, const struct pb_loaded **plugins, const char *name)
{
	size_t n = 0;
	for (size_t i = 0; plugins[i]; i++)
		n += is_called(plugins[i], name);
	if (!n)
		return fail_unknown(registry, plugins, name);
	n = 0;
	for (size_t i = 0; plugins[i]; i++)
		if (is_called(plugins[i], name))
			plugins[n++] = plugins[i];
	plugins[n] = NULL;
	return 0;
}

static int info(struct pb_registry *registry, const struct pb_loaded *const *plugins, bool splits, struct pb_text *out)
{
	int rc = 0;
	for (size_t i = 0; !rc && plugins[i]; i++) {
		pb_text_add(out, "%s", i ? "\n" : "");
		if (plugins[i]->plugin)
			rc = pb_plugin_add_text(plugins[i], splits ? registry : NULL, out);
		else
			pb_plugin_add_line(plugins[i], out);
	}
	return rc;
}

/* `list` says where it looked, too. */
static void add_json(const struct pb_registry *registry, const struct pb_loaded *const *plugins, bool folders,
		     struct pb_text *out)
{
	struct pb_json json = {0};
	const char *path, *state;
	pb_json_open(&json, NULL, '{');
	pb_json_open(&json, "plugins", '[');
	for (size_t i = 0; plugins[i]; i++)
		pb_plugin_add_json(plugins[i], &json);
	pb_json_close(&json, ']');
	if (folders) {
		pb_json_open(&json, "folders", '[');
		for (size_t i = 0; (path = pb_registry_folder(registry, i, &state)); i++) {
			pb_json_open(&json, NULL, '{');
			pb_json_string(&json, "path", path);
			pb_json_string(&json, "state", state);
			pb_json_close(&json, '}');
		}
		pb_json_close(&json, ']');
	}
	pb_json_close(&json, '}');
	pb_text_add_bytes(&json.text, "\n", 1);
	*out = json.text;
}

static bool is_path(const char *name)
{
	size_t length = strlen(name);
	return strchr(name, '/') || (length > 3 && !strcmp(name + length - 3, ".so"));
}

/* The plugins that are asked for: all, those of a name, or the one in a file, which is *ret_single then. */
static int choose(const struct request *r, const struct pb_registry *registry, const struct pb_loaded **plugins,
		  struct pb_loaded **ret_single)
{
	if (!r->name)
		return 0;
	if (!is_path(r->name))
		return select_named(registry, plugins, r->name);
	if (r->splits)
		return pb_fail(PB_E_USAGE, "--splits is for plugins by their names: this one need be in none of the folders");
	int rc = pb_loaded_read(r->name, ret_single);
	plugins[0] = *ret_single;
	plugins[rc ? 0 : 1] = NULL;
	return rc;
}

static int answer(const struct request *r, struct pb_registry *registry, struct pb_text *out)
{
	const struct pb_loaded **plugins = sorted(registry);
	struct pb_loaded *single = NULL;
	int rc = plugins ? choose(r, registry, plugins, &single) : -PB_E_NOMEM;
	if (!rc && r->json)
		add_json(registry, plugins, !r->name, out);
	else if (!rc && r->name)
		rc = info(registry, plugins, r->splits, out);
	else if (!rc)
		list(registry, plugins, out);
	free(plugins);
	pb_loaded_close(single);
	return rc ? rc : pb_text_status(out);
}

static int show(const struct request *r)
{
	struct pb_registry *registry;
	struct pb_text out = {0};
	int rc = pb_registry_create(&registry);
	if (!rc) {
		rc = answer(r, registry, &out);
		pb_registry_destroy(registry);
	}
	if (!rc) {
		/* These are the texts of files that nobody may have vouched for. */
		pb_utf8_disarm(out.data);
		fputs(out.data, stdout);
	}
	pb_text_finish(&out);
	return rc ? pb_cli_fail(r->command, NULL, rc) : 0;
}

static const struct pb_cli_command list_command, info_command;

static int cmd_list(int argc, char **argv)
{
	struct request r = {.command = &list_command};
	int code;
	return pb_cli_parse(r.command, argc, argv, &r, &code) ? show(&r) : code;
}

static int cmd_info(int argc, char **argv)
{
	struct request r = {.command = &info_command};
	int code;
	if (!pb_cli_parse(r.command, argc, argv, &r, &code))
		return code;
	if (r.json && r.splits)
		return pb_cli_usage(r.command, "with --json there is no", "--splits", NULL);
	r.name = argv[1];
	return show(&r);
}

static const struct pb_cli_option
	json = {.name = "json", .type = PB_CLI_FLAG, .offset = offsetof(struct request, json),
		.doc = "print JSON: an object with the list `plugins`"},
	splits = {.name = "splits", .type = PB_CLI_FLAG, .offset = offsetof(struct request, splits),
		  .doc = "also make the dataset with its default parameters and list its splits: this runs the plugin's "
			 "code, which nothing else here does"};

static const struct pb_cli_word info_operands[] = {{.name = "NAME", .offer = PB_CLI_PLUGINS}, {0}};

static const struct pb_cli_example list_examples[] = {
	{"plugin list", "what `setter`, `metric`, `loss` and `data` can name, and where it was found"},
	{"plugin list --json", "the same for programs"},
	{0},
};

static const struct pb_cli_example info_examples[] = {
	{"plugin info layer_head", "a setter: its parameters, its axes, what it does to gradients"},
	{"plugin info build/setter_my_patch.so", "one that is in none of the folders"},
	{"plugin info oocl --splits", "a dataset, with the splits to train on and the units to probe"},
	{0},
};

static const struct pb_cli_command
	list_command = {
		.name = "plugin list",
		.summary = "all plugins: kind, name, version, what each does, its file",
		.options = (const struct pb_cli_option *const[]){&json, NULL},
		.examples = list_examples,
		.run = cmd_list,
	},
	info_command = {
		.name = "plugin info",
		.summary = "all about one: what it is for, its parameters, how it works",
		.doc = "NAME is a plugin's name, or the path of a file. Nothing of the plugin is run, but with --splits.",
		.operands = info_operands,
		.options = (const struct pb_cli_option *const[]){&splits, &json, NULL},
		.examples = info_examples,
		.run = cmd_info,
	};

static const struct pb_cli_command *const commands[] = {
	&list_command,
	&info_command,
	&pb_cmd_plugin_new, &pb_cmd_plugin_check,
	&pb_cmd_plugin_replay,
	NULL,
};

static const struct pb_cli_example examples[] = {
	{"plugin info layer_head", "all about one plugin"},
	{"plugin new setter my_patch", "a project to write one in"},
	{0},
};

const struct pb_cli_command pb_cmd_plugin = {
	.name = "plugin",
	.summary = "list plugins, show one, or start one",
	.doc = "Plugins are looked for in the folders of PATCHBAY_PLUGIN_PATH (parted by `:`), then in "
	       "$XDG_DATA_HOME/patchbay/plugins (or ~/.local/share/patchbay/plugins), then in the system's folder. "
	       "Of two plugins of one kind and name, the first found is used; the other is shadowed.",
	.examples = examples,
	.commands = commands,
};
