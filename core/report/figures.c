/* figures.c: every figure of a run as a file. */
#include "report/figures.h"

#include "base/status.h"
#include "report/column.h"
#include "report/output.h"
#include "report/report.h"

/* figures/KIND-NAME[.WEIGHTS].svg */
static int save(struct pb_svg *svg, const char *dir, const char *kind, const char *name, const char *weights)
{
	struct pb_text file = {0};
	pb_text_add(&file, "%s%s%s%s%s", kind, name ? "-" : "", name ? name : "", weights ? "." : "",
		    weights ? weights : "");
	int rc = pb_text_status(&file);
	if (!rc)
		rc = pb_output_save(&svg->text, dir, "figures", file.data, "svg");
	pb_text_finish(&file);
	pb_text_finish(&svg->text);
	return rc;
}

static int write_sweep(const char *dir, const struct pb_result_sweep *sweep)
{
	struct pb_svg svg = {0};
	int rc = pb_column_check(sweep);
	if (rc)
		return rc;
	pb_figure_sweep(&svg, sweep);
	rc = save(&svg, dir, "sweep", sweep->file, NULL);
	if (rc || !sweep->estimate || sweep->estimate->only)
		return rc;
	svg = (struct pb_svg){0};
	pb_figure_estimate(&svg, sweep);
	return save(&svg, dir, "estimate", sweep->file, NULL);
}

static int write_stage(const char *dir, const struct pb_result_stage *stage)
{
	struct pb_svg svg = {0};
	if (!stage->n_points)
		return 0;
	pb_figure_stage(&svg, stage);
	return save(&svg, dir, "curves", stage->name, NULL);
}

static int write_units(const char *dir, const struct pb_result_units *units)
{
	struct pb_svg svg = {0};
	if (!units->n_units)
		return 0;
	pb_figure_units(&svg, units);
	return save(&svg, dir, "units", NULL, NULL);
}

static int write_pattern(const char *dir, const struct pb_result_pattern *pattern)
{
	struct pb_svg svg = {0};
	pb_figure_pattern(&svg, pattern);
	return save(&svg, dir, "attention", pattern->unit, pattern->weights);
}

static int write_update(const char *dir, const struct pb_result_update *update)
{
	struct pb_svg svg = {0};
	pb_figure_update(&svg, update);
	return save(&svg, dir, "updates", update->unit, update->weights);
}

int pb_report_write_figures(const char *dir, const struct pb_result_run *run)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < run->n_sweeps; i++)
		rc = write_sweep(dir, &run->sweeps[i]);
	for (size_t i = 0; !rc && i < run->n_stages; i++)
		rc = write_stage(dir, &run->stages[i]);
	for (size_t i = 0; !rc && i < run->n_units; i++)
		rc = write_units(dir, &run->units[i]);
	for (size_t i = 0; !rc && i < run->n_patterns; i++)
		rc = write_pattern(dir, &run->patterns[i]);
	for (size_t i = 0; !rc && i < run->n_updates; i++)
		rc = write_update(dir, &run->updates[i]);
	return rc;
}
