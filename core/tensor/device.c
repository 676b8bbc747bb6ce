/* device.c: opens a device and turns its remembered failures into errors. */
#include "base/status.h"
#include "tensor/tensor.h"

int pb_device_open_cpu(int threads, struct pb_device *ret_device)
{
	struct pbk_context *context = pbk_cpu_open(threads);
	if (!context)
		return pb_fail_nomem(0, "the CPU's worker context");
	*ret_device = (struct pb_device){
		.name = "cpu",
		.tables = {[PB_F32] = pbk_cpu_f32(), [PB_F64] = pbk_cpu_f64()},
		.context = context,
	};
	return 0;
}

void pb_device_close(struct pb_device *device)
{
	if (device->context)
		pbk_cpu_close(device->context);
	*device = (struct pb_device){0};
}

int pb_device_status(struct pb_device *device)
{
	switch (device->tables[PB_F32]->sync(device->context)) {
	case PBK_OK: return 0;
	case PBK_E_NOMEM: return pb_fail(PB_E_NOMEM, "out of memory on device %s", device->name);
	default: return pb_fail(PB_E_INTERNAL, "device %s failed", device->name);
	}
}
