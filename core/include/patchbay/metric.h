/* metric.h: plugins that score logits. A metric with an adjoint is a loss too.
 *
 * A dataset says which rows of the logits are scored (one position of one example each) and what the right answer
 * is; the host gathers those rows, on whatever device, and gives them to the metric as doubles. The value of a batch is
 * the mean over its rows, so a metric gives one number per row.
 */
#ifndef PATCHBAY_METRIC_H
#define PATCHBAY_METRIC_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PB_METRIC_SERIAL 1u          /* calls of one instance must not run in two threads at once */
#define PB_METRIC_NEEDS_DISTRACTOR 2u /* every row must name a wrong answer to compare with */
#define PB_METRIC_NEEDS_REFERENCE 4u /* wants the base weights' logits of the same rows */
#define PB_METRIC_LOWER_IS_BETTER 8u
#define PB_METRIC_CROSS_ENTROPY 16u /* score is -log softmax(logits)[answer]: the host may compute it, and its adjoint, by
				     * itself on the device where the logits are */

/* Valid during the call only. */
struct pb_metric_batch {
	uint32_t struct_size;
	uint32_t reserved;
	int64_t n_rows;
	int64_t d_vocab;
	const double *logits;      /* [n_rows, d_vocab] */
	const int32_t *answer;     /* [n_rows]: the right token */
	const int32_t *distractor; /* [n_rows]: a wrong token to compare with, -1 where there is none */
	const double *reference;   /* [n_rows, d_vocab] logits before any patch or update; NULL unless asked for */
};

/* There may be more calls of score and adjoint than values in the results: the first ones are also made on copies and
 * on logits close by, whose results nobody uses. The same call gives the same, whatever was called before. */
struct pb_metric_ops {
	uint32_t struct_size;
	uint32_t flags;     /* PB_METRIC_* */
	const char *unit;   /* "logit", "nat", "fraction" */
	/* As in setter.h. */
	int (*create)(const struct pb_host *host, const void *params, void **ret_self);
	/* ret_score [n_rows], every element written. Allocates nothing. */
	int (*score)(void *self, const struct pb_host *host, const struct pb_metric_batch *batch, double *ret_score);
	/* ret_dlogits [n_rows, d_vocab] = weight[row] * d(score[row])/d(logits[row]), every element written.
	 * NULL: the metric has no gradient and cannot be a loss. */
	int (*adjoint)(void *self, const struct pb_host *host, const struct pb_metric_batch *batch,
		       const double *weight, double *ret_dlogits);
	void (*destroy)(const struct pb_host *host, void *self);
	/* The instance's unit where it depends on the parameters; valid until destroy. May be NULL: `unit`. */
	const char *(*instance_unit)(void *self);
};

#define PB_METRIC_OPS_LEAST PB_SIZE_TO(struct pb_metric_ops, destroy) /* instance_unit may be left out */

#ifdef __cplusplus
}
#endif
#endif
