/* gemm.cu: matrix products.
 *
 * An element of C is the sum, in order, of what chunks along k give, each a chain of fused multiply-adds in the order of
 * k. No tile shape, no number of rows and no split among thread blocks changes that, so that a row has the same bits in
 * any batch, which cuBLAS does not promise. cuBLAS serves where other products are asked for (blas.cu).
 */
#include "cuda.h"
#include "blas.h"
#include "quad.h"

enum { DEPTH = 16, THREADS = 256, SHORTEST = 128, MOST_PARTS = 64 };

template <class real> struct product {
	int64_t m, n, k, lda, ldb, ldc, stride_a, stride_b, stride_c;
	bool ta, tb;
	real alpha, beta;
	const real *a, *b;
	real *c;
	const real *bias = NULL; /* [count, n], added to alpha times the product */
	real *parts = NULL; /* [count, splits, m, n]: what each chunk gives, where chunks are shared by thread blocks */
	unsigned *tickets = NULL; /* of the blocks that share a tile: the last to come adds the parts */
	int64_t chunk = 0;
	int terms = 1;  /* products that are added up */
	int chunks = 1; /* of each of them */
	int splits = 1; /* terms * chunks where there are parts */
	int unused = 0;
};

/* The length of a chunk: of k alone, so that no other size matters. */
static int64_t chunk_of(int64_t k)
{
	const int64_t even = (k + MOST_PARTS - 1) / MOST_PARTS, whole = (even + DEPTH - 1) / DEPTH * DEPTH;
	return whole > SHORTEST ? whole : (int64_t)SHORTEST;
}

/* What C becomes; each rounding is written out, so that it is the same wherever this stands. */
template <class real>
static __device__ __forceinline__ real scaled(const product<real> &p, real total, const real *c, const real *bias)
{
	if (bias)
		return fma(p.alpha, total, *bias);
	return p.beta == 0 ? p.alpha * total : fma(p.alpha, total, p.beta * *c);
}

/* One thread's share of loading tiles [DEPTH, WIDTH] of A or B, one behind the other along k. Where it may, it loads quads
 * and does not ask: a width that is beyond the matrix then repeats its end, and has no result. */
template <class real, int WIDTH> struct loader {
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

	/* Of x, from line l0 and from `first` of `limit` on. */
	__device__ __forceinline__ loader(const real *x, int64_t ld, bool along, int64_t first, int64_t limit, int64_t l0)
	    : along(along), fast(holds_quads(x, ld) && (!along || limit % 4 == 0)),
	      step(along ? DEPTH * ld : (int64_t)DEPTH)
	{
#pragma unroll
		for (int s = 0; s < EACH; s++) {
			const int64_t end = limit - (along ? 4 : 1), wanted = first + across(s), l = l0 + deep(s);
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

/* What a thread makes of a tile of C [BM, BN]: TM rows, one below the other, of TN columns, in quads that the tile's
 * threads share in turn, so that they read different banks. */
template <int BM, int BN, int TM, int TN> struct mine {
	static constexpr int ACROSS = BN / TN;

	static __device__ __forceinline__ int row(int r)
	{
		return (int)threadIdx.x / ACROSS * TM + r;
	}

	/* Of quad q. */
	static __device__ __forceinline__ int column(int q)
	{
		return ((int)threadIdx.x % ACROSS + q * ACROSS) * 4;
	}

	/* f(i, j, r, s) for those within the matrix [m, n], where the tile begins at (i0, j0). */
	template <class F>
	static __device__ __forceinline__ void each(int64_t i0, int64_t j0, int64_t m, int64_t n, const F &f)
	{
#pragma unroll
		for (int r = 0; r < TM; r++)
#pragma unroll
			for (int s = 0; s < TN; s++) {
				const int64_t i = i0 + row(r), j = j0 + column(s / 4) + s % 4;
				if (i < m && j < n)
					f(i, j, r, s);
			}
	}
};

/* sum = lines [l0, end) of the tile's product; the tiles of A and B are loaded one ahead. */
template <class real, int BM, int BN, int TM, int TN>
static __device__ __forceinline__ void multiply_chunk(const product<real> &p, const real *a, const real *b, int64_t i0,
						      int64_t j0, int64_t l0, int64_t end, real sum[TM][TN])
{
	using place = mine<BM, BN, TM, TN>;
	alignas(16) __shared__ real left[2][DEPTH][BM + 4], right[2][DEPTH][BN + 4];
	loader<real, BM> rows(a, p.lda, p.ta, i0, p.m, l0);
	loader<real, BN> columns(b, p.ldb, !p.tb, j0, p.n, l0);
	int now = 0;
#pragma unroll
	for (int r = 0; r < TM; r++)
#pragma unroll
		for (int s = 0; s < TN; s++)
			sum[r][s] = 0;
	rows.load(l0, end);
	columns.load(l0, end);
	__syncthreads(); /* the chunk before has been read */
	for (int64_t l = l0; l < end; l += DEPTH, now ^= 1) {
		rows.store(left[now]);
		columns.store(right[now]);
		__syncthreads();
		if (l + DEPTH < end) {
			rows.load(l + DEPTH, end);
			columns.load(l + DEPTH, end);
		}
#pragma unroll(TM * TN > 16 ? 8 : DEPTH)
		for (int d = 0; d < DEPTH; d++)
#pragma unroll
			for (int r = 0; r < TM; r++)
#pragma unroll
				for (int s = 0; s < TN; s++)
					sum[r][s] = fma(left[now][d][place::row(r)],
							right[now][d][place::column(s / 4) + s % 4], sum[r][s]);
	}
}

/* Whether this block is the last of those that share its tile: then all the others' parts can be read. */
static __device__ __forceinline__ bool comes_last(unsigned *ticket, int splits)
{
	__shared__ bool last;
	__threadfence();
	__syncthreads();
	if (!threadIdx.x) {
		last = atomicAdd(ticket, 1u) == (unsigned)splits - 1;
		if (last)
			*ticket = 0; /* for the next launch */
	}
	__syncthreads();
	__threadfence();
	return last;
}

/* total = the parts of all chunks, in their order. */
template <class real, int BM, int BN, int TM, int TN>
static __device__ __forceinline__ void add_parts(const product<real> &p, int64_t batch, int64_t i0, int64_t j0,
						 real total[TM][TN])
{
	using place = mine<BM, BN, TM, TN>;
	const bool fast = p.n % 4 == 0;
	for (int part = 0; part < p.splits; part++) {
		const real *from = p.parts + (batch * p.splits + part) * p.m * p.n;
#pragma unroll
		for (int r = 0; r < TM; r++)
#pragma unroll
			for (int q = 0; q < TN / 4; q++) {
				const int64_t i = i0 + place::row(r), j = j0 + place::column(q);
				const quad<real> x = fetch_quad(from + i * p.n + j, fast, i < p.m ? p.n - j : 0);
#pragma unroll
				for (int e = 0; e < 4; e++)
					total[r][q * 4 + e] = part ? total[r][q * 4 + e] + x.v[e] : x.v[e];
			}
	}
}

template <class real, int BM, int BN, int TM, int TN>
static __global__ void __launch_bounds__(THREADS) gemm_kernel(const product<real> p)
{
	using place = mine<BM, BN, TM, TN>;
	const int64_t batch = blockIdx.z / p.splits, i0 = (int64_t)blockIdx.y * BM, j0 = (int64_t)blockIdx.x * BN;
	const int first = p.parts ? (int)(blockIdx.z % p.splits) : 0, last = p.parts ? first + 1 : p.terms * p.chunks;
	real total[TM][TN] = {};
	for (int part = first; part < last; part++) {
		real sum[TM][TN];
		const int64_t at = batch + part / p.chunks, l = part % p.chunks * p.chunk;
		multiply_chunk<real, BM, BN, TM, TN>(p, p.a + at * p.stride_a, p.b + at * p.stride_b, i0, j0, l,
						     l + p.chunk < p.k ? l + p.chunk : p.k, sum);
#pragma unroll
		for (int r = 0; r < TM; r++)
#pragma unroll
			for (int s = 0; s < TN; s++)
				total[r][s] = part == first ? sum[r][s] : total[r][s] + sum[r][s];
	}
	if (p.parts) {
		real *part = p.parts + (int64_t)blockIdx.z * p.m * p.n;
		place::each(i0, j0, p.m, p.n,
			    [&](int64_t i, int64_t j, int r, int s) { part[i * p.n + j] = total[r][s]; });
		if (!comes_last(p.tickets + (batch * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x, p.splits))
			return;
		add_parts<real, BM, BN, TM, TN>(p, batch, i0, j0, total);
	}
	place::each(i0, j0, p.m, p.n, [&](int64_t i, int64_t j, int r, int s) {
		real *c = p.c + batch * p.stride_c + i * p.ldc + j;
		*c = scaled(p, total[r][s], c, p.bias ? p.bias + batch * p.n + j : p.bias);
	});
}

template <class real, int BM, int BN, int TM, int TN>
static void launch_tiles(pbk_context *context, const product<real> &p, int64_t count)
{
	const dim3 grid((unsigned)((p.n + BN - 1) / BN), (unsigned)((p.m + BM - 1) / BM), (unsigned)(count * p.splits));
	pbk_launch(context, gemm_kernel<real, BM, BN, TM, TN>, grid, THREADS, p);
}

static int64_t tiles_of(int64_t m, int64_t n, int64_t count, int64_t bm, int64_t bn)
{
	return (m + bm - 1) / bm * ((n + bn - 1) / bn) * count;
}

/* The largest tile that gives every multiprocessor one; small ones share the chunks too. */
template <class real> static void multiply(pbk_context *context, product<real> p, int64_t count)
{
	const bool large = sizeof(real) == sizeof(float) && tiles_of(p.m, p.n, count, 128, 128) >= context->multiprocessors;
	const bool small = !large && p.m <= 16;
	const int64_t tiles = small ? tiles_of(p.m, p.n, count, 16, 64) : tiles_of(p.m, p.n, count, 64, 64);
	p.chunk = chunk_of(p.k);
	p.chunks = (int)((p.k + p.chunk - 1) / p.chunk);
	p.splits = 1;
	if (!large && p.terms * p.chunks > 1 && tiles < context->multiprocessors && tiles <= PBK_TICKETS) {
		p.splits = p.terms * p.chunks;
		p.tickets = pbk_cuda_tickets(context);
		p.parts = (real *)pbk_cuda_workspace(context, (size_t)(count * p.splits * p.m * p.n) * sizeof(real));
		if (!p.parts || !p.tickets)
			return;
	}
	if constexpr (sizeof(real) == sizeof(float))
		if (large)
			return launch_tiles<real, 128, 128, 8, 8>(context, p, count);
	if (small)
		launch_tiles<real, 16, 64, 1, 4>(context, p, count);
	else
		launch_tiles<real, 64, 64, 4, 4>(context, p, count);
}

/* In as many launches as a grid's z makes necessary. */
template <class real> static void multiply_all(pbk_context *context, product<real> p, int64_t count)
{
	const int64_t chunks = (p.k + chunk_of(p.k) - 1) / chunk_of(p.k), most = 65535 / (chunks > 1 ? chunks : 1);
	for (int64_t first = 0; first < count; first += most) {
		multiply(context, p, count - first < most ? count - first : most);
		p.a += most * p.stride_a;
		p.b += most * p.stride_b;
		p.c += most * p.stride_c;
		p.bias = p.bias ? p.bias + most * p.n : p.bias;
	}
}

template <class real>
static void gemm_batch(pbk_context *context, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a,
		       int64_t lda, int64_t stride_a, const void *b, int64_t ldb, int64_t stride_b, double beta, void *c,
		       int64_t ldc, int64_t stride_c, int64_t count)
{
	if (!m || !n || !count)
		return;
	if (context->matmul != PBK_MATMUL_F32 && sizeof(real) == sizeof(float) && k) {
		const struct pbk_blas_product p = {ta, tb, m, n, k, alpha, beta, lda, ldb, ldc, stride_a, stride_b, stride_c,
						   count, (const float *)a, (const float *)b, (float *)c};
		pbk_blas_multiply(context, &p);
		return;
	}
	const product<real> p = {m, n, k, lda, ldb, ldc, stride_a, stride_b, stride_c, ta, tb, real(alpha), real(beta),
				 (const real *)a, (const real *)b, (real *)c};
	multiply_all(context, p, count);
}

template <class real>
static void linear(pbk_context *context, int64_t groups, int64_t rows, int64_t k, int64_t n, const void *x, const void *w,
		   const void *bias, void *y)
{
	if (context->matmul != PBK_MATMUL_F32 && sizeof(real) == sizeof(float) && k) {
		gemm_batch<real>(context, false, false, rows, n, k, 1, x, k, 0, w, n, k * n, 0, y, groups * n, n, groups);
		pbk_cuda_bias_add<real>(context, rows, groups * n, y, bias);
		return;
	}
	const product<real> p = {rows, n, k, k, n, groups * n, 0, k * n, n, false, false, 1, 0, (const real *)x, (const real *)w,
				 (real *)y, (const real *)bias};
	if (rows && n)
		multiply_all(context, p, groups);
}

template <class real>
static void gemm(pbk_context *context, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a,
		 int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc)
{
	gemm_batch<real>(context, ta, tb, m, n, k, alpha, a, lda, 0, b, ldb, 0, beta, c, ldc, 0, 1);
}

template <class real>
static void gemm_sum(pbk_context *context, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a,
		     int64_t lda, int64_t stride_a, const void *b, int64_t ldb, int64_t stride_b, double beta, void *c,
		     int64_t ldc, int64_t count)
{
	if (!m || !n)
		return;
	if (context->matmul != PBK_MATMUL_F32 || !k) {
		for (int64_t i = 0; i < count; i++)
			gemm<real>(context, ta, tb, m, n, k, alpha, (const real *)a + i * stride_a, lda,
				   (const real *)b + i * stride_b, ldb, i ? 1 : beta, c, ldc);
		return;
	}
	const int64_t most = MOST_PARTS / ((k + chunk_of(k) - 1) / chunk_of(k)); /* parts need memory */
	for (int64_t first = 0; first < count; first += most) {
		product<real> p = {m, n, k, lda, ldb, ldc, stride_a, stride_b, 0, ta, tb, real(alpha),
				   real(first ? 1 : beta), (const real *)a + first * stride_a,
				   (const real *)b + first * stride_b, (real *)c};
		p.terms = (int)(count - first < most ? count - first : most);
		multiply(context, p, 1);
	}
}

template <class real> void pbk_cuda_fill_gemm(struct pbk_table *table)
{
	table->gemm_sum = gemm_sum<real>;
	table->gemm = gemm<real>;
	table->gemm_batch = gemm_batch<real>;
	table->linear = linear<real>;
}

template void pbk_cuda_fill_gemm<float>(struct pbk_table *table);
template void pbk_cuda_fill_gemm<double>(struct pbk_table *table);
