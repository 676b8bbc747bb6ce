/* job.h: what goes into an engine and what comes out. */
#ifndef PB_EXP_JOB_H
#define PB_EXP_JOB_H

#include "exp/plan.h"

/* What a run without a patch gave; NaN where there was nothing to measure. */
struct pb_run_ends {
	double loss, grad_norm;
	double metric_updated; /* on the questions, after one update on this run */
	double metric_logits;  /* of its own scored rows, by its own answers */
	double metric_as_base; /* of these, by the other run's answers and reference: the far end of that run's score */
	double estimate;       /* of metric_updated, to first order */
	const double *parts;   /* [n params] what each contributes to it; NULL: nothing was to be estimated */
};

struct pb_probe_ends {
	double metric_before; /* on the questions, weights as they are */
	struct pb_run_ends runs[2]; /* clean, corrupted */
};

/* One cell for one probe of the engine's group. */
struct pb_cell_job {
	size_t probe;
	const struct pb_plan_cell *cell;
	struct pb_result_cell *out; /* filled, but for index and scores */
	int rc;                     /* -PB_E_NUMERIC: the patch broke the model, and `out` is left alone */
	const char *why;            /* then: the reason */
	bool explain;               /* what setters write is looked at; see pb_patch */
};

#endif
