/* folder.h: a run's folder: resolved config, log, checkpoints, tables, report. */
#ifndef PB_EXP_FOLDER_H
#define PB_EXP_FOLDER_H

#include <stdio.h>

#include "exp/plan.h"

struct pb_folder {
	char *path; /* owned */
	FILE *log;  /* log.txt */
};

/* Makes `out`, or runs/NAME-DATE-TIME when out is NULL, and writes config.yaml and sets.csv (which unit is in which
 * set). A folder that holds a run already is -PB_E_USAGE. */
int pb_folder_open(const struct pb_plan *plan, const char *out, struct pb_folder *ret_folder);
void pb_folder_close(struct pb_folder *folder);
void pb_folder_log(struct pb_folder *folder, const char *format, ...) PB_PRINTF(2, 3); /* with the time */
/* checkpoints/NAME.safetensors */
int pb_folder_save(const struct pb_folder *folder, const char *name, const struct pb_params *params);

#endif
