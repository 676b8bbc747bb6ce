/* install.c: tells a built program from an installed one by its own path. */
#include "base/install.h"

#include <string.h>
#include <unistd.h>

bool pb_in_build_tree(void)
{
	static const char root[] = PB_BUILD_DIR "/";
	char exe[4096];
	ssize_t length = readlink("/proc/self/exe", exe, sizeof exe - 1);
	return length > (ssize_t)sizeof root - 1 && !memcmp(exe, root, sizeof root - 1);
}
