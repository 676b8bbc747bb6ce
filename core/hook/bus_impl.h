/* bus_impl.h: what the bus keeps of its hooks; for bus.c and audit.c. */
#ifndef PB_HOOK_BUS_IMPL_H
#define PB_HOOK_BUS_IMPL_H

#include "hook/bus.h"

struct pb_bus_entry {
	struct pb_hook hook;
	struct pb_hook_audit audit;
	int id;
	int change; /* its place among those that the device has not told yet; -1: none */
	bool gone, reached;
};

/* Where the device notes the largest change that an entry's hook made, until it is fetched; NULL: recorded. */
double *pb_bus_change(struct pb_bus *bus, struct pb_device *device, size_t entry);
void pb_bus_audit_finish(struct pb_bus *bus);

#endif
