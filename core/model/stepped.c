/* stepped.c: the forward pass of many cells over their prefix trees, with weights formed at the moment of use. */
#include "model/stepped.h"

#include "base/status.h"

struct pass {
	const struct pb_model *model;
	const struct pb_params *weights;
	const struct pb_stepped_rule *rule;
	struct pb_stepped_cell *cells;
	int64_t n_cells;
	struct pb_stepped_scratch *scratch;
	struct pb_arena arena;
	const struct pbk_table *k;
	struct pbk_context *context;
	int layer;
	bool ends;            /* rows are the scored ones only by now */
	const int32_t *first; /* [n_cells + 1] each cell's rows in resid and what follows from it */
	struct pb_view resid; /* [rows, d_model] */
	struct pb_view *vectors; /* [table.n] [n_cells, n] of those parameters that were made; of this half of a block */
	int rc;               /* once a step has failed, later ones do nothing */
};

static int64_t rows_of(const struct pass *p)
{
	return p->first[p->n_cells];
}

static struct pb_view matrix_in(struct pass *p, struct pb_pool *pool, int64_t rows, int64_t n)
{
	struct pb_view view = {0};
	if (!p->rc)
		p->rc = pb_tensor_new(pool, p->weights->dtype, 2, (int64_t[]){rows, n}, &view);
	return view;
}

static struct pb_view matrix(struct pass *p, int64_t rows, int64_t n)
{
	return matrix_in(p, &p->scratch->block, rows, n);
}

static void *list(struct pass *p, size_t count, size_t size)
{
	void *memory = p->rc ? NULL : pb_arena_array(&p->arena, count, size);
	if (!memory && !p->rc)
		p->rc = -PB_E_NOMEM;
	return memory;
}

/* How a cell's gradient of one parameter reaches the kernels. */
struct change {
	const struct pb_cell_gradient *gradient; /* NULL: no step */
	double scale;
};

static struct change change_of(const struct pass *p, int64_t cell, int id)
{
	const struct pb_stepped_cell *c = &p->cells[cell];
	const struct pb_cell_gradient *g = c->gradients ? c->gradients[id] : NULL;
	return (struct change){g && g->form != PB_GRADIENT_NONE ? g : NULL, c->grad_scale};
}

/* Part `part` of `parts` of a cell's vector: where its gradient is in that many groups, one of them. */
static struct pbk_stepped_rows vector_part(const struct pass *p, int id, int64_t cell, int64_t part, int64_t parts)
{
	static const int32_t here[] = {0}, nowhere[] = {-1};
	const struct pb_view *base = &p->weights->views[id], *all = &p->vectors[id];
	const struct change change = change_of(p, cell, id);
	const int64_t n = all->shape[1] / parts;
	struct pbk_stepped_rows item = {
		.rows = 1,
		.n = n,
		.table = pb_view_at(base, part * n),
		.host_ids = here,
		.host_grads = nowhere,
		.grad_scale = change.scale,
		.present = change.gradient != NULL,
		.y = pb_view_at(all, cell * all->shape[1] + part * n),
	};
	if (change.gradient && (item.g = pb_gradient_part(change.gradient, part, parts).dense))
		item.host_grads = here;
	return item;
}

/* Every cell's values of these vector parameters, as far as the model has them: [n_cells, n] each, at once. */
static void make_vectors(struct pass *p, int n_leaves, const char *const *leaves)
{
	const struct pb_param_table *table = &p->model->table;
	int64_t most = 0, n = 0;
	for (int i = 0; i < n_leaves; i++) {
		const int id = pb_param_id(table, p->layer, leaves[i]);
		most += id < 0 ? 0 : p->n_cells * table->items[id].n_parts;
	}
	struct pbk_stepped_rows *items = list(p, (size_t)most, sizeof *items);
	for (int i = 0; i < n_leaves; i++) {
		const int id = pb_param_id(table, p->layer, leaves[i]);
		if (id >= 0)
			p->vectors[id] = matrix(p, p->n_cells, table->items[id].count);
		for (int64_t c = 0; id >= 0 && !p->rc && c < p->n_cells; c++) {
			const struct pb_cell_gradient *g = change_of(p, c, id).gradient;
			const int64_t parts = g ? g->groups : 1;
			for (int64_t part = 0; part < parts; part++)
				items[n++] = vector_part(p, id, c, part, parts);
		}
	}
	if (!p->rc)
		p->k->step_rows(p->context, &p->rule->step, false, n, items);
}

/* One that was made. */
static const struct pb_view *vector(const struct pass *p, const char *leaf)
{
	return &p->vectors[pb_param_id(&p->model->table, p->layer, leaf)];
}

/* Products of every cell's rows with its weights, in `groups` independent ones a cell. */
struct product {
	int id;
	int64_t groups, k, n;                      /* weights [groups, k, n] */
	int64_t first_gradient;                    /* group of the gradient that belongs to group 0 */
	const struct pb_view *a, *c;               /* [rows, ..] */
	int64_t a_begin, a_step, c_step;           /* columns at which group g reads and writes: begin + g*step */
	const struct pb_view *bias;                /* [n_cells, ..], column c_step*g; NULL: none */
	bool add;
	const bool *cells; /* [n_cells] only these; NULL: all */
};

static struct pbk_stepped product_of(const struct pass *p, const struct product *x, int64_t g, int64_t c)
{
	const struct change change = change_of(p, c, x->id);
	struct pbk_stepped item = {
		.m = p->first[c + 1] - p->first[c],
		.lda = x->a->shape[1],
		.ldc = x->c->shape[1],
		.a = pb_view_at(x->a, p->first[c] * x->a->shape[1] + x->a_begin + g * x->a_step),
		.w = pb_view_at(&p->weights->views[x->id], (x->first_gradient + g) * x->k * x->n),
		.grad_scale = change.scale,
		.present = change.gradient != NULL,
		.add = x->add,
		.bias = x->bias ? pb_view_at(x->bias, c * x->bias->shape[1] + g * x->c_step) : NULL,
		.c = pb_view_at(x->c, p->first[c] * x->c->shape[1] + g * x->c_step),
	};
	if (change.gradient)
		item.gradient = pb_gradient_group(change.gradient, x->first_gradient + g);
	return item;
}

/* `count` of them, alike in groups, k and n. */
static void multiply(struct pass *p, const struct product *x, int count)
{
	struct pbk_stepped *items = list(p, (size_t)(count * x->groups * p->n_cells), sizeof *items);
	int64_t n = 0;
	for (int i = 0; i < count; i++)
		for (int64_t at = 0; !p->rc && at < x->groups * p->n_cells; at++)
			if (!x[i].cells || x[i].cells[at % p->n_cells])
				items[n++] = product_of(p, &x[i], at / p->n_cells, at % p->n_cells);
	if (!p->rc && n)
		p->k->gemm_stepped(p->context, &p->rule->step, x->n, x->k, x->n, n, items);
}

/* Which cells sum their product up in that many groups of W's rows: those whose gradient comes so, or have none and
 * do as the others. NULL: no cell. */
static const bool *cells_by(struct pass *p, int id, int64_t parts, int64_t usual)
{
	bool *cells = list(p, (size_t)p->n_cells, sizeof *cells), any = false;
	for (int64_t c = 0; !p->rc && c < p->n_cells; c++) {
		const struct pb_cell_gradient *g = change_of(p, c, id).gradient;
		any |= cells[c] = (g ? g->groups : usual) == parts;
	}
	return any ? cells : NULL;
}

/* out = (or +=) x W + bias, summed up in groups of W's rows, as its gradients come: usually in `parts`, or, where
 * some heads' gradients are of another run, in one for each head. */
static void linear(struct pass *p, const struct pb_view *x, const char *leaf, const char *bias_leaf,
		   const struct pb_view *out, int64_t parts, bool add)
{
	int id = pb_param_id(&p->model->table, p->layer, leaf);
	int64_t ways[] = {parts, p->model->table.items[id].n_parts};
	for (int i = 0; i < 1 + (ways[1] != parts); i++) {
		const bool *cells = cells_by(p, id, ways[i], parts);
		for (int64_t g = 0; cells && g < ways[i]; g++) {
			struct product product = {.id = id, .groups = 1, .k = x->shape[1] / ways[i], .n = out->shape[1],
						  .first_gradient = g, .a = x, .c = out,
						  .a_begin = g * x->shape[1] / ways[i], .bias = g ? NULL : vector(p, bias_leaf),
						  .add = add || g, .cells = cells};
			multiply(p, &product, 1);
		}
	}
}

enum { K, V, Q, QKV };

/* k and v of every row, or q, or all of them: [rows, heads * d_head] each. */
static void heads(struct pass *p, const struct pb_view *x, int begin, int end, struct pb_view ret[QKV])
{
	static const char *const leaf[QKV][2] = {
		{"attn.W_K", "attn.b_K"}, {"attn.W_V", "attn.b_V"}, {"attn.W_Q", "attn.b_Q"}};
	const struct pb_model_config *c = &p->model->config;
	struct product products[QKV];
	for (int i = begin; i < end; i++) {
		ret[i] = matrix(p, rows_of(p), c->n_heads * c->d_head);
		products[i] = (struct product){.id = pb_param_id(&p->model->table, p->layer, leaf[i][0]),
					       .groups = c->n_heads, .k = c->d_model, .n = c->d_head, .a = x,
					       .c = &ret[i], .c_step = c->d_head, .bias = vector(p, leaf[i][1])};
	}
	multiply(p, products + begin, end - begin);
}

static struct pb_view norm(struct pass *p, const char *gain, const char *bias)
{
	const struct pb_model_config *c = &p->model->config;
	if (c->normalization == PB_NORM_NONE)
		return p->resid;
	bool affine = c->normalization == PB_NORM_LN;
	const void *w = affine ? vector(p, gain)->data : NULL, *b = affine ? vector(p, bias)->data : NULL;
	struct pb_view y = matrix(p, rows_of(p), c->d_model);
	if (!p->rc)
		p->k->layer_norm(p->context, p->n_cells, p->first, c->d_model, c->eps, p->resid.data, w, b, c->d_model,
				 y.data);
	return y;
}

/* Each cell's rows (or ends) one behind the other. */
static const int32_t *offsets(struct pass *p, bool ends)
{
	int32_t *first = list(p, (size_t)p->n_cells + 1, sizeof *first);
	for (int64_t c = 0; !p->rc && c < p->n_cells; c++) {
		const struct pb_prefixes *q = p->cells[c].questions;
		int64_t next = first[c] + (ends ? q->n_ends : q->n_rows);
		if (next > INT32_MAX)
			p->rc = pb_fail(PB_E_RANGE, "more than 2^31 rows of questions at once");
		first[c + 1] = (int32_t)next;
	}
	return first;
}

/* From here on only the rows whose logits are scored. x (NULL: none) is narrowed with the residual stream. */
static void narrow(struct pass *p, struct pb_view *x)
{
	const int32_t *all = p->first, *first = offsets(p, true);
	if (p->rc)
		return;
	int32_t *ids = list(p, (size_t)first[p->n_cells] + 1, sizeof *ids);
	for (int64_t c = 0; !p->rc && c < p->n_cells; c++)
		for (int32_t i = first[c]; i < first[c + 1]; i++)
			ids[i] = all[c] + p->cells[c].questions->end[i - first[c]];
	p->first = first;
	p->ends = true;
	struct pb_view *views[] = {&p->resid, x};
	for (int i = 0; i < 2 && views[i]; i++) {
		struct pb_view narrow = matrix_in(p, &p->scratch->pass, rows_of(p), views[i]->shape[1]);
		if (!p->rc)
			p->k->gather_rows(p->context, rows_of(p), narrow.shape[1], views[i]->data, ids, narrow.data);
		*views[i] = narrow;
	}
}

static struct pb_view attend(struct pass *p, const int32_t *first_key, const struct pb_view y[QKV])
{
	const struct pb_model_config *c = &p->model->config;
	struct pb_view z = matrix(p, rows_of(p), c->n_heads * c->d_head);
	struct pbk_paths *items = list(p, (size_t)p->n_cells, sizeof *items);
	for (int64_t i = 0; !p->rc && i < p->n_cells; i++) {
		const struct pb_prefixes *t = p->cells[i].questions;
		items[i] = (struct pbk_paths){
			.queries = p->first[i + 1] - p->first[i],
			.q = pb_view_at(&y[Q], p->first[i] * z.shape[1]),
			.k = pb_view_at(&y[K], first_key[i] * z.shape[1]),
			.v = pb_view_at(&y[V], first_key[i] * z.shape[1]),
			.host_first = p->ends ? t->end_first : t->first,
			.host_path = p->ends ? t->end_path : t->path,
			.z = pb_view_at(&z, p->first[i] * z.shape[1]),
		};
	}
	if (!p->rc)
		p->k->attend(p->context, c->n_heads, c->d_head, p->n_cells, items);
	return z;
}

static void attention(struct pass *p)
{
	static const char *const leaves[] = {"ln1.w", "ln1.b", "attn.b_K", "attn.b_V", "attn.b_Q", "attn.b_O"};
	make_vectors(p, 6, leaves);
	struct pb_view x = norm(p, "ln1.w", "ln1.b"), y[QKV];
	const int32_t *first_key = p->first;
	const bool last = p->layer == p->model->config.n_layers - 1;
	heads(p, &x, K, last ? Q : QKV, y);
	if (last) {
		bool same = x.data == p->resid.data;
		narrow(p, same ? NULL : &x);
		x = same ? p->resid : x;
		heads(p, &x, Q, QKV, y);
	}
	struct pb_view z = attend(p, first_key, y);
	linear(p, &z, "attn.W_O", "attn.b_O", &p->resid, p->rule->by_head ? p->model->config.n_heads : 1, true);
}

static void mlp(struct pass *p)
{
	static const char *const leaves[] = {"ln2.w", "ln2.b", "mlp.b_in", "mlp.b_out"};
	make_vectors(p, 4, leaves);
	struct pb_view x = norm(p, "ln2.w", "ln2.b");
	struct pb_view pre = matrix(p, rows_of(p), p->model->config.d_mlp), post = matrix(p, rows_of(p), pre.shape[1]);
	linear(p, &x, "mlp.W_in", "mlp.b_in", &pre, 1, false);
	if (!p->rc)
		p->k->act(p->context, p->model->config.act_fn, pb_view_count(&pre), pre.data, post.data);
	linear(p, &post, "mlp.W_out", "mlp.b_out", &p->resid, 1, true);
}

/* Adds each row's entry of a table (of tokens, of positions) to the residual stream. */
static void look_up(struct pass *p, const char *leaf, bool positions, bool add)
{
	int id = pb_param_id(&p->model->table, -1, leaf);
	const struct pb_view *w = &p->weights->views[id];
	struct pbk_stepped_rows *items = list(p, (size_t)p->n_cells, sizeof *items);
	for (int64_t c = 0; !p->rc && c < p->n_cells; c++) {
		const struct pb_prefixes *t = p->cells[c].questions;
		const int32_t *ids = positions ? t->pos : t->token;
		struct change change = change_of(p, c, id);
		int32_t *grads = list(p, (size_t)t->n_rows, sizeof *grads);
		for (int64_t r = 0; !p->rc && r < t->n_rows; r++) {
			grads[r] = -1;
			for (int64_t i = 0; change.gradient && i < change.gradient->rank; i++)
				if (change.gradient->ids[i] == ids[r])
					grads[r] = (int32_t)i;
		}
		if (!p->rc)
			items[c] = (struct pbk_stepped_rows){
				.rows = t->n_rows,
				.n = w->shape[1],
				.table = w->data,
				.g = change.gradient ? change.gradient->dy.data : NULL,
				.host_ids = ids,
				.host_grads = grads,
				.grad_scale = change.scale,
				.present = change.gradient != NULL,
				.y = pb_view_at(&p->resid, p->first[c] * w->shape[1]),
			};
	}
	if (!p->rc)
		p->k->step_rows(p->context, &p->rule->step, add, p->n_cells, items);
}

static void unembed(struct pass *p)
{
	static const char *const leaves[] = {"ln_final.w", "ln_final.b", "unembed.b_U"};
	make_vectors(p, 3, leaves);
	struct pb_view x = norm(p, "ln_final.w", "ln_final.b"), logits = matrix(p, rows_of(p), p->model->config.d_vocab);
	linear(p, &x, "unembed.W_U", "unembed.b_U", &logits, 1, false);
	for (int64_t c = 0; !p->rc && c < p->n_cells; c++) {
		p->cells[c].logits = logits;
		p->cells[c].logits.data = pb_view_at(&logits, p->first[c] * logits.shape[1]);
		p->cells[c].logits.shape[0] = p->first[c + 1] - p->first[c];
	}
}

void pb_stepped_scratch_init(struct pb_stepped_scratch *scratch, struct pb_device *device)
{
	pb_pool_init(&scratch->pass, device);
	pb_pool_init(&scratch->block, device);
}

void pb_stepped_scratch_finish(struct pb_stepped_scratch *scratch)
{
	pb_pool_finish(&scratch->pass);
	pb_pool_finish(&scratch->block);
}

size_t pb_stepped_row_size(const struct pb_model_config *c, uint32_t dtype)
{
	int64_t attention = 4 * c->n_heads * c->d_head, mlp = c->attn_only ? 0 : 2 * c->d_mlp;
	int64_t block = c->d_model + (attention > mlp ? attention : mlp);
	int64_t last = c->d_model + c->d_vocab;
	return (size_t)(3 * c->d_model + (block > last ? block : last)) * pb_dtype_size(dtype);
}

int pb_stepped_forward(const struct pb_model *model, const struct pb_params *weights, const struct pb_stepped_rule *rule,
		       struct pb_stepped_cell *cells, size_t n_cells, struct pb_stepped_scratch *scratch)
{
	struct pass p = {.model = model, .weights = weights, .rule = rule, .cells = cells, .n_cells = (int64_t)n_cells,
			 .scratch = scratch, .layer = -1, .k = pb_kernels(weights->device, weights->dtype),
			 .context = weights->device->context};
	pb_pool_reset(&scratch->pass);
	pb_arena_init(&p.arena);
	p.vectors = list(&p, (size_t)model->table.n, sizeof *p.vectors);
	p.first = offsets(&p, false);
	p.resid = matrix_in(&p, &scratch->pass, p.rc ? 0 : rows_of(&p), model->config.d_model);
	look_up(&p, "embed.W_E", false, false);
	look_up(&p, "pos_embed.W_pos", true, true);
	for (p.layer = 0; !p.rc && p.layer < model->config.n_layers; p.layer++) {
		pb_pool_reset(&scratch->block);
		attention(&p);
		pb_pool_reset(&scratch->block);
		if (!model->config.attn_only)
			mlp(&p);
	}
	p.layer = -1;
	pb_pool_reset(&scratch->block);
	if (!p.rc && !p.ends)
		narrow(&p, NULL);
	if (!p.rc)
		unembed(&p);
	pb_arena_finish(&p.arena);
	return p.rc ? p.rc : pb_device_status_so_far(weights->device);
}
