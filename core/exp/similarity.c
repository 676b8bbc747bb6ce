/* similarity.c: a pass for each example, then Gram matrices. */
#include "exp/similarity.h"

#include <math.h>

#include "base/status.h"
#include "exp/adjoint.h"

struct maker {
	const struct pb_plan *plan;
	struct pb_arena *arena;
	struct pb_adjoint *adjoints; /* [n] */
	size_t n, n_params;
	struct pb_result_example *examples; /* [n] */
	double *dots;                       /* [n_params, n, n] */
};

static int make_gradient(struct maker *m, const struct pb_params *weights, size_t i, int64_t unit, bool dense)
{
	const struct pb_plan_example *e = &m->plan->similarity[i];
	struct pb_examples x;
	int rc = pb_plan_example(m->plan, e, e->unit >= 0 ? e->unit : unit, m->arena, &x);
	if (!rc)
		rc = pb_adjoint_make(m->plan, weights, m->plan->loss, &x, NULL, dense, &m->adjoints[i]);
	if (rc)
		return pb_fail_in(rc, "similarity, %s", e->label);
	const char *text = pb_data_tokens_text(m->plan, x.tokens, x.n_pos, m->arena);
	if (text && x.n_examples > 1)
		text = pb_arena_printf(m->arena, "%s (+%lld)", text, (long long)x.n_examples - 1);
	m->examples[i] = (struct pb_result_example){e->label, text, m->adjoints[i].loss, NAN};
	return text ? 0 : -PB_E_NOMEM;
}

/* All parameters of one pair. */
static int multiply(struct maker *m, size_t a, size_t b, const struct pb_cell_gradient **lists, double *dots)
{
	const struct pb_cell_gradient **of_a = lists, **of_b = lists + m->n_params;
	for (size_t p = 0; p < m->n_params; p++) {
		of_a[p] = &m->adjoints[a].gradients[p];
		of_b[p] = &m->adjoints[b].gradients[p];
	}
	int rc = pb_gradient_dots(m->plan->device, m->plan->config->dtype, m->n_params, of_a, of_b, dots);
	for (size_t p = 0; !rc && p < m->n_params; p++)
		m->dots[(p * m->n + a) * m->n + b] = m->dots[(p * m->n + b) * m->n + a] = dots[p];
	return rc;
}

static int multiply_all(struct maker *m)
{
	struct pb_arena lists = {0};
	const struct pb_cell_gradient **both = pb_arena_array(&lists, 2 * m->n_params, sizeof *both);
	double *dots = pb_arena_array(&lists, m->n_params, sizeof *dots);
	int rc = both && dots ? 0 : -PB_E_NOMEM;
	for (size_t a = 0; !rc && a < m->n; a++)
		for (size_t b = 0; !rc && b <= a; b++)
			rc = multiply(m, a, b, both, dots);
	pb_arena_finish(&lists);
	return rc ? rc : pb_device_status(m->plan->device);
}

/* NaN where one of the two is zero, or has no gradient at all: a direction is missing. */
static void cosines(size_t n, const double *dots, double *ret)
{
	for (size_t a = 0; a < n; a++)
		for (size_t b = 0; b < n; b++) {
			double size = sqrt(dots[a * n + a]) * sqrt(dots[b * n + b]);
			ret[a * n + b] = a == b && size > 0 ? 1.0 : size > 0 ? dots[a * n + b] / size : NAN;
		}
}

static int fill_result(struct maker *m, struct pb_result_similarity *r)
{
	size_t nn = m->n * m->n;
	double *all = pb_arena_array(m->arena, nn, sizeof *all);
	double *cosine = pb_arena_array(m->arena, (1 + m->n_params) * nn, sizeof *cosine);
	const char **params = pb_arena_array(m->arena, m->n_params, sizeof *params);
	if (!all || !cosine || !params)
		return -PB_E_NOMEM;
	for (size_t p = 0; p < m->n_params; p++) {
		params[p] = m->plan->model.table.items[p].name;
		cosines(m->n, m->dots + p * nn, cosine + (1 + p) * nn);
		for (size_t i = 0; i < nn; i++)
			all[i] += m->dots[p * nn + i];
	}
	cosines(m->n, all, cosine);
	for (size_t i = 0; i < m->n; i++)
		m->examples[i].grad_norm = sqrt(all[i * m->n + i]);
	*r = (struct pb_result_similarity){.loss = pb_scorer_name(m->plan->loss),
					   .n = m->n,
					   .examples = m->examples,
					   .n_params = m->n_params,
					   .params = params,
					   .cosine = cosine,
					   .dots = m->dots};
	return 0;
}

int pb_similarity_make(const struct pb_plan *plan, const struct pb_params *weights, int64_t unit, bool dense,
		       struct pb_arena *arena, struct pb_result_similarity *ret_result)
{
	struct maker m = {
		.plan = plan, .arena = arena, .n = plan->n_similarity, .n_params = (size_t)plan->model.table.n};
	struct pb_arena lists = {0};
	m.adjoints = pb_arena_array(&lists, m.n, sizeof *m.adjoints);
	m.examples = pb_arena_array(arena, m.n, sizeof *m.examples);
	m.dots = pb_arena_array(arena, m.n_params * m.n * m.n, sizeof *m.dots);
	int rc = m.adjoints && m.examples && m.dots ? 0 : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < m.n; i++)
		rc = make_gradient(&m, weights, i, unit, dense);
	if (!rc)
		rc = multiply_all(&m);
	if (!rc)
		rc = fill_result(&m, ret_result);
	for (size_t i = 0; m.adjoints && i < m.n; i++)
		pb_adjoint_finish(&m.adjoints[i]);
	pb_arena_finish(&lists);
	return rc;
}
