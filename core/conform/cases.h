/* cases.h: calls of a setter to try: points of a small model, by element type, batch, axes, cell and direction. */
#ifndef PB_CONFORM_CASES_H
#define PB_CONFORM_CASES_H

#include "conform/check_impl.h"

enum { PB_CASE_EXAMPLES = 3 }; /* in the larger batch */

struct pb_case {
	struct pb_instance *instance; /* prepared for the point */
	struct pb_setter_call call;   /* whose views are these: */
	struct pb_view activation, target, source;
	int64_t index[PB_MAX_RANK];
	char *whole, *from;     /* the tensors' memory, the activation's and the source's */
	char *kept;             /* the activation as it was */
	size_t size, from_size; /* bytes of the two */
	bool masked;            /* some are minus infinity, as in attn_scores */
	char what[192];         /* "blocks.1.hook_resid_pre, float32, batch of 3, layer 1, pos 4, forward" */
};

typedef int pb_case_function(struct pb_checkup *c, struct pb_case *one);

/* Which calls there are. */
struct pb_cases {
	bool again;        /* the first of each batch once more behind the others: it must give the same */
	bool few;          /* float64, the larger batch, one cell, forward */
	size_t n;          /* called so far */
	char refusal[512]; /* what prepare said of a point that does not suit it */
};

/* Calls f for every case that prepare lets pass, until it returns anything but 0, which is returned; an error text
 * begins with the case then. Each point has an instance of its own. */
int pb_cases_each(struct pb_checkup *c, struct pb_cases *cases, pb_case_function *f);
/* Apply or adjoint, on the activation as it was. */
int pb_case_call(struct pb_case *one, bool adjoint);

#endif
