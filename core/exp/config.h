/* config.h: the experiment file as data. Everything is checked against static tables; nothing is looked up yet.
 *
 * Keys that name a plugin (data, loss, metric, setter) stay YAML nodes here: their parameters are described by the
 * plugin's own table, which the plan finds.
 */
#ifndef PB_EXP_CONFIG_H
#define PB_EXP_CONFIG_H

#include <patchbay/schema.h>

#include "base/yaml.h"
#include "model/model.h"
#include "optim/optim.h"

struct pb_config_optimizer {
	int32_t kind; /* enum pb_optim_kind */
	double lr, eps, weight_decay, momentum, dampening, max_grad_norm;
	struct pb_real_list betas;
	bool nesterov;
	int64_t warmup_steps;
};

struct pb_config_model {
	const char *load;                                                  /* checkpoint; NULL: from scratch */
	int64_t n_layers, d_model, d_head, n_heads, d_mlp, n_ctx, d_vocab; /* 0: not given */
	int32_t act_fn, normalization, attn_only;                          /* -1 / index: see config.c */
	double eps;
};

struct pb_config_stage {
	const struct pb_yaml_node *node; /* as are those below: where messages point */
	const char *name, *split, *save;
	int64_t epochs, steps, batch_size, evaluate_every;
	const struct pb_yaml_node *loss;      /* NULL: cross_entropy */
	const struct pb_yaml_node *evaluate;  /* metric name -> splits; NULL: nothing */
	bool continues;                       /* optimizer: continue */
	struct pb_config_optimizer optimizer; /* unless continues */
	const struct pb_yaml_node *stop;      /* NULL: none */
	const struct pb_yaml_node *stop_metric;
	const char *stop_split;
	double stop_below, stop_above;
};

struct pb_config_select {
	const struct pb_yaml_node *node; /* NULL: absent */
	const struct pb_yaml_node *metric;
	const char *before, *after;
	struct pb_string_list sets;
};

struct pb_config_probe {
	const struct pb_yaml_node *node; /* NULL: absent */
	const char *unit;                /* NULL: by selection, or the only one */
	struct pb_string_list units;     /* units, sets, or "all"; none: `unit` */
	struct pb_string_list model;     /* weights to update, one after the other; none: the last ones */
	struct pb_config_select select;
};

/* An example whose gradient is compared with others'. */
struct pb_config_example {
	const struct pb_yaml_node *at, *at_unit; /* where messages point */
	const char *example;                     /* clean, corrupted, questions, or a question's number */
	const char *unit;                        /* NULL: the probed one */
};

enum pb_sweep_kind {
	PB_SWEEP_GRADIENT = 0, /* patch, update, measure on the questions */
	PB_SWEEP_ACTIVATION,   /* patch, measure on the patched logits */
	PB_SWEEP_PARAMS,       /* patch parameters' gradients, update, measure */
};

enum pb_patch_from {
	PB_FROM_NONE = 0,
	PB_FROM_CLEAN,
	PB_FROM_CORRUPTED,
	PB_FROM_ABLATE, /* the setter needs no source */
};

enum pb_gradient_mode {
	PB_MODE_PASS = 0,
	PB_MODE_TORCH,
};

enum pb_estimate_mode {
	PB_ESTIMATE_NO = 0,
	PB_ESTIMATE_YES,  /* beside the exact values */
	PB_ESTIMATE_ONLY, /* in place of them */
};

struct pb_config_sweep {
	const struct pb_yaml_node *node;
	const char *name;
	int32_t kind;              /* enum pb_sweep_kind */
	int32_t base;              /* enum pb_patch_from: CLEAN or CORRUPTED; NONE: the kind's default */
	int32_t forward, backward; /* enum pb_patch_from */
	int32_t gradient;          /* enum pb_gradient_mode */
	struct pb_string_list hook, over, together;
	const struct pb_yaml_node *setter; /* scalar or map */
	const struct pb_yaml_node *cells;  /* NULL: the grid */
	const struct pb_yaml_node *sets;   /* PARAMS: map or word */
	double neutral;                    /* NaN: the base run's score */
	int32_t estimate;                  /* enum pb_estimate_mode */
};

enum pb_drill_end {
	PB_DRILL_HEADS = 0,
	PB_DRILL_PARAMETERS,
};

struct pb_config_drilldown {
	const struct pb_yaml_node *node; /* NULL: absent */
	struct pb_real_list share;
	int64_t max_cells;
	int32_t ends_at; /* enum pb_drill_end */
	int32_t base;    /* enum pb_patch_from: CLEAN or CORRUPTED */
};

struct pb_config {
	struct pb_yaml yaml;  /* owns everything below */
	const char *base_dir; /* where plugins' files are looked for */
	const char *name, *question;
	int64_t seed;
	struct pb_string_list manifest; /* lines of pb_identity_facts, of an earlier run */
	struct pb_int_list seeds; /* the whole experiment once for each; none: `seed` */
	uint32_t dtype;
	const char *device; /* pb_device_open's name */
	enum pbk_matmul matmul;
	struct pb_config_model model;
	const struct pb_yaml_node *data, *loss, *metric, *checkpoints;
	size_t n_stages;
	struct pb_config_stage *stages;
	struct pb_config_probe probe;
	struct pb_config_optimizer update;
	size_t n_similarity;
	struct pb_config_example *similarity;
	const struct pb_yaml_node *similarity_node; /* NULL: absent */
	size_t n_sweeps;
	struct pb_config_sweep *sweeps;
	struct pb_config_drilldown drilldown;
};

/* Reads FILE, applies each of `sets` ("path=value", ended by NULL), decodes. A file that cannot be read or is not YAML
 * is a failure; mistakes in it are none: they wait in ret_config->yaml for those that pb_plan_make finds. */
int pb_config_open(const char *path, const char *const *sets, struct pb_config *ret_config);
/* The same, but mistakes are a failure: all of them at once as the error text. */
int pb_config_read(const char *path, const char *const *sets, struct pb_config *ret_config);
void pb_config_finish(struct pb_config *config);
/* PyTorch's definitions from the decoded record. */
struct pb_optim_config pb_config_optim(const struct pb_config_optimizer *optimizer);

extern const char *const pb_patch_from_names[];
extern const char *const pb_matmul_names[]; /* by enum pbk_matmul */
extern const char *const pb_gradient_mode_names[];
extern const char *const pb_sweep_kind_names[];
extern const char *const pb_estimate_mode_names[];
extern const char *const pb_drill_end_names[];

#endif
