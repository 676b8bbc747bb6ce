/* test_file.c: files whole or not at all; what is refused. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/status.h"
#include "support/support.h"

static struct pb_arena arena;

static char *path_of(const char *name)
{
	return pb_arena_printf(&arena, "%s/%s", pb_test_dir(), name);
}

static void teardown(void)
{
	pb_arena_finish(&arena);
}

static size_t count_entries(const char *folder)
{
	DIR *dir = opendir(folder);
	size_t count = 0;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

START_TEST(bytes_come_back_with_a_nul_behind)
{
	static const char bytes[] = {'a', 0, '\n', (char)0xff, 'z'};
	char *path = path_of("bytes"), *data;
	size_t size;
	ck_assert_ok(pb_file_write(path, bytes, sizeof bytes));
	ck_assert_ok(pb_file_read(path, sizeof bytes, (void **)&data, &size));
	ck_assert_uint_eq(size, sizeof bytes);
	ck_assert_mem_eq(data, bytes, size);
	ck_assert_int_eq(data[size], '\0');
	free(data);
	ck_assert_ok(pb_file_write(path, NULL, 0));
	ck_assert_ok(pb_file_read(path, 0, (void **)&data, &size));
	ck_assert_uint_eq(size, 0);
	ck_assert_str_eq(data, "");
	free(data);
}
END_TEST

START_TEST(write_replaces_whole_and_leaves_nothing_beside)
{
	char *folder = path_of("folder"), *path = path_of("folder/file");
	void *data;
	size_t size;
	ck_assert_ok(pb_file_make_dir(folder));
	ck_assert_ok(pb_file_write(path, "the old text, which is longer", 29));
	/* A reader that has the old file open keeps the old file: the new one is another. */
	FILE *open_before = fopen(path, "r");
	ck_assert_ok(pb_file_write(path, "new", 3));
	char old[64] = "";
	ck_assert_uint_eq(fread(old, 1, sizeof old - 1, open_before), 29);
	fclose(open_before);
	ck_assert_ok(pb_file_read(path, 100, &data, &size));
	ck_assert_str_eq(data, "new");
	free(data);
	ck_assert_uint_eq(count_entries(folder), 3);
	/* Who keeps their files to themselves gets such files. */
	struct stat st;
	const mode_t mask = umask(022);
	ck_assert_ok(pb_file_write(path, "open", 4));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0644);
	umask(077);
	ck_assert_ok(pb_file_write(path, "private", 7));
	umask(mask);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(failed_write_leaves_the_old_and_nothing_beside)
{
	char *folder = path_of("blocked"), *path = path_of("blocked/taken");
	ck_assert_ok(pb_file_make_dir(path));
	ck_assert_int_eq(pb_file_write(path, "x", 1), -PB_E_IO);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), path));
	ck_assert_uint_eq(count_entries(folder), 3);
	ck_assert_int_eq(pb_file_write(path_of("no/such/folder"), "x", 1), -PB_E_NOTFOUND);
}
END_TEST

START_TEST(write_leaves_pipes_and_devices)
{
	struct stat status;
	char *path = path_of("a pipe");
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(pb_file_write(path, "x", 1), -PB_E_USAGE);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), path));
	ck_assert(!lstat(path, &status) && S_ISFIFO(status.st_mode));
}
END_TEST

START_TEST(what_killed_writers_left_is_removed)
{
	static const char *const names[] = {"half/a.csv.tmpAb3dEf", "half/below/b.tmp012345"};
	static const char *const kept[] = {"half/a.csv", "half/below/c.tmp", "half/below/tmp123456", "half/d.tmp1234567"};
	ck_assert_ok(pb_file_make_dir(path_of("half/below")));
	for (size_t i = 0; i < 2; i++)
		ck_assert_ok(pb_file_write(path_of(names[i]), "x", 1));
	for (size_t i = 0; i < 4; i++)
		ck_assert_ok(pb_file_write(path_of(kept[i]), "x", 1));
	ck_assert_ok(pb_file_clear_unfinished(path_of("half")));
	for (size_t i = 0; i < 2; i++)
		ck_assert(access(path_of(names[i]), F_OK) != 0);
	for (size_t i = 0; i < 4; i++)
		ck_assert(access(path_of(kept[i]), F_OK) == 0);
	ck_assert_int_ne(pb_file_clear_unfinished(path_of("nowhere")), 0);
}
END_TEST

START_TEST(read_refuses_what_is_no_plain_file)
{
	void *data = &arena;
	size_t size = 42;
	char *pipe_path = path_of("pipe");
	ck_assert_int_eq(pb_file_read(path_of("absent"), 10, &data, &size), -PB_E_NOTFOUND);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "absent"));
	ck_assert_int_eq(pb_file_read(pb_test_dir(), 10, &data, &size), -PB_E_FORMAT);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "is a folder"));
	ck_assert_int_eq(pb_file_read("/dev/zero", 10, &data, &size), -PB_E_FORMAT);
	/* Must not wait for somebody to write into it. */
	ck_assert_int_eq(mkfifo(pipe_path, 0600), 0);
	alarm(10);
	ck_assert_int_eq(pb_file_read(pipe_path, 10, &data, &size), -PB_E_FORMAT);
	alarm(0);
	ck_assert_ptr_eq(data, &arena);
	ck_assert_uint_eq(size, 42);
}
END_TEST

START_TEST(read_refuses_what_is_too_large)
{
	void *data = NULL;
	size_t size = 42;
	char *path = path_of("large");
	ck_assert_ok(pb_file_write(path, "12345", 5));
	ck_assert_int_eq(pb_file_read(path, 4, &data, &size), -PB_E_FORMAT);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "5 bytes"));
	ck_assert_ptr_null(data);
	ck_assert_ok(pb_file_read(path, 5, &data, &size));
	free(data);
}
END_TEST

START_TEST(make_dir_makes_parents_and_takes_what_is_there)
{
	struct stat st;
	char *path = path_of("a/b//c/");
	ck_assert_ok(pb_file_make_dir(path));
	ck_assert_ok(pb_file_make_dir(path));
	ck_assert_int_eq(stat(path_of("a/b/c"), &st), 0);
	ck_assert(S_ISDIR(st.st_mode));
	ck_assert_ok(pb_file_make_dir("/"));
	ck_assert_ok(pb_file_write(path_of("a/file"), "", 0));
	ck_assert_int_lt(pb_file_make_dir(path_of("a/file")), 0);
	ck_assert_int_lt(pb_file_make_dir(path_of("a/file/below")), 0);
	ck_assert_int_lt(pb_file_make_dir(""), 0);
}
END_TEST

static const struct {
	const char *dir, *name, *joined;
} joins[] = {
        {"a", "b", "a/b"}, {"a/", "/b", "/b"}, {"", "b", "b"}, {NULL, "b", "b"}, {".", "b/c", "./b/c"},
};

START_TEST(join_respects_absolute_names)
{
	char *joined = pb_file_join(joins[_i].dir, joins[_i].name);
	ck_assert_str_eq(joined, joins[_i].joined);
	free(joined);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("file");
	TCase *tests = tcase_create("file");
	tcase_add_checked_fixture(tests, NULL, teardown);
	tcase_add_test(tests, bytes_come_back_with_a_nul_behind);
	tcase_add_test(tests, write_replaces_whole_and_leaves_nothing_beside);
	tcase_add_test(tests, failed_write_leaves_the_old_and_nothing_beside);
	tcase_add_test(tests, write_leaves_pipes_and_devices);
	tcase_add_test(tests, what_killed_writers_left_is_removed);
	tcase_add_test(tests, read_refuses_what_is_no_plain_file);
	tcase_add_test(tests, read_refuses_what_is_too_large);
	tcase_add_test(tests, make_dir_makes_parents_and_takes_what_is_there);
	tcase_add_loop_test(tests, join_respects_absolute_names, 0, sizeof joins / sizeof *joins);
	suite_add_tcase(suite, tests);
	return pb_test_run(suite, NULL);
}
