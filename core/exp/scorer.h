/* scorer.h: a metric plugin bound to a device: logits in, a mean and its gradient out. */
#ifndef PB_EXP_SCORER_H
#define PB_EXP_SCORER_H

#include "host/calls.h"
#include "tape/tape.h"

struct pb_scorer {
	struct pb_instance *instance; /* owned */
	const struct pb_metric_ops *ops;
	struct pb_device *device;
	/* Scratch that grows with the largest batch. */
	double *logits, *scores, *weights, *seed;
	int32_t *answer, *distractor;
	size_t room_rows, room_logits;
	struct pb_pool pool;      /* of scores that the device computes */
	struct pb_view on_device; /* the last of them, [rows] */
	double loss;              /* of the last seed, as far as it is known */
};

/* Takes over the instance, also on failure. */
int pb_scorer_init(struct pb_scorer *scorer, struct pb_instance *instance, struct pb_device *device);
void pb_scorer_finish(struct pb_scorer *scorer);
const char *pb_scorer_name(const struct pb_scorer *scorer);
const char *pb_scorer_unit(const struct pb_scorer *scorer);
bool pb_scorer_has_gradient(const struct pb_scorer *scorer);
/* 1 or -1: times this, a smaller value of the metric is the better one. */
double pb_scorer_loss_sign(const struct pb_scorer *scorer);
/* -PB_E_CONFIG if the rows lack what the metric needs (a distractor). `of`: what has those rows, "questions". */
int pb_scorer_check(const struct pb_scorer *scorer, const struct pb_examples *examples, const char *of);

/* Room for this many rows, so that scoring up to so many allocates nothing. */
int pb_scorer_reserve(struct pb_scorer *scorer, int64_t rows, int64_t d_vocab);

/* Rows of logits in host memory. */
struct pb_logits {
	int64_t n_rows, d_vocab;
	const double *values; /* [n_rows, d_vocab] */
};

/* logits [n_rows, d_vocab] on the device, row i scored as scored[i]. `reference` (host, same shape) may be NULL unless the
 * metric asks for one. ret_rows [n_rows] may be NULL. *ret_mean is NaN for no rows. A score that is not finite is
 * -PB_E_NUMERIC, naming the row. */
int pb_scorer_score(struct pb_scorer *scorer, const struct pb_view *logits, const struct pb_scored *scored,
		    const double *reference, double *ret_rows, double *ret_mean);
/* The metric as a loss, which is what is made small: the mean where lower is better, else minus the mean. d(loss)/dlogits
 * goes into `ret_seed` [n_rows, d_vocab] on the device. */
int pb_scorer_seed(struct pb_scorer *scorer, const struct pb_view *logits, const struct pb_scored *scored,
		   const double *reference, const struct pb_view *ret_seed);
/* The loss of the last seed. Apart from it, because this waits for the device: there is work that may be asked for before.
 * A score that is not finite is told here, or by the seed. */
int pb_scorer_loss(struct pb_scorer *scorer, double *ret_loss);
/* pb_scorer_score and pb_scorer_seed of logits that the host has; ret_seed [n_rows, d_vocab] is the host's too. */
int pb_scorer_score_host(struct pb_scorer *scorer, const struct pb_logits *logits, const struct pb_scored *scored,
			 const double *reference, double *ret_rows, double *ret_mean);
int pb_scorer_seed_host(struct pb_scorer *scorer, const struct pb_logits *logits, const struct pb_scored *scored,
			const double *reference, double *ret_seed, double *ret_loss);

#endif
