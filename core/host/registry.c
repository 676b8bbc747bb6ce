/* registry.c: the folders of plugins, what is in them, and which plugin a name means. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/install.h"
#include "base/status.h"
#include "host/host_impl.h"
#include "host/trust.h"

struct folder {
	const char *path;
	const char *state;
	dev_t device;
	ino_t inode;
};

/* `loaded` is first: the two have one address. */
struct entry {
	struct pb_loaded loaded;
	struct pb_load load;
	size_t folder;
};

struct pb_registry {
	struct pb_arena arena;
	struct folder *folders;
	size_t n_folders;
	struct entry **entries;
	size_t n_entries, room;
};

static const char *const kind_names[] = {
	[PB_KIND_SETTER] = "setter",
	[PB_KIND_METRIC] = "metric",
	[PB_KIND_DATASET] = "dataset",
	[PB_KIND_EXECUTOR] = "executor",
};

const char *pb_kind_name(enum pb_kind kind)
{
	return kind >= PB_KIND_SETTER && kind <= PB_KIND_EXECUTOR ? kind_names[kind] : "plugin";
}

static struct entry *new_entry(struct pb_registry *r)
{
	if (r->n_entries == r->room) {
		size_t room = r->room ? 2 * r->room : 32;
		struct entry **entries = realloc(r->entries, room * sizeof *entries);
		if (!entries) {
			pb_fail_nomem(room * sizeof *entries, "plugins");
			return NULL;
		}
		r->entries = entries;
		r->room = room;
	}
	struct entry *e = pb_arena_alloc(&r->arena, sizeof *e);
	if (e)
		r->entries[r->n_entries++] = e;
	return e;
}

static bool same_plugin(const struct entry *a, const struct entry *b)
{
	return a->load.kind == b->load.kind && !strcmp(a->loaded.name, b->loaded.name);
}

/* The plugin that a name meant until now. */
static const struct entry *earlier(const struct pb_registry *r, const struct entry *e)
{
	for (size_t i = 0; i < r->n_entries && r->entries[i] != e; i++) {
		const struct entry *other = r->entries[i];
		if (other->loaded.plugin && !other->loaded.shadowed_by && same_plugin(other, e))
			return other;
	}
	return NULL;
}

static int reject(struct pb_registry *r, struct entry *e, const char *reason)
{
	e->loaded.plugin = NULL;
	e->loaded.build_id = NULL;
	pb_plugin_forget_image(&e->load);
	e->loaded.reason = pb_arena_strdup(&r->arena, reason);
	return e->loaded.reason ? 0 : -PB_E_NOMEM;
}

/* Two of one name in one folder: which is meant is a matter of chance. Across folders the order decides. */
static int place(struct pb_registry *r, struct entry *e)
{
	const struct entry *first = earlier(r, e);
	if (!first)
		return 0;
	if (first->folder != e->folder) {
		e->loaded.shadowed_by = &first->loaded;
		return 0;
	}
	pb_fail(PB_E_PLUGIN, "%s in the same folder is a %s of the same name; remove one", first->loaded.path,
		pb_kind_name(e->load.kind));
	return reject(r, e, pb_error_text());
}

/* A file that is no plugin is listed. Only memory can fail here. */
static int add_file(struct pb_registry *r, const char *name)
{
	const char *dir = r->folders[r->n_folders - 1].path;
	struct entry *e = new_entry(r);
	if (!e)
		return -PB_E_NOMEM;
	e->folder = r->n_folders - 1;
	e->loaded.path = pb_arena_printf(&r->arena, "%s/%s", dir, name);
	e->loaded.name = pb_arena_strndup(&r->arena, name, strlen(name) - strlen(".so"));
	if (!e->loaded.path || !e->loaded.name)
		return -PB_E_NOMEM;
	const char *untrusted = pb_trust_why_not(e->loaded.path);
	int rc = untrusted ? pb_fail(PB_E_PLUGIN, "%s", untrusted) : pb_plugin_read(e->loaded.path, &r->arena, &e->load);
	if (rc == -PB_E_NOMEM)
		return rc;
	if (rc < 0)
		return reject(r, e, pb_error_text());
	e->loaded.name = e->load.name;
	e->loaded.plugin = e->load.plugin;
	e->loaded.build_id = e->load.build_id;
	return place(r, e);
}

static int is_plugin_file(const struct dirent *d)
{
	size_t length = strlen(d->d_name);
	return d->d_name[0] != '.' && length > 3 && !strcmp(d->d_name + length - 3, ".so");
}

/* By bytes, so that what is loaded depends on no locale. */
static int compare_files(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_folder(struct pb_registry *r, struct folder *f)
{
	struct dirent **files;
	f->state = pb_trust_why_not(f->path);
	if (f->state)
		return 0;
	int n = scandir(f->path, &files, is_plugin_file, compare_files), rc = 0;
	if (n < 0) {
		f->state = pb_arena_printf(&r->arena, "cannot be read: %s", strerror(errno));
		return f->state ? 0 : -PB_E_NOMEM;
	}
	f->state = pb_arena_printf(&r->arena, "%d file%s", n, n == 1 ? "" : "s");
	if (!f->state)
		rc = -PB_E_NOMEM;
	for (int i = 0; i < n; i++) {
		if (!rc)
			rc = add_file(r, files[i]->d_name);
		free(files[i]);
	}
	free(files);
	return rc;
}

static int add_folder(struct pb_registry *r, const char *path)
{
	struct stat st;
	struct folder f = {.path = pb_arena_strdup(&r->arena, path), .state = "no such folder"};
	struct folder *folders = realloc(r->folders, (r->n_folders + 1) * sizeof *folders);
	if (folders)
		r->folders = folders;
	if (!f.path || !folders)
		return pb_fail_nomem(sizeof *folders, "plugin folders");
	bool there = stat(path, &st) == 0;
	if (there) {
		f.device = st.st_dev;
		f.inode = st.st_ino;
		/* Named twice, it is searched once. */
		for (size_t i = 0; i < r->n_folders; i++)
			if (folders[i].inode == f.inode && folders[i].device == f.device)
				return 0;
	} else if (errno != ENOENT) {
		f.state = pb_arena_printf(&r->arena, "cannot be read: %s", strerror(errno));
	}
	folders[r->n_folders++] = f;
	return there ? read_folder(r, &folders[r->n_folders - 1]) : 0;
}

static int add_listed_folders(struct pb_registry *r, const char *list)
{
	int rc = 0;
	while (!rc && list && *list) {
		size_t length = strcspn(list, ":");
		char *path = strndup(list, length);
		if (!path)
			return pb_fail_nomem(length, "a plugin folder");
		/* An empty entry must not come to mean the working folder, or the root. */
		if (length)
			rc = add_folder(r, path);
		free(path);
		list += length + (list[length] == ':');
	}
	return rc;
}

static int add_user_folder(struct pb_registry *r)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	const char *path = NULL;
	if (data && *data == '/')
		path = pb_arena_printf(&r->arena, "%s/patchbay/plugins", data);
	else if (home && *home == '/')
		path = pb_arena_printf(&r->arena, "%s/.local/share/patchbay/plugins", home);
	else
		return 0;
	return path ? add_folder(r, path) : -PB_E_NOMEM;
}

int pb_registry_create(struct pb_registry **ret_registry)
{
	struct pb_registry *r = calloc(1, sizeof *r);
	if (!r)
		return pb_fail_nomem(sizeof *r, "the plugin registry");
	int rc = add_listed_folders(r, getenv("PATCHBAY_PLUGIN_PATH"));
	if (!rc)
		rc = add_user_folder(r);
	if (!rc)
		rc = add_folder(r, pb_in_build_tree() ? PB_BUILD_DIR "/plugins" : PB_PLUGIN_DIR);
	if (rc < 0) {
		pb_registry_destroy(r);
		return rc;
	}
	pb_error_clear();
	*ret_registry = r;
	return 0;
}

void pb_registry_destroy(struct pb_registry *registry)
{
	if (!registry)
		return;
	for (size_t i = 0; i < registry->n_entries; i++) {
		struct pb_load *load = &registry->entries[i]->load;
		if (load->handle)
			dlclose(load->handle);
		pb_plugin_forget_image(load);
	}
	free(registry->entries);
	free(registry->folders);
	pb_arena_finish(&registry->arena);
	free(registry);
}

size_t pb_registry_count(const struct pb_registry *registry)
{
	return registry->n_entries;
}

const struct pb_loaded *pb_registry_at(const struct pb_registry *registry, size_t i)
{
	return &registry->entries[i]->loaded;
}

const char *pb_registry_folder(const struct pb_registry *registry, size_t i, const char **ret_state)
{
	if (i >= registry->n_folders)
		return NULL;
	*ret_state = registry->folders[i].state;
	return registry->folders[i].path;
}

/* Does a file that did not load look like the one that was wanted? */
static bool failed_namesake(const struct entry *e, enum pb_kind kind, const char *name)
{
	if (e->loaded.plugin)
		return false;
	if (e->load.name)
		return e->load.kind == kind && !strcmp(e->load.name, name);
	const char *kind_name = pb_kind_name(kind), *file = e->loaded.name;
	size_t length = strlen(kind_name);
	return !strcmp(file, name) ||
	       (!strncmp(file, kind_name, length) && file[length] == '_' && !strcmp(file + length + 1, name));
}

/* Returns whether one of them is near. */
static bool add_known(const struct pb_registry *r, enum pb_kind kind, const char *name, struct pb_text *out)
{
	const char **names = calloc(r->n_entries + 1, sizeof *names);
	size_t n = 0;
	for (size_t i = 0; names && i < r->n_entries; i++) {
		const struct entry *e = r->entries[i];
		if (e->loaded.plugin && e->load.kind == kind && !e->loaded.shadowed_by)
			names[n++] = e->loaded.name;
	}
	const char *near = n ? pb_nearest(name, names, n) : NULL;
	if (near)
		pb_text_add(out, "; did you mean `%s`?", near);
	for (size_t i = 0; i < n; i++)
		pb_text_add(out, "%s%s", i ? ", " : "\nthere are: ", names[i]);
	out->failed |= !names;
	free(names);
	return near;
}

/* The reason, most likely: it comes first. Returns whether there is one. */
static bool failed_namesakes(const struct pb_registry *r, enum pb_kind kind, const char *name, struct pb_text *out)
{
	const size_t before = out->length;
	for (size_t i = 0; i < r->n_entries; i++)
		if (failed_namesake(r->entries[i], kind, name))
			pb_text_add(out, "%s%s did not load: %s", out->length > before ? "\n" : "", r->entries[i]->loaded.path,
				    r->entries[i]->loaded.reason);
	return out->length > before;
}

static void describe_missing(const struct pb_registry *r, enum pb_kind kind, const char *name, struct pb_text *out)
{
	const char *at = failed_namesakes(r, kind, name, out) ? "\n" : "";
	pb_text_add(out, "%sthere is no %s plugin `%s`", at, pb_kind_name(kind), name);
	bool near = add_known(r, kind, name, out);
	for (size_t i = 0; i < r->n_entries; i++) {
		const struct entry *e = r->entries[i];
		if (e->loaded.plugin && e->load.kind != kind && !strcmp(e->loaded.name, name))
			pb_text_add(out, "\n`%s` is a %s, not a %s", name, pb_kind_name(e->load.kind),
				    pb_kind_name(kind));
	}
	/* A slip of the pen needs no search. */
	if (near)
		return;
	pb_text_add(out, "\nplugins are looked for in:");
	for (size_t i = 0; i < r->n_folders; i++)
		pb_text_add(out, "\n  %s (%s)", r->folders[i].path, r->folders[i].state);
}

static int fail_missing(const struct pb_registry *r, enum pb_kind kind, const char *name, struct pb_yaml *yaml,
			const struct pb_yaml_node *at)
{
	struct pb_text text = {0};
	describe_missing(r, kind, name, &text);
	int rc = pb_text_status(&text);
	if (!rc)
		rc = yaml ? pb_yaml_error(yaml, at, "%s", text.data) : pb_fail(PB_E_NOTFOUND, "%s", text.data);
	pb_text_finish(&text);
	return rc;
}

/* The user's own plugin does not load and another takes its place: that must not pass in silence. */
static void warn_about_failed(const struct pb_registry *r, const struct entry *used)
{
	for (size_t i = 0; i < r->n_entries && r->entries[i] != used; i++) {
		const struct entry *e = r->entries[i];
		if (failed_namesake(e, used->load.kind, used->loaded.name))
			pb_host_log(PB_LOG_WARNING, used->loaded.name, "%s did not load, so %s is used: %s",
				    e->loaded.path, used->loaded.path, e->loaded.reason);
	}
}

/* What it stood in front of is found in its place, or the next of those. */
static void unshadow(struct pb_registry *r, const struct entry *failed)
{
	const struct pb_loaded *next = NULL;
	for (size_t i = 0; i < r->n_entries; i++) {
		struct pb_loaded *l = &r->entries[i]->loaded;
		if (l->shadowed_by != &failed->loaded)
			continue;
		l->shadowed_by = next;
		next = next ? next : l;
	}
}

/* Only memory can fail here: a plugin that does not load is one of those that did not. */
static int make_live(struct pb_registry *r, struct entry *e)
{
	if (e->loaded.live)
		return 0;
	int rc = pb_plugin_open(e->loaded.path, &r->arena, &e->load);
	if (rc == -PB_E_NOMEM)
		return rc;
	if (rc < 0) {
		unshadow(r, e);
		rc = reject(r, e, pb_error_text());
		if (!rc)
			pb_error_clear();
		return rc;
	}
	e->loaded.plugin = e->load.plugin;
	e->loaded.live = true;
	pb_plugin_forget_image(&e->load);
	return 0;
}

int pb_registry_find(struct pb_registry *registry, enum pb_kind kind, const char *name, struct pb_yaml *yaml,
		     const struct pb_yaml_node *at, const struct pb_loaded **ret_loaded)
{
	for (size_t i = 0; i < registry->n_entries; i++) {
		struct entry *e = registry->entries[i];
		if (!e->loaded.plugin || e->load.kind != kind || strcmp(e->loaded.name, name) != 0)
			continue;
		int rc = make_live(registry, e);
		if (rc < 0)
			return rc;
		if (!e->loaded.plugin)
			continue;
		warn_about_failed(registry, e);
		*ret_loaded = &e->loaded;
		return 0;
	}
	return fail_missing(registry, kind, name, yaml, at);
}
