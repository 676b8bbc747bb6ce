/* replay.h: a capsule's call, once more. */
#ifndef PB_CONFORM_REPLAY_H
#define PB_CONFORM_REPLAY_H

#include "host/capsule.h"

/* Makes the call again with an instance of the plugin, first on trial (trial.h) and then as it was, and describes in `out`
 * what it was given and what it made. A failure of the call is told in `out` too, and returned. device: the CPU. */
int pb_capsule_replay(const struct pb_capsule *capsule, struct pb_instance *instance, struct pb_device *device,
		      struct pb_text *out);

#endif
