/* yaml_emit.c: a tree as text. Flow style for lists of scalars and for small maps in lists, block style otherwise. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "base/yaml_impl.h"

enum {
	SMALL = 100, /* bytes of a map that goes on one line */
	WRAP = 100,  /* columns after which a long list goes on in the next line */
};

/* Could a reader of any YAML version take it for something else than a text? Errs on the side of yes. */
static bool looks_special(const char *text)
{
	static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "~", "<<"};
	if (!*text || strchr("0123456789+-.", *text))
		return true;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (!strcasecmp(text, words[i]))
			return true;
	return false;
}

/* May stand without quotes anywhere, in a flow list too. */
static bool plain_safe(const char *text)
{
	size_t length = strlen(text);
	if (!length || !strcmp(text, "<<") || !strncmp(text, "---", 3) || !strncmp(text, "...", 3) ||
	    (*text == '-' && (!text[1] || text[1] == ' ')) || text[length - 1] == ' ' ||
	    (!isalnum((unsigned char)*text) && !strchr("_./+-$^(;~<", *text)))
		return false;
	for (const char *c = text; *c; c++) {
		bool word = isalnum((unsigned char)*c) || strchr("_./+-$^();~<>=@*%|& ", *c);
		bool colon = *c == ':' && (isalnum((unsigned char)c[1]) || c[1] == '/' || c[1] == '.');
		if (!word && !colon)
			return false;
	}
	return true;
}

static void add_escaped(struct pb_text *out, const char *text)
{
	pb_text_add_bytes(out, "\"", 1);
	for (const char *at = text, *end = text + strlen(text); at < end;) {
		const char *from = at;
		int32_t code = pb_utf8_read(&at, end);
		if (code == '"' || code == '\\')
			pb_text_add(out, "\\%c", (char)code);
		else if (code == '\n')
			pb_text_add(out, "\\n");
		else if (code == '\t')
			pb_text_add(out, "\\t");
		else if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
		         code == 0xfeff || code == 0xfffe || code == 0xffff)
			pb_text_add(out, "\\u%04x", (unsigned)code & 0xffffu);
		else
			pb_text_add_bytes(out, from, (size_t)(at - from));
	}
	pb_text_add_bytes(out, "\"", 1);
}

static void add_scalar(struct pb_text *out, const struct pb_yaml_node *node)
{
	if (!node->quoted && !*node->text)
		pb_text_add(out, "~");
	else if (plain_safe(node->text) && !(node->quoted && looks_special(node->text)))
		pb_text_add(out, "%s", node->text);
	else
		add_escaped(out, node->text);
}

static bool all_scalars(const struct pb_yaml_node *node)
{
	for (size_t i = 0; i < node->count; i++)
		if (node->items[i]->kind != PB_YAML_SCALAR)
			return false;
	return true;
}

/* Column of the end of the text, in bytes. */
static size_t column(const struct pb_text *out)
{
	size_t n = 0;
	while (n < out->length && out->data[out->length - 1 - n] != '\n')
		n++;
	return n;
}

/* On one line; lists of scalars go on in the next lines, behind `indent` spaces, unless that is negative. */
static void add_flow(struct pb_text *out, const struct pb_yaml_node *node, int indent)
{
	if (node->kind == PB_YAML_SCALAR) {
		add_scalar(out, node);
		return;
	}
	bool map = node->kind == PB_YAML_MAP;
	pb_text_add(out, map ? "{" : "[");
	for (size_t i = 0; i < node->count; i++) {
		if (i)
			pb_text_add(out, ",");
		if (i && indent >= 0 && column(out) > WRAP)
			pb_text_add(out, "\n%*s", indent, "");
		else if (i)
			pb_text_add(out, " ");
		if (map) {
			add_scalar(out, node->keys[i]);
			pb_text_add(out, ": ");
		}
		add_flow(out, node->items[i], -1);
	}
	pb_text_add(out, map ? "}" : "]");
}

/* Adds a map of scalars and of lists of scalars in one line, if that is short. */
static bool add_small_map(struct pb_text *out, const struct pb_yaml_node *map)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct pb_yaml_node *item = map->items[i];
		if (map->count > SMALL / 4 || item->kind == PB_YAML_MAP || !all_scalars(item) ||
		    item->count > SMALL / 3)
			return false;
	}
	struct pb_text line = {0};
	add_flow(&line, map, -1);
	bool fits = line.length <= SMALL;
	if (fits)
		pb_text_add_bytes(out, line.data, line.length);
	out->failed |= line.failed;
	pb_text_finish(&line);
	return fits;
}

static void add_block(struct pb_text *out, const struct pb_yaml_node *node, int indent, bool inline_first);

/* What stands behind "key:" or "-" and ends the line. */
static void add_value(struct pb_text *out, const struct pb_yaml_node *value, int indent, bool in_list)
{
	bool flow = !value->count || (value->kind == PB_YAML_LIST && all_scalars(value));
	if (flow) {
		pb_text_add(out, " ");
		add_flow(out, value, indent + 4);
		pb_text_add(out, "\n");
	} else if (in_list) {
		pb_text_add(out, " ");
		if (value->kind == PB_YAML_MAP && add_small_map(out, value))
			pb_text_add(out, "\n");
		else
			add_block(out, value, indent + 2, true);
	} else {
		pb_text_add(out, "\n");
		add_block(out, value, indent + 2, false);
	}
}

/* The lines of a list or map that is not empty; the first may go on in the current line. */
static void add_block(struct pb_text *out, const struct pb_yaml_node *node, int indent, bool inline_first)
{
	for (size_t i = 0; i < node->count; i++) {
		if (i || !inline_first)
			pb_text_add(out, "%*s", indent, "");
		if (node->kind == PB_YAML_MAP)
			add_scalar(out, node->keys[i]);
		pb_text_add(out, node->kind == PB_YAML_MAP ? ":" : "-");
		add_value(out, node->items[i], indent, node->kind == PB_YAML_LIST);
	}
}

void pb_yaml_emit(const struct pb_yaml_node *node, int indent, struct pb_text *out)
{
	if (node->count && !(node->kind == PB_YAML_LIST && all_scalars(node))) {
		add_block(out, node, indent, false);
		return;
	}
	pb_text_add(out, "%*s", indent, "");
	add_flow(out, node, indent + 2);
	pb_text_add(out, "\n");
}
