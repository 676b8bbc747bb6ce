/* command.h: runs the patchbay binary as a user would. */
#ifndef PB_TESTS_CLI_COMMAND_H
#define PB_TESTS_CLI_COMMAND_H

#include <stdbool.h>
#include <sys/types.h>

struct outcome {
	int code;        /* exit code; 128 + the signal's number if one ended it */
	char *out, *err; /* all it wrote; valid until the next run */
};

/* The binary of this build. */
const char *command_path(void);
/* Starts `patchbay WORDS...` in `folder` (NULL: here); argv without the program's name, ended by NULL. Plugins are
 * looked for in `plugins` (NULL: only where they are anyway, and no user has any). */
pid_t command_start(const char *folder, const char *plugins, const char *const *argv);
struct outcome command_wait(pid_t pid);
struct outcome command_run(const char *folder, const char *const *argv);

#define RUN(...) command_run(NULL, (const char *const[]){__VA_ARGS__, NULL})

/* Is `part` in the text? Fails with both if not. */
void check_says(const char *text, const char *part);
void check_says_not(const char *text, const char *part);
/* Is there nothing but text and line breaks? */
void check_plain(const char *text);
/* A file below the test's folder; the text stays valid for the next 63 calls. */
const char *scratch(const char *name);
/* A whole file; the text is the caller's. */
char *read_text(const char *path);
bool exists(const char *path);

#endif
