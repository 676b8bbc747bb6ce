/* yaml_parse.c: the tree from libyaml's events, refusing what experiment files do not need. */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/file.h"
#include "base/status.h"
#include "base/utf8.h"
#include "base/yaml_impl.h"

struct parse {
	struct pb_yaml *yaml;
	const char *origin; /* NULL: the file itself */
	yaml_parser_t parser;
	yaml_event_t event;            /* the current one */
	struct pb_yaml_node **pending; /* children of the open lists and maps */
	size_t n_pending, room, n_nodes;
	int depth;
};

static int parse_node(struct parse *p, struct pb_yaml_node **ret_node);

/* Fails at the current event. */
#define FAIL_HERE(p, ...) pb_yaml_fail_at((p)->yaml, &(struct pb_yaml_node[]){place(p, 0)}[0], __VA_ARGS__)

static struct pb_yaml_node place(const struct parse *p, int width)
{
	yaml_mark_t mark = p->event.start_mark;
	return pb_yaml_place(p->origin, mark.line, mark.column, width);
}

static int next_event(struct parse *p)
{
	yaml_event_delete(&p->event);
	return yaml_parser_parse(&p->parser, &p->event) ? 0 : pb_yaml_fail_syntax(p->yaml, p->origin, &p->parser);
}

static int new_node(struct parse *p, enum pb_yaml_kind kind, struct pb_yaml_node **ret_node)
{
	yaml_mark_t start = p->event.start_mark, end = p->event.end_mark;
	if (++p->n_nodes > PB_YAML_MAX_NODES)
		return FAIL_HERE(
		        p, "too large: more than %d values; large data belongs into a file that the dataset reads",
		        PB_YAML_MAX_NODES);
	struct pb_yaml_node *node = pb_arena_alloc(&p->yaml->arena, sizeof *node);
	if (!node)
		return -PB_E_NOMEM;
	int width = kind != PB_YAML_SCALAR ? 0 : end.line == start.line ? (int)(end.column - start.column) : -1;
	*node = place(p, width);
	node->kind = kind;
	*ret_node = node;
	return 0;
}

static int push(struct parse *p, struct pb_yaml_node *node)
{
	if (p->n_pending == p->room) {
		size_t room = p->room ? p->room * 2 : 64;
		struct pb_yaml_node **pending = realloc(p->pending, room * sizeof *pending);
		if (!pending)
			return pb_fail_nomem(room * sizeof *pending, "a YAML file");
		p->pending = pending;
		p->room = room;
	}
	p->pending[p->n_pending++] = node;
	return 0;
}

static int refuse_properties(struct parse *p, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	static const char core[] = "tag:yaml.org,2002:"; /* `!!` for short */
	char shown[PB_YAML_SHOWN];
	const char *name = (const char *)tag;
	bool is_core = tag && !strncmp(name, core, sizeof core - 1);
	if (anchor)
		return FAIL_HERE(p, "anchors (`&%s`) are not supported; write the value out where it is needed",
		                 pb_utf8_shown((const char *)anchor, shown, sizeof shown));
	if (tag)
		return FAIL_HERE(p, "tags (`%s%s`) are not supported; remove it, or put the text into quotes",
		                 is_core ? "!!" : "",
		                 pb_utf8_shown(is_core ? name + sizeof core - 1 : name, shown, sizeof shown));
	return 0;
}

static int parse_scalar(struct parse *p, struct pb_yaml_node **ret_node)
{
	struct pb_yaml_node *node;
	const char *value = (const char *)p->event.data.scalar.value;
	size_t length = p->event.data.scalar.length;
	int rc = refuse_properties(p, p->event.data.scalar.anchor, p->event.data.scalar.tag);
	if (!rc)
		rc = new_node(p, PB_YAML_SCALAR, &node);
	if (rc < 0)
		return rc;
	if (memchr(value, '\0', length))
		return FAIL_HERE(p, "a text must not contain the character NUL; remove the \\0");
	node->text = pb_arena_strndup(&p->yaml->arena, value, length);
	if (!node->text)
		return -PB_E_NOMEM;
	node->quoted = p->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	*ret_node = node;
	return 0;
}

static int enter(struct parse *p)
{
	if (++p->depth > PB_YAML_MAX_DEPTH)
		return FAIL_HERE(p, "nested too deep: more than %d lists and mappings in each other",
		                 PB_YAML_MAX_DEPTH);
	return 0;
}

static int parse_list(struct parse *p, struct pb_yaml_node **ret_node)
{
	struct pb_yaml_node *node, *item;
	size_t first = p->n_pending;
	int rc = refuse_properties(p, p->event.data.sequence_start.anchor, p->event.data.sequence_start.tag);
	if (rc < 0 || (rc = enter(p)) < 0 || (rc = new_node(p, PB_YAML_LIST, &node)) < 0)
		return rc;
	while (!(rc = next_event(p)) && p->event.type != YAML_SEQUENCE_END_EVENT)
		if ((rc = parse_node(p, &item)) < 0 || (rc = push(p, item)) < 0)
			return rc;
	if (rc < 0)
		return rc;
	node->count = p->n_pending - first;
	node->items = pb_arena_array(&p->yaml->arena, node->count, sizeof *node->items);
	if (!node->items)
		return -PB_E_NOMEM;
	if (node->count)
		memcpy(node->items, p->pending + first, node->count * sizeof *node->items);
	p->n_pending = first;
	p->depth--;
	*ret_node = node;
	return 0;
}

static int parse_key(struct parse *p, struct pb_yaml_node **ret_node)
{
	if (p->event.type != YAML_SCALAR_EVENT && p->event.type != YAML_ALIAS_EVENT)
		return FAIL_HERE(p, "a key must be a single word or text, not a list or a mapping");
	int rc = parse_node(p, ret_node);
	if (rc < 0)
		return rc;
	const struct pb_yaml_node *key = *ret_node;
	if (!key->quoted && !*key->text)
		return pb_yaml_fail_at(p->yaml, key,
		                       "a key is missing here; quote a text that starts with `: ` or `? `");
	if (!key->quoted && !strcmp(key->text, "<<"))
		return pb_yaml_fail_at(p->yaml, key, "merge keys (`<<`) are not supported; write the keys out");
	if (strlen(key->text) > PB_YAML_MAX_KEY)
		return pb_yaml_fail_at(p->yaml, key, "a key of %zu bytes; at most %d are allowed", strlen(key->text),
		                       PB_YAML_MAX_KEY);
	return 0;
}

static int compare_keys(const void *a, const void *b)
{
	const struct pb_yaml_node *x = *(struct pb_yaml_node *const *)a, *y = *(struct pb_yaml_node *const *)b;
	int order = strcmp(x->text, y->text);
	if (order)
		return order;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->column < y->column ? -1 : x->column > y->column;
}

/* Sorts, because a hostile file may have very many keys; `scratch` is free to be reordered. */
static int refuse_duplicates(struct parse *p, struct pb_yaml_node **scratch, size_t count)
{
	char shown[PB_YAML_SHOWN];
	qsort(scratch, count, sizeof *scratch, compare_keys);
	for (size_t i = 1; i < count; i++) {
		if (strcmp(scratch[i - 1]->text, scratch[i]->text))
			continue;
		pb_utf8_shown(scratch[i]->text, shown, sizeof shown);
		if (p->origin)
			return pb_yaml_fail_at(p->yaml, scratch[i],
			                       "the key `%s` stands twice in one mapping; remove one", shown);
		return pb_yaml_fail_at(p->yaml, scratch[i],
		                       "the key `%s` stands twice in one mapping, first in line %d; remove one", shown,
		                       scratch[i - 1]->line);
	}
	return 0;
}

/* Keys and values alternate in `pending`. */
static int finish_map(struct parse *p, struct pb_yaml_node *node, size_t first)
{
	node->count = (p->n_pending - first) / 2;
	node->keys = pb_arena_array(&p->yaml->arena, node->count, sizeof *node->keys);
	node->items = pb_arena_array(&p->yaml->arena, node->count, sizeof *node->items);
	if (!node->keys || !node->items)
		return -PB_E_NOMEM;
	for (size_t i = 0; i < node->count; i++) {
		node->keys[i] = p->pending[first + 2 * i];
		node->items[i] = p->pending[first + 2 * i + 1];
	}
	for (size_t i = 0; i < node->count; i++)
		p->pending[first + i] = node->keys[i];
	p->n_pending = first;
	return node->count ? refuse_duplicates(p, p->pending + first, node->count) : 0;
}

static int parse_map(struct parse *p, struct pb_yaml_node **ret_node)
{
	struct pb_yaml_node *node, *item;
	size_t first = p->n_pending;
	int rc = refuse_properties(p, p->event.data.mapping_start.anchor, p->event.data.mapping_start.tag);
	if (rc < 0 || (rc = enter(p)) < 0 || (rc = new_node(p, PB_YAML_MAP, &node)) < 0)
		return rc;
	while (!(rc = next_event(p)) && p->event.type != YAML_MAPPING_END_EVENT) {
		if ((rc = parse_key(p, &item)) < 0 || (rc = push(p, item)) < 0 || (rc = next_event(p)) < 0 ||
		    (rc = parse_node(p, &item)) < 0 || (rc = push(p, item)) < 0)
			return rc;
	}
	if (rc < 0 || (rc = finish_map(p, node, first)) < 0)
		return rc;
	p->depth--;
	*ret_node = node;
	return 0;
}

static int parse_node(struct parse *p, struct pb_yaml_node **ret_node)
{
	char shown[PB_YAML_SHOWN];
	switch (p->event.type) {
	case YAML_SCALAR_EVENT: return parse_scalar(p, ret_node);
	case YAML_SEQUENCE_START_EVENT: return parse_list(p, ret_node);
	case YAML_MAPPING_START_EVENT: return parse_map(p, ret_node);
	case YAML_ALIAS_EVENT:
		return FAIL_HERE(p, "aliases (`*%s`) are not supported; write the value out, or quote the text",
		                 pb_utf8_shown((const char *)p->event.data.alias.anchor, shown, sizeof shown));
	default: return pb_fail(PB_E_INTERNAL, "libyaml sent the event %d inside a document", (int)p->event.type);
	}
}

/* The one document; *ret_node is NULL where there is none. */
static int parse_stream(struct parse *p, struct pb_yaml_node **ret_node)
{
	int rc;
	*ret_node = NULL;
	if ((rc = next_event(p)) < 0 || (rc = next_event(p)) < 0)
		return rc;
	if (p->event.type == YAML_STREAM_END_EVENT)
		return 0;
	if ((rc = next_event(p)) < 0 || (rc = parse_node(p, ret_node)) < 0 || (rc = next_event(p)) < 0 ||
	    (rc = next_event(p)) < 0)
		return rc;
	if (p->event.type != YAML_STREAM_END_EVENT)
		return FAIL_HERE(p, "a second document starts here; a file holds one: split it, or remove the `---`");
	return 0;
}

static int parse_text(struct pb_yaml *yaml, const char *origin, const char *source, size_t size,
                      struct pb_yaml_node **ret_node)
{
	struct parse p = {.yaml = yaml, .origin = origin};
	struct pb_yaml_node *node;
	int rc = pb_yaml_check_bytes(yaml, origin, source, size);
	if (rc < 0)
		return rc;
	if (!yaml_parser_initialize(&p.parser))
		return pb_fail_nomem(sizeof p.parser, "libyaml's parser");
	yaml_parser_set_encoding(&p.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p.parser, (const unsigned char *)source, size);
	rc = parse_stream(&p, &node);
	yaml_event_delete(&p.event);
	yaml_parser_delete(&p.parser);
	free(p.pending);
	if (!rc)
		*ret_node = node;
	return rc;
}

struct pb_yaml_node *pb_yaml_node_new(struct pb_yaml *yaml, enum pb_yaml_kind kind, const char *origin)
{
	struct pb_yaml_node *node = pb_arena_alloc(&yaml->arena, sizeof *node);
	if (node)
		*node = (struct pb_yaml_node){
		        .kind = kind, .origin = origin, .text = kind == PB_YAML_SCALAR ? "" : NULL};
	return node;
}

struct pb_yaml_node *pb_yaml_value(struct pb_yaml *yaml, const char *origin, const char *text)
{
	struct pb_yaml_node *node = NULL;
	const char *kept = pb_arena_strdup(&yaml->arena, origin);
	if (!kept || parse_text(yaml, kept, text, strlen(text), &node) < 0)
		return NULL;
	return node ? node : pb_yaml_node_new(yaml, PB_YAML_SCALAR, kept);
}

/* Nothing at all stands for a map without keys. */
static int parse_root(struct pb_yaml *yaml, const char *source, size_t size)
{
	struct pb_yaml_node *root;
	int rc = parse_text(yaml, NULL, source, size, &root);
	if (rc < 0)
		return rc;
	if (!root || (root->kind == PB_YAML_SCALAR && !root->quoted && !*root->text)) {
		root = pb_yaml_node_new(yaml, PB_YAML_MAP, NULL);
		if (!root)
			return -PB_E_NOMEM;
		root->line = root->column = 1;
	}
	if (root->kind != PB_YAML_MAP)
		return pb_yaml_fail_at(yaml, root, "the file is %s; it must be a mapping, lines of `key: value`",
		                       pb_yaml_kind_name(root));
	yaml->root = root;
	return 0;
}

int pb_yaml_parse(const char *file, const char *source, size_t size, struct pb_yaml *ret_yaml)
{
	if (size > PB_YAML_MAX_SIZE)
		return pb_fail(PB_E_CONFIG, "%s: too large: %zu bytes; at most %d are read", file, size,
		               PB_YAML_MAX_SIZE);
	if (size >= 3 && !memcmp(source, "\xef\xbb\xbf", 3)) {
		source += 3;
		size -= 3;
	}
	struct pb_yaml yaml = {0};
	yaml.file = pb_arena_strdup(&yaml.arena, file);
	yaml.source = yaml.file ? pb_arena_strndup(&yaml.arena, source, size) : NULL;
	int rc = yaml.source ? parse_root(&yaml, yaml.source, size) : -PB_E_NOMEM;
	if (rc < 0)
		pb_arena_finish(&yaml.arena);
	else
		*ret_yaml = yaml;
	return rc;
}

int pb_yaml_read(const char *path, struct pb_yaml *ret_yaml)
{
	void *source;
	size_t size;
	int rc = pb_file_read(path, PB_YAML_MAX_SIZE, &source, &size);
	if (rc < 0)
		return rc;
	rc = pb_yaml_parse(path, source, size, ret_yaml);
	free(source);
	return rc;
}

void pb_yaml_finish(struct pb_yaml *yaml)
{
	pb_arena_finish(&yaml->arena);
	*yaml = (struct pb_yaml){0};
}
