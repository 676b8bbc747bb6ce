/* file.h: whole files in and out. */
#ifndef PB_BASE_FILE_H
#define PB_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

/* Reads a whole file; *ret_data is the caller's, to be freed with free(), with a NUL behind its last byte.
 * Refuses anything but a regular file, anything larger than max_size, and one that somebody changes meanwhile. */
int pb_file_read(const char *path, size_t max_size, void **ret_data, size_t *ret_size);
/* The same of what is behind `offset`, of a file to which somebody may be appending: what there was at the beginning. */
int pb_file_read_from(const char *path, size_t offset, size_t max_size, void **ret_data, size_t *ret_size);

/* What tells one state of a file from another: changes within the clock's step of the file system may escape it. */
struct pb_file_stamp {
	uint64_t device, inode, size;
	int64_t seconds, nanoseconds; /* of the last change of its content */
};
/* Zeros where there is no such file. */
struct pb_file_stamp pb_file_stamp(const char *path);
/* 0, or an error that says that the file is not what it was `since`, such as "when the run began". */
int pb_file_check_stamp(const char *path, const struct pb_file_stamp *stamp, const char *since);
/* Makes the file appear whole or not at all: temporary name beside it, fsync, rename, fsync of the folder. */
int pb_file_write(const char *path, const void *data, size_t size);
/* open() of a file of one's own in a folder in which others may have put something in its place: a link, a pipe or a device is
 * refused. The descriptor, or an error: -PB_E_NOTFOUND where there is none. */
int pb_file_open_plain(const char *path, int flags);
/* Removes what writers that were killed left in a folder and in those below it: nobody may be writing there. */
int pb_file_clear_unfinished(const char *dir);
/* rm -rf, without following links. A folder that is not there is fine; one into which others write meanwhile is an error. */
int pb_file_remove_tree(const char *dir);
/* mkdir -p */
int pb_file_make_dir(const char *path);
/* dir + "/" + name, or name itself when it is absolute; the caller frees it. NULL: out of memory, recorded. */
char *pb_file_join(const char *dir, const char *name);

#endif
