/* threads.c: settles waiting and places of threads before the OpenMP runtime has read its environment. */
#include "cli/threads.h"

#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exp/team.h"

/* What --threads asks for; 0 (all cores) without it, and where options.c will refuse it. */
static long threads_of(char **argv)
{
	const char *value = NULL;
	for (; *argv; argv++)
		if (!strcmp(*argv, "--threads") && argv[1])
			value = argv[1];
		else if (!strncmp(*argv, "--threads=", 10))
			value = *argv + 10;
	return value ? strtol(value, NULL, 10) : 0;
}

static bool takes_every_core(char **argv)
{
	cpu_set_t mine;
	if (sched_getaffinity(0, sizeof mine, &mine))
		return false;
	long threads = threads_of(argv), cores = CPU_COUNT(&mine);
	return cores > 1 && (!threads || threads == cores);
}

static bool may_wait(void)
{
	return !getenv("GOMP_SPINCOUNT") && !getenv("OMP_WAIT_POLICY");
}

static bool may_bind(void)
{
	return !getenv("OMP_PROC_BIND") && !getenv("OMP_PLACES") && !getenv("GOMP_CPU_AFFINITY");
}

void pb_cli_prepare_threads(char **argv)
{
	char self[4096];
	/* With a binding of the user's this thread is bound already, and a process that it becomes would have its core only. */
	struct pb_team team;
	pb_team_find(&team); /* ranks would all be given the same cores */
	const bool wait = may_wait() && may_bind(), bind = may_bind() && team.size < 2 && takes_every_core(argv);
	ssize_t length = wait || bind ? readlink("/proc/self/exe", self, sizeof self - 1) : 0;
	if (length <= 0 || (wait && setenv("GOMP_SPINCOUNT", "10000", 1)) || (bind && setenv("OMP_PROC_BIND", "true", 1)))
		return; /* slower it is */
	self[length] = '\0';
	execv(self, argv);
}
