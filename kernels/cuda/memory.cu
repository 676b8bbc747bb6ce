/* memory.cu: memory of the device and copies in the stream's order. */
#include <stdlib.h>
#include <string.h>

#include "cuda.h"

/* Tests of the kernels touch operands from the host too. */
static bool is_managed()
{
	static const char *managed = getenv("PBK_CUDA_MANAGED");
	return managed && *managed == '1';
}

static void *device_alloc(pbk_context *context, size_t size)
{
	void *memory = NULL;
	if (context->failure)
		return NULL;
	const cudaError_t error = is_managed() ? cudaMallocManaged(&memory, size + !size) : cudaMalloc(&memory, size + !size);
	if (error == cudaSuccess)
		return memory;
	cudaGetLastError(); /* the caller tells of it, and may go on with less */
	if (error != cudaErrorMemoryAllocation)
		pbk_note(context, error);
	return NULL;
}

/* What was launched may still use it; cudaFree waits. */
static void device_free(pbk_context *context, void *memory)
{
	if (!memory)
		return;
	pbk_queue_send(context);
	pbk_note(context, cudaFree(memory));
}

static void device_zero(pbk_context *context, void *dst, size_t size)
{
	pbk_queue_zero(context, dst, size);
}

static void device_copy(pbk_context *context, void *dst, const void *src, size_t size)
{
	pbk_queue_copy(context, dst, src, size);
}

static void device_upload(pbk_context *context, void *dst, const void *src, size_t size)
{
	if (!size)
		return;
	pbk_queue_send(context);
	pbk_note(context, cudaMemcpyAsync(dst, src, size, cudaMemcpyHostToDevice, context->stream));
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
	table->zero = device_zero;
	table->copy = device_copy;
	table->upload = device_upload;
	table->download = device_download;
	table->submit = pbk_queue_send;
	table->sync = device_sync;
	table->failed = device_failed;
	table->why = device_why;
}
