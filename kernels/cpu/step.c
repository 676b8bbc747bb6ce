/* step.c: weights after one step, in plain C and in double: one element at a time. */
#include "real.h"

static double gradient_at(const struct pbk_gradient *g, int64_t n, int64_t i, int64_t j)
{
	if (g->dense)
		return (double)((const real *)g->dense)[i * n + j];
	double total = 0;
	for (int64_t r = 0; r < g->rank; r++)
		total += (double)((const real *)g->x)[r * g->ldx + i] * (double)((const real *)g->dy)[r * g->lddy + j];
	return total;
}

/* p*decay - lr*..., with decay - 1 in place of decay the change. */
static double stepped(const struct pbk_step *s, double decay, double grad_scale, double p, double g)
{
	g = grad_scale * g + s->l2 * p;
	return p * decay - s->lr * (s->adam ? g / (fabs(g) + s->eps) : g);
}

static void multiply_item(const struct pbk_step *step, int64_t n, int64_t k, int64_t ldw,
			  const struct pbk_stepped *item, int64_t j)
{
	for (int64_t i = 0; i < item->m; i++) {
		double total = item->bias ? (double)((const real *)item->bias)[j] : 0;
		for (int64_t l = 0; l < k; l++) {
			double w = (double)((const real *)item->w)[l * ldw + j];
			if (item->present)
				w = stepped(step, step->decay, item->grad_scale, w,
					    gradient_at(&item->gradient, n, l, j));
			total += (double)((const real *)item->a)[i * item->lda + l] * w;
		}
		real *c = (real *)item->c + i * item->ldc + j;
		*c = (real)(item->add ? (double)*c + total : total);
	}
}

static void gemm_stepped(pbk_context *context, const struct pbk_step *step, int64_t n, int64_t k, int64_t ldw,
			 int64_t count, const struct pbk_stepped *items)
{
	(void)context;
	for (int64_t i = 0; i < count; i++)
		for (int64_t j = 0; j < n; j++)
			multiply_item(step, n, k, ldw, &items[i], j);
}

static void step_item_rows(const struct pbk_step *step, bool add, const struct pbk_stepped_rows *item)
{
	const int64_t n = item->n;
	for (int64_t at = 0; at < item->rows * n; at++) {
		const int64_t r = at / n, j = at % n;
		const int32_t grad = item->present ? item->host_grads[r] : -1;
		double p = (double)((const real *)item->table)[item->host_ids[r] * n + j];
		if (item->present)
			p = stepped(step, step->decay, item->grad_scale, p,
				    grad < 0 ? 0 : (double)((const real *)item->g)[grad * n + j]);
		((real *)item->y)[at] = (real)(add ? (double)((real *)item->y)[at] + p : p);
	}
}

static void step_rows(pbk_context *context, const struct pbk_step *step, bool add, int64_t count,
		      const struct pbk_stepped_rows *items)
{
	(void)context;
	for (int64_t i = 0; i < count; i++)
		step_item_rows(step, add, &items[i]);
}

static void step_dots(pbk_context *context, const struct pbk_step *step, int64_t n, int64_t k, const void *w,
		      int64_t ldw, const struct pbk_gradient *m, int64_t count, const struct pbk_stepped *items,
		      double *host_dots)
{
	(void)context;
	for (int64_t c = 0; c < count; c++) {
		host_dots[c] = 0;
		for (int64_t at = 0; items[c].present && at < k * n; at++) {
			const int64_t i = at / n, j = at % n;
			const double p = (double)((const real *)w)[i * ldw + j];
			host_dots[c] += stepped(step, step->decay - 1, items[c].grad_scale, p,
						gradient_at(&items[c].gradient, n, i, j)) *
					gradient_at(m, n, i, j);
		}
	}
}

void PBK_NAME(pbk_fill_step)(struct pbk_table *table)
{
	table->gemm_stepped = gemm_stepped;
	table->step_rows = step_rows;
	table->step_dots = step_dots;
}
