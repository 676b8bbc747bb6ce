/* forward.c: the forward pass, point by point in TransformerLens' order. */
#include "base/status.h"
#include "model/model.h"
#include "tape/op.h"

/* Examples of up to that many positions attend row by row, where nobody looks at scores and pattern: products would be
 * too small to pay. */
enum { SHORT = 16 };

/* Once a step has failed (NULL), later steps pass the NULL on, and those beside it are left out: a hook called now
 * would forget the error. */
struct walk {
	const struct pb_model *model;
	const struct pb_forward *pass;
	int layer;
	const int32_t *first, *path; /* short examples: row r attends to rows path[first[r] .. first[r+1]) */
};

static int site_id(const struct walk *w, enum pb_site_kind kind)
{
	return pb_sites_id(&w->model->sites, kind,
			   kind >= PB_SITE_RESID_PRE && kind <= PB_SITE_RESID_POST ? w->layer : -1);
}

bool pb_late_fills(const struct pb_model *model, int site_id, bool with_sink)
{
	const struct pb_site *site = &model->sites.items[site_id];
	switch (site->kind) {
	case PB_SITE_RESID_PRE: return true;
	case PB_SITE_RESID_POST: return site->layer == model->sites.n_layers - 1;
	case PB_SITE_Q:
	case PB_SITE_K:
	case PB_SITE_V:
	case PB_SITE_Z:
	case PB_SITE_RESID_MID:
	case PB_SITE_MLP_PRE: return with_sink;
	default: return false;
	}
}

/* The values of examples that have not come in yet. */
static int fill(const struct walk *w, int id, struct pb_var *x)
{
	const struct pb_late *late = w->pass->late;
	const enum pb_site_kind kind = w->model->sites.items[id].kind;
	const bool sink = w->pass->tape->sink, comes_in = kind == PB_SITE_RESID_PRE && w->layer > 0;
	if (!late || w->layer < 0 || !pb_late_fills(w->model, id, sink))
		return 0;
	const int64_t first = late->active[w->layer - comes_in];
	const int64_t end = kind == PB_SITE_RESID_POST || sink ? w->pass->b : late->active[w->layer];
	struct pb_view part;
	if (first == end)
		return 0;
	int rc = pb_view_slice(&x->value, 0, first, end - first, &part);
	return rc ? rc : late->fill(late->user, id, first, &part);
}

static struct pb_var *site(const struct walk *w, enum pb_site_kind kind, struct pb_var *x)
{
	const int id = site_id(w, kind);
	if (!x || (id >= 0 && fill(w, id, x) < 0))
		return NULL;
	return pb_bus_site(w->pass->bus, w->pass->tape, id, x);
}

/* From here on ops compute the examples that take part in this block. */
static void compute_active(const struct walk *w)
{
	const bool all = !w->pass->late || w->layer < 0;
	w->pass->tape->active = all ? INT64_MAX : w->pass->late->active[w->layer];
}

/* From here on also what backward needs of the others and no point holds. */
static void compute_saved(const struct walk *w)
{
	if (w->pass->tape->sink)
		w->pass->tape->active = INT64_MAX;
}

/* The table is fixed by the config: a name that the walk asks for exists. */
static struct pb_weight weight(const struct walk *w, const char *name)
{
	struct pb_weight weight = {.id = pb_param_id(&w->model->table, w->layer, name)};
	if (w->pass->weights->get(w->pass->weights, weight.id, &weight.value) < 0)
		weight.value.data = NULL;
	return weight;
}

/* a + b. Nobody else needs b's value. */
static struct pb_var *add(const struct walk *w, struct pb_var *a, struct pb_var *b)
{
	struct pb_var *sum = a && b ? pb_op_add(w->pass->tape, a, b) : NULL;
	return sum && !pb_tape_spare(w->pass->tape, &b->value) ? sum : NULL;
}

static struct pb_var *linear(const struct walk *w, struct pb_var *x, const char *name, const char *bias)
{
	struct pb_weight wt = weight(w, name), b = weight(w, bias);
	return x && wt.value.data && b.value.data ? pb_op_linear(w->pass->tape, x, &wt, &b) : NULL;
}

/* Layer norm where nobody asks for its two points. */
static struct pb_var *norm_at_once(const struct walk *w, struct pb_var *x, const char *gain, const char *bias)
{
	const struct pb_model_config *c = &w->model->config;
	if (c->normalization == PB_NORM_LNPRE)
		return pb_op_layer_norm(w->pass->tape, x, c->eps, NULL, NULL);
	struct pb_weight g = weight(w, gain), b = weight(w, bias);
	return g.value.data && b.value.data ? pb_op_layer_norm(w->pass->tape, x, c->eps, &g, &b) : NULL;
}

/* `scale` is the kind of the first of its two points, `scale` + 1 that of normalized. */
static struct pb_var *norm_in_steps(const struct walk *w, struct pb_var *x, enum pb_site_kind scale, const char *gain,
				    const char *bias)
{
	const struct pb_model_config *c = &w->model->config;
	struct pb_tape *tape = w->pass->tape;
	struct pb_var *centred = pb_op_center(tape, x);
	struct pb_var *rms = site(w, scale, centred ? pb_op_rms(tape, centred, c->eps) : NULL);
	struct pb_var *y = site(w, scale + 1, rms ? pb_op_divide(tape, centred, rms) : NULL);
	if (!y || c->normalization == PB_NORM_LNPRE)
		return y;
	struct pb_weight g = weight(w, gain), b = weight(w, bias);
	return g.value.data && b.value.data ? pb_op_affine(tape, y, &g, &b) : NULL;
}

static struct pb_var *norm(const struct walk *w, struct pb_var *x, enum pb_site_kind scale, const char *gain,
			   const char *bias)
{
	const struct pb_bus *bus = w->pass->bus;
	if (!x || w->model->config.normalization == PB_NORM_NONE)
		return x;
	compute_saved(w);
	struct pb_var *y = pb_bus_wants(bus, site_id(w, scale)) || pb_bus_wants(bus, site_id(w, scale + 1))
				   ? norm_in_steps(w, x, scale, gain, bias)
				   : norm_at_once(w, x, gain, bias);
	compute_active(w);
	return y;
}

/* What the heads write: the sum of hook_result where somebody asks for it, else one product. */
static struct pb_var *attn_out(const struct walk *w, struct pb_var *z)
{
	struct pb_tape *tape = w->pass->tape;
	if (!z || !pb_bus_wants(w->pass->bus, site_id(w, PB_SITE_RESULT)))
		return linear(w, z, "attn.W_O", "attn.b_O");
	struct pb_weight wt = weight(w, "attn.W_O"), b = weight(w, "attn.b_O");
	if (!wt.value.data || !b.value.data)
		return NULL;
	struct pb_var *result = site(w, PB_SITE_RESULT, pb_op_result(tape, z, &wt));
	return result ? pb_op_sum_heads(tape, result, &b) : NULL;
}

/* Is this where prefixes that are not scored end? In the last block only their keys and values matter. */
static bool ends_here(const struct walk *w)
{
	return w->pass->prefixes && w->layer == w->model->config.n_layers - 1;
}

/* The scored prefixes' rows, [n_ends, 1, d], where the others end; else x. */
static struct pb_var *ends(const struct walk *w, struct pb_var *x)
{
	const struct pb_prefixes *p = w->pass->prefixes;
	if (!x || !ends_here(w))
		return x;
	struct pb_var *y = pb_op_rows(w->pass->tape, x, p->end, p->n_ends);
	if (y)
		y->value = pb_view_over(y->value.data, y->value.dtype, 3,
					(int64_t[]){p->n_ends, 1, y->value.shape[1]});
	return y;
}

static struct pb_var *mix(const struct walk *w, struct pb_var *q, struct pb_var *k, struct pb_var *v)
{
	struct pb_tape *tape = w->pass->tape;
	const struct pb_prefixes *p = w->pass->prefixes;
	if (!q || !k || !v)
		return NULL;
	if (p)
		return pb_op_attend(tape, q, k, v, ends_here(w) ? p->end_first : p->first,
				    ends_here(w) ? p->end_path : p->path);
	if (w->first && !pb_bus_wants(w->pass->bus, site_id(w, PB_SITE_ATTN_SCORES)) &&
	    !pb_bus_wants(w->pass->bus, site_id(w, PB_SITE_PATTERN)))
		return pb_op_attend(tape, q, k, v, w->first, w->path);
	compute_saved(w);
	struct pb_var *scores = site(w, PB_SITE_ATTN_SCORES, pb_op_attn_scores(tape, q, k));
	struct pb_var *pattern = site(w, PB_SITE_PATTERN, scores ? pb_op_softmax(tape, scores) : NULL);
	compute_active(w);
	return pattern ? pb_op_attn_mix(tape, pattern, v) : NULL;
}

/* Their values before anybody looks at them: none depends on another. False where a step has failed. */
static bool heads(const struct walk *w, struct pb_var *x, struct pb_heads qkv[3])
{
	static const char *const names[3][2] = {
		{"attn.W_Q", "attn.b_Q"}, {"attn.W_K", "attn.b_K"}, {"attn.W_V", "attn.b_V"}};
	struct pb_var *asking = ends(w, x);
	bool fine = x && asking;
	for (int i = 0; i < 3; i++) {
		qkv[i] = (struct pb_heads){i ? x : asking, weight(w, names[i][0]), weight(w, names[i][1]), NULL};
		fine = fine && qkv[i].w.value.data && qkv[i].bias.value.data;
	}
	return fine && !pb_op_heads(w->pass->tape, qkv, 3);
}

static struct pb_var *attention(const struct walk *w, struct pb_var *x)
{
	struct pb_heads qkv[3];
	if (!heads(w, x, qkv))
		return NULL;
	struct pb_var *q = site(w, PB_SITE_Q, qkv[0].y);
	struct pb_var *k = q ? site(w, PB_SITE_K, qkv[1].y) : NULL;
	struct pb_var *v = k ? site(w, PB_SITE_V, qkv[2].y) : NULL;
	struct pb_var *z = site(w, PB_SITE_Z, mix(w, q, k, v));
	return site(w, PB_SITE_ATTN_OUT, attn_out(w, z));
}

static struct pb_var *mlp(const struct walk *w, struct pb_var *x)
{
	struct pb_var *pre = site(w, PB_SITE_MLP_PRE, linear(w, x, "mlp.W_in", "mlp.b_in"));
	compute_saved(w);
	struct pb_var *post =
		site(w, PB_SITE_MLP_POST, pre ? pb_op_act(w->pass->tape, w->model->config.act_fn, pre) : NULL);
	compute_active(w);
	return site(w, PB_SITE_MLP_OUT, linear(w, post, "mlp.W_out", "mlp.b_out"));
}

static struct pb_var *block(const struct walk *w, struct pb_var *resid)
{
	compute_active(w);
	resid = site(w, PB_SITE_RESID_PRE, resid);
	struct pb_var *out = attention(w, norm(w, resid, PB_SITE_LN1_SCALE, "ln1.w", "ln1.b"));
	resid = add(w, ends(w, resid), out);
	if (!w->model->config.attn_only) {
		resid = site(w, PB_SITE_RESID_MID, resid);
		resid = add(w, resid, mlp(w, norm(w, resid, PB_SITE_LN2_SCALE, "ln2.w", "ln2.b")));
	}
	return site(w, PB_SITE_RESID_POST, resid);
}

static struct pb_var *embed_prefixes(const struct walk *w, const struct pb_weight *e, const struct pb_weight *pos)
{
	const struct pb_prefixes *p = w->pass->prefixes;
	struct pb_tape *tape = w->pass->tape;
	return add(w, pb_op_embed(tape, e, p->token, p->n_rows, 1), pb_op_embed(tape, pos, p->pos, p->n_rows, 1));
}

static struct pb_var *embed(const struct walk *w)
{
	const struct pb_forward *pass = w->pass;
	struct pb_weight e = weight(w, "embed.W_E"), pos = weight(w, "pos_embed.W_pos");
	if (pass->prefixes)
		return e.value.data && pos.value.data ? embed_prefixes(w, &e, &pos) : NULL;
	const int64_t b = pass->b;
	int32_t *positions = pb_arena_array(&pass->tape->arena, (size_t)(b * pass->p), sizeof *positions);
	if (pass->late)
		pass->tape->active = pass->late->active[0];
	if (!positions || !e.value.data || !pos.value.data)
		return NULL;
	for (int64_t i = 0; i < b * pass->p; i++)
		positions[i] = (int32_t)(i % pass->p);
	struct pb_var *tokens = site(w, PB_SITE_EMBED, pb_op_embed(pass->tape, &e, pass->tokens, b, pass->p));
	if (!tokens)
		return NULL;
	return add(w, tokens, site(w, PB_SITE_POS_EMBED, pb_op_embed(pass->tape, &pos, positions, b, pass->p)));
}

/* A residual stream that nobody has come into yet. */
static struct pb_var *nobody(const struct walk *w)
{
	const int64_t shape[3] = {w->pass->b, w->pass->p, w->model->config.d_model};
	return pb_tape_node(w->pass->tape, NULL, false, NULL, NULL, 3, shape);
}

/* Up to the last block. Without a sink, nothing is evaluated before the first block that has an example. */
static struct pb_var *blocks(struct walk *w)
{
	const struct pb_late *late = w->pass->late;
	const struct pb_sites *sites = &w->model->sites;
	const int n = (int)w->model->config.n_layers;
	int first = 0;
	while (late && !w->pass->tape->sink && first < n && !late->active[first])
		first++;
	if (first)
		pb_bus_pass_over(w->pass->bus, sites->first_block + first * sites->per_block);
	struct pb_var *resid = first ? nobody(w) : embed(w);
	for (w->layer = first; resid && w->layer < n; w->layer++)
		resid = block(w, resid);
	w->layer = n - 1;
	if (resid && first == n && fill(w, site_id(w, PB_SITE_RESID_POST), resid) < 0)
		resid = NULL;
	w->layer = -1;
	compute_active(w);
	return resid;
}

/* Lists of what each row attends to. By the examples' own length: a pass without their tail must do as one with it. */
static int list_rows(struct walk *w)
{
	const struct pb_forward *pass = w->pass;
	const int64_t b = pass->b, p = pass->p, of_example = p * (p + 1) / 2;
	if (pass->prefixes || (pass->bus && pass->bus->tail ? pass->bus->tail->positions : p) > SHORT)
		return 0;
	int32_t *first = pb_arena_array(&pass->tape->arena, (size_t)(b * p) + 1, sizeof *first);
	int32_t *path = pb_arena_array(&pass->tape->arena, (size_t)(b * of_example), sizeof *path);
	if (!first || !path)
		return -PB_E_NOMEM;
	int32_t n = 0;
	for (int64_t row = 0; row < b * p; row++) {
		first[row] = n;
		for (int64_t key = row / p * p; key <= row; key++)
			path[n++] = (int32_t)key;
	}
	first[b * p] = n;
	w->first = first;
	w->path = path;
	return 0;
}

static int check_prefixes(const struct pb_model *model, const struct pb_forward *pass)
{
	const struct pb_prefixes *p = pass->prefixes;
	if (pass->bus)
		return pb_fail(PB_E_INTERNAL, "hooks see examples, not prefixes");
	if (p->n_rows < 1 || p->n_scored < 1)
		return pb_fail(PB_E_RANGE, "a batch of %lld prefixes, %lld of them scored", (long long)p->n_rows,
			       (long long)p->n_scored);
	for (int64_t i = 0; i < p->n_rows; i++) {
		if (p->pos[i] >= model->config.n_ctx)
			return pb_fail(PB_E_RANGE, "examples of %d tokens do not fit n_ctx %lld", (int)p->pos[i] + 1,
				       (long long)model->config.n_ctx);
		if (p->token[i] < 0 || p->token[i] >= model->config.d_vocab)
			return pb_fail(PB_E_RANGE, "token %d (position %d) is outside the vocabulary of %lld",
				       (int)p->token[i], (int)p->pos[i], (long long)model->config.d_vocab);
	}
	return 0;
}

static int check_input(const struct pb_model *model, const struct pb_forward *pass)
{
	if (pass->prefixes)
		return check_prefixes(model, pass);
	if (pass->b < 1)
		return pb_fail(PB_E_RANGE, "a batch of %lld examples", (long long)pass->b);
	if (pass->p < 1 || pass->p > model->config.n_ctx)
		return pb_fail(PB_E_RANGE, "examples of %lld tokens do not fit n_ctx %lld", (long long)pass->p,
			       (long long)model->config.n_ctx);
	for (int64_t i = 0; i < pass->b * pass->p; i++)
		if (pass->tokens[i] < 0 || pass->tokens[i] >= model->config.d_vocab)
			return pb_fail(PB_E_RANGE,
				       "token %d (example %lld, position %lld) is outside the vocabulary of %lld",
				       (int)pass->tokens[i], (long long)(i / pass->p), (long long)(i % pass->p),
				       (long long)model->config.d_vocab);
	for (int64_t i = 0; pass->rows && i < pass->n_rows; i++)
		if (pass->rows[i] < 0 || pass->rows[i] >= pass->b * pass->p)
			return pb_fail(PB_E_RANGE, "row %d to unembed is outside the batch of %lld rows",
				       (int)pass->rows[i], (long long)(pass->b * pass->p));
	return 0;
}

int pb_model_forward(const struct pb_model *model, const struct pb_forward *pass, struct pb_var **ret_logits)
{
	int rc = check_input(model, pass);
	if (rc)
		return rc;
	pb_error_clear();
	struct walk w = {.model = model, .pass = pass, .layer = -1};
	if ((rc = list_rows(&w)))
		return rc;
	struct pb_var *resid = blocks(&w);
	resid = norm(&w, resid, PB_SITE_LN_FINAL_SCALE, "ln_final.w", "ln_final.b");
	if (resid && pass->rows && !pass->prefixes)
		resid = pb_op_rows(pass->tape, resid, pass->rows, pass->n_rows);
	struct pb_var *logits = linear(&w, resid, "unembed.W_U", "unembed.b_U");
	if (logits && pass->prefixes)
		logits = pb_op_rows(pass->tape, logits, pass->prefixes->end_of, pass->prefixes->n_scored);
	if (!logits)
		return pb_error_status() ? pb_error_status() : pb_fail(PB_E_INTERNAL, "the forward pass failed");
	rc = pb_bus_check_reached(pass->bus);
	if (!rc)
		rc = pb_device_status_so_far(pass->tape->device);
	if (!rc)
		*ret_logits = logits;
	return rc;
}
