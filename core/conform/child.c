/* child.c: fork, a pipe for the result, a file for what it says, and a limit. */
#include "conform/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/status.h"

/* What goes through the pipe: where the test is, any number of times, and then what it returned. */
struct message {
	bool last;
	int rc;
	char text[4096];
};

enum { LONGEST_WORDS = 1024 }; /* from the beginning of what a child said, and from its end */

static int told = -1; /* in the child: the pipe */

static bool send_message(const struct message *message)
{
	const char *at = (const char *)message;
	for (size_t sent = 0; sent < sizeof *message;) {
		ssize_t n = write(told, at + sent, sizeof *message - sent);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		sent += (size_t)n;
	}
	return true;
}

void pb_child_progress(const char *format, ...)
{
	struct message message = {0};
	va_list args;
	if (told < 0)
		return;
	va_start(args, format);
	vsnprintf(message.text, sizeof message.text, format, args);
	va_end(args);
	send_message(&message);
}

static void run_child(pb_child_test *test, void *argument, int pipe_end, int said)
{
	struct message result = {.last = true};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	dup2(said, STDOUT_FILENO); /* where results may be written as JSON */
	dup2(said, STDERR_FILENO);
	setenv("LIBC_FATAL_STDERR_", "1", 1); /* its last words go there, and not to the terminal */
	told = pipe_end;
	result.rc = test(argument);
	if (result.rc)
		snprintf(result.text, sizeof result.text, "%s", pb_error_text());
	fflush(NULL);
	_exit(send_message(&result) ? 0 : 1);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* One message, if it comes whole before the child ends and before the time is over. */
static bool receive(int pipe_end, double end, struct message *message, bool *ret_late)
{
	size_t got = 0;
	while (got < sizeof *message) {
		double left = end - now();
		struct pollfd p = {.fd = pipe_end, .events = POLLIN};
		int ready = poll(&p, 1, end > 0 ? (left > 0 ? (int)(left * 1000) + 1 : 0) : -1);
		if (ready < 0 && errno == EINTR)
			continue;
		*ret_late = ready == 0;
		ssize_t n = ready > 0 ? read(pipe_end, (char *)message + got, sizeof *message - got) : 0;
		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	return true;
}

/* What the child wrote, without what is in the middle of too much. */
static void read_said(int said, char text[2 * LONGEST_WORDS + 8])
{
	off_t size = lseek(said, 0, SEEK_END);
	ssize_t n = pread(said, text, size > 2 * LONGEST_WORDS ? LONGEST_WORDS : 2 * LONGEST_WORDS, 0);
	size_t length = n > 0 ? (size_t)n : 0;
	if (size > 2 * LONGEST_WORDS) {
		length += (size_t)sprintf(text + length, "\n...\n");
		n = pread(said, text + length, LONGEST_WORDS, size - LONGEST_WORDS);
		length += n > 0 ? (size_t)n : 0;
	}
	while (length && text[length - 1] == '\n')
		length--;
	text[length] = '\0';
}

/* Of a process that gave no result. */
static int judge(int status, bool late, double seconds, const char *where, const char *said)
{
	const char *reason = said + strspn(said, "\n"), *colon = *reason ? ": " : "", *comma = *where ? ": " : "";
	if (late)
		return pb_fail(PB_E_PLUGIN, "%s%stook longer than %g s in all and was ended%s%s", where, comma,
			       seconds, colon, reason);
	if (WIFSIGNALED(status))
		return pb_fail(PB_E_PLUGIN, "%s%sthe process crashed: SIG%s%s%s", where, comma,
			       sigabbrev_np(WTERMSIG(status)), colon, reason);
	return pb_fail(PB_E_PLUGIN, "%s%sthe process ended with exit code %d%s%s", where, comma, WEXITSTATUS(status),
		       colon, reason);
}

static int parent(pid_t pid, int pipe_end, int said, double seconds)
{
	struct message result = {0};
	bool late = false, came;
	int status = 0;
	char where[sizeof result.text] = "", text[2 * LONGEST_WORDS + 8];
	double end = seconds > 0 ? now() + seconds : 0;
	while ((came = receive(pipe_end, end, &result, &late)) && !result.last)
		memcpy(where, result.text, sizeof where);
	if (!came)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	read_said(said, text);
	if (!came)
		return judge(status, late, seconds, where, text);
	if (*text && result.rc >= 0)
		fprintf(stderr, "%s\n", text);
	if (result.rc)
		pb_fail(PB_E_PLUGIN, "%s%s%s", result.text, *text && result.rc < 0 ? "\nits words: " : "",
			result.rc < 0 ? text : "");
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
