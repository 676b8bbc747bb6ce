/* command.c: a child process with its output in files. */
#include "cli/command.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/status.h"
#include "support/support.h"

enum { MAX_WORDS = 32 };

const char *command_path(void)
{
	static char path[4096];
	snprintf(path, sizeof path, "%s/core/patchbay", getenv("PATCHBAY_BUILD"));
	return path;
}

const char *scratch(const char *name)
{
	static char paths[64][4096];
	static int next;
	char *path = paths[next++ % 64];
	snprintf(path, sizeof paths[0], "%s/%s", pb_test_dir(), name);
	return path;
}

char *read_text(const char *path)
{
	void *data;
	size_t size;
	ck_assert_ok(pb_file_read(path, 1 << 26, &data, &size));
	return data;
}

bool exists(const char *path)
{
	return !access(path, F_OK);
}

/* Not from the ring: each run would take places in it. */
static const char *output_path(const char *name)
{
	static char out[4096], err[4096];
	char *path = strcmp(name, "stdout") ? err : out;
	snprintf(path, sizeof out, "%s/%s", pb_test_dir(), name);
	return path;
}

static void redirect(const char *path, int to)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || dup2(fd, to) < 0)
		_exit(99);
	close(fd);
}

pid_t command_start(const char *folder, const char *plugins, const char *const *argv)
{
	const char *words[MAX_WORDS + 2] = {command_path()};
	const char *out = output_path("stdout"), *err = output_path("stderr");
	for (int i = 0; argv[i]; i++) {
		ck_assert_int_lt(i, MAX_WORDS);
		words[i + 1] = argv[i];
	}
	fflush(NULL);
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid)
		return pid;
	/* A test that fails while it waits must not leave an endless run behind. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	redirect(out, 1);
	redirect(err, 2);
	setenv("XDG_DATA_HOME", "/nowhere", 1);
	if (plugins)
		setenv("PATCHBAY_PLUGIN_PATH", plugins, 1);
	else
		unsetenv("PATCHBAY_PLUGIN_PATH");
	if (folder && chdir(folder))
		_exit(98);
	execv(words[0], (char *const *)words);
	_exit(97);
}

struct outcome command_wait(pid_t pid)
{
	static char *out, *err;
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	free(out);
	free(err);
	out = read_text(output_path("stdout"));
	err = read_text(output_path("stderr"));
	return (struct outcome){WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), out, err};
}

struct outcome command_run(const char *folder, const char *const *argv)
{
	return command_wait(command_start(folder, NULL, argv));
}

void check_says(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in:\n%.2000s", part, text);
}

void check_says_not(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) == NULL, "\"%s\" in:\n%.2000s", part, text);
}

void check_plain(const char *text)
{
	for (const char *c = text; *c; c++)
		ck_assert_msg(*c == '\n' || (unsigned char)*c >= ' ', "byte %02x in:\n%.200s", (unsigned char)*c, c);
}
