/* yaml_tree.c: looking into a tree, and --set. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/scalar.h"
#include "base/status.h"
#include "base/utf8.h"
#include "base/yaml_impl.h"

struct pb_yaml_node *pb_yaml_get(const struct pb_yaml_node *map, const char *key)
{
	if (!map || map->kind != PB_YAML_MAP)
		return NULL;
	for (size_t i = 0; i < map->count; i++)
		if (!strcmp(map->keys[i]->text, key))
			return map->items[i];
	return NULL;
}

bool pb_yaml_is_null(const struct pb_yaml_node *node)
{
	return !node || (node->kind == PB_YAML_SCALAR && !node->quoted && pb_scalar_null(node->text));
}

const char *pb_yaml_kind_name(const struct pb_yaml_node *node)
{
	static _Thread_local char name[PB_YAML_SHOWN + 24];
	char shown[PB_YAML_SHOWN];
	double number;
	bool truth;
	if (pb_yaml_is_null(node))
		return "nothing";
	if (node->kind != PB_YAML_SCALAR)
		return node->kind == PB_YAML_LIST ? "a list" : "a mapping";
	const char *kind = "the text ";
	if (!node->quoted && pb_scalar_real(node->text, &number) == PB_SCALAR_OK)
		kind = "the number ";
	else if (!node->quoted && pb_scalar_bool(node->text, &truth))
		kind = "";
	pb_utf8_shown(node->text, shown, sizeof shown);
	snprintf(name, sizeof name, "%s`%s`", kind, shown);
	return name;
}

static int depth_of(const struct pb_yaml_node *node)
{
	int deepest = 0;
	for (size_t i = 0; i < node->count; i++) {
		int depth = depth_of(node->items[i]);
		deepest = depth > deepest ? depth : deepest;
	}
	return node->kind == PB_YAML_SCALAR ? 0 : deepest + 1;
}

/* Appends key: value; the arrays are copied, as the arena cannot grow them. */
static int add_to_map(struct pb_yaml *yaml, struct pb_yaml_node *map, const char *name, struct pb_yaml_node *value)
{
	struct pb_yaml_node **keys = pb_arena_array(&yaml->arena, map->count + 1, sizeof *keys);
	struct pb_yaml_node **items = pb_arena_array(&yaml->arena, map->count + 1, sizeof *items);
	struct pb_yaml_node *key = pb_yaml_node_new(yaml, PB_YAML_SCALAR, value->origin);
	if (!keys || !items || !key || !(key->text = pb_arena_strdup(&yaml->arena, name)))
		return -PB_E_NOMEM;
	if (map->count) {
		memcpy(keys, map->keys, map->count * sizeof *keys);
		memcpy(items, map->items, map->count * sizeof *items);
	}
	keys[map->count] = key;
	items[map->count] = value;
	map->keys = keys;
	map->items = items;
	map->count++;
	return 0;
}

static int find_item(const struct pb_yaml_node *list, const char *origin, const char *name, size_t *ret_i)
{
	char shown[PB_YAML_SHOWN];
	size_t digits = strspn(name, "0123456789");
	size_t i = strtoul(name, NULL, 10);
	if (digits && !name[digits] && i < list->count) {
		*ret_i = i;
		return 0;
	}
	pb_utf8_shown(name, shown, sizeof shown);
	if (!list->count)
		return pb_fail(PB_E_CONFIG, "%s: there is no item `%s`: the list is empty", origin, shown);
	return pb_fail(PB_E_CONFIG, "%s: there is no item `%s` in the list; its items are 0 .. %zu", origin, shown,
	               list->count - 1);
}

/* The part of a path that does not exist yet: maps in each other around the value. */
static struct pb_yaml_node *wrap(struct pb_yaml *yaml, char *const *names, size_t count, struct pb_yaml_node *value)
{
	while (count-- > 0) {
		struct pb_yaml_node *map = pb_yaml_node_new(yaml, PB_YAML_MAP, value->origin);
		if (!map || add_to_map(yaml, map, names[count], value) < 0)
			return NULL;
		value = map;
	}
	return value;
}

/* Walks down as far as the path exists, then adds the rest. Only the last step changes the tree. */
static int put(struct pb_yaml *yaml, char *const *names, size_t count, struct pb_yaml_node *value)
{
	char shown[PB_YAML_SHOWN];
	struct pb_yaml_node **slot = &yaml->root;
	for (size_t i = 0; i < count; i++) {
		struct pb_yaml_node *at = *slot;
		if (pb_yaml_is_null(at)) {
			value = wrap(yaml, names + i, count - i, value);
			break;
		}
		if (at->kind == PB_YAML_SCALAR)
			return pb_fail(PB_E_CONFIG, "%s: `%s` is %s; it has nothing below it", value->origin,
			               pb_utf8_shown(i ? names[i - 1] : "", shown, sizeof shown),
			               pb_yaml_kind_name(at));
		size_t item = 0;
		if (at->kind == PB_YAML_LIST) {
			int rc = find_item(at, value->origin, names[i], &item);
			if (rc < 0)
				return rc;
		}
		while (at->kind == PB_YAML_MAP && item < at->count && strcmp(at->keys[item]->text, names[i]))
			item++;
		if (item == at->count) {
			value = wrap(yaml, names + i + 1, count - i - 1, value);
			return value ? add_to_map(yaml, at, names[i], value) : -PB_E_NOMEM;
		}
		slot = &at->items[item];
	}
	if (!value)
		return -PB_E_NOMEM;
	*slot = value;
	return 0;
}

/* Cuts "a.b.c" at its points. */
static int split_path(const char *origin, char *path, char *names[PB_YAML_MAX_DEPTH], size_t *ret_count)
{
	size_t count = 0;
	for (char *next = path; next; count++) {
		char *name = next, *point = strchr(name, '.');
		if (point)
			*point = '\0';
		next = point ? point + 1 : NULL;
		if (count == PB_YAML_MAX_DEPTH)
			return pb_fail(PB_E_CONFIG, "%s: the path has more than %d parts", origin, PB_YAML_MAX_DEPTH);
		if (!*name)
			return pb_fail(PB_E_CONFIG,
			               "%s: a part of the path is empty; write path=value as in update.lr=1e-4",
			               origin);
		if (strlen(name) > PB_YAML_MAX_KEY)
			return pb_fail(PB_E_CONFIG, "%s: a part of the path has %zu bytes; at most %d are allowed",
			               origin, strlen(name), PB_YAML_MAX_KEY);
		names[count] = name;
	}
	*ret_count = count;
	return 0;
}

static bool printable(const char *text)
{
	for (const char *end = text + strlen(text); text < end;) {
		int32_t code = pb_utf8_read(&text, end);
		if (code < 0x20 || (code >= 0x7f && code < 0xa0))
			return false;
	}
	return true;
}

int pb_yaml_set(struct pb_yaml *yaml, const char *assignment)
{
	char shown[PB_YAML_SHOWN + 16], *names[PB_YAML_MAX_DEPTH];
	pb_utf8_shown(assignment, shown, sizeof shown);
	const char *origin = pb_arena_printf(&yaml->arena, "--set %s", shown), *equals = strchr(assignment, '=');
	if (!origin)
		return -PB_E_NOMEM;
	if (!equals)
		return pb_fail(PB_E_CONFIG, "%s: write path=value as in update.lr=1e-4", origin);
	char *path = pb_arena_strndup(&yaml->arena, assignment, (size_t)(equals - assignment));
	size_t count = 0;
	if (!path)
		return -PB_E_NOMEM;
	if (!printable(path))
		return pb_fail(PB_E_CONFIG, "%s: the path is not plain text", origin);
	int rc = split_path(origin, path, names, &count);
	if (rc < 0)
		return rc;
	struct pb_yaml_node *value = pb_yaml_value(yaml, origin, equals + 1);
	if (!value)
		return pb_error_status();
	if ((int)count + depth_of(value) > PB_YAML_MAX_DEPTH)
		return pb_fail(PB_E_CONFIG, "%s: nested too deep: more than %d lists and mappings in each other",
		               origin, PB_YAML_MAX_DEPTH);
	return put(yaml, names, count, value);
}
