/* model.h: a HookedTransformer in TransformerLens' conventions. May use everything up to hook/.
 *
 * Parameters of one model lie in one flat buffer, in the order of the table; the forward pass reads them through a
 * provider, so that "the weights after this cell's update" can stand in for the base weights without a copy of the
 * model.
 */
#ifndef PB_MODEL_MODEL_H
#define PB_MODEL_MODEL_H

#include "base/text.h"
#include "hook/bus.h"
#include "model/prefix.h"

enum pb_normalization {
	PB_NORM_LN = 0, /* scale and shift parameters */
	PB_NORM_LNPRE,  /* centre and scale only */
	PB_NORM_NONE,
};

extern const char *const pb_act_names[];           /* relu, gelu, gelu_new, silu; NULL-ended, by enum pbk_act */
extern const char *const pb_normalization_names[]; /* LN, LNPre, none; NULL-ended */

struct pb_model_config {
	int64_t n_layers, d_model, d_head, n_heads, d_mlp, n_ctx, d_vocab;
	enum pbk_act act_fn;
	enum pb_normalization normalization;
	bool attn_only;
	double eps; /* of layer norm: 1e-5 */
};

/* -PB_E_RANGE with the reason where a model cannot be built from it or would need more than 2^40 elements. */
int pb_model_config_check(const struct pb_model_config *config);
struct pb_site_dims pb_model_site_dims(const struct pb_model_config *config);

#define PB_PARAM_MAX_RANK 3

struct pb_param_info {
	const char *name; /* "blocks.0.attn.W_Q" */
	const char *leaf; /* "attn.W_Q"; outside the blocks the whole name */
	int rank;
	int64_t shape[PB_PARAM_MAX_RANK];
	int64_t offset, count; /* in the flat buffer, in elements */
	int layer;             /* -1 outside the blocks */
	bool heads;              /* its first axis is the heads */
	int first_part, n_parts; /* the heads; otherwise itself */
};

/* The parameters a model has; order as in TransformerLens' state_dict. */
struct pb_param_table {
	struct pb_arena arena;
	struct pb_param_info *items;
	int n;
	int first_block, per_block; /* block L's parameters are items[first_block + L*per_block ...] */
	int n_layers;
	int n_parts;   /* what sets are made of: heads, and parameters without heads */
	int64_t count; /* of all elements */
};

int pb_param_table_init(struct pb_param_table *table, const struct pb_model_config *config);
void pb_param_table_finish(struct pb_param_table *table);
int pb_param_find(const struct pb_param_table *table, const char *name); /* -1: none */
/* By block (-1: outside) and leaf, without looking at other blocks; -1: none. */
int pb_param_id(const struct pb_param_table *table, int layer, const char *leaf);
/* Sets of parameters: globs of whole names or of dotted parts of them ("blocks.0.attn", "attn", "W_Q", "blocks.<=2"),
 * joined by + (or), - (without), & (both), ! (all others) and parentheses; - and & bind as +, from the left. A head
 * is a last dotted part of W_Q, W_K, W_V, W_O, b_Q, b_K and b_V: "blocks.0.attn.W_V.h2", "W_Q.h<=1", "blocks.0 & h2".
 * ret_set [n_parts]. A part that matches nothing is -PB_E_NOTFOUND; a bad expression is -PB_E_CONFIG. The empty text
 * is the empty set. */
int pb_param_select(const struct pb_param_table *table, const char *expression, bool *ret_set);

enum { PB_PARAM_PART_NAME = 80 };
/* "blocks.0.attn.W_V.h2"; without heads the parameter's own name. Fills `room` [PB_PARAM_PART_NAME] and returns
 * it. */
const char *pb_param_part_name(const struct pb_param_info *info, int part, char *room);

/* Where the forward pass gets its weights. */
struct pb_weights {
	/* The parameter's value, contiguous, valid until the provider changes. */
	int (*get)(const struct pb_weights *weights, int id, struct pb_view *ret_view);
};

/* One flat buffer of values (or gradients) for every parameter. */
struct pb_params {
	struct pb_weights weights; /* provider of exactly these values */
	const struct pb_param_table *table;
	struct pb_device *device;
	uint32_t dtype;
	void *data;            /* [table->count], on the device; owned */
	struct pb_view *views; /* [table->n]; owned */
};

int pb_params_init(struct pb_params *params, const struct pb_param_table *table, struct pb_device *device,
		   uint32_t dtype); /* values undefined */
void pb_params_finish(struct pb_params *params);
void pb_params_copy(struct pb_params *dst, const struct pb_params *src); /* same table and dtype */
/* Every W_* normal(0, 0.8/sqrt(d_model)), biases 0, layer norm 1 and 0; parameter NAME draws from stream init/NAME. */
int pb_params_initialise(struct pb_params *params, const struct pb_model_config *config, uint64_t seed);

/* Shape, names and points; no values. */
struct pb_model {
	struct pb_model_config config;
	struct pb_param_table table;
	struct pb_sites sites;
};

int pb_model_init(struct pb_model *model, const struct pb_model_config *config);
void pb_model_finish(struct pb_model *model);

struct pb_late;

/* One forward pass. */
struct pb_forward {
	struct pb_tape *tape; /* reset by the caller */
	struct pb_bus *bus;   /* NULL: no hooks */
	const struct pb_weights *weights;
	const int32_t *tokens; /* [b, p], host memory, until the tape's reset */
	int64_t b, p;
	const int32_t *rows; /* rows of [b*p] to unembed, until the tape's reset; NULL: all */
	int64_t n_rows;
	/* Not NULL: in place of tokens and rows, distinct prefixes, until the tape's reset. Each is evaluated once, and
	 * behind the last block's keys and values only those that are scored. There are no [b, p, ..] tensors then: no
	 * bus, and a row of the sink's factors is a prefix. */
	const struct pb_prefixes *prefixes;
	const struct pb_late *late; /* NULL: all examples from the start; not with prefixes */
};

/* Examples that come in at a later block, because what lies before it is known from another pass: the first active[L] ones
 * take part in block L (ascending), all in what follows the last block. `fill` writes a point's value, before its hooks, of
 * examples from `first` on that have not come in there, value's first row being that of `first`: where they come in, and with
 * a sink at each point whose value a block's backward pass needs (pb_late_fills). */
struct pb_late {
	const int64_t *active; /* [n_layers] */
	int (*fill)(void *user, int site_id, int64_t first, const struct pb_view *value);
	void *user;
};

/* May `fill` be asked for this point, in a pass with (or without) a sink? */
bool pb_late_fills(const struct pb_model *model, int site_id, bool with_sink);

/* Logits: [b, p, d_vocab], or [n_rows, d_vocab] where rows are given, or those of the prefixes' scored rows, [n_scored,
 * d_vocab]. Tokens or rows out of range: -PB_E_RANGE. */
int pb_model_forward(const struct pb_model *model, const struct pb_forward *pass, struct pb_var **ret_logits);

#endif
