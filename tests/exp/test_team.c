/* test_team.c: who this process is, who makes which cell, and ranks that nobody waits for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/lock.h"
#include "base/rng.h"
#include "base/status.h"
#include "exp/team.h"
#include "exp/team_impl.h"
#include "support/support.h"

static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
				    "OMPI_COMM_WORLD_LOCAL_SIZE", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID",
				    "MPI_LOCALNRANKS", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"};

static const struct {
	const char *set[9];
	int rank, size, local_rank, local_size;
} launches[] = {
	{{NULL}, 0, 1, 0, 0},
	{{"OMPI_COMM_WORLD_RANK", "3", "OMPI_COMM_WORLD_SIZE", "4", "OMPI_COMM_WORLD_LOCAL_RANK", "1",
	  "OMPI_COMM_WORLD_LOCAL_SIZE", "2"}, 3, 4, 1, 2},
	{{"PMI_RANK", "1", "PMI_SIZE", "2"}, 1, 2, 0, 0},
	{{"PMI_RANK", "0", "PMI_SIZE", "1"}, 0, 1, 0, 0},
	{{"SLURM_PROCID", "5", "SLURM_STEP_NUM_TASKS", "8", "SLURM_LOCALID", "2"}, 5, 8, 2, 0},
	{{"SLURM_PROCID", "0", "SLURM_NTASKS", "8"}, 0, 1, 0, 0}, /* a batch script */
	{{"PMI_RANK", "2", "PMI_SIZE", "2"}, 0, 1, 0, 0},
	{{"PMI_RANK", "-1", "PMI_SIZE", "2"}, 0, 1, 0, 0},
	{{"PMI_RANK", "1x", "PMI_SIZE", "2"}, 0, 1, 0, 0},
	{{"PMI_RANK", "", "PMI_SIZE", "2"}, 0, 1, 0, 0},
};

START_TEST(finds)
{
	struct pb_team team;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unsetenv(names[i]);
	for (int i = 0; i < 8 && launches[_i].set[i]; i += 2)
		setenv(launches[_i].set[i], launches[_i].set[i + 1], 1);
	pb_team_find(&team);
	ck_assert_int_eq(team.rank, launches[_i].rank);
	ck_assert_int_eq(team.size, launches[_i].size);
	ck_assert_int_eq(team.local_rank, launches[_i].local_rank);
	ck_assert_int_eq(team.local_size, launches[_i].local_size);
}
END_TEST

enum { SIZE = 3, CELLS = 5000, BASE = 100, MOST = 32 };

static void open_teams(struct pb_team *teams)
{
	for (int k = 0; k < SIZE; k++) {
		teams[k] = (struct pb_team){.rank = k, .size = SIZE, .claims = -1, .all = BASE, .n_all = CELLS};
		ck_assert_ptr_nonnull(teams[k].path = strdup(pb_test_dir()));
		ck_assert_ok(pb_team_open_claims(&teams[k]));
	}
}

/* Every cell once, whoever asks when, and no share larger than a batch. */
START_TEST(shares)
{
	struct pb_team teams[SIZE];
	uint64_t turn = 0;
	size_t places[CELLS], chosen[MOST], n_places = 0, n = 0, total = 0, smallest = MOST;
	int owner[CELLS];
	for (size_t i = 0; i < CELLS; i++) {
		owner[i] = -1;
		if (i % 7) /* every seventh is there already */
			places[n_places++] = i;
	}
	open_teams(teams);
	for (int k = 0; k < SIZE; k++)
		teams[k].n_all = 0;
	ck_assert(pb_team_has_left(&teams[0], BASE, CELLS));
	do {
		const int k = (int)(pb_random((uint64_t)_i, 0, turn++) % SIZE);
		ck_assert_ok(pb_team_claim(&teams[k], BASE, places, n_places, MOST, chosen, &n));
		ck_assert_uint_le(n, MOST);
		for (size_t i = 0; i < n; i++) {
			ck_assert(chosen[i] % 7 && owner[chosen[i]] < 0);
			ck_assert(!i || chosen[i] > chosen[i - 1]);
			owner[chosen[i]] = k;
		}
		smallest = n && n < smallest ? n : smallest;
		total += n;
	} while (n);
	ck_assert_uint_eq(total, n_places);
	ck_assert_uint_le(smallest, MOST / 4);
	ck_assert(pb_team_has_left(&teams[0], BASE, CELLS)); /* those that nobody asked for */
	ck_assert(!pb_team_has_left(&teams[0], BASE + 1, 6));
	for (int k = 0; k < SIZE; k++)
		pb_team_leave(&teams[k], false);
}
END_TEST

/* Whole batches as long as there is enough for all, here or elsewhere. */
START_TEST(large_shares)
{
	struct pb_team teams[SIZE];
	size_t places[40], chosen[MOST], n;
	for (size_t i = 0; i < 40; i++)
		places[i] = i;
	open_teams(teams);
	ck_assert_ok(pb_team_claim(&teams[1], BASE, places, 40, MOST, chosen, &n));
	ck_assert_uint_eq(n, MOST); /* alone among these 40, with 5000 in all */
	ck_assert_ok(pb_team_claim(&teams[2], BASE, places, 40, MOST, chosen, &n));
	ck_assert_uint_eq(n, MOST / 4); /* not alone: 8 are left */
	for (int k = 0; k < SIZE; k++)
		teams[k].n_all = 40;
	ck_assert_ok(pb_team_claim(&teams[1], BASE + 1000, places, 40, MOST, chosen, &n));
	ck_assert_uint_eq(n, MOST / 4); /* 40 by 2 * 3 are fewer than a quarter of a batch */
	ck_assert(pb_team_come(&teams[2], 9000) && !pb_team_come(&teams[2], 9000) && !pb_team_come(&teams[1], 9000));
	for (int k = 0; k < SIZE; k++)
		pb_team_leave(&teams[k], false);
}
END_TEST

/* A rank that was stopped while it had the lock stops nobody else. */
START_TEST(stopped_with_the_lock)
{
	struct pb_team teams[SIZE];
	const size_t place = 0;
	size_t chosen, n = 1;
	open_teams(teams);
	for (int k = 0; k < SIZE; k++)
		teams[k].stalled_after = 0.02;
	ck_assert_int_eq(pb_lock_take(teams[1].claims), 0);
	ck_assert_ok(pb_team_claim(&teams[0], BASE, &place, 1, MOST, &chosen, &n));
	ck_assert_uint_eq(n, 0);
	ck_assert(teams[0].stalled && pb_team_has_lost(&teams[0], BASE));
	pb_lock_drop(teams[1].claims);
	ck_assert_ok(pb_team_claim(&teams[0], BASE, &place, 1, MOST, &chosen, &n));
	ck_assert_uint_eq(n, 1);
	for (int k = 0; k < SIZE; k++)
		pb_team_leave(&teams[k], false);
}
END_TEST

/* A rank whose folder is not the one of rank 0 says so. */
START_TEST(nobody_begins)
{
	char *path = NULL;
	struct pb_team team = {.rank = 1, .size = 2, .claims = -1, .patience = 0.05, .top = pb_test_dir()};
	ck_assert_ok(pb_team_join(&team, pb_test_dir(), &path));
	ck_assert_ptr_null(path);
	pb_team_leave(&team, false);
	ck_assert(team.saw_nobody);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("exp_team");
	TCase *tcase = tcase_create("team");
	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, finds, 0, sizeof launches / sizeof *launches);
	tcase_add_loop_test(tcase, shares, 0, 4);
	tcase_add_test(tcase, large_shares);
	tcase_add_test(tcase, stopped_with_the_lock);
	tcase_add_test(tcase, nobody_begins);
	return pb_test_run(suite, NULL);
}
