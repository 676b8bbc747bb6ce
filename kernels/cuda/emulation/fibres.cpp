/* fibres.cpp: a block's threads: warp by warp, each as far as it comes, to the next barrier of the block. */
#include "fibres.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "sanitizers.h"

__thread uint3 threadIdx, blockIdx;

namespace
{

enum { LANES = 32, WARPS = PBK_MOST_THREADS / LANES, STACK = 256 << 10 };
enum state { READY, AT_BARRIER, AT_WARP, DONE };

struct fibre {
	void *at[5];
	pbk_context context;
	bool started;
	state waits;
	int line;      /* of the barrier */
	unsigned mask; /* of the warp's */
	uint64_t slot[2];
	int round;
	bool fenced;       /* since the last barrier */
	const void *last;  /* that it has changed atomically since */
};

/* Those that meet: each time at the other address, so that who runs ahead to the next does not count as having been here. */
struct meeting {
	char at[2];
	int round;
};

/* What one thread of the host has for the block that it runs. */
struct worker {
	fibre fibres[PBK_MOST_THREADS];
	fibre *current;
	ucontext_t start; /* of the one that begins */
	pbk_context host;
	void *scheduler[5];
	const std::function<void()> *body;
	unsigned threads; /* of the block */
	bool reversed;
	meeting block, warps[WARPS];
	char begin, end;
};

__thread worker *self;

worker *own()
{
	if (!self)
		self = new worker();
	return self;
}

void long_jump(void **to)
{
	__builtin_longjmp(to, 1);
}

/* To where that was set, by __builtin_setjmp: the C library's longjmp refuses to change stacks, or asks the system each time, and
 * takes AddressSanitizer's marks from the whole of one. A compiler must not see what is called: it would learn that it
 * never comes back, or which registers it leaves alone, which other fibres do not. */
void (*volatile jump)(void **to) = long_jump;

/* The next of the warp that runs; null: the scheduler decides. */
fibre *next(worker *w, const fibre *f)
{
	const unsigned thread = static_cast<unsigned>(f - w->fibres), first = thread / LANES * LANES;
	const unsigned end = first + LANES < w->threads ? first + LANES : w->threads;
	for (unsigned t = thread; w->reversed ? t-- > first : ++t < end;)
		if (w->fibres[t].waits == READY)
			return w->fibres[t].started ? &w->fibres[t] : nullptr;
	return nullptr;
}

/* To the next fibre, which saves the way by the scheduler. */
void leave(worker *w, fibre *f)
{
	void *fake = nullptr;
	if (!__builtin_setjmp(f->at)) {
		fibre *other = next(w, f);
		pbk_before_switch(&fake, other ? other->context : w->host);
		if (!other)
			jump(w->scheduler);
		w->current = other;
		threadIdx.x = static_cast<unsigned>(other - w->fibres);
		jump(other->at);
	}
	pbk_after_switch(fake, nullptr);
}

/* A fibre serves block after block. */
void fibre_main()
{
	worker *w = self;
	fibre *f = w->current;
	pbk_after_switch(nullptr, &w->host);
	for (;;) {
		pbk_acquire(&w->begin);
		(*w->body)();
		pbk_release(&w->end);
		f->waits = DONE;
		leave(w, f);
	}
}

void start(worker *w, fibre *f)
{
	getcontext(&w->start);
	w->start.uc_stack.ss_sp = const_cast<void *>(f->context.stack);
	w->start.uc_stack.ss_size = f->context.size;
	w->start.uc_link = nullptr;
	makecontext(&w->start, fibre_main, 0);
	f->started = true;
	setcontext(&w->start);
}

void make_stack(fibre *f)
{
	void *memory = mmap(nullptr, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		pbk_emulated_fail("no memory for its stack");
	f->context = pbk_context{memory, STACK, pbk_new_thread()};
}

void run(unsigned thread)
{
	void *fake = nullptr;
	worker *w = self;
	fibre *f = w->current = &w->fibres[thread];
	threadIdx.x = thread;
	if (!f->context.stack)
		make_stack(f);
	if (!__builtin_setjmp(w->scheduler)) {
		pbk_before_switch(&fake, f->context);
		if (f->started)
			jump(f->at);
		start(w, f);
	}
	pbk_after_switch(fake, nullptr);
}

/* Waits with the others. */
void meet(worker *w, meeting *m, state waits)
{
	fibre *f = w->current;
	char *at = &m->at[m->round & 1];
	pbk_release(at);
	f->waits = waits;
	leave(w, f);
	pbk_acquire(at);
	f->fenced = false; /* a fence before it is of no use to others' writes */
	f->last = nullptr;
}

/* All that are still there wait at one barrier: they go on. */
bool release_block(unsigned block)
{
	int line = 0;
	for (unsigned t = 0; t < block; t++) {
		const fibre &f = self->fibres[t];
		if (f.waits == DONE)
			continue;
		if (f.waits != AT_BARRIER)
			return false;
		threadIdx.x = t;
		if (line && f.line != line)
			pbk_emulated_fail("waits at another barrier than the others");
		line = f.line;
	}
	for (unsigned t = 0; t < block; t++)
		if (self->fibres[t].waits == AT_BARRIER)
			self->fibres[t].waits = READY;
	self->block.round++;
	return line;
}

bool release_warp(unsigned first, unsigned block)
{
	unsigned there = 0, mask = 0;
	for (unsigned t = first; t < first + LANES && t < block; t++)
		if (self->fibres[t].waits == AT_WARP) {
			there |= 1u << (t - first);
			mask |= self->fibres[t].mask;
		}
	if (!there || there != mask)
		return false;
	for (unsigned t = first; t < first + LANES && t < block; t++)
		if (self->fibres[t].waits == AT_WARP)
			self->fibres[t].waits = READY;
	self->warps[first / LANES].round++;
	return true;
}

/* One warp, as far as it comes without the others. */
bool run_warp(unsigned first, unsigned block, bool reversed)
{
	const unsigned lanes = LANES, n = block - first < lanes ? block - first : lanes;
	bool moved = false;
	do
		for (unsigned i = 0; i < n; i++) {
			const unsigned t = first + (reversed ? n - 1 - i : i);
			if (self->fibres[t].waits == READY) {
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
		if (self->fibres[t].waits != DONE)
			return false;
	return true;
}

}

/* What one of the warps does too early, the next ones see. */
void pbk_emulated_block(uint3 at, unsigned block, bool reversed, const std::function<void()> &thread)
{
	worker *w = own();
	const unsigned warps = (block + LANES - 1) / LANES;
	w->body = &thread;
	w->threads = block;
	w->reversed = reversed;
	w->host.thread = pbk_this_thread();
	blockIdx = at;
	for (unsigned t = 0; t < block; t++) {
		fibre *f = &w->fibres[t];
		f->waits = READY;
		f->round = 0;
		f->fenced = false;
		f->last = nullptr;
	}
	pbk_release(&w->begin);
	for (bool moved = true; moved && !is_done(block);) {
		moved = false;
		for (unsigned i = 0; i < warps; i++)
			moved |= run_warp(LANES * (reversed ? warps - 1 - i : i), block, reversed);
		moved |= release_block(block);
	}
	if (!is_done(block))
		pbk_emulated_fail("waits for threads that do not come");
	pbk_acquire(&w->end);
}

void pbk_emulated_fibres_finish()
{
	for (int i = 0; self && i < PBK_MOST_THREADS; i++)
		if (self->fibres[i].context.stack) {
			munmap(const_cast<void *>(self->fibres[i].context.stack), STACK);
			pbk_free_thread(self->fibres[i].context.thread);
		}
	delete self;
	self = nullptr;
}

void pbk_emulated_fail(const char *what)
{
	fprintf(stderr, "emulated launch: block (%u, %u, %u), thread %u: %s\n", blockIdx.x, blockIdx.y, blockIdx.z,
		threadIdx.x, what);
	abort();
}

int pbk_emulated_lane()
{
	return static_cast<int>(threadIdx.x % LANES);
}

void pbk_emulated_barrier(int line)
{
	self->current->line = line;
	meet(self, &self->block, AT_BARRIER);
}

void pbk_emulated_warp_barrier(unsigned mask)
{
	self->current->mask = mask;
	meet(self, &self->warps[threadIdx.x / LANES], AT_WARP);
}

/* Those who come back for the next shuffle early write to the other slot. */
uint64_t pbk_emulated_exchange(unsigned mask, uint64_t bits, int from)
{
	worker *w = self;
	fibre *f = w->current;
	const ptrdiff_t thread = f - w->fibres, first = thread / LANES * LANES;
	const int round = f->round;
	f->slot[round] = bits;
	f->round ^= 1;
	f->mask = mask;
	meet(w, &w->warps[thread / LANES], AT_WARP);
	return w->fibres[first + (from & (LANES - 1))].slot[round];
}

/* By the letter of CUDA's memory model: a fence and then an atomic pass on what came before the fence, an atomic and then a
 * fence receive it, each of one thread; a barrier takes it to the others of the block. */
void pbk_emulated_fence()
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (self->current->last)
		pbk_acquire(const_cast<void *>(self->current->last));
	self->current->fenced = true;
}

bool pbk_emulated_releases()
{
	return self->current->fenced;
}

void pbk_emulated_changed(const void *at)
{
	self->current->last = at;
}

void pbk_emulated_misaligned()
{
	pbk_emulated_fail("loads from or stores at a misaligned address");
}
