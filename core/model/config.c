/* config.c: what a model can be. */
#include "base/status.h"
#include "model/model.h"

const char *const pb_act_names[] = {"relu", "gelu", "gelu_new", "silu", NULL};
const char *const pb_normalization_names[] = {"LN", "LNPre", "none", NULL};

int pb_model_config_check(const struct pb_model_config *c)
{
	const struct {
		const char *name;
		int64_t value, least;
	} sizes[] = {
		{"n_layers", c->n_layers, 1},
		{"d_model", c->d_model, 1},
		{"d_head", c->d_head, 1},
		{"n_heads", c->n_heads, 1},
		{"n_ctx", c->n_ctx, 1},
		{"d_vocab", c->d_vocab, 2},
		{"d_mlp", c->d_mlp, c->attn_only ? 0 : 1},
	};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		if (sizes[i].value < sizes[i].least || sizes[i].value > 1 << 24)
			return pb_fail(PB_E_RANGE, "%s must be between %lld and %d; it is %lld", sizes[i].name,
				       (long long)sizes[i].least, 1 << 24, (long long)sizes[i].value);
	if (!(c->eps >= 0 && c->eps <= 1))
		return pb_fail(PB_E_RANGE, "eps must be between 0 and 1; it is %g", c->eps);
	double d = (double)c->d_model;
	double per_block = 4.0 * d * (double)c->n_heads * (double)c->d_head + 2.0 * d * (double)c->d_mlp;
	double all = (double)c->n_layers * per_block + d * (2.0 * (double)c->d_vocab + (double)c->n_ctx);
	if (all > 0x1p40)
		return pb_fail(PB_E_RANGE, "a model of %.3g parameters is more than 2^40", all);
	return 0;
}

struct pb_site_dims pb_model_site_dims(const struct pb_model_config *c)
{
	return (struct pb_site_dims){
		.n_layers = (int)c->n_layers,
		.n_heads = c->n_heads,
		.d_model = c->d_model,
		.d_head = c->d_head,
		.d_mlp = c->d_mlp,
		.attn_only = c->attn_only,
		.has_norm = c->normalization != PB_NORM_NONE,
	};
}

int pb_model_init(struct pb_model *model, const struct pb_model_config *config)
{
	struct pb_site_dims dims = pb_model_site_dims(config);
	*model = (struct pb_model){.config = *config};
	int rc = pb_model_config_check(config);
	if (!rc)
		rc = pb_param_table_init(&model->table, config);
	if (!rc)
		rc = pb_sites_init(&model->sites, &dims);
	if (rc)
		pb_model_finish(model);
	return rc;
}

void pb_model_finish(struct pb_model *model)
{
	pb_sites_finish(&model->sites);
	pb_param_table_finish(&model->table);
}
