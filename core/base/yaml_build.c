/* yaml_build.c: making a tree by hand. */
#include <string.h>

#include "base/yaml_impl.h"

struct pb_yaml_node *pb_yaml_new(struct pb_yaml *yaml, enum pb_yaml_kind kind)
{
	return pb_yaml_node_new(yaml, kind, NULL);
}

struct pb_yaml_node *pb_yaml_new_text(struct pb_yaml *yaml, const char *text, bool quoted)
{
	struct pb_yaml_node *node = pb_yaml_new(yaml, PB_YAML_SCALAR);
	char *copy = pb_arena_strdup(&yaml->arena, text);
	if (!node || !copy)
		return NULL;
	node->text = copy;
	node->quoted = quoted;
	return node;
}

/* The array with room for one more: the arena cannot grow it, so its room doubles, at each power of two. */
static struct pb_yaml_node **grown(struct pb_yaml *yaml, struct pb_yaml_node **items, size_t count)
{
	if (count && count & (count - 1))
		return items;
	struct pb_yaml_node **copy = pb_arena_array(&yaml->arena, count ? 2 * count : 1, sizeof *copy);
	if (copy && count)
		memcpy(copy, items, count * sizeof *copy);
	return copy;
}

int pb_yaml_append(struct pb_yaml *yaml, struct pb_yaml_node *list, struct pb_yaml_node *item)
{
	struct pb_yaml_node **items = list && item ? grown(yaml, list->items, list->count) : NULL;
	if (!items)
		return -PB_E_NOMEM;
	list->items = items;
	list->items[list->count++] = item;
	return 0;
}

int pb_yaml_put(struct pb_yaml *yaml, struct pb_yaml_node *map, const char *key, struct pb_yaml_node *value)
{
	struct pb_yaml_node *name = map && value ? pb_yaml_new_text(yaml, key, true) : NULL;
	struct pb_yaml_node **keys = name ? grown(yaml, map->keys, map->count) : NULL;
	if (!keys)
		return -PB_E_NOMEM;
	map->keys = keys;
	keys[map->count] = name;
	return pb_yaml_append(yaml, map, value);
}
