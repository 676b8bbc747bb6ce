/* remote.h: tensors as on a device: their addresses may not be touched, but the host's services find what lies there.
 */
#ifndef PB_CONFORM_REMOTE_H
#define PB_CONFORM_REMOTE_H

#include "host/registry.h"

struct pb_remote {
	char *begin;   /* of the addresses; a view on the tensor counts from here */
	size_t length; /* of what is reserved for them */
	char *memory;  /* what lies there: the caller's */
	size_t size;
};

/* A zeroed one is none: finish accepts it. */
int pb_remote_init(struct pb_remote *remote, void *memory, size_t size);
void pb_remote_finish(struct pb_remote *remote);
/* From here on the instance's host takes views on these. NULL: no more. */
void pb_remote_install(struct pb_instance *instance, const struct pb_remote *remotes, size_t n);

#endif
