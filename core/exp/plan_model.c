/* plan_model.c: which model: what the checkpoint tells, what the file says, what the data need. */
#include <unistd.h>

#include "base/status.h"
#include "ckpt/model_load.h"
#include "exp/config_tables.h"
#include "exp/plan.h"

/* Where `key` stands below `model`; else `model`, else nowhere. */
static const struct pb_yaml_node *place(const struct pb_plan *plan, const char *key)
{
	const struct pb_yaml_node *model = pb_yaml_get(plan->config->yaml.root, "model");
	const struct pb_yaml_node *node = key ? pb_yaml_get(model, key) : NULL;
	return node ? node : model;
}

/* The file's word against the checkpoint's; 0 means not given. */
static void agree(struct pb_plan *plan, const char *key, int64_t given, int64_t found)
{
	if (given && given != found)
		pb_yaml_error(&plan->config->yaml, place(plan, key),
			      "`%s` is %lld in the checkpoint %s, not %lld; leave it out, or load another checkpoint",
			      key, (long long)found, plan->config->model.load, (long long)given);
}

static void agree_with_file(struct pb_plan *plan, const struct pb_model_config *m)
{
	const struct pb_config_model *given = &plan->config->model;
	agree(plan, "n_layers", given->n_layers, m->n_layers);
	agree(plan, "d_model", given->d_model, m->d_model);
	agree(plan, "d_head", given->d_head, m->d_head);
	agree(plan, "n_heads", given->n_heads, m->n_heads);
	agree(plan, "d_mlp", given->d_mlp, m->attn_only ? given->d_mlp : m->d_mlp);
	agree(plan, "n_ctx", given->n_ctx, m->n_ctx);
	agree(plan, "d_vocab", given->d_vocab, m->d_vocab);
	if (given->attn_only && (given->attn_only == 2) != m->attn_only)
		pb_yaml_error(
			&plan->config->yaml, place(plan, "attn_only"),
			"`attn_only` is %s, but the checkpoint %s %s MLPs; leave it out, or load another checkpoint",
			m->attn_only ? "no" : "yes", given->load, m->attn_only ? "has no" : "has");
}

/* LNPre and no normalization look the same in a checkpoint; LN has weights. */
static void agree_with_normalization(struct pb_plan *plan, const struct pb_model_config *m)
{
	const int32_t given = plan->config->model.normalization;
	bool wants_ln = given == 1 + PB_NORM_LN, has_ln = m->normalization == PB_NORM_LN;
	if (given && wants_ln != has_ln)
		pb_yaml_error(
			&plan->config->yaml, place(plan, "normalization_type"),
			"`normalization_type` is %s, but the checkpoint %s has %sLN's weights; leave it out, or load "
			"another checkpoint",
			pb_config_normalization_names[given], plan->config->model.load, has_ln ? "" : "none of ");
}

/* A file that is not there, or is no model, is told with the key that names it. */
static int read_checkpoint(struct pb_plan *plan, const char *path, const struct pb_yaml_node *at,
			   struct pb_ckpt *ret_ckpt, bool *ret_read)
{
	size_t before = plan->config->yaml.n_errors;
	*ret_read = false;
	if (access(path, F_OK)) {
		pb_yaml_error(&plan->config->yaml, at, "there is no file %s%s", path,
			      *path == '/' ? "" : "; it is looked for from the working folder");
		return 0;
	}
	int rc = pb_ckpt_read(path, ret_ckpt);
	*ret_read = !rc;
	return pb_plan_blame(plan, at, before, rc);
}

static int from_checkpoint(struct pb_plan *plan, struct pb_ckpt *loaded, struct pb_model_config *m)
{
	const struct pb_yaml_node *at = place(plan, "load");
	size_t before = plan->config->yaml.n_errors;
	int rc = read_checkpoint(plan, plan->config->model.load, at, loaded, &plan->has_loaded);
	if (rc || !plan->has_loaded)
		return rc;
	rc = pb_plan_blame(plan, at, before, pb_ckpt_model_config(loaded, m));
	if (rc || plan->config->yaml.n_errors != before)
		return rc;
	agree_with_file(plan, m);
	agree_with_normalization(plan, m);
	return 0;
}

static void from_scratch(struct pb_plan *plan, int64_t vocab, int64_t ctx, struct pb_model_config *m)
{
	const struct pb_config_model *given = &plan->config->model;
	if (!given->n_layers || !given->d_model || !given->n_heads) {
		pb_yaml_error(&plan->config->yaml, place(plan, NULL),
			      "a model from scratch needs `n_layers`, `d_model` and `n_heads`; or `load` a checkpoint: "
			      "`model: {load: model_1.pt}`");
		return;
	}
	if (!given->d_head && given->d_model % given->n_heads)
		pb_yaml_error(&plan->config->yaml, place(plan, "d_model"),
			      "d_model %lld is not divisible by n_heads %lld; change one, or give `d_head`",
			      (long long)given->d_model, (long long)given->n_heads);
	m->n_layers = given->n_layers;
	m->d_model = given->d_model;
	m->n_heads = given->n_heads;
	m->d_head = given->d_head ? given->d_head : given->d_model / given->n_heads;
	m->attn_only = given->attn_only == 2;
	m->d_mlp = m->attn_only ? 0 : given->d_mlp ? given->d_mlp : 4 * given->d_model;
	m->n_ctx = given->n_ctx ? given->n_ctx : ctx;
	m->d_vocab = given->d_vocab ? given->d_vocab : vocab;
	m->normalization = PB_NORM_LN;
}

static void fits(struct pb_plan *plan, const char *key, int64_t has, int64_t needs)
{
	const char *load = plan->config->model.load;
	if (has < needs)
		pb_yaml_error(&plan->config->yaml, place(plan, load ? "load" : key),
			      "the data (%s) need a model with `%s` of at least %lld; this one has %lld; %s",
			      pb_plan_data_name(plan), key, (long long)needs, (long long)has,
			      load ? "is it the checkpoint for these data?" : "leave it out for what the data need");
}

/* Checks what `checkpoints` names against the model, so that a run does not end for it after hours of training. */
static int try_checkpoints(struct pb_plan *plan)
{
	const struct pb_yaml_node *files = plan->config->checkpoints;
	int rc = 0;
	for (size_t i = 0; !rc && files && i < files->count; i++) {
		const struct pb_yaml_node *file = files->items[i];
		size_t before = plan->config->yaml.n_errors;
		struct pb_ckpt ckpt;
		bool is_read = false;
		if (file->kind != PB_YAML_SCALAR || pb_yaml_is_null(file)) {
			pb_yaml_error(&plan->config->yaml, file, "`%s` is %s; it must be a checkpoint's file name",
				      files->keys[i]->text, pb_yaml_kind_name(file));
			continue;
		}
		rc = read_checkpoint(plan, file->text, file, &ckpt, &is_read);
		if (!is_read)
			continue;
		rc = pb_plan_blame(plan, file, before, pb_ckpt_check_params(&ckpt, &plan->model.table));
		pb_ckpt_finish(&ckpt);
	}
	return rc;
}

/* The checkpoint, where there is one, is the caller's. */
static int make_model(struct pb_plan *plan, struct pb_ckpt *loaded)
{
	const struct pb_config_model *given = &plan->config->model;
	struct pb_model_config m = {.act_fn = (enum pbk_act)given->act_fn, .eps = given->eps};
	int64_t vocab = 0, ctx = 0;
	size_t before = plan->config->yaml.n_errors;
	int rc = pb_dataset_needs(plan->data, &vocab, &ctx);
	if (!rc && given->load)
		rc = from_checkpoint(plan, loaded, &m);
	else if (!rc)
		from_scratch(plan, vocab, ctx, &m);
	if (rc || plan->config->yaml.n_errors != before)
		return rc;
	if (given->normalization > 0)
		m.normalization = (enum pb_normalization)(given->normalization - 1);
	fits(plan, "d_vocab", m.d_vocab, vocab);
	fits(plan, "n_ctx", m.n_ctx, ctx);
	if (plan->config->yaml.n_errors != before)
		return 0;
	rc = pb_plan_blame(plan, place(plan, NULL), before, pb_model_init(&plan->model, &m));
	if (rc || plan->config->yaml.n_errors != before)
		return rc;
	plan->has_model = true;
	if (plan->has_loaded)
		rc = pb_plan_blame(plan, place(plan, "load"), before,
				   pb_ckpt_check_params(loaded, &plan->model.table));
	return rc;
}

int pb_plan_make_model(struct pb_plan *plan)
{
	struct pb_ckpt loaded;
	int rc = make_model(plan, &loaded);
	/* One file at a time: a run needs each only once, and its weights then lie elsewhere. */
	if (plan->has_loaded)
		pb_ckpt_finish(&loaded);
	return rc || !plan->has_model ? rc : try_checkpoints(plan);
}
