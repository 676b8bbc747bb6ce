/* cuda.h: what the CUDA kernels share: the context, launches, staging of lists, and reductions in a fixed order.
 *
 * The sources are compiled by nvcc, and as ordinary C++ against emulation/, where their tests run without a GPU. All work
 * is in the order of one stream. A failure is remembered by the context; calls after it do nothing that matters.
 */
#ifndef PBK_CUDA_H
#define PBK_CUDA_H

#include <cuda_runtime.h>
#include <stddef.h>
#include <stdint.h>

extern "C" {
#include "backend.h"
}
#include "queue.h"

enum { WARP = 32, BLOCK = 256, PBK_TICKETS = 1024 };

struct pbk_context {
	cudaStream_t stream;
	int device, multiprocessors;
	enum pbk_matmul matmul;
	struct pbk_blas *blas; /* for products that are not PBK_MATMUL_F32 */
	int failure; /* enum pbk_error since the last sync */
	char why[256];
	struct pbk_queue *queue; /* of launches; made when first needed */
	struct pbk_windows *windows; /* small operations before they are launches; made when first needed */
	char *ring_host, *ring_device; /* of lists on their way to the device */
	size_t ring_size, ring_at, ring_sent; /* those before ring_sent are on it */
	void *workspace;
	size_t workspace_size;
	unsigned *tickets; /* [PBK_TICKETS]; made when first needed */
};

/* Remembers a failure of the runtime; the first one counts. Returns whether all is well. */
bool pbk_note(pbk_context *context, cudaError_t error);

/* Makes room so that lists of `size` bytes together (each rounded up to 256) can be staged in a row. */
bool pbk_stage_room(pbk_context *context, size_t size);
/* Where a copy of a host list is going to be on the device, for kernels launched next. NULL where that fails, or size is
 * 0. */
const void *pbk_stage(pbk_context *context, const void *host, size_t size);
/* Begins the transfer of what is staged. Returns whether all is well. */
bool pbk_stage_send(pbk_context *context);
/* Sends all launches and waits for them. Returns whether all is well. */
bool pbk_wait(pbk_context *context);
/* Device memory until the next call for it; kept and grown, which may wait: lists are staged after it. NULL: there is none,
 * which the context remembers. */
void *pbk_cuda_workspace(pbk_context *context, size_t size);
/* PBK_TICKETS counters on the device, 0 between launches: who counts with one sets it back. NULL: as above. */
unsigned *pbk_cuda_tickets(pbk_context *context);
/* dst [size] = zeros, in the launches' order. */
void pbk_cuda_zero(pbk_context *context, void *dst, size_t size);
/* Waits, then copies to the host. */
void pbk_fetch(pbk_context *context, void *host, const void *device, size_t size);

/* Blocks of `block` threads for one thread per element. */
static inline dim3 pbk_grid(int64_t count, int block = BLOCK)
{
	return dim3((unsigned)((count + block - 1) / block));
}

/* The element of a launch by pbk_grid. */
static __device__ __forceinline__ int64_t element()
{
	return (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
}

template <class T> static __device__ __forceinline__ T warp_sum(T x)
{
	for (int distance = WARP / 2; distance; distance /= 2)
		x += __shfl_xor_sync(0xffffffffu, x, distance);
	return x;
}

template <class T> static __device__ __forceinline__ T warp_max(T x)
{
	for (int distance = WARP / 2; distance; distance /= 2) {
		const T other = __shfl_xor_sync(0xffffffffu, x, distance);
		x = other > x ? other : x;
	}
	return x;
}

/* The last of the list's items that begins with `number` or before; their `first` never falls, the first one's is 0. A warp
 * looks for it together. */
template <class T> static __device__ __forceinline__ const T &item_with(int64_t count, const T *list, int64_t number)
{
	int64_t low = 0, high = count;
	while (high - low > 1) {
		const int64_t step = (high - low + WARP - 1) / WARP, at = low + (int)threadIdx.x % WARP * step;
		low = warp_max(at < high && list[at].first <= number ? at : low);
		high = low + step < high ? low + step : high;
	}
	return list[low];
}

/* The sum over the block's threads, known to all of them. The block is whole warps. */
template <class T> static __device__ __forceinline__ T block_sum(T x)
{
	__shared__ T part[WARP];
	const int lane = threadIdx.x % WARP, warps = blockDim.x / WARP;
	x = warp_sum(x);
	__syncthreads(); /* an earlier call's parts have been read */
	if (!lane)
		part[threadIdx.x / WARP] = x;
	__syncthreads();
	return warp_sum(lane < warps ? part[lane] : T(0));
}

/* The same of the largest; `least` is below all of them. */
template <class T> static __device__ __forceinline__ T block_max(T x, T least)
{
	__shared__ T part[WARP];
	const int lane = threadIdx.x % WARP, warps = blockDim.x / WARP;
	x = warp_max(x);
	__syncthreads();
	if (!lane)
		part[threadIdx.x / WARP] = x;
	__syncthreads();
	return warp_max(lane < warps ? part[lane] : least);
}

/* Each file writes its entries into a table. */
template <class real> void pbk_cuda_fill_nd(struct pbk_table *table);
template <class real> void pbk_cuda_fill_noise(struct pbk_table *table);
template <class real> void pbk_cuda_fill_rows(struct pbk_table *table);
template <class real> void pbk_cuda_fill_layernorm(struct pbk_table *table);
template <class real> void pbk_cuda_fill_act(struct pbk_table *table);
template <class real> void pbk_cuda_fill_loss(struct pbk_table *table);
template <class real> void pbk_cuda_fill_attention(struct pbk_table *table);
template <class real> void pbk_cuda_fill_attend(struct pbk_table *table);
template <class real> void pbk_cuda_fill_optim(struct pbk_table *table);
template <class real> void pbk_cuda_fill_gemm(struct pbk_table *table);
template <class real> void pbk_cuda_fill_linear(struct pbk_table *table);
template <class real> void pbk_cuda_fill_gradient(struct pbk_table *table);
template <class real> void pbk_cuda_fill_step_gemm(struct pbk_table *table);
template <class real> void pbk_cuda_fill_step_dots(struct pbk_table *table);
void pbk_cuda_fill_memory(struct pbk_table *table);

#endif
