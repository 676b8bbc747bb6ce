/* folder.h: a run's folder: resolved config, log, checkpoints, tables, report. */
#ifndef PB_EXP_FOLDER_H
#define PB_EXP_FOLDER_H

#include <stdio.h>

#include "exp/journal.h"
#include "exp/run.h"
#include "report/events.h"

struct pb_folder {
	char *path; /* owned */
	FILE *log;  /* log.txt */
	struct pb_events events;
	char *journal_path; /* owned */
	struct pb_journal journal;
	uint64_t identity; /* its text's checksum, without that it is a shard: merged, it goes on as the whole run */
	bool resumed;
	int lock; /* held while the run is on */
};

/* Makes options->out, or runs/NAME-DATE-TIME when that is NULL, and writes config.yaml and sets.csv (which unit is in which
 * set). A folder that holds a run already is -PB_E_USAGE, unless `resume` says that it is to be gone on with: then it must hold
 * one, of the same identity (identity.h), or one that was killed before it had done anything, which begins anew. A folder in
 * which a run is going on is -PB_E_USAGE always. A shard is no run of its own to go on with but as the same shard. */
int pb_folder_open(const struct pb_plan *plan, const struct pb_run_options *options, struct pb_folder *ret_folder);
bool pb_folder_holds(const char *path); /* a run, begun or done */
/* A file in the folder; the caller frees it. NULL: out of memory, recorded. */
char *pb_folder_path(const struct pb_folder *folder, const char *name);
void pb_folder_close(struct pb_folder *folder);
void pb_folder_log(struct pb_folder *folder, const char *format, ...) PB_PRINTF(2, 3); /* with the time */
/* checkpoints/NAME.safetensors, by its checksum: -PB_E_FORMAT if it is not the one that was saved. */
int pb_folder_save(const struct pb_folder *folder, const char *name, const struct pb_params *params, uint64_t *ret_checksum);
int pb_folder_load(const struct pb_folder *folder, const char *name, uint64_t checksum, struct pb_params *params);

#endif
