/* interrupt.c: a thread that waits for signals, and a flag that the loops look at.
 *
 * No handler: it could run on any thread, in the middle of a library's code. Computing threads inherit the blocked mask
 * and are never interrupted.
 */
#include "exp/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/status.h"

static atomic_bool asked;
static sigset_t signals;

static void *wait_for_signals(void *unused)
{
	int number;
	(void)unused;
	while (!sigwait(&signals, &number)) {
		if (atomic_exchange(&asked, true))
			_exit(130);
	}
	return NULL;
}

int pb_interrupt_catch(void)
{
	pthread_t thread;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	if (pthread_sigmask(SIG_BLOCK, &signals, NULL) || pthread_create(&thread, NULL, wait_for_signals, NULL))
		return pb_fail(PB_E_INTERNAL, "cannot start the thread that waits for Ctrl-C");
	pthread_detach(thread);
	return 0;
}

int pb_interrupted(void)
{
	return atomic_load(&asked) ? pb_fail(PB_E_INTERRUPTED, "interrupted") : 0;
}
