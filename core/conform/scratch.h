/* scratch.h: a folder for a plugin under test to work in, where what it creates, writes or removes does no harm.
 *
 * There are two, one in the other: the inner one is to be the working folder, so that `../NAME` leads to the outer.
 */
#ifndef PB_CONFORM_SCRATCH_H
#define PB_CONFORM_SCRATCH_H

#include "base/text.h"

struct pb_scratch {
	char *outer, *inner; /* absolute paths */
	int back;            /* the working folder before pb_scratch_enter; -1: not entered */
};

/* Both new and empty, below $TMPDIR or /tmp. A zeroed one is none: finish accepts it. */
int pb_scratch_init(struct pb_scratch *scratch);
/* Removes them, with all that is in them. */
void pb_scratch_finish(struct pb_scratch *scratch);
/* From here on the inner one is the process's working folder. */
int pb_scratch_enter(struct pb_scratch *scratch);
/* Back to the working folder of before, in the process that entered. */
int pb_scratch_leave(struct pb_scratch *scratch);
/* Adds what is in the folders, as seen from the inner one: "`x`, `../escape`". */
void pb_scratch_list(const struct pb_scratch *scratch, struct pb_text *out);

#endif
