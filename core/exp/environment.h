/* environment.h: what could have changed a result: version, build, machine, plugins. */
#ifndef PB_EXP_ENVIRONMENT_H
#define PB_EXP_ENVIRONMENT_H

#include "exp/plan.h"

/* Fills name, question, version, date and environment of a result from the arena; `engine` is what ran the sweeps. */
int pb_environment(const struct pb_plan *plan, const char *engine, struct pb_arena *arena, struct pb_result_run *result);

#endif
