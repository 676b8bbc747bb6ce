/* test_changed.c: files that somebody changes while they are read. The linker puts the functions below in front of what reads,
 * and at the n-th call the file is changed, for every n and in every way: what comes out must be an error that names it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "base/file.h"
#include "base/status.h"
#include "ckpt/ckpt.h"
#include "ckpt/make.h"
#include "support/support.h"

static char path[512];
static int calls, change_at; /* 0: never */
static enum { TRUNCATED, HALVED, OVERWRITTEN, LONGER, REPLACED, REMOVED, WAYS } way;

static void change(void)
{
	char other[600];
	struct stat st;
	if (++calls != change_at)
		return;
	ck_assert_int_eq(stat(path, &st), 0);
	snprintf(other, sizeof other, "%s.other", path);
	int fd = open(way == REPLACED ? other : path, O_WRONLY | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	switch (way) {
	case TRUNCATED: ck_assert_int_eq(ftruncate(fd, 0), 0); break;
	case HALVED: ck_assert_int_eq(ftruncate(fd, st.st_size / 2), 0); break;
	case OVERWRITTEN: ck_assert_int_eq(pwrite(fd, "x", 1, st.st_size - 1), 1); break;
	case LONGER: ck_assert_int_eq(pwrite(fd, "x", 1, st.st_size), 1); break;
	case REPLACED:
		ck_assert_int_eq(ftruncate(fd, st.st_size), 0);
		ck_assert_int_eq(rename(other, path), 0);
		break;
	case REMOVED: ck_assert_int_eq(unlink(path), 0); break;
	default: abort();
	}
	close(fd);
}

ssize_t __real_read(int fd, void *data, size_t size);
ssize_t __wrap_read(int fd, void *data, size_t size);
ssize_t __wrap_read(int fd, void *data, size_t size)
{
	change();
	return __real_read(fd, data, size);
}

/* What pread is called where files may be large. */
ssize_t __real_pread64(int fd, void *data, size_t size, off_t offset);
ssize_t __wrap_pread64(int fd, void *data, size_t size, off_t offset);
ssize_t __wrap_pread64(int fd, void *data, size_t size, off_t offset)
{
	change();
	return __real_pread64(fd, data, size, offset);
}

zip_int64_t __real_zip_fread(zip_file_t *file, void *data, zip_uint64_t size);
zip_int64_t __wrap_zip_fread(zip_file_t *file, void *data, zip_uint64_t size);
zip_int64_t __wrap_zip_fread(zip_file_t *file, void *data, zip_uint64_t size)
{
	change();
	return __real_zip_fread(file, data, size);
}

static void write_at_last(const void *data, size_t size)
{
	overwrite(path, data, size);
	/* An hour ago, so that a change is one whatever the step of the file system's clock. */
	ck_assert_int_eq(utimensat(AT_FDCWD, path, (struct timespec[]){{1e9, 0}, {1e9, 0}}, 0), 0);
}

static int read_checkpoint(void)
{
	struct pb_ckpt ckpt;
	int rc = pb_ckpt_read(path, &ckpt);
	if (!rc)
		pb_ckpt_finish(&ckpt);
	return rc;
}

static int read_plain(void)
{
	void *data;
	size_t size;
	int rc = pb_file_read(path, 1 << 20, &data, &size);
	if (!rc)
		free(data);
	return rc;
}

static void check_all(const void *data, size_t size, int (*read_it)(void))
{
	write_at_last(data, size);
	calls = change_at = 0;
	ck_assert_ok(read_it());
	const int n = calls;
	ck_assert_int_gt(n, 0);
	for (way = 0; way < WAYS; way++) {
		/* Who reads from an open file alone has it whole, whatever the name means by then. */
		if (read_it == read_plain && (way == REPLACED || way == REMOVED))
			continue;
		for (int at = 1; at <= n; at++) {
			write_at_last(data, size);
			calls = 0;
			change_at = at;
			pb_error_clear();
			ck_assert_msg(read_it() < 0, "change %d at call %d of %d went unnoticed", (int)way, at, n);
			ck_assert_msg(strstr(pb_error_text(), path) != NULL, "change %d at call %d of %d: %s", (int)way, at, n,
				      pb_error_text());
		}
	}
}

static const struct {
	const char *file;
	int (*read)(void);
} cases[] = {
	{"small.safetensors", read_checkpoint}, {"small.npz", read_checkpoint}, {"protocol_2.pt", read_checkpoint},
	{"legacy.pt", read_checkpoint},         {"small.npz", read_plain},
};

START_TEST(changed)
{
	char relative[64];
	void *data;
	size_t size;
	snprintf(relative, sizeof relative, "../../ckpt/data/%s", cases[_i].file);
	change_at = 0;
	ck_assert_ok(pb_file_read(pb_test_golden(relative), 1 << 20, &data, &size));
	snprintf(path, sizeof path, "%s/%s", pb_test_dir(), cases[_i].file);
	check_all(data, size, cases[_i].read);
	free(data);
}
END_TEST

/* What is appended to while it is read: as much as there was. */
START_TEST(growing)
{
	void *data;
	size_t size;
	snprintf(path, sizeof path, "%s/growing", pb_test_dir());
	write_at_last("0123456789", 10);
	calls = 0;
	change_at = 1;
	way = LONGER;
	ck_assert_ok(pb_file_read_from(path, 4, 1 << 20, &data, &size));
	ck_assert_uint_eq(size, 6);
	ck_assert(!memcmp(data, "456789", 6));
	free(data);
	ck_assert_ok(pb_file_read_from(path, 100, 1 << 20, &data, &size));
	ck_assert_uint_eq(size, 0);
	free(data);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("changed");
	TCase *tcase = tcase_create("changed");
	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, changed, 0, sizeof cases / sizeof *cases);
	tcase_add_test(tcase, growing);
	return pb_test_run(suite, NULL);
}
