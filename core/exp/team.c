/* team.c: who this process is, and who makes which cell. */
#include "exp/team.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/lock.h"
#include "base/status.h"
#include "exp/clock.h"
#include "exp/interrupt.h"
#include "exp/team_impl.h"

/* Open MPI; MPICH, Intel MPI and others with its launcher; srun. */
static const struct {
	const char *rank, *size, *local_rank, *local_size;
	const char *only_with; /* NULL: always */
} launchers[] = {
	{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE", NULL},
	{"PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS", NULL},
	/* A batch script has these too, but no step. */
	{"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", NULL, "SLURM_STEP_NUM_TASKS"},
};

enum { MOST_RANKS = 1 << 16 };

/* -1: it is not there, or no number. */
static int number_of(const char *name)
{
	const char *text = name ? getenv(name) : NULL;
	char *end;
	long value = text ? strtol(text, &end, 10) : -1;
	return text && *text && !*end && value >= 0 && value < INT_MAX ? (int)value : -1;
}

void pb_team_find(struct pb_team *ret_team)
{
	*ret_team = (struct pb_team){.size = 1, .claims = -1, .patience = 60, .stalled_after = 10};
	for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++) {
		int rank = number_of(launchers[i].rank), size = number_of(launchers[i].size);
		if (rank < 0 || size < 2 || size > MOST_RANKS || rank >= size || (launchers[i].only_with && !getenv(launchers[i].only_with)))
			continue;
		int local_rank = number_of(launchers[i].local_rank), local_size = number_of(launchers[i].local_size);
		ret_team->rank = rank;
		ret_team->size = size;
		ret_team->expected = size - 1;
		ret_team->local_rank = local_rank < 0 ? 0 : local_rank;
		ret_team->local_size = local_size < 0 ? 0 : local_size;
		return;
	}
}

char *pb_team_file(const struct pb_team *team, const char *format, int rank)
{
	char name[64];
	snprintf(name, sizeof name, format, rank);
	return pb_file_join(team->path, name);
}

int pb_team_open_claims(struct pb_team *team)
{
	char *path = pb_file_join(team->path, "claims");
	team->claims = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
	int rc = team->claims >= 0 ? 0 : path ? pb_fail(PB_E_IO, "cannot open %s: %s", path, strerror(errno)) : -PB_E_NOMEM;
	free(path);
	return rc;
}

static int fail_claims(void)
{
	return pb_fail(PB_E_IO, "cannot share cells with the other ranks: %s", strerror(errno));
}

/* Bytes behind the file's end are 0: nobody has claimed those. */
static int read_claims(const struct pb_team *team, size_t from, unsigned char *bytes, size_t n)
{
	memset(bytes, 0, n);
	for (size_t done = 0; done < n;) {
		ssize_t got = pread(team->claims, bytes + done, n - done, (off_t)(from + done));
		if (got < 0 && errno != EINTR)
			return fail_claims();
		if (!got)
			break;
		done += got > 0 ? (size_t)got : 0;
	}
	return 0;
}

/* A rank's mark. Ranks beyond 255 share marks, which matters only where one has died: then they count as one. */
static unsigned char mark_of(int rank)
{
	return (unsigned char)(1 + rank % 255);
}

/* Bytes of the claims, read in pieces: those of [from, end). */
struct window {
	unsigned char bytes[4096];
	size_t from, end;
};

static int look(const struct pb_team *team, struct window *w, size_t place, unsigned char *ret_byte)
{
	int rc = 0;
	if (place < w->from || place >= w->end) {
		w->from = place;
		rc = read_claims(team, place, w->bytes, sizeof w->bytes);
		w->end = rc ? place : place + sizeof w->bytes;
	}
	*ret_byte = rc ? 0 : w->bytes[place - w->from];
	return rc;
}

/* How many of `places` (NULL: of all n) behind `base` nobody has, and whether there are some that another rank has. */
static int count_left(const struct pb_team *team, size_t base, const size_t *places, size_t n, size_t *ret_left, bool *ret_others)
{
	struct window w = {.end = 0};
	int rc = 0;
	*ret_left = 0;
	*ret_others = false;
	for (size_t i = 0; !rc && i < n; i++) {
		unsigned char byte;
		rc = look(team, &w, base + (places ? places[i] : i), &byte);
		*ret_left += !byte;
		*ret_others |= byte && byte != mark_of(team->rank);
	}
	return rc;
}

/* Large shares first, smaller ones at the end, so that all ranks end together; but passes of few cells take longer for each.
 * The end is that of these cells where several ranks make them, else that of all. */
static int share_of(const struct pb_team *team, size_t base, const size_t *places, size_t n, size_t most, size_t *ret_share)
{
	size_t left = 0, left_of_all = 0;
	bool others = false, any;
	int rc = count_left(team, base, places, n, &left, &others);
	if (!rc && !others)
		rc = count_left(team, team->all, NULL, team->n_all, &left_of_all, &any);
	left = left_of_all > left ? left_of_all : left;
	size_t share = left / (2 * (size_t)team->size), least = most / 4;
	share = share < least ? least : share;
	*ret_share = share < 1 ? 1 : share < most ? share : most;
	return rc;
}

static int claim(struct pb_team *team, size_t base, const size_t *places, size_t n, size_t most, size_t *chosen,
		 size_t *ret_n)
{
	const unsigned char mark = mark_of(team->rank);
	struct window w = {.end = 0};
	size_t share;
	int rc = share_of(team, base, places, n, most, &share);
	for (size_t i = 0; !rc && i < n && *ret_n < share; i++) {
		unsigned char byte;
		rc = look(team, &w, base + places[i], &byte);
		if (rc || byte)
			continue;
		if (pwrite(team->claims, &mark, 1, (off_t)(base + places[i])) != 1)
			rc = fail_claims();
		else
			chosen[(*ret_n)++] = places[i];
	}
	return rc;
}

/* Not locked: somebody holds the lock, and has for so long that he must have been stopped. */
static int take_lock(struct pb_team *team, bool *ret_locked)
{
	const double began = pb_clock();
	int rc = 0;
	while (!rc && pb_lock_take(team->claims) < 0) {
		if (errno != EAGAIN && errno != EACCES)
			return fail_claims();
		team->stalled |= pb_clock() - began > team->stalled_after;
		if (team->stalled)
			return 0;
		nanosleep(&(struct timespec){0, 200000}, NULL);
		rc = pb_interrupted();
	}
	*ret_locked = !rc;
	return rc;
}

int pb_team_claim(struct pb_team *team, size_t base, const size_t *places, size_t n, size_t most, size_t *ret_chosen,
		  size_t *ret_n)
{
	bool locked = false;
	*ret_n = 0;
	int rc = n ? take_lock(team, &locked) : 0;
	if (locked) {
		rc = claim(team, base, places, n, most, ret_chosen, ret_n);
		pb_lock_drop(team->claims);
	}
	return rc;
}

bool pb_team_come(struct pb_team *team, size_t place)
{
	const size_t only = 0;
	size_t chosen, n;
	return !pb_team_claim(team, place, &only, 1, 1, &chosen, &n) && n;
}

bool pb_team_has_left(const struct pb_team *team, size_t base, size_t n)
{
	size_t left;
	bool others;
	return count_left(team, base, NULL, n, &left, &others) || left;
}

int pb_team_absorb(struct pb_team *team, struct pb_journal *journal)
{
	int rc = 0;
	for (int rank = 1; !rc && rank < team->size; rank++) {
		char *path = pb_team_file(team, "%d/journal", rank);
		struct stat status;
		rc = path ? 0 : -PB_E_NOMEM;
		if (path && !stat(path, &status) && (size_t)status.st_size > team->read[rank])
			rc = pb_journal_absorb(journal, path, &team->read[rank], &team->taken);
		free(path);
	}
	return rc;
}

bool pb_team_has_lost(const struct pb_team *team, size_t place)
{
	unsigned char mark = 0;
	bool lives = false;
	if (read_claims(team, place, &mark, 1) || !mark)
		return true;
	for (int rank = 1; rank < team->size; rank++) {
		char *path = mark_of(rank) == mark ? pb_team_file(team, "%d/.lock", rank) : NULL;
		lives |= path && pb_lock_is_held(path);
		free(path);
	}
	return !lives;
}
