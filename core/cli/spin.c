/* spin.c: limits busy waiting before the OpenMP runtime has read its environment. */
#include "cli/spin.h"

#include <stdlib.h>
#include <unistd.h>

void pb_cli_limit_spinning(char **argv)
{
	if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY"))
		return;
	if (!setenv("GOMP_SPINCOUNT", "1000", 1))
		execv("/proc/self/exe", argv);
	/* Where that is impossible, slower it is. */
}
