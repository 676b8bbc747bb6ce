/* figures.h: one picture each, as text; report.h's pb_report_write_figures makes files of them. */
#ifndef PB_REPORT_FIGURES_H
#define PB_REPORT_FIGURES_H

#include "report/result.h"
#include "report/svg.h"

/* svg_heatmap.c: as the terminal and the page have it: same scale, colours, digits, rows, columns and facets. The
 * sweep's cells are in order (pb_column_check). */
void pb_figure_sweep(struct pb_svg *svg, const struct pb_result_sweep *sweep);
/* svg_curves.c: losses on a logarithmic scale, everything else on a linear one. */
void pb_figure_stage(struct pb_svg *svg, const struct pb_result_stage *stage);
/* svg_scatter.c */
void pb_figure_estimate(struct pb_svg *svg,
			const struct pb_result_sweep *sweep); /* which has both, exact values and estimates */
void pb_figure_units(struct pb_svg *svg, const struct pb_result_units *units);
/* svg_probed.c */
void pb_figure_pattern(struct pb_svg *svg, const struct pb_result_pattern *pattern);
void pb_figure_update(struct pb_svg *svg, const struct pb_result_update *update);

#endif
