/* schema_keys.c: keys that are not in a table, and what was meant by them. */
#include <string.h>

#include "base/schema_impl.h"
#include "base/status.h"
#include "base/utf8.h"

enum { SHOWN = 64, LISTED = 24 };

/* The names that a key may have, the table's first. */
struct names {
	const char **items;
	size_t count;
};

static bool known(const struct pb_schema_reader *r, const char *key)
{
	for (size_t i = 0; i < r->n_table; i++)
		if (!strcmp(r->table[i].name, key))
			return true;
	for (const char *const *s = r->skip; s && *s; s++)
		if (!strcmp(*s, key))
			return true;
	return false;
}

static int names_of(const struct pb_schema_reader *r, struct names *ret_names)
{
	struct names n = {.count = r->n_table};
	for (const char *const *s = r->skip; s && *s; s++)
		n.count++;
	n.items = pb_arena_array(&r->yaml->arena, n.count + 1, sizeof *n.items);
	for (size_t i = 0; n.items && i < n.count; i++)
		n.items[i] = i < r->n_table ? r->table[i].name : r->skip[i - r->n_table];
	*ret_names = n;
	return n.items ? 0 : -PB_E_NOMEM;
}

bool pb_schema_reader_lacks(const struct pb_schema_reader *r, const struct pb_yaml_node *map, const char *key)
{
	struct names names = {0};
	if (pb_yaml_get(map, key))
		return false;
	for (size_t i = 0; map && map->kind == PB_YAML_MAP && i < map->count; i++) {
		if (known(r, map->keys[i]->text))
			continue;
		if (!names.items && names_of(r, &names))
			return true;
		const char *near = pb_nearest(map->keys[i]->text, names.items, names.count);
		if (near && !strcmp(near, key))
			return false;
	}
	return true;
}

bool pb_schema_lacks(struct pb_yaml *yaml, const struct pb_yaml_node *map, const struct pb_param *table,
		     size_t n_table, const char *const *skip, const char *key)
{
	struct pb_schema_reader r = {yaml, table, n_table, skip, ""};
	return pb_schema_reader_lacks(&r, map, key);
}

static int list_keys(const struct pb_schema_reader *r, const struct pb_yaml_node *key, const char *text,
		     const struct names *names)
{
	struct pb_text list = {0};
	for (size_t i = 0; i < names->count && i < LISTED; i++)
		pb_text_add(&list, "%s%s", i ? ", " : "", names->items[i]);
	int rc = pb_text_status(&list);
	if (!rc)
		rc = pb_yaml_error(r->yaml, key, "unknown key `%s` in %s; its keys are %s%s", text, r->where,
				   list.data, names->count > LISTED ? ", ..." : "");
	pb_text_finish(&list);
	return rc;
}

static int unknown(const struct pb_schema_reader *r, const struct pb_yaml_node *map, const struct pb_yaml_node *key,
		   const struct names *names)
{
	char text[SHOWN];
	const char *near = pb_nearest(key->text, names->items, names->count);
	pb_utf8_shown(key->text, text, sizeof text);
	if (near)
		return pb_yaml_error(r->yaml, key, "unknown key `%s` in %s; did you mean `%s`%s?", text, r->where,
				     near, pb_yaml_get(map, near) ? ", which is there already" : "");
	if (!names->count)
		return pb_yaml_error(r->yaml, key, "unknown key `%s` in %s, which has no keys; remove it", text,
				     r->where);
	return list_keys(r, key, text, names);
}

int pb_schema_refuse_unknown(const struct pb_schema_reader *r, const struct pb_yaml_node *map)
{
	struct names names = {0};
	int rc = 0;
	for (size_t i = 0; i < map->count; i++) {
		if (known(r, map->keys[i]->text))
			continue;
		if (!names.items && names_of(r, &names))
			return -PB_E_NOMEM;
		rc = unknown(r, map, map->keys[i], &names);
		if (rc == -PB_E_NOMEM)
			return rc;
	}
	return rc;
}
