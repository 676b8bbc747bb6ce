/* site.c: the table of hook points. */
#include "hook/site.h"

#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "base/text.h"

struct family {
	const char *name;
	uint8_t axis[4];
};

static const struct family families[] = {
#define FAMILY(kind, name, a, b, c) {name, {PB_AXIS_BATCH, PB_AXIS_##a, PB_AXIS_##b, PB_AXIS_##c}},
	PB_SITE_MAP(FAMILY)
#undef FAMILY
};

static bool in_block(enum pb_site_kind kind)
{
	return kind >= PB_SITE_RESID_PRE && kind <= PB_SITE_RESID_POST;
}

static bool exists(enum pb_site_kind kind, const struct pb_site_dims *dims)
{
	switch (kind) {
	case PB_SITE_LN1_SCALE:
	case PB_SITE_LN1_NORMALIZED:
	case PB_SITE_LN_FINAL_SCALE:
	case PB_SITE_LN_FINAL_NORMALIZED: return dims->has_norm;
	case PB_SITE_LN2_SCALE:
	case PB_SITE_LN2_NORMALIZED: return dims->has_norm && !dims->attn_only;
	case PB_SITE_RESID_MID:
	case PB_SITE_MLP_PRE:
	case PB_SITE_MLP_POST:
	case PB_SITE_MLP_OUT: return !dims->attn_only;
	default: return true;
	}
}

/* Length of the last axis; 0 means the number of positions. */
static int64_t last_length(enum pb_site_kind kind, const struct pb_site_dims *dims)
{
	switch (kind) {
	case PB_SITE_LN1_SCALE:
	case PB_SITE_LN2_SCALE:
	case PB_SITE_LN_FINAL_SCALE: return 1;
	case PB_SITE_Q:
	case PB_SITE_K:
	case PB_SITE_V:
	case PB_SITE_Z: return dims->d_head;
	case PB_SITE_ATTN_SCORES:
	case PB_SITE_PATTERN: return 0;
	case PB_SITE_MLP_PRE:
	case PB_SITE_MLP_POST: return dims->d_mlp;
	default: return dims->d_model;
	}
}

static int add_site(struct pb_sites *sites, enum pb_site_kind kind, int layer, const struct pb_site_dims *dims)
{
	struct pb_site *site = &sites->items[sites->n];
	const struct family *family = &families[kind];
	*site = (struct pb_site){.family = family->name, .kind = kind, .layer = layer};
	site->name = layer < 0 ? family->name : pb_arena_printf(&sites->arena, "blocks.%d.%s", layer, family->name);
	memcpy(site->axis, family->axis, sizeof site->axis);
	site->rank = site->axis[3] ? 4 : 3;
	site->features[0] = site->rank == 4 ? dims->n_heads : 0;
	site->features[1] = last_length(kind, dims);
	sites->n++;
	return site->name ? 0 : -PB_E_NOMEM;
}

int pb_sites_init(struct pb_sites *sites, const struct pb_site_dims *dims)
{
	*sites = (struct pb_sites){.n_layers = dims->n_layers};
	pb_arena_init(&sites->arena);
	size_t most = (size_t)(dims->n_layers + 1) * PB_SITE_KINDS;
	int rc = 0;
	sites->items = pb_arena_array(&sites->arena, most, sizeof *sites->items);
	if (!sites->items)
		rc = -PB_E_NOMEM;
	/* Before the blocks, each block, behind the blocks: the order of evaluation. */
	for (int layer = -1; !rc && layer <= dims->n_layers; layer++) {
		bool inside = layer >= 0 && layer < dims->n_layers;
		for (int kind = 0; !rc && kind < PB_SITE_KINDS; kind++) {
			bool here = inside      ? in_block(kind)
				    : layer < 0 ? kind < PB_SITE_RESID_PRE
						: kind > PB_SITE_RESID_POST;
			if (here && exists(kind, dims))
				rc = add_site(sites, kind, inside ? layer : -1, dims);
		}
		if (layer == -1)
			sites->first_block = sites->n;
		if (layer == 0)
			sites->per_block = sites->n - sites->first_block;
	}
	if (rc)
		pb_sites_finish(sites);
	return rc;
}

void pb_sites_finish(struct pb_sites *sites)
{
	pb_arena_finish(&sites->arena);
	*sites = (struct pb_sites){0};
}

bool pb_site_is_optional(enum pb_site_kind kind)
{
	switch (kind) {
	case PB_SITE_ATTN_SCORES:
	case PB_SITE_PATTERN:
	case PB_SITE_RESULT:
	case PB_SITE_LN1_SCALE:
	case PB_SITE_LN1_NORMALIZED:
	case PB_SITE_LN2_SCALE:
	case PB_SITE_LN2_NORMALIZED:
	case PB_SITE_LN_FINAL_SCALE:
	case PB_SITE_LN_FINAL_NORMALIZED: return true;
	default: return false;
	}
}

int pb_sites_id(const struct pb_sites *sites, enum pb_site_kind kind, int layer)
{
	/* Points outside the blocks lie before the first and behind the last. */
	int behind = sites->first_block + sites->n_layers * sites->per_block;
	int from = layer < 0 ? 0 : sites->first_block + layer * sites->per_block;
	int to = layer < 0 ? sites->n : from + sites->per_block;
	for (int i = from; layer < sites->n_layers && i < to; i++) {
		if (layer < 0 && i == sites->first_block)
			i = behind;
		if (i < to && sites->items[i].kind == kind)
			return i;
	}
	return -1;
}

int pb_sites_find(const struct pb_sites *sites, const char *name)
{
	for (int i = 0; i < sites->n; i++)
		if (!strcmp(sites->items[i].name, name))
			return i;
	return -1;
}

int pb_site_shape(const struct pb_site *site, int64_t b, int64_t p, int64_t ret_shape[PB_MAX_RANK])
{
	for (int i = 0; i < site->rank; i++) {
		switch (site->axis[i]) {
		case PB_AXIS_BATCH: ret_shape[i] = b; break;
		case PB_AXIS_HEAD: ret_shape[i] = site->features[0]; break;
		case PB_AXIS_FEATURE: ret_shape[i] = site->features[1]; break;
		default: ret_shape[i] = p;
		}
	}
	return site->rank;
}

/* TransformerLens' other names for short ones (act_name_alias of its utils.get_act_name). */
static const char *without_alias(const char *text)
{
	static const char *const aliases[][2] = {{"attn", "pattern"}, {"attn_logits", "attn_scores"}, {"query", "q"},
						 {"key", "k"},        {"value", "v"},                 {"mlp_pre", "pre"},
						 {"mlp_post", "post"}};
	for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
		if (!strcmp(text, aliases[i][0]))
			return aliases[i][1];
	return text;
}

/* "attn.hook_z" is also "attn.z", "hook_z" and "z". */
static bool family_is(const char *family, const char *text)
{
	const char *hook = strstr(family, "hook_");
	const size_t module = (size_t)(hook - family);
	return !strcmp(text, family) || !strcmp(text, hook) || !strcmp(text, hook + 5) ||
	       (!strncmp(text, family, module) && !strcmp(text + module, hook + 5));
}

static bool means(const struct pb_site *site, const char *text)
{
	return pb_glob_match(text, site->name) || family_is(site->family, text);
}

/* The point of this model that a layer's name, "z" of "blocks.2.z", may mean; NULL: none is near. */
static const char *nearest_family(const struct pb_sites *sites, const char *text)
{
	const char *names[2 * PB_SITE_KINDS];
	size_t n = 0;
	uint32_t seen = 0; /* bit per kind: a family of this model, once */
	for (int i = 0; i < sites->n; i++) {
		const struct pb_site *site = &sites->items[i];
		if (seen & 1u << site->kind)
			continue;
		seen |= 1u << site->kind;
		names[n++] = strstr(site->family, "hook_") + 5;
		names[n++] = site->family;
	}
	return pb_nearest(text, names, n);
}

static const char *full_family(const struct pb_sites *sites, const char *text)
{
	for (int i = 0; i < sites->n; i++)
		if (family_is(sites->items[i].family, text))
			return sites->items[i].family;
	return text;
}

static int fail_unknown(const struct pb_sites *sites, const char *text)
{
	int layer = -1, length = 0;
	bool of_block = sscanf(text, "blocks.%d.%n", &layer, &length) == 1 && length;
	const char *nearest = nearest_family(sites, text + length);
	if (of_block && layer >= sites->n_layers)
		return pb_fail(PB_E_NOTFOUND, "this model has no hook point `%s`: its blocks are 0 .. %d", text,
			       sites->n_layers - 1);
	if (of_block && nearest)
		return pb_fail(PB_E_NOTFOUND, "this model has no hook point `%s`; did you mean `blocks.%d.%s`?", text,
			       layer, full_family(sites, nearest));
	if (nearest)
		return pb_fail(PB_E_NOTFOUND, "this model has no hook point `%s`; did you mean `%s`?", text, nearest);
	return pb_fail(PB_E_NOTFOUND,
		       "this model has no hook point `%s`; `patchbay hooks` lists those of an experiment or checkpoint",
		       text);
}

int pb_sites_resolve(const struct pb_sites *sites, const char *text, int *ret_ids, int *ret_n)
{
	const struct pb_site *first = NULL;
	int n = 0;
	text = without_alias(text);
	for (int i = 0; i < sites->n; i++) {
		const struct pb_site *site = &sites->items[i];
		if (!means(site, text))
			continue;
		if (first && first->kind != site->kind)
			return pb_fail(PB_E_CONFIG, "`%s` is both `%s` and `%s`; write the one you mean", text, first->family,
				       site->family);
		first = site;
		n++;
	}
	if (!first)
		return fail_unknown(sites, text);
	for (int i = 0, k = 0; i < sites->n; i++)
		if (means(&sites->items[i], text))
			ret_ids[k++] = i;
	*ret_n = n;
	return 0;
}
