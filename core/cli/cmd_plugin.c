/* cmd_plugin.c: `patchbay plugin list` and `patchbay plugin info NAME`; `new` is cmd_plugin_new.c's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "cli/cli.h"
#include "cli/wrap.h"
#include "host/dataset.h"

static const char usage[] =
	"usage: patchbay plugin list         all plugins: kind, name, version, what each does, its file\n"
	"       patchbay plugin info NAME    all about one: what it is for, its parameters, how it works\n"
	"       patchbay plugin new KIND NAME [--dir FOLDER]\n"
	"                                    a project to write a setter, metric or dataset in\n"
	"       patchbay plugin replay CAPSULE\n"
	"                                    a call that failed in a run, once more\n"
	"\n"
	"Plugins are looked for in the folders of PATCHBAY_PLUGIN_PATH (parted by `:`), then in\n"
	"$XDG_DATA_HOME/patchbay/plugins (or ~/.local/share/patchbay/plugins), then in the system's folder.\n"
	"Of two plugins of one kind and name, the first found is used; the other is shadowed.\n"
	"\n"
	"example: patchbay plugin info layer_head\n";

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

static void add_line(const struct pb_loaded *l, struct pb_text *out)
{
	const struct pb_plugin *p = l->plugin;
	if (!p) {
		pb_text_add(out, "failed   %s\n         ", l->path);
		pb_cli_wrap(out, l->reason, 9, 9);
		return;
	}
	size_t begin = out->length;
	pb_text_add(out, "%-8s %-27s %-7s ", pb_kind_name(p->kind), l->name, p->version);
	pb_cli_wrap(out, p->summary, 45, (int)(out->length - begin));
	pb_text_add(out, "%*s%s\n", 45, "", l->path);
	if (l->shadowed_by)
		pb_text_add(out, "%*sshadowed by %s\n", 45, "", l->shadowed_by->path);
}

static int list(const struct pb_registry *registry, struct pb_text *out)
{
	const struct pb_loaded **plugins = sorted(registry);
	if (!plugins)
		return -PB_E_NOMEM;
	for (size_t i = 0; plugins[i]; i++)
		add_line(plugins[i], out);
	free(plugins);
	pb_text_add(out, "%s", out->length ? "\n" : "");
	add_folders(registry, out);
	return 0;
}

static void add_params(const struct pb_param *table, size_t n, int indent, struct pb_text *out)
{
	for (const struct pb_param *p = table; p < table + n; p++) {
		pb_text_add(out, "%*s%s: ", indent, "", p->name);
		pb_schema_type_text(p, out);
		if (p->unit)
			pb_text_add(out, ", in %s", p->unit);
		if (!p->default_text)
			pb_text_add(out, "; required");
		else if (!strcmp(p->default_text, "~"))
			pb_text_add(out, "; optional");
		else if (strcmp(p->default_text, "{}"))
			pb_text_add(out, "; default %s", p->default_text);
		pb_text_add(out, "\n%*s", indent + 4, "");
		pb_cli_wrap(out, p->doc, indent + 4, indent + 4);
		add_params(p->fields, p->n_fields, indent + 4, out);
	}
}

static const char *axis_name(uint8_t axis)
{
	switch (axis) {
	case PB_AXIS_LAYER: return "layer";
	case PB_AXIS_POS: return "pos";
	case PB_AXIS_HEAD: return "head";
	case PB_AXIS_DEST_POS: return "dest_pos";
	default: return "src_pos";
	}
}

static void describe_setter(const struct pb_setter_ops *ops, struct pb_text *out)
{
	static const char *const effects[] = {
		[PB_EFFECT_REPLACE_WHOLE] = "replaces the whole activation (gradient: torch cuts the graph there)",
		[PB_EFFECT_REPLACE] = "replaces the region (gradient: torch lets no gradient through it)",
		[PB_EFFECT_ADD] = "adds to the region (the gradient passes)",
		[PB_EFFECT_LINEAR] = "a linear function of the region (the gradient passes through its transpose)",
	};
	static const char *const sources[] = {
		[PB_SOURCE_NONE] = "none",
		[PB_SOURCE_RUN] = "the same point in another run of the probe",
		[PB_SOURCE_MEAN] = "its mean over a dataset split",
	};
	pb_text_add(out, "axes: ");
	for (uint32_t i = 0; i < ops->n_axes; i++)
		pb_text_add(out, "%s%s", i ? ", " : "", axis_name(ops->axes[i]));
	pb_text_add(out, "%s\n", ops->flags & PB_SETTER_FREE_AXES ? "those that the sweep's `over` names" : "");
	pb_text_add(out, "effect: %s\nsource: %s\n", effects[ops->effect], sources[ops->source]);
	if (ops->flags & PB_SETTER_SERIAL)
		pb_text_add(out, "one call at a time\n");
	if (ops->flags & PB_RAW_MEMORY)
		pb_text_add(out, "works on raw memory: tensors are copied to the host for it\n");
}

static void describe_metric(const struct pb_metric_ops *ops, struct pb_text *out)
{
	pb_text_add(out, "unit: %s\n", ops->unit);
	pb_text_add(out, "better: %s\n", ops->flags & PB_METRIC_LOWER_IS_BETTER ? "lower" : "higher");
	pb_text_add(out, "gradient: %s\n", ops->adjoint ? "yes, so it can be a loss" : "none, so it cannot be a loss");
	if (ops->flags & PB_METRIC_NEEDS_DISTRACTOR)
		pb_text_add(out, "needs: a distractor in every question\n");
	if (ops->flags & PB_METRIC_NEEDS_REFERENCE)
		pb_text_add(out, "needs: the unpatched model's logits\n");
	if (ops->flags & PB_METRIC_SERIAL)
		pb_text_add(out, "one call at a time\n");
}

static void add_splits(struct pb_instance *instance, struct pb_text *out)
{
	int64_t d_vocab = 0, n_ctx = 0, n = pb_dataset_n_splits(instance);
	if (!pb_dataset_needs(instance, &d_vocab, &n_ctx))
		pb_text_add(out, "needs: d_vocab %lld, n_ctx %lld\n", (long long)d_vocab, (long long)n_ctx);
	pb_text_add(out, "units: %lld\nsplits:\n", (long long)pb_dataset_n_units(instance));
	for (int64_t i = 0; i < n; i++) {
		struct pb_split split;
		if (pb_dataset_split(instance, i, &split))
			continue;
		size_t begin = out->length;
		pb_text_add(out, "  %-30s %8lld  ", split.name, (long long)split.n_examples);
		pb_cli_wrap(out, split.doc, 43, (int)(out->length - begin));
	}
}

/* What a dataset offers depends on its parameters; with the defaults it can be shown, unless some are required. */
static void describe_dataset(const struct pb_loaded *l, struct pb_text *out)
{
	struct pb_instance *instance;
	if (pb_instance_create(l, NULL, NULL, NULL, 0, NULL, NULL, &instance) < 0) {
		pb_text_add(out, "splits and units: depend on the parameters\n");
		return;
	}
	pb_text_add(out, "With the default parameters:\n");
	add_splits(instance, out);
	pb_instance_destroy(instance);
}

static void describe(const struct pb_loaded *l, struct pb_text *out)
{
	const struct pb_plugin *p = l->plugin;
	pb_text_add(out, "%s %s %s%s%s\n", pb_kind_name(p->kind), p->name, p->version, p->author ? ", by " : "",
		    p->author ? p->author : "");
	pb_cli_wrap(out, p->summary, 0, 0);
	if (p->doc) {
		pb_text_add(out, "\n");
		pb_cli_wrap(out, p->doc, 0, 0);
	}
	pb_text_add(out, p->n_params ? "\nparameters:\n" : "\nparameters: none\n");
	add_params(p->params, p->n_params, 2, out);
	pb_text_add(out, "\n");
	switch (p->kind) {
	case PB_KIND_SETTER: describe_setter(p->ops, out); break;
	case PB_KIND_METRIC: describe_metric(p->ops, out); break;
	default: describe_dataset(l, out);
	}
	for (uint32_t i = 0; i < p->n_extensions; i++)
		pb_text_add(out, "extension: %s\n", p->extensions[i].id);
	pb_text_add(out, "file: %s\n", l->path);
	if (l->shadowed_by)
		pb_text_add(out, "not used: shadowed by %s\n", l->shadowed_by->path);
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

/* One name may be a setter's and a metric's, or shadowed: all are shown. */
static int info(const struct pb_registry *registry, const char *name, struct pb_text *out)
{
	const struct pb_loaded **plugins = sorted(registry);
	if (!plugins)
		return -PB_E_NOMEM;
	for (size_t i = 0; plugins[i]; i++) {
		if (!is_called(plugins[i], name))
			continue;
		pb_text_add(out, "%s", out->length ? "\n" : "");
		if (plugins[i]->plugin)
			describe(plugins[i], out);
		else
			add_line(plugins[i], out);
	}
	int rc = out->length || out->failed ? 0 : fail_unknown(registry, plugins, name);
	free(plugins);
	return rc;
}

static int show(const char *name)
{
	struct pb_registry *registry;
	struct pb_text out = {0};
	int rc = pb_registry_create(&registry);
	if (!rc) {
		rc = name ? info(registry, name, &out) : list(registry, &out);
		if (!rc)
			rc = pb_text_status(&out);
		if (!rc)
			fputs(out.data, stdout);
		pb_registry_destroy(registry);
	}
	if (rc < 0)
		fprintf(stderr, "patchbay plugin: %s\n", pb_error_text());
	pb_text_finish(&out);
	return pb_status_exit_code(rc);
}

int pb_cmd_plugin(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "new"))
		return pb_cmd_plugin_new(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "replay"))
		return pb_cmd_plugin_replay(argc - 1, argv + 1);
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(usage, stdout);
			return 0;
		}
	if (argc == 2 && !strcmp(argv[1], "list"))
		return show(NULL);
	if (argc == 3 && !strcmp(argv[1], "info"))
		return show(argv[2]);
	const char *const words[] = {"list", "info", "new", "replay"};
	const char *nearest = argc > 1 ? pb_nearest(argv[1], words, 4) : NULL;
	if (argc == 2 && !strcmp(argv[1], "info"))
		fputs("patchbay plugin: which? Name a plugin behind `info`\n", stderr);
	else if (argc > 1 && nearest && strcmp(argv[1], nearest) != 0)
		fprintf(stderr, "patchbay plugin: there is no `%s`; did you mean `%s`?\n", argv[1], nearest);
	fputs(usage, stderr);
	return 2;
}
