/* identity.h: all that a run's results depend on, as lines of text. */
#ifndef PB_EXP_IDENTITY_H
#define PB_EXP_IDENTITY_H

#include "exp/plan.h"

/* patchbay's version, where it computes and how, each plugin with its version and build id, checkpoints that are read with their
 * checksums, and the resolved experiment, wherever its file lies: the data's files are told by their checksums. Two runs with
 * equal texts have equal results, bit for bit. */
int pb_identity(const struct pb_plan *plan, const char *engine, struct pb_text *out);
/* All but the experiment: a line each. */
int pb_identity_facts(const struct pb_plan *plan, const char *engine, struct pb_text *out);
/* The experiment with these lines as its `manifest`: a file that repeats the run, and tells what is otherwise by then. */
int pb_identity_manifest(const struct pb_plan *plan, const char *engine, struct pb_text *out);
/* The first line that only one of two identities has, and the one of the same kind in its place, "nothing such" if there is none.
 * Both NULL: their lines are the same. In the arena. */
void pb_identity_difference(const char *then, const char *now, struct pb_arena *arena, const char **ret_then, const char **ret_now);
/* What is otherwise than the experiment's own `manifest` says, as sentences; none where it has no manifest. */
int pb_identity_compare(const struct pb_plan *plan, const char *engine, struct pb_arena *arena,
			const char *const **ret_notes, size_t *ret_n);

#endif
