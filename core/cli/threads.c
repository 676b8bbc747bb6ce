/* threads.c: settles waiting and places of threads before the OpenMP runtime has read its environment. */
#include "cli/threads.h"

#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exp/team.h"
#include "tensor/tensor.h"

/* The last value of an option; NULL without it. */
static const char *option_of(char **argv, const char *option)
{
	const char *value = NULL;
	const size_t length = strlen(option);
	for (; *argv; argv++)
		if (!strcmp(*argv, option) && argv[1])
			value = argv[1];
		else if (!strncmp(*argv, option, length) && (*argv)[length] == '=')
			value = *argv + length + 1;
	return value;
}

/* Without --threads, and where options.c will refuse it, all cores compute. */
static bool takes_every_core(char **argv)
{
	cpu_set_t mine;
	const char *value = option_of(argv, "--threads");
	if (sched_getaffinity(0, sizeof mine, &mine))
		return false;
	long threads = value ? strtol(value, NULL, 10) : 0, cores = CPU_COUNT(&mine);
	return cores > 1 && (!threads || threads == cores);
}

/* Beside a GPU this thread and those of the driver, which inherit its place, would share a core. */
static bool may_take_gpu(char **argv)
{
	const char *device = option_of(argv, "--device");
	return pb_device_may_be_gpu(device ? device : "auto");
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
	const bool wait = may_wait() && may_bind();
	const bool bind = may_bind() && team.size < 2 && takes_every_core(argv) && !may_take_gpu(argv);
	ssize_t length = wait || bind ? readlink("/proc/self/exe", self, sizeof self - 1) : 0;
	if (length <= 0 || (wait && setenv("GOMP_SPINCOUNT", "10000", 1)) || (bind && setenv("OMP_PROC_BIND", "true", 1)))
		return; /* slower it is */
	self[length] = '\0';
	execv(self, argv);
}
