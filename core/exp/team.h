/* team.h: several processes that make the cells of one run: the ranks of `mpirun` or `srun`, told by their environment.
 *
 * They exchange no messages. All see the run folder: rank 0 runs as if it were alone, but for the cells; the others wait
 * for its training, go on with a copy of its journal in DIR/ranks/RANK, and take part in its sweeps. Who makes which cell is
 * in DIR/ranks/claims, a byte for each, under a lock. Rank 0 reads the others' journals, makes what a rank left undone that has
 * died (the lock on its folder ended with it) or has long made nothing, and writes the tables. If rank 0 dies, the others end
 * when they have made what nobody had begun, and `--resume` goes on.
 */
#ifndef PB_EXP_TEAM_H
#define PB_EXP_TEAM_H

#include "exp/folder.h"

/* Who this process is. */
struct pb_team {
	int rank, size; /* size 1: alone */
	const char *top; /* the folder that rank 0 holds for as long as it lives; set after pb_team_find, the caller's */
	int local_rank, local_size; /* among those of this machine; local_size 0: unknown */
	double patience; /* seconds that another rank waits for rank 0 to begin */
	bool saw_nobody; /* and it did not: perhaps the folder is not the one that rank 0 has */
	bool seen, over; /* rank 0 was at work; and has ended */
	double stalled_after; /* seconds that rank 0 waits, at least, for cells of ranks that live but make none; then it makes them */
	bool stalled;    /* the claims have been locked for that long: nobody waits for them any more */
	int expected;    /* rank 0: others that may still come; those of one seed's run are expected in the next */
	/* Of the run at hand. */
	char *path;   /* DIR/ranks; owned; NULL: nobody has begun */
	int claims;   /* fd; -1 */
	size_t *read; /* [size] rank 0: how far in each one's journal */
	size_t taken; /* cells that the others have made */
	size_t overtaken; /* that they had claimed and rank 0 has made */
	size_t all, n_all; /* where in the claims the cells of the weights at hand are; the caller's */
};

void pb_team_find(struct pb_team *ret_team);

/* Rank 0, with its folder open: takes the cells that ranks of a run that was stopped had made, and makes way for this run's. */
int pb_team_prepare(struct pb_team *team, struct pb_folder *folder);
/* Rank 0, once it has trained: lets the others begin. Those that have not come within seconds stay out of it. */
int pb_team_begin(struct pb_team *team, struct pb_folder *folder);
/* Another rank, of several runs one after the other: waits until rank 0 is at work in one of the folders but dirs[*at], and says
 * which; *at n at first, and where rank 0 has ended or never come. */
int pb_team_await(struct pb_team *team, const char *const *dirs, size_t n, size_t *at);
/* Another rank: waits for that. *ret_path is the folder in which this rank goes on, the caller's to free; NULL: it came too
 * late, or rank 0 has ended or never begun (saw_nobody), and there is nothing to do. */
int pb_team_join(struct pb_team *team, const char *dir, char **ret_path);
/* Another rank, of the run at hand: has rank 0 ended without finishing it? Has it finished? Waits until rank 0 has ended, but not long. */
bool pb_team_was_left(const struct pb_team *team);
bool pb_team_is_done(const struct pb_team *team);
void pb_team_see_off(const struct pb_team *team);
/* complete: all is in the run's own journal, and DIR/ranks is of no more use. */
void pb_team_leave(struct pb_team *team, bool complete);

/* Of the cells at `places` [n] (plus base, their bytes in the claims), ascending, gives this rank the first few that nobody
 * has: fewer as fewer are left, `most` at most. None left, or the claims locked by a rank that was stopped: *ret_n 0. */
int pb_team_claim(struct pb_team *team, size_t base, const size_t *places, size_t n, size_t most, size_t *ret_chosen,
		  size_t *ret_n);
/* Marks the byte at `place`; whether nobody had. */
bool pb_team_come(struct pb_team *team, size_t place);
/* Has nobody one of the n cells whose bytes begin at `base`? What cannot be read counts as left. */
bool pb_team_has_left(const struct pb_team *team, size_t base, size_t n);
/* Rank 0: what the others have made since into the journal. */
int pb_team_absorb(struct pb_team *team, struct pb_journal *journal);
/* Rank 0: has the rank that has this cell ended? */
bool pb_team_has_lost(const struct pb_team *team, size_t place);

#endif
