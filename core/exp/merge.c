/* merge.c: labels, cells, statistics and notes of several tables. */
#include "exp/merge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "exp/estimate.h"

enum { MAX_NOTES = 12, NAMED = 5 };

/* Ends this much closer than the median unit's make a score that outweighs the others. */
static const double close_ends = 0.1;

/* What is being made, of what. */
struct merger {
	const struct pb_merge_part *parts;
	size_t n;
	const char *what;
	struct pb_arena *arena;
	struct pb_result_sweep *out;
};

static const char *label_of(const struct merger *m, size_t axis, int64_t i)
{
	const char *label = m->parts[0].table->axes[axis].labels[i];
	for (size_t k = 1; k < m->n; k++)
		if (strcmp(label, m->parts[k].table->axes[axis].labels[i]) != 0)
			return pb_arena_printf(m->arena, "%lld", (long long)i);
	return label;
}

static int merge_axes(struct merger *m)
{
	const struct pb_result_sweep *first = m->parts[0].table;
	struct pb_result_axis *axes = pb_arena_array(m->arena, first->n_axes, sizeof *axes);
	if (!axes)
		return -PB_E_NOMEM;
	for (size_t a = 0; a < first->n_axes; a++) {
		const char **labels = pb_arena_array(m->arena, (size_t)first->axes[a].n, sizeof *labels);
		if (!labels)
			return -PB_E_NOMEM;
		for (int64_t i = 0; i < first->axes[a].n; i++)
			if (!(labels[i] = label_of(m, a, i)))
				return -PB_E_NOMEM;
		axes[a] = (struct pb_result_axis){first->axes[a].name, first->axes[a].n, labels};
	}
	m->out->axes = axes;
	return 0;
}

/* The mean of those that are finite. */
static double mean_at(const struct merger *m, size_t cell, size_t offset)
{
	double sum = 0.0;
	size_t count = 0;
	for (size_t i = 0; i < m->n; i++) {
		double value = *(const double *)((const char *)&m->parts[i].table->cells[cell] + offset);
		sum += isfinite(value) ? value : 0.0;
		count += isfinite(value) != 0;
	}
	return count ? sum / (double)count : NAN;
}

static void merge_hook(struct pb_result_hook *out, const struct pb_result_hook *hook)
{
	out->fired += hook->fired;
	out->max_change = fmax(out->max_change, hook->max_change);
}

static struct pb_result_cell merge_cell(const struct merger *m, size_t c)
{
	struct pb_result_cell cell = {
		.index = m->parts[0].table->cells[c].index,
		.loss = mean_at(m, c, offsetof(struct pb_result_cell, loss)),
		.grad_norm = mean_at(m, c, offsetof(struct pb_result_cell, grad_norm)),
		.metric = mean_at(m, c, offsetof(struct pb_result_cell, metric)),
		.score = mean_at(m, c, offsetof(struct pb_result_cell, score)),
		.estimate = mean_at(m, c, offsetof(struct pb_result_cell, estimate)),
		.estimate_score = mean_at(m, c, offsetof(struct pb_result_cell, estimate_score)),
	};
	for (size_t i = 0; i < m->n; i++) {
		const struct pb_result_cell *part = &m->parts[i].table->cells[c];
		merge_hook(&cell.forward, &part->forward);
		merge_hook(&cell.backward, &part->backward);
		cell.graph_cut |= part->graph_cut;
		if (part->params_without_grad > cell.params_without_grad)
			cell.params_without_grad = part->params_without_grad;
	}
	return cell;
}

/* The spread of one number over the tables. */
static int spread_at(const struct merger *m, struct pb_bootstrap *bootstrap, size_t cell, size_t offset, double *values,
		     struct pb_result_spread *ret_spread)
{
	for (size_t i = 0; i < m->n; i++)
		values[i] = *(const double *)((const char *)&m->parts[i].table->cells[cell] + offset);
	return pb_bootstrap_spread(bootstrap, values, m->n, ret_spread);
}

static int merge_cells(struct merger *m, struct pb_bootstrap *bootstrap, struct pb_result_members *over)
{
	const struct pb_result_sweep *first = m->parts[0].table;
	size_t n_cells = first->n_cells;
	bool only = first->estimate && first->estimate->only;
	struct pb_result_cell *cells = pb_arena_array(m->arena, n_cells, sizeof *cells);
	struct pb_result_spread *metric = pb_arena_array(m->arena, n_cells, sizeof *metric);
	struct pb_result_spread *score = pb_arena_array(m->arena, n_cells, sizeof *score);
	double *values = pb_arena_array(m->arena, m->n, sizeof *values);
	int rc = cells && metric && score && values ? 0 : -PB_E_NOMEM;
	for (size_t c = 0; !rc && c < n_cells; c++) {
		cells[c] = merge_cell(m, c);
		rc = spread_at(m, bootstrap, c,
			       only ? offsetof(struct pb_result_cell, estimate)
				    : offsetof(struct pb_result_cell, metric),
			       values, &metric[c]);
		if (!rc)
			rc = spread_at(m, bootstrap, c,
				       only ? offsetof(struct pb_result_cell, estimate_score)
					    : offsetof(struct pb_result_cell, score),
				       values, &score[c]);
	}
	over->metric = metric;
	over->score = score;
	m->out->cells = cells;
	return rc;
}

static int merge_members(struct merger *m, struct pb_result_members *over)
{
	struct pb_result_member *items = pb_arena_array(m->arena, m->n, sizeof *items);
	struct pb_result_sweep *out = m->out;
	if (!items)
		return -PB_E_NOMEM;
	out->metric_clean = out->metric_corrupted = out->seconds = 0.0;
	out->score_defined = false;
	for (size_t i = 0; i < m->n; i++) {
		const struct pb_result_sweep *t = m->parts[i].table;
		items[i] = (struct pb_result_member){m->parts[i].name,    m->parts[i].set,  t->metric_clean,
						     t->metric_corrupted, t->score_defined, t->cells};
		out->metric_clean += t->metric_clean / (double)m->n;
		out->metric_corrupted += t->metric_corrupted / (double)m->n;
		out->seconds += t->seconds;
		out->score_defined |= t->score_defined;
	}
	over->what = m->what;
	over->n = m->n;
	over->items = items;
	return 0;
}

/* Means of what was estimated; how the means of the cells' estimates go with the means of their values. */
static int merge_estimates(struct merger *m)
{
	struct pb_result_estimate *out = pb_arena_alloc(m->arena, sizeof *out);
	size_t n = m->out->n_cells;
	double *values = pb_arena_array(m->arena, 2 * n + 1, sizeof *values);
	if (!out || !values)
		return -PB_E_NOMEM;
	out->only = m->out->estimate->only;
	for (size_t i = 0; i < m->n; i++) {
		const struct pb_result_estimate *e = m->parts[i].table->estimate;
		out->before += e->before / (double)m->n;
		out->clean += e->clean / (double)m->n;
		out->corrupted += e->corrupted / (double)m->n;
	}
	for (size_t c = 0; c < n; c++) {
		values[c] = m->out->cells[c].estimate;
		values[n + c] = m->out->cells[c].metric;
	}
	out->correlation = pb_correlation(n, values, values + n);
	m->out->estimate = out;
	return 0;
}

static bool has_note(const struct pb_result_sweep *table, const char *note)
{
	for (size_t i = 0; i < table->n_notes; i++)
		if (!strcmp(table->notes[i], note))
			return true;
	return false;
}

static double width_of(const struct merger *m, size_t i)
{
	const struct pb_result_sweep *t = m->parts[i].table;
	return t->score_defined ? fabs(t->metric_clean - t->metric_corrupted) : NAN;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Which scores divide by next to nothing; NULL where none does, or on failure. */
static const char *note_close_ends(const struct merger *m, int *ret_rc)
{
	double *widths = pb_arena_array(m->arena, m->n, sizeof *widths);
	const char *names = "";
	size_t n = 0, count = 0;
	for (size_t i = 0; widths && i < m->n; i++)
		if (!isnan(width_of(m, i)))
			widths[n++] = width_of(m, i);
	if (n)
		qsort(widths, n, sizeof *widths, compare);
	for (size_t i = 0; n && names && i < m->n; i++) {
		if (!(width_of(m, i) < close_ends * widths[n / 2]))
			continue;
		if (count < NAMED)
			names = pb_arena_printf(m->arena, "%s%s%s", names, count ? ", " : "", m->parts[i].name);
		count++;
	}
	*ret_rc = widths && names ? 0 : -PB_E_NOMEM;
	if (*ret_rc || !count)
		return NULL;
	const char *note = pb_arena_printf(
		m->arena,
		"%s%s %s%s: both ends lie less than a tenth as far apart as those of the median %s, so a score divides "
		"by little and outweighs others in the mean; compare with the metric, or leave such %ss out",
		m->what, count == 1 ? "" : "s", names, count > NAMED ? ", ..." : "", m->what, m->what);
	*ret_rc = note ? 0 : -PB_E_NOMEM;
	return note;
}

/* "units 3, 17: ...", "12 of 30 units (3, 17, 4, 20, 11, ...): ...", or the note alone where all have it. */
static const char *attribute(const struct merger *m, const char *note)
{
	const char *names = "";
	size_t count = 0;
	for (size_t i = 0; names && i < m->n; i++) {
		if (!has_note(m->parts[i].table, note))
			continue;
		if (count < NAMED)
			names = pb_arena_printf(m->arena, "%s%s%s", names, count ? ", " : "", m->parts[i].name);
		count++;
	}
	if (!names || count == m->n)
		return names ? note : NULL;
	return count > NAMED
		       ? pb_arena_printf(m->arena, "%zu of %zu %ss (%s, ...): %s", count, m->n, m->what, names, note)
		       : pb_arena_printf(m->arena, "%s%s %s: %s", m->what, count > 1 ? "s" : "", names, note);
}

static int merge_notes(struct merger *m)
{
	const char **notes = pb_arena_array(m->arena, MAX_NOTES + 1, sizeof *notes);
	size_t n = 0, more = 0;
	int rc = notes ? 0 : -PB_E_NOMEM;
	const char *close = rc ? NULL : note_close_ends(m, &rc);
	if (rc)
		return rc;
	if (close)
		notes[n++] = close;
	for (size_t i = 0; i < m->n; i++)
		for (size_t k = 0; k < m->parts[i].table->n_notes; k++) {
			const char *note = m->parts[i].table->notes[k];
			bool told = false;
			for (size_t before = 0; before < i && !told; before++)
				told = has_note(m->parts[before].table, note);
			more += !told && n == MAX_NOTES;
			if (told || n == MAX_NOTES)
				continue;
			if (!(notes[n++] = attribute(m, note)))
				return -PB_E_NOMEM;
		}
	if (more && !(notes[n++] = pb_arena_printf(m->arena, "and %zu more notes on single %ss", more, m->what)))
		return -PB_E_NOMEM;
	m->out->notes = notes;
	m->out->n_notes = n;
	return 0;
}

int pb_merge_sweeps(const struct pb_merge_part *parts, size_t n, const char *what, uint64_t seed,
		    struct pb_arena *arena, struct pb_result_sweep *ret_sweep)
{
	struct pb_bootstrap bootstrap;
	struct pb_result_members *over = pb_arena_alloc(arena, sizeof *over);
	*ret_sweep = *parts[0].table;
	struct merger m = {parts, n, what, arena, ret_sweep};
	if (!over)
		return -PB_E_NOMEM;
	ret_sweep->over = over;
	pb_bootstrap_init(&bootstrap, seed);
	int rc = merge_axes(&m);
	if (!rc)
		rc = merge_members(&m, over);
	if (!rc)
		rc = merge_cells(&m, &bootstrap, over);
	if (!rc && ret_sweep->estimate)
		rc = merge_estimates(&m);
	if (!rc)
		rc = merge_notes(&m);
	pb_bootstrap_finish(&bootstrap);
	return rc;
}
