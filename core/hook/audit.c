/* audit.c: what hooks did. The largest changes are gathered on the device and fetched together when somebody asks. */
#include <stdlib.h>

#include "base/status.h"
#include "hook/bus_impl.h"

enum { MOST = 1024 }; /* hooks whose changes are waited for */

struct pb_bus_changes {
	struct pb_device *device;
	double *largest; /* [MOST] on the device */
	int n;           /* of them are in use */
};

static struct pb_bus_changes *changes_new(struct pb_device *device)
{
	const struct pbk_table *k = pb_kernels(device, PB_F32);
	const size_t size = MOST * sizeof(double);
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

void pb_bus_audit_finish(struct pb_bus *bus)
{
	struct pb_bus_changes *changes = bus->changes;
	if (changes)
		pb_kernels(changes->device, PB_F32)->free(changes->device->context, changes->largest);
	free(changes);
	bus->changes = NULL;
}

static int fetch(struct pb_bus_changes *changes, double ret_largest[MOST])
{
	const struct pbk_table *k = pb_kernels(changes->device, PB_F32);
	const size_t used = (size_t)changes->n * sizeof *ret_largest;
	k->download(changes->device->context, ret_largest, changes->largest, used);
	k->zero(changes->device->context, changes->largest, used);
	changes->n = 0;
	return pb_device_status(changes->device);
}

/* Brings home what the device knows. */
static int settle(struct pb_bus *bus)
{
	double largest[MOST];
	int rc = bus->changes && bus->changes->n ? fetch(bus->changes, largest) : 0;
	for (size_t i = 0; i < bus->n; i++) {
		struct pb_bus_entry *e = &bus->entries[i];
		if (!rc && e->change >= 0 && largest[e->change] > e->audit.max_change)
			e->audit.max_change = largest[e->change];
		e->change = -1;
	}
	return rc;
}

double *pb_bus_change(struct pb_bus *bus, struct pb_device *device, size_t entry)
{
	if (bus->changes && bus->changes->n == MOST && bus->entries[entry].change < 0 && settle(bus) < 0)
		return NULL;
	if (!bus->changes && !(bus->changes = changes_new(device)))
		return NULL;
	if (bus->entries[entry].change < 0)
		bus->entries[entry].change = bus->changes->n++;
	return bus->changes->largest + bus->entries[entry].change;
}

const struct pb_hook_audit *pb_bus_audit(struct pb_bus *bus, int id)
{
	settle(bus); /* a failure was told by the pass, or is by the next */
	for (size_t i = 0; i < bus->n; i++)
		if (bus->entries[i].id == id && !bus->entries[i].gone)
			return &bus->entries[i].audit;
	return NULL;
}
