/* loaded.c: one plugin file by its path. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "host/host_impl.h"

/* `loaded` is first: the two have one address. */
struct single {
	struct pb_loaded loaded;
	struct pb_load load;
	struct pb_arena arena;
};

static void show(struct single *s)
{
	s->loaded.name = s->load.name;
	s->loaded.plugin = s->load.plugin;
	s->loaded.build_id = s->load.build_id;
	s->loaded.live = s->load.handle;
}

int pb_loaded_read(const char *path, struct pb_loaded **ret_loaded)
{
	struct single *s = calloc(1, sizeof *s);
	if (!s)
		return pb_fail_nomem(sizeof *s, path);
	/* Without a slash, dlopen would look for it elsewhere. */
	s->loaded.path = pb_arena_printf(&s->arena, "%s%s", strchr(path, '/') ? "" : "./", path);
	int rc = s->loaded.path ? pb_plugin_read(s->loaded.path, &s->arena, &s->load) : -PB_E_NOMEM;
	if (rc) {
		pb_loaded_close(&s->loaded);
		return rc;
	}
	show(s);
	*ret_loaded = &s->loaded;
	return 0;
}

int pb_loaded_open(struct pb_loaded *loaded)
{
	struct single *s = (struct single *)loaded;
	int rc = loaded->live ? 0 : pb_plugin_open(loaded->path, &s->arena, &s->load);
	if (!rc)
		show(s);
	return rc;
}

void pb_loaded_close(struct pb_loaded *loaded)
{
	struct single *s = (struct single *)loaded;
	if (!s)
		return;
	pb_plugin_forget_image(&s->load);
	if (s->load.handle)
		dlclose(s->load.handle);
	pb_arena_finish(&s->arena);
	free(s);
}
