/* load.c: opens a plugin and checks its table before anything of it is used. */
#include <ctype.h>
#include <dlfcn.h>
#include <string.h>

#include "base/status.h"
#include "host/host_impl.h"

/* A slot of an operations table that may not be NULL. */
struct slot {
	const char *name;
	bool filled;
};

static int check_slots(const struct slot *slots, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!slots[i].filled)
			return pb_fail(PB_E_PLUGIN, "ops->%s is NULL, but every plugin of this kind needs it",
				       slots[i].name);
	return 0;
}

/* The plugin's table as one of the host's size: what an older plugin does not have is zero, what a newer one has beyond
 * is left out. */
static int adopt(const char *what, const void *theirs, uint32_t size, size_t least, void *table, size_t table_size)
{
	if (size < least)
		return pb_fail(PB_E_PLUGIN, "%s.struct_size is %u, but must be sizeof it, %zu at least", what, size,
			       least);
	memset(table, 0, table_size);
	memcpy(table, theirs, size < table_size ? size : table_size);
	return 0;
}

static int check_flags(uint32_t flags, uint32_t known)
{
	if (!(flags & ~known))
		return 0;
	return pb_fail(PB_E_PLUGIN, "ops->flags has bits that mean nothing: %#x", flags & ~known);
}

static bool has_string_param(const struct pb_plugin *plugin, const char *name)
{
	for (uint32_t i = 0; i < plugin->n_params; i++)
		if (!strcmp(plugin->params[i].name, name))
			return plugin->params[i].type == PB_TYPE_STRING;
	return false;
}

/* One of those a cell can be indexed by, each once. */
static int check_axes(const struct pb_setter_ops *ops)
{
	if (ops->flags & PB_SETTER_FREE_AXES)
		return ops->n_axes ? pb_fail(PB_E_PLUGIN, "ops->axes must be empty with PB_SETTER_FREE_AXES") : 0;
	if (!ops->axes || !ops->n_axes || ops->n_axes > PB_MAX_RANK)
		return pb_fail(PB_E_PLUGIN, "ops->axes must list 1 to %d axes, or the flags say PB_SETTER_FREE_AXES",
			       PB_MAX_RANK);
	for (uint32_t i = 0; i < ops->n_axes; i++) {
		uint8_t axis = ops->axes[i];
		if (axis != PB_AXIS_LAYER && (axis < PB_AXIS_POS || axis > PB_AXIS_SRC_POS))
			return pb_fail(PB_E_PLUGIN, "ops->axes[%u] is %u, which no cell is indexed by", i, axis);
		if (memchr(ops->axes, axis, i))
			return pb_fail(PB_E_PLUGIN, "ops->axes lists an axis twice");
	}
	return 0;
}

static int check_setter(const struct pb_plugin *plugin)
{
	const struct pb_setter_ops *ops = plugin->ops;
	const struct slot slots[] = {{"apply", ops->apply}};
	int rc = check_flags(ops->flags, PB_SETTER_SERIAL | PB_RAW_MEMORY | PB_SETTER_FREE_AXES);
	if (!rc)
		rc = check_slots(slots, PB_COUNT(slots));
	if (!rc)
		rc = check_axes(ops);
	if (rc < 0)
		return rc;
	if (ops->effect < PB_EFFECT_REPLACE_WHOLE || ops->effect > PB_EFFECT_LINEAR)
		return pb_fail(PB_E_PLUGIN, "ops->effect is %u, which is no enum pb_effect", ops->effect);
	if (ops->source > PB_SOURCE_MEAN)
		return pb_fail(PB_E_PLUGIN, "ops->source is %u, which is no enum pb_source", ops->source);
	if ((ops->effect == PB_EFFECT_LINEAR) != !!ops->adjoint)
		return pb_fail(PB_E_PLUGIN, "ops->adjoint goes with PB_EFFECT_LINEAR: both or neither");
	if (ops->source == PB_SOURCE_MEAN && !has_string_param(plugin, "split"))
		return pb_fail(PB_E_PLUGIN, "PB_SOURCE_MEAN needs a string parameter `split`");
	return 0;
}

static int check_metric(const struct pb_plugin *plugin)
{
	const struct pb_metric_ops *ops = plugin->ops;
	const struct slot slots[] = {{"unit", ops->unit}, {"score", ops->score}};
	int rc = check_flags(ops->flags, PB_METRIC_SERIAL | PB_METRIC_NEEDS_DISTRACTOR | PB_METRIC_NEEDS_REFERENCE |
						 PB_METRIC_LOWER_IS_BETTER | PB_METRIC_CROSS_ENTROPY);
	return rc ? rc : check_slots(slots, PB_COUNT(slots));
}

static int check_dataset(const struct pb_plugin *plugin)
{
	const struct pb_dataset_ops *ops = plugin->ops;
	const struct slot slots[] = {
		{"create", ops->create},         {"needs", ops->needs},       {"n_splits", ops->n_splits},
		{"split", ops->split},           {"examples", ops->examples}, {"n_units", ops->n_units},
		{"token_text", ops->token_text}, {"destroy", ops->destroy},
	};
	int rc = check_flags(ops->flags, 0);
	if (!rc)
		rc = check_slots(slots, PB_COUNT(slots));
	if (!rc && !ops->unit != !ops->probe)
		rc = pb_fail(PB_E_PLUGIN, "ops->unit goes with ops->probe: both or neither");
	return rc;
}

static bool good_name(const char *name)
{
	if (!name || !islower((unsigned char)*name) || strlen(name) > 60)
		return false;
	while (islower((unsigned char)*name) || isdigit((unsigned char)*name) || *name == '_')
		name++;
	return !*name;
}

static bool good_line(const char *text)
{
	return text && text[strspn(text, " \t")] && !strpbrk(text, "\r\n");
}

static int check_texts(const struct pb_plugin *plugin)
{
	if (!good_name(plugin->name))
		return pb_fail(PB_E_PLUGIN, "its name `%.60s` is not of the form [a-z][a-z0-9_]*",
			       plugin->name ? plugin->name : "");
	if (!good_line(plugin->version))
		return pb_fail(PB_E_PLUGIN, "it has no version");
	if (!good_line(plugin->summary))
		return pb_fail(PB_E_PLUGIN, "it has no summary of one line");
	return 0;
}

static int check_plugin(const struct pb_plugin *plugin)
{
	int rc = check_texts(plugin);
	if (rc < 0)
		return rc;
	if (plugin->kind == PB_KIND_EXECUTOR)
		return pb_fail(PB_E_UNSUPPORTED, "this patchbay takes no executor plugins");
	if (plugin->kind < PB_KIND_SETTER || plugin->kind > PB_KIND_EXECUTOR)
		return pb_fail(PB_E_PLUGIN, "its kind is %u, which is no enum pb_kind", plugin->kind);
	if (!plugin->ops)
		return pb_fail(PB_E_PLUGIN, "its ops are NULL");
	if (plugin->n_extensions && !plugin->extensions)
		return pb_fail(PB_E_PLUGIN, "it counts %u extensions, but they are NULL", plugin->n_extensions);
	return pb_schema_check(plugin->params, plugin->n_params, plugin->params_size, plugin->name);
}

static int check_ops(const struct pb_plugin *plugin)
{
	switch (plugin->kind) {
	case PB_KIND_SETTER: return check_setter(plugin);
	case PB_KIND_METRIC: return check_metric(plugin);
	default: return check_dataset(plugin);
	}
}

/* From here on plugin->ops are the host's copy. */
static int adopt_ops(struct pb_arena *arena, struct pb_plugin *plugin)
{
	static const struct {
		size_t size, least;
	} tables[] = {
		[PB_KIND_SETTER] = {sizeof(struct pb_setter_ops), PB_SETTER_OPS_LEAST},
		[PB_KIND_METRIC] = {sizeof(struct pb_metric_ops), PB_METRIC_OPS_LEAST},
		[PB_KIND_DATASET] = {sizeof(struct pb_dataset_ops), PB_DATASET_OPS_LEAST},
	};
	size_t size = tables[plugin->kind].size;
	uint32_t theirs;
	void *ops = pb_arena_alloc(arena, size);
	if (!ops)
		return -PB_E_NOMEM;
	memcpy(&theirs, plugin->ops, sizeof theirs); /* every table begins with its size */
	int rc = adopt("ops", plugin->ops, theirs, tables[plugin->kind].least, ops, size);
	if (!rc)
		plugin->ops = ops;
	return rc;
}

/* The table's own block was made by the same compiler as the note; when they differ somebody patched one of them. */
static int take(const char *path, const struct pb_plugin *theirs, struct pb_arena *arena, struct pb_load *load)
{
	struct pb_plugin *plugin = pb_arena_alloc(arena, sizeof *plugin);
	int rc = plugin ? pb_abi_compare(path, &theirs->abi) : -PB_E_NOMEM;
	if (!rc)
		rc = adopt("patchbay_plugin", theirs, theirs->struct_size, PB_PLUGIN_LEAST, plugin, sizeof *plugin);
	if (rc < 0)
		return rc;
	if (good_name(plugin->name)) {
		load->kind = plugin->kind;
		load->name = pb_arena_strdup(arena, plugin->name);
		if (!load->name)
			return -PB_E_NOMEM;
	}
	rc = check_plugin(plugin);
	if (!rc)
		rc = adopt_ops(arena, plugin);
	if (!rc)
		rc = check_ops(plugin);
	if (!rc)
		load->plugin = plugin;
	return rc;
}

int pb_plugin_load(const char *path, struct pb_arena *arena, struct pb_load *load)
{
	int rc = pb_abi_check_file(path);
	if (rc < 0)
		return rc;
	load->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!load->handle)
		return pb_fail(PB_E_PLUGIN, "the loader says: %s", dlerror());
	const struct pb_plugin *plugin = dlsym(load->handle, "patchbay_plugin");
	if (plugin)
		rc = take(path, plugin, arena, load);
	else
		rc = pb_fail(PB_E_PLUGIN, "it does not export patchbay_plugin; write PB_EXPORT in front of the table");
	if (rc < 0) {
		dlclose(load->handle);
		load->handle = NULL;
	}
	return rc;
}
