/* check_file.c: what can be told of a file without running any of it; and its loading. */
#include <string.h>

#include "base/status.h"
#include "conform/check_impl.h"
#include "host/image.h"

/* The ABI, the entry symbol, the table and the parameters' tables: the registry refuses what is not in order there.
 */
int pb_check_file(struct pb_checkup *c)
{
	return pb_loaded_read(c->options->file, &c->loaded);
}

/* What AddressSanitizer adds to a plugin is none of its author's. */
static int list_strangers(const char *const *names, size_t n, struct pb_text *out)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], "patchbay_plugin") != 0 && strncmp(names[i], "__odr_asan.", 11) != 0)
			pb_text_add(out, "%s`%s`", out->length ? ", " : "", names[i]);
	int rc = pb_text_status(out);
	if (rc || !out->length)
		return rc;
	return pb_fail(PB_E_PLUGIN,
		       "it exports %s besides patchbay_plugin, where another plugin may have the same: compile with "
		       "-fvisibility=hidden, or make them static",
		       out->data);
}

int pb_check_symbols(struct pb_checkup *c)
{
	struct pb_image *image;
	struct pb_arena arena = {0};
	struct pb_text text = {0};
	const char *const *names;
	size_t n;
	int rc = pb_image_open(c->loaded->path, &image);
	if (rc)
		return rc;
	rc = pb_image_exports(image, &arena, &names, &n);
	if (!rc)
		rc = list_strangers(names, n, &text);
	pb_text_finish(&text);
	pb_arena_finish(&arena);
	pb_image_close(image);
	return rc;
}

static bool is_blank(const char *text)
{
	return !text[strspn(text, " \t\r\n")];
}

static int check_extensions(const struct pb_plugin *plugin)
{
	for (uint32_t i = 0; i < plugin->n_extensions; i++) {
		const char *id = plugin->extensions[i].id;
		if (is_blank(id) || !strchr(id, '/'))
			return pb_fail(PB_E_PLUGIN,
				       "extensions[%u] has the id `%s`, which is not of the form NAME/VERSION", i,
				       id);
		if (!plugin->extensions[i].ops)
			return pb_fail(PB_E_PLUGIN, "extension `%s` has no ops", id);
	}
	return 0;
}

int pb_check_texts(struct pb_checkup *c)
{
	const struct pb_plugin *plugin = c->loaded->plugin;
	if (plugin->doc && is_blank(plugin->doc))
		return pb_fail(PB_E_PLUGIN, "its doc is blank: write what it is for, or leave it out (NULL)");
	if (plugin->author && is_blank(plugin->author))
		return pb_fail(PB_E_PLUGIN, "its author is blank: write a name, or leave it out (NULL)");
	int rc = check_extensions(plugin);
	if (!rc && !plugin->doc)
		pb_check_note(c, "it has no doc: `patchbay plugin info %s` can only show its summary", plugin->name);
	return rc;
}

/* Loaded it is already when a test with code of the plugin runs. */
int pb_check_load(struct pb_checkup *c)
{
	return c->loaded->live ? 0 : pb_fail(PB_E_INTERNAL, "it is not loaded");
}
