/* params.c: which parameters a model has, and flat buffers of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "model/model.h"

struct builder {
	struct pb_param_table *table;
	const struct pb_model_config *config;
	int layer;
	int rc;
};

static void add(struct builder *b, const char *name, int rank, int64_t s0, int64_t s1, int64_t s2)
{
	struct pb_param_info *p = &b->table->items[b->table->n];
	const char *full = b->layer < 0 ? name : pb_arena_printf(&b->table->arena, "blocks.%d.%s", b->layer, name);
	if (!full)
		b->rc = -PB_E_NOMEM;
	int64_t count = s0 * (rank > 1 ? s1 : 1) * (rank > 2 ? s2 : 1);
	bool heads = rank > 1 && !strncmp(name, "attn.", 5);
	*p = (struct pb_param_info){full,     name,          rank, {s0, s1, s2}, b->table->count, count,
				    b->layer, heads, b->table->n_parts, heads ? (int)s0 : 1};
	b->table->n_parts += p->n_parts;
	/* Each parameter starts on a cache line of the flat buffer. */
	b->table->count += (count + 15) / 16 * 16;
	b->table->n++;
}

static void add_norm(struct builder *b, const char *w, const char *bias)
{
	if (b->config->normalization != PB_NORM_LN)
		return;
	add(b, w, 1, b->config->d_model, 0, 0);
	add(b, bias, 1, b->config->d_model, 0, 0);
}

static void add_block(struct builder *b)
{
	const struct pb_model_config *c = b->config;
	add_norm(b, "ln1.w", "ln1.b");
	if (!c->attn_only)
		add_norm(b, "ln2.w", "ln2.b");
	add(b, "attn.W_Q", 3, c->n_heads, c->d_model, c->d_head);
	add(b, "attn.W_O", 3, c->n_heads, c->d_head, c->d_model);
	add(b, "attn.b_Q", 2, c->n_heads, c->d_head, 0);
	add(b, "attn.b_O", 1, c->d_model, 0, 0);
	add(b, "attn.W_K", 3, c->n_heads, c->d_model, c->d_head);
	add(b, "attn.W_V", 3, c->n_heads, c->d_model, c->d_head);
	add(b, "attn.b_K", 2, c->n_heads, c->d_head, 0);
	add(b, "attn.b_V", 2, c->n_heads, c->d_head, 0);
	if (c->attn_only)
		return;
	add(b, "mlp.W_in", 2, c->d_model, c->d_mlp, 0);
	add(b, "mlp.b_in", 1, c->d_mlp, 0, 0);
	add(b, "mlp.W_out", 2, c->d_mlp, c->d_model, 0);
	add(b, "mlp.b_out", 1, c->d_model, 0, 0);
}

int pb_param_table_init(struct pb_param_table *table, const struct pb_model_config *config)
{
	enum { PER_BLOCK = 16, OUTSIDE = 6 };
	*table = (struct pb_param_table){0};
	pb_arena_init(&table->arena);
	table->items =
		pb_arena_array(&table->arena, (size_t)config->n_layers * PER_BLOCK + OUTSIDE, sizeof *table->items);
	if (!table->items)
		return -PB_E_NOMEM;
	struct builder b = {table, config, -1, 0};
	add(&b, "embed.W_E", 2, config->d_vocab, config->d_model, 0);
	add(&b, "pos_embed.W_pos", 2, config->n_ctx, config->d_model, 0);
	table->n_layers = (int)config->n_layers;
	table->first_block = table->n;
	for (b.layer = 0; b.layer < config->n_layers; b.layer++)
		add_block(&b);
	table->per_block = (table->n - table->first_block) / table->n_layers;
	b.layer = -1;
	add_norm(&b, "ln_final.w", "ln_final.b");
	add(&b, "unembed.W_U", 2, config->d_model, config->d_vocab, 0);
	add(&b, "unembed.b_U", 1, config->d_vocab, 0, 0);
	if (b.rc)
		pb_param_table_finish(table);
	return b.rc;
}

void pb_param_table_finish(struct pb_param_table *table)
{
	pb_arena_finish(&table->arena);
	*table = (struct pb_param_table){0};
}

int pb_param_find(const struct pb_param_table *table, const char *name)
{
	for (int i = 0; i < table->n; i++)
		if (!strcmp(table->items[i].name, name))
			return i;
	return -1;
}

int pb_param_id(const struct pb_param_table *table, int layer, const char *leaf)
{
	int behind = table->first_block + table->n_layers * table->per_block;
	int from = layer < 0 ? 0 : table->first_block + layer * table->per_block;
	int to = layer < 0 ? table->n : from + table->per_block;
	for (int i = from; i < to; i++) {
		if (layer < 0 && i == table->first_block)
			i = behind;
		if (i < to && !strcmp(table->items[i].leaf, leaf))
			return i;
	}
	return -1;
}

const char *pb_param_part_name(const struct pb_param_info *info, int part, char *room)
{
	if (!info->heads)
		snprintf(room, PB_PARAM_PART_NAME, "%s", info->name);
	else
		snprintf(room, PB_PARAM_PART_NAME, "%s.h%d", info->name, part);
	return room;
}

static int get_view(const struct pb_weights *weights, int id, struct pb_view *ret_view)
{
	*ret_view = ((const struct pb_params *)weights)->views[id];
	return 0;
}

int pb_params_init(struct pb_params *params, const struct pb_param_table *table, struct pb_device *device,
		   uint32_t dtype)
{
	const struct pbk_table *k = pb_kernels(device, dtype);
	size_t size = (size_t)table->count * pb_dtype_size(dtype);
	*params = (struct pb_params){.weights = {get_view}, .table = table, .device = device, .dtype = dtype};
	params->data = k->alloc(device->context, size);
	params->views = calloc((size_t)table->n, sizeof *params->views);
	if (!params->data || !params->views) {
		pb_params_finish(params);
		return pb_fail_nomem(size, "the model's parameters");
	}
	/* The gaps between parameters are never written again. */
	k->zero(device->context, params->data, size);
	for (int i = 0; i < table->n; i++) {
		const struct pb_param_info *p = &table->items[i];
		void *data = (char *)params->data + (size_t)p->offset * pb_dtype_size(dtype);
		params->views[i] = pb_view_over(data, dtype, p->rank, p->shape);
	}
	return 0;
}

void pb_params_finish(struct pb_params *params)
{
	if (params->data)
		pb_kernels(params->device, params->dtype)->free(params->device->context, params->data);
	free(params->views);
	*params = (struct pb_params){0};
}

void pb_params_copy(struct pb_params *dst, const struct pb_params *src)
{
	pb_kernels(src->device, src->dtype)
		->copy(src->device->context, dst->data, src->data,
		       (size_t)src->table->count * pb_dtype_size(src->dtype));
}
