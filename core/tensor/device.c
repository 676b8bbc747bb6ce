/* device.c: opens a device and turns its remembered failures into errors. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "tensor/cuda.h"

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
	snprintf(ret_device->description, sizeof ret_device->description, "cpu, %s", pbk_cpu_isa());
	return 0;
}

/* "cuda", "cuda:3"; -1: no number. */
static bool parse_cuda(const char *name, int *ret_index)
{
	*ret_index = -1;
	if (strncmp(name, "cuda", 4))
		return false;
	if (!name[4])
		return true;
	if (name[4] != ':' || strlen(name + 5) < 1 || strlen(name + 5) > 4 || strspn(name + 5, "0123456789") != strlen(name + 5))
		return false;
	*ret_index = atoi(name + 5);
	return true;
}

bool pb_device_is_name(const char *name)
{
	int index;
	return !strcmp(name, "auto") || !strcmp(name, "cpu") || parse_cuda(name, &index);
}

/* Looked at before a driver's libraries are loaded, which takes longer than a small run. */
bool pb_device_may_be_gpu(const char *name)
{
	if (strcmp(name, "auto"))
		return strcmp(name, "cpu") != 0;

	return pb_cuda_is_built() &&
	       (getenv("PATCHBAY_BACKEND_PATH") || !access("/dev/nvidiactl", F_OK) || !access("/dev/dxg", F_OK));
}

int pb_device_open(const char *name, int turn, int threads, enum pbk_matmul matmul, struct pb_device *ret_device)
{
	int index;
	const bool any = !strcmp(name, "auto");
	if (!pb_device_may_be_gpu(name))
		return pb_device_open_cpu(threads, ret_device);
	if (!any && !parse_cuda(name, &index))
		return pb_fail(PB_E_USAGE, "there is no device `%s`: auto, cpu, cuda or cuda:NUMBER", name);
	int rc = any || index < 0 ? pb_cuda_open(turn, true, matmul, ret_device) : pb_cuda_open(index, false, matmul, ret_device);
	if (!rc || !any)
		return rc;
	char why[sizeof ret_device->why];
	snprintf(why, sizeof why, "%s", pb_error_text());
	pb_error_clear();
	rc = pb_device_open_cpu(threads, ret_device);
	if (!rc)
		memcpy(ret_device->why, why, sizeof why);
	return rc;
}

void pb_device_close(struct pb_device *device)
{
	if (device->backend)
		device->backend->close(device->context);
	else if (device->context)
		pbk_cpu_close(device->context);
	if (device->library)
		dlclose(device->library);
	*device = (struct pb_device){0};
}

size_t pb_device_memory_free(struct pb_device *device)
{
	if (device->backend)
		return device->backend->memory_free(device->context);
	long pages = sysconf(_SC_AVPHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	return pages > 0 && size > 0 ? (size_t)pages * (size_t)size : 0;
}

static int status_of(struct pb_device *device, int error)
{
	switch (error) {
	case PBK_OK: return 0;
	case PBK_E_NOMEM: return pb_fail(PB_E_NOMEM, "out of memory on device %s", device->name);
	default:
		return pb_fail(PB_E_DEVICE, "device %s failed: %s", device->name,
			       device->tables[PB_F32]->why(device->context));
	}
}

int pb_device_status(struct pb_device *device)
{
	return status_of(device, device->tables[PB_F32]->sync(device->context));
}

int pb_device_status_so_far(struct pb_device *device)
{
	return status_of(device, device->tables[PB_F32]->failed(device->context));
}
