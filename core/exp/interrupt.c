/* interrupt.c: a flag that the loops look at. */
#include "exp/interrupt.h"

#include <signal.h>

#include "base/status.h"

static volatile sig_atomic_t asked;

static void on_signal(int number)
{
	asked = 1;
	signal(number, SIG_DFL);
}

void pb_interrupt_catch(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

int pb_interrupted(void)
{
	return asked ? pb_fail(PB_E_INTERRUPTED, "interrupted") : 0;
}
