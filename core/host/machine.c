/* machine.c: x86-64 and aarch64; elsewhere nothing is known, and nothing goes wrong. */
#include "host/machine.h"

#include <stdint.h>
#include <string.h>
#include <ucontext.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum pb_access pb_machine_access(const void *context)
{
#if defined(__x86_64__)
	const ucontext_t *machine = context;
	return machine->uc_mcontext.gregs[REG_ERR] & 2 ? PB_ACCESS_WRITE : PB_ACCESS_READ;
#elif defined(__aarch64__)
	/* The kernel appends records to the context; the syndrome's bit 6 says which. */
	const ucontext_t *machine = context;
	const unsigned char *at = (const unsigned char *)machine->uc_mcontext.__reserved;
	const unsigned char *end = at + sizeof machine->uc_mcontext.__reserved;
	while (end - at >= 16) {
		uint32_t head[2];
		uint64_t syndrome;
		memcpy(head, at, sizeof head);
		memcpy(&syndrome, at + 8, sizeof syndrome);
		if (head[0] == 0x45535201)
			return syndrome >> 6 & 1 ? PB_ACCESS_WRITE : PB_ACCESS_READ;
		if (!head[0] || head[1] < 16 || head[1] > (size_t)(end - at))
			break;
		at += head[1];
	}
	return PB_ACCESS_UNKNOWN;
#else
	(void)context;
	return PB_ACCESS_UNKNOWN;
#endif
}

unsigned pb_machine_fp_control(void)
{
#if defined(__x86_64__)
	/* The C library reads the older unit's rounding when it prints. */
	uint16_t older;
	__asm__ volatile("fnstcw %0" : "=m"(older));
	return (_mm_getcsr() & 0xffc0u) | (unsigned)older << 16;
#elif defined(__aarch64__)
	uint64_t control;
	__asm__ volatile("mrs %0, fpcr" : "=r"(control));
	return (unsigned)control;
#else
	return 0;
#endif
}

void pb_machine_set_fp_control(unsigned control)
{
#if defined(__x86_64__)
	const uint16_t older = (uint16_t)(control >> 16);
	__asm__ volatile("fldcw %0" ::"m"(older));
	_mm_setcsr(control & 0xffffu);
#elif defined(__aarch64__)
	__asm__ volatile("msr fpcr, %0" ::"r"((uint64_t)control));
#else
	(void)control;
#endif
}
