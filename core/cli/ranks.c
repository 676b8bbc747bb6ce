/* ranks.c: shares of a machine. */
#include "cli/ranks.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int pb_cli_threads_of_rank(const struct pb_team *team)
{
	cpu_set_t mine;
	const long cores = sysconf(_SC_NPROCESSORS_ONLN);
	if (team->local_size < 2 || sched_getaffinity(0, sizeof mine, &mine) || CPU_COUNT(&mine) < cores)
		return 0;
	return cores > team->local_size ? (int)(cores / team->local_size) : 1;
}

static int count_gpus(void)
{
	char path[32];
	int n = 0;
	do
		snprintf(path, sizeof path, "/dev/nvidia%d", n);
	while (!access(path, F_OK) && ++n < 64);
	return n;
}

void pb_cli_place_rank(const struct pb_team *team)
{
	char index[16];
	const int n = team->size > 1 && !getenv("CUDA_VISIBLE_DEVICES") ? count_gpus() : 0;
	snprintf(index, sizeof index, "%d", n ? team->local_rank % n : 0);
	if (n > 1)
		setenv("CUDA_VISIBLE_DEVICES", index, 0);
}
