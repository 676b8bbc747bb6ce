/* file.c: whole files in and out. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"

#define TEMPORARY ".tmp" /* and six letters, behind the name of what the file is to be */

static int fail_errno(const char *verb, const char *path)
{
	int status = errno == ENOENT ? PB_E_NOTFOUND : PB_E_IO;
	return pb_fail(status, "cannot %s %s: %s", verb, path, strerror(errno));
}

static int read_all(int fd, const char *path, void *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = read(fd, (char *)data + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno("read", path);
		if (n == 0)
			return pb_fail(PB_E_IO, "cannot read %s: it shrank while being read", path);
		done += (size_t)n;
	}
	return 0;
}

static struct pb_file_stamp stamp_of(const struct stat *st)
{
	return (struct pb_file_stamp){.device = (uint64_t)st->st_dev, .inode = (uint64_t)st->st_ino,
				      .size = (uint64_t)st->st_size, .seconds = st->st_mtim.tv_sec,
				      .nanoseconds = st->st_mtim.tv_nsec};
}

struct pb_file_stamp pb_file_stamp(const char *path)
{
	struct stat st;
	return stat(path, &st) < 0 ? (struct pb_file_stamp){0} : stamp_of(&st);
}

static bool is_same(const struct pb_file_stamp *a, const struct pb_file_stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size && a->seconds == b->seconds &&
	       a->nanoseconds == b->nanoseconds;
}

int pb_file_check_stamp(const char *path, const struct pb_file_stamp *stamp, const char *since)
{
	const struct pb_file_stamp now = pb_file_stamp(path);
	return is_same(&now, stamp) ? 0 : pb_fail(PB_E_IO, "%s is not the file any more that it was %s", path, since);
}

static int check_unchanged(int fd, const char *path, const struct stat *before)
{
	struct stat st;
	const struct pb_file_stamp then = stamp_of(before);
	const struct pb_file_stamp now = fstat(fd, &st) < 0 ? (struct pb_file_stamp){0} : stamp_of(&st);
	return is_same(&now, &then) ? 0 : pb_fail(PB_E_IO, "cannot read %s: it changed while being read", path);
}

static int read_file(const char *path, size_t offset, bool grows, size_t max_size, void **ret_data, size_t *ret_size)
{
	/* Without waiting for a writer, should it be a pipe. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fail_errno("open", path);
	struct stat st;
	int rc;
	char *data = NULL;
	size_t size = 0;
	if (fstat(fd, &st) < 0) {
		rc = fail_errno("examine", path);
	} else if (!S_ISREG(st.st_mode)) {
		rc = pb_fail(PB_E_FORMAT,
		             S_ISDIR(st.st_mode) ? "%s is a folder, not a file" : "%s is not a regular file", path);
	} else if ((uint64_t)st.st_size > max_size) {
		rc = pb_fail(PB_E_FORMAT, "%s has %lld bytes; at most %zu are read", path, (long long)st.st_size,
		             max_size);
	} else {
		size = (size_t)st.st_size > offset ? (size_t)st.st_size - offset : 0;
		data = malloc(size + 1);
		rc = data ? 0 : pb_fail_nomem(size, path);
		if (!rc && lseek(fd, (off_t)offset, SEEK_SET) < 0)
			rc = fail_errno("read", path);
		if (!rc)
			rc = read_all(fd, path, data, size);
		if (!rc && !grows)
			rc = check_unchanged(fd, path, &st);
	}
	close(fd);
	if (rc < 0) {
		free(data);
		return rc;
	}
	data[size] = '\0';
	*ret_data = data;
	*ret_size = size;
	return 0;
}

int pb_file_read(const char *path, size_t max_size, void **ret_data, size_t *ret_size)
{
	return read_file(path, 0, false, max_size, ret_data, ret_size);
}

int pb_file_read_from(const char *path, size_t offset, size_t max_size, void **ret_data, size_t *ret_size)
{
	return read_file(path, offset, true, max_size, ret_data, ret_size);
}

static int write_all(int fd, const char *path, const char *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, data + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno("write", path);
		done += (size_t)n;
	}
	return fsync(fd) < 0 ? fail_errno("write", path) : 0;
}

int pb_file_open_plain(const char *path, int flags)
{
	struct stat st;
	/* Without waiting for a reader or writer, should it be a pipe. */
	int fd = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0666);
	const int why = errno;
	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	if (fd >= 0)
		close(fd);
	if (fd >= 0 || why == ELOOP || why == ENXIO)
		return pb_fail(PB_E_USAGE, "cannot use %s: it is no plain file, but a link, pipe or device", path);
	errno = why;
	return fail_errno("open", path);
}

/* A rename is only durable once its folder is. Some file systems refuse to sync a folder; that loses nothing. */
static void sync_folder(const char *path)
{
	char *folder = strdup(path), *slash = folder ? strrchr(folder, '/') : NULL;
	if (slash)
		*slash = '\0';
	int fd = folder ? open(slash ? (*folder ? folder : "/") : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(folder);
}

/* As mkstemp, but with the permissions that the user gives new files. `name` ends with six letters to be replaced. */
static int create_new(char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned char random[6];
	int fd = -1;
	do {
		if (getrandom(random, sizeof random, 0) != sizeof random)
			return -1;
		for (size_t i = 0, length = strlen(name); i < sizeof random; i++)
			name[length - sizeof random + i] = letters[random[i] % 32];
		fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	} while (fd < 0 && errno == EEXIST);
	return fd;
}

/* The rename would put a file in the place of a device or a pipe. */
static int check_replaceable(const char *path)
{
	struct stat st;
	if (lstat(path, &st) < 0 || S_ISREG(st.st_mode) || S_ISLNK(st.st_mode) || S_ISDIR(st.st_mode))
		return 0;
	return pb_fail(PB_E_USAGE, "cannot write %s: it is no plain file, but a pipe or device", path);
}

int pb_file_write(const char *path, const void *data, size_t size)
{
	int rc = check_replaceable(path);
	if (rc)
		return rc;
	size_t length = strlen(path) + 16;
	char *temporary = malloc(length);
	if (!temporary)
		return pb_fail_nomem(length, path);
	snprintf(temporary, length, "%s" TEMPORARY "XXXXXX", path);
	int fd = create_new(temporary);
	if (fd < 0) {
		rc = fail_errno("create", path);
		free(temporary);
		return rc;
	}
	rc = write_all(fd, path, data, size);
	if (close(fd) < 0 && !rc)
		rc = fail_errno("write", path);
	if (!rc && rename(temporary, path) < 0)
		rc = fail_errno("rename to", path);
	if (rc < 0)
		unlink(temporary);
	else
		sync_folder(path);
	free(temporary);
	return rc;
}

static int clear_unfinished(const char *path, const struct stat *status, int kind, struct FTW *at)
{
	const size_t length = strlen(path), mark = sizeof TEMPORARY - 1;
	(void)status;
	(void)at;
	if (kind == FTW_F && length > mark + 6 && !memcmp(path + length - 6 - mark, TEMPORARY, mark) && unlink(path) < 0 &&
	    errno != ENOENT)
		return fail_errno("remove", path);
	return 0;
}

enum { MOST_OPEN = 8 }; /* folders that a walk holds open at once */

int pb_file_clear_unfinished(const char *dir)
{
	int rc = nftw(dir, clear_unfinished, MOST_OPEN, FTW_PHYS);
	return rc == -1 ? fail_errno("read", dir) : rc;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
	(void)status;
	(void)kind;
	(void)at;
	return remove(path) < 0 && errno != ENOENT ? fail_errno("remove", path) : 0;
}

int pb_file_remove_tree(const char *dir)
{
	int rc = nftw(dir, remove_one, MOST_OPEN, FTW_PHYS | FTW_DEPTH);
	if (rc == -1 && errno == ENOENT && access(dir, F_OK) < 0)
		return 0;
	return rc == -1 ? fail_errno("remove", dir) : rc;
}

int pb_file_make_dir(const char *path)
{
	char *copy = strdup(path);
	if (!copy)
		return pb_fail_nomem(strlen(path), path);
	int rc = 0;
	for (char *c = copy + (*copy == '/');; c++) {
		if (*c && *c != '/')
			continue;
		char held = *c;
		*c = '\0';
		if (*copy && mkdir(copy, 0777) < 0 && errno != EEXIST) {
			rc = fail_errno("make the folder", copy);
			break;
		}
		*c = held;
		if (!held)
			break;
	}
	free(copy);
	struct stat st;
	if (!rc && (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)))
		rc = pb_fail(PB_E_IO, "%s is not a folder", path);
	return rc;
}

char *pb_file_join(const char *dir, const char *name)
{
	int absolute = name[0] == '/' || !dir || !*dir;
	size_t size = (absolute ? 0 : strlen(dir) + 1) + strlen(name) + 1;
	char *path = malloc(size);
	if (!path)
		pb_fail_nomem(size, name);
	else if (absolute)
		snprintf(path, size, "%s", name);
	else
		snprintf(path, size, "%s/%s", dir, name);
	return path;
}
