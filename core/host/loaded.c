/* loaded.c: one plugin file by its path. */
#include <dlfcn.h>
#include <stdlib.h>

#include "base/status.h"
#include "host/host_impl.h"

/* `loaded` is first: the two have one address. */
struct single {
	struct pb_loaded loaded;
	struct pb_load load;
	struct pb_arena arena;
};

int pb_loaded_open(const char *path, struct pb_loaded **ret_loaded)
{
	struct single *s = calloc(1, sizeof *s);
	if (!s)
		return pb_fail_nomem(sizeof *s, path);
	s->loaded.path = pb_arena_strdup(&s->arena, path);
	int rc = s->loaded.path ? pb_plugin_load(s->loaded.path, &s->arena, &s->load) : -PB_E_NOMEM;
	if (rc) {
		pb_loaded_close(&s->loaded);
		return rc;
	}
	s->loaded.name = s->load.name;
	s->loaded.plugin = s->load.plugin;
	*ret_loaded = &s->loaded;
	return 0;
}

void pb_loaded_close(struct pb_loaded *loaded)
{
	struct single *s = (struct single *)loaded;
	if (!s)
		return;
	if (s->load.handle)
		dlclose(s->load.handle);
	pb_arena_finish(&s->arena);
	free(s);
}
