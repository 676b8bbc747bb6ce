/* plugin_text.c: a plugin for people to read. */
#include <string.h>

#include "base/status.h"
#include "cli/plugin_show.h"
#include "cli/wrap.h"
#include "host/dataset.h"

void pb_plugin_add_line(const struct pb_loaded *l, struct pb_text *out)
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

static void add_params(const struct pb_param *table, size_t n, int indent, struct pb_text *out)
{
	for (size_t i = 0; i < n; i++) {
		const struct pb_param *p = &table[i];
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

const char *pb_axis_word(uint8_t axis)
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
		pb_text_add(out, "%s%s", i ? ", " : "", pb_axis_word(ops->axes[i]));
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
	pb_text_add(out, "gradient: %s\n",
		    ops->adjoint ? "yes, so it can be a loss" : "none, so it cannot be a loss");
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
static void add_default_splits(const struct pb_loaded *l, struct pb_text *out)
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

/* One that is shadowed is not what is found; and one that does not load, though its file looks well, is not
 * either. */
static int describe_dataset(const struct pb_loaded *l, struct pb_registry *registry, struct pb_text *out)
{
	const struct pb_loaded *found;
	if (!registry)
		pb_text_add(out, "splits and units: `--splits` runs the plugin and lists them\n");
	if (!registry || l->shadowed_by)
		return 0;
	int rc = pb_registry_find(registry, PB_KIND_DATASET, l->name, NULL, NULL, &found);
	if (!rc && found != l)
		rc = pb_fail(PB_E_PLUGIN, "%s did not load: %s", l->path, l->reason);
	if (!rc)
		add_default_splits(found, out);
	return rc;
}

static void add_file(const struct pb_loaded *l, struct pb_text *out)
{
	pb_text_add(out, "file: %s\nABI: %u.%u\n", l->path, l->plugin->abi.major, l->plugin->abi.minor);
	if (*l->build_id)
		pb_text_add(out, "build id: %s\n", l->build_id);
	if (l->shadowed_by)
		pb_text_add(out, "not used: shadowed by %s\n", l->shadowed_by->path);
}

int pb_plugin_add_text(const struct pb_loaded *l, struct pb_registry *registry, struct pb_text *out)
{
	const struct pb_plugin *p = l->plugin;
	int rc = 0;
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
	default: rc = describe_dataset(l, registry, out);
	}
	if (rc < 0)
		return rc;
	p = l->plugin; /* the live one, if it was made so */
	for (uint32_t i = 0; i < p->n_extensions; i++)
		pb_text_add(out, "extension: %s\n", p->extensions[i].id);
	add_file(l, out);
	return 0;
}
