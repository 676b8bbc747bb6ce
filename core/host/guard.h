/* guard.h: calls of foreign code from which the program comes back.
 *
 * A call that crashes (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT) is left by a jump out of the signal's handler; one
 * that takes longer than the limit, by a signal from a watching thread; one that ends the process by exit(), by a jump out of
 * what is to be done at the exit. None of that costs a call more than a few nanoseconds. Behind a crash memory may be damaged: what remains to be done is to write down results and to end, for which
 * there are ten minutes.
 */
#ifndef PB_HOST_GUARD_H
#define PB_HOST_GUARD_H

#include <stdbool.h>
#include <stddef.h>

enum pb_access {
	PB_ACCESS_UNKNOWN = 0,
	PB_ACCESS_READ,
	PB_ACCESS_WRITE,
};

struct pb_fault {
	bool happened;         /* the call did not return */
	int signal;            /* of a crash, else 0 */
	bool hung;             /* it took longer than the limit */
	bool exited;           /* it called exit */
	bool has_address;
	const void *address;   /* that it touched (SIGSEGV, SIGBUS) */
	enum pb_access access; /* what it did there, where the machine tells */
	bool changed_control;  /* it returned with another rounding or other traps of floating point, which were set back */
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

/* "crashed: SIGSEGV at address 0x10", "took longer than 60 s", "called exit". */
void pb_fault_text(const struct pb_fault *fault, char *text, size_t size);

#endif
