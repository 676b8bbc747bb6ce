/* fast_estimate.c: first-order estimates of cells that share a pass. */
#include <math.h>

#include "base/status.h"
#include "exp/fast.h"

int pb_fast_make_estimates(struct pb_fast *e)
{
	e->estimates = pb_arena_array(&e->arena, e->n_probes, sizeof *e->estimates);
	int rc = e->estimates ? 0 : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < e->n_probes; i++)
		rc = pb_estimate_init(e->plan, e->weights, &e->probes[i].questions, e->questions[i].reference, false,
				      &e->estimates[i]);
	return rc;
}

/* The cells of one probe, by its metric's gradient. */
static int estimate_probe(struct pb_fast *e, size_t probe, struct pb_fast_cell *cells,
			  const struct pb_stepped_cell *stepped, size_t n)
{
	size_t n_params = (size_t)e->plan->model.table.n, count = 0;
	struct pb_stepped_cell *mine = pb_arena_array(&e->lists, n, sizeof *mine);
	struct pb_fast_cell **owner = pb_arena_array(&e->lists, n, sizeof *owner);
	double *parts = pb_arena_array(&e->lists, n * n_params, sizeof *parts);
	if (!mine || !owner || !parts)
		return -PB_E_NOMEM;
	for (size_t c = 0; c < n; c++)
		if (cells[c].probe == probe && !cells[c].rc) {
			mine[count] = stepped[c];
			owner[count++] = &cells[c];
		}
	int rc = count ? pb_estimate_steps(&e->estimates[probe], mine, count, parts) : 0;
	for (size_t c = 0; !rc && c < count; c++) {
		owner[c]->parts = parts + c * n_params;
		owner[c]->estimate = e->ends[probe].metric_before;
		for (size_t i = 0; i < n_params; i++)
			owner[c]->estimate += owner[c]->parts[i];
	}
	return rc;
}

int pb_fast_estimate(struct pb_fast *e, struct pb_fast_cell *cells, const struct pb_stepped_cell *stepped, size_t n)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < e->n_probes; i++)
		rc = estimate_probe(e, i, cells, stepped, n);
	return rc;
}
