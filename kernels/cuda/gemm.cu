/* gemm.cu: matrix products.
 *
 * An element of C is the sum, in order, of what blocks of CHUNK along k give, each a chain of fused multiply-adds in the
 * order of k. No tile shape, no number of rows and no split among thread blocks changes that, so that a row has the same
 * bits in any batch, which cuBLAS does not promise. cuBLAS serves where other products are asked for (blas.cu).
 */
#include "cuda.h"
#include "blas.h"

enum { CHUNK = 512, DEPTH = 16, THREADS = 256 };

template <class real> struct product {
	int64_t m, n, k, lda, ldb, ldc, stride_a, stride_b, stride_c;
	bool ta, tb;
	real alpha, beta;
	const real *a, *b;
	real *c;
	real *parts; /* [count, splits, m, n]: what each chunk gives, where chunks are shared by thread blocks; else NULL */
	int terms;   /* products that are added up, or 1 */
	int chunks;  /* of each of them */
	int splits;  /* terms * chunks where there are parts, else 1 */
	int unused;
};

/* What C becomes; each rounding is written out, so that it is the same wherever this stands. */
template <class real> static __device__ __forceinline__ real scaled(const product<real> &p, real total, const real *c)
{
	return p.beta == 0 ? p.alpha * total : fma(p.alpha, total, p.beta * *c);
}

/* One thread's share of loading a tile [DEPTH, WIDTH] of A or B from rows (or columns) `first` .. of `limit`. */
template <class real, int WIDTH> struct loader {
	static constexpr int each = WIDTH * DEPTH / THREADS;
	real value[each];

	/* `along`: the tile's width is contiguous in memory, else its depth is. Beyond the matrix there are zeros. */
	__device__ __forceinline__ void load(const real *x, int64_t ld, bool along, int64_t first, int64_t limit, int64_t l0,
					     int64_t end)
	{
		for (int s = 0; s < each; s++) {
			const int at = (int)threadIdx.x + s * THREADS;
			const int64_t i = first + (along ? at % WIDTH : at / DEPTH), l = l0 + (along ? at / WIDTH : at % DEPTH);
			value[s] = i < limit && l < end ? x[along ? l * ld + i : i * ld + l] : real(0);
		}
	}

	__device__ __forceinline__ void store(real tile[DEPTH][WIDTH + 4], bool along) const
	{
		for (int s = 0; s < each; s++) {
			const int at = (int)threadIdx.x + s * THREADS;
			tile[along ? at / WIDTH : at % DEPTH][along ? at % WIDTH : at / DEPTH] = value[s];
		}
	}
};

/* sum += rows [l0, end) of the tile's product; the tiles of A and B are loaded one ahead. */
template <class real, int BM, int BN, int TM, int TN>
static __device__ __forceinline__ void add_chunk(const product<real> &p, const real *a, const real *b, int64_t i0, int64_t j0,
						 int64_t l0, int64_t end, real sum[TM][TN])
{
	__shared__ real left[2][DEPTH][BM + 4], right[2][DEPTH][BN + 4];
	const int row = (int)threadIdx.x / (BN / TN) * TM, column = (int)threadIdx.x % (BN / TN) * TN;
	loader<real, BM> rows;
	loader<real, BN> columns;
	int now = 0;
	rows.load(a, p.lda, p.ta, i0, p.m, l0, end);
	columns.load(b, p.ldb, !p.tb, j0, p.n, l0, end);
	__syncthreads(); /* the chunk before has been read */
	for (int64_t l = l0; l < end; l += DEPTH, now ^= 1) {
		rows.store(left[now], p.ta);
		columns.store(right[now], !p.tb);
		__syncthreads();
		if (l + DEPTH < end) {
			rows.load(a, p.lda, p.ta, i0, p.m, l + DEPTH, end);
			columns.load(b, p.ldb, !p.tb, j0, p.n, l + DEPTH, end);
		}
#pragma unroll 8
		for (int d = 0; d < DEPTH; d++)
#pragma unroll
			for (int r = 0; r < TM; r++)
#pragma unroll
				for (int s = 0; s < TN; s++)
					sum[r][s] = fma(left[now][d][row + r], right[now][d][column + s], sum[r][s]);
	}
}

template <class real, int BM, int BN, int TM, int TN>
static __global__ void __launch_bounds__(THREADS) gemm_kernel(const product<real> p)
{
	const int64_t batch = blockIdx.z / p.splits, i0 = (int64_t)blockIdx.y * BM, j0 = (int64_t)blockIdx.x * BN;
	const int first = p.parts ? (int)(blockIdx.z % p.splits) : 0, last = p.parts ? first + 1 : p.terms * p.chunks;
	real total[TM][TN] = {};
	for (int part = first; part < last; part++) {
		real sum[TM][TN] = {};
		const int64_t at = batch + part / p.chunks, l = part % p.chunks * (int64_t)CHUNK;
		add_chunk<real, BM, BN, TM, TN>(p, p.a + at * p.stride_a, p.b + at * p.stride_b, i0, j0, l,
						l + CHUNK < p.k ? l + CHUNK : p.k, sum);
		for (int r = 0; r < TM; r++)
			for (int s = 0; s < TN; s++)
				total[r][s] = part == first ? sum[r][s] : total[r][s] + sum[r][s];
	}
	const int64_t row = i0 + (int)threadIdx.x / (BN / TN) * TM, column = j0 + (int)threadIdx.x % (BN / TN) * TN;
	for (int r = 0; r < TM && row + r < p.m; r++)
		for (int s = 0; s < TN && column + s < p.n; s++) {
			real *c = p.c + batch * p.stride_c + (row + r) * p.ldc + column + s;
			if (p.parts)
				p.parts[((int64_t)blockIdx.z * p.m + row + r) * p.n + column + s] = total[r][s];
			else
				*c = scaled(p, total[r][s], c);
		}
}

/* C from the chunks' parts, added in their order. */
template <class real> static __global__ void join_kernel(const product<real> p)
{
	const int64_t i = element(), size = p.m * p.n, batch = blockIdx.y;
	if (i >= size)
		return;
	const real *part = p.parts + batch * p.splits * size + i;
	real *c = p.c + batch * p.stride_c + i / p.n * p.ldc + i % p.n;
	real total = part[0];
	for (int s = 1; s < p.splits; s++)
		total += part[s * size];
	*c = scaled(p, total, c);
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
	p.chunks = (int)((p.k + CHUNK - 1) / CHUNK);
	p.splits = 1;
	if (!large && p.terms * p.chunks > 1 && tiles < context->multiprocessors) {
		p.splits = p.terms * p.chunks;
		p.parts = (real *)pbk_cuda_workspace(context, (size_t)(count * p.splits * p.m * p.n) * sizeof(real));
		if (!p.parts)
			return;
	}
	if constexpr (sizeof(real) == sizeof(float))
		if (large)
			return launch_tiles<real, 128, 128, 8, 8>(context, p, count);
	if (small)
		launch_tiles<real, 16, 64, 1, 4>(context, p, count);
	else
		launch_tiles<real, 64, 64, 4, 4>(context, p, count);
	if (p.parts) {
		dim3 grid = pbk_grid(p.m * p.n);
		grid.y = (unsigned)count;
		pbk_launch(context, join_kernel<real>, grid, BLOCK, p);
	}
}

template <class real>
static void gemm_batch(pbk_context *context, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a,
		       int64_t lda, int64_t stride_a, const void *b, int64_t ldb, int64_t stride_b, double beta, void *c,
		       int64_t ldc, int64_t stride_c, int64_t count)
{
	constexpr int64_t MOST = 65535; /* of a grid's z */
	if (!m || !n || !count)
		return;
	if (context->matmul != PBK_MATMUL_F32 && sizeof(real) == sizeof(float) && k) {
		const struct pbk_blas_product p = {ta, tb, m, n, k, alpha, beta, lda, ldb, ldc, stride_a, stride_b, stride_c,
						   count, (const float *)a, (const float *)b, (float *)c};
		pbk_blas_multiply(context, &p);
		return;
	}
	product<real> p = {m,  n,  k,           lda,        ldb,          ldc,          stride_a,  stride_b, stride_c,
			   ta, tb, real(alpha), real(beta), (const real *)a, (const real *)b, (real *)c, NULL, 1, 1, 1, 0};
	const int64_t chunks = k / CHUNK + 1, most = chunks < MOST ? MOST / chunks : 1;
	for (int64_t first = 0; first < count; first += most) {
		multiply(context, p, count - first < most ? count - first : most);
		p.a += most * stride_a;
		p.b += most * stride_b;
		p.c += most * stride_c;
	}
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
	constexpr int64_t MOST = 64; /* parts need memory, and a grid's z has an end */
	if (!m || !n)
		return;
	if (context->matmul != PBK_MATMUL_F32 || !k || k > CHUNK * MOST) {
		for (int64_t i = 0; i < count; i++)
			gemm<real>(context, ta, tb, m, n, k, alpha, (const real *)a + i * stride_a, lda,
				   (const real *)b + i * stride_b, ldb, i ? 1 : beta, c, ldc);
		return;
	}
	for (int64_t first = 0; first < count; first += MOST) {
		product<real> p = {m, n, k, lda, ldb, ldc, stride_a, stride_b, 0, ta, tb, real(alpha),
				   real(first ? 1 : beta), (const real *)a + first * stride_a,
				   (const real *)b + first * stride_b, (real *)c, NULL, 1, 1, 1, 0};
		p.terms = (int)(count - first < MOST ? count - first : MOST);
		multiply(context, p, 1);
	}
}

template <class real> void pbk_cuda_fill_gemm(struct pbk_table *table)
{
	table->gemm_sum = gemm_sum<real>;
	table->gemm = gemm<real>;
	table->gemm_batch = gemm_batch<real>;
}

template void pbk_cuda_fill_gemm<float>(struct pbk_table *table);
template void pbk_cuda_fill_gemm<double>(struct pbk_table *table);
