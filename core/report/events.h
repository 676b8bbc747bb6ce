/* events.h: what a run is doing, as lines of JSON: events.jsonl in its folder, for `patchbay watch` and for scripts.
 *
 * Each line is an object with `event`: "run" (name, folder, version, pid, host, time), "begin", "progress" and "end" (kind, what, done,
 * total, seconds; detail), "sweep" (folder, name, file, cells, seconds, notes: its table is written), "done" (folder, seconds) or
 * "failed" (also text). A run over several seeds has the events of each seed's run in its own, too. Events are no results: where they
 * cannot be written, the run goes on without.
 */
#ifndef PB_REPORT_EVENTS_H
#define PB_REPORT_EVENTS_H

#include <stdio.h>

#include "report/result.h"

struct pb_events {
	FILE *file;              /* NULL: none */
	const char *folder;      /* the run's */
	struct pb_events *above; /* gets the same lines; NULL: nobody */
};

/* dir must outlive the events. */
void pb_events_open(struct pb_events *events, const char *dir, struct pb_events *above);
void pb_events_close(struct pb_events *events); /* zeroed is fine */

/* For all of these, events may be NULL. */
void pb_events_run(struct pb_events *events, const char *name);
/* event: "begin", "progress" or "end"; kind: "stage", "sweep", "units", "drilldown", "seed"; total 0: unknown; detail may be
 * NULL. */
void pb_events_step(struct pb_events *events, const char *event, const char *kind, const char *what, int64_t done,
		    int64_t total, double seconds, const char *detail);
void pb_events_sweep(struct pb_events *events, const struct pb_result_sweep *sweep);
void pb_events_finish(struct pb_events *events, double seconds, const char *failure); /* NULL: it is done */

#endif
