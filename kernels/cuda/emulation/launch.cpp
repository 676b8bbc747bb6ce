/* launch.cpp: a launch's blocks, in order or far from it, one after the other or some at once. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <numeric>

#include "device.h"
#include "fibres.h"

dim3 blockDim, gridDim;

namespace
{

enum { MOST_WORKERS = 16 };

struct launch {
	unsigned block;
	bool reversed;
	uint64_t blocks, step;
	const std::function<void()> *thread;
};

/* Threads of the host that wait for launches: this one and others. A process that was forked has none of its parent's. */
struct pool {
	int workers;
	pid_t owner;
	const launch *work; /* NULL: to end */
	pthread_barrier_t begins, ends;
	pthread_t threads[MOST_WORKERS];

	~pool();
} pool;

/* So far are blocks that follow each other apart: a good part of all, and each comes once. */
uint64_t step_of(uint64_t blocks)
{
	uint64_t step = blocks * 3 / 8 + 1;
	while (std::gcd(step, blocks) > 1)
		step++;
	return step;
}

uint3 place_of(const launch &l, uint64_t i)
{
	const uint64_t at = (l.reversed ? l.blocks - 1 - i : i) * l.step % l.blocks;
	return uint3{static_cast<unsigned>(at % gridDim.x), static_cast<unsigned>(at / gridDim.x % gridDim.y),
		     static_cast<unsigned>(at / gridDim.x / gridDim.y)};
}

/* Every one of them in its turn, whoever is faster, so that what is found is found again. */
void run_blocks(const launch &l, uint64_t worker, uint64_t workers)
{
	for (uint64_t i = worker; i < l.blocks; i += workers)
		pbk_emulated_block(place_of(l, i), l.block, l.reversed, *l.thread);
}

void *serve(void *worker)
{
	for (;;) {
		pthread_barrier_wait(&pool.begins);
		if (!pool.work) {
			pbk_emulated_fibres_finish();
			return nullptr;
		}
		run_blocks(*pool.work, reinterpret_cast<uintptr_t>(worker), static_cast<uint64_t>(pool.workers));
		pthread_barrier_wait(&pool.ends);
	}
}

void open_pool(int workers)
{
	pool.workers = workers;
	pool.owner = getpid();
	pthread_barrier_init(&pool.begins, nullptr, static_cast<unsigned>(workers));
	pthread_barrier_init(&pool.ends, nullptr, static_cast<unsigned>(workers));
	for (intptr_t i = 1; i < workers; i++)
		if (pthread_create(&pool.threads[i], nullptr, serve, reinterpret_cast<void *>(i)))
			pbk_emulated_fail("no thread for the blocks");
}

pool::~pool()
{
	if (owner != getpid())
		return;
	work = nullptr;
	pthread_barrier_wait(&begins);
	for (int i = 1; i < workers; i++)
		pthread_join(threads[i], nullptr);
}

int workers_asked()
{
	const char *blocks = getenv("PBK_EMULATION_BLOCKS");
	const int n = blocks ? atoi(blocks) : 1;
	return n < 1 ? 1 : n > MOST_WORKERS ? MOST_WORKERS : n;
}

bool is_reversed()
{
	const char *order = getenv("PBK_EMULATION_ORDER");
	return order && !strcmp(order, "reverse");
}

void run_shared(const launch &l, int workers)
{
	if (pool.owner != getpid())
		open_pool(workers);
	pool.work = &l;
	pthread_barrier_wait(&pool.begins);
	run_blocks(l, 0, static_cast<uint64_t>(pool.workers));
	pthread_barrier_wait(&pool.ends);
}

void emulate(dim3 grid, unsigned block, const std::function<void()> &thread)
{
	const bool reversed = is_reversed();
	const int workers = workers_asked();
	if (block > PBK_MOST_THREADS || !block)
		pbk_emulated_fail("a block of too many threads");
	if (!grid.x || !grid.y || !grid.z || grid.x > INT32_MAX || grid.y > UINT16_MAX || grid.z > UINT16_MAX)
		pbk_emulated_fail("a grid of no blocks or too many");
	if (!pbk_emulated_launch_begins())
		return;
	blockDim = dim3(block);
	gridDim = grid;
	const uint64_t blocks = static_cast<uint64_t>(grid.x) * grid.y * grid.z;
	const launch l = {block, reversed, blocks, reversed ? step_of(blocks) : 1, &thread};
	if (workers > 1 && blocks > 1)
		run_shared(l, workers);
	else
		run_blocks(l, 0, 1);
	pbk_emulated_launch_ends();
}

}

void pbk_emulate(dim3 grid, unsigned block, cudaStream_t, const std::function<void()> &thread)
{
	if (!pbk_emulated_capture([=] { emulate(grid, block, thread); }))
		emulate(grid, block, thread);
}
