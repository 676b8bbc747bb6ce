/* gemm_tile.h: one tile of C: the loop over k, in vector registers.
 *
 * Everything that adds up products does it in one way, so that bits do not depend on who did it: an element of C is
 * 0 + a[0]*b[0] + a[1]*b[1] .. in this order, within one block of k, with fused multiply-add where the CPU has it;
 * blocks are added to C in their order.
 */
#ifndef PBK_GEMM_TILE_H
#define PBK_GEMM_TILE_H

#include "gemm_shuffle.h"

enum {
	MR = 3 * GROUP,    /* rows of the highest tile */
	MOST_VECTORS = 6,  /* columns of the widest one, in vectors */
	PREFETCH_ROWS = 8, /* of B ahead */
};

/* What one tile of C is multiplied from, for one block of k, and where it goes. Its columns are whole vectors; of the
 * last one only lanes [first, end) belong to C (first: the lanes before are columns of the vector before it). */
struct tile {
	int64_t kc;
	const real *a; /* element (i, p) is a[i / GROUP * step + p * GROUP + i % GROUP] */
	int64_t step;
	const real *b, *last; /* row p is b + p*ldb; the last vector's elements start at last + p*ldb */
	int64_t ldb;
	real *copy; /* B's rows are copied here, one after another, for the tiles to come; or NULL */
	real *c;
	int64_t ldc, rows, first, end;
	real alpha;
	bool add; /* C is added to */
};

/* C's new value: alpha * sum, or that added to the old one. */
static ALWAYS_INLINE vector combine(bool add, vector alpha, vector sum, const real *c)
{
	return add ? multiply_add(alpha, sum, load(c)) : alpha * sum;
}

/* Where some lanes of the last vector do not belong to C. */
static inline void store_rows(int vectors, const struct tile *t, vector sum[][MOST_VECTORS])
{
	const size_t size = (size_t)(t->end - t->first) * sizeof(real);
	const vector alpha = broadcast(t->alpha);
	for (int i = 0; i < t->rows; i++) {
		real *c = t->c + i * t->ldc, x[WIDTH] = {0};
		for (int v = 0; v + 1 < vectors; v++, c += WIDTH)
			store(c, combine(t->add, alpha, sum[i][v], c));
		memcpy(x + t->first, c, t->add ? size : 0);
		store(x, combine(t->add, alpha, sum[i][vectors - 1], x));
		memcpy(c, x + t->first, size);
	}
}

static ALWAYS_INLINE void store_all(const int rows, const int vectors, bool add, const struct tile *t,
				    vector sum[][MOST_VECTORS])
{
	const vector alpha = broadcast(t->alpha);
	const int64_t ldc = t->ldc, valid = t->rows;
	real *c = t->c;
#pragma GCC unroll 12
	for (int i = 0; i < rows; i++, c += ldc)
		if (i < valid)
#pragma GCC unroll 6
			for (int v = 0; v < vectors; v++)
				store(c + v * WIDTH, combine(add, alpha, sum[i][v], c + v * WIDTH));
}

static ALWAYS_INLINE void store_tile(const int rows, const int vectors, const struct tile *t,
				     vector sum[][MOST_VECTORS])
{
	if (t->end - t->first == WIDTH) {
		if (t->add)
			store_all(rows, vectors, true, t, sum);
		else
			store_all(rows, vectors, false, t, sum);
		return;
	}
	vector spilled[MR][MOST_VECTORS];
#pragma GCC unroll 12
	for (int i = 0; i < rows; i++)
#pragma GCC unroll 6
		for (int v = 0; v < vectors; v++)
			spilled[i][v] = sum[i][v];
	store_rows(vectors, t, spilled);
}

/* sum[i] += row i of A * x. */
static ALWAYS_INLINE void add_products(const int rows, const int vectors, const real *a, int64_t step,
				       const vector x[], vector sum[][MOST_VECTORS])
{
#pragma GCC unroll 12
	for (int i = 0; i < rows; i++) {
		const vector left = broadcast(a[i / GROUP * step + i % GROUP]);
#pragma GCC unroll 6
		for (int v = 0; v < vectors; v++)
			sum[i][v] = multiply_add(left, x[v], sum[i][v]);
	}
}

/* rows x `vectors` of C; both are constants where this is inlined, and so is `copy`. */
static ALWAYS_INLINE void multiply_tile(const int rows, const int vectors, const bool copy, const struct tile *t)
{
	vector sum[MR][MOST_VECTORS];
#pragma GCC unroll 12
	for (int i = 0; i < rows; i++)
#pragma GCC unroll 6
		for (int v = 0; v < vectors; v++)
			sum[i][v] = (vector){0};
	const real *a = t->a, *b = t->b;
	const int64_t kc = t->kc, ldb = t->ldb, step = t->step, to_last = t->last - t->b;
	real *packed = t->copy;
	for (int64_t p = 0; p < kc; p++, a += GROUP, b += ldb) {
		vector x[MOST_VECTORS];
#pragma GCC unroll 6
		for (int v = 0; v < vectors; v++) {
			const real *from = v + 1 < vectors ? b + v * WIDTH : b + to_last;
			__builtin_prefetch(from + PREFETCH_ROWS * ldb);
			x[v] = load(from);
			if (copy)
				store(packed + v * WIDTH, x[v]);
		}
		if (copy)
			packed += vectors * WIDTH;
		add_products(rows, vectors, a, step, x, sum);
	}
	store_tile(rows, vectors, t, sum);
}

static ALWAYS_INLINE void add_column(const int rows, const real *a, int64_t step, vector x, int v,
				     vector sum[][MOST_VECTORS])
{
#pragma GCC unroll 12
	for (int i = 0; i < rows; i++)
		sum[i][v] = multiply_add(broadcast(a[i / GROUP * step + i % GROUP]), x, sum[i][v]);
}

/* rows x `vectors` of C, vectors being 1 or 2, from a B whose rows lie along k, `ldb` apart, transposed in registers.
 * The sums of two vectors take turns, so that one need not wait for its last addition. */
static ALWAYS_INLINE void multiply_transposed(const int rows, const int vectors, const struct tile *t)
{
	vector sum[MR][MOST_VECTORS];
#pragma GCC unroll 12
	for (int i = 0; i < rows; i++)
		sum[i][0] = sum[i][1] = (vector){0};
	const real *a = t->a;
	const int64_t kc = t->kc, step = t->step;
	for (int64_t p = 0; p < kc; p += WIDTH, a += WIDTH * GROUP)
#pragma GCC unroll 2
		for (int v = 0; v < vectors; v++) {
			const bool last = v + 1 == vectors;
			vector x[WIDTH];
			load_rows(WIDTH, (last ? t->last : t->b) + p, t->ldb, last ? t->end : WIDTH, kc - p, x);
			transpose(x);
			if (kc - p >= WIDTH) {
#pragma GCC unroll 16
				for (int l = 0; l < WIDTH; l++)
					add_column(rows, a + l * GROUP, step, x[l], v, sum);
			} else {
				real rest[WIDTH * WIDTH];
				memcpy(rest, x, sizeof rest);
				for (int l = 0; l < kc - p; l++)
					add_column(rows, a + l * GROUP, step, load(rest + l * WIDTH), v, sum);
			}
		}
	store_tile(rows, vectors, t, sum);
}

#endif
