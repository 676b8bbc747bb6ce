/* table.c: does a plugin's table, as its file states it, stay inside the file? Whether it makes sense is load.c's
 * matter, and base/schema_check.c's; they and all others may follow its pointers once this has said yes. */
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "host/host_impl.h"

/* Together, over all levels: a table that leads back into itself has no end. */
enum {
	MOST_LEVELS = 9, /* as in base/schema_check.c: 8 below the first */
	MOST_PARAMS = 4000,
	MOST_CHOICES = 1000, /* of one parameter */
	MOST_EXTENSIONS = 1000,
	MOST_TEXT = 1 << 20,
	MOST_DEFAULTS = 64 << 20, /* bytes that the defaults can come to */
	PARSED_BYTE = 64,         /* bytes that one of their text takes, parsed */
};

struct walk {
	const struct pb_image *image;
	char where[200]; /* "params[2].": what the members belong to */
	uint32_t n_params;
	size_t text;
};

static int damaged(const struct walk *w, const char *member, const char *how)
{
	return pb_fail(PB_E_PLUGIN, "its table is damaged: %s%s %s", w->where, member, how);
}

/* `count` items, or NULL, which others judge. */
static int check_room(const struct walk *w, const char *member, const void *at, size_t count, size_t size,
		      size_t align)
{
	if (!at || pb_image_holds(w->image, at, count * size, align))
		return 0;
	return damaged(w, member, "leads out of the file");
}

static int check_text(struct walk *w, const char *member, const char *text)
{
	int rc = check_room(w, member, text, 1, 1, 1);
	if (rc < 0 || !text)
		return rc;
	size_t room = MOST_TEXT - w->text, length = strnlen(text, room);
	w->text += length < room ? length + 1 : length;
	return length < room ? 0 : damaged(w, member, "makes its texts longer than 1 MiB together");
}

static int check_choices(struct walk *w, const struct pb_param *p)
{
	for (size_t i = 0; p->choices; i++) {
		char member[32];
		snprintf(member, sizeof member, "choices[%zu]", i);
		if (i == MOST_CHOICES)
			return damaged(w, "choices", "are more than 1000");
		if (!pb_image_holds(w->image, p->choices + i, sizeof *p->choices, alignof(const char *)))
			return damaged(w, "choices", "lead out of the file");
		if (!p->choices[i])
			break;
		int rc = check_text(w, member, p->choices[i]);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int check_params(struct walk *w, const char *member, const struct pb_param *table, uint32_t count, int level,
			uint64_t *weight);

/* Adds to *weight the most bytes that one record, and that the parameter's default can take: each item of a list has
 * two brackets in the text, and may hold whatever its own fields can. */
static int check_fields(struct walk *w, const struct pb_param *p, int level, uint64_t *weight)
{
	uint64_t item = p->fields_size;
	int rc = check_params(w, "fields", p->fields, p->n_fields, level + 1, &item);
	if (rc < 0)
		return rc;
	uint64_t items = p->type == PB_TYPE_RECORD_LIST && p->default_text ? strlen(p->default_text) / 2 : 0;
	*weight += item * (1 + items);
	return *weight > MOST_DEFAULTS ? damaged(w, "default_text", "makes its defaults larger than 64 MiB") : 0;
}

static int check_param(struct walk *w, const struct pb_param *p, int level, uint64_t *weight)
{
	int rc = check_text(w, "name", p->name);
	if (!rc)
		rc = check_text(w, "default_text", p->default_text);
	if (!rc)
		rc = check_text(w, "unit", p->unit);
	if (!rc)
		rc = check_text(w, "doc", p->doc);
	if (!rc)
		rc = check_choices(w, p);
	if (rc < 0)
		return rc;
	*weight += p->default_text ? strlen(p->default_text) * PARSED_BYTE : 0;
	return check_fields(w, p, level, weight);
}

static int check_params(struct walk *w, const char *member, const struct pb_param *table, uint32_t count, int level,
			uint64_t *weight)
{
	int rc = check_room(w, member, table, count, sizeof *table, alignof(struct pb_param));
	if (rc < 0 || !table)
		return rc;
	if (level == MOST_LEVELS && count)
		return damaged(w, member, "are nested too deep");
	size_t length = strlen(w->where);
	for (uint32_t i = 0; !rc && i < count; i++) {
		if (w->n_params++ == MOST_PARAMS)
			return damaged(w, member, "are more than 4000, with the nested ones");
		snprintf(w->where + length, sizeof w->where - length, "%s[%u].", member, i);
		rc = check_param(w, &table[i], level, weight);
		w->where[length] = '\0';
	}
	return rc;
}

static int check_extensions(struct walk *w, const struct pb_plugin *plugin)
{
	int rc = check_room(w, "extensions", plugin->extensions, plugin->n_extensions, sizeof *plugin->extensions,
			    alignof(struct pb_extension));
	if (!rc && plugin->n_extensions > MOST_EXTENSIONS)
		rc = damaged(w, "extensions", "are more than 1000");
	for (uint32_t i = 0; !rc && plugin->extensions && i < plugin->n_extensions; i++) {
		char member[40];
		snprintf(member, sizeof member, "extensions[%u].id", i);
		rc = check_text(w, member, plugin->extensions[i].id);
	}
	return rc;
}

int pb_table_check_room(const struct pb_image *image, const char *what, const void *at, size_t size)
{
	const struct walk w = {.image = image};
	return check_room(&w, what, at, 1, size, alignof(uint64_t));
}

int pb_table_check(const struct pb_image *image, const struct pb_plugin *plugin)
{
	struct walk w = {.image = image};
	uint64_t weight = plugin->params_size;
	int rc = check_text(&w, "name", plugin->name);
	if (!rc)
		rc = check_text(&w, "version", plugin->version);
	if (!rc)
		rc = check_text(&w, "author", plugin->author);
	if (!rc)
		rc = check_text(&w, "summary", plugin->summary);
	if (!rc)
		rc = check_text(&w, "doc", plugin->doc);
	if (!rc)
		rc = check_params(&w, "params", plugin->params, plugin->n_params, 0, &weight);
	return rc ? rc : check_extensions(&w, plugin);
}

int pb_table_check_ops(const struct pb_image *image, const struct pb_plugin *plugin)
{
	struct walk w = {.image = image};
	const struct pb_setter_ops *setter = plugin->ops;
	const struct pb_metric_ops *metric = plugin->ops;
	switch (plugin->kind) {
	case PB_KIND_SETTER: return check_room(&w, "ops->axes", setter->axes, setter->n_axes, 1, 1);
	case PB_KIND_METRIC: return check_text(&w, "ops->unit", metric->unit);
	default: return 0;
	}
}
