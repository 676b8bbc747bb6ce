/* lock.c: locks of open file descriptions, which nobody loses by closing another descriptor. */
#include "base/lock.h"

#include <fcntl.h>
#include <unistd.h>

int pb_lock_take(int fd)
{
	struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	return fcntl(fd, F_OFD_SETLK, &all);
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
