/* interrupt.c: a thread that waits for signals, and a flag that the loops look at.
 *
 * No handler: it could run on any thread, in the middle of a library's code. Computing threads inherit the blocked mask
 * and are never interrupted.
 */
#include "exp/interrupt.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
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
	struct sigaction hangup;
	pthread_t thread;
	int error;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	if (!sigaction(SIGHUP, NULL, &hangup) && hangup.sa_handler != SIG_IGN) /* as under nohup */
		sigaddset(&signals, SIGHUP);
	if ((error = pthread_sigmask(SIG_BLOCK, &signals, NULL)) ||
	    (error = pthread_create(&thread, NULL, wait_for_signals, NULL)))
		/* EAGAIN is how it says that there was no memory for a stack, too. */
		return pb_fail(PB_E_INTERNAL, "cannot start the thread that waits for Ctrl-C: %s",
			       error == EAGAIN ? "out of memory or of threads" : strerror(error));
	pthread_detach(thread);
	return 0;
}

int pb_interrupted(void)
{
	return atomic_load(&asked) ? pb_fail(PB_E_INTERRUPTED, "interrupted") : 0;
}
