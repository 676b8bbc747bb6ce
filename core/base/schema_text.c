/* schema_text.c: types in words, and the digest of a table. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/schema.h"

static bool is_list(uint32_t type)
{
	return type == PB_TYPE_INT_LIST || type == PB_TYPE_REAL_LIST || type == PB_TYPE_STRING_LIST ||
	       type == PB_TYPE_RECORD_LIST;
}

static bool is_int(const struct pb_param *p)
{
	return p->type == PB_TYPE_INT || p->type == PB_TYPE_INT_LIST;
}

/* A bound this far out is no bound. */
bool pb_schema_bounds_below(const struct pb_param *p)
{
	return (p->min != 0 || p->max != 0) && (is_int(p) ? p->min > -0x1p63 : p->min > -1e300);
}

bool pb_schema_bounds_above(const struct pb_param *p)
{
	return (p->min != 0 || p->max != 0) && (is_int(p) ? p->max < 0x1p63 : p->max < 1e300);
}

static void add_bound(struct pb_text *out, double bound, bool whole)
{
	if (whole && fabs(bound) < 0x1p63)
		pb_text_add(out, "%lld", (long long)bound);
	else
		pb_text_add_real(out, bound);
}

static void add_range(const struct pb_param *p, struct pb_text *out)
{
	bool below = pb_schema_bounds_below(p), above = pb_schema_bounds_above(p);
	if (!below && !above)
		return;
	pb_text_add(out, ", ");
	if (!above)
		pb_text_add(out, "at least ");
	else if (!below)
		pb_text_add(out, "at most ");
	if (below)
		add_bound(out, p->min, is_int(p));
	if (below && above)
		pb_text_add(out, " .. ");
	if (above)
		add_bound(out, p->max, is_int(p));
}

static void add_choices(const struct pb_param *p, struct pb_text *out)
{
	pb_text_add(out, "one of ");
	for (const char *const *c = p->choices; c && *c; c++)
		pb_text_add(out, "%s%s", c == p->choices ? "" : ", ", *c);
}

void pb_schema_type_text(const struct pb_param *p, struct pb_text *out)
{
	if (is_list(p->type))
		pb_text_add(out, "list of ");
	switch (p->type) {
	case PB_TYPE_BOOL: pb_text_add(out, "true or false"); break;
	case PB_TYPE_INT:
	case PB_TYPE_INT_LIST:
		pb_text_add(out, "int");
		add_range(p, out);
		break;
	case PB_TYPE_REAL:
	case PB_TYPE_REAL_LIST:
		pb_text_add(out, "real");
		add_range(p, out);
		break;
	case PB_TYPE_STRING:
	case PB_TYPE_STRING_LIST: pb_text_add(out, "text"); break;
	case PB_TYPE_ENUM: add_choices(p, out); break;
	case PB_TYPE_RECORD: pb_text_add(out, "mapping"); break;
	case PB_TYPE_RECORD_LIST: pb_text_add(out, "mappings"); break;
	default: pb_text_add(out, "unknown type %u", p->type);
	}
}

/* FNV-1a. The NUL behind a text and the tag before a missing one keep neighbours apart. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t count)
{
	for (const unsigned char *b = bytes; count-- > 0; b++)
		hash = (hash ^ *b) * 0x100000001b3u;
	return hash;
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
	return text ? mix(hash, text, strlen(text) + 1) : mix(hash, "\1\2", 2);
}

/* By its decimal form, so that the digest is the same on any machine. */
static uint64_t mix_real(uint64_t hash, double value)
{
	char text[40];
	snprintf(text, sizeof text, "%.17g", value);
	return mix_text(hash, text);
}

static uint64_t mix_table(uint64_t hash, const struct pb_param *table, size_t n_table)
{
	for (size_t i = 0; i < n_table; i++) {
		const struct pb_param *p = &table[i];
		unsigned char type = (unsigned char)p->type;
		hash = mix_text(hash, p->name);
		hash = mix(hash, &type, 1);
		hash = mix_real(mix_real(hash, p->min), p->max);
		hash = mix_text(mix_text(hash, p->default_text), p->unit);
		for (const char *const *c = p->choices; c && *c; c++)
			hash = mix_text(hash, *c);
		hash = mix(hash, "{", 1);
		hash = mix_table(hash, p->fields, p->n_fields);
		hash = mix(hash, "}", 1);
	}
	return hash;
}

uint64_t pb_schema_hash(const struct pb_param *table, size_t n_table)
{
	return mix_table(0xcbf29ce484222325u, table, n_table);
}
