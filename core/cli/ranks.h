/* ranks.h: what the ranks of one machine share: its cores and GPUs. */
#ifndef PB_CLI_RANKS_H
#define PB_CLI_RANKS_H

#include "exp/team.h"

/* Threads for this rank's share of the cores, unless the launcher has bound it to some; 0: all that it may use. */
int pb_cli_threads_of_rank(const struct pb_team *team);
/* Whose turn it is to take a GPU, where they are named without a number: each rank has one of its own, as long as there are
 * some. */
int pb_cli_turn_of_rank(const struct pb_team *team);

#endif
