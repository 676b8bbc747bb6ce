/* changes.h: the largest changes that hooks made, gathered on the device and fetched together. */
#ifndef PB_HOOK_CHANGES_H
#define PB_HOOK_CHANGES_H

#include "tensor/tensor.h"

enum { PB_BUS_CHANGES = 1024 }; /* hooks that are waited for at most */

struct pb_bus_changes {
	struct pb_device *device;
	double *largest; /* [PB_BUS_CHANGES] on the device */
	int n;           /* of them are in use */
};

/* NULL: out of memory, recorded. */
struct pb_bus_changes *pb_bus_changes_new(struct pb_device *device);
void pb_bus_changes_free(struct pb_bus_changes *changes);
/* Waits for the n numbers in use, and begins anew. */
int pb_bus_changes_fetch(struct pb_bus_changes *changes, double ret_largest[PB_BUS_CHANGES]);

#endif
