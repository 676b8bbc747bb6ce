/* folder.c: experiments to run, and what a run leaves in its folder. */
#include "cli/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/status.h"
#include "cli/command.h"
#include "support/support.h"

const char *write_experiment(const char *name, const char *text)
{
	char file[64];
	snprintf(file, sizeof file, "%s.yaml", name);
	const char *path = scratch(file);
	ck_assert_ok(pb_file_write(path, text, strlen(text)));
	return path;
}

const char *write_golden(const char *name, const char *rest)
{
	char text[4096];
	snprintf(text, sizeof text, "name: %s\nmodel: {load: %s}\ndata: {plugin: oocl, mod: 30}\nprobe: {unit: 7}\n%s", name,
		 pb_test_golden("model_1.pt"), rest);
	return write_experiment(name, text);
}

const char *in_run(const char *run, const char *file)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", run, file);
	return scratch(path);
}

char *read_of(const char *run, const char *file)
{
	return read_text(in_run(run, file));
}

void check_file_says(const char *run, const char *file, const char *part)
{
	char *text = read_of(run, file);
	check_says(text, part);
	free(text);
}

int count_lines(const char *run, const char *file)
{
	char *text = read_of(run, file);
	int lines = 0;
	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	free(text);
	return lines;
}

void check_same(const char *run, const char *other, const char *file)
{
	void *a, *b;
	size_t a_size, b_size;
	ck_assert_ok(pb_file_read(in_run(run, file), 1 << 26, &a, &a_size));
	ck_assert_ok(pb_file_read(in_run(other, file), 1 << 26, &b, &b_size));
	ck_assert_msg(a_size == b_size && !memcmp(a, b, a_size), "%s of %s and %s differ", file, run, other);
	free(a);
	free(b);
}

void check_all_same(const char *run, const char *other, const char *const *files)
{
	for (; *files; files++)
		check_same(run, other, *files);
}

void copy_folder(const char *from, const char *to)
{
	char line[1024];
	snprintf(line, sizeof line, "cp -R '%s/.' '%s'", from, to);
	ck_assert_msg(!system(line), "%s", line);
}

void wait_for(const char *path)
{
	for (int i = 0; i < 6000 && !exists(path); i++)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	ck_assert_msg(exists(path), "no %s after a minute", path);
}
