/* folders.h: folders of plugins for tests of the registry, which looks there and nowhere else but in the build's own. */
#ifndef PB_TESTS_HOST_FOLDERS_H
#define PB_TESTS_HOST_FOLDERS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/status.h"
#include "host/calls.h"
#include "support/support.h"

/* A fresh folder of plugins below the test's own. */
static inline const char *folder(const char *name)
{
	static char paths[8][4096];
	static int next;
	char *path = paths[next++ % 8];
	snprintf(path, sizeof paths[0], "%s/%s", pb_test_dir(), name);
	ck_assert_ok(pb_file_make_dir(path));
	return path;
}

static inline const char *built(const char *name)
{
	static char path[4096];
	snprintf(path, sizeof path, "%s/%s", getenv("PATCHBAY_BUILD"), name);
	return path;
}

/* Puts a built plugin ("tests/plugins/bad/good.so") into a folder. */
static inline void install(const char *plugin, const char *dir, const char *as)
{
	char path[8192];
	snprintf(path, sizeof path, "%s/%s", dir, as);
	ck_assert_int_eq(symlink(built(plugin), path), 0);
}

static inline void write_file(const char *dir, const char *name, const void *data, size_t size)
{
	char path[8192];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	ck_assert_ok(pb_file_write(path, data, size));
}

/* Looks only where the test says. */
static inline struct pb_registry *registry_of(const char *path)
{
	struct pb_registry *registry;
	setenv("PATCHBAY_PLUGIN_PATH", path, 1);
	setenv("XDG_DATA_HOME", pb_test_dir(), 1);
	ck_assert_ok(pb_registry_create(&registry));
	return registry;
}

static inline const struct pb_loaded *entry_at(const struct pb_registry *registry, const char *path)
{
	for (size_t i = 0; i < pb_registry_count(registry); i++)
		if (!strcmp(pb_registry_at(registry, i)->path, path))
			return pb_registry_at(registry, i);
	ck_abort_msg("%s is not listed", path);
}

static inline const struct pb_loaded *entry_in(const struct pb_registry *registry, const char *dir, const char *name)
{
	char path[8192];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return entry_at(registry, path);
}

static inline void check_contains(const char *text, const char *part)
{
	ck_assert_ptr_nonnull(text);
	ck_assert_msg(strstr(text, part) != NULL, "no `%s` in: %s", part, text);
}

/* The last warning, by pb_host_set_log(keep_log, logged). */
static char logged[4096];

static inline void keep_log(void *context, int level, const char *who, const char *text)
{
	ck_assert_ptr_eq(context, logged);
	ck_assert_int_eq(level, PB_LOG_WARNING);
	snprintf(logged, sizeof logged, "%s: %s", who, text);
}

#endif
