/* gemm_pack.h: copies of A and B in the order in which tiles read them. */
#ifndef PBK_GEMM_PACK_H
#define PBK_GEMM_PACK_H

#include "gemm_tile.h"

/* A matrix as op(X) is read: element (i, j) is data[i*row + j*column]; one of both is 1. */
struct operand {
	const real *data;
	int64_t row, column;
};

static inline const real *at(const struct operand *x, int64_t i, int64_t j)
{
	return x->data + i * x->row + j * x->column;
}

static inline int64_t round_up(int64_t a, int64_t unit)
{
	return (a + unit - 1) / unit * unit;
}

/* GROUP rows of A to [kc][GROUP], where k lies along the rows. */
static inline void pack_group(const real *x, int64_t ld, int64_t rows, int64_t kc, real *packed)
{
	vector v[GROUP];
	for (int64_t p = 0; p < kc; p += WIDTH) {
		const int64_t size = least(WIDTH, kc - p);
		load_rows(GROUP, x + p, ld, rows, size, v);
		interleave(v);
		memcpy(packed + p * GROUP, v, sizeof v);
	}
}

/* Columns of A^T, as many groups as a vector holds, to [kc][GROUP] each, `step` apart. Where there are fewer, what
 * follows in memory does no harm: it makes rows of the tile that are not stored. */
static inline void pack_columns(const real *x, int64_t ld, int64_t rows, int64_t kc, int64_t step, real *packed)
{
	for (int64_t p = 0; p < kc; p++, x += ld, packed += GROUP) {
		real row[WIDTH] = {0};
		const int64_t size = rows + (kc - 1 - p) * ld;
		const bool whole = size >= WIDTH;
		if (!whole)
			memcpy(row, x, (size_t)size * sizeof *row);
		for (int g = 0; g < WIDTH / GROUP; g++)
			memcpy(packed + g * step, (whole ? x : row) + g * GROUP, GROUP * sizeof *row);
	}
}

/* Rows [i, i + rows), columns [k, k + kc) of op(A), GROUP rows to [kc][GROUP]; `step` from one group to the next is
 * round_up(kc, WIDTH) * GROUP. */
static inline void pack_a(const struct operand *a, int64_t i, int64_t rows, int64_t k, int64_t kc, int64_t step,
			  real *packed)
{
	const int64_t rows_at_once = a->column == 1 ? GROUP : WIDTH;
	for (int64_t r = 0; r < rows; r += rows_at_once, packed += step * (rows_at_once / GROUP))
		if (a->column == 1)
			pack_group(at(a, i + r, k), a->row, rows - r, kc, packed);
		else
			pack_columns(at(a, i + r, k), a->column, rows - r, kc, step, packed);
}

/* Columns of op(B) = X^T, that is rows of X, to [kc][vectors * WIDTH]. The last vector starts `back` rows further up
 * and has `end` of them. */
static inline void pack_transposed(const real *x, int64_t ld, int vectors, int64_t back, int64_t end, int64_t kc,
				   real *packed)
{
	for (int v = 0; v < vectors; v++, packed += WIDTH) {
		const bool last = v == vectors - 1;
		const real *rows = x + (v * WIDTH - (last ? back : 0)) * ld;
		real *to = packed;
		for (int64_t p = 0; p < kc; p += WIDTH, rows += WIDTH) {
			vector block[WIDTH];
			load_rows(WIDTH, rows, ld, last ? end : WIDTH, kc - p, block);
			transpose(block);
#pragma GCC unroll 16
			for (int l = 0; l < WIDTH; l++, to += vectors * WIDTH)
				store(to, block[l]);
		}
	}
}

/* The same of a B that is not transposed and has fewer columns than a vector. */
static inline void pack_narrow(const real *x, int64_t ld, int64_t columns, int64_t kc, real *packed)
{
	for (int64_t p = 0; p < kc; p++) {
		vector v;
		load_rows(1, x + p * ld, ld, 1, columns + (kc - 1 - p) * ld, &v);
		store(packed + p * WIDTH, v);
	}
}

#endif
