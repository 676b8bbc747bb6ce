/* dashboard.h: a run as its events tell of it, and a picture of that. */
#ifndef PB_REPORT_DASHBOARD_H
#define PB_REPORT_DASHBOARD_H

#include "report/report.h"

/* A stage, a sweep, ...: begun, and perhaps ended. */
struct pb_dashboard_step {
	const char *kind, *what, *detail; /* detail may be NULL */
	int64_t done, total;
	double seconds; /* since it began, when it was last told of */
	double heard;   /* when that was; the caller's clock */
	bool ended;
};

struct pb_dashboard {
	struct pb_arena arena;
	const char *name, *folder, *host, *time; /* NULL: not told yet */
	int64_t pid;
	struct pb_dashboard_step *steps;
	size_t n_steps, room;
	const char *last_sweep; /* its file's name below `sweeps`, without .json; NULL: none yet */
	size_t n_notes;         /* of the audit, so far */
	bool ended;
	const char *failure; /* of a run that ended; NULL: it is done */
	double seconds;      /* of a run that ended */
};

void pb_dashboard_finish(struct pb_dashboard *dashboard); /* zeroed is fine */
/* One line of events.jsonl; `now` is the caller's clock. What it cannot read it leaves out. -PB_E_NOMEM. */
int pb_dashboard_take(struct pb_dashboard *dashboard, const char *line, size_t size, double now);
/* Where it stands, in `height` lines at most (0: any number), without the last sweep's picture. */
void pb_dashboard_draw(const struct pb_dashboard *dashboard, struct pb_terminal *terminal, double now, int height,
		       struct pb_text *out);
/* Its first lines: the run, and whether it has ended. */
void pb_dashboard_draw_head(const struct pb_dashboard *dashboard, struct pb_terminal *terminal, struct pb_text *out);
/* One step, as one line. */
void pb_dashboard_draw_step(const struct pb_dashboard_step *step, struct pb_terminal *terminal, double now,
			    struct pb_text *out);

#endif
