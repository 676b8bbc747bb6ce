/* watch.h: what the plugin is handed to read, and may not write: its parameters and the host's table. */
#ifndef PB_CONFORM_WATCH_H
#define PB_CONFORM_WATCH_H

#include "host/registry.h"

/* Copies from before a call. A zeroed one is none: check and finish accept it. */
struct pb_watch {
	struct pb_instance *instance;
	struct pb_host host;
	void *params;
};

int pb_watch_init(struct pb_watch *watch, struct pb_instance *instance);
void pb_watch_finish(struct pb_watch *watch);
/* Puts back what was changed and says what it was: "setter bad: CALL wrote to its parameters: a mistake of the plugin,
 * FILE". */
int pb_watch_check(const struct pb_watch *watch, const char *call);

#endif
