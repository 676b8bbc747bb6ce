/* model_load.c: names and shapes of a HookedTransformer against those of a file. */
#include "ckpt/model_load.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/utf8.h"

static void add_shape(struct pb_text *text, int rank, const int64_t *shape)
{
	pb_text_add(text, "[");
	for (int i = 0; i < rank; i++)
		pb_text_add(text, i ? ", %lld" : "%lld", (long long)shape[i]);
	pb_text_add(text, "]");
}

static int need(const struct pb_ckpt *ckpt, const char *name, int rank, const struct pb_ckpt_tensor **ret_tensor)
{
	const struct pb_ckpt_tensor *t = pb_ckpt_find(ckpt, name);
	if (!t)
		return pb_fail(PB_E_FORMAT, "%s: no tensor `%s`: this is not a HookedTransformer's state_dict",
			       ckpt->path, name);
	if (t->rank != rank)
		return pb_fail(PB_E_FORMAT, "%s: tensor `%s` has %d axes, a HookedTransformer's has %d", ckpt->path,
			       name, t->rank, rank);
	*ret_tensor = t;
	return 0;
}

static int64_t count_layers(const struct pb_ckpt *ckpt)
{
	int64_t layers = 0;
	for (size_t i = 0; i < ckpt->n_tensors; i++) {
		const char *name = ckpt->tensors[i].name;
		if (strncmp(name, "blocks.", 7))
			continue;
		long long layer = strtoll(name + 7, NULL, 10);
		if (layer >= layers && layer < 1 << 20)
			layers = layer + 1;
	}
	return layers;
}

int pb_ckpt_model_config(const struct pb_ckpt *ckpt, struct pb_model_config *ret_config)
{
	const struct pb_ckpt_tensor *embed = NULL, *pos = NULL, *query = NULL, *mlp = NULL;
	int rc = need(ckpt, "embed.W_E", 2, &embed);
	if (!rc)
		rc = need(ckpt, "pos_embed.W_pos", 2, &pos);
	if (!rc)
		rc = need(ckpt, "blocks.0.attn.W_Q", 3, &query);
	bool attn_only = !pb_ckpt_find(ckpt, "blocks.0.mlp.W_in");
	if (!rc && !attn_only)
		rc = need(ckpt, "blocks.0.mlp.W_in", 2, &mlp);
	if (rc)
		return rc;
	ret_config->n_layers = count_layers(ckpt);
	ret_config->d_vocab = embed->shape[0];
	ret_config->d_model = embed->shape[1];
	ret_config->n_ctx = pos->shape[0];
	ret_config->n_heads = query->shape[0];
	ret_config->d_head = query->shape[2];
	ret_config->d_mlp = mlp ? mlp->shape[1] : 0;
	ret_config->attn_only = attn_only;
	/* Without parameters LNPre and no norm at all look the same: LNPre is what such checkpoints mean. */
	ret_config->normalization = pb_ckpt_find(ckpt, "blocks.0.ln1.w") ? PB_NORM_LN : PB_NORM_LNPRE;
	return 0;
}

static int fail_shape(const struct pb_ckpt *ckpt, const struct pb_ckpt_tensor *t, const struct pb_param_info *p)
{
	struct pb_text text = {0};
	pb_text_add(&text, "%s: tensor `%s` has shape ", ckpt->path, p->name);
	add_shape(&text, t->rank, t->shape);
	pb_text_add(&text, "; the model needs ");
	add_shape(&text, p->rank, p->shape);
	int rc = text.failed ? pb_text_status(&text) : pb_fail(PB_E_SHAPE, "%s", text.data);
	pb_text_finish(&text);
	return rc;
}

static bool is_buffer(const char *name)
{
	const char *leaf = strstr(name, ".attn.");
	return leaf && (!strcmp(leaf, ".attn.mask") || !strcmp(leaf, ".attn.IGNORE"));
}

/* The name is the file's own and may hold anything. */
static int fail_foreign(const struct pb_ckpt *ckpt, const char *name)
{
	char shown[128];
	return pb_fail(PB_E_SHAPE, "%s: tensor `%s` has no place in the model", ckpt->path,
		       pb_utf8_shown(name, shown, sizeof shown));
}

static int check_names(const struct pb_ckpt *ckpt, const struct pb_param_table *table)
{
	for (size_t i = 0; i < ckpt->n_tensors; i++) {
		const struct pb_ckpt_tensor *t = &ckpt->tensors[i];
		int id = pb_param_find(table, t->name);
		if (id < 0 && !is_buffer(t->name))
			return fail_foreign(ckpt, t->name);
		const struct pb_param_info *p = id < 0 ? NULL : &table->items[id];
		if (p && (p->rank != t->rank || memcmp(p->shape, t->shape, (size_t)t->rank * sizeof *t->shape)))
			return fail_shape(ckpt, t, p);
	}
	return 0;
}

int pb_ckpt_check_params(const struct pb_ckpt *ckpt, const struct pb_param_table *table)
{
	for (int i = 0; i < table->n; i++)
		if (!pb_ckpt_find(ckpt, table->items[i].name))
			return pb_fail(PB_E_SHAPE, "%s: tensor `%s` is missing", ckpt->path, table->items[i].name);
	return check_names(ckpt, table);
}

int pb_ckpt_load_params(const struct pb_ckpt *ckpt, struct pb_params *params)
{
	int rc = pb_ckpt_check_params(ckpt, params->table);
	for (int i = 0; !rc && i < params->table->n; i++) {
		const struct pb_param_info *p = &params->table->items[i];
		const struct pb_ckpt_tensor *t = pb_ckpt_find(ckpt, p->name);
		size_t size = (size_t)p->count * pb_dtype_size(params->dtype);
		void *values = malloc(size);
		if (!values)
			return pb_fail_nomem(size, p->name);
		pb_ckpt_convert(t, params->dtype, values);
		pb_kernels(params->device, params->dtype)
			->upload(params->device->context, params->views[i].data, values, size);
		free(values);
		rc = pb_device_status(params->device);
	}
	return rc;
}

int pb_ckpt_save_params(const char *path, const struct pb_params *params)
{
	const struct pb_param_table *table = params->table;
	struct pb_arena arena = {0};
	struct pb_ckpt_tensor *tensors = pb_arena_array(&arena, (size_t)table->n, sizeof *tensors);
	int rc = tensors ? 0 : -PB_E_NOMEM;
	for (int i = 0; !rc && i < table->n; i++) {
		const struct pb_param_info *p = &table->items[i];
		size_t size = (size_t)p->count * pb_dtype_size(params->dtype);
		void *values = pb_arena_alloc(&arena, size);
		tensors[i] = (struct pb_ckpt_tensor){
			.name = p->name,
			.dtype = params->dtype == PB_F64 ? PB_CKPT_F64 : PB_CKPT_F32,
			.rank = p->rank,
			.count = p->count,
			.data = values,
		};
		memcpy(tensors[i].shape, p->shape, sizeof p->shape);
		if (!values)
			rc = -PB_E_NOMEM;
		else
			pb_kernels(params->device, params->dtype)
				->download(params->device->context, values, params->views[i].data, size);
	}
	if (!rc)
		rc = pb_device_status(params->device);
	if (!rc)
		rc = pb_ckpt_write_safetensors(path, tensors, (size_t)table->n);
	pb_arena_finish(&arena);
	return rc;
}
