/* gradient.c: inner products of gradients that are kept as factors: <X^T dY, X'^T dY'> is the sum over both ranks of
 * (x . x') (dy . dy'), so that a matrix of k*n elements costs k + n for each pair of rows. */
#include "real.h"

static double dot_in_double(int64_t n, const real *restrict x, const real *restrict y)
{
	double lane[LANES] = {0}, total = 0;
	int64_t i = 0;
	for (; i + LANES <= n; i += LANES)
		for (int l = 0; l < LANES; l++)
			lane[l] += (double)x[i + l] * (double)y[i + l];
	for (int l = 0; i + l < n; l++)
		lane[l] += (double)x[i + l] * (double)y[i + l];
	for (int l = 0; l < LANES; l++)
		total += lane[l];
	return total;
}

static double factors_by_factors(int64_t k, int64_t n, const struct pbk_gradient *a, const struct pbk_gradient *b)
{
	double total = 0;
	for (int64_t r = 0; r < a->rank; r++)
		for (int64_t s = 0; s < b->rank; s++)
			total += dot_in_double(k, (const real *)a->x + r * a->ldx, (const real *)b->x + s * b->ldx) *
				 dot_in_double(n, (const real *)a->dy + r * a->lddy, (const real *)b->dy + s * b->lddy);
	return total;
}

static double factors_by_dense(int64_t k, int64_t n, const struct pbk_gradient *a, const real *dense)
{
	double total = 0;
	for (int64_t i = 0; i < k; i++)
		for (int64_t r = 0; r < a->rank; r++)
			total += (double)((const real *)a->x)[r * a->ldx + i] *
				 dot_in_double(n, (const real *)a->dy + r * a->lddy, dense + i * n);
	return total;
}

static double gradient_dot(const struct pbk_gradient_pair *p)
{
	if (p->a.dense && p->b.dense)
		return dot_in_double(p->k * p->n, p->a.dense, p->b.dense);
	if (p->a.dense)
		return factors_by_dense(p->k, p->n, &p->b, p->a.dense);
	if (p->b.dense)
		return factors_by_dense(p->k, p->n, &p->a, p->b.dense);
	return factors_by_factors(p->k, p->n, &p->a, &p->b);
}

static int64_t work_of(const struct pbk_gradient_pair *p)
{
	const int64_t ranks = (p->a.dense ? 1 : p->a.rank) * (p->b.dense ? 1 : p->b.rank);
	return ranks * (p->a.dense || p->b.dense ? p->k * p->n : p->k + p->n);
}

static void gradient_dots(pbk_context *context, int64_t count, const struct pbk_gradient_pair *host_pairs,
			  double *host_dots)
{
	int64_t work = 0;
	for (int64_t i = 0; i < count; i++)
		work += work_of(&host_pairs[i]);
	PBK_PARALLEL(context, count, work,
		     for (int64_t i = begin; i < end; i++) host_dots[i] = gradient_dot(&host_pairs[i]));
}

void PBK_NAME(pbk_fill_gradient)(struct pbk_table *table)
{
	table->gradient_dots = gradient_dots;
}
