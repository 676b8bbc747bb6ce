/* changes.c: one small array on the device. */
#include "hook/changes.h"

#include <stdlib.h>

#include "base/status.h"

static const size_t size = PB_BUS_CHANGES * sizeof(double);

struct pb_bus_changes *pb_bus_changes_new(struct pb_device *device)
{
	const struct pbk_table *k = pb_kernels(device, PB_F32);
	struct pb_bus_changes *changes = calloc(1, sizeof *changes);
	void *largest = changes ? k->alloc(device->context, size) : NULL;
	if (!largest) {
		free(changes);
		pb_fail_nomem(size, "the audit of hooks");
		return NULL;
	}
	k->zero(device->context, largest, size);
	*changes = (struct pb_bus_changes){device, largest, 0};
	return changes;
}

void pb_bus_changes_free(struct pb_bus_changes *changes)
{
	if (changes)
		pb_kernels(changes->device, PB_F32)->free(changes->device->context, changes->largest);
	free(changes);
}

int pb_bus_changes_fetch(struct pb_bus_changes *changes, double ret_largest[PB_BUS_CHANGES])
{
	const struct pbk_table *k = pb_kernels(changes->device, PB_F32);
	const size_t used = (size_t)changes->n * sizeof *ret_largest;
	k->download(changes->device->context, ret_largest, changes->largest, used);
	k->zero(changes->device->context, changes->largest, used);
	changes->n = 0;
	return pb_device_status(changes->device);
}
