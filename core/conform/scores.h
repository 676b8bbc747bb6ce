/* scores.h: rows of logits to try a metric on. */
#ifndef PB_CONFORM_SCORES_H
#define PB_CONFORM_SCORES_H

#include "host/calls.h"

enum { PB_SCORES_ROWS = 5, PB_SCORES_VOCAB = 11 };

struct pb_scores {
	struct pb_instance *instance;
	struct pb_metric_batch batch; /* of what is below, as far as the metric asks for it */
	double logits[PB_SCORES_ROWS * PB_SCORES_VOCAB], reference[PB_SCORES_ROWS * PB_SCORES_VOCAB];
	int32_t answer[PB_SCORES_ROWS], distractor[PB_SCORES_ROWS];
	double score[PB_SCORES_ROWS], dlogits[PB_SCORES_ROWS * PB_SCORES_VOCAB];
};

/* Normal logits times `scale`; all rows and tokens. It must stay where it is. */
void pb_scores_init(struct pb_scores *scores, struct pb_instance *instance, uint64_t seed, uint64_t stream,
		    double scale);

#endif
