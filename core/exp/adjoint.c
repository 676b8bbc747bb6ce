/* adjoint.c: a forward and a backward pass over the examples' prefixes. */
#include "exp/adjoint.h"

#include <string.h>

#include "base/status.h"

struct pass {
	const struct pb_plan *plan;
	const struct pb_params *weights;
	struct pb_scorer *scorer;
	const struct pb_examples *examples;
	const double *reference;
	struct pb_adjoint *adjoint;
};

/* Forward and backward over one slice; the tape has been reset. Each slice counts by its scored rows. */
static int run_slice(const struct pass *p, const struct pb_slice *s)
{
	struct pb_tape *tape = &p->adjoint->tape;
	struct pb_var *logits;
	struct pb_view seed;
	double loss = 0.0, share = (double)s->n_scored / (double)p->examples->n_scored;
	int rc = pb_slice_forward(&p->plan->model, tape, &p->weights->weights, s, &logits, NULL);
	if (rc)
		return rc;
	const double *reference = p->reference ? p->reference + s->first_scored * logits->value.shape[1] : NULL;
	rc = pb_tensor_new(&tape->pool, tape->dtype, 2, logits->value.shape, &seed);
	if (!rc)
		rc = pb_scorer_seed(p->scorer, &logits->value, p->examples->scored + s->first_scored, reference, &seed);
	if (!rc && share < 1.0)
		rc = pb_view_scale(p->plan->device, &seed, share);
	if (!rc)
		rc = pb_tape_backward(tape, logits, &seed);
	if (!rc)
		rc = pb_scorer_loss(p->scorer, &loss);
	p->adjoint->loss += loss * share;
	return rc;
}

static int make_factors(const struct pass *p, const struct pb_slice *all)
{
	struct pb_adjoint *a = p->adjoint;
	struct pb_factors factors;
	int rc = pb_factors_begin(&factors, &a->tape, p->plan->model.table.n, 1, all->n_examples);
	a->gradients = factors.items;
	if (!rc)
		rc = run_slice(p, all);
	return rc ? rc : pb_factors_settle(&factors);
}

/* A table has a gradient for each of its rows. */
static int whole_table(struct pb_arena *arena, struct pb_cell_gradient *g)
{
	int32_t *ids = pb_arena_array(arena, (size_t)g->k, sizeof *ids);
	for (int32_t i = 0; ids && i < g->k; i++)
		ids[i] = i;
	g->form = PB_GRADIENT_ROWS;
	g->rank = g->k;
	g->ids = ids;
	return ids ? 0 : -PB_E_NOMEM;
}

/* A materialised gradient in the form that a sink of factors gives it. */
static int wrap(const struct pb_param_info *info, const struct pb_view *grad, struct pb_arena *arena,
		struct pb_cell_gradient *ret)
{
	const char *last = strrchr(info->name, '.') + 1;
	*ret = (struct pb_cell_gradient){.form = PB_GRADIENT_VECTOR, .groups = 1, .rank = 1, .k = 1, .n = info->count};
	ret->lddy = ret->n;
	ret->dy = *grad;
	if (strncmp(last, "W_", 2) != 0)
		return 0;
	ret->k = info->shape[info->rank - 2];
	ret->n = ret->lddy = info->shape[info->rank - 1];
	if (!strcmp(last, "W_E") || !strcmp(last, "W_pos"))
		return whole_table(arena, ret);
	ret->form = PB_GRADIENT_MATRIX;
	if (info->rank == 3 && strcmp(last, "W_O") != 0)
		ret->groups = info->shape[0];
	else
		ret->k = info->count / ret->n; /* all heads' rows in one, as the pass has them */
	ret->rank = 0;
	ret->dense = *grad;
	return 0;
}

/* One pass for each slice, their gradients added up. */
static int make_dense(const struct pass *p)
{
	struct pb_adjoint *a = p->adjoint;
	const struct pb_param_table *table = &p->plan->model.table;
	struct pb_dense_sink sink;
	struct pb_slice s = {.all = p->examples};
	struct pb_arena lists = {0};
	bool *present = pb_arena_array(&lists, (size_t)table->n, sizeof *present);
	int rc = present ? pb_params_init(&a->dense, table, p->plan->device, p->plan->config->dtype) : -PB_E_NOMEM;
	if (!rc)
		pb_dense_sink_init(&sink, p->plan->device, &a->tape.arena, table->n, a->dense.views, present);
	while (!rc && pb_slice_next(&s)) {
		pb_tape_reset(&a->tape, &sink.base);
		rc = s.n_scored ? run_slice(p, &s) : 0;
	}
	pb_tape_reset(&a->tape, NULL);
	struct pb_cell_gradient *all = pb_arena_array(&a->tape.arena, (size_t)table->n, sizeof *all);
	a->gradients = all;
	rc = rc || all ? rc : -PB_E_NOMEM;
	for (int i = 0; !rc && i < table->n; i++)
		if (present[i])
			rc = wrap(&table->items[i], &a->dense.views[i], &a->tape.arena, &all[i]);
	pb_arena_finish(&lists);
	return rc;
}

int pb_adjoint_make(const struct pb_plan *plan, const struct pb_params *weights, struct pb_scorer *scorer,
		    const struct pb_examples *examples, const double *reference, bool dense,
		    struct pb_adjoint *ret_adjoint)
{
	const struct pass p = {plan, weights, scorer, examples, reference, ret_adjoint};
	struct pb_slice all = {.all = examples};
	*ret_adjoint = (struct pb_adjoint){0};
	pb_tape_init(&ret_adjoint->tape, plan->device, plan->config->dtype);
	bool one = pb_slice_next(&all) && all.n_examples == examples->n_examples && all.n_scored;
	int rc = one && !dense ? make_factors(&p, &all) : make_dense(&p);
	ret_adjoint->tape.sink = NULL; /* it lived on a stack */
	if (rc)
		pb_adjoint_finish(ret_adjoint);
	return rc;
}

void pb_adjoint_finish(struct pb_adjoint *adjoint)
{
	if (adjoint->tape.device)
		pb_tape_finish(&adjoint->tape);
	pb_params_finish(&adjoint->dense);
	*adjoint = (struct pb_adjoint){0};
}
