/* identity.h: all that a run's results depend on, as lines of text. */
#ifndef PB_EXP_IDENTITY_H
#define PB_EXP_IDENTITY_H

#include "exp/plan.h"

/* patchbay's version, where it computes and how, each plugin with its version and build id, checkpoints that are read with their
 * checksums, and the resolved experiment. Two runs with equal texts have equal results, bit for bit. */
int pb_identity(const struct pb_plan *plan, const char *engine, struct pb_text *out);

#endif
