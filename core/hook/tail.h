/* tail.h: passes that leave out examples' last positions. May use what bus.h may.
 *
 * In a causal model nothing depends on positions behind it: where only earlier ones are scored, a pass may end before
 * the last. Hooks must not notice. They see whole tensors all the same: values behind the end are those of a pass that
 * nobody changed, gradients there are zero. That is the truth as long as all changes are at one point of the model and
 * no hook ties what comes before the end to what is behind it, by a gradient there or by attention; `written` tells.
 */
#ifndef PB_HOOK_TAIL_H
#define PB_HOOK_TAIL_H

#include "hook/site.h"
#include "tape/tape.h"

struct pb_tail {
	int64_t positions; /* that an example has */
	/* Fills a point's whole tensor [batch, ...] with what the unchanged pass has there. */
	int (*fill)(void *user, int site_id, const struct pb_view *whole);
	void *user;
	bool written; /* a hook did: the pass must be made again with all positions; set by pb_tail_settle */
	double *largest;           /* on the device: what was found in the tail that should not be */
	struct pb_view zero, none; /* one element each: what should be there, of gradients and of attention scores */
};

/* For one pass, after the tape's reset: positions, fill and user are set. */
int pb_tail_open(struct pb_tail *tail, struct pb_tape *tape);
/* After the pass, for which it waits. */
int pb_tail_settle(struct pb_tail *tail, struct pb_tape *tape);

/* A point's whole value in new memory: the tail filled, the rest that of `value`, which is shorter. */
int pb_tail_value(const struct pb_tail *tail, struct pb_tape *tape, const struct pb_site *site, int site_id,
		  const struct pb_view *value, struct pb_view *ret_whole);
/* The same of its gradient, with a tail of zeros. */
int pb_tail_gradient(const struct pb_tail *tail, struct pb_tape *tape, const struct pb_site *site,
		     const struct pb_view *gradient, struct pb_view *ret_whole);
/* Copies all but the tail, and has it looked at. */
int pb_tail_cut(struct pb_tail *tail, struct pb_tape *tape, const struct pb_site *site, const struct pb_view *whole,
		const struct pb_view *ret_value);
/* The same of a gradient. Overwrites `whole`. */
int pb_tail_cut_gradient(struct pb_tail *tail, struct pb_tape *tape, const struct pb_site *site,
			 const struct pb_view *whole, const struct pb_view *ret_gradient);

#endif
