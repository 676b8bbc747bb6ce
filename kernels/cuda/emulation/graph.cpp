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

cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode)
{
	capturing = new pbk_emulated_graph;
	return cudaGetLastError();
}

cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t *ret_graph)
{
	*ret_graph = capturing;
	capturing = nullptr;
	return cudaGetLastError();
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *ret_exec, cudaGraph_t graph, unsigned long long)
{
	pbk_emulated_count_made();
	*ret_exec = new pbk_emulated_graph(*graph);
	return cudaGetLastError();
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t)
{
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
