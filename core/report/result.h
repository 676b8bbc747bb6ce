/* result.h: what a run found, as plain data. exp/ fills it, report/ writes it; nobody else knows it.
 *
 * All pointers belong to the run's arena and outlive the report.
 */
#ifndef PB_REPORT_RESULT_H
#define PB_REPORT_RESULT_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One axis of a sweep. */
struct pb_result_axis {
	const char *name;          /* "layer", "pos", "head", "dest_pos", "src_pos", "hook", "set", "cell" */
	int64_t n;
	const char *const *labels; /* [n]: "0", "71 (2)", "embed..block0" */
};

/* What the audit saw of one direction's patch in one cell. */
struct pb_result_hook {
	int64_t fired;     /* how often the hook ran */
	double max_change; /* largest |new - old| it made */
};

/* One cell; NaN where a number was not computed. */
struct pb_result_cell {
	const int64_t *index; /* [n_axes]: position on each axis */
	double metric;        /* after the update (or of the patched logits) */
	double score;         /* normalised: 0 corrupted, 1 clean */
	double loss;          /* of the patched forward pass */
	double grad_norm;     /* before clipping */
	struct pb_result_hook forward, backward;
	bool graph_cut;
	int64_t params_without_grad;
	double estimate, estimate_score; /* of metric and score, to first order */
};

/* A cell without any number, as a value. */
#define PB_EMPTY_CELL                                                                                                  \
	((struct pb_result_cell){                                                                                      \
		.metric = NAN, .score = NAN, .loss = NAN, .grad_norm = NAN, .estimate = NAN, .estimate_score = NAN})

/* How first-order estimates of a sweep's cells compare with the exact values. */
struct pb_result_estimate {
	bool only;               /* there are no exact values of the cells */
	double before;           /* the metric before any update (or patch), from which the estimates go out */
	double clean, corrupted; /* the two ends of the score, as estimated; NaN: patches of activations alone */
	double correlation;      /* Pearson's, of estimate and metric over the cells; NaN: there is none */
};

/* What several values of one number say; NaN where there are too few of them. */
struct pb_result_spread {
	int64_t count;    /* of the values; those that are not finite are none */
	double mean, std; /* std: of a sample, by count - 1 */
	double low, high; /* 95 % interval of the mean: percentile bootstrap */
};

/* One of the units, or seeds, that a sweep was made over: its own table. */
struct pb_result_member {
	const char *name, *set; /* set NULL: none */
	double metric_clean, metric_corrupted;
	bool score_defined;
	const struct pb_result_cell *cells; /* [n_cells] of the sweep */
};

struct pb_result_members {
	const char *what; /* "unit" or "seed" */
	size_t n;
	const struct pb_result_member *items;
	const struct pb_result_spread *metric, *score; /* [n_cells]; of the estimates, where there is nothing else */
};

struct pb_result_sweep {
	const char *name;    /* as the user wrote it; under several sets of weights, with theirs */
	const char *weights; /* NULL: under one set only */
	const char *file;    /* name made fit for a file name: [a-z0-9_-] */
	const char *kind;    /* "gradient", "activation" or "params"; of two runs compared, "difference" */
	const char *hook;    /* "z", or NULL for params */
	const char *setter;  /* plugin name, or "params" */
	const char *base, *forward, *backward; /* "clean", "corrupted", "none", "ablate" */
	const char *gradient;                  /* "pass" or "torch" */
	const char *metric, *unit;
	size_t n_axes;
	const struct pb_result_axis *axes;
	size_t n_cells;
	const struct pb_result_members *over; /* NULL: of one unit; else all numbers here are means, audits sums and maxima */
	const struct pb_result_cell *cells; /* row-major over the axes, each index once */
	double metric_clean, metric_corrupted; /* the two ends of the score */
	double neutral;                        /* the score that means "nothing happened": the middle of the colour scale */
	bool score_defined;                    /* false: the two ends coincide, score is NaN, show the metric */
	size_t n_notes;
	const char *const *notes; /* the audit in plain words */
	const struct pb_result_estimate *estimate; /* NULL: none was asked for */
	double seconds;
};

/* One training stage's curves. */
struct pb_result_series {
	const char *name;     /* "loss", "accuracy Dt3" */
	const double *values; /* [n_points], NaN: not measured there */
};

struct pb_result_stage {
	const char *name;
	const char *x_label; /* "epoch" or "step" */
	size_t n_points;
	const double *x;
	size_t n_series;
	const struct pb_result_series *series;
	const char *stopped; /* why it ended: "500 epochs", "loss below 0.005" */
	double seconds;
};

/* Per-unit values before and after (e.g. accuracy under model_1 and model_2). */
struct pb_result_unit {
	const char *name, *set;
	double before, after;
};

struct pb_result_units {
	const char *metric, *label_before, *label_after;
	size_t n_units;
	const struct pb_result_unit *units;
	int64_t selected; /* index, -1: none */
};

struct pb_result_pair {
	const char *name, *value;
};

/* The probe and its two updates. */
struct pb_result_probe {
	const char *unit;
	const char *clean, *corrupted; /* token texts: "R alias(71) 71 P" */
	double metric_before;          /* base weights */
	double metric_clean, metric_corrupted;
	double loss_clean, loss_corrupted;
	double grad_norm_clean, grad_norm_corrupted;
	const char *set;     /* of the unit; NULL: none */
	const char *weights; /* NULL: under one set only */
};

/* An example and its gradient. */
struct pb_result_example {
	const char *label; /* "clean", "question 3 of 34" */
	const char *text;  /* token texts: "R alias(71) 71 P" */
	double loss, grad_norm;
};

/* The angles between the gradients of any two of some examples. */
struct pb_result_similarity {
	const char *loss; /* whose gradients */
	size_t n;
	const struct pb_result_example *examples;
	size_t n_params;
	const char *const *params;
	const double
		*cosine; /* [1 + n_params, n, n]: of all parameters, then of each; NaN: a gradient is zero or absent */
	const double *dots; /* [n_params, n, n]: inner products */
};

/* What one parameter contributes to the first-order change of the metric by the two updates of one probe. */
struct pb_result_part {
	const char *unit, *param;
	double clean, corrupted;
};

/* A smaller and smaller set of parameters that still carries a share of the score. */
struct pb_result_drill_step {
	int64_t level;   /* how far down the tree: 0 the whole model, 1 blocks, ... */
	const char *set; /* as `sets` takes it */
	double score;    /* mean over the units */
	int64_t parameters;
	int64_t cells;   /* spent up to here */
};

/* One of the smallest parts of the set that was found. */
struct pb_result_drill_part {
	const char *name;
	int64_t parameters;
	double without; /* the score of the set without it; NaN: not known */
};

struct pb_result_drill {
	const char *weights; /* NULL: under one set only */
	double share;
	const char *base;    /* the run that gradients outside the set come from */
	int64_t n_units;     /* that have a score */
	int64_t parameters;  /* of the whole model */
	size_t n_steps;
	const struct pb_result_drill_step *steps; /* the last is what was found; none: no unit has a score */
	size_t n_parts;
	const struct pb_result_drill_part *parts;
	const char *note; /* what is wrong with it; NULL: nothing */
	int64_t cells;    /* spent on it in all; sets that a search before it had judged cost nothing */
	double seconds;
};

/* Where attention looks, in the probe's two runs without a patch: the first example of each. */
struct pb_result_pattern {
	const char *unit, *weights; /* weights NULL: under one set only */
	int64_t n_layers, n_heads, n_pos;
	const char *const *clean_tokens, *const *corrupted_tokens; /* [n_pos]: "R", "alias(71)" */
	const double *clean, *corrupted;                           /* [n_layers, n_heads, n_pos query, n_pos key] */
};

/* How far the probe's two updates move each parameter. */
struct pb_result_update {
	const char *unit, *weights; /* as above */
	size_t n_params;
	const char *const *params; /* [n_params], as all lists here */
	const int64_t *elements;
	const double *weight;            /* 2-norm of the parameter before */
	const double *clean, *corrupted; /* 2-norms of its change by each of the updates */
	const double *difference;        /* 2-norm of the one change minus the other */
};

struct pb_result_run {
	const char *name, *question;
	const char *version, *date; /* ISO 8601 */
	const char *config;         /* the resolved experiment as YAML */
	size_t n_environment;
	const struct pb_result_pair *environment; /* host, compiler, threads, seed, plugin versions, ... */
	size_t n_stages;
	const struct pb_result_stage *stages;
	size_t n_units;
	const struct pb_result_units *units;
	const struct pb_result_probe *probe; /* NULL: none, or several */
	size_t n_probes;                     /* several units, or sets of weights; else 0 */
	const struct pb_result_probe *probes;
	const struct pb_result_similarity *similarity; /* NULL: none was asked for */
	size_t n_parts;
	const struct pb_result_part *parts; /* unit after unit */
	size_t n_patterns;
	const struct pb_result_pattern *patterns; /* of each probed unit under each set of weights */
	int64_t patterns_left_out;                /* probes that are not among them, to bound the files */
	size_t n_updates;
	const struct pb_result_update *updates; /* the same; none where no update is made */
	int64_t updates_left_out;
	size_t n_sweeps;
	const struct pb_result_sweep *sweeps;
	size_t n_drills;
	const struct pb_result_drill *drills; /* of each share, under each set of weights */
	size_t n_notes;
	const char *const *notes; /* of the run as a whole */
	double seconds;
};

#endif
