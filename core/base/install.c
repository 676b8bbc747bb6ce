/* install.c: tells a built program from an installed one by its own path. */
#include "base/install.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"

enum { MOST_PATH = 4096 };

/* Its length; 0: unknown, or too long. */
static size_t own_path(char *ret_path)
{
	ssize_t length = readlink("/proc/self/exe", ret_path, MOST_PATH - 1);
	ret_path[length > 0 ? length : 0] = '\0';
	return length > 0 ? (size_t)length : 0;
}

bool pb_in_build_tree(void)
{
	static const char root[] = PB_BUILD_DIR "/";
	char exe[MOST_PATH];
	return own_path(exe) > sizeof root - 1 && !memcmp(exe, root, sizeof root - 1);
}

char *pb_installed_path(const char *configured)
{
	static const char prefix[] = PB_PREFIX "/", program[] = "/" PB_BIN_DIR "/patchbay";
	char exe[MOST_PATH], *path = NULL;
	size_t length = own_path(exe), behind = sizeof program - 1;
	const char *below = configured;
	if (length >= behind && !strcmp(exe + length - behind, program) &&
	    !strncmp(configured, prefix, sizeof prefix - 1))
		below = configured + sizeof prefix - 2; /* from the slash on */
	length = below == configured ? 0 : length - behind;
	if (asprintf(&path, "%.*s%s", (int)length, exe, below) >= 0)
		return path;
	pb_fail_nomem(MOST_PATH, configured);
	return NULL;
}
