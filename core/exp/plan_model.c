/* plan_model.c: which model: what the checkpoint tells, what the file says, what the data need. */
#include <string.h>

#include "base/status.h"
#include "ckpt/model_load.h"
#include "exp/plan.h"

/* The file's word against the checkpoint's; 0 means not given. */
static void agree(struct pb_plan *plan, const char *key, int64_t given, int64_t found)
{
	const struct pb_yaml_node *node = plan->config->yaml.root ? pb_yaml_get(plan->config->yaml.root, "model") : NULL;
	if (given && given != found)
		pb_yaml_error(&plan->config->yaml, node ? pb_yaml_get(node, key) : NULL,
			      "%s: `%s` is %lld in the checkpoint, not %lld", plan->config->model.load, key,
			      (long long)found, (long long)given);
}

static int from_checkpoint(struct pb_plan *plan, struct pb_model_config *m)
{
	const struct pb_config_model *given = &plan->config->model;
	int rc = pb_ckpt_read(given->load, &plan->loaded);
	if (rc)
		return rc;
	plan->has_loaded = true;
	if ((rc = pb_ckpt_model_config(&plan->loaded, m)))
		return rc;
	agree(plan, "n_layers", given->n_layers, m->n_layers);
	agree(plan, "d_model", given->d_model, m->d_model);
	agree(plan, "d_head", given->d_head, m->d_head);
	agree(plan, "n_heads", given->n_heads, m->n_heads);
	agree(plan, "d_mlp", given->d_mlp, m->attn_only ? given->d_mlp : m->d_mlp);
	agree(plan, "n_ctx", given->n_ctx, m->n_ctx);
	agree(plan, "d_vocab", given->d_vocab, m->d_vocab);
	return 0;
}

static int from_scratch(struct pb_plan *plan, int64_t vocab, int64_t ctx, struct pb_model_config *m)
{
	const struct pb_config_model *given = &plan->config->model;
	const struct pb_yaml_node *node = pb_yaml_get(plan->config->yaml.root, "model");
	if (!given->n_layers || !given->d_model || !given->n_heads) {
		pb_yaml_error(&plan->config->yaml, node,
			      "a model from scratch needs `n_layers`, `d_model` and `n_heads` (or `load` a checkpoint)");
		return 0;
	}
	if (!given->d_head && given->d_model % given->n_heads)
		pb_yaml_error(&plan->config->yaml, pb_yaml_get(node, "d_model"),
			      "d_model %lld is not divisible by n_heads %lld: give `d_head`", (long long)given->d_model,
			      (long long)given->n_heads);
	m->n_layers = given->n_layers;
	m->d_model = given->d_model;
	m->n_heads = given->n_heads;
	m->d_head = given->d_head ? given->d_head : given->d_model / given->n_heads;
	m->attn_only = given->attn_only == 2;
	m->d_mlp = m->attn_only ? 0 : given->d_mlp ? given->d_mlp : 4 * given->d_model;
	m->n_ctx = given->n_ctx ? given->n_ctx : ctx;
	m->d_vocab = given->d_vocab ? given->d_vocab : vocab;
	m->normalization = PB_NORM_LN;
	return 0;
}

static void fits(struct pb_plan *plan, const char *key, int64_t has, int64_t needs)
{
	const struct pb_yaml_node *node = pb_yaml_get(plan->config->yaml.root, "model");
	if (has < needs)
		pb_yaml_error(&plan->config->yaml, node ? node : plan->config->data,
			      "the data (%s) need a model with %s of at least %lld; this one has %lld",
			      plan->data->loaded->plugin->name, key, (long long)needs, (long long)has);
}

int pb_plan_make_model(struct pb_plan *plan)
{
	const struct pb_config_model *given = &plan->config->model;
	struct pb_model_config m = {.act_fn = (enum pbk_act)given->act_fn, .eps = given->eps};
	int64_t vocab = 0, ctx = 0;
	pb_instance_begin(plan->data);
	int rc = pb_instance_result(plan->data, "needs",
				    pb_dataset_ops(plan->data)->needs(plan->data->self, &vocab, &ctx));
	if (rc)
		return rc;
	rc = given->load ? from_checkpoint(plan, &m) : from_scratch(plan, vocab, ctx, &m);
	if (rc || plan->config->yaml.n_errors)
		return rc;
	if (given->normalization > 0)
		m.normalization = (enum pb_normalization)(given->normalization - 1);
	if (given->attn_only && given->load && (given->attn_only == 2) != m.attn_only)
		return pb_fail(PB_E_SHAPE, "%s: the checkpoint %s MLPs, the experiment says otherwise", given->load,
			       m.attn_only ? "has no" : "has");
	fits(plan, "d_vocab", m.d_vocab, vocab);
	fits(plan, "n_ctx", m.n_ctx, ctx);
	if (plan->config->yaml.n_errors)
		return 0;
	return pb_model_init(&plan->model, &m);
}
