/* fibres.cpp: launches: blocks one after the other, a block's threads as fibres. */
#undef _FORTIFY_SOURCE /* its longjmp refuses to change stacks */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <numeric>

#include "device.h"

#if defined(__SANITIZE_ADDRESS__)
#define PBK_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PBK_ASAN
#endif
#endif
#ifdef PBK_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace
{

enum { MOST_THREADS = 1024, LANES = 32, STACK = 256 << 10 };
enum state { READY, AT_BARRIER, AT_WARP, DONE };

struct fibre {
	jmp_buf at;
	ucontext_t start;
	char *stack;
	bool started;
	state waits;
	int line;          /* of the barrier */
	unsigned mask;     /* of the warp's */
	uint64_t slot[2];
	int round;
};

fibre fibres[MOST_THREADS];
fibre *current;
jmp_buf scheduler;
const std::function<void()> *body;
#ifdef PBK_ASAN
const void *host_stack;
size_t host_stack_size;
#endif

[[noreturn]] void fail(const char *what)
{
	fprintf(stderr, "emulated launch: block (%u, %u, %u), thread %u: %s\n", blockIdx.x, blockIdx.y, blockIdx.z,
		threadIdx.x, what);
	abort();
}

void before_switch(void **fake, const void *stack, size_t size)
{
#ifdef PBK_ASAN
	__sanitizer_start_switch_fiber(fake, stack, size);
#else
	(void)fake, (void)stack, (void)size;
#endif
}

void after_switch(void *fake, bool from_host)
{
#ifdef PBK_ASAN
	__sanitizer_finish_switch_fiber(fake, from_host ? &host_stack : nullptr, from_host ? &host_stack_size : nullptr);
#else
	(void)fake, (void)from_host;
#endif
}

void to_scheduler()
{
	void *fake = nullptr;
#ifdef PBK_ASAN
	before_switch(&fake, host_stack, host_stack_size);
#endif
	if (!_setjmp(current->at))
		_longjmp(scheduler, 1);
	after_switch(fake, true);
}

/* A fibre serves launch after launch. */
void fibre_main()
{
	after_switch(nullptr, true);
	for (;;) {
		(*body)();
		current->waits = DONE;
		to_scheduler();
	}
}

void start(fibre *f)
{
	if (!f->stack) {
		void *memory = mmap(nullptr, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (memory == MAP_FAILED)
			fail("no memory for its stack");
		f->stack = static_cast<char *>(memory);
	}
	getcontext(&f->start);
	f->start.uc_stack.ss_sp = f->stack;
	f->start.uc_stack.ss_size = STACK;
	f->start.uc_link = nullptr;
	makecontext(&f->start, fibre_main, 0);
	f->started = true;
	setcontext(&f->start);
}

void run(unsigned thread)
{
	void *fake = nullptr;
	fibre *f = current = &fibres[thread];
	threadIdx.x = thread;
	before_switch(&fake, f->stack, STACK);
	if (!_setjmp(scheduler)) {
		if (f->started)
			_longjmp(f->at, 1);
		start(f);
	}
	after_switch(fake, false);
}

/* All that are still there wait at one barrier: they go on. */
bool release_block(unsigned block)
{
	int line = 0;
	for (unsigned t = 0; t < block; t++) {
		const fibre &f = fibres[t];
		if (f.waits == DONE)
			continue;
		if (f.waits != AT_BARRIER)
			return false;
		threadIdx.x = t;
		if (line && f.line != line)
			fail("waits at another barrier than the others");
		line = f.line;
	}
	for (unsigned t = 0; t < block; t++)
		if (fibres[t].waits == AT_BARRIER)
			fibres[t].waits = READY;
	return line;
}

bool release_warp(unsigned first, unsigned block)
{
	unsigned there = 0, mask = 0;
	for (unsigned t = first; t < first + LANES && t < block; t++)
		if (fibres[t].waits == AT_WARP) {
			there |= 1u << (t - first);
			mask |= fibres[t].mask;
		}
	if (!there || there != mask)
		return false;
	for (unsigned t = first; t < first + LANES && t < block; t++)
		if (fibres[t].waits == AT_WARP)
			fibres[t].waits = READY;
	return true;
}

bool is_reversed()
{
	const char *order = getenv("PBK_EMULATION_ORDER");
	return order && !strcmp(order, "reverse");
}

/* One warp, as far as it comes without the others. */
bool run_warp(unsigned first, unsigned block, bool reversed)
{
	const unsigned lanes = LANES, n = block - first < lanes ? block - first : lanes;
	bool moved = false;
	do
		for (unsigned i = 0; i < n; i++) {
			const unsigned t = first + (reversed ? n - 1 - i : i);
			if (fibres[t].waits == READY) {
				run(t);
				moved = true;
			}
		}
	while (release_warp(first, block));
	return moved;
}

bool is_done(unsigned block)
{
	for (unsigned t = 0; t < block; t++)
		if (fibres[t].waits != DONE)
			return false;
	return true;
}

/* Warp by warp from barrier to barrier: what one of them does too early, the next ones see. */
void run_block(unsigned block, bool reversed)
{
	const unsigned warps = (block + LANES - 1) / LANES;
	for (unsigned t = 0; t < block; t++)
		fibres[t].waits = READY;
	for (bool moved = true; moved && !is_done(block);) {
		moved = false;
		for (unsigned w = 0; w < warps; w++)
			moved |= run_warp(LANES * (reversed ? warps - 1 - w : w), block, reversed);
		moved |= release_block(block);
	}
	if (!is_done(block))
		fail("waits for threads that do not come");
}

}

int pbk_emulated_lane()
{
	return static_cast<int>(threadIdx.x % LANES);
}

uint64_t *pbk_emulated_slot(int lane)
{
	fibre *f = &fibres[threadIdx.x / LANES * LANES + static_cast<unsigned>(lane)];
	return &f->slot[current->round];
}

/* Those who come back for the next shuffle early write to the other slot. */
void pbk_emulated_exchange(unsigned)
{
	current->round ^= 1;
}

void pbk_emulated_barrier(int line)
{
	current->waits = AT_BARRIER;
	current->line = line;
	to_scheduler();
}

void pbk_emulated_warp_barrier(unsigned mask)
{
	current->waits = AT_WARP;
	current->mask = mask;
	to_scheduler();
}

void pbk_emulated_misaligned()
{
	fail("loads from a misaligned address");
}

/* So far are blocks that follow each other apart: a good part of all, and each comes once. */
static uint64_t step_of(uint64_t blocks)
{
	uint64_t step = blocks * 3 / 8 + 1;
	while (std::gcd(step, blocks) > 1)
		step++;
	return step;
}

static void emulate(dim3 grid, unsigned block, const std::function<void()> &thread)
{
	const bool reversed = is_reversed();
	if (block > MOST_THREADS || !block)
		fail("a block of too many threads");
	if (!pbk_emulated_launch_begins())
		return;
	blockDim = dim3(block);
	gridDim = grid;
	body = &thread;
	for (unsigned t = 0; t < block; t++)
		fibres[t].round = 0;
	const uint64_t blocks = static_cast<uint64_t>(grid.x) * grid.y * grid.z;
	const uint64_t step = reversed ? step_of(blocks) : 1;
	for (uint64_t i = 0; i < blocks; i++) {
		const uint64_t at = (reversed ? blocks - 1 - i : i) * step % blocks;
		blockIdx.x = static_cast<unsigned>(at % grid.x);
		blockIdx.y = static_cast<unsigned>(at / grid.x % grid.y);
		blockIdx.z = static_cast<unsigned>(at / grid.x / grid.y);
		run_block(block, reversed);
	}
	pbk_emulated_launch_ends();
}

void pbk_emulate(dim3 grid, unsigned block, cudaStream_t, const std::function<void()> &thread)
{
	if (!pbk_emulated_capture([=] { emulate(grid, block, thread); }))
		emulate(grid, block, thread);
}
