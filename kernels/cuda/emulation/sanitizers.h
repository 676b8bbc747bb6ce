/* sanitizers.h: tells AddressSanitizer of stacks that change, and ThreadSanitizer which thread runs and what comes before what.
 *
 * For ThreadSanitizer (PBK_TSAN) each emulated thread is one of its own: what no barrier, fence or atomic orders is a race,
 * within a block and between blocks. The emulation's own sources are then built without it.
 */
#ifndef PBK_EMULATION_SANITIZERS_H
#define PBK_EMULATION_SANITIZERS_H

#include <stddef.h>

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
#ifdef PBK_TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* A stack to run on. */
struct pbk_context {
	const void *stack;
	size_t size;
	void *thread; /* ThreadSanitizer's */
};

static inline void pbk_before_switch(void **fake, const pbk_context &to)
{
	(void)fake, (void)to;
#ifdef PBK_ASAN
	__sanitizer_start_switch_fiber(fake, to.stack, to.size);
#endif
#ifdef PBK_TSAN
	__tsan_switch_to_fiber(to.thread, __tsan_switch_to_fiber_no_sync);
#endif
}

/* from: where it came from, told once; NULL: known. */
static inline void pbk_after_switch(void *fake, pbk_context *from)
{
	(void)fake, (void)from;
#ifdef PBK_ASAN
	__sanitizer_finish_switch_fiber(fake, from ? &from->stack : nullptr, from ? &from->size : nullptr);
#endif
}

static inline void *pbk_new_thread()
{
#ifdef PBK_TSAN
	return __tsan_create_fiber(0);
#else
	return nullptr;
#endif
}

static inline void pbk_free_thread(void *thread)
{
	(void)thread;
#ifdef PBK_TSAN
	__tsan_destroy_fiber(thread);
#endif
}

static inline void *pbk_this_thread()
{
#ifdef PBK_TSAN
	return __tsan_get_current_fiber();
#else
	return nullptr;
#endif
}

/* What this thread has done comes before what those do that acquire at the same address from now on. */
static inline void pbk_release(void *at)
{
	(void)at;
#ifdef PBK_TSAN
	__tsan_release(at);
#endif
}

static inline void pbk_acquire(void *at)
{
	(void)at;
#ifdef PBK_TSAN
	__tsan_acquire(at);
#endif
}

#endif
