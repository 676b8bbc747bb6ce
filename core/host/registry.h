/* registry.h: finds, checks, loads and instantiates plugins.
 *
 * Plugins are looked for in PATCHBAY_PLUGIN_PATH (colon-separated), then $XDG_DATA_HOME/patchbay/plugins (or
 * ~/.local/share/...), then the system's folder (given at build time; in a build tree, the build's own plugins).
 * Never where an experiment file says.
 *
 * The registry reads what a plugin is from its file, as data; it runs none of its code. A plugin is loaded, which
 * runs its constructors, when an experiment asks for it; it stays loaded until the registry is destroyed.
 */
#ifndef PB_HOST_REGISTRY_H
#define PB_HOST_REGISTRY_H

#include <patchbay/dataset.h>
#include <patchbay/metric.h>
#include <patchbay/plugin.h>
#include <patchbay/setter.h>

#include "base/schema.h"
#include "host/guard.h"

struct pb_device;

/* One plugin file. A file that is no plugin, or did not load, stays in the list with its reason. */
struct pb_loaded {
	const char *path;
	const char *name;               /* plugin->name, or the file's base name when that is not known */
	const struct pb_plugin *plugin; /* the host's copy, and so are its ops: of the host's size, whatever the
	                                 * plugin's was, with zeros for what it lacks; NULL: did not load */
	const char *build_id;           /* the linker's, in hexadecimal; "": it has none. NULL with plugin */
	bool live;                      /* it is loaded: its functions may be called, and instances made */
	const char *reason;             /* why plugin is NULL */
	const struct pb_loaded *shadowed_by; /* an earlier folder has the same kind and name */
};

/* One file by its path, which need be in no folder of the registry's: reading runs nothing of it, and makes an entry
 * that is not live; opening loads it. On failure the text says why it is no plugin, or does not load. Closing (NULL
 * allowed) comes after its instances have been destroyed. */
int pb_loaded_read(const char *path, struct pb_loaded **ret_loaded);
int pb_loaded_open(struct pb_loaded *loaded);
void pb_loaded_close(struct pb_loaded *loaded);

struct pb_registry;

/* Reads the folders, and runs no plugin's code; a folder or a plugin that fails is no error here. */
int pb_registry_create(struct pb_registry **ret_registry);
void pb_registry_destroy(struct pb_registry *registry); /* NULL allowed; all instances must be destroyed before */
size_t pb_registry_count(const struct pb_registry *registry);
const struct pb_loaded *pb_registry_at(const struct pb_registry *registry, size_t i);
/* The plugin to use, loaded: `plugin` is the live table then, and the one read from the file is gone. One that turns
 * out not to load becomes a failed file, and what it shadowed takes its place. Not for two threads at once.
 * On failure records at `at` (a node of yaml; both may be NULL) what was looked for, the nearest name
 * of that kind, why a file of that name did not load, and where plugins are looked for. */
int pb_registry_find(struct pb_registry *registry, enum pb_kind kind, const char *name, struct pb_yaml *yaml,
		     const struct pb_yaml_node *at, const struct pb_loaded **ret_loaded);
const char *pb_kind_name(enum pb_kind kind); /* "setter" */
/* Folder i of those searched, in their order, and what became of it ("4 files", "no such folder"); NULL past the last. */
const char *pb_registry_folder(const struct pb_registry *registry, size_t i, const char **ret_state);

/* Compares the ABI note without loading the file. On failure the text lists every differing field, host
 * against plugin, and what to rebuild. */
int pb_abi_check_file(const char *path);

/* One configured plugin. */
struct pb_instance {
	const struct pb_loaded *loaded;
	struct pb_host host; /* what the plugin sees */
	void *params;
	void *self;
	struct pb_fault fault; /* the last that a call of it made */
	uint8_t tried[256];    /* see pb_instance_first */
	struct pb_instance_impl *impl;
};

/* Where plugins' log lines go, and the host's own about them; NULL (the default): nowhere. Called from any thread.
 * `who` is "setter noise". To be set before any registry or instance is made. */
typedef void pb_host_log_sink(void *context, int level, const char *who, const char *text);
void pb_host_set_log(pb_host_log_sink *sink, void *context);

/* `loaded` is live. `params` is a map whose keys `skip` belong to others, or NULL for defaults. base_dir: where
 * read_file looks. device runs the view operations; it may be NULL for datasets and metrics. A mistake in params is
 * recorded in yaml, whether the table finds it or the plugin; then it returns -PB_E_CONFIG. yaml owns the parameters'
 * lists and must outlive the instance, as must params; where it is NULL, the instance owns them, and a mistake is the
 * error text. */
int pb_instance_create(const struct pb_loaded *loaded, struct pb_yaml *yaml, const struct pb_yaml_node *params,
		       const char *const *skip, uint64_t seed, const char *base_dir, struct pb_device *device,
		       struct pb_instance **ret_instance);
void pb_instance_destroy(struct pb_instance *instance); /* NULL allowed */
/* Whether the instance is asked so about `what`, a small number, for the first time. Numbers 2048 apart count as one. */
bool pb_instance_first(struct pb_instance *instance, unsigned what);
/* Gives the text to the log as a warning; the instance's own name at its beginning, "setter noise: ", is left out. */
void pb_instance_warn(const struct pb_instance *instance, const char *text);
struct pb_device *pb_instance_device(const struct pb_instance *instance);
/* The files that the plugin has read, a line each: "file: NAME, checksum SUM". */
const char *pb_instance_files(const struct pb_instance *instance);

/* In two steps, for who has something to change in what the plugin will see: all but the plugin's own create, which
 * is calls.h's pb_instance_start. An instance that was not started, or failed to, is forgotten; others are destroyed. */
int pb_instance_configure(const struct pb_loaded *loaded, struct pb_yaml *yaml, const struct pb_yaml_node *params,
			  const char *const *skip, uint64_t seed, const char *base_dir, struct pb_device *device,
			  struct pb_instance **ret_instance);
void pb_instance_forget(struct pb_instance *instance); /* NULL allowed */

/* What a plugin declares. Its calls are calls.h's. */
static inline const struct pb_setter_ops *pb_setter_ops(const struct pb_instance *i)
{
	return i->loaded->plugin->ops;
}
static inline const struct pb_metric_ops *pb_metric_ops(const struct pb_instance *i)
{
	return i->loaded->plugin->ops;
}
static inline const struct pb_dataset_ops *pb_dataset_ops(const struct pb_instance *i)
{
	return i->loaded->plugin->ops;
}

#endif
