/* graph.cpp: graphs as lists of what to do. */
#include <vector>

#include "device.h"

struct pbk_emulated_graph {
	std::vector<std::function<void()>> nodes;
};

static pbk_emulated_graph *capturing;

bool pbk_emulated_capture(const std::function<void()> &node)
{
	if (capturing)
		capturing->nodes.push_back(node);
	return capturing;
}

bool pbk_emulated_is_capturing()
{
	return capturing;
}

/* A lost device is told by everything; or a failure that was asked for. */
static cudaError_t status_of(const char *call, cudaError_t failure, long *count)
{
	const cudaError_t error = cudaGetLastError();
	return error == cudaSuccess && pbk_emulated_fails(call, count) ? failure : error;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode)
{
	static long count;
	const cudaError_t error = status_of("capture", cudaErrorNotSupported, &count);
	if (error == cudaSuccess)
		capturing = new pbk_emulated_graph;
	return error;
}

cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t *ret_graph)
{
	*ret_graph = capturing;
	capturing = nullptr;
	return cudaGetLastError();
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *ret_exec, cudaGraph_t graph, unsigned long long)
{
	static long count;
	const cudaError_t error = status_of("instantiate", cudaErrorMemoryAllocation, &count);
	if (error != cudaSuccess)
		return error;
	pbk_emulated_count_made();
	*ret_exec = new pbk_emulated_graph(*graph);
	return cudaSuccess;
}

cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t)
{
	static long count;
	return status_of("upload", cudaErrorMemoryAllocation, &count);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t)
{
	static long count;
	const cudaError_t error = status_of("graph", cudaErrorMemoryAllocation, &count);
	if (error != cudaSuccess)
		return error;
	pbk_emulated_count_graph();
	for (const auto &node : exec->nodes)
		node();
	return cudaGetLastError();
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
	delete graph;
	return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
	delete exec;
	return cudaSuccess;
}
