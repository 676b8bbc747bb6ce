/* child.c: fork, a pipe for the result, a file for what it says, and a limit. */
#include "conform/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/status.h"

struct result {
	int rc;
	char text[4096];
};

static void run_child(pb_child_test *test, void *argument, int pipe_end, int said)
{
	struct result result = {0};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	dup2(said, STDERR_FILENO);
	result.rc = test(argument);
	if (result.rc)
		snprintf(result.text, sizeof result.text, "%s", pb_error_text());
	fflush(NULL);
	ssize_t written = write(pipe_end, &result, sizeof result);
	_exit(written == (ssize_t)sizeof result ? 0 : 1);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Bytes of the result that came until the child ended or the time was over. */
static size_t receive(int pipe_end, double seconds, struct result *result, bool *ret_late)
{
	double end = now() + seconds;
	size_t got = 0;
	while (got < sizeof *result) {
		double left = end - now();
		struct pollfd p = {.fd = pipe_end, .events = POLLIN};
		int ready = poll(&p, 1, seconds > 0 ? (left > 0 ? (int)(left * 1000) + 1 : 0) : -1);
		if (ready < 0 && errno == EINTR)
			continue;
		*ret_late = ready == 0;
		ssize_t n = ready > 0 ? read(pipe_end, (char *)result + got, sizeof *result - got) : 0;
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	return got;
}

/* What the child wrote to stderr, cut short. */
static size_t read_said(int said, char *text, size_t size)
{
	ssize_t n = pread(said, text, size - 1, 0);
	size_t length = n > 0 ? (size_t)n : 0;
	while (length && text[length - 1] == '\n')
		length--;
	text[length] = '\0';
	return length;
}

static int judge(int status, bool late, double seconds, const char *said)
{
	const char *reason = said + strspn(said, "\n");
	if (late)
		return pb_fail(PB_E_PLUGIN, "took longer than %g s in all and was ended", seconds);
	if (WIFSIGNALED(status))
		return pb_fail(PB_E_PLUGIN, "the process crashed: SIG%s%s%s", sigabbrev_np(WTERMSIG(status)),
			       *reason ? ": " : "", reason);
	return pb_fail(PB_E_PLUGIN, "the process ended with exit code %d%s%s", WEXITSTATUS(status),
		       *reason ? ": " : "", reason);
}

static int parent(pid_t pid, int pipe_end, int said, double seconds)
{
	struct result result;
	bool late = false;
	int status = 0;
	char text[2048];
	size_t got = receive(pipe_end, seconds, &result, &late);
	if (got < sizeof result)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	size_t length = read_said(said, text, sizeof text);
	if (got < sizeof result)
		return judge(status, late, seconds, text);
	if (length)
		fprintf(stderr, "%s\n", text);
	if (result.rc)
		pb_fail(PB_E_PLUGIN, "%s", result.text);
	return result.rc;
}

int pb_child_run(pb_child_test *test, void *argument, double seconds)
{
	int ends[2] = {-1, -1}, said = memfd_create("patchbay said", MFD_CLOEXEC), rc;
	fflush(NULL);
	pid_t pid = said < 0 || pipe(ends) < 0 ? -1 : fork();
	if (!pid) {
		close(ends[0]);
		run_child(test, argument, ends[1], said);
	}
	if (pid < 0)
		rc = pb_fail(PB_E_IO, "cannot start a process for a test: %s", strerror(errno));
	if (ends[1] >= 0)
		close(ends[1]);
	if (pid > 0)
		rc = parent(pid, ends[0], said, seconds);
	if (ends[0] >= 0)
		close(ends[0]);
	if (said >= 0)
		close(said);
	return rc;
}
