/* cuda_runtime.h: what the CUDA kernels use of CUDA, as ordinary C++ on the host, so that their logic is tested where
 * there is no GPU. In place of the toolkit's header of this name; only built for tests.
 *
 * A launch runs its blocks one after the other, or some at once, each on a thread of the host, and a block's threads as
 * fibres there: warp by warp, each as far as it comes, to the next barrier of the block. What CUDA leaves undefined ends
 * the program with a message: a barrier that some threads wait at in another place, a shuffle whose lanes are not all
 * there, a load or store at a misaligned address, a grid that is too large, a copy between other memory than it says, a
 * call that waits while a graph is captured. Under ThreadSanitizer each thread of a block is one of its own, so that races
 * show. Environment:
 *   PBK_EMULATION_ORDER=reverse   threads run from the last to the first, which shows missing barriers, and blocks in an
 *                                 order that leads far from each other, which shows those that count on their neighbours
 *   PBK_EMULATION_BLOCKS=N        blocks at once, 1 by default
 *   PBK_EMULATION_GUARD=1         device memory cannot be touched but by kernels and copies
 *   PBK_EMULATION_COUNT=1         at the end of the program: how often the device was asked for something
 *   PBK_EMULATION_SKIP=1          no kernel runs, memory is zeros: what is left is the time that the host itself takes
 *   PBK_EMULATION_DEVICES=N       1 by default
 *   PBK_EMULATION_SIZE=N          multiprocessors, 4 by default
 *   PBK_EMULATION_FAIL=WHAT[:N]   every call, or the Nth: driver, device, malloc, launch (a lost device), capture,
 *                                 instantiate, upload, graph (its launch); and blas
 */
#ifndef PBK_EMULATION_CUDA_RUNTIME_H
#define PBK_EMULATION_CUDA_RUNTIME_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmath>
#include <functional>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __shared__          static __thread /* a thread of the host runs its blocks one after the other */
#define __launch_bounds__(...)
#define __restrict__ __restrict

struct uint3 {
	unsigned x, y, z;
};
struct dim3 {
	unsigned x, y, z;
	dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
#define PBK_NEAR __attribute__((visibility("hidden"))) /* found beside shared memory, by the same call */
extern __thread uint3 threadIdx PBK_NEAR, blockIdx PBK_NEAR;
extern dim3 blockDim, gridDim;

using std::exp;
using std::fabs;
using std::log;
using std::sqrt;

typedef struct pbk_emulated_stream *cudaStream_t;
void pbk_emulate(dim3 grid, unsigned block, cudaStream_t stream, const std::function<void()> &thread);
void pbk_emulated_barrier(int line);
void pbk_emulated_warp_barrier(unsigned mask);
int pbk_emulated_lane();
/* The bits of the lane `from`, of those that all lanes of the mask give. */
uint64_t pbk_emulated_exchange(unsigned mask, uint64_t bits, int from);
void pbk_emulated_fence();
/* Does an atomic of this thread pass on what came before it? Afterwards: it has changed what is there. */
bool pbk_emulated_releases();
void pbk_emulated_changed(const void *at);

#define __syncthreads() pbk_emulated_barrier(__LINE__)
#define __threadfence() pbk_emulated_fence()
#define __syncwarp()    pbk_emulated_warp_barrier(0xffffffffu)

template <class T> T pbk_emulated_shuffle(unsigned mask, T value, int from)
{
	uint64_t bits = 0;
	static_assert(sizeof(T) <= sizeof bits, "a shuffle moves up to 8 bytes");
	memcpy(&bits, &value, sizeof value);
	bits = pbk_emulated_exchange(mask, bits, from);
	memcpy(&value, &bits, sizeof value);
	return value;
}

template <class T> T __shfl_xor_sync(unsigned mask, T value, int distance)
{
	return pbk_emulated_shuffle(mask, value, pbk_emulated_lane() ^ distance);
}

template <class T> T __shfl_sync(unsigned mask, T value, int lane)
{
	return pbk_emulated_shuffle(mask, value, lane);
}

template <class T> T __shfl_down_sync(unsigned mask, T value, int distance)
{
	const int from = pbk_emulated_lane() + distance;
	return pbk_emulated_shuffle(mask, value, from < 32 ? from : pbk_emulated_lane());
}

template <class T> T atomicAdd(T *at, T value)
{
	const T old = pbk_emulated_releases() ? __atomic_fetch_add(at, value, __ATOMIC_RELEASE)
					      : __atomic_fetch_add(at, value, __ATOMIC_RELAXED);
	pbk_emulated_changed(at);
	return old;
}

/* Passes nothing on: no kernel asks for it. */
static inline unsigned long long atomicMax(unsigned long long *at, unsigned long long value)
{
	unsigned long long old = __atomic_load_n(at, __ATOMIC_RELAXED);
	while (value > old && !__atomic_compare_exchange_n(at, &old, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return old;
}

static inline unsigned long long __double_as_longlong(double x)
{
	unsigned long long bits;
	memcpy(&bits, &x, sizeof bits);
	return bits;
}

template <class T> T __ldg(const T *at)
{
	return *at;
}

template <class T> T __ldcg(const T *at)
{
	return *at;
}

struct alignas(16) float4 {
	float x, y, z, w;
};

struct alignas(16) double2 {
	double x, y;
};

/* As a load or store of many bytes at once where it must not be. */
void pbk_emulated_misaligned();
static inline void *pbk_emulated_aligned(const void *at, size_t alignment)
{
	if ((uintptr_t)at % alignment)
		pbk_emulated_misaligned();
	return const_cast<void *>(at);
}
#define __builtin_assume_aligned(at, alignment) pbk_emulated_aligned(at, alignment)

/* The runtime. */
enum cudaError_t {
	cudaSuccess = 0,
	cudaErrorMemoryAllocation = 2,
	cudaErrorInsufficientDriver = 35,
	cudaErrorNoDevice = 100,
	cudaErrorIllegalAddress = 700,
	cudaErrorLaunchFailure = 719,
	cudaErrorNotSupported = 801,
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDefault = 4 };
enum cudaDeviceAttr { cudaDevAttrMultiProcessorCount = 16, cudaDevAttrComputeCapabilityMajor = 75 };
enum { cudaStreamNonBlocking = 1 };
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 };
typedef struct pbk_emulated_graph *cudaGraph_t, *cudaGraphExec_t;
struct cudaDeviceProp {
	char name[256];
};

cudaError_t cudaMalloc(void **ret_memory, size_t size);
static inline cudaError_t cudaMallocManaged(void **ret_memory, size_t size)
{
	return cudaMalloc(ret_memory, size);
}
cudaError_t cudaMallocHost(void **ret_memory, size_t size);
cudaError_t cudaFree(void *memory);
cudaError_t cudaFreeHost(void *memory);
cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t size, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void *dst, int byte, size_t size, cudaStream_t stream);
cudaError_t cudaMemGetInfo(size_t *ret_free, size_t *ret_total);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *ret_stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaGetLastError();
const char *cudaGetErrorString(cudaError_t error);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDeviceCount(int *ret_count);
cudaError_t cudaDeviceGetAttribute(int *ret_value, cudaDeviceAttr attribute, int device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *ret_properties, int device);
cudaError_t cudaDriverGetVersion(int *ret_version);
cudaError_t cudaRuntimeGetVersion(int *ret_version);

/* Between these two, launches and copies go into the graph and are not done. */
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *ret_graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *ret_exec, cudaGraph_t graph, unsigned long long flags);
cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);

#endif
