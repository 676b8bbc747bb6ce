/* tensor.h: devices, device memory and views. May use base/ and kernels/kernels.h.
 *
 * A tensor is a struct pb_view (patchbay/view.h); its memory belongs to a pool or to whoever made it.
 */
#ifndef PB_TENSOR_TENSOR_H
#define PB_TENSOR_TENSOR_H

#include <patchbay/view.h>
#include <stdbool.h>
#include <stddef.h>

#include "backend.h"

/* Where tensors live and what computes on them. */
struct pb_device {
	const char *name;                  /* "cpu" */
	const struct pbk_table *tables[3]; /* by enum pb_dtype */
	struct pbk_context *context;
	const struct pbk_backend *backend; /* NULL: the CPU's own */
	void *library;                     /* that the backend is in */
	char description[256];             /* "NVIDIA H200, ...", "cpu, avx512": all of it that rounding depends on */
	char why[512]; /* the CPU in place of a GPU that seems to be there: why that cannot be used; else empty */
};

int pb_device_open_cpu(int threads, struct pb_device *ret_device); /* threads 0: all cores */
/* `name`: "cpu", "cuda", "cuda:1", or "auto": a CUDA device where one can be used, else the CPU. Without a number it is the one
 * whose `turn` it is among those that this process sees, counted round. `threads` and `matmul` (where there is more than one
 * way) as each takes them. -PB_E_UNSUPPORTED with the reason. */
int pb_device_open(const char *name, int turn, int threads, enum pbk_matmul matmul, struct pb_device *ret_device);
/* Is it a name that pb_device_open understands? */
bool pb_device_is_name(const char *name);
/* May one of that name be a GPU? "auto": are there kernels for one, and does it look as if there were one? */
bool pb_device_may_be_gpu(const char *name);
void pb_device_close(struct pb_device *device);
/* Bytes of memory that are free now; of a device that has its own memory, there. */
size_t pb_device_memory_free(struct pb_device *device);
/* The largest error of an element of a float32 product of 512 normal terms, as a share of those elements' rms. */
int pb_device_matmul_error(struct pb_device *device, double *ret_error);
/* Waits. 0, or the device's first failure since the last call of these two (launch, memory, gemm), as an error. */
int pb_device_status(struct pb_device *device);
/* As far as it is known by now, without waiting: for work whose results are read later, by what waits. */
int pb_device_status_so_far(struct pb_device *device);
static inline const struct pbk_table *pb_kernels(const struct pb_device *device, uint32_t dtype)
{
	return device->tables[dtype];
}

/* Device memory that is freed all at once: an arena of blocks from the device's allocator. */
struct pb_pool_block;
struct pb_pool {
	struct pb_device *device;
	struct pb_pool_block *first, *current;
	size_t used, peak; /* bytes */
};

void pb_pool_init(struct pb_pool *pool, struct pb_device *device);
void pb_pool_finish(struct pb_pool *pool);
void pb_pool_reset(struct pb_pool *pool);               /* keeps the memory for reuse */
int pb_pool_reserve(struct pb_pool *pool, size_t size); /* resets, and keeps one piece of this size at least */
void *pb_pool_alloc(struct pb_pool *pool, size_t size); /* 64-byte aligned, not cleared; NULL: recorded */

/* A new contiguous tensor, not cleared. */
int pb_tensor_new(struct pb_pool *pool, uint32_t dtype, int rank, const int64_t *shape, struct pb_view *ret_view);
int pb_tensor_zeros(struct pb_pool *pool, uint32_t dtype, int rank, const int64_t *shape, struct pb_view *ret_view);
int pb_tensor_clone(struct pb_pool *pool, const struct pb_view *source, struct pb_view *ret_view); /* contiguous */

size_t pb_dtype_size(uint32_t dtype);
const char *pb_dtype_name(uint32_t dtype); /* "float32" */
/* A contiguous view over memory that the caller owns. */
struct pb_view pb_view_over(void *data, uint32_t dtype, int rank, const int64_t *shape);
int64_t pb_view_count(const struct pb_view *view);
bool pb_view_is_contiguous(const struct pb_view *view);
bool pb_view_same_shape(const struct pb_view *a, const struct pb_view *b);
/* [begin, begin+count) of one axis. -PB_E_RANGE, recorded. */
int pb_view_slice(const struct pb_view *view, int axis, int64_t begin, int64_t count, struct pb_view *ret_view);
/* Narrows the axis tagged `axis` to one index. -PB_E_NOTFOUND if the view has no such axis. */
int pb_view_select(const struct pb_view *view, enum pb_axis axis, int64_t index, struct pb_view *ret_view);
/* The same along n axes. PB_AXIS_LAYER, which no tensor has, is passed over. */
int pb_view_region(const struct pb_view *view, const uint8_t *axes, const int64_t *index, size_t n,
		   struct pb_view *ret_view);
int pb_view_find_axis(const struct pb_view *view, enum pb_axis axis); /* -1: none */
/* "[0, 2, 5]": where element i, in row-major order, is. */
void pb_view_place_text(const struct pb_view *view, int64_t i, char *text, size_t size);
void *pb_view_at(const struct pb_view *view, int64_t offset);         /* address of data[offset elements] */

/* Elementwise work on windows of any strides, on the device. Shapes and dtypes equal, or -PB_E_SHAPE. */
int pb_view_copy(struct pb_device *device, const struct pb_view *dst, const struct pb_view *src);
int pb_view_axpy(struct pb_device *device, const struct pb_view *dst, double a, const struct pb_view *src);
int pb_view_scale(struct pb_device *device, const struct pb_view *dst, double a);
int pb_view_fill(struct pb_device *device, const struct pb_view *dst, double a);
int pb_view_noise(struct pb_device *device, const struct pb_view *dst, double mean, double std, uint64_t seed,
		  uint64_t stream);
int pb_view_read(struct pb_device *device, const struct pb_view *src, double *dst); /* row-major; waits */
int pb_view_write(struct pb_device *device, const struct pb_view *dst, const double *src);
/* Largest |a - b|; NaN counts as infinite, equal infinities as 0. */
int pb_view_max_difference(struct pb_device *device, const struct pb_view *a, const struct pb_view *b,
			   double *ret_difference);
/* The same; *largest, in the device's memory, becomes it where it was smaller. Does not wait. */
int pb_view_raise_difference(struct pb_device *device, const struct pb_view *a, const struct pb_view *b, double *largest);

#endif
