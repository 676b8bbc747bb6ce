/* lock.h: locks on whole files that end with the process, whatever ends that; over network file systems too. */
#ifndef PB_BASE_LOCK_H
#define PB_BASE_LOCK_H

#include <stdbool.h>

/* An exclusive lock on an open file, until it is closed. 0; -1 with errno EAGAIN or EACCES: another holds it. */
int pb_lock_take(int fd);
void pb_lock_drop(int fd);
/* Does another hold the file's lock? A file that is not there is held by nobody. */
bool pb_lock_is_held(const char *path);

#endif
