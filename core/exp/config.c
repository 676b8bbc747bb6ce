/* config.c: the tables that describe an experiment file. */
#include "exp/config.h"

#include <math.h>
#include <string.h>

#include "base/schema.h"
#include "base/status.h"
#include "exp/config_tables.h"

const char *const pb_patch_from_names[] = {"none", "clean", "corrupted", "ablate", NULL};
const char *const pb_gradient_mode_names[] = {"pass", "torch", NULL};
const char *const pb_sweep_kind_names[] = {"gradient", "activation", "params", NULL};
const char *const pb_estimate_mode_names[] = {"false", "true", "only", NULL};
const char *const pb_drill_end_names[] = {"heads", "parameters", NULL};
const char *const pb_matmul_names[] = {"f32", "tf32", "bf16x3", NULL};
static const char *const optimizer_names[] = {"adamw", "adam", "sgd", NULL};
static const char *const precision_names[] = {"f32", "f64", NULL};
static const char *const yes_no_auto[] = {"auto", "no", "yes", NULL};

#define AT(type, member) .offset = offsetof(struct type, member)
#define WHOLE            .min = 0, .max = INFINITY
#define SIZE             .min = 0, .max = 1 << 24

static const struct pb_param top_table[] = {
	{"name", PB_TYPE_STRING, AT(pb_config_top, name), .default_text = "experiment",
	 .doc = "what the run is called; names the run folder"},
	{"question", PB_TYPE_STRING, AT(pb_config_top, question), .default_text = "~",
	 .doc = "the question the experiment asks, shown in the report"},
	{"seed", PB_TYPE_INT, AT(pb_config_top, seed), WHOLE, .default_text = "42",
	 .doc = "seeds initial weights, sets, shuffles, noise and the bootstrap"},
	{"seeds", PB_TYPE_INT_LIST, AT(pb_config_top, seeds), WHOLE, .default_text = "[]",
	 .doc = "train and probe once with each of these in place of `seed`, and give the sweeps' means: [1, 2, 3]"},
	{"precision", PB_TYPE_ENUM, AT(pb_config_top, precision), .default_text = "f32", .choices = precision_names,
	 .doc = "element type of weights and activations"},
	{"device", PB_TYPE_STRING, AT(pb_config_top, device), .default_text = "auto",
	 .doc = "where to compute: cpu, cuda, cuda:1, or auto: a GPU where one can be used; `--device` overrides it"},
	{"matmul", PB_TYPE_ENUM, AT(pb_config_top, matmul), .default_text = "f32", .choices = pb_matmul_names,
	 .doc = "on a GPU, how float32 products are made: f32 exactly so, tf32 (operands of 10 bits) or bf16x3 (operands as "
		"two bfloat16 each); the run tells the error"},
	{"folder", PB_TYPE_STRING, AT(pb_config_top, folder), .default_text = "~",
	 .doc = "where the data's files are looked for, relative to the working folder; left out: beside this file"},
	{"manifest", PB_TYPE_STRING_LIST, AT(pb_config_top, manifest), .default_text = "[]",
	 .doc = "what an earlier run's results depended on besides this file, as its manifest.yaml has it: what is otherwise "
		"now is told"},
};

static const struct pb_param model_table[] = {
	{"load", PB_TYPE_STRING, AT(pb_config_model, load), .default_text = "~",
	 .doc = "checkpoint (.pt, .safetensors or .npz) to start from, relative to the working folder"},
	{"n_layers", PB_TYPE_INT, AT(pb_config_model, n_layers), .min = 0, .max = 4096, .default_text = "0",
	 .doc = "blocks"},
	{"d_model", PB_TYPE_INT, AT(pb_config_model, d_model), SIZE, .default_text = "0",
	 .doc = "width of the residual stream"},
	{"d_head", PB_TYPE_INT, AT(pb_config_model, d_head), SIZE, .default_text = "0",
	 .doc = "width of a head; d_model / n_heads if left out"},
	{"n_heads", PB_TYPE_INT, AT(pb_config_model, n_heads), SIZE, .default_text = "0",
	 .doc = "attention heads of a block"},
	{"d_mlp", PB_TYPE_INT, AT(pb_config_model, d_mlp), SIZE, .default_text = "0",
	 .doc = "width of the MLP; 4 * d_model if left out"},
	{"n_ctx", PB_TYPE_INT, AT(pb_config_model, n_ctx), SIZE, .default_text = "0", .unit = "tokens",
	 .doc = "positions; what the data need if left out"},
	{"d_vocab", PB_TYPE_INT, AT(pb_config_model, d_vocab), SIZE, .default_text = "0", .unit = "tokens",
	 .doc = "vocabulary; what the data need if left out"},
	{"act_fn", PB_TYPE_ENUM, AT(pb_config_model, act_fn), .default_text = "relu", .choices = pb_act_names,
	 .doc = "the MLP's activation; a state_dict does not tell it"},
	{"normalization_type", PB_TYPE_ENUM, AT(pb_config_model, normalization), .default_text = "auto",
	 .choices = pb_config_normalization_names, .doc = "auto: LN, or what the checkpoint's names tell"},
	{"attn_only", PB_TYPE_ENUM, AT(pb_config_model, attn_only), .default_text = "auto", .choices = yes_no_auto,
	 .doc = "blocks without MLP; auto: no, or what the checkpoint's names tell"},
	{"eps", PB_TYPE_REAL, AT(pb_config_model, eps), .min = 0, .max = 1, .default_text = "1e-5",
	 .doc = "added to the variance in layer norm"},
};

#define OPTIMIZER_FIELDS(key, lr_text, betas_text, decay_text, clip_text)                                              \
	{key,                                                                                                          \
	 PB_TYPE_ENUM,                                                                                                 \
	 AT(pb_config_optimizer, kind),                                                                                \
	 .default_text = "adamw",                                                                                      \
	 .choices = optimizer_names,                                                                                   \
	 .doc = "PyTorch's torch.optim class"},                                                                        \
		{"lr",                                                                                                 \
		 PB_TYPE_REAL,                                                                                         \
		 AT(pb_config_optimizer, lr),                                                                          \
		 .min = 0,                                                                                             \
		 .max = 1e6,                                                                                           \
		 .default_text = lr_text,                                                                              \
		 .doc = "learning rate"},                                                                              \
		{"betas",                                                                                              \
		 PB_TYPE_REAL_LIST,                                                                                    \
		 AT(pb_config_optimizer, betas),                                                                       \
		 .min = 0,                                                                                             \
		 .max = 1,                                                                                             \
		 .default_text = betas_text,                                                                           \
		 .doc = "AdamW, Adam: decay of the two moments"},                                                      \
		{"eps",                                                                                                \
		 PB_TYPE_REAL,                                                                                         \
		 AT(pb_config_optimizer, eps),                                                                         \
		 .min = 0,                                                                                             \
		 .max = 1,                                                                                             \
		 .default_text = "1e-8",                                                                               \
		 .doc = "AdamW, Adam: added to the denominator"},                                                      \
		{"weight_decay",                                                                                       \
		 PB_TYPE_REAL,                                                                                         \
		 AT(pb_config_optimizer, weight_decay),                                                                \
		 .min = 0,                                                                                             \
		 .max = 1e6,                                                                                           \
		 .default_text = decay_text,                                                                           \
		 .doc = "AdamW: decoupled; Adam, SGD: added to the gradient, and 0 if left out"},                                         \
		{"momentum",          PB_TYPE_REAL, AT(pb_config_optimizer, momentum), .min = 0, .max = 1,             \
		 .default_text = "0", .doc = "SGD"},                                                                   \
		{"dampening",         PB_TYPE_REAL, AT(pb_config_optimizer, dampening), .min = 0, .max = 1,            \
		 .default_text = "0", .doc = "SGD"},                                                                   \
		{"nesterov", PB_TYPE_BOOL, AT(pb_config_optimizer, nesterov), .default_text = "false", .doc = "SGD"},  \
		{"max_grad_norm",                                                                                      \
		 PB_TYPE_REAL,                                                                                         \
		 AT(pb_config_optimizer, max_grad_norm),                                                               \
		 .min = 0,                                                                                             \
		 .max = 1e300,                                                                                         \
		 .default_text = clip_text,                                                                            \
		 .doc = "clip the gradient's norm to this; 0: do not clip"},                                           \
	{                                                                                                              \
		"warmup_steps", PB_TYPE_INT, AT(pb_config_optimizer, warmup_steps), WHOLE,                             \
			.default_text = "0", .unit = "steps", .doc = "linear warm-up of the learning rate"             \
	}

static const struct pb_param optimizer_table[] = {OPTIMIZER_FIELDS("kind", "3e-4", "[0.9, 0.98]", "0.1", "1.0")};
static const struct pb_param update_table[] = {OPTIMIZER_FIELDS("optimizer", "1e-4", "[0.9, 0.98]", "0.1", "1.0")};

static const struct pb_param stage_table[] = {
	{"name", PB_TYPE_STRING, AT(pb_config_stage, name), .doc = "what the stage is called"},
	{"split", PB_TYPE_STRING, AT(pb_config_stage, split), .doc = "the dataset's split to train on"},
	{"save", PB_TYPE_STRING, AT(pb_config_stage, save), .default_text = "~",
	 .doc = "name of the checkpoint kept at the end, e.g. model_1"},
	{"epochs", PB_TYPE_INT, AT(pb_config_stage, epochs), WHOLE, .default_text = "0", .unit = "epochs",
	 .doc = "at most so many passes over the split; 0: as many as steps ask for"},
	{"steps", PB_TYPE_INT, AT(pb_config_stage, steps), WHOLE, .default_text = "0", .unit = "steps",
	 .doc = "at most so many optimizer steps; 0: as many as epochs ask for"},
	{"batch_size", PB_TYPE_INT, AT(pb_config_stage, batch_size), .min = 1, .max = 1 << 20, .default_text = "128",
	 .unit = "examples", .doc = "examples of one optimizer step"},
	{"evaluate_every", PB_TYPE_INT, AT(pb_config_stage, evaluate_every), .min = 1, .max = 1e9, .default_text = "1",
	 .unit = "epochs", .doc = "how often `evaluate` and `stop` look"},
};

static const struct pb_param stop_table[] = {
	{"split", PB_TYPE_STRING, AT(pb_config_stage, stop_split), .doc = "the split to look at"},
	{"below", PB_TYPE_REAL, AT(pb_config_stage, stop_below), .min = -1e300, .max = 1e300, .default_text = "-1e300",
	 .doc = "stop when the metric is below this"},
	{"above", PB_TYPE_REAL, AT(pb_config_stage, stop_above), .min = -1e300, .max = 1e300, .default_text = "1e300",
	 .doc = "stop when the metric is above this"},
};

static const struct pb_param select_table[] = {
	{"before", PB_TYPE_STRING, AT(pb_config_select, before), .doc = "name of the earlier weights, e.g. model_1"},
	{"after", PB_TYPE_STRING, AT(pb_config_select, after), .doc = "name of the later weights, e.g. model_2"},
	{"sets", PB_TYPE_STRING_LIST, AT(pb_config_select, sets), .default_text = "[]",
	 .doc = "the sets whose units compete for the largest improvement of `metric`; none given: all units"},
};

static const struct pb_param probe_table[] = {
	{"unit", PB_TYPE_STRING, AT(pb_config_probe, unit), .default_text = "~",
	 .doc = "the unit to probe, e.g. 71; left out: the one that improved most in `select`"},
	{"units", PB_TYPE_STRING_LIST, AT(pb_config_probe, units), .default_text = "[]",
	 .doc = "several units to probe, one table each and their mean: [34, 71], the name of a set, or all"},
	{"model", PB_TYPE_STRING_LIST, AT(pb_config_probe, model), .default_text = "[]",
	 .doc = "name of the weights to update; several: the sweeps under each; left out: the loaded ones, or the last "
		"stage's"},
};

static const struct pb_param example_table[] = {
	{"example", PB_TYPE_STRING, AT(pb_config_example, example),
	 .doc = "clean, corrupted, questions (the mean of all), or a question's number, from 0"},
	{"unit", PB_TYPE_STRING, AT(pb_config_example, unit), .default_text = "~",
	 .doc = "the unit whose example it is; left out: the probed one"},
};

static const struct pb_param sweep_table[] = {
	{"name", PB_TYPE_STRING, AT(pb_config_sweep, name), .doc = "what the sweep is called; unique"},
	{"kind", PB_TYPE_ENUM, AT(pb_config_sweep, kind), .default_text = "gradient", .choices = pb_sweep_kind_names,
	 .doc = "gradient: patch, update, ask; activation: patch, look at the logits; params: patch parameters' "
		"gradients"},
	{"hook", PB_TYPE_STRING_LIST, AT(pb_config_sweep, hook), .default_text = "[]",
	 .doc = "the hook point: z, resid_pre, blocks.2.hook_mlp_out; several make a leading axis `hook`"},
	{"over", PB_TYPE_STRING_LIST, AT(pb_config_sweep, over), .default_text = "[]",
	 .doc = "the sweep's axes: layer, pos, head, dest_pos, src_pos"},
	{"together", PB_TYPE_STRING_LIST, AT(pb_config_sweep, together), .default_text = "[]",
	 .doc = "axes whose values are all patched in one cell"},
	{"base", PB_TYPE_ENUM, AT(pb_config_sweep, base), .default_text = "none", .choices = pb_patch_from_names,
	 .doc = "the run that is patched; none: clean (gradient; activation with an ablating setter), else corrupted"},
	{"forward", PB_TYPE_ENUM, AT(pb_config_sweep, forward), .default_text = "none", .choices = pb_patch_from_names,
	 .doc = "the run that activations are taken from; ablate: the setter needs none"},
	{"backward", PB_TYPE_ENUM, AT(pb_config_sweep, backward), .default_text = "none",
	 .choices = pb_patch_from_names, .doc = "the run that gradients are taken from"},
	{"gradient", PB_TYPE_ENUM, AT(pb_config_sweep, gradient), .default_text = "pass",
	 .choices = pb_gradient_mode_names,
	 .doc = "pass: the gradient passes a forward patch; torch: what PyTorch's hooks do"},
	{"neutral", PB_TYPE_REAL, AT(pb_config_sweep, neutral), .min = -1e300, .max = 1e300, .default_text = "1e300",
	 .doc = "score in the middle of the colour scale; left out: the base run's"},
	{"estimate", PB_TYPE_ENUM, AT(pb_config_sweep, estimate), .default_text = "false",
	 .choices = pb_estimate_mode_names,
	 .doc = "the first-order estimate of every cell, from one backward pass of the metric: beside the exact "
		"values, or only"},
};

static const struct pb_param drilldown_table[] = {
	{"share", PB_TYPE_REAL_LIST, AT(pb_config_drilldown, share), .min = 0.01, .max = 1, .default_text = "[0.9]",
	 .doc = "the part of the score that the set must reach, e.g. 0.9; of several, each is searched for"},
	{"ends_at", PB_TYPE_ENUM, AT(pb_config_drilldown, ends_at), .default_text = "heads",
	 .choices = pb_drill_end_names,
	 .doc = "the smallest parts: heads of W_Q, W_K, W_V, W_O and their biases, or whole parameters"},
	{"base", PB_TYPE_ENUM, AT(pb_config_drilldown, base), .default_text = "corrupted",
	 .choices = pb_patch_from_names,
	 .doc = "the run that gradients outside the set come from; with clean, the set is what must be corrupted to take "
		"that share of the score away"},
	{"max_cells", PB_TYPE_INT, AT(pb_config_drilldown, max_cells), .min = 1, .max = 1e12, .default_text = "20000",
	 .unit = "cells", .doc = "ends the search, which then tells how far it came; a set costs a cell for each unit"},
};

static const char *const
	top_others[] = {"model", "data", "train", "checkpoints", "probe", "update", "loss", "metric",
			"similarity", "sweeps", "drilldown", NULL},
	*const stage_others[] = {"loss", "evaluate", "optimizer", "stop", NULL},
	*const stop_others[] = {"metric", NULL}, *const select_others[] = {"metric", NULL},
	*const probe_others[] = {"select", NULL}, *const sweep_others[] = {"setter", "cells", "sets", NULL};

#define TABLE(where, name, others)                                                                                     \
	{                                                                                                              \
		where, name##_table, PB_COUNT_OF(name##_table), others                                                 \
	}

const struct pb_config_tables pb_config_tables = {
	.top = TABLE("an experiment", top, top_others),
	.model = TABLE("`model`", model, NULL),
	.optimizer = TABLE("an optimizer", optimizer, NULL),
	.update = TABLE("`update`", update, NULL),
	.stage = TABLE("a training stage", stage, stage_others),
	.stop = TABLE("`stop`", stop, stop_others),
	.select = TABLE("`select`", select, select_others),
	.probe = TABLE("`probe`", probe, probe_others),
	.example = TABLE("an example", example, NULL),
	.sweep = TABLE("a sweep", sweep, sweep_others),
	.drilldown = TABLE("`drilldown`", drilldown, NULL),
};

const char *const pb_config_normalization_names[] = {"auto", "LN", "LNPre", "none", NULL};
