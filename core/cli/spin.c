/* spin.c: limits busy waiting before the OpenMP runtime has read its environment. */
#include "cli/spin.h"

#include <stdlib.h>
#include <unistd.h>

void pb_cli_limit_spinning(char **argv)
{
	if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY"))
		return;
	char self[4096];
	ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
	if (length > 0 && !setenv("GOMP_SPINCOUNT", "1000", 1)) {
		self[length] = '\0';
		execv(self, argv);
	}
	/* Where that is impossible, slower it is. */
}
