/* folder.h: a run's folder: resolved config, log, checkpoints, tables, report. */
#ifndef PB_EXP_FOLDER_H
#define PB_EXP_FOLDER_H

#include <stdio.h>

#include "exp/plan.h"
#include "report/events.h"

struct pb_folder {
	char *path; /* owned */
	FILE *log;  /* log.txt */
	struct pb_events events;
};

/* Makes `out`, or runs/NAME-DATE-TIME when out is NULL, and writes config.yaml and sets.csv (which unit is in which
 * set). A folder that holds a run already is -PB_E_USAGE. above: who gets the run's events besides events.jsonl; may be NULL. */
int pb_folder_open(const struct pb_plan *plan, const char *out, struct pb_events *above,
		   struct pb_folder *ret_folder);
void pb_folder_close(struct pb_folder *folder);
void pb_folder_log(struct pb_folder *folder, const char *format, ...) PB_PRINTF(2, 3); /* with the time */
/* checkpoints/NAME.safetensors */
int pb_folder_save(const struct pb_folder *folder, const char *name, const struct pb_params *params);

#endif
