/* memory.cu: memory of the device and copies in the stream's order. */
#include <stdlib.h>
#include <string.h>

#include "cuda.h"

/* Tests of the kernels touch operands from the host too: managed memory, or where there is none the host's own. */
enum kind { DEVICE, MANAGED, HOST };

static enum kind kind_of_memory()
{
	static const char *asked = getenv("PBK_CUDA_MANAGED");
	return !asked ? DEVICE : !strcmp(asked, "1") ? MANAGED : !strcmp(asked, "host") ? HOST : DEVICE;
}

static cudaError_t allocate(void **ret_memory, size_t size)
{
	switch (kind_of_memory()) {
	case MANAGED: return cudaMallocManaged(ret_memory, size);
	case HOST: return cudaMallocHost(ret_memory, size);
	default: return cudaMalloc(ret_memory, size);
	}
}

static void *device_alloc(pbk_context *context, size_t size)
{
	void *memory = NULL;
	if (context->failure)
		return NULL;
	const cudaError_t error = allocate(&memory, size + !size);
	if (error == cudaSuccess)
		return memory;
	cudaGetLastError(); /* the caller tells of it, and may go on with less */
	if (error != cudaErrorMemoryAllocation)
		pbk_note(context, error);
	return NULL;
}

/* What was launched may still use it: the queue is sent and waited for, which only cudaFree does by itself. */
static void device_free(pbk_context *context, void *memory)
{
	if (!memory)
		return;
	pbk_queue_send(context);
	if (kind_of_memory() == HOST)
		pbk_note(context, cudaStreamSynchronize(context->stream));
	pbk_note(context, kind_of_memory() == HOST ? cudaFreeHost(memory) : cudaFree(memory));
}

struct alignas(16) wide {
	uint64_t bits[2];
};

/* dst [n] = src, or zeros. */
template <class T> static __global__ void move_kernel(int64_t n, T *dst, const T *src)
{
	const int64_t i = element();
	if (i < n)
		dst[i] = src ? src[i] : T();
}

template <class T> static void move_as(pbk_context *context, void *dst, const void *src, size_t size)
{
	const int64_t n = (int64_t)(size / sizeof(T));
	pbk_launch(context, move_kernel<T>, pbk_grid(n), BLOCK, n, (T *)dst, (const T *)src);
}

/* By a kernel, and no copy of the runtime's: a graph that is replayed later may have been made when other memory was at
 * these addresses, of which only kernels ask nothing. */
static void move(pbk_context *context, void *dst, const void *src, size_t size)
{
	const uintptr_t places = (uintptr_t)dst | (uintptr_t)src | size;
	if (places % sizeof(wide) == 0)
		move_as<wide>(context, dst, src, size);
	else if (places % sizeof(uint32_t) == 0)
		move_as<uint32_t>(context, dst, src, size);
	else
		move_as<char>(context, dst, src, size);
}

void pbk_cuda_zero(pbk_context *context, void *dst, size_t size)
{
	move(context, dst, NULL, size);
}

static void device_copy(pbk_context *context, void *dst, const void *src, size_t size)
{
	move(context, dst, src, size);
}

static void device_upload(pbk_context *context, void *dst, const void *src, size_t size)
{
	if (!size)
		return;
	pbk_queue_send(context);
	pbk_note(context, cudaMemcpyAsync(dst, src, size, cudaMemcpyDefault, context->stream));
	pbk_wait(context);
}

static void device_download(pbk_context *context, void *dst, const void *src, size_t size)
{
	pbk_fetch(context, dst, src, size);
	if (context->failure && size)
		memset(dst, 0, size); /* nobody must read what was never written, even if sync comes later */
}

static int device_failed(pbk_context *context)
{
	const int failure = context->failure;
	context->failure = PBK_OK;
	return failure;
}

static int device_sync(pbk_context *context)
{
	pbk_wait(context);
	return device_failed(context);
}

static const char *device_why(pbk_context *context)
{
	return context->why;
}

void pbk_cuda_fill_memory(struct pbk_table *table)
{
	table->alloc = device_alloc;
	table->free = device_free;
	table->zero = pbk_cuda_zero;
	table->copy = device_copy;
	table->upload = device_upload;
	table->download = device_download;
	table->submit = pbk_queue_send;
	table->sync = device_sync;
	table->failed = device_failed;
	table->why = device_why;
}
