/* plan.h: an experiment with everything resolved: plugins, model, splits, units, hook points, cells.
 *
 * Immutable once made. `patchbay check` stops here: a plan that could be made is an experiment that can run, but for
 * the disk, memory and the plugins themselves.
 */
#ifndef PB_EXP_PLAN_H
#define PB_EXP_PLAN_H

#include "ckpt/ckpt.h"
#include "exp/config.h"
#include "exp/scorer.h"
#include "host/dataset.h"
#include "report/result.h"

enum { PB_PLAN_MAX_AXES = 6 };

/* A metric on a split, measured while training. */
struct pb_plan_evaluation {
	const char *label; /* "accuracy Dt3" */
	struct pb_scorer *scorer;
	int64_t split;
};

struct pb_plan_stage {
	const struct pb_config_stage *config;
	int64_t split;
	struct pb_scorer *loss;
	struct pb_optim_config optim; /* unless config->continues */
	size_t n_evaluations;
	struct pb_plan_evaluation *evaluations;
	struct pb_scorer *stop; /* NULL: no early stop */
	int64_t stop_split;
};

/* One region to patch. */
struct pb_plan_patch {
	int site_id;
	int64_t index[PB_PLAN_MAX_AXES]; /* on the setter's axes, in its order */
};

struct pb_plan_cell {
	const int64_t *index; /* [n_axes] position on each result axis */
	size_t n_patches;
	const struct pb_plan_patch *patches;
	const bool *set; /* PARAMS: [table.n_parts] whose gradients come from the other run */
};

struct pb_plan_sweep {
	const struct pb_config_sweep *config;
	const char *file;           /* name made fit for a file name */
	struct pb_instance *setter; /* NULL: PARAMS */
	bool staged;                /* the setter touches memory itself, and the device's is out of its reach: it gets copies */
	size_t n_setter_axes;
	uint8_t setter_axes[PB_PLAN_MAX_AXES]; /* enum pb_axis, in the order of a patch's index */
	int64_t mean_split;                    /* PB_SOURCE_MEAN; else -1 */
	size_t n_sites;
	const int *sites; /* all points the sweep patches */
	size_t n_axes;
	struct pb_result_axis axes[PB_PLAN_MAX_AXES];
	uint8_t axis_kinds[PB_PLAN_MAX_AXES]; /* enum pb_axis of each; NONE: hook, cell, set */
	size_t n_cells;
	struct pb_plan_cell *cells;
};

enum pb_example_part {
	PB_EXAMPLE_CLEAN = 0,
	PB_EXAMPLE_CORRUPTED,
	PB_EXAMPLE_QUESTIONS, /* the mean of all */
	PB_EXAMPLE_QUESTION,
};

/* An example of a unit, whose gradient is compared with others'. */
struct pb_plan_example {
	const struct pb_config_example *config;
	const char *label; /* "question 3 of 34" */
	int64_t unit;      /* -1: the probed one */
	enum pb_example_part part;
	int64_t question;
};

/* A search through sets of parameters: a sweep's cells without a list of them. */
struct pb_plan_drill {
	struct pb_config_sweep config; /* kind and base */
	struct pb_plan_sweep sweep;    /* no cells, no axes */
};

/* Weights by name: "loaded" or "init" first, then stages' `save`, then `checkpoints`. */
struct pb_plan {
	struct pb_arena arena;
	struct pb_config *config; /* not owned */
	struct pb_device *device; /* not owned */
	struct pb_device host;    /* the CPU, for setters that get copies; open where there is one */
	struct pb_registry *registry;
	struct pb_instance *data;
	struct pb_model model;
	bool has_model; /* once it is known */
	bool has_loaded; /* the start is a checkpoint, of these sizes; its contents are read when they are needed */
	struct pb_scorer *loss, *metric;
	size_t n_scorers;
	struct pb_scorer *scorers[256]; /* owns all of them */
	size_t n_stages;
	struct pb_plan_stage *stages;
	bool has_probe;
	int64_t unit; /* the first of them; -1: by selection */
	size_t n_units;
	int64_t *units; /* that are probed, in the file's order; none: by selection */
	struct pb_scorer *select_metric; /* NULL: no selection */
	size_t n_candidates;
	int64_t *candidates; /* units that compete, in the data's order */
	struct pb_optim_config update;
	size_t n_similarity;
	struct pb_plan_example *similarity;
	int64_t n_examples, n_pos; /* of the probe that the sweeps are made for */
	size_t n_sweeps;
	struct pb_plan_sweep *sweeps;
	struct pb_plan_drill *drill; /* NULL: none */
};

/* `config` and `device` must outlive the plan. All mistakes, those that pb_config_open found too, at once as the error
 * text, each with its place. */
int pb_plan_make(struct pb_config *config, struct pb_device *device, struct pb_plan *ret_plan);
/* Only the data and the model: what is wrong elsewhere in the file does not matter. */
int pb_plan_make_model_only(struct pb_config *config, struct pb_device *device, struct pb_plan *ret_plan);
void pb_plan_finish(struct pb_plan *plan);
/* "plan: 3 stages, 9 sweeps, 74 cells, ..." one line a part, for `check` and the log. */
void pb_plan_describe(const struct pb_plan *plan, struct pb_text *out);

/* Is there anything to run: a stage, or a probe? */
bool pb_plan_asks(const struct pb_plan *plan);

/* Before a sweep runs on a probe of another unit than the plan was made with: is it as long? Setters are told of another
 * number of examples; *told is the one they know, plan->n_examples at first. */
int pb_plan_settle(const struct pb_plan *plan, const struct pb_probe_data *probe, int64_t *told);

/* Calls of the data plugin, its failures as errors. What it hands out is checked, in a time in proportion to its size: an
 * index, a token or a size out of range is -PB_E_PLUGIN with the split or unit and the row in the text. */
int pb_data_examples(const struct pb_plan *plan, int64_t split, int64_t epoch, struct pb_examples *ret_examples);
int pb_data_probe(const struct pb_plan *plan, int64_t unit, struct pb_probe_data *ret_probe);
int pb_data_split(const struct pb_plan *plan, int64_t split, struct pb_split *ret_split);
int pb_data_unit(const struct pb_plan *plan, int64_t unit, struct pb_unit *ret_unit);
int64_t pb_data_find_split(const struct pb_plan *plan, const char *name); /* -1: none */
/* "R alias(71) 71 P" */
const char *pb_data_tokens_text(const struct pb_plan *plan, const int32_t *tokens, int64_t n, struct pb_arena *arena);

/* The parts of pb_plan_make (plan_*.c); mistakes go to config->yaml, a returned error is another failure. */
int pb_plan_make_model(struct pb_plan *plan);
int pb_plan_make_stages(struct pb_plan *plan);
int pb_plan_make_probe(struct pb_plan *plan);
int pb_plan_make_similarity(struct pb_plan *plan);
/* Fetches an example of `unit` by a probe call of the data; -PB_E_CONFIG, naming both, where the unit has none such or
 * the loss cannot judge it. Valid until the next probe call; what is not the plugin's comes from the arena. */
int pb_plan_example(const struct pb_plan *plan, const struct pb_plan_example *example, int64_t unit,
		    struct pb_arena *arena, struct pb_examples *ret_examples);
/* A unit by name; an unknown one is a mistake at `at`, and *ret_unit is left alone. */
int pb_plan_unit(struct pb_plan *plan, const char *name, const struct pb_yaml_node *at, int64_t *ret_unit);
int pb_plan_make_selection(struct pb_plan *plan);
/* Do weights of that name come from the start, a stage or a file? NULL: the last ones. */
int pb_plan_check_weights_name(struct pb_plan *plan, const char *name, const struct pb_yaml_node *at);
int pb_plan_make_sweeps(struct pb_plan *plan, const struct pb_probe_data *probe);
/* Have the probe's rows what the loss, the metric and the sweeps need? Mistakes name the unit, "the unit" where NULL. */
bool pb_plan_check_probe(struct pb_plan *plan, const struct pb_probe_data *probe, const char *unit);
int pb_plan_make_cells(struct pb_plan *plan, struct pb_plan_sweep *sweep, int64_t n_pos);
int pb_plan_make_sets(struct pb_plan *plan, struct pb_plan_sweep *sweep);
/* The one axis of explicit cells or sets: room for n cells, and for their labels. */
int pb_plan_single_axis(struct pb_plan *plan, struct pb_plan_sweep *sweep, const char *name, size_t n,
			const char ***ret_labels);
/* Finds and instantiates the metric that a node names (NULL node: `fallback`). On a mistake *ret_scorer is NULL. */
int pb_plan_scorer(struct pb_plan *plan, const struct pb_yaml_node *node, const char *fallback,
		   struct pb_scorer **ret_scorer);
/* A metric that cannot be a loss (no gradient, or in want of a reference) is a mistake at `at`. */
void pb_plan_check_loss(struct pb_plan *plan, const struct pb_scorer *loss, const struct pb_yaml_node *at);
/* Finds and instantiates a plugin; on a mistake *ret_instance is NULL. `node` or `fallback` names it. */
int pb_plan_instance(struct pb_plan *plan, enum pb_kind kind, const struct pb_yaml_node *node, const char *fallback,
		     const char *const *skip, struct pb_instance **ret_instance);
/* A split by name. An empty one is a mistake, and so is an unknown one, which gives -1. */
int64_t pb_plan_split(struct pb_plan *plan, const char *name, const struct pb_yaml_node *at);
/* "a, b, c": the first 40 names, then how many more; NULL when out of memory. */
const char *pb_plan_list(struct pb_plan *plan, const char *const *names, size_t n);
static inline const char *pb_plan_data_name(const struct pb_plan *plan)
{
	return plan->data->loaded->plugin->name;
}
/* Turns a failure that the experiment file is to blame for (a bad value, a missing file) into a mistake at `at`, with
 * the error text; `n_before` is how many mistakes there were, for a failure that was recorded already. Returns 0, or
 * another failure. */
int pb_plan_blame(struct pb_plan *plan, const struct pb_yaml_node *at, size_t n_before, int rc);

#endif
