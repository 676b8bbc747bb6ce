/* gemm.cu: matrix products.
 *
 * An element of C is the sum, in order, of what parts give, each a chain of fused multiply-adds in the order of k. No tile
 * shape, no number of rows, no split among thread blocks and no other product of a launch changes that, so that a row has
 * the same bits in any batch, which cuBLAS does not promise. cuBLAS serves where other products are asked for (blas.cu).
 */
#include "gemm.h"

#include <stdlib.h>

#include "blas.h"
#include "gemm_tile.h"

enum { SHORTEST = 128, MOST_PARTS = 64 };

/* k lines of a term, of the first of a batch. */
template <class real> struct segment {
	const real *a, *b;
	int64_t k;
};

template <class real> struct job : product<real> {
	int64_t first_segment, first, first_tile, first_shared; /* among all jobs' segments, blocks, tiles, shared elements */
	unsigned parts, down, across; /* segments, each of which is a part of the sum; tiles */
	real *shared; /* [batch, parts, m, n]: the parts, where blocks share them; else NULL */
};

static const int64_t MOST_SHARED = (int64_t)1 << 25; /* elements */

/* The length of a segment: of k alone, so that no other size matters. */
static int64_t segment_of(int64_t k)
{
	const int64_t even = (k + MOST_PARTS - 1) / MOST_PARTS, whole = (even + DEPTH - 1) / DEPTH * DEPTH;
	return whole > SHORTEST ? whole : (int64_t)SHORTEST;
}

/* What C becomes, of what it was and of its bias; each rounding is written out, so that it is the same wherever this stands. */
template <class real> static __device__ __forceinline__ real scaled(const product<real> &p, real total, real was, real bias)
{
	if (p.bias)
		return fma(p.alpha, total, bias);
	return p.beta == 0 ? p.alpha * total : fma(p.alpha, total, p.beta * was);
}

/* Whether this block is the last of those that share its tile: then all the others' parts can be read. One thread's fence,
 * atomic and fence pass on, with the barriers, what all threads of the blocks have written. */
static __device__ __forceinline__ bool comes_last(unsigned *ticket, unsigned splits)
{
	__shared__ bool last;
	__syncthreads();
	if (!threadIdx.x) {
		__threadfence();
		last = atomicAdd(ticket, 1u) == splits - 1;
		__threadfence();
		if (last)
			*ticket = 0; /* for the next launch */
	}
	__syncthreads();
	return last;
}

/* total = all parts' sums, in their order. WHOLE: rows of a part hold quads, several of which are on their way at once, since
 * nothing else hides how long they take. */
template <bool WHOLE, class real, class tile>
static __device__ __forceinline__ void add_parts(const job<real> &p, int64_t batch, int64_t i0, int64_t j0,
						 real total[tile::TM][tile::TN])
{
	constexpr int QUADS = tile::TN / 4, AT_ONCE = WHOLE ? 8 / QUADS : 1, LINES = tile::TM < AT_ONCE ? tile::TM : AT_ONCE;
	const unsigned parts = p.parts;
	const int64_t n = p.n, size = p.m * n, first = i0 + tile::row(0), column = j0 + tile::column(0);
	const int rows = clamped(p.m - first, tile::TM), columns = clamped(n - column, tile::BN);
	const real *at = p.shared + batch * parts * size + first * n + column;
#pragma unroll 1
	for (unsigned part = 0; part < parts; part++, at += size)
#pragma unroll
		for (int r0 = 0; r0 < tile::TM; r0 += LINES) {
			quad<real> x[LINES][QUADS];
#pragma unroll
			for (int r = 0; r < LINES; r++)
#pragma unroll
				for (int q = 0; q < QUADS; q++) {
					const int along = tile::column(q) - tile::column(0);
					const int there = r0 + r < rows ? columns - along : 0;
					x[r][q] = quad<real>();
					if (there > 0)
						x[r][q] = load_quad<WHOLE, true>(at + (r0 + r) * n + along, there);
				}
#pragma unroll
			for (int r = 0; r < LINES; r++)
#pragma unroll
				for (int s = 0; s < tile::TN; s++)
					total[r0 + r][s] = part ? total[r0 + r][s] + x[r][s / 4].v[s % 4] : x[r][s / 4].v[s % 4];
		}
}

/* C, the tile of it at (i0, j0), of the sums. */
template <class real, class tile>
static __device__ __forceinline__ void keep(const product<real> &p, int64_t i0, int64_t j0, const real total[tile::TM][tile::TN])
{
	constexpr int QUADS = tile::TN / 4;
	const bool whole = holds_quads(p.c, p.ldc) && p.n % 4 == 0;
	quad<real> bias[QUADS] = {};
#pragma unroll
	for (int q = 0; p.bias && q < QUADS; q++)
		bias[q] = load_quad<false>(p.bias + j0 + tile::column(q), p.n - j0 - tile::column(q));
#pragma unroll
	for (int r = 0; r < tile::TM; r++)
#pragma unroll
		for (int q = 0; q < QUADS; q++) {
			const int64_t i = i0 + tile::row(r), j = j0 + tile::column(q);
			const int there = i < p.m ? clamped(p.n - j, 4) : 0;
			real *c = p.c + i * p.ldc + j;
			quad<real> x = p.beta != 0 ? read_quad(c, whole, there) : quad<real>();
#pragma unroll
			for (int e = 0; e < 4; e++)
				x.v[e] = scaled(p, total[r][q * 4 + e], x.v[e], bias[q].v[e]);
			write_quad(c, whole, there, x);
		}
}

/* The block's product, where all its threads read it. */
template <class real> static __device__ __forceinline__ void fetch(int64_t count, const job<real> *list, job<real> *p)
{
	static_assert(sizeof *p % sizeof(int64_t) == 0, "whole words");
	const job<real> *mine = &item_with(count, list, blockIdx.x);
	for (unsigned i = threadIdx.x; i < sizeof *p / sizeof(int64_t); i += blockDim.x)
		reinterpret_cast<int64_t *>(p)[i] = reinterpret_cast<const int64_t *>(mine)[i];
	__syncthreads();
}

/* sum = a part of the tile at (i0, j0). */
template <class real, class tile>
static __device__ __forceinline__ void multiply_part(const job<real> &p, const segment<real> *segments, unsigned batch,
						     unsigned part, int64_t i0, int64_t j0, real sum[tile::TM][tile::TN])
{
#pragma unroll
	for (int r = 0; r < tile::TM; r++)
#pragma unroll
		for (int s = 0; s < tile::TN; s++)
			sum[r][s] = 0;
	if (part < p.parts) {
		const segment<real> s = segments[p.first_segment + part];
		multiply_segment<real, tile>(s.a + batch * p.stride_a, p.lda, p.ta, p.m, s.b + batch * p.stride_b, p.ldb, p.tb, p.n,
					   s.k, i0, j0, sum);
	}
}

/* Blocks that a multiprocessor's registers shall hold: more of them hide more waiting. */
template <class real, class tile, bool shares>
constexpr int TOGETHER = (tile::TM * tile::TN > 16 ? (shares ? 384 : 256) : tile::TM > 1 ? 768 : 1024) / tile::THREADS *
			 sizeof(float) / sizeof(real);

/* A block makes a tile of one of the products; where it shares parts, one part of it. */
template <class real, class tile, bool shares>
static __global__ void __launch_bounds__(tile::THREADS, (TOGETHER<real, tile, shares>))
	gemm_kernel(int64_t count, const job<real> *list, const segment<real> *segments, unsigned *tickets)
{
	__shared__ job<real> p;
	fetch(count, list, &p);
	const unsigned tiles = p.across * p.down, number = blockIdx.x - (unsigned)p.first, at = number % tiles;
	const unsigned splits = shares && p.shared ? p.parts : 1, batch = number / tiles / splits;
	const int64_t i0 = (int64_t)(at / p.across) * tile::BM, j0 = (int64_t)(at % p.across) * tile::BN;
	real total[tile::TM][tile::TN];
	multiply_part<real, tile>(p, segments, batch, number / tiles % splits, i0, j0, total);
	for (unsigned part = 1; !shares && part < p.parts; part++) {
		real sum[tile::TM][tile::TN];
		multiply_part<real, tile>(p, segments, batch, part, i0, j0, sum);
#pragma unroll
		for (int r = 0; r < tile::TM; r++)
#pragma unroll
			for (int s = 0; s < tile::TN; s++)
				total[r][s] += sum[r][s];
	}
	product<real> out = p;
	if (shares && p.shared) {
		out.c = p.shared + (int64_t)(number / tiles) * p.m * p.n;
		out.ldc = p.n;
		out.alpha = 1;
		out.beta = 0;
		out.bias = NULL;
		keep<real, tile>(out, i0, j0, total);
		if (!comes_last(tickets + p.first_tile + batch * tiles + at, splits))
			return;
		if (tile::TM * tile::TN > 16 || p.n % 4 == 0) /* large tiles are for quads alone */
			add_parts<true, real, tile>(p, batch, i0, j0, total);
		else
			add_parts<false, real, tile>(p, batch, i0, j0, total);
		out = p;
	}
	out.c += batch * p.stride_c;
	out.bias = p.bias ? p.bias + batch * p.n : p.bias;
	keep<real, tile>(out, i0, j0, total);
}

template <class real>
bool pbk_products_open(pbk_context *context, products<real> *p, int64_t count, int64_t terms, int64_t k)
{
	/* Something shorter than k may be cut into more segments than k, but not into shorter ones. */
	const int64_t most = (k + SHORTEST - 1) / SHORTEST, segments = terms * (most < MOST_PARTS ? most : (int64_t)MOST_PARTS);
	*p = {};
	p->list = (job<real> *)calloc(1, (size_t)count * sizeof *p->list + (size_t)segments * sizeof *p->segments + 1);
	p->segments = (segment<real> *)(p->list + count);
	if (!p->list)
		pbk_note(context, cudaErrorMemoryAllocation);
	return p->list;
}

template <class real> void pbk_products_add(products<real> *p, const product<real> &one)
{
	job<real> *added = &p->list[p->count++];
	static_cast<product<real> &>(*added) = one;
	added->first_segment = p->n_segments;
}

template <class real> void pbk_products_term(products<real> *p, const real *a, const real *b, int64_t k)
{
	job<real> *to = &p->list[p->count - 1];
	for (int64_t l = 0; l < k; l += segment_of(k)) {
		p->segments[p->n_segments++] = {a + (to->ta ? l * to->lda : l), b + (to->tb ? l : l * to->ldb),
						k - l < segment_of(k) ? k - l : segment_of(k)};
		to->parts++;
	}
}

/* What a list is for tiles of one size. */
struct layout {
	int64_t tiles, blocks; /* of all products */
	int64_t shared;        /* elements of parts, if blocks share the tiles' parts */
};

template <class tile, bool shares, class real> static struct layout lay_out(products<real> *p)
{
	struct layout all = {};
	for (job<real> *one = p->list; one < p->list + p->count; one++) {
		one->down = (unsigned)((one->m + tile::BM - 1) / tile::BM);
		one->across = (unsigned)((one->n + tile::BN - 1) / tile::BN);
		one->first = all.blocks;
		one->first_tile = all.tiles;
		one->first_shared = shares && one->parts > 1 ? all.shared : -1;
		const int64_t tiles = one->batch * one->down * one->across;
		all.tiles += tiles;
		all.blocks += one->first_shared < 0 ? tiles : tiles * one->parts;
		if (one->first_shared >= 0) /* the next one's begin at a quad */
			all.shared += (one->batch * one->parts * one->m * one->n + 3) / 4 * 4;
	}
	return all;
}

template <class tile, bool shares, class real> static void launch_tiles(pbk_context *context, products<real> *p)
{
	const struct layout all = lay_out<tile, shares>(p);
	real *shared = all.shared ? (real *)pbk_cuda_workspace(context, (size_t)all.shared * sizeof *shared) : NULL;
	unsigned *tickets = shared ? pbk_cuda_tickets(context) : NULL;
	if (all.shared && !tickets)
		return;
	for (job<real> *one = p->list; one < p->list + p->count; one++)
		one->shared = one->first_shared < 0 ? NULL : shared + one->first_shared;
	const size_t size = (size_t)((char *)(p->segments + p->n_segments) - (char *)p->list);
	const auto *list = (const job<real> *)pbk_stage(context, p->list, size);
	if (list)
		pbk_launch(context, gemm_kernel<real, tile, shares>, dim3((unsigned)all.blocks), tile::THREADS, p->count, list,
			   (const segment<real> *)(list + p->count), tickets);
}

/* Whether blocks had better share the parts of so few tiles. */
template <class tile, class real> static bool pays_to_share(const pbk_context *context, products<real> *p)
{
	const struct layout all = lay_out<tile, true>(p);
	return all.tiles < 2 * context->multiprocessors && all.tiles <= PBK_TICKETS && all.shared <= MOST_SHARED;
}

template <class tile, class real> static void launch_small(pbk_context *context, products<real> *p)
{
	if (pays_to_share<tile>(context, p))
		launch_tiles<tile, true>(context, p);
	else
		launch_tiles<tile, false>(context, p);
}

/* The larger the tile, the less is read for each product; the smaller, the more multiprocessors have some. Returns whether
 * one of the large ones was right. */
static bool launch_large(pbk_context *context, products<float> *p)
{
	typedef tiling<128, 128, 8, 8> square;
	typedef tiling<128, 64, 8, 8> tall;
	const int64_t blocks = lay_out<tall, true>(p).blocks;
	bool quads = true;
	for (const job<float> *one = p->list; one < p->list + p->count; one++)
		quads = quads && one->n % 4 == 0;
	if (lay_out<square, false>(p).tiles >= context->multiprocessors)
		launch_tiles<square, false>(context, p);
	else if (quads && pays_to_share<tall>(context, p) && blocks >= 3 * context->multiprocessors)
		launch_tiles<tall, true>(context, p);
	else
		return false;
	return true;
}

static bool launch_large(pbk_context *, products<double> *)
{
	return false;
}

template <class real> void pbk_products_multiply(pbk_context *context, products<real> *p)
{
	int64_t rows = 0;
	for (int64_t i = 0; i < p->count; i++)
		rows = p->list[i].m > rows ? p->list[i].m : rows;
	if (rows <= 16)
		launch_small<tiling<16, 64, 1, 4>>(context, p);
	else if (!launch_large(context, p))
		launch_small<tiling<64, 64, 4, 4>>(context, p);
	free(p->list);
	*p = {};
}

template <class real>
void pbk_cuda_gemm_batch(pbk_context *context, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a,
			 int64_t lda, int64_t stride_a, const void *b, int64_t ldb, int64_t stride_b, double beta, void *c,
			 int64_t ldc, int64_t stride_c, int64_t count)
{
	products<real> p;
	if (!m || !n || !count)
		return;
	if (pbk_blas_serves(context, sizeof(real)) && k) {
		const struct pbk_blas_product coarse = {ta, tb, m, n, k, alpha, beta, lda, ldb, ldc, stride_a, stride_b, stride_c,
							count, (const float *)a, (const float *)b, (float *)c};
		pbk_blas_multiply(context, &coarse);
	} else if (pbk_products_open(context, &p, 1, 1, k)) {
		const product<real> one = {m, n, lda, ldb, ldc, stride_a, stride_b, stride_c, count, ta, tb, real(alpha),
					   real(beta), (real *)c, NULL};
		pbk_products_add(&p, one);
		pbk_products_term(&p, (const real *)a, (const real *)b, k);
		pbk_products_multiply(context, &p);
	}
}

template <class real>
static void gemm(pbk_context *context, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a,
		 int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc)
{
	pbk_cuda_gemm_batch<real>(context, ta, tb, m, n, k, alpha, a, lda, 0, b, ldb, 0, beta, c, ldc, 0, 1);
}

template <class real> void pbk_cuda_fill_gemm(struct pbk_table *table)
{
	table->gemm = gemm<real>;
	table->gemm_batch = pbk_cuda_gemm_batch<real>;
}

template bool pbk_products_open(pbk_context *context, products<float> *p, int64_t count, int64_t terms, int64_t k);
template bool pbk_products_open(pbk_context *context, products<double> *p, int64_t count, int64_t terms, int64_t k);
template void pbk_products_add(products<float> *p, const product<float> &one);
template void pbk_products_add(products<double> *p, const product<double> &one);
template void pbk_products_term(products<float> *p, const float *a, const float *b, int64_t k);
template void pbk_products_term(products<double> *p, const double *a, const double *b, int64_t k);
template void pbk_products_multiply(pbk_context *context, products<float> *p);
template void pbk_products_multiply(pbk_context *context, products<double> *p);
template void pbk_cuda_fill_gemm<float>(struct pbk_table *table);
template void pbk_cuda_fill_gemm<double>(struct pbk_table *table);
