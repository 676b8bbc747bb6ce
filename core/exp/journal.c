/* journal.c: records with checksums, written at the end and read from the beginning. */
#include "exp/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/status.h"
#include "exp/clock.h"
#include "exp/identity.h"
#include "exp/record.h"

static const size_t most_journal = (size_t)1 << 36;

static const double sync_every = 2; /* seconds */

/* What a cell's record holds; the reason, if it has one, follows as a text. */
struct packed_cell {
	struct pb_journal_key key;
	double metric, loss, grad_norm, estimate;
	int64_t forward_fired, backward_fired;
	double forward_change, backward_change;
	int64_t params_without_grad;
	int32_t graph_cut, rc;
};

struct pb_journal_cell {
	struct packed_cell packed;
	const char *why;
};

static int fail_write(const struct pb_journal *j)
{
	return pb_fail(PB_E_IO, "cannot write %s: %s", j->path, strerror(errno));
}

static int append(struct pb_journal *j, enum pb_journal_record type, const void *data, size_t size, const void *more,
		  size_t more_size)
{
	int rc = pb_record_append(j->fd, j->path, type, data, size, more, more_size);
	/* A kill loses nothing that was written; only a loss of power needs the disk. */
	if (!rc && pb_clock() - j->synced > sync_every) {
		j->synced = pb_clock();
		if (fdatasync(j->fd) < 0 && errno != EINVAL) /* of what is no file */
			rc = fail_write(j);
	}
	return rc;
}

static int compare_keys(const struct pb_journal_key *a, const struct pb_journal_key *b)
{
	const int64_t x[] = {a->weights, a->sweep, a->unit, a->cell}, y[] = {b->weights, b->sweep, b->unit, b->cell};
	for (int i = 0; i < 4; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}

static int compare_cells(const void *a, const void *b)
{
	return compare_keys(&((const struct pb_journal_cell *)a)->packed.key,
			    &((const struct pb_journal_cell *)b)->packed.key);
}

static int take_cell(struct pb_journal *j, const char *data, size_t size)
{
	struct pb_journal_cell cell = {0};
	if (size < sizeof cell.packed)
		return pb_fail(PB_E_FORMAT, "%s: a cell's record is too short", j->path);
	memcpy(&cell.packed, data, sizeof cell.packed);
	if (cell.packed.rc)
		cell.why = pb_arena_strndup(&j->arena, data + sizeof cell.packed, size - sizeof cell.packed);
	if (cell.packed.rc && !cell.why)
		return -PB_E_NOMEM;
	if (j->n_cells == j->room) {
		size_t room = j->room ? 2 * j->room : 256;
		struct pb_journal_cell *cells = realloc(j->cells, room * sizeof *cells);
		if (!cells)
			return pb_fail_nomem(room * sizeof *cells, "the journal's cells");
		j->cells = cells;
		j->room = room;
	}
	j->cells[j->n_cells++] = cell;
	return 0;
}

/* seconds, the numbers of points, of columns and of the stage, its weights' checksum, the values, then the text. */
static int take_stage(struct pb_journal *j, const char *data, size_t size)
{
	uint64_t counts[4];
	struct pb_journal_stage stage = {0}, *stages;
	const size_t front = sizeof stage.seconds + sizeof counts;
	if (size >= front) {
		memcpy(&stage.seconds, data, sizeof stage.seconds);
		memcpy(counts, data + sizeof stage.seconds, sizeof counts);
		stage.n_points = counts[0];
		stage.width = counts[1];
		stage.index = counts[2];
		stage.weights = counts[3];
	}
	size_t count, bytes;
	if (size < front || __builtin_mul_overflow(stage.n_points, stage.width, &count) ||
	    __builtin_mul_overflow(count, sizeof(double), &bytes) || bytes > size - front)
		return pb_fail(PB_E_FORMAT, "%s: a stage's record is too short", j->path);
	double *values = pb_arena_array(&j->arena, count + 1, sizeof *values);
	stage.stopped = pb_arena_strndup(&j->arena, data + front + bytes, size - front - bytes);
	stages = realloc(j->stages, (j->n_stages + 1) * sizeof *stages);
	if (stages)
		j->stages = stages;
	if (!values || !stage.stopped || !stages)
		return pb_fail_nomem(bytes, "the journal's stages");
	memcpy(values, data + front, bytes);
	stage.values = values;
	j->stages[j->n_stages++] = stage;
	return 0;
}

static int check_identity(struct pb_journal *j, const char *data, size_t size, const char *identity)
{
	if (size == strlen(identity) && !memcmp(data, identity, size))
		return 0;
	const char *then = pb_arena_strndup(&j->arena, data, size), *had = NULL, *has = NULL;
	if (!then)
		return -PB_E_NOMEM;
	pb_identity_difference(then, identity, &j->arena, &had, &has);
	if (!had || !has)
		return pb_fail(PB_E_USAGE, "the run in %s is another one and cannot be gone on with", j->path);
	return pb_fail(PB_E_USAGE, "the run in %s is another one and cannot be gone on with:\n  it has: %s\n  now:    %s", j->path,
		       had, has);
}

static int take_record(struct pb_journal *j, uint32_t type, const char *data, size_t size, const char *identity,
		       bool first)
{
	if (first != (type == PB_JOURNAL_IDENTITY))
		return pb_fail(PB_E_FORMAT, "%s is no journal of a run, or a damaged one", j->path);
	switch (type) {
	case PB_JOURNAL_IDENTITY: return check_identity(j, data, size, identity);
	case PB_JOURNAL_STAGE: return take_stage(j, data, size);
	case PB_JOURNAL_CELL: return take_cell(j, data, size);
	case PB_JOURNAL_FINISHED: return 0;
	default: return pb_fail(PB_E_FORMAT, "%s has records of another version of patchbay", j->path);
	}
}

/* Reads what is whole; *ret_end is where it ends. */
static int take_records(struct pb_journal *j, const char *data, size_t size, const char *identity, size_t *ret_end)
{
	size_t at = 0;
	int rc = 0;
	struct pb_record record;
	for (bool first = true; !rc && pb_record_next(data, size, &at, &record); first = false)
		rc = take_record(j, record.type, record.data, record.size, identity, first);
	if (!rc && !at)
		rc = pb_fail(PB_E_FORMAT, "%s is no journal of a run, or it was cut off at its beginning", j->path);
	if (!rc && pb_record_follows(data, size, at))
		rc = pb_fail(PB_E_FORMAT,
			     "%s was altered or damaged at byte %zu, in the midst of it: put back a copy, or begin anew with another --out",
			     j->path, at);
	*ret_end = at;
	return rc;
}

static int read_records(struct pb_journal *j, const char *identity)
{
	void *data;
	size_t size, end = 0;
	int rc = pb_file_read(j->path, most_journal, &data, &size);
	if (rc)
		return rc;
	rc = take_records(j, data, size, identity, &end);
	free(data);
	/* What is cut off goes, so that what comes is behind what is whole. */
	if (!rc && end < size && ftruncate(j->fd, (off_t)end) < 0)
		rc = fail_write(j);
	if (!rc && j->n_cells)
		qsort(j->cells, j->n_cells, sizeof *j->cells, compare_cells);
	return rc;
}

int pb_journal_open(const char *path, const char *identity, bool resume, struct pb_journal *ret_journal)
{
	struct pb_journal j = {.path = path, .synced = pb_clock(), .identity = pb_checksum(identity, strlen(identity))};
	j.fd = pb_file_open_plain(path, O_RDWR | O_APPEND | (resume ? 0 : O_CREAT | O_TRUNC));
	if (j.fd < 0)
		return resume && j.fd == -PB_E_NOTFOUND ? pb_fail(PB_E_NOTFOUND, "there is no %s: no run to go on with", path) : j.fd;
	int rc = resume ? read_records(&j, identity) : append(&j, PB_JOURNAL_IDENTITY, identity, strlen(identity), NULL, 0);
	if (rc)
		pb_journal_close(&j);
	else
		*ret_journal = j;
	return rc;
}

void pb_journal_close(struct pb_journal *journal)
{
	if (journal->fd >= 0) {
		fdatasync(journal->fd);
		close(journal->fd);
	}
	free(journal->cells);
	free(journal->stages);
	pb_arena_finish(&journal->arena);
	*journal = (struct pb_journal){.fd = -1};
}

int pb_journal_add_stage(struct pb_journal *journal, const struct pb_journal_stage *stage)
{
	const uint64_t counts[4] = {stage->n_points, stage->width, stage->index, stage->weights};
	const size_t bytes = stage->n_points * stage->width * sizeof(double), front = sizeof stage->seconds + sizeof counts;
	const char *text = stage->stopped ? stage->stopped : "";
	char *data = journal->fd < 0 ? NULL : malloc(front + bytes);
	if (journal->fd < 0)
		return 0;
	if (!data)
		return pb_fail_nomem(front + bytes, "a record of the journal");
	memcpy(data, &stage->seconds, sizeof stage->seconds);
	memcpy(data + sizeof stage->seconds, counts, sizeof counts);
	if (bytes)
		memcpy(data + front, stage->values, bytes);
	journal->synced = 0; /* the state that comes after it must not reach the disk before it */
	int rc = append(journal, PB_JOURNAL_STAGE, data, front + bytes, text, strlen(text));
	free(data);
	return rc;
}

const struct pb_journal_stage *pb_journal_find_stage(const struct pb_journal *journal, uint64_t index)
{
	for (size_t i = journal->n_stages; i-- > 0;)
		if (journal->stages[i].index == index)
			return &journal->stages[i];
	return NULL;
}

int pb_journal_add_cell(struct pb_journal *journal, const struct pb_journal_key *key, const struct pb_cell_job *job)
{
	const struct pb_result_cell *c = job->out;
	const char *why = job->rc && job->why ? job->why : "";
	const struct packed_cell packed = {
		.key = *key,
		.metric = c->metric,
		.loss = c->loss,
		.grad_norm = c->grad_norm,
		.estimate = c->estimate,
		.forward_fired = c->forward.fired,
		.backward_fired = c->backward.fired,
		.forward_change = c->forward.max_change,
		.backward_change = c->backward.max_change,
		.params_without_grad = c->params_without_grad,
		.graph_cut = c->graph_cut,
		.rc = job->rc,
	};
	return journal->fd < 0 ? 0 : append(journal, PB_JOURNAL_CELL, &packed, sizeof packed, why, strlen(why));
}

static const struct pb_journal_cell *find_cell(const struct pb_journal *j, const struct pb_journal_key *key, size_t n_sorted)
{
	const struct pb_journal_cell wanted = {.packed.key = *key};
	return n_sorted ? bsearch(&wanted, j->cells, n_sorted, sizeof wanted, compare_cells) : NULL;
}

bool pb_journal_find_cell(const struct pb_journal *journal, const struct pb_journal_key *key, struct pb_cell_job *job)
{
	const struct pb_journal_cell *found = find_cell(journal, key, journal->n_cells);
	if (!found)
		return false;
	const struct packed_cell *p = &found->packed;
	struct pb_result_cell *out = job->out;
	out->metric = p->metric;
	out->loss = p->loss;
	out->grad_norm = p->grad_norm;
	out->estimate = p->estimate;
	out->forward = (struct pb_result_hook){p->forward_fired, p->forward_change};
	out->backward = (struct pb_result_hook){p->backward_fired, p->backward_change};
	out->params_without_grad = p->params_without_grad;
	out->graph_cut = p->graph_cut;
	job->rc = p->rc;
	job->why = found->why;
	return true;
}

int pb_journal_finish(struct pb_journal *journal)
{
	struct stat status;
	int rc = journal->fd < 0 ? 0 : append(journal, PB_JOURNAL_FINISHED, NULL, 0, NULL, 0);
	if (!rc && journal->fd >= 0 && !fstat(journal->fd, &status) && !status.st_nlink)
		rc = pb_fail(PB_E_IO,
			     "%s was removed while the run was on: the results are written, but what was there before that is gone",
			     journal->path);
	return rc;
}

int pb_journal_absorb(struct pb_journal *journal, const char *path, size_t *at, size_t *n_taken)
{
	void *data;
	size_t size;
	const size_t n_before = journal->n_cells;
	struct pb_record r;
	size_t done = 0;
	int rc = pb_file_read_from(path, *at, most_journal, &data, &size);
	if (rc)
		return rc;
	if (!*at && (!pb_record_next(data, size, &done, &r) || r.type != PB_JOURNAL_IDENTITY ||
		     pb_checksum(r.data, r.size) != journal->identity)) {
		free(data);
		return 0;
	}
	while (!rc && pb_record_next(data, size, &done, &r)) {
		struct pb_journal_key key;
		if (r.type != PB_JOURNAL_CELL || r.size < sizeof key)
			continue;
		memcpy(&key, r.data, sizeof key);
		if (find_cell(journal, &key, n_before))
			continue;
		rc = take_cell(journal, r.data, r.size);
		if (!rc)
			rc = append(journal, PB_JOURNAL_CELL, r.data, r.size, NULL, 0);
	}
	*at += done;
	free(data);
	if (n_taken)
		*n_taken += journal->n_cells - n_before;
	if (journal->n_cells > n_before)
		qsort(journal->cells, journal->n_cells, sizeof *journal->cells, compare_cells);
	return rc;
}
