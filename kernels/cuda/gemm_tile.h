/* gemm_tile.h: what a block of threads does of a product: a tile of C. */
#ifndef PBK_CUDA_GEMM_TILE_H
#define PBK_CUDA_GEMM_TILE_H

#include "cuda.h"
#include "quad.h"

enum { DEPTH = 16 };

/* One thread's share of loading tiles [DEPTH, WIDTH] of A or B, one behind the other along k. Where it may, it loads quads
 * and does not ask: a width that is beyond the matrix then repeats its end, and has no result. */
template <class real, int WIDTH, int THREADS> struct loader {
	static constexpr int QUADS = WIDTH * DEPTH / 4, EACH = (QUADS + THREADS - 1) / THREADS;
	const bool along, fast; /* along: the tile's width is contiguous in memory, else its depth is */
	const int64_t step;     /* to the next tile */
	const real *at[EACH];
	int room[EACH]; /* elements along the width that exist from there on, four at most */
	quad<real> value[EACH];

	/* Of quad s: its place in the tile. */
	__device__ __forceinline__ int across(int s) const
	{
		const int number = (int)threadIdx.x + s * THREADS;
		return along ? number % (WIDTH / 4) * 4 : number / (DEPTH / 4);
	}

	__device__ __forceinline__ int deep(int s) const
	{
		const int number = (int)threadIdx.x + s * THREADS;
		return along ? number / (WIDTH / 4) : number % (DEPTH / 4) * 4;
	}

	__device__ __forceinline__ bool takes(int s) const
	{
		return QUADS % THREADS == 0 || (int)threadIdx.x + s * THREADS < QUADS;
	}

	/* Of x, from `first` of `limit` on. */
	__device__ __forceinline__ loader(const real *x, int64_t ld, bool along, int64_t first, int64_t limit)
	    : along(along), fast(holds_quads(x, ld) && (!along || limit % 4 == 0)),
	      step(along ? DEPTH * ld : (int64_t)DEPTH)
	{
#pragma unroll
		for (int s = 0; s < EACH; s++) {
			const int64_t end = limit - (along ? 4 : 1), wanted = first + across(s), l = deep(s);
			const int64_t i = fast && wanted > end ? end : wanted;
			at[s] = x + (along ? l * ld + i : i * ld + l);
			room[s] = limit - i < 4 ? (int)(limit - i) : 4;
		}
	}

	__device__ __forceinline__ void load(int64_t l0, int64_t end)
	{
		const bool whole = fast && l0 + DEPTH <= end;
#pragma unroll
		for (int s = 0; s < EACH; s++, at[s - 1] += step) {
			if (!takes(s))
				continue;
			if (whole)
				value[s] = load_quad<true>(at[s], 4);
			else
				value[s] = load_quad<false>(at[s], there(s, l0, end));
		}
	}

	__device__ __forceinline__ int64_t there(int s, int64_t l0, int64_t end) const
	{
		const int64_t deeper = end - l0 - deep(s);
		if (along)
			return deeper > 0 ? room[s] : 0;
		return room[s] > 0 ? deeper : 0;
	}

	__device__ __forceinline__ void store(real tile[DEPTH][WIDTH + 4]) const
	{
#pragma unroll
		for (int s = 0; s < EACH; s++) {
			if (!takes(s))
				continue;
			if (along)
				*reinterpret_cast<quad<real> *>(&tile[deep(s)][across(s)]) = value[s];
			else
#pragma unroll
				for (int e = 0; e < 4; e++)
					tile[deep(s) + e][across(s)] = value[s].v[e];
		}
	}
};

/* A tile of C [M, N], of which each thread makes ROWS rows, one below the other, of COLUMNS columns, in quads that the threads
 * share in turn, so that they read different banks. */
template <int M, int N, int ROWS, int COLUMNS> struct tiling {
	static constexpr int BM = M, BN = N, TM = ROWS, TN = COLUMNS, ACROSS = N / COLUMNS, THREADS = M / ROWS * ACROSS;

	static __device__ __forceinline__ int row(int r)
	{
		return (int)threadIdx.x / ACROSS * TM + r;
	}

	/* Of quad q. */
	static __device__ __forceinline__ int column(int q)
	{
		return ((int)threadIdx.x % ACROSS + q * ACROSS) * 4;
	}
};

/* sum += the tile's product along k lines; the tiles of A and B are loaded one ahead. ta: A is [k, m], else [m, k]; tb: B
 * is [n, k], else [k, n]. */
template <class real, class tile>
static __device__ __forceinline__ void multiply_segment(const real *a, int64_t lda, bool ta, int64_t m, const real *b,
						      int64_t ldb, bool tb, int64_t n, int64_t k, int64_t i0, int64_t j0,
						      real sum[tile::TM][tile::TN])
{
	alignas(16) __shared__ real left[2][DEPTH][tile::BM + 4], right[2][DEPTH][tile::BN + 4];
	loader<real, tile::BM, tile::THREADS> rows(a, lda, ta, i0, m);
	loader<real, tile::BN, tile::THREADS> columns(b, ldb, !tb, j0, n);
	int now = 0;
	rows.load(0, k);
	columns.load(0, k);
	__syncthreads(); /* the segment before has been read */
	for (int64_t l = 0; l < k; l += DEPTH, now ^= 1) {
		rows.store(left[now]);
		columns.store(right[now]);
		__syncthreads();
		if (l + DEPTH < k) {
			rows.load(l + DEPTH, k);
			columns.load(l + DEPTH, k);
		}
#pragma unroll(tile::TM * tile::TN > 16 ? 8 : DEPTH)
		for (int d = 0; d < DEPTH; d++)
#pragma unroll
			for (int r = 0; r < tile::TM; r++)
#pragma unroll
				for (int s = 0; s < tile::TN; s++)
					sum[r][s] = fma(left[now][d][tile::row(r)],
							right[now][d][tile::column(s / 4) + s % 4], sum[r][s]);
	}
}

#endif
