/* cmd_plugin.c: `patchbay plugin`: finds the subcommand; `list` and `info` are here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/plugin_show.h"

static const char usage[] =
	"usage: patchbay plugin list [--json]\n"
	"                                    all plugins: kind, name, version, what each does, its file\n"
	"       patchbay plugin info NAME [--splits] [--json]\n"
	"                                    all about one: what it is for, its parameters, how it works\n"
	"       patchbay plugin check FILE.so [options]\n"
	"                                    does it keep the contract? (`plugin check --help` tells more)\n"
	"       patchbay plugin new KIND NAME [--dir FOLDER]\n"
	"                                    a project to write a setter, metric or dataset in\n"
	"       patchbay plugin replay CAPSULE\n"
	"                                    a call that failed in a run, once more\n"
	"\n"
	"  --splits  also makes the dataset with its default parameters and lists its splits: this runs the\n"
	"            plugin's code, which nothing else here does\n"
	"  --json    prints JSON: an object with the list `plugins`\n"
	"\n"
	"Plugins are looked for in the folders of PATCHBAY_PLUGIN_PATH (parted by `:`), then in\n"
	"$XDG_DATA_HOME/patchbay/plugins (or ~/.local/share/patchbay/plugins), then in the system's folder.\n"
	"Of two plugins of one kind and name, the first found is used; the other is shadowed.\n"
	"\n"
	"example: patchbay plugin info layer_head\n";

/* What list and info were asked for. */
struct request {
	const char *command; /* "list" */
	const char *name;    /* NULL: all */
	bool splits, json, help;
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
	const struct pb_loaded **list = calloc(n + 1, sizeof *list);
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

static int info(struct pb_registry *registry, const struct pb_loaded *const *plugins, bool splits,
		struct pb_text *out)
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

static int answer(const struct request *r, struct pb_registry *registry, struct pb_text *out)
{
	const struct pb_loaded **plugins = sorted(registry);
	int rc = plugins ? 0 : -PB_E_NOMEM;
	if (!rc && r->name)
		rc = select_named(registry, plugins, r->name);
	if (!rc && r->json)
		add_json(registry, plugins, !r->name, out);
	else if (!rc && r->name)
		rc = info(registry, plugins, r->splits, out);
	else if (!rc)
		list(registry, plugins, out);
	free(plugins);
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
	} else {
		fprintf(stderr, "patchbay plugin: %s\n", pb_error_text());
	}
	pb_text_finish(&out);
	return pb_status_exit_code(rc);
}

static int wrong(const char *command, const char *what, const char *word, const char *nearest)
{
	fprintf(stderr, "patchbay plugin %s: %s `%s`", command, what, word);
	if (nearest)
		fprintf(stderr, "; did you mean `%s`?", nearest);
	fputs("\n(`patchbay plugin --help` tells more)\n", stderr);
	return 2;
}

static int parse(int argc, char **argv, bool names, struct request *ret_request)
{
	static const char *const options[] = {"--json", "--help", "--splits"};
	struct request r = {.command = argv[0]};
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];
		if (!strcmp(word, "--json"))
			r.json = true;
		else if (!strcmp(word, "--splits") && names)
			r.splits = true;
		else if (!strcmp(word, "--help") || !strcmp(word, "-h"))
			r.help = true;
		else if (*word == '-')
			return wrong(r.command, "unknown option", word, pb_nearest(word, options, names ? 3 : 2));
		else if (!names || r.name)
			return wrong(r.command, names ? "one name is enough; what is" : "it takes no name; what is",
				     word, NULL);
		else
			r.name = word;
	}
	if (r.json && r.splits)
		return wrong(r.command, "with --json there is no", "--splits", NULL);
	*ret_request = r;
	return 0;
}

static int list_or_info(int argc, char **argv, bool names)
{
	struct request r;
	int rc = parse(argc, argv, names, &r);
	if (rc)
		return rc;
	if (r.help) {
		fputs(usage, stdout);
		return 0;
	}
	if (names && !r.name) {
		fputs("patchbay plugin: which? Name a plugin behind `info`\n", stderr);
		fputs(usage, stderr);
		return 2;
	}
	return show(&r);
}

static int cmd_list(int argc, char **argv)
{
	return list_or_info(argc, argv, false);
}

static int cmd_info(int argc, char **argv)
{
	return list_or_info(argc, argv, true);
}

/* Each gets its own name as argv[0] and returns the process's exit code. */
static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"list", cmd_list},
	{"info", cmd_info},
	{"check", pb_cmd_plugin_check},
	{"new", pb_cmd_plugin_new},
	{"replay", pb_cmd_plugin_replay},
};

int pb_cmd_plugin(int argc, char **argv)
{
	const char *names[PB_COUNT(commands)], *nearest;
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(usage, stdout);
		return 0;
	}
	for (size_t i = 0; i < PB_COUNT(commands); i++) {
		names[i] = commands[i].name;
		if (argc > 1 && !strcmp(argv[1], names[i]))
			return commands[i].run(argc - 1, argv + 1);
	}
	nearest = argc > 1 ? pb_nearest(argv[1], names, PB_COUNT(commands)) : NULL;
	if (nearest)
		fprintf(stderr, "patchbay plugin: there is no `%s`; did you mean `%s`?\n", argv[1], nearest);
	fputs(usage, stderr);
	return 2;
}
