/* team_join.c: how ranks come together in a run folder, and leave it.
 *
 * A rank writes a number of its own into DIR/ranks/hello-RANK, and begins when DIR/ranks/go has that number: what an earlier run
 * has left there cannot be mistaken for this one's.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/lock.h"
#include "base/status.h"
#include "base/text.h"
#include "exp/clock.h"
#include "exp/interrupt.h"
#include "exp/team_impl.h"

/* Seconds: for ranks to come once training is done, for rank 0 to end where all were told to, and for which a `go` may be the
 * one of an earlier run. */
static const double wait_for_ranks = 10, wait_for_end = 5, grace = 0.5;

enum { NUMBER_LENGTH = 16, MOST_TEXT = 1 << 20 };

/* Longer, up to a second, the longer it has taken: a training may take hours, and the folder may be on a network. */
static void rest(double waited)
{
	const double seconds = waited < 0.5 ? 0.01 : waited < 50 ? waited / 50 : 1;
	nanosleep(&(struct timespec){(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)}, NULL);
}

/* A small file's text; NULL where it is not there (yet). */
static char *read_small(const char *path)
{
	void *data = NULL;
	size_t size;
	if (!path || access(path, F_OK))
		return NULL;
	if (pb_file_read(path, MOST_TEXT, &data, &size)) {
		pb_error_clear();
		return NULL;
	}
	return data;
}

static int rescue(const char *path, struct pb_journal *journal)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort), rc = 0;
	for (int i = 0; i < n; i++) {
		size_t at = 0;
		char *folder = *entries[i]->d_name == '.' ? NULL : pb_file_join(path, entries[i]->d_name);
		char *file = folder ? pb_file_join(folder, "journal") : NULL;
		if (!rc && file && !access(file, F_OK))
			rc = pb_journal_absorb(journal, file, &at, NULL);
		free(file);
		free(folder);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return rc;
}

/* Removes DIR/ranks under another name: into one that has gone, a rank that is still ending, or comes late, writes nothing. */
static int remove_all(const struct pb_team *team)
{
	struct pb_text gone = {0};
	pb_text_add(&gone, "%s.removed", team->path);
	int rc = pb_text_status(&gone);
	if (!rc)
		rc = pb_file_remove_tree(gone.data); /* of a run that was killed here */
	if (!rc && !rename(team->path, gone.data))
		rc = pb_file_remove_tree(gone.data);
	else if (!rc && errno != ENOENT)
		rc = pb_fail(PB_E_IO, "cannot rename %s: %s", team->path, strerror(errno));
	pb_text_finish(&gone);
	return rc;
}

int pb_team_prepare(struct pb_team *team, struct pb_folder *folder)
{
	team->path = pb_folder_path(folder, "ranks");
	if (!team->path)
		return -PB_E_NOMEM;
	char *go = pb_file_join(team->path, "go");
	if (go)
		unlink(go); /* first of all: it would tell ranks of now that they have come too late */
	int rc = !go ? -PB_E_NOMEM : folder->resumed ? rescue(team->path, &folder->journal) : 0;
	free(go);
	if (!rc)
		rc = remove_all(team);
	if (!rc && team->size > 1)
		rc = pb_file_make_dir(team->path);
	return rc;
}

/* The ranks that have come, with their numbers; returns how many. */
static int read_hellos(const struct pb_team *team, struct pb_text *go)
{
	int n = 0;
	for (int rank = 1; rank < team->size; rank++) {
		char *path = pb_team_file(team, "hello-%d", rank), *number = read_small(path);
		n += number != NULL;
		if (number)
			pb_text_add(go, "%s\n", number);
		free(number);
		free(path);
	}
	return n;
}

int pb_team_begin(struct pb_team *team, struct pb_folder *folder)
{
	const double began = pb_clock();
	struct stat journal;
	int there = 0, rc = pb_team_open_claims(team);
	if (!rc && stat(folder->journal_path, &journal) < 0)
		rc = pb_fail(PB_E_IO, "cannot examine %s: %s", folder->journal_path, strerror(errno));
	team->read = calloc((size_t)team->size, sizeof *team->read);
	if (!rc && !team->read)
		rc = pb_fail_nomem((size_t)team->size * sizeof *team->read, "the ranks");
	for (bool waits = true; !rc && waits;) {
		struct pb_text go = {0};
		pb_text_add(&go, "%lld\n", (long long)journal.st_size);
		there = read_hellos(team, &go);
		waits = there < team->expected && pb_clock() - began < wait_for_ranks;
		if (waits) {
			rest(0);
			rc = pb_interrupted();
		} else {
			char *path = pb_file_join(team->path, "go");
			rc = path ? pb_text_status(&go) : -PB_E_NOMEM;
			if (!rc)
				rc = pb_file_write(path, go.data, go.length);
			free(path);
		}
		pb_text_finish(&go);
	}
	team->expected = there;
	if (!rc)
		pb_folder_log(folder, "ranks: %d of %d take part", there + 1, team->size);
	return rc;
}

/* DIR/ranks/RANK with what the run had when the ranks began: `journal` bytes of it. */
static int make_folder(struct pb_team *team, const char *dir, size_t journal, char **ret_path)
{
	static const char *const links[] = {"state.safetensors", "checkpoints", "curves", "config.yaml"};
	char *path = pb_team_file(team, "%d", team->rank), *from = pb_file_join(dir, "journal");
	char *to = path ? pb_file_join(path, "journal") : NULL;
	void *data = NULL;
	size_t size;
	int rc = path && from && to ? pb_file_remove_tree(path) : -PB_E_NOMEM;
	if (!rc && mkdir(path, 0777) < 0) /* in DIR/ranks, which is gone if all is done by now */
		rc = pb_fail(PB_E_IO, "cannot make the folder %s: %s", path, strerror(errno));
	if (!rc)
		rc = pb_file_read_from(from, 0, (size_t)1 << 40, &data, &size);
	if (!rc)
		rc = pb_file_write(to, data, size < journal ? size : journal);
	for (size_t i = 0; !rc && i < sizeof links / sizeof *links; i++) {
		char target[64], *link = pb_file_join(path, links[i]), *source = pb_file_join(dir, links[i]);
		snprintf(target, sizeof target, "../../%s", links[i]);
		if (!link || !source)
			rc = -PB_E_NOMEM;
		else if (!access(source, F_OK) && symlink(target, link) < 0)
			rc = pb_fail(PB_E_IO, "cannot make %s: %s", link, strerror(errno));
		free(link);
		free(source);
	}
	free(data);
	free(from);
	free(to);
	if (rc)
		free(path);
	else
		*ret_path = path;
	return rc;
}

enum answer { NONE_YET, GO, TOO_LATE };

/* Is there a `go` with this number, or one without? Writes the number where it is not, or not any more. */
static int ask(struct pb_team *team, const char *number, enum answer *ret_answer, size_t *ret_journal)
{
	char *hello = pb_team_file(team, "hello-%d", team->rank), *go = pb_file_join(team->path, "go");
	char *said = read_small(hello), *answer = read_small(go);
	int rc = hello && go ? 0 : -PB_E_NOMEM;
	*ret_answer = !answer ? NONE_YET : strstr(answer, number) ? GO : TOO_LATE;
	*ret_journal = answer ? strtoull(answer, NULL, 10) : 0;
	if (!rc && *ret_answer != GO && (!said || strcmp(said, number)) && !access(team->path, F_OK) &&
	    pb_file_write(hello, number, NUMBER_LENGTH))
		pb_error_clear(); /* the folder has just been removed */
	free(said);
	free(answer);
	free(hello);
	free(go);
	return rc;
}

static bool is_at_work(const char *dir)
{
	char *lock = pb_file_join(dir, ".lock");
	const bool held = lock && pb_lock_is_held(lock);
	free(lock);
	return held;
}

/* Whether there is no use in waiting for rank 0 any more. */
static bool is_over(struct pb_team *team, double waited)
{
	const bool held = is_at_work(team->top);
	team->seen |= held;
	team->over = team->seen && !held;
	team->saw_nobody = !team->seen && waited > team->patience;
	return team->over || team->saw_nobody;
}

int pb_team_await(struct pb_team *team, const char *const *dirs, size_t n, size_t *at)
{
	const double began = pb_clock();
	for (;;) {
		const double waited = pb_clock() - began;
		for (size_t i = 0; i < n; i++)
			if (i != *at && is_at_work(dirs[i])) {
				*at = i;
				return 0;
			}
		int rc = pb_interrupted();
		if (rc || is_over(team, waited)) {
			*at = n;
			return rc;
		}
		rest(waited);
	}
}

/* Until rank 0 says that this rank is one of them. False: it has begun without, has ended, or has never come. */
static int await_go(struct pb_team *team, const char *dir, const char *number, bool *ret_go, size_t *ret_journal)
{
	const double began = pb_clock();
	double late = 0;
	bool begun = false;
	enum answer answer = NONE_YET;
	int rc = 0;
	while (!rc && answer != GO) {
		const bool works = is_at_work(dir);
		const double now = pb_clock();
		const bool ended = (begun && !works) || is_over(team, now - began);
		rc = ask(team, number, &answer, ret_journal);
		begun |= works;
		late = answer != TOO_LATE || !works ? 0 : late ? late : now;
		if (rc || answer == GO || ended || (late && now - late > grace))
			break;
		rc = pb_interrupted();
		rest(now - began);
	}
	*ret_go = !rc && answer == GO;
	return rc;
}

int pb_team_join(struct pb_team *team, const char *dir, char **ret_path)
{
	uint64_t bits = 0;
	char number[NUMBER_LENGTH + 1];
	size_t journal = 0;
	bool go = false;
	*ret_path = NULL;
	team->path = pb_file_join(dir, "ranks");
	int rc = team->path ? 0 : -PB_E_NOMEM;
	if (!rc && getrandom(&bits, sizeof bits, 0) != sizeof bits)
		rc = pb_fail(PB_E_IO, "no random number: %s", strerror(errno));
	snprintf(number, sizeof number, "%016" PRIx64, bits);
	if (!rc)
		rc = await_go(team, dir, number, &go, &journal);
	if (!rc && go)
		rc = pb_team_open_claims(team);
	if (!rc && go)
		rc = make_folder(team, dir, journal, ret_path);
	return rc;
}

bool pb_team_is_done(const struct pb_team *team)
{
	char *go = team->path ? pb_file_join(team->path, "go") : NULL;
	const bool done = team->seen && go && access(go, F_OK);
	free(go);
	return done;
}

bool pb_team_was_left(const struct pb_team *team)
{
	return team->seen && !is_at_work(team->top) && !pb_team_is_done(team);
}

void pb_team_see_off(const struct pb_team *team)
{
	const double began = pb_clock();
	while (is_at_work(team->top) && pb_clock() - began < wait_for_end)
		rest(0);
}

void pb_team_leave(struct pb_team *team, bool complete)
{
	if (team->claims >= 0)
		close(team->claims);
	if (complete && team->path && remove_all(team))
		pb_error_clear(); /* the run is done all the same */
	free(team->path);
	free(team->read);
	team->path = NULL;
	team->read = NULL;
	team->claims = -1;
	team->taken = team->overtaken = 0;
	team->stalled = false;
}
