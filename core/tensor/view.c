/* view.c: geometry of strided windows, and elementwise work on them. */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "tensor/tensor.h"

size_t pb_dtype_size(uint32_t dtype)
{
	return dtype == PB_F64 ? sizeof(double) : sizeof(float);
}

const char *pb_dtype_name(uint32_t dtype)
{
	return dtype == PB_F64 ? "float64" : "float32";
}

struct pb_view pb_view_over(void *data, uint32_t dtype, int rank, const int64_t *shape)
{
	struct pb_view view = {.struct_size = sizeof view, .dtype = dtype, .rank = rank, .data = data};
	int64_t stride = 1;
	for (int i = rank - 1; i >= 0; i--) {
		view.shape[i] = shape[i];
		view.stride[i] = stride;
		stride *= shape[i];
	}
	return view;
}

int64_t pb_view_count(const struct pb_view *view)
{
	int64_t count = 1;
	for (int i = 0; i < view->rank; i++)
		count *= view->shape[i];
	return count;
}

bool pb_view_is_contiguous(const struct pb_view *view)
{
	int64_t stride = 1;
	for (int i = view->rank - 1; i >= 0; i--) {
		if (view->shape[i] != 1 && view->stride[i] != stride)
			return false;
		stride *= view->shape[i];
	}
	return true;
}

bool pb_view_same_shape(const struct pb_view *a, const struct pb_view *b)
{
	return a->rank == b->rank && !memcmp(a->shape, b->shape, (size_t)a->rank * sizeof a->shape[0]);
}

void *pb_view_at(const struct pb_view *view, int64_t offset)
{
	return (char *)view->data + offset * (int64_t)pb_dtype_size(view->dtype);
}

int pb_view_slice(const struct pb_view *view, int axis, int64_t begin, int64_t count, struct pb_view *ret_view)
{
	if (axis < 0 || axis >= view->rank)
		return pb_fail(PB_E_RANGE, "a tensor of rank %d has no axis %d", view->rank, axis);
	int64_t n = view->shape[axis];
	if (begin < 0 || count < 0 || begin > n || count > n - begin)
		return pb_fail(PB_E_RANGE, "%lld elements from %lld on are outside axis %d of length %lld",
			       (long long)count, (long long)begin, axis, (long long)n);
	struct pb_view slice = *view;
	slice.shape[axis] = count;
	if (slice.data)
		slice.data = pb_view_at(view, begin * view->stride[axis]);
	*ret_view = slice;
	return 0;
}

int pb_view_find_axis(const struct pb_view *view, enum pb_axis axis)
{
	for (int i = 0; i < view->rank; i++)
		if (view->axis[i] == axis)
			return i;
	return -1;
}

int pb_view_select(const struct pb_view *view, enum pb_axis axis, int64_t index, struct pb_view *ret_view)
{
	int i = pb_view_find_axis(view, axis);
	if (i < 0)
		return pb_fail(PB_E_NOTFOUND, "the tensor has no such axis (%d)", (int)axis);
	return pb_view_slice(view, i, index, 1, ret_view);
}

int pb_view_region(const struct pb_view *view, const uint8_t *axes, const int64_t *index, size_t n,
		   struct pb_view *ret_view)
{
	struct pb_view region = *view;
	int rc = 0;
	for (size_t i = 0; !rc && i < n; i++)
		if (axes[i] != PB_AXIS_LAYER)
			rc = pb_view_select(&region, axes[i], index[i], &region);
	if (!rc)
		*ret_view = region;
	return rc;
}

void pb_view_place_text(const struct pb_view *view, int64_t i, char *text, size_t size)
{
	int64_t place[PB_MAX_RANK] = {0};
	size_t used = 0;
	for (int k = view->rank; k-- > 0; i /= view->shape[k])
		place[k] = i % view->shape[k];
	snprintf(text, size, "[]");
	for (int k = 0; k < view->rank && used < size; k++)
		used += (size_t)snprintf(text + used, size - used, "%s%lld%s", k ? ", " : "[", (long long)place[k],
					 k + 1 == view->rank ? "]" : "");
}

static int check_pair(const struct pb_view *dst, const struct pb_view *src)
{
	if (!pb_view_same_shape(dst, src))
		return pb_fail(PB_E_SHAPE, "the two tensors differ in shape");
	if (dst->dtype != src->dtype)
		return pb_fail(PB_E_SHAPE, "the two tensors differ in element type (%s, %s)", pb_dtype_name(dst->dtype),
			       pb_dtype_name(src->dtype));
	return 0;
}

static int check_writable(const struct pb_view *dst)
{
	return dst->flags & PB_VIEW_READONLY ? pb_fail(PB_E_PLUGIN, "the tensor is read-only") : 0;
}

static struct pbk_nd nd_of(const struct pb_view *dst, const struct pb_view *src)
{
	struct pbk_nd nd = {.rank = dst->rank};
	for (int i = 0; i < dst->rank; i++) {
		nd.shape[i] = dst->shape[i];
		nd.dst_stride[i] = dst->stride[i];
		nd.src_stride[i] = src ? src->stride[i] : 0;
	}
	return nd;
}

int pb_view_copy(struct pb_device *device, const struct pb_view *dst, const struct pb_view *src)
{
	int rc = check_writable(dst);
	if (rc || (rc = check_pair(dst, src)))
		return rc;
	struct pbk_nd nd = nd_of(dst, src);
	pb_kernels(device, dst->dtype)->nd_copy(device->context, &nd, dst->data, src->data);
	return 0;
}

int pb_view_axpy(struct pb_device *device, const struct pb_view *dst, double a, const struct pb_view *src)
{
	int rc = check_writable(dst);
	if (rc || (rc = check_pair(dst, src)))
		return rc;
	struct pbk_nd nd = nd_of(dst, src);
	pb_kernels(device, dst->dtype)->nd_axpy(device->context, &nd, dst->data, a, src->data);
	return 0;
}

int pb_view_scale(struct pb_device *device, const struct pb_view *dst, double a)
{
	int rc = check_writable(dst);
	if (rc)
		return rc;
	struct pbk_nd nd = nd_of(dst, NULL);
	pb_kernels(device, dst->dtype)->nd_scale(device->context, &nd, dst->data, a);
	return 0;
}

int pb_view_fill(struct pb_device *device, const struct pb_view *dst, double a)
{
	int rc = check_writable(dst);
	if (rc)
		return rc;
	struct pbk_nd nd = nd_of(dst, NULL);
	pb_kernels(device, dst->dtype)->nd_fill(device->context, &nd, dst->data, a);
	return 0;
}

int pb_view_noise(struct pb_device *device, const struct pb_view *dst, double mean, double std, uint64_t seed,
		  uint64_t stream)
{
	int rc = check_writable(dst);
	if (rc)
		return rc;
	struct pbk_nd nd = nd_of(dst, NULL);
	pb_kernels(device, dst->dtype)->nd_noise(device->context, &nd, dst->data, mean, std, seed, stream);
	return 0;
}

int pb_view_read(struct pb_device *device, const struct pb_view *src, double *dst)
{
	/* The kernel writes the host side row-major; src_stride describes the device side. */
	struct pbk_nd nd = nd_of(src, src);
	pb_kernels(device, src->dtype)->nd_read(device->context, &nd, dst, src->data);
	return pb_device_status(device);
}

int pb_view_write(struct pb_device *device, const struct pb_view *dst, const double *src)
{
	int rc = check_writable(dst);
	if (rc)
		return rc;
	struct pbk_nd nd = nd_of(dst, NULL);
	pb_kernels(device, dst->dtype)->nd_write(device->context, &nd, dst->data, src);
	return pb_device_status_so_far(device);
}

int pb_view_max_difference(struct pb_device *device, const struct pb_view *a, const struct pb_view *b,
			   double *ret_difference)
{
	int rc = check_pair(a, b);
	if (rc)
		return rc;
	struct pbk_nd nd = nd_of(a, b);
	*ret_difference = pb_kernels(device, a->dtype)->nd_max_difference(device->context, &nd, a->data, b->data);
	return pb_device_status(device);
}

int pb_view_raise_difference(struct pb_device *device, const struct pb_view *a, const struct pb_view *b, double *largest)
{
	int rc = check_pair(a, b);
	if (rc)
		return rc;
	struct pbk_nd nd = nd_of(a, b);
	pb_kernels(device, a->dtype)->nd_raise_difference(device->context, &nd, a->data, b->data, largest);
	return 0;
}
