/* trial_impl.h: what the trials share: fenced tensors by their names, and the words for what was done to them. */
#ifndef PB_CONFORM_TRIAL_IMPL_H
#define PB_CONFORM_TRIAL_IMPL_H

#include <patchbay/view.h>

#include "conform/fence.h"
#include "conform/trial.h"
#include "conform/watch.h"

/* A tensor in a fence, as the plugin sees it. */
struct pb_fenced {
	struct pb_fence fence;
	/* Of each side; `name` NULL: the plugin does not see that side. The window may be a part of the fence's data.
	 */
	struct {
		const char *name;
		struct pb_view view;
	} sides[PB_FENCE_SIDES];
};

/* Whose call it is, for the texts. */
struct pb_trial_call {
	struct pb_instance *instance;
	const char *call; /* "apply" */
	const char *hook; /* NULL: not at a hook point */
	struct pb_watch watch;
};

/* A fence with a copy of the window, strides kept, seen on one side by this name. */
int pb_fenced_init(struct pb_fenced *fenced, const char *name, enum pb_fence_side side, const struct pb_view *window);

/* "setter bad: apply at blocks.0.hook_z WHAT: a mistake of the plugin, FILE"; returns -PB_E_PLUGIN. */
int pb_trial_refuse(const struct pb_trial_call *call, const char *format, ...) PB_PRINTF(2, 3);
/* What a call returned. After a fault in one of the n fences: what was touched there; else rc, with its own text. A
 * call that returned 0 may have written to what `watch` watches. */
int pb_trial_result(const struct pb_trial_call *call, const struct pb_fenced *fenced, size_t n, int rc);
/* Was anything written in front of one of them? Zeroed ones are left out, here and above. */
int pb_trial_check_fronts(const struct pb_trial_call *call, const struct pb_fenced *fenced, size_t n);

#endif
