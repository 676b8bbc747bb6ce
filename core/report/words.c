/* words.c: a sweep in sentences. */
#include "report/words.h"

#include <math.h>
#include <string.h>

#include "report/draw.h"

static bool is_set(const char *text)
{
	return text && *text && strcmp(text, "none") != 0;
}

static bool is_difference(const struct pb_result_sweep *sweep)
{
	return !strcmp(sweep->kind, "difference");
}

void pb_words_description(struct pb_text *out, const struct pb_result_sweep *sweep)
{
	if (is_difference(sweep))
		pb_text_add(out, "the one run's less the other's, cell by cell");
	else if (!sweep->hook)
		pb_text_add(out, "gradients of the named parameters from the clean example, the others' from the "
				 "corrupted one");
	else
		pb_text_add(out, "%s patching of %s by %s", sweep->kind, sweep->hook, sweep->setter);
	if (sweep->hook && is_set(sweep->base))
		pb_text_add(out, "; base %s", sweep->base);
	if (sweep->hook && is_set(sweep->forward))
		pb_text_add(out, "; forward %s", sweep->forward);
	if (sweep->hook && is_set(sweep->backward))
		pb_text_add(out, "; backward %s", sweep->backward);
	if (sweep->hook && is_set(sweep->gradient) && strcmp(sweep->kind, "gradient") == 0)
		pb_text_add(out, "; gradient %s", sweep->gradient);
}

void pb_words_ends(struct pb_text *out, const struct pb_scale *scale)
{
	const struct pb_result_sweep *sweep = scale->sweep;
	bool update = strcmp(sweep->kind, "activation") != 0;
	if (sweep->over)
		pb_text_add(out, "mean of %zu %s%s: ", sweep->over->n, sweep->over->what,
			    sweep->over->n == 1 ? "" : "s");
	if (is_difference(sweep)) {
		pb_text_add(out, "difference of the %s; the same in both = ",
			    sweep->score_defined ? "score" : sweep->metric);
	} else if (sweep->score_defined) {
		pb_text_add(out, "score 0 = %s (%s ", update ? "after the corrupted update" : "the corrupted run",
			    sweep->metric);
		pb_draw_number(out, sweep->metric_corrupted);
		pb_text_add(out, "), 1 = %s (", update ? "after the clean update" : "the clean run");
		pb_draw_number(out, sweep->metric_clean);
		pb_text_add(out, "); nothing happened = ");
	} else {
		pb_text_add(out, "no score, because both ends give the same %s; shown is the %s itself; both ends = ",
			    sweep->metric, sweep->metric);
	}
	pb_draw_number(out, scale->neutral);
}

void pb_words_estimate(struct pb_text *out, const struct pb_result_sweep *sweep)
{
	const struct pb_result_estimate *e = sweep->estimate;
	pb_text_add(out, e->only ? "first-order estimates: no cell was measured, only the ends"
				 : "first-order estimate beside the exact values");
	if (!isnan(e->correlation))
		pb_text_add(out, ": correlation %.3f", e->correlation);
	if (!isnan(e->clean)) {
		pb_text_add(out, "; the ends are estimated as clean ");
		pb_draw_number(out, e->clean);
		pb_text_add(out, ", corrupted ");
		pb_draw_number(out, e->corrupted);
	}
}

void pb_words_place(struct pb_text *out, const struct pb_result_sweep *sweep, size_t cell, size_t n_axes)
{
	for (size_t a = 0; a < n_axes; a++)
		pb_text_add(out, "%s%s %s", a ? ", " : "", sweep->axes[a].name,
			    sweep->axes[a].labels[pb_grid_index(sweep, cell, a)]);
}
