/* test_threads.c: which cores the computing threads of a run stay on. */
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/folder.h"
#include "support/support.h"

enum { WAITING = 2 }; /* threads: for interrupts, and for calls that take too long */

static const char text[] = "model: {n_layers: 1, d_model: 256, n_heads: 2}\ndata: {plugin: oocl, mod: 30}\n"
			   "train:\n  - {name: short, split: X1, steps: 2, save: early}\n"
			   "  - {name: endless, split: X1, epochs: 100000000}\n";

/* A run that computes until it is stopped. */
static pid_t start(const char *out, const char *option)
{
	const char *file = write_experiment("experiment", text);
	pid_t pid = command_start(NULL, NULL,
				  (const char *const[]){"train", file, "-q", "--out", scratch(out), option, NULL});
	wait_for(in_run(out, "checkpoints/early.safetensors"));
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGINT);
	ck_assert_int_eq(command_wait(pid).code, 130);
}

/* The cores to which single threads of the process are bound; *ret_threads: all it has. */
static cpu_set_t bound_cores(pid_t pid, int *ret_threads)
{
	char path[64];
	cpu_set_t all;
	struct dirent *entry;
	CPU_ZERO(&all);
	*ret_threads = 0;
	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	DIR *tasks = opendir(path);
	ck_assert_ptr_nonnull(tasks);
	while ((entry = readdir(tasks))) {
		cpu_set_t one;
		if (entry->d_name[0] == '.' || sched_getaffinity(atoi(entry->d_name), sizeof one, &one))
			continue;
		++*ret_threads;
		if (CPU_COUNT(&one) == 1)
			CPU_OR(&all, &all, &one);
	}
	closedir(tasks);
	return all;
}

static cpu_set_t my_cores(void)
{
	cpu_set_t mine;
	ck_assert_int_eq(sched_getaffinity(0, sizeof mine, &mine), 0);
	return mine;
}

START_TEST(a_thread_for_every_core_stays_there)
{
	cpu_set_t mine = my_cores();
	char all[32];
	/* The OpenMP runtime learns there which cores are one place, and binds nothing without it (a bare chroot). */
	bool places = !access("/sys/devices/system/cpu/cpu0/topology", R_OK);
	if (CPU_COUNT(&mine) < 2 || !places)
		return;
	snprintf(all, sizeof all, "--threads=%d", CPU_COUNT(&mine));
	pid_t pid = start(_i ? "all" : "default", _i ? all : NULL);
	int threads;
	cpu_set_t used = bound_cores(pid, &threads);
	stop(pid);
	ck_assert_int_eq(CPU_EQUAL(&used, &mine), 1);
	ck_assert_int_eq(threads, CPU_COUNT(&mine) + WAITING);
}
END_TEST

START_TEST(fewer_threads_are_not_bound)
{
	cpu_set_t mine = my_cores();
	if (CPU_COUNT(&mine) < 2)
		return;
	pid_t pid = start("one", "--threads=1");
	int threads;
	cpu_set_t used = bound_cores(pid, &threads);
	stop(pid);
	ck_assert_int_eq(CPU_COUNT(&used), 0);
	ck_assert_int_eq(threads, 1 + WAITING);
}
END_TEST

START_TEST(a_choice_of_one_s_own_stays)
{
	cpu_set_t mine = my_cores();
	if (CPU_COUNT(&mine) < 2)
		return;
	setenv("OMP_PROC_BIND", "false", 1);
	pid_t pid = start("own", NULL);
	unsetenv("OMP_PROC_BIND");
	int threads;
	cpu_set_t used = bound_cores(pid, &threads);
	stop(pid);
	ck_assert_int_eq(CPU_COUNT(&used), 0);
}
END_TEST

/* The emulated one, where it was built. */
START_TEST(on_a_gpu_nothing_is_bound)
{
	char folder[4096], file[4200];
	cpu_set_t mine = my_cores();
	snprintf(folder, sizeof folder, "%s/kernels/cuda/emulation", getenv("PATCHBAY_BUILD"));
	snprintf(file, sizeof file, "%s/patchbay-cuda.so", folder);
	if (CPU_COUNT(&mine) < 2 || access(file, R_OK))
		return;
	setenv("PATCHBAY_BACKEND_PATH", folder, 1);
	setenv("PBK_EMULATION_SKIP", "1", 1);
	pid_t pid = start("gpu", "--device=cuda");
	int threads;
	cpu_set_t used = bound_cores(pid, &threads);
	stop(pid);
	ck_assert_int_eq(CPU_COUNT(&used), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("threads");
	TCase *tc = tcase_create("threads");
	tcase_add_loop_test(tc, a_thread_for_every_core_stays_there, 0, 2);
	tcase_add_test(tc, fewer_threads_are_not_bound);
	tcase_add_test(tc, a_choice_of_one_s_own_stays);
	tcase_add_test(tc, on_a_gpu_nothing_is_bound);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
