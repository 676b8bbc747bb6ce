/* scratch.c: makes, lists and removes a folder in a folder. */
#include "conform/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"

enum { MOST_NAMES = 8, MOST_OPEN = 16 };

static int make(struct pb_scratch *s)
{
	const char *below = getenv("TMPDIR");
	char *absolute = realpath(below && *below ? below : "/tmp", NULL);
	if (!absolute)
		return pb_fail(PB_E_IO, "there is no folder %s for temporary files", below && *below ? below : "/tmp");
	int n = asprintf(&s->outer, "%s/patchbay-check-XXXXXX", absolute);
	free(absolute);
	if (n < 0) {
		s->outer = NULL;
		return pb_fail_nomem(1, "a path");
	}
	if (!mkdtemp(s->outer)) {
		int rc = pb_fail(PB_E_IO, "cannot make a folder %s: %s", s->outer, strerror(errno));
		free(s->outer);
		s->outer = NULL;
		return rc;
	}
	if (asprintf(&s->inner, "%s/work", s->outer) < 0) {
		s->inner = NULL;
		return pb_fail_nomem(1, "a path");
	}
	return mkdir(s->inner, 0700) ? pb_fail(PB_E_IO, "cannot make %s: %s", s->inner, strerror(errno)) : 0;
}

int pb_scratch_init(struct pb_scratch *scratch)
{
	*scratch = (struct pb_scratch){.back = -1};
	int rc = make(scratch);
	if (rc)
		pb_scratch_finish(scratch);
	return rc;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at)
{
	(void)status, (void)type, (void)at;
	remove(path);
	return 0;
}

void pb_scratch_finish(struct pb_scratch *scratch)
{
	pb_scratch_leave(scratch);
	if (scratch->outer) /* links are removed, and not followed */
		nftw(scratch->outer, remove_one, MOST_OPEN, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	free(scratch->outer);
	free(scratch->inner);
	*scratch = (struct pb_scratch){.back = -1};
}

int pb_scratch_enter(struct pb_scratch *scratch)
{
	scratch->back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (chdir(scratch->inner))
		return pb_fail(PB_E_IO, "cannot work in %s: %s", scratch->inner, strerror(errno));
	return 0;
}

int pb_scratch_leave(struct pb_scratch *scratch)
{
	int rc = 0;
	if (!scratch->outer || scratch->back < 0)
		return 0;
	if (fchdir(scratch->back))
		rc = pb_fail(PB_E_IO, "cannot go back to the working folder: %s", strerror(errno));
	close(scratch->back);
	scratch->back = -1;
	return rc;
}

static void list_folder(const char *folder, const char *prefix, const char *but, size_t *n, struct pb_text *out)
{
	DIR *dir = opendir(folder);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || (but && !strcmp(e->d_name, but)))
			continue;
		if (++*n <= MOST_NAMES)
			pb_text_add(out, "%s`%s%.100s`", *n > 1 ? ", " : "", prefix, e->d_name);
	}
	if (dir)
		closedir(dir);
}

void pb_scratch_list(const struct pb_scratch *scratch, struct pb_text *out)
{
	size_t n = 0;
	list_folder(scratch->inner, "", NULL, &n, out);
	list_folder(scratch->outer, "../", "work", &n, out);
	if (n > MOST_NAMES)
		pb_text_add(out, " and %zu more", n - MOST_NAMES);
}
