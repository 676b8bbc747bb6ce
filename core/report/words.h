/* words.h: a sweep in sentences, for the terminal and under its figure. */
#ifndef PB_REPORT_WORDS_H
#define PB_REPORT_WORDS_H

#include "base/text.h"
#include "report/scale.h"

/* Each adds one sentence. */
void pb_words_description(struct pb_text *out, const struct pb_result_sweep *sweep); /* what was patched */
void pb_words_ends(struct pb_text *out,
		   const struct pb_scale *scale); /* what 0 and 1 are, or why there is no score */
void pb_words_estimate(struct pb_text *out, const struct pb_result_sweep *sweep); /* which has estimates */
/* "layer 0, head 3": where a cell is on the first n axes. */
void pb_words_place(struct pb_text *out, const struct pb_result_sweep *sweep, size_t cell, size_t n_axes);

#endif
