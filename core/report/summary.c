/* summary.c: what a run found, in a screenful. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/draw.h"
#include "report/scale.h"

enum { STRONGEST = 3 };

static void draw_heading(struct pb_text *out, const struct pb_terminal *terminal, const char *heading)
{
	pb_draw_style(out, terminal, PB_STYLE_BOLD);
	pb_draw_words(out, terminal, "", heading);
	pb_draw_style(out, terminal, PB_STYLE_PLAIN);
}

static void draw_probe(struct pb_text *out, const struct pb_terminal *terminal, const struct pb_result_run *run)
{
	const struct pb_result_probe *probe = run->probe;
	const char *metric = run->n_sweeps ? run->sweeps[0].metric : "metric";
	struct pb_text words = {0};
	pb_text_add(&words, "clean \"%s\", corrupted \"%s\"", probe->clean, probe->corrupted);
	if (!isnan(probe->metric_before)) {
		pb_text_add(&words, "; %s: ", metric);
		pb_draw_number(&words, probe->metric_before);
	}
	/* A run that only looks at activations makes no update. */
	if (!isnan(probe->metric_clean) || !isnan(probe->metric_corrupted)) {
		pb_text_add(&words, " before, ");
		pb_draw_number(&words, probe->metric_clean);
		pb_text_add(&words, " after the clean update, ");
		pb_draw_number(&words, probe->metric_corrupted);
		pb_text_add(&words, " after the corrupted one");
	}
	struct pb_text lead = {0};
	pb_text_add(&lead, "  probe %s: ", probe->unit);
	if (!words.failed && !lead.failed)
		pb_draw_words(out, terminal, lead.data, words.data);
	pb_text_finish_part(&lead, out);
	pb_text_finish_part(&words, out);
}

/* "30 units: 34, 71, ..." */
static void draw_probes(struct pb_text *out, const struct pb_terminal *terminal, const struct pb_result_run *run)
{
	enum { SHOWN = 10 };
	struct pb_text words = {0};
	size_t n = 0;
	while (n < run->n_probes && run->probes[n].weights == run->probes[0].weights)
		n++;
	pb_text_add(&words, "%zu unit%s: ", n, n == 1 ? "" : "s");
	for (size_t i = 0; i < n && i < SHOWN; i++)
		pb_text_add(&words, "%s%s", i ? ", " : "", run->probes[i].unit);
	pb_text_add(&words, n > SHOWN ? ", ..." : "");
	for (size_t i = 0; i < run->n_probes; i += n)
		if (run->probes[i].weights)
			pb_text_add(&words, "%s%s", i ? ", " : "; under ", run->probes[i].weights);
	if (!words.failed)
		pb_draw_words(out, terminal, "  ", words.data);
	pb_text_finish_part(&words, out);
}

/* The cells farthest from where nothing happens, farthest first; returns how many there are. */
static size_t find_strongest(const struct pb_scale *scale, size_t ret_cells[STRONGEST])
{
	size_t count = 0;
	for (size_t c = 0; c < scale->sweep->n_cells; c++) {
		double distance = fabs(pb_scale_place(scale, pb_scale_value(scale->sweep, c)));
		/* A hundredth of the greatest is not among the strongest; neither is a rounding error. */
		if (isnan(distance) || distance < 0.01 || scale->half <= pb_scale_rounding(scale->neutral))
			continue;
		size_t at = count < STRONGEST ? count++ : STRONGEST;
		for (; at > 0; at--) {
			double above = pb_scale_value(scale->sweep, ret_cells[at - 1]);
			if (fabs(pb_scale_place(scale, above)) >= distance)
				break;
			if (at < STRONGEST)
				ret_cells[at] = ret_cells[at - 1];
		}
		if (at < STRONGEST)
			ret_cells[at] = c;
	}
	return count;
}

static bool has_value(const struct pb_result_sweep *sweep)
{
	for (size_t c = 0; c < sweep->n_cells; c++)
		if (!isnan(pb_scale_value(sweep, c)))
			return true;
	return false;
}

static void add_cell(struct pb_text *words, const struct pb_scale *scale, size_t cell)
{
	const struct pb_result_sweep *sweep = scale->sweep;
	char number[PB_SCALE_TEXT];
	pb_scale_write(scale, pb_scale_value(sweep, cell), number);
	for (size_t a = 0; a < sweep->n_axes; a++)
		pb_text_add(words, "%s%s %s", a ? " " : "", sweep->axes[a].name,
		            sweep->axes[a].labels[pb_grid_index(sweep, cell, a)]);
	pb_text_add(words, "%s%s", sweep->n_axes ? ": " : "", number);
}

static void draw_sweep(struct pb_text *out, const struct pb_terminal *terminal, const struct pb_result_sweep *sweep)
{
	struct pb_scale scale;
	size_t cells[STRONGEST];
	struct pb_text words = {0}, lead = {0};
	pb_scale_init(&scale, sweep);
	size_t count = find_strongest(&scale, cells);
	pb_text_add(&lead, "  %s: ", sweep->name);
	for (size_t i = 0; i < count; i++) {
		pb_text_add(&words, i ? "; " : "");
		add_cell(&words, &scale, cells[i]);
	}
	if (!count && !has_value(sweep))
		pb_text_add(&words, "no cell has a value");
	else if (!count)
		pb_text_add(&words, "no cell differs from %.4g, where nothing happens", scale.neutral);
	if (!words.failed && !lead.failed)
		pb_draw_words(out, terminal, lead.data, words.data);
	pb_text_finish_part(&lead, out);
	pb_text_finish_part(&words, out);
}

static void draw_stage(struct pb_text *out, const struct pb_terminal *terminal, const struct pb_result_stage *stage)
{
	struct pb_text words = {0}, lead = {0};
	pb_text_add(&lead, "  %s: ", stage->name);
	pb_text_add(&words, "%s", stage->stopped ? stage->stopped : "");
	for (size_t s = 0; stage->n_points && s < stage->n_series; s++) {
		size_t last = stage->n_points - 1;
		while (last && isnan(stage->series[s].values[last]))
			last--;
		pb_text_add(&words, "%s%s ", words.length ? ", " : "", stage->series[s].name);
		pb_draw_number(&words, stage->series[s].values[last]);
	}
	if (!words.failed && !lead.failed)
		pb_draw_words(out, terminal, lead.data, words.data ? words.data : "");
	pb_text_finish_part(&lead, out);
	pb_text_finish_part(&words, out);
}

/* "  1.048  17.7 %  embed + pos_embed + blocks.0", further in the further down the tree. */
static void draw_step(struct pb_text *out, const struct pb_terminal *terminal, const struct pb_result_drill *drill,
                      const struct pb_result_drill_step *step)
{
	struct pb_text lead = {0};
	pb_text_add(&lead, "    %*s%.3f  %.3g %%  ", (int)(2 * step->level), "", step->score,
	            100.0 * (double)step->parameters / (double)drill->parameters);
	if (!lead.failed)
		pb_draw_words(out, terminal, lead.data, step->level ? step->set : "the whole model");
	pb_text_finish_part(&lead, out);
}

static void draw_drill(struct pb_text *out, const struct pb_terminal *terminal, const struct pb_result_drill *drill)
{
	struct pb_text words = {0}, lead = {0};
	pb_text_add(&lead, "  %g %% of the score%s%s: ", 100.0 * drill->share, drill->weights ? " under " : "",
	            drill->weights ? drill->weights : "");
	if (drill->n_steps) {
		const struct pb_result_drill_step *last = &drill->steps[drill->n_steps - 1];
		pb_text_add(&words, "%" PRId64 " of %" PRId64 " parameters, %" PRId64 " cells%s", last->parameters,
		            drill->parameters, drill->cells, drill->note ? "; " : "");
	}
	pb_text_add(&words, "%s", drill->note ? drill->note : "");
	if (!words.failed && !lead.failed)
		pb_draw_words(out, terminal, lead.data, words.data);
	for (size_t i = 0; i < drill->n_steps; i++)
		draw_step(out, terminal, drill, &drill->steps[i]);
	pb_text_finish_part(&lead, out);
	pb_text_finish_part(&words, out);
}

static void draw_notes(struct pb_text *out, const struct pb_terminal *terminal, const struct pb_result_run *run)
{
	if (run->n_notes)
		draw_heading(out, terminal, "Notes");
	for (size_t i = 0; i < run->n_notes; i++)
		pb_draw_words(out, terminal, "  ! ", run->notes[i]);
}

void pb_terminal_summary(struct pb_terminal *terminal, const struct pb_result_run *run, const char *page)
{
	struct pb_text out = {0};
	draw_heading(&out, terminal, run->name);
	if (run->question && *run->question)
		pb_draw_words(&out, terminal, "  ", run->question);
	if (run->probe)
		draw_probe(&out, terminal, run);
	if (run->n_probes)
		draw_probes(&out, terminal, run);
	if (run->n_stages)
		draw_heading(&out, terminal, "Training");
	for (size_t i = 0; i < run->n_stages; i++)
		draw_stage(&out, terminal, &run->stages[i]);
	if (run->n_sweeps)
		draw_heading(&out, terminal, "Strongest cells");
	for (size_t i = 0; i < run->n_sweeps; i++)
		draw_sweep(&out, terminal, &run->sweeps[i]);
	if (run->n_drills)
		draw_heading(&out, terminal, "Drill-down");
	for (size_t i = 0; i < run->n_drills; i++)
		draw_drill(&out, terminal, &run->drills[i]);
	draw_notes(&out, terminal, run);
	pb_draw_words(&out, terminal, "Report: ", page);
	pb_draw_flush(terminal, &out);
}
