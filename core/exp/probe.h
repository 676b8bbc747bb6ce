/* probe.h: all sweeps on all units that are probed, under one set of weights. */
#ifndef PB_EXP_PROBE_H
#define PB_EXP_PROBE_H

#include "exp/engine.h"
#include "exp/folder.h"
#include "exp/parts.h"
#include "exp/patterns.h"
#include "exp/team.h"
#include "exp/updates.h"
#include "report/report.h"

struct pb_probing {
	const struct pb_plan *plan;
	const struct pb_engine_options *engine;
	struct pb_folder *folder;
	struct pb_shard shard;        /* of the cells */
	struct pb_team *team;         /* who shares the cells; NULL: nobody */
	bool merged;                  /* no cell is to be made */
	int64_t weights;              /* number of the set of weights, for the journal */
	struct pb_terminal *terminal; /* NULL: quiet */
	struct pb_arena *arena;       /* of everything in the results */
	size_t n_units;
	const int64_t *units; /* the data's numbers */
};

/* What came out so far; room for as much as the plan has in all. */
struct pb_probed {
	size_t n_probes;
	struct pb_result_probe *probes; /* [sets of weights * units] */
	size_t n_sweeps;
	struct pb_result_sweep *sweeps; /* [sets of weights * sweeps] */
	struct pb_parts parts;
	struct pb_patterns patterns;
	struct pb_updates updates;
};

/* Units [first, first + n) and their examples, copied: the data keep those of one unit only. */
struct pb_probe_group {
	struct pb_arena arena;
	size_t first, n;
	struct pb_probe_data *probes;
};

/* As many units from `first` on as may share an engine. */
int pb_probe_group_open(const struct pb_probing *probing, size_t first, struct pb_probe_group *ret_group);
void pb_probe_group_close(struct pb_probe_group *group);

/* Probes every unit under `weights` and writes the tables; `name` is what the weights are called where there are
 * several sets of them, else NULL. Units of one shape that follow each other share the engine's passes; what a group
 * needs is given back behind it, so that memory does not grow with the units but by their tables. On failure (or
 * Ctrl-C) whatever was finished is in *probed and written. */
int pb_probe_units(const struct pb_probing *probing, const char *name, const struct pb_params *weights,
		   struct pb_probed *probed);

#endif
