/* pool.c: a chain of device blocks with a bump pointer. */
#include <stdlib.h>

#include "base/status.h"
#include "tensor/tensor.h"

struct pb_pool_block {
	struct pb_pool_block *next;
	size_t size, used;
	unsigned char *data; /* on the device */
};

enum { BLOCK_SIZE = 4 << 20, ALIGN = 64 };

void pb_pool_init(struct pb_pool *pool, struct pb_device *device)
{
	*pool = (struct pb_pool){.device = device};
}

void pb_pool_finish(struct pb_pool *pool)
{
	for (struct pb_pool_block *b = pool->first, *next; b; b = next) {
		next = b->next;
		pb_kernels(pool->device, PB_F32)->free(pool->device->context, b->data);
		free(b);
	}
	*pool = (struct pb_pool){0};
}

void pb_pool_reset(struct pb_pool *pool)
{
	for (struct pb_pool_block *b = pool->first; b; b = b->next)
		b->used = 0;
	pool->current = pool->first;
	pool->used = 0;
}

static struct pb_pool_block *add_block(struct pb_pool *pool, size_t size)
{
	struct pb_pool_block *b = malloc(sizeof *b);
	if (!b)
		return NULL;
	b->size = size > BLOCK_SIZE ? size : BLOCK_SIZE;
	b->used = 0;
	b->data = pb_kernels(pool->device, PB_F32)->alloc(pool->device->context, b->size);
	if (!b->data) {
		free(b);
		return NULL;
	}
	struct pb_pool_block **link = pool->current ? &pool->current->next : &pool->first;
	b->next = *link;
	*link = b;
	return b;
}

int pb_pool_reserve(struct pb_pool *pool, size_t size)
{
	size_t peak = pool->peak;
	pb_pool_finish(&(struct pb_pool){.device = pool->device, .first = pool->first});
	*pool = (struct pb_pool){.device = pool->device, .peak = peak};
	return add_block(pool, size) ? 0 : pb_fail_nomem(size, "tensors");
}

void *pb_pool_alloc(struct pb_pool *pool, size_t size)
{
	if (size > SIZE_MAX - ALIGN)
		goto nomem;
	size = (size + ALIGN - 1) / ALIGN * ALIGN;
	struct pb_pool_block *b = pool->current ? pool->current : pool->first;
	while (b && b->size - b->used < size)
		b = b->next;
	if (!b && !(b = add_block(pool, size)))
		goto nomem;
	void *memory = b->data + b->used;
	b->used += size;
	pool->current = b;
	pool->used += size;
	if (pool->used > pool->peak)
		pool->peak = pool->used;
	return memory;
nomem:
	if (!pb_device_status(pool->device)) /* a lost device has no memory either, and tells so */
		pb_fail_nomem(size, "tensors");
	return NULL;
}

int pb_tensor_new(struct pb_pool *pool, uint32_t dtype, int rank, const int64_t *shape, struct pb_view *ret_view)
{
	int64_t extent = 1; /* bounds the strides too, where an axis has no elements */
	if (rank < 0 || rank > PB_MAX_RANK)
		return pb_fail(PB_E_SHAPE, "a tensor of %d axes; at most %d are possible", rank, PB_MAX_RANK);
	for (int i = 0; i < rank; i++)
		if (shape[i] < 0 || __builtin_mul_overflow(extent, shape[i] ? shape[i] : 1, &extent))
			return pb_fail_nomem(SIZE_MAX, "a tensor");
	struct pb_view view = pb_view_over(NULL, dtype, rank, shape);
	size_t count = (size_t)pb_view_count(&view);
	if (count > SIZE_MAX / pb_dtype_size(dtype))
		return pb_fail_nomem(SIZE_MAX, "a tensor");
	if (!(view.data = pb_pool_alloc(pool, count * pb_dtype_size(dtype))))
		return -PB_E_NOMEM;
	*ret_view = view;
	return 0;
}

int pb_tensor_zeros(struct pb_pool *pool, uint32_t dtype, int rank, const int64_t *shape, struct pb_view *ret_view)
{
	int rc = pb_tensor_new(pool, dtype, rank, shape, ret_view);
	if (!rc)
		pb_kernels(pool->device, dtype)
			->zero(pool->device->context, ret_view->data,
			       (size_t)pb_view_count(ret_view) * pb_dtype_size(dtype));
	return rc;
}

int pb_tensor_clone(struct pb_pool *pool, const struct pb_view *source, struct pb_view *ret_view)
{
	struct pb_view copy;
	int rc = pb_tensor_new(pool, source->dtype, source->rank, source->shape, &copy);
	if (rc)
		return rc;
	for (int i = 0; i < source->rank; i++)
		copy.axis[i] = source->axis[i];
	rc = pb_view_copy(pool->device, &copy, source);
	if (!rc)
		*ret_view = copy;
	return rc;
}
