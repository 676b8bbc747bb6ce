/* site.h: the hook points of a transformer, by name and by number. May use base/, tensor/ and tape/.
 *
 * Names, shapes and order of evaluation are TransformerLens'. Optional points are evaluated only when a hook asks.
 */
#ifndef PB_HOOK_SITE_H
#define PB_HOOK_SITE_H

#include <patchbay/view.h>
#include <stdbool.h>

#include "base/arena.h"

/* X(KIND, family name, axes). Families behind "blocks.N." lie between RESID_PRE and RESID_POST. */
#define PB_SITE_MAP(X)                                                                                                 \
	X(EMBED, "hook_embed", POS, FEATURE, NONE)                                                                     \
	X(POS_EMBED, "hook_pos_embed", POS, FEATURE, NONE)                                                             \
	X(RESID_PRE, "hook_resid_pre", POS, FEATURE, NONE)                                                             \
	X(LN1_SCALE, "ln1.hook_scale", POS, FEATURE, NONE)                                                             \
	X(LN1_NORMALIZED, "ln1.hook_normalized", POS, FEATURE, NONE)                                                   \
	X(Q, "attn.hook_q", POS, HEAD, FEATURE)                                                                        \
	X(K, "attn.hook_k", POS, HEAD, FEATURE)                                                                        \
	X(V, "attn.hook_v", POS, HEAD, FEATURE)                                                                        \
	X(ATTN_SCORES, "attn.hook_attn_scores", HEAD, DEST_POS, SRC_POS)                                               \
	X(PATTERN, "attn.hook_pattern", HEAD, DEST_POS, SRC_POS)                                                       \
	X(Z, "attn.hook_z", POS, HEAD, FEATURE)                                                                        \
	X(RESULT, "attn.hook_result", POS, HEAD, FEATURE)                                                              \
	X(ATTN_OUT, "hook_attn_out", POS, FEATURE, NONE)                                                               \
	X(RESID_MID, "hook_resid_mid", POS, FEATURE, NONE)                                                             \
	X(LN2_SCALE, "ln2.hook_scale", POS, FEATURE, NONE)                                                             \
	X(LN2_NORMALIZED, "ln2.hook_normalized", POS, FEATURE, NONE)                                                   \
	X(MLP_PRE, "mlp.hook_pre", POS, FEATURE, NONE)                                                                 \
	X(MLP_POST, "mlp.hook_post", POS, FEATURE, NONE)                                                               \
	X(MLP_OUT, "hook_mlp_out", POS, FEATURE, NONE)                                                                 \
	X(RESID_POST, "hook_resid_post", POS, FEATURE, NONE)                                                           \
	X(LN_FINAL_SCALE, "ln_final.hook_scale", POS, FEATURE, NONE)                                                   \
	X(LN_FINAL_NORMALIZED, "ln_final.hook_normalized", POS, FEATURE, NONE)

enum pb_site_kind {
#define PB_SITE_ENUM(kind, name, a, b, c) PB_SITE_##kind,
	PB_SITE_MAP(PB_SITE_ENUM)
#undef PB_SITE_ENUM
	PB_SITE_KINDS
};

struct pb_site {
	const char *name;   /* "blocks.0.attn.hook_z" */
	const char *family; /* "attn.hook_z" */
	enum pb_site_kind kind;
	int layer;       /* -1 outside the blocks */
	uint8_t axis[4]; /* enum pb_axis, the batch first */
	int rank;
	int64_t features[2]; /* lengths of the head axis (or 0) and of the last axis (0: positions) */
};

struct pb_site_dims {
	int n_layers;
	int64_t n_heads, d_model, d_head, d_mlp;
	bool attn_only, has_norm;
};

struct pb_sites {
	struct pb_arena arena;
	struct pb_site *items; /* in order of evaluation; a site's id is its index */
	int n;
	int n_layers;
	int first_block, per_block; /* block L's points are items[first_block + L*per_block ...] */
};

int pb_sites_init(struct pb_sites *sites, const struct pb_site_dims *dims);
void pb_sites_finish(struct pb_sites *sites);
/* attn.hook_result, attn_scores and pattern, scale and normalized of each layer norm: without hooks there, one kernel
 * does all around them. */
bool pb_site_is_optional(enum pb_site_kind kind);
/* layer -1 outside the blocks. Returns the id, or -1 where the model has no such point. */
int pb_sites_id(const struct pb_sites *sites, enum pb_site_kind kind, int layer);
int pb_sites_find(const struct pb_sites *sites, const char *name); /* full name; -1: none */
/* Shape for b examples of p positions; returns the rank. */
int pb_site_shape(const struct pb_site *site, int64_t b, int64_t p, int64_t ret_shape[PB_MAX_RANK]);

/* The points of one family that `text` means: a full name, a glob of full names, a family ("attn.hook_z") or a short
 * name ("z", "resid_pre", "ln1.scale", or as TransformerLens also says, "attn", "attn_logits", "query", "key", "value",
 * "mlp_pre", "mlp_post"). Ascending by layer; ret_ids has room for n_layers + 1. Fails with
 * -PB_E_NOTFOUND (the nearest name is told) or -PB_E_CONFIG where several families match. */
int pb_sites_resolve(const struct pb_sites *sites, const char *text, int *ret_ids, int *ret_n);

#endif
