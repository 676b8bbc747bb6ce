/* device.cpp: the emulated device: memory that the host cannot touch, and failures on demand. */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fibres.h"

namespace
{

/* One allocation, at the front of its pages. */
struct piece {
	piece *next;
	char *memory;
	size_t size; /* of the pages */
};

piece *pieces;
bool is_open = true;
cudaError_t lost = cudaSuccess; /* every call fails with it from now on */
cudaError_t last = cudaSuccess; /* of a call that failed */

/* What a run asked of the device, told at the end. */
struct tally {
	int device; /* the last that was chosen */
	long launches, graphs, made, copies, waits, allocations;

	~tally()
	{
		const char *count = getenv("PBK_EMULATION_COUNT");
		if (count && *count == '1')
			fprintf(stderr,
				"emulated device %d: %ld launches, %ld graphs, %ld made, %ld copies, %ld waits, %ld allocations\n",
				device, launches, graphs, made, copies, waits, allocations);
	}
} tally;

bool skips()
{
	static const char *skip = getenv("PBK_EMULATION_SKIP");
	return skip && *skip == '1';
}

int multiprocessors()
{
	const char *size = getenv("PBK_EMULATION_SIZE");
	return size && atoi(size) > 0 ? atoi(size) : 4;
}

bool guards()
{
	static const char *guard = getenv("PBK_EMULATION_GUARD");
	return guard && *guard == '1';
}

void protect(int rights)
{
	for (piece *p = pieces; p; p = p->next)
		mprotect(p->memory, p->size, rights);
}

void open_memory()
{
	if (guards() && !is_open)
		protect(PROT_READ | PROT_WRITE);
	is_open = true;
}

void close_memory()
{
	if (guards() && is_open)
		protect(PROT_NONE);
	is_open = !guards();
}

bool is_on_device(const void *at, size_t size)
{
	for (const piece *p = pieces; p; p = p->next)
		if (static_cast<const char *>(at) >= p->memory && static_cast<const char *>(at) + size <= p->memory + p->size)
			return true;
	return false;
}

/* What CUDA refuses while a graph is captured, or leaves undefined. */
void waits_for_no_graph(const char *call)
{
	if (pbk_emulated_is_capturing())
		pbk_emulated_fail(call);
}

int devices()
{
	const char *number = getenv("PBK_EMULATION_DEVICES");
	return number ? atoi(number) : 1;
}

}

bool pbk_emulated_fails(const char *what, long *count)
{
	const char *asked = getenv("PBK_EMULATION_FAIL");
	const size_t n = strlen(what);
	if (!asked || strncmp(asked, what, n) || (asked[n] && asked[n] != ':'))
		return false;
	++*count;
	return !asked[n] || *count == atol(asked + n + 1);
}

bool pbk_emulated_launch_begins()
{
	static long count;
	tally.launches++;
	if (pbk_emulated_fails("launch", &count))
		lost = cudaErrorLaunchFailure;
	if (lost || skips())
		return false;
	open_memory();
	return true;
}

void pbk_emulated_launch_ends()
{
	close_memory();
}

cudaError_t cudaMalloc(void **ret_memory, size_t size)
{
	static long count;
	const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
	tally.allocations++;
	waits_for_no_graph("cudaMalloc while a graph is captured");
	if (lost)
		return lost;
	if (pbk_emulated_fails("malloc", &count) || size > SIZE_MAX - 2 * page)
		return last = cudaErrorMemoryAllocation;
	size = (size + page - 1) / page * page;
	piece *p = static_cast<piece *>(malloc(sizeof *p));
	void *memory = p ? mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
	if (memory == MAP_FAILED) {
		free(p);
		return cudaErrorMemoryAllocation;
	}
	open_memory();
	memset(memory, skips() ? 0 : 0xff, size); /* NaN, to those that read what they have not written */
	*p = piece{pieces, static_cast<char *>(memory), size};
	pieces = p;
	close_memory();
	*ret_memory = memory;
	return cudaSuccess;
}

cudaError_t cudaFree(void *memory)
{
	waits_for_no_graph("cudaFree while a graph is captured");
	for (piece **at = &pieces; memory && *at; at = &(*at)->next)
		if ((*at)->memory == memory) {
			piece *gone = *at;
			*at = gone->next;
			munmap(gone->memory, gone->size);
			free(gone);
			break;
		}
	return lost;
}

cudaError_t cudaMallocHost(void **ret_memory, size_t size)
{
	waits_for_no_graph("cudaMallocHost while a graph is captured");
	*ret_memory = malloc(size);
	return *ret_memory ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaFreeHost(void *memory)
{
	waits_for_no_graph("cudaFreeHost while a graph is captured");
	free(memory);
	return cudaSuccess;
}

/* Memory operations as kernels: they may touch device memory. */
static cudaError_t work(const std::function<void()> &what)
{
	if (lost)
		return lost;
	if (pbk_emulated_capture([=] { work(what); }))
		return cudaSuccess;
	open_memory();
	what();
	close_memory();
	return cudaSuccess;
}

void pbk_emulated_count_graph()
{
	tally.graphs++;
}

void pbk_emulated_count_made()
{
	tally.made++;
}

cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t size, cudaMemcpyKind kind, cudaStream_t)
{
	tally.copies++;
	if (!lost && size && kind == cudaMemcpyHostToDevice && (!is_on_device(dst, size) || is_on_device(src, size)))
		pbk_emulated_fail("a copy whose kind is not that of its memory");
	return work([=] { memmove(dst, src, size); });
}

cudaError_t cudaMemsetAsync(void *dst, int byte, size_t size, cudaStream_t)
{
	if (!lost && !is_on_device(dst, size))
		pbk_emulated_fail("cudaMemset of what is no device memory");
	return work([=] { memset(dst, byte, size); });
}

cudaError_t cudaMemGetInfo(size_t *ret_free, size_t *ret_total)
{
	*ret_free = *ret_total = static_cast<size_t>(1) << 30;
	return lost;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *ret_stream, unsigned)
{
	*ret_stream = reinterpret_cast<cudaStream_t>(&lost);
	return lost;
}

cudaError_t cudaStreamDestroy(cudaStream_t)
{
	return lost;
}

cudaError_t cudaStreamSynchronize(cudaStream_t)
{
	tally.waits++;
	waits_for_no_graph("cudaStreamSynchronize while a graph is captured");
	return lost;
}

/* As the runtime: the last failure is told once, a lost device always. */
cudaError_t cudaGetLastError()
{
	const cudaError_t error = lost ? lost : last;
	last = cudaSuccess;
	return error;
}

const char *cudaGetErrorString(cudaError_t error)
{
	switch (error) {
	case cudaSuccess: return "no error";
	case cudaErrorMemoryAllocation: return "out of memory";
	case cudaErrorInsufficientDriver: return "CUDA driver version is insufficient for CUDA runtime version";
	case cudaErrorNoDevice: return "no CUDA-capable device is detected";
	case cudaErrorIllegalAddress: return "an illegal memory access was encountered";
	case cudaErrorLaunchFailure: return "unspecified launch failure";
	case cudaErrorNotSupported: return "operation not supported";
	}
	return "unknown error";
}

cudaError_t cudaSetDevice(int device)
{
	tally.device = device;
	return lost;
}

cudaError_t cudaGetDeviceCount(int *ret_count)
{
	static long count;
	*ret_count = devices();
	return pbk_emulated_fails("device", &count) ? cudaErrorNoDevice : cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *ret_value, cudaDeviceAttr attribute, int)
{
	*ret_value = attribute == cudaDevAttrComputeCapabilityMajor ? 9 : multiprocessors();
	return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *ret_properties, int)
{
	snprintf(ret_properties->name, sizeof ret_properties->name, "emulated");
	return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *ret_version)
{
	static long count;
	*ret_version = pbk_emulated_fails("driver", &count) ? 12080 : 13000;
	return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *ret_version)
{
	*ret_version = 13000;
	return cudaSuccess;
}
