/* load.c: reads a plugin's table from its file, or loads it, and checks the table before anything of it is used. */
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
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

/* The plugin's table, whose size stands `size_at` bytes into it, as one of the host's size (zeroed): what an older
 * plugin does not have stays zero, what a newer one has beyond is left out. */
static int adopt(const struct pb_image *image, const char *what, const void *theirs, size_t size_at, size_t least,
		 void *table, size_t table_size)
{
	uint32_t size;
	int rc = image ? pb_table_check_room(image, what, theirs, size_at + sizeof size) : 0;
	if (rc < 0)
		return rc;
	memcpy(&size, (const char *)theirs + size_at, sizeof size);
	if (size < least)
		return pb_fail(PB_E_PLUGIN, "%s.struct_size is %u, but must be sizeof it, %zu at least", what, size,
			       least);
	size_t taken = size < table_size ? size : table_size;
	rc = image ? pb_table_check_room(image, what, theirs, taken) : 0;
	if (!rc)
		memcpy(table, theirs, taken);
	return rc;
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

static int check_extensions(const struct pb_plugin *plugin)
{
	if (plugin->n_extensions && !plugin->extensions)
		return pb_fail(PB_E_PLUGIN, "it counts %u extensions, but they are NULL", plugin->n_extensions);
	for (uint32_t i = 0; i < plugin->n_extensions; i++) {
		const char *id = plugin->extensions[i].id;
		if (!good_line(id))
			return pb_fail(PB_E_PLUGIN, "extensions[%u] has no id", i);
		for (uint32_t k = 0; k < i; k++)
			if (!strcmp(id, plugin->extensions[k].id))
				return pb_fail(PB_E_PLUGIN, "extension `%.60s` stands twice in its table", id);
	}
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
	rc = check_extensions(plugin);
	if (rc < 0)
		return rc;
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

/* A kind that check_plugin has let pass. From here on plugin->ops are the host's copy. */
static int adopt_ops(const struct pb_image *image, struct pb_arena *arena, struct pb_plugin *plugin)
{
	static const struct {
		size_t size, least;
	} tables[] = {
		[PB_KIND_SETTER] = {sizeof(struct pb_setter_ops), PB_SETTER_OPS_LEAST},
		[PB_KIND_METRIC] = {sizeof(struct pb_metric_ops), PB_METRIC_OPS_LEAST},
		[PB_KIND_DATASET] = {sizeof(struct pb_dataset_ops), PB_DATASET_OPS_LEAST},
	};
	size_t size = tables[plugin->kind].size;
	void *ops = pb_arena_alloc(arena, size);
	int rc = ops ? 0 : -PB_E_NOMEM;
	if (!rc)
		rc = adopt(image, "ops", plugin->ops, 0, tables[plugin->kind].least, ops, size);
	if (!rc)
		plugin->ops = ops;
	return rc;
}

/* The note's block and the table's were made by the same compiler; when they differ somebody patched one of them. */
static int adopt_plugin(const char *path, const struct pb_image *image, const struct pb_plugin *theirs,
			struct pb_plugin *plugin)
{
	int rc = image ? pb_table_check_room(image, "patchbay_plugin", theirs, PB_PLUGIN_LEAST) : 0;
	if (!rc)
		rc = pb_abi_compare(path, &theirs->abi);
	if (!rc)
		rc = adopt(image, "patchbay_plugin", theirs, offsetof(struct pb_plugin, struct_size), PB_PLUGIN_LEAST,
			   plugin, sizeof *plugin);
	return rc;
}

/* Makes the host's copy of a plugin's table. With the image of its file, where the table lies, nothing in it is
 * trusted; without one it is a loaded file's, whose code runs anyway. */
static int take(const char *path, const struct pb_image *image, const struct pb_plugin *theirs,
		struct pb_arena *arena, struct pb_load *load)
{
	struct pb_plugin *plugin = pb_arena_alloc(arena, sizeof *plugin);
	int rc = plugin ? adopt_plugin(path, image, theirs, plugin) : -PB_E_NOMEM;
	if (!rc && image)
		rc = pb_table_check(image, plugin);
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
		rc = adopt_ops(image, arena, plugin);
	if (!rc && image)
		rc = pb_table_check_ops(image, plugin);
	if (!rc)
		rc = check_ops(plugin);
	if (!rc)
		load->plugin = plugin;
	return rc;
}

static int fail_unexported(void)
{
	return pb_fail(PB_E_PLUGIN, "it does not export patchbay_plugin; write PB_EXPORT in front of the table");
}

int pb_plugin_read(const char *path, struct pb_arena *arena, struct pb_load *load)
{
	struct pb_image *image;
	int rc = pb_image_open(path, &image);
	if (rc < 0)
		return rc;
	rc = pb_abi_check(path, image);
	const struct pb_plugin *plugin = pb_image_symbol(image, "patchbay_plugin");
	if (!rc)
		rc = plugin ? take(path, image, plugin, arena, load) : fail_unexported();
	if (!rc && !(load->build_id = pb_arena_strdup(arena, pb_image_build_id(image))))
		rc = -PB_E_NOMEM;
	if (rc < 0) {
		load->plugin = NULL;
		pb_image_close(image);
		return rc;
	}
	load->image = image;
	return 0;
}

/* The file may have been replaced since it was read, or make its table by code of its own. */
static int check_same(const struct pb_load *read, const struct pb_load *live)
{
	if (read->kind == live->kind && !strcmp(read->name, live->name))
		return 0;
	return pb_fail(PB_E_PLUGIN, "once loaded it is the %s `%s`, but its file says %s `%s`",
		       pb_kind_name(live->kind), live->name, pb_kind_name(read->kind), read->name);
}

static int take_live(const char *path, struct pb_arena *arena, struct pb_load *load)
{
	struct pb_load live = {0};
	const struct pb_plugin *plugin = dlsym(load->handle, "patchbay_plugin");
	int rc = plugin ? take(path, NULL, plugin, arena, &live) : fail_unexported();
	if (!rc)
		rc = check_same(load, &live);
	if (!rc)
		load->plugin = live.plugin;
	return rc;
}

struct opening {
	const char *path;
	void *handle;
	int error; /* errno */
};

static int open_it(void *opening)
{
	struct opening *o = opening;
	errno = 0;
	o->handle = dlopen(o->path, RTLD_NOW | RTLD_LOCAL);
	o->error = errno;
	return 0;
}

/* Its constructors run, and they are code like any other of it. */
static int open_guarded(const char *path, void **ret_handle)
{
	struct opening o = {.path = path};
	struct pb_fault fault;
	char text[128];
	pb_guard(open_it, &o, path, "its constructor", &fault);
	if (fault.happened) {
		pb_fault_text(&fault, text, sizeof text);
		return pb_fail(PB_E_PLUGIN, "while it was loaded it %s: a mistake of its constructor", text);
	}
	*ret_handle = o.handle;
	/* Without memory it finds reasons like a file that is not there. */
	if (!o.handle && o.error == ENOMEM)
		return pb_fail(PB_E_NOMEM, "out of memory (for loading %s)", path);
	return o.handle ? 0 : pb_fail(PB_E_PLUGIN, "the loader says: %s", dlerror());
}

int pb_plugin_open(const char *path, struct pb_arena *arena, struct pb_load *load)
{
	int rc = pb_abi_check_file(path);
	if (!rc)
		rc = open_guarded(path, &load->handle);
	if (rc < 0)
		return rc;
	rc = take_live(path, arena, load);
	if (rc < 0) {
		dlclose(load->handle);
		load->handle = NULL;
	}
	return rc;
}

void pb_plugin_forget_image(struct pb_load *load)
{
	pb_image_close(load->image);
	load->image = NULL;
}
