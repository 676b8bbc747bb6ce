/* config_check.c: rules between the keys of an experiment file that its tables cannot tell. */
#include <ctype.h>
#include <string.h>

#include "exp/config_impl.h"

static void check_params_sweep(struct pb_config_reader *r, const struct pb_config_sweep *s)
{
	static const char *const foreign[] = {"hook", "over", "together", "forward", "backward", "cells", NULL};
	for (int i = 0; foreign[i]; i++)
		if (pb_yaml_get(s->node, foreign[i]))
			pb_yaml_error(r->yaml, pb_yaml_get(s->node, foreign[i]),
				      "a sweep with `setter: params` has no `%s`; remove it", foreign[i]);
	if (pb_yaml_is_null(s->sets) && pb_config_lacks(r, s->node, &pb_config_tables.sweep, "sets"))
		pb_yaml_error(r->yaml, s->node,
			      "a sweep with `setter: params` needs `sets`: a mapping such as {OV: \"attn.W_O + "
			      "attn.W_V\"}, or "
			      "one of the words each, blocks, cumulative");
}

static void check_hook(struct pb_config_reader *r, const struct pb_config_sweep *s)
{
	const struct pb_yaml_node *hook = pb_yaml_get(s->node, "hook");
	if (pb_config_lacks(r, s->node, &pb_config_tables.sweep, "hook"))
		pb_yaml_error(r->yaml, s->node, "a sweep needs `hook`: the point that is patched, e.g. `hook: z`");
	else if (hook && hook->kind == PB_YAML_LIST && !hook->count)
		pb_yaml_error(r->yaml, hook, "`hook` is empty; name the point that is patched, e.g. `hook: z`");
}

static void check_patch_sweep(struct pb_config_reader *r, const struct pb_config_sweep *s)
{
	if (s->kind == PB_SWEEP_PARAMS) {
		pb_yaml_error(r->yaml, pb_yaml_get(s->node, "kind"),
			      "a sweep of kind params needs `setter: params`, and `sets` in place of a hook point");
		return;
	}
	check_hook(r, s);
	const struct pb_yaml_node *setter = pb_yaml_get(s->node, "setter");
	if (setter ? pb_yaml_is_null(setter) : pb_config_lacks(r, s->node, &pb_config_tables.sweep, "setter"))
		pb_yaml_error(r->yaml, setter ? setter : s->node,
			      "a sweep needs `setter`: what is patched there, e.g. `setter: layer_head`");
	if (s->sets)
		pb_yaml_error(r->yaml, s->sets, "only a sweep with `setter: params` has `sets`; remove it");
	if (s->cells && !s->cells->count)
		pb_yaml_error(r->yaml, s->cells, "`cells` is empty; list index tuples, or remove it for all cells");
	if (s->kind == PB_SWEEP_ACTIVATION && s->backward)
		pb_yaml_error(
			r->yaml, pb_yaml_get(s->node, "backward"),
			"activation patching has no backward pass: leave `backward` out, or use `kind: gradient`");
}

void pb_config_check_sweep(struct pb_config_reader *reader, struct pb_config_sweep *sweep, bool params)
{
	if (sweep->base == PB_FROM_ABLATE)
		pb_yaml_error(reader->yaml, pb_yaml_get(sweep->node, "base"), "`base` must be clean or corrupted");
	if (!params) {
		check_patch_sweep(reader, sweep);
		return;
	}
	if (pb_yaml_get(sweep->node, "kind") && sweep->kind != PB_SWEEP_PARAMS)
		pb_yaml_error(reader->yaml, pb_yaml_get(sweep->node, "kind"),
			      "a sweep with `setter: params` is of kind params; remove `kind`");
	sweep->kind = PB_SWEEP_PARAMS;
	check_params_sweep(reader, sweep);
}

static void check_sweep_names(struct pb_config_reader *r)
{
	const struct pb_config_sweep *s = r->config->sweeps;
	for (size_t i = 0; i < r->config->n_sweeps; i++)
		for (size_t k = 0; k < i; k++)
			if (s[i].name && s[k].name && !strcmp(s[i].name, s[k].name)) {
				pb_yaml_error(r->yaml, pb_yaml_get(s[i].node, "name"),
					      "another sweep is called `%s` already; give each its own name",
					      s[i].name);
				break;
			}
}

static void check_stage_names(struct pb_config_reader *r)
{
	const struct pb_config_stage *s = r->config->stages;
	for (size_t i = 0; i < r->config->n_stages; i++)
		for (size_t k = 0; k < i; k++)
			if (s[i].name && s[k].name && !strcmp(s[i].name, s[k].name)) {
				pb_yaml_error(r->yaml, pb_yaml_get(s[i].node, "name"),
					      "another stage is called `%s` already; give each its own name",
					      s[i].name);
				break;
			}
}

static bool fit_for_file(const char *name)
{
	if (!isalnum((unsigned char)*name) && *name != '_')
		return false;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
			return false;
	return strlen(name) <= 100;
}

/* One name of weights; `at` is where it stands. */
static void check_weights_name(struct pb_config_reader *r, const char *name, const struct pb_yaml_node *at, bool taken)
{
	if (!fit_for_file(name))
		pb_yaml_error(r->yaml, at,
			      "weights cannot be called `%s`: use letters, digits, `_`, `-` and `.`, e.g. model_1",
			      name);
	else if (!strcmp(name, "loaded") || !strcmp(name, "init"))
		pb_yaml_error(r->yaml, at, "`%s` is what the weights at the start are called; choose another name",
			      name);
	else if (taken)
		pb_yaml_error(r->yaml, at, "other weights are called `%s` already; choose another name", name);
}

static void check_weights(struct pb_config_reader *r)
{
	const struct pb_config_stage *s = r->config->stages;
	const struct pb_yaml_node *files = r->config->checkpoints;
	for (size_t i = 0; i < r->config->n_stages; i++) {
		bool taken = false;
		for (size_t k = 0; s[i].save && k < i; k++)
			taken |= s[k].save && !strcmp(s[i].save, s[k].save);
		if (s[i].save)
			check_weights_name(r, s[i].save, pb_yaml_get(s[i].node, "save"), taken);
	}
	for (size_t i = 0; files && i < files->count; i++) {
		bool taken = false;
		for (size_t k = 0; k < r->config->n_stages; k++)
			taken |= s[k].save && !strcmp(s[k].save, files->keys[i]->text);
		check_weights_name(r, files->keys[i]->text, files->keys[i], taken);
	}
}

/* What a seed changes, but for noise, is what is trained, on what. */
static void check_seeds(struct pb_config_reader *r)
{
	const struct pb_int_list *seeds = &r->config->seeds;
	const struct pb_yaml_node *list = pb_yaml_get(r->yaml->root, "seeds");
	if (seeds->count && !r->config->n_stages)
		pb_yaml_error(r->yaml, list,
			      "`seeds` repeats the training with each seed, and there is no `train`; to probe several "
			      "checkpoints, name them in `checkpoints` and `probe.model`");
	for (size_t i = 0; i < seeds->count; i++)
		for (size_t k = 0; k < i; k++)
			if (seeds->items[i] == seeds->items[k]) {
				pb_yaml_error(r->yaml, list->kind == PB_YAML_LIST ? list->items[i] : list,
					      "seed %lld is listed twice; once is enough", (long long)seeds->items[i]);
				break;
			}
}

void pb_config_check_names(struct pb_config_reader *reader)
{
	check_seeds(reader);
	check_sweep_names(reader);
	check_stage_names(reader);
	check_weights(reader);
}
