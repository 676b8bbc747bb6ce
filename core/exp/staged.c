/* staged.c: whole tensors in one transfer each. */
#include "exp/staged.h"

#include <stdlib.h>

#include "base/status.h"

static size_t size_of(const struct pb_view *tensor)
{
	struct pb_view stored = *tensor;
	if (stored.rank && !stored.stride[0])
		stored.shape[0] = 1;
	return (size_t)pb_view_count(&stored) * pb_dtype_size(tensor->dtype);
}

int pb_staged_read(struct pb_device *device, const struct pb_view *tensor, struct pb_view *ret_copy)
{
	const size_t size = size_of(tensor);
	struct pb_view copy = *tensor;
	copy.data = malloc(size + 1);
	if (!copy.data)
		return pb_fail_nomem(size, "a setter's copy of a tensor");
	pb_kernels(device, tensor->dtype)->download(device->context, copy.data, tensor->data, size);
	int rc = pb_device_status(device);
	if (rc)
		free(copy.data);
	else
		*ret_copy = copy;
	return rc;
}

int pb_staged_write(struct pb_device *device, const struct pb_view *tensor, const struct pb_view *copy)
{
	pb_kernels(device, tensor->dtype)->upload(device->context, tensor->data, copy->data, size_of(tensor));
	return pb_device_status(device);
}
