/* fast.h: the fast engine: the cells of a sweep, of one probe or of several, as one batched pass.
 *
 * Cells are replicated along the batch axis; each cell's hooks see its own examples only. Gradients stay factored
 * (tape/factors.h), and the weights after a cell's update are formed in cache and used at once (model/stepped.h). Rows of
 * the kernels do not depend on each other, so that the numbers do not depend on how cells are batched.
 */
#ifndef PB_EXP_FAST_H
#define PB_EXP_FAST_H

#include "exp/estimate.h"
#include "exp/job.h"
#include "exp/patch.h"
#include "model/stepped.h"

/* A probe's questions as prefix trees, a part at a time where they are many. */
struct pb_fast_questions {
	size_t n;
	struct pb_prefixes *parts;
	int64_t *first; /* [n + 1] scored rows */
	int64_t most_rows;
	double *reference; /* logits of the scored rows, weights as they are; NULL unless the metric wants them */
};

/* The group's clean (or corrupted) runs in one pass. */
struct pb_fast_run {
	const struct pb_examples **examples; /* [n_probes] */
	struct pb_cache cache;               /* points that the sweeps take from this run, probe after probe */
	struct pb_tape tape;                 /* holds the factors */
	struct pb_factors factors;           /* as long as a sweep patches parameters' gradients */
	struct pb_view logits;               /* [n_probes * scored rows, d_vocab] */
	double *reference;                   /* the same; NULL unless the metric wants them */
};

struct pb_fast {
	const struct pb_plan *plan;
	const struct pb_params *weights;
	const struct pb_means *means;
	const struct pb_probe_data *probes;
	size_t n_probes;
	size_t tape_memory, question_memory; /* bytes: for a pass, for the questions */
	int64_t batch;                       /* cells of a pass, where the user says */
	size_t most_cells;                   /* of a pass, where the user does not */
	size_t cell_size;                    /* bytes that one cell takes on the tape */
	struct pb_stepped_rule rule;
	struct pb_bus bus;
	struct pb_tape tape; /* of the patched passes */
	struct pb_stepped_scratch scratch;
	struct pb_arena arena; /* as long as the group */
	struct pb_arena lists; /* as long as a batch */
	struct pb_pool pool;   /* the runs' logits */
	double *host_memory;   /* of logits, for plugins */
	size_t host_room;
	struct pb_fast_questions *questions; /* [n_probes] */
	struct pb_fast_run runs[2];          /* clean, corrupted */
	struct pb_estimate *estimates;       /* [n_probes]; NULL: no sweep wants them */
	struct pb_probe_ends *ends;          /* [n_probes] */
};

int pb_fast_open(struct pb_fast *fast, const struct pb_plan *plan, const struct pb_params *weights,
		 const struct pb_means *means, const struct pb_probe_data *probes, size_t n_probes, size_t memory,
		 int64_t batch);
void pb_fast_close(struct pb_fast *fast);
size_t pb_fast_batch(const struct pb_fast *fast, const struct pb_plan_sweep *sweep);
/* All jobs in one pass, or none on failure: then *ret_failed is the one whose setter failed, n if it was nobody's. */
int pb_fast_cells(struct pb_fast *fast, const struct pb_plan_sweep *sweep, struct pb_cell_job *jobs, size_t n,
		  struct pb_arena *arena, size_t *ret_failed);

/* The parts of the engine (fast_cells.c, fast_pass.c, fast_measure.c). One cell on its way through it: */
struct pb_fast_cell {
	struct pb_cell_job *job; /* NULL: a run without a patch */
	size_t probe;
	const struct pb_examples *examples;
	int first_layer; /* the block before which it is its base; n_layers: it is in all blocks */
	const struct pb_cell_gradient **gradients; /* [n params]; NULL: weights as they are */
	struct pb_view logits;                     /* of its scored rows */
	double loss, grad_norm, metric;
	double estimate;
	const double *parts; /* [n params] of the estimate, as long as the batch; NULL: none */
	int rc; /* -PB_E_NUMERIC: it dropped out */
	const char *why;
};

/* How the cells go through the model. */
struct pb_fast_passage {
	struct pb_tape *tape;
	struct pb_factors *factors;       /* NULL: no backward pass */
	const struct pb_fast_run *base;   /* the run that cells are up to their first_layer, which must ascend; NULL: it
					   * is what is made here */
	bool short_of_tail;               /* positions behind the last scored one are left out */
	bool tail_written;                /* result: they must not have been, and nothing else counts */
};

/* Forward and, with factors, backward over the cells' examples under the hooks now on the bus: logits, losses and
 * gradients. */
int pb_fast_pass(struct pb_fast *fast, struct pb_fast_passage *passage, struct pb_fast_cell *cells, size_t n,
		 struct pb_arena *arena);
/* Host memory until the next call for it; kept and grown. NULL: recorded. */
double *pb_fast_host_memory(struct pb_fast *fast, size_t count);
/* The cells' logits in that memory, with room for `more` behind them, all in one transfer. */
int pb_fast_read_logits(struct pb_fast *fast, const struct pb_fast_cell *cells, size_t n, size_t more, double **ret_logits);
/* The metric on the questions after one update by each cell's gradients, clipped as the plan says, or its estimate, or
 * both. */
int pb_fast_measure(struct pb_fast *fast, struct pb_fast_cell *cells, size_t n, enum pb_estimate_mode mode,
		    struct pb_arena *arena);
/* Makes the questions' metric's gradients. */
int pb_fast_make_estimates(struct pb_fast *fast);
/* estimate and parts of the cells that are still in; stepped[i] has the gradients of cells[i]. */
int pb_fast_estimate(struct pb_fast *fast, struct pb_fast_cell *cells, const struct pb_stepped_cell *stepped, size_t n);
/* One probe's rows of a run's logits, and as reference for the metric (NULL: it wants none). */
int pb_fast_run_logits(const struct pb_fast_run *run, size_t probe, struct pb_view *ret_logits,
		       const double **ret_reference);
/* Makes a probe's trees. */
int pb_fast_make_questions(struct pb_fast *fast, const struct pb_examples *x, struct pb_fast_questions *ret_questions);
/* Fills questions[probe].reference. */
int pb_fast_make_reference(struct pb_fast *fast, size_t probe);
/* A cell drops out with the present error, if that is about a number; other failures go on. */
int pb_fast_drop(struct pb_fast_cell *cell, int rc, struct pb_arena *arena);

#endif
