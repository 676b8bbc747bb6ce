/* gradient.c: inner products of gradients that are kept as factors: <X^T dY, X'^T dY'> is the sum over both ranks of
 * (x . x') (dy . dy'), so that a matrix of k*n elements costs k + n for each pair of rows. All in double. */
#include "vector.h"

enum {
	WIDE = VECTOR_SIZE / sizeof(double),
	SIDE = 4, /* dot products are taken in blocks of at most SIDE x SIDE */
};

typedef double wide __attribute__((vector_size(VECTOR_SIZE)));
typedef real narrow __attribute__((vector_size(WIDE * sizeof(real))));

/* Rows of a matrix. */
struct rows {
	const real *data;
	int64_t ld;
};

static ALWAYS_INLINE wide load_wide(const real *x)
{
	narrow v;
	memcpy(&v, x, sizeof v);
	return __builtin_convertvector(v, wide);
}

/* dots[r][s] = a's row r . b's row s, over n elements. */
static ALWAYS_INLINE void dots_of(const int rows, const int columns, int64_t n, struct rows a, struct rows b,
				  double dots[SIDE][SIDE])
{
	wide sum[SIDE][SIDE] = {0};
	int64_t i = 0;
	for (; i + WIDE <= n; i += WIDE) {
		wide left[SIDE];
		for (int r = 0; r < rows; r++)
			left[r] = load_wide(a.data + r * a.ld + i);
		for (int s = 0; s < columns; s++) {
			const wide right = load_wide(b.data + s * b.ld + i);
			for (int r = 0; r < rows; r++)
				sum[r][s] += left[r] * right;
		}
	}
	for (int r = 0; r < rows; r++)
		for (int s = 0; s < columns; s++) {
			dots[r][s] = 0;
			for (int l = 0; l < WIDE; l++)
				dots[r][s] += sum[r][s][l];
			for (int64_t j = i; j < n; j++)
				dots[r][s] += (double)a.data[r * a.ld + j] * (double)b.data[s * b.ld + j];
		}
}

static ALWAYS_INLINE void dots_of_rows(const int rows, int columns, int64_t n, struct rows a, struct rows b,
				       double dots[SIDE][SIDE])
{
	switch (columns) {
	case 1: dots_of(rows, 1, n, a, b, dots); break;
	case 2: dots_of(rows, 2, n, a, b, dots); break;
	case 3: dots_of(rows, 3, n, a, b, dots); break;
	default: dots_of(rows, 4, n, a, b, dots);
	}
}

static void block_of_dots(int rows, int columns, int64_t n, struct rows a, struct rows b, double dots[SIDE][SIDE])
{
	switch (rows) {
	case 1: dots_of_rows(1, columns, n, a, b, dots); break;
	case 2: dots_of_rows(2, columns, n, a, b, dots); break;
	case 3: dots_of_rows(3, columns, n, a, b, dots); break;
	default: dots_of_rows(4, columns, n, a, b, dots);
	}
}

static struct rows rows_from(const void *data, int64_t ld, int64_t row)
{
	return (struct rows){(const real *)data + row * ld, ld};
}

static double factors_by_factors(int64_t k, int64_t n, const struct pbk_gradient *a, const struct pbk_gradient *b)
{
	double total = 0, x[SIDE][SIDE], dy[SIDE][SIDE];
	for (int64_t r = 0; r < a->rank; r += SIDE)
		for (int64_t s = 0; s < b->rank; s += SIDE) {
			const int rows = (int)least(SIDE, a->rank - r), columns = (int)least(SIDE, b->rank - s);
			block_of_dots(rows, columns, k, rows_from(a->x, a->ldx, r), rows_from(b->x, b->ldx, s), x);
			block_of_dots(rows, columns, n, rows_from(a->dy, a->lddy, r), rows_from(b->dy, b->lddy, s), dy);
			for (int i = 0; i < rows * columns; i++)
				total += x[i / columns][i % columns] * dy[i / columns][i % columns];
		}
	return total;
}

/* Each row of the matrix with each dy, weighted by that row's x. */
static double factors_by_dense(int64_t k, int64_t n, const struct pbk_gradient *a, const real *dense)
{
	double total = 0, dots[SIDE][SIDE];
	for (int64_t i = 0; i < k; i += SIDE)
		for (int64_t s = 0; s < a->rank; s += SIDE) {
			const int rows = (int)least(SIDE, k - i), columns = (int)least(SIDE, a->rank - s);
			block_of_dots(rows, columns, n, rows_from(dense, n, i), rows_from(a->dy, a->lddy, s), dots);
			for (int at = 0; at < rows * columns; at++)
				total += dots[at / columns][at % columns] *
					 (double)((const real *)a->x)[(s + at % columns) * a->ldx + i + at / columns];
		}
	return total;
}

static double dense_by_dense(int64_t n, const real *restrict a, const real *restrict b)
{
	double lane[LANES] = {0}, total = 0;
	for (int64_t i = 0; i < n; i++)
		lane[i % LANES] += (double)a[i] * (double)b[i];
	for (int l = 0; l < LANES; l++)
		total += lane[l];
	return total;
}

static double gradient_dot(const struct pbk_gradient_pair *p)
{
	if (p->a.dense && p->b.dense)
		return dense_by_dense(p->k * p->n, p->a.dense, p->b.dense);
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
