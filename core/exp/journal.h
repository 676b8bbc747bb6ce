/* journal.h: what a run has finished, in its folder, so that it can go on after it was stopped at any moment.
 *
 * `journal` is a list of records, each with a checksum, appended as things are finished: training stages with their curves, and
 * cells. `state.safetensors` is where training stands (train_state.h). A record that was cut off by a kill is left out when
 * the journal is opened again, and so is all behind it; the run makes it again, to the same bits. The first record says what
 * the results depend on (identity.h): a run of anything else must not go on from here.
 */
#ifndef PB_EXP_JOURNAL_H
#define PB_EXP_JOURNAL_H

#include "exp/job.h"
#include "report/result.h"

/* What the file's records are (record.h); the first is the identity, a text. */
enum pb_journal_record { PB_JOURNAL_IDENTITY = 1, PB_JOURNAL_STAGE, PB_JOURNAL_CELL, PB_JOURNAL_FINISHED };

/* Which cell: all are numbers within the plan but for the unit, which is the data's. */
struct pb_journal_key {
	int64_t weights, sweep, unit, cell;
};

struct pb_journal {
	const char *path; /* the caller's */
	int fd;           /* -1: none is kept, and nothing is found */
	struct pb_arena arena;
	struct pb_journal_cell *cells; /* [n_cells], those that were there when it was opened, sorted */
	size_t n_cells, room;
	struct pb_journal_stage *stages; /* likewise */
	size_t n_stages;
	double synced; /* when it was last forced to the disk */
	uint64_t identity; /* the checksum of its text */
};

/* A new one, or with `resume` the one that is there: -PB_E_USAGE, naming the first difference, if it is of another identity,
 * -PB_E_NOTFOUND if there is none, -PB_E_FORMAT if it is none, or was altered. `path` must outlive it. */
int pb_journal_open(const char *path, const char *identity, bool resume, struct pb_journal *ret_journal);
void pb_journal_close(struct pb_journal *journal); /* zeroed with fd -1 is fine */

/* A stage's curves as they were measured: rows of x and of each series. */
struct pb_journal_stage {
	uint64_t index; /* of the stage; of several records of one, the last counts */
	const char *stopped;
	double seconds;
	uint64_t weights; /* the checksum of the checkpoint that it saved; 0: none */
	size_t n_points, width;
	const double *values; /* [n_points, width] */
};

int pb_journal_add_stage(struct pb_journal *journal, const struct pb_journal_stage *stage);
/* NULL: it is not there. */
const struct pb_journal_stage *pb_journal_find_stage(const struct pb_journal *journal, uint64_t index);
/* A cell as the engine gave it: job->out, or job->rc and why. */
int pb_journal_add_cell(struct pb_journal *journal, const struct pb_journal_key *key, const struct pb_cell_job *job);
/* Fills in job->out but for its index, job->rc and why. False: the cell is not there. */
bool pb_journal_find_cell(const struct pb_journal *journal, const struct pb_journal_key *key, struct pb_cell_job *job);
/* The cells in another journal of this run at `path`, from *at on, that this one lacks; *at goes behind what was whole, *n_taken
 * (may be NULL) grows by as many. Of a journal of another run nothing is taken. */
int pb_journal_absorb(struct pb_journal *journal, const char *path, size_t *at, size_t *n_taken);
/* All there was to do is done. -PB_E_IO also where the journal is not in its folder any more. */
int pb_journal_finish(struct pb_journal *journal);

#endif
