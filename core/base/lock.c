/* lock.c: locks of open file descriptions, which nobody loses by closing another descriptor. */
#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int pb_lock_take(int fd, bool wait)
{
	int rc;
	do {
		struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		rc = fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &all);
	} while (rc < 0 && errno == EINTR);
	return rc;
}

void pb_lock_drop(int fd)
{
	struct flock all = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
	fcntl(fd, F_OFD_SETLK, &all);
}

bool pb_lock_is_held(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fd < 0)
		return false;
	bool held = !fcntl(fd, F_OFD_GETLK, &all) && all.l_type != F_UNLCK;
	close(fd);
	return held;
}
