/* prefix.h: examples as a tree of prefixes, so that equal ones are evaluated once. May use what model.h may, and
 * patchbay/dataset.h.
 *
 * In a causal model a row (an example's position) depends on the tokens up to it and on nothing else: examples that
 * begin alike share rows, and rows behind an example's last scored position need not exist.
 */
#ifndef PB_MODEL_PREFIX_H
#define PB_MODEL_PREFIX_H

#include <patchbay/dataset.h>

#include "base/arena.h"

struct pb_prefixes {
	int64_t n_rows;
	const int32_t *token, *pos;   /* [n_rows] */
	const int32_t *first, *path;  /* row r follows path[first[r] .. first[r+1]), itself the last */
	int64_t n_ends;
	const int32_t *end;           /* [n_ends] rows whose logits are scored, no row twice */
	const int32_t *end_first, *end_path; /* their paths */
	int64_t n_scored;
	const int32_t *end_of; /* [n_scored] each scored row's place among the ends */
};

/* Of examples [first_example, first_example + n) and the scored rows [first_scored, + n_scored) that belong to them. */
int pb_prefixes_make(const struct pb_examples *examples, int64_t first_example, int64_t n, int64_t first_scored,
		     int64_t n_scored, struct pb_arena *arena, struct pb_prefixes *ret_prefixes);

#endif
