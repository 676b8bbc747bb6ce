/* report.h: a run's results as files and as pictures in a terminal. May use base/ and ckpt/ (for .npz) only. */
#ifndef PB_REPORT_REPORT_H
#define PB_REPORT_REPORT_H

#include <stdio.h>

#include "base/arena.h"
#include "base/text.h"
#include "report/events.h"
#include "report/result.h"

/* Files; each appears whole or not at all. */
int pb_report_write_sweep(const char *dir, const struct pb_result_sweep *sweep); /* sweeps/FILE.{csv,json,npz} */
int pb_report_write_stage(const char *dir, const struct pb_result_stage *stage); /* curves/NAME.csv */
int pb_report_write_units(const char *dir, const struct pb_result_units *units, const char *name); /* NAME.csv */
int pb_report_write_parts(const char *dir, const struct pb_result_part *parts, size_t n); /* estimate-parameters.csv */
int pb_report_write_similarity(const char *dir, const struct pb_result_similarity *similarity); /* .csv, .json, .npz */
int pb_report_write_probes(const char *dir, const struct pb_result_run *run); /* probes.csv: a row for each of several */
int pb_report_write_drills(const char *dir, const struct pb_result_run *run); /* drilldown.csv: a row for each step */
int pb_report_write_run(const char *dir, const struct pb_result_run *run); /* results.json: everything */
/* results.json back, as pb_report_write_run wrote it; everything is in the arena, on failure too. */
int pb_report_read_run(const char *path, struct pb_arena *arena, struct pb_result_run *ret_run);
int pb_report_read_sweep(const char *path, struct pb_arena *arena, struct pb_result_sweep *ret_sweep); /* sweeps/FILE.json */
/* Pictures in figures/, as .svg: every sweep's heat map (sweep-FILE) and, where it has estimates beside exact values,
 * the ones against the others (estimate-FILE); each stage's curves (curves-STAGE), units before and after (units);
 * of each probe its attention (attention-UNIT) and the sizes of its updates (updates-UNIT), under several sets of
 * weights UNIT.WEIGHTS. */
int pb_report_write_figures(const char *dir, const struct pb_result_run *run);
/* A picture in SVG as one in PNG, `scale` (more than 0) times as large, through librsvg, which is looked for at run
 * time: -PB_E_UNSUPPORTED, saying what to install, where it is not there. */
int pb_report_write_png(const char *svg_path, const char *png_path, double scale);
int pb_report_write_html(const char *path, const struct pb_result_run *run); /* one self-contained page */

/* What the terminal can do. */
struct pb_terminal {
	FILE *out;
	bool tty;   /* cursor movement allowed */
	int colors; /* 0, 256 or 1<<24 */
	int width;  /* columns */
	bool unicode;
};

/* Looks at isatty, NO_COLOR, COLORTERM, TERM, COLUMNS, LANG. */
void pb_terminal_init(struct pb_terminal *terminal, FILE *out);
void pb_terminal_sweep(struct pb_terminal *terminal, const struct pb_result_sweep *sweep); /* heat map + audit */
void pb_terminal_similarity(struct pb_terminal *terminal, const struct pb_result_similarity *similarity);
void pb_terminal_summary(struct pb_terminal *terminal, const struct pb_result_run *run, const char *page);

/* A progress line: redrawn in place on a tty, otherwise a plain line at each tenth and after each minute, at most
 * one in a second. */
struct pb_progress {
	struct pb_terminal *terminal; /* NULL: quiet */
	struct pb_events *events;     /* NULL: none */
	const char *kind;             /* of event: "stage", "sweep", ... */
	const char *what;             /* "X1", "z by head" */
	int64_t total;                /* 0: unknown */
	int64_t from;                 /* done before it began (a resumed run): set it after begin; 0 otherwise */
	int64_t done;
	double started, drawn, sent; /* seconds, monotonic */
	int tenths;
	int columns; /* of the line on the screen, to be wiped by the next one */
};

void pb_progress_begin(struct pb_progress *progress, struct pb_terminal *terminal, struct pb_events *events,
		       const char *kind, const char *what, int64_t total);
/* `detail` is short free text ("loss 0.031  acc 0.97"), may be NULL. Cheap: draws at most ten times a second. */
void pb_progress_at(struct pb_progress *progress, int64_t done, const char *detail);
/* Leaves one final line; `result` as `detail`. */
void pb_progress_end(struct pb_progress *progress, const char *result);
/* The line of what is under way, `elapsed` seconds after its begin; for those who draw by themselves. */
void pb_progress_line(const struct pb_progress *progress, double elapsed, const char *detail, struct pb_text *out);

/* Diverging red-white-blue (low red, high blue, as in plotly's RdBu), t in [-1, 1]; writes r, g, b in 0..255. */
void pb_color_diverging(double t, int ret_rgb[3]);
/* The colour scale's half width: the greatest |value - neutral|, at least a rounding error's worth. */
double pb_scale_half_width(const struct pb_result_sweep *sweep);

#endif
