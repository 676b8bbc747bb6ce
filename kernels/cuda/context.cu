/* context.cu: a device, its stream, and what calls need for their length. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blas.h"
#include "context.h"
#include "windows.h"

enum { RING_SIZE = 8 << 20, RING_UNIT = 256 };

bool pbk_note(pbk_context *context, cudaError_t error)
{
	if (error == cudaSuccess)
		return !context->failure;
	cudaGetLastError(); /* told here: a later launch must not be blamed for it */
	if (!context->failure) {
		context->failure = error == cudaErrorMemoryAllocation ? PBK_E_NOMEM : PBK_E_DEVICE;
		snprintf(context->why, sizeof context->why, "%s", cudaGetErrorString(error));
	}
	return false;
}

static pbk_context *refuse(pbk_context *context, char *why, size_t size, const char *what, cudaError_t error)
{
	snprintf(why, size, "%s: %s", what, cudaGetErrorString(error));
	pbk_cuda_close(context);
	return NULL;
}

static bool driver_is_too_old(char *why, size_t size)
{
	int driver = 0, runtime = 0;
	if (cudaDriverGetVersion(&driver) != cudaSuccess || cudaRuntimeGetVersion(&runtime) != cudaSuccess)
		return false; /* the next call tells why */
	if (!driver)
		snprintf(why, size, "there is no NVIDIA driver on this machine");
	else if (driver / 1000 < runtime / 1000)
		snprintf(why, size, "the NVIDIA driver is too old: it supports CUDA %d.%d, and CUDA %d is needed", driver / 1000,
			 driver % 1000 / 10, runtime / 1000);
	return !driver || driver / 1000 < runtime / 1000;
}

int pbk_cuda_count(void)
{
	int count = 0;
	return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

pbk_context *pbk_cuda_open(int device, enum pbk_matmul matmul, char *why, size_t size)
{
	int count = 0, major = 0;
	if (driver_is_too_old(why, size))
		return NULL;
	cudaError_t error = cudaGetDeviceCount(&count);
	if (error != cudaSuccess)
		return refuse(NULL, why, size, "CUDA cannot be used", error);
	if (device < 0 || device >= count) {
		snprintf(why, size, "there is no CUDA device %d: this machine has %d", device, count);
		return NULL;
	}
	pbk_context *context = (pbk_context *)calloc(1, sizeof *context);
	if (!context) {
		snprintf(why, size, "out of memory");
		return NULL;
	}
	context->device = device;
	context->matmul = matmul;
	if ((error = cudaSetDevice(device)) != cudaSuccess ||
	    (error = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device)) != cudaSuccess ||
	    (error = cudaDeviceGetAttribute(&context->multiprocessors, cudaDevAttrMultiProcessorCount, device)) !=
		    cudaSuccess)
		return refuse(context, why, size, "the CUDA device does not answer", error);
	if (major < 8) {
		snprintf(why, size, "the CUDA device has compute capability %d.x, and 8.0 is needed", major);
		pbk_cuda_close(context);
		return NULL;
	}
	if ((error = cudaStreamCreateWithFlags(&context->stream, cudaStreamNonBlocking)) != cudaSuccess)
		return refuse(context, why, size, "the CUDA device cannot be used", error);
	if (matmul != PBK_MATMUL_F32 && !pbk_blas_open(context, why, size)) {
		pbk_cuda_close(context);
		return NULL;
	}
	return context;
}

static void free_ring(pbk_context *context)
{
	if (context->ring_host)
		cudaFreeHost(context->ring_host);
	if (context->ring_device)
		cudaFree(context->ring_device);
	context->ring_host = context->ring_device = NULL;
	context->ring_size = 0;
}

void pbk_cuda_close(pbk_context *context)
{
	if (!context)
		return;
	if (context->stream)
		cudaStreamSynchronize(context->stream);
	pbk_windows_close(context);
	pbk_queue_close(context);
	pbk_blas_close(context);
	free_ring(context);
	cudaFree(context->workspace);
	cudaFree(context->tickets);
	if (context->stream)
		cudaStreamDestroy(context->stream);
	free(context);
}

void pbk_cuda_describe(pbk_context *context, char *text, size_t size)
{
	cudaDeviceProp properties;
	int driver = 0, runtime = 0;
	cudaDriverGetVersion(&driver);
	cudaRuntimeGetVersion(&runtime);
	if (cudaGetDeviceProperties(&properties, context->device) != cudaSuccess)
		snprintf(properties.name, sizeof properties.name, "CUDA device %d", context->device);
	snprintf(text, size, "%s, driver for CUDA %d.%d, runtime %d.%d", properties.name, driver / 1000, driver % 1000 / 10,
		 runtime / 1000, runtime % 1000 / 10);
}

size_t pbk_cuda_memory_free(pbk_context *context)
{
	size_t available = 0, total = 0;
	(void)context;
	return cudaMemGetInfo(&available, &total) == cudaSuccess ? available : 0;
}

bool pbk_wait(pbk_context *context)
{
	pbk_queue_send(context);
	if (!pbk_note(context, cudaStreamSynchronize(context->stream)))
		return false;
	context->ring_at = context->ring_sent = 0; /* so that equal work stages to equal places */
	return true;
}

static bool make_ring(pbk_context *context, size_t size)
{
	if (context->ring_size && !pbk_wait(context))
		return false;
	free_ring(context);
	if (!pbk_note(context, cudaMallocHost((void **)&context->ring_host, size)) ||
	    !pbk_note(context, cudaMalloc((void **)&context->ring_device, size)))
		return false;
	context->ring_size = size;
	return true;
}

/* What was staged before the ring begins again may still be read: that is waited for. */
bool pbk_stage_room(pbk_context *context, size_t size)
{
	if (context->failure)
		return false;
	if (size > context->ring_size)
		return make_ring(context, size > RING_SIZE ? 2 * size : (size_t)RING_SIZE);
	return context->ring_at + size <= context->ring_size || pbk_wait(context);
}

const void *pbk_stage(pbk_context *context, const void *host, size_t size)
{
	const size_t taken = (size + RING_UNIT - 1) / RING_UNIT * RING_UNIT;
	if (!size || !pbk_stage_room(context, taken))
		return NULL;
	const size_t at = context->ring_at;
	memcpy(context->ring_host + at, host, size);
	context->ring_at += taken;
	return context->ring_device + at;
}

bool pbk_stage_send(pbk_context *context)
{
	const size_t from = context->ring_sent, size = context->ring_at - from;
	if (!size)
		return true;
	context->ring_sent = context->ring_at;
	return pbk_note(context, cudaMemcpyAsync(context->ring_device + from, context->ring_host + from, size,
						 cudaMemcpyHostToDevice, context->stream));
}

void *pbk_cuda_workspace(pbk_context *context, size_t size)
{
	if (context->failure)
		return NULL;
	if (size <= context->workspace_size && size)
		return context->workspace;
	size += size / 2; /* so that it grows seldom */
	if (context->workspace_size && !pbk_wait(context))
		return NULL;
	cudaFree(context->workspace);
	context->workspace = NULL;
	context->workspace_size = 0;
	if (!pbk_note(context, cudaMalloc(&context->workspace, size + !size)))
		return NULL;
	context->workspace_size = size;
	return context->workspace;
}

unsigned *pbk_cuda_tickets(pbk_context *context)
{
	constexpr size_t size = PBK_TICKETS * sizeof *context->tickets;
	if (!context->failure && !context->tickets && pbk_note(context, cudaMalloc((void **)&context->tickets, size)))
		pbk_note(context, cudaMemsetAsync(context->tickets, 0, size, context->stream));
	return context->failure ? NULL : context->tickets;
}

void pbk_fetch(pbk_context *context, void *host, const void *device, size_t size)
{
	pbk_queue_send(context);
	if (context->failure || !size)
		return;
	pbk_note(context, cudaMemcpyAsync(host, device, size, cudaMemcpyDefault, context->stream));
	pbk_wait(context);
}
