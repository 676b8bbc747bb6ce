/* team_impl.h: what team.c and team_join.c share. */
#ifndef PB_EXP_TEAM_IMPL_H
#define PB_EXP_TEAM_IMPL_H

#include "exp/team.h"

char *pb_team_file(const struct pb_team *team, const char *format, int rank); /* in DIR/ranks; the caller frees it */
int pb_team_open_claims(struct pb_team *team);

#endif
