/* ranks.c: shares of a machine. */
#include "cli/ranks.h"

#include <sched.h>
#include <unistd.h>

int pb_cli_threads_of_rank(const struct pb_team *team)
{
	cpu_set_t mine;
	const long cores = sysconf(_SC_NPROCESSORS_ONLN);
	if (team->local_size < 2 || sched_getaffinity(0, sizeof mine, &mine) || CPU_COUNT(&mine) < cores)
		return 0;
	return cores > team->local_size ? (int)(cores / team->local_size) : 1;
}

int pb_cli_turn_of_rank(const struct pb_team *team)
{
	return team->size > 1 ? team->local_rank : 0;
}
