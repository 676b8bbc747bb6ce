/* schema_encode.c: structs back into YAML. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/schema.h"

static struct pb_yaml_node *encode_int(struct pb_yaml *yaml, int64_t value)
{
	char text[24];
	snprintf(text, sizeof text, "%" PRId64, value);
	return pb_yaml_new_text(yaml, text, false);
}

/* With a point in front of an exponent: readers of YAML 1.1 take 1e-05 for a text. */
static struct pb_yaml_node *encode_real(struct pb_yaml *yaml, double value)
{
	if (!isfinite(value))
		return pb_yaml_new_text(yaml, isnan(value) ? ".nan" : value > 0 ? ".inf" : "-.inf", false);
	struct pb_text text = {0}, out = {0};
	pb_text_add_real(&text, value);
	const char *exponent = text.failed ? NULL : strchr(text.data, 'e');
	if (exponent && !strchr(text.data, '.'))
		pb_text_add(&out, "%.*s.0%s", (int)(exponent - text.data), text.data, exponent);
	else if (!text.failed)
		pb_text_add(&out, "%s", text.data);
	struct pb_yaml_node *node = text.failed || out.failed ? NULL : pb_yaml_new_text(yaml, out.data, false);
	pb_text_finish(&text);
	pb_text_finish(&out);
	return node;
}

/* A value that is no list, or one item of a list. */
static struct pb_yaml_node *encode_one(struct pb_yaml *yaml, const struct pb_param *p, const void *from)
{
	switch (p->type) {
	case PB_TYPE_BOOL: return pb_yaml_new_text(yaml, *(const bool *)from ? "true" : "false", false);
	case PB_TYPE_INT:
	case PB_TYPE_INT_LIST: return encode_int(yaml, *(const int64_t *)from);
	case PB_TYPE_REAL:
	case PB_TYPE_REAL_LIST: return encode_real(yaml, *(const double *)from);
	case PB_TYPE_STRING:
	case PB_TYPE_STRING_LIST: return pb_yaml_new_text(yaml, *(const char *const *)from, true);
	case PB_TYPE_ENUM: return pb_yaml_new_text(yaml, p->choices[*(const int32_t *)from], true);
	default: return pb_schema_encode(yaml, p->fields, p->n_fields, NULL, from);
	}
}

static size_t item_size(const struct pb_param *p)
{
	switch (p->type) {
	case PB_TYPE_INT_LIST: return sizeof(int64_t);
	case PB_TYPE_REAL_LIST: return sizeof(double);
	case PB_TYPE_STRING_LIST: return sizeof(char *);
	case PB_TYPE_RECORD_LIST: return p->fields_size;
	default: return 0;
	}
}

static struct pb_yaml_node *encode_value(struct pb_yaml *yaml, const struct pb_param *p, const void *from)
{
	size_t size = item_size(p);
	if (!size)
		return encode_one(yaml, p, from);
	/* All lists of patchbay/schema.h begin with a pointer and a count. */
	const struct pb_record_list *list = from;
	struct pb_yaml_node *node = pb_yaml_new(yaml, PB_YAML_LIST);
	for (size_t i = 0; i < list->count; i++)
		if (pb_yaml_append(yaml, node, encode_one(yaml, p, (const char *)list->items + i * size)) < 0)
			return NULL;
	return node;
}

/* "~" is how an optional text or list is left out. */
static bool is_absent(const struct pb_param *p, const void *from)
{
	bool optional = p->default_text && !strcmp(p->default_text, "~");
	if (p->type == PB_TYPE_STRING)
		return !*(const char *const *)from;
	return optional && item_size(p) && !((const struct pb_record_list *)from)->count;
}

struct pb_yaml_node *pb_schema_encode(struct pb_yaml *yaml, const struct pb_param *table, size_t n_table,
				      const char *const *skip, const void *values)
{
	struct pb_yaml_node *map = pb_yaml_new(yaml, PB_YAML_MAP);
	for (size_t i = 0; i < n_table; i++) {
		const struct pb_param *p = &table[i];
		const void *from = (const char *)values + p->offset;
		bool skipped = is_absent(p, from);
		for (const char *const *s = skip; s && *s && !skipped; s++)
			skipped = !strcmp(*s, p->name);
		if (!skipped && pb_yaml_put(yaml, map, p->name, encode_value(yaml, p, from)) < 0)
			return NULL;
	}
	return map;
}
