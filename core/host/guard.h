/* guard.h: calls of foreign code from which the program comes back.
 *
 * A call that crashes (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT) is left by a jump out of the signal's handler; one
 * that takes longer than the limit, by a signal from a watching thread. Neither costs a call more than a few
 * nanoseconds. A call that ends the process by exit() cannot be come back from; the process then says whose call that was and
 * ends with 1. Behind a crash memory may be damaged: what remains to be done is to write down results and to end, for which
 * there is a minute.
 */
#ifndef PB_HOST_GUARD_H
#define PB_HOST_GUARD_H

#include <stdbool.h>
#include <stddef.h>

struct pb_fault {
	int signal;          /* 0: the call returned */
	bool hung;           /* it took longer than the limit */
	const void *address; /* that it touched (SIGSEGV, SIGBUS); else NULL */
};

typedef int pb_guarded(void *argument);

/* Calls function(argument) on this thread and returns what it returns; after a fault, -PB_E_PLUGIN, without a text. `who` and
 * `call` ("setter zero", "apply") name it in the words that a dying process leaves. Does not nest. */
int pb_guard(pb_guarded *function, void *argument, const char *who, const char *call, struct pb_fault *ret_fault);

/* Seconds that a call may take; 0: for ever. At first 60. While a debugger is attached no call is ended. */
void pb_guard_limit(double seconds);
double pb_guard_get_limit(void);
/* Off: signals and time are left alone, for a debugger. */
void pb_guard_enable(bool on);

/* "crashed: SIGSEGV at address 0x10", "took longer than 60 s". */
void pb_fault_text(const struct pb_fault *fault, char *text, size_t size);

#endif
