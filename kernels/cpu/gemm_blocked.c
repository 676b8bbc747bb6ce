/* gemm_blocked.c: matrix products by tiles that stay in vector registers.
 *
 * C is cut into tiles of at most MR rows and NR columns, k into blocks of KC. A tile's part of A is packed to [kc, MR],
 * its part of B to [kc, NR] unless it already lies so, and the innermost loop reads both in order. Where threads share
 * C, tiles stay what they were, and so do their bits.
 * Few rows times rows (A B^T, as in attention scores) are dot products, without packing. Large float products go to
 * oneDNN, whose calls cost too much for the small ones.
 */
#include <string.h>

#include "real.h"

#if defined(__AVX512F__)
enum { VECTOR_SIZE = 64, MR = 12 };
#elif defined(__AVX__)
enum { VECTOR_SIZE = 32, MR = 6 };
#else
enum { VECTOR_SIZE = 16, MR = 6 };
#endif
enum {
	WIDTH = VECTOR_SIZE / sizeof(real),
	NR = 2 * WIDTH,
	KC = 256,
	NC = 1024 / sizeof(real),
	DOT_BLOCK = 4,            /* dot products are taken in blocks of 4 x 4 */
	DOT_ROWS = 8,             /* for at most so many rows of A */
	PACK_ROWS = 4 * MR,       /* rows of A from which packing B pays, where it need not be */
	DNNL_WORK = 32 * 32 * 32, /* m*n*k from which oneDNN is faster */
};

typedef real vector __attribute__((vector_size(VECTOR_SIZE)));

/* A matrix as op(X) is read: element (i, j) is data[i*row + j*column]. */
struct operand {
	const real *data;
	int64_t row, column;
};

struct product {
	struct operand a, b;
	int64_t m, n, k;
	real alpha, beta;
	real *c;
	int64_t ldc;
};

static inline vector load(const real *x)
{
	vector v;
	memcpy(&v, x, sizeof v);
	return v;
}

static inline int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* C = alpha * tile + beta * C. */
static void store_tile(const struct product *p, int64_t i, int64_t j, int64_t rows, int64_t columns,
		       const real *restrict tile, real beta)
{
	for (int64_t r = 0; r < rows; r++) {
		real *restrict c = p->c + (i + r) * p->ldc + j;
		const real *t = tile + r * NR;
		if (beta == 0)
			for (int64_t s = 0; s < columns; s++)
				c[s] = p->alpha * t[s];
		else
			for (int64_t s = 0; s < columns; s++)
				c[s] = p->alpha * t[s] + beta * c[s];
	}
}

/* tile[rows, NR] = A[kc, MR]^T * B[kc, NR]; `rows` is a constant where this is inlined. */
static inline __attribute__((always_inline)) void multiply_rows(const int rows, int64_t kc, const real *a,
								const real *b, int64_t ldb, real *restrict tile)
{
	vector sum[MR][2];
	for (int i = 0; i < rows; i++)
		sum[i][0] = sum[i][1] = (vector){0};
	for (int64_t p = 0; p < kc; p++, a += MR, b += ldb) {
		const vector left = load(b), right = load(b + WIDTH);
#pragma GCC unroll 12
		for (int i = 0; i < rows; i++) {
			sum[i][0] += a[i] * left;
			sum[i][1] += a[i] * right;
		}
	}
	for (int i = 0; i < rows; i++)
		memcpy(tile + i * NR, sum[i], sizeof sum[i]);
}

/* A tile has a third, two thirds or all of MR rows: the fewest that hold `rows`. */
static void multiply_tile(int64_t rows, int64_t kc, const real *a, const real *b, int64_t ldb, real *restrict tile)
{
	if (rows <= MR / 3)
		multiply_rows(MR / 3, kc, a, b, ldb, tile);
	else if (rows <= MR / 3 * 2)
		multiply_rows(MR / 3 * 2, kc, a, b, ldb, tile);
	else
		multiply_rows(MR, kc, a, b, ldb, tile);
}

/* Packs `count` rows (of A) or columns (of B), `step` apart, to [kc, width]; zeros fill up the width. */
static inline __attribute__((always_inline)) void pack(const real *restrict x, int64_t count, int64_t step,
						       int64_t along, int64_t kc, const int64_t width,
						       real *restrict packed)
{
	if (count < width)
		memset(packed, 0, (size_t)(kc * width) * sizeof *packed);
	if (step == 1 && count == width)
		for (int64_t p = 0; p < kc; p++)
			memcpy(packed + p * width, x + p * along, (size_t)width * sizeof *x);
	else if (step == 1)
		for (int64_t p = 0; p < kc; p++)
			for (int64_t i = 0; i < count; i++)
				packed[p * width + i] = x[p * along + i];
	else
		for (int64_t i = 0; i < count; i++)
			for (int64_t p = 0; p < kc; p++)
				packed[p * width + i] = x[i * step + p * along];
}

/* Columns [j, j + nc) of C, for k in [k0, k0 + kc). `b` holds B packed, or is NULL. */
static void multiply_block(const struct product *p, int64_t j, int64_t nc, int64_t k0, int64_t kc,
			   const real *restrict b)
{
	_Alignas(64) real a[KC * MR], tile[MR * NR];
	const real beta = k0 ? 1 : p->beta;
	for (int64_t i = 0; i < p->m; i += MR) {
		const int64_t rows = least(MR, p->m - i);
		pack(p->a.data + i * p->a.row + k0 * p->a.column, rows, p->a.row, p->a.column, kc, MR, a);
		for (int64_t s = 0; s < nc; s += NR) {
			if (b)
				multiply_tile(rows, kc, a, b + s * kc, NR, tile);
			else
				multiply_tile(rows, kc, a, p->b.data + k0 * p->b.row + j + s, p->b.row, tile);
			store_tile(p, i, j + s, rows, least(NR, nc - s), tile, beta);
		}
	}
}

static void multiply_packed(const struct product *p, int64_t begin, int64_t end)
{
	_Alignas(64) real b[KC * NC];
	for (int64_t j = begin; j < end; j += NC) {
		const int64_t nc = least(NC, end - j);
		for (int64_t k0 = 0; k0 < p->k; k0 += KC) {
			const int64_t kc = least(KC, p->k - k0);
			for (int64_t s = 0; s < nc; s += NR)
				pack(p->b.data + k0 * p->b.row + (j + s) * p->b.column, least(NR, nc - s), p->b.column,
				     p->b.row, kc, NR, b + s * kc);
			multiply_block(p, j, nc, k0, kc, b);
		}
	}
}

/* Whole tiles of a B that is read where it lies, the remaining columns packed. */
static void multiply_tiles(const struct product *p)
{
	const int64_t direct = p->b.column == 1 && p->m < PACK_ROWS ? p->n / NR * NR : 0;
	for (int64_t k0 = 0; direct && k0 < p->k; k0 += KC)
		multiply_block(p, 0, direct, k0, least(KC, p->k - k0), NULL);
	multiply_packed(p, direct, p->n);
}

static inline real sum_vector(const vector *v)
{
	real x[WIDTH];
	memcpy(x, v, sizeof x);
	for (int half = WIDTH / 2; half; half /= 2)
		for (int i = 0; i < half; i++)
			x[i] += x[i + half];
	return x[0];
}

/* Dot products of `rows` rows of A with `columns` rows of B; constants where this is inlined. */
static inline __attribute__((always_inline)) void multiply_dots(const struct product *p, int64_t i, int64_t j,
								const int rows, const int columns)
{
	vector sum[DOT_BLOCK][DOT_BLOCK] = {0};
	const real *a = p->a.data + i * p->a.row, *b = p->b.data + j * p->b.column;
	int64_t l = 0;
	for (; l + WIDTH <= p->k; l += WIDTH)
		for (int r = 0; r < rows; r++)
			for (int s = 0; s < columns; s++)
				sum[r][s] += load(a + r * p->a.row + l) * load(b + s * p->b.column + l);
	for (int r = 0; r < rows; r++)
		for (int s = 0; s < columns; s++) {
			real total = sum_vector(&sum[r][s]);
			for (int64_t t = l; t < p->k; t++)
				total += a[r * p->a.row + t] * b[s * p->b.column + t];
			real *c = p->c + (i + r) * p->ldc + j + s;
			*c = p->beta == 0 ? p->alpha * total : p->alpha * total + p->beta * *c;
		}
}

static void multiply_rows_by_rows(const struct product *p)
{
	const int64_t m = p->m / DOT_BLOCK * DOT_BLOCK, n = p->n / DOT_BLOCK * DOT_BLOCK;
	for (int64_t j = 0; j < n; j += DOT_BLOCK) {
		for (int64_t i = 0; i < m; i += DOT_BLOCK)
			multiply_dots(p, i, j, DOT_BLOCK, DOT_BLOCK);
		for (int64_t i = m; i < p->m; i++)
			multiply_dots(p, i, j, 1, DOT_BLOCK);
	}
	for (int64_t j = n; j < p->n; j++)
		for (int64_t i = 0; i < p->m; i++)
			multiply_dots(p, i, j, 1, 1);
}

static void scale_only(const struct product *p)
{
	for (int64_t i = 0; i < p->m; i++)
		for (int64_t j = 0; j < p->n; j++)
			p->c[i * p->ldc + j] = p->beta == 0 ? 0 : p->beta * p->c[i * p->ldc + j];
}

static bool is_dots(const struct product *p)
{
	return p->a.column == 1 && p->b.row == 1 && p->m <= DOT_ROWS && p->k >= WIDTH;
}

/* Rows [i, i + m) and columns [j, j + n) of C. */
static struct product part_of(const struct product *p, int64_t i, int64_t m, int64_t j, int64_t n)
{
	struct product part = *p;
	part.a.data += i * p->a.row;
	part.b.data += j * p->b.column;
	part.c += i * p->ldc + j;
	part.m = m;
	part.n = n;
	return part;
}

/* By threads along the longer side of C, in whole tiles. */
static void multiply(pbk_context *context, const struct product *p)
{
	const int64_t work = pbk_gemm_work(p->m, p->n, p->k), rows = (p->m + MR - 1) / MR,
		      columns = (p->n + NR - 1) / NR;
	if (!p->k)
		scale_only(p);
	else if (is_dots(p))
		PBK_PARALLEL(context, columns, work, {
			const struct product part = part_of(p, 0, p->m, begin * NR, least(end * NR, p->n) - begin * NR);
			multiply_rows_by_rows(&part);
		});
	else if (p->m < p->n)
		PBK_PARALLEL(context, columns, work, {
			const struct product part = part_of(p, 0, p->m, begin * NR, least(end * NR, p->n) - begin * NR);
			multiply_tiles(&part);
		});
	else
		PBK_PARALLEL(context, rows, work, {
			const struct product part = part_of(p, begin * MR, least(end * MR, p->m) - begin * MR, 0, p->n);
			multiply_tiles(&part);
		});
}

static void gemm(pbk_context *context, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a,
		 int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc)
{
	const struct product p = {
		.a = {a, ta ? 1 : lda, ta ? lda : 1},
		.b = {b, tb ? 1 : ldb, tb ? ldb : 1},
		.m = m,
		.n = n,
		.k = k,
		.alpha = (real)alpha,
		.beta = (real)beta,
		.c = c,
		.ldc = ldc,
	};
	if (sizeof(real) == sizeof(float) && m * n * k >= DNNL_WORK && !is_dots(&p))
		pbk_sgemm_dnnl(context, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
	else
		multiply(context, &p);
}

/* Threads share the products where there are enough; within a product otherwise. */
static void gemm_batch(pbk_context *context, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha,
		       const void *a, int64_t lda, int64_t stride_a, const void *b, int64_t ldb, int64_t stride_b,
		       double beta, void *c, int64_t ldc, int64_t stride_c, int64_t count)
{
	const int64_t shared = count >= context->threads ? count * pbk_gemm_work(m, n, k) : 0;
	PBK_PARALLEL(context, count, shared,
		     for (int64_t i = begin; i < end; i++)
			     gemm(context, ta, tb, m, n, k, alpha, (const real *)a + i * stride_a, lda,
				  (const real *)b + i * stride_b, ldb, beta, (real *)c + i * stride_c, ldc));
}

void PBK_NAME(pbk_fill_gemm_blocked)(struct pbk_table *table)
{
	table->gemm = gemm;
	table->gemm_batch = gemm_batch;
}
