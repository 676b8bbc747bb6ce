/* rows.cu: whole vectors; sums, gathers and scatters of rows. The sizes alone decide the order of a sum. */
#include <stdlib.h>
#include <string.h>

#include "gemm.h"
#include "sort.h"

static const int64_t MOST_PARTS = 1024; /* of a sum of rows */
static const int64_t SHARE = 256;       /* rows of a part; twice as many are still one, which needs no second launch */
static const int64_t MOST_Y = 65535;    /* of a grid */

template <class real> static __global__ void add_kernel(int64_t n, real *y, const real *a, const real *b)
{
	const int64_t i = element();
	if (i < n)
		y[i] = a[i] + b[i];
}

template <class real> static __global__ void axpy_kernel(int64_t n, real a, const real *x, real *y)
{
	const int64_t i = element();
	if (i < n)
		y[i] += a * x[i];
}

template <class real> static void add(pbk_context *context, int64_t n, void *y, const void *a, const void *b)
{
	pbk_launch(context, add_kernel<real>, pbk_grid(n), BLOCK, n, y, a, b);
}

template <class real> static void axpy(pbk_context *context, int64_t n, double a, const void *x, void *y)
{
	pbk_launch(context, axpy_kernel<real>, pbk_grid(n), BLOCK, n, a, x, y);
}

/* A vector, and the number of its first piece among all. */
struct squared {
	const void *x;
	int64_t n, first;
};

static const int64_t PIECE = 4096; /* elements that a block squares */

template <class real> static __global__ void squares_kernel(int64_t count, const struct squared *list, double *part)
{
	const struct squared vector = item_with(count, list, blockIdx.x); /* not one without elements: the next begins there too */
	const int64_t begin = (blockIdx.x - vector.first) * PIECE, end = begin + PIECE < vector.n ? begin + PIECE : vector.n;
	const real *x = (const real *)vector.x;
	double total = 0;
#pragma unroll 4 /* so many loads are on their way */
	for (int64_t i = begin + threadIdx.x; i < end; i += blockDim.x)
		total += (double)__ldg(x + i) * (double)__ldg(x + i);
	total = block_sum(total);
	if (!threadIdx.x)
		part[blockIdx.x] = total;
}

static int64_t __host__ __device__ pieces_of(int64_t n)
{
	return (n + PIECE - 1) / PIECE;
}

static __global__ void add_parts_kernel(const struct squared *list, const double *part, double *sums)
{
	const struct squared vector = list[blockIdx.x];
	double total = 0;
	for (int64_t i = threadIdx.x; i < pieces_of(vector.n); i += blockDim.x)
		total += part[vector.first + i];
	total = block_sum(total);
	if (!threadIdx.x)
		sums[blockIdx.x] = total;
}

template <class real>
static void sum_squares(pbk_context *context, int64_t count, const struct pbk_vector *host_list, double *sums)
{
	struct squared *list = (struct squared *)malloc((size_t)(count + !count) * sizeof *list);
	int64_t pieces = 0;
	if (!list) {
		pbk_note(context, cudaErrorMemoryAllocation);
		return;
	}
	for (int64_t i = 0; i < count; pieces += pieces_of(host_list[i++].n))
		list[i] = {host_list[i].x, host_list[i].n, pieces};
	double *part = (double *)pbk_cuda_workspace(context, (size_t)(pieces + 1) * sizeof *part);
	const struct squared *staged = (const struct squared *)pbk_stage(context, list, (size_t)count * sizeof *list);
	free(list);
	if (!part || !staged)
		return;
	pbk_launch(context, squares_kernel<real>, dim3((unsigned)pieces), BLOCK, count, staged, part);
	pbk_launch(context, add_parts_kernel, dim3((unsigned)count), BLOCK, staged, part, sums);
}

/* Blocks of one row each, and several where it is long. */
static dim3 row_grid(int64_t rows, int64_t n)
{
	const int64_t blocks = (n + BLOCK - 1) / BLOCK;
	return dim3((unsigned)rows, (unsigned)(blocks < MOST_Y ? blocks : MOST_Y));
}

static int row_block(int64_t n)
{
	return n >= BLOCK ? BLOCK : (int)(n + WARP - 1) / WARP * WARP;
}

/* The first of a thread's columns in the row blockIdx.x; the next is as many on as the row has threads. */
static __device__ __forceinline__ int64_t first_column()
{
	return (int64_t)blockIdx.y * blockDim.x + threadIdx.x;
}

static __device__ __forceinline__ int64_t row_threads()
{
	return (int64_t)gridDim.y * blockDim.x;
}

template <class real> static __global__ void bias_add_kernel(int64_t n, real *y, const real *bias)
{
	y += blockIdx.x * n;
	for (int64_t j = first_column(); j < n; j += row_threads())
		y[j] += bias[j];
}

template <class real> static __global__ void gather_kernel(int64_t n, const real *table, const int32_t *ids, real *y)
{
	y += blockIdx.x * n;
	table += ids[blockIdx.x] * n;
	for (int64_t j = first_column(); j < n; j += row_threads())
		y[j] = table[j];
}

template <class real> void pbk_cuda_bias_add(pbk_context *context, int64_t rows, int64_t n, void *y, const void *bias)
{
	pbk_launch(context, bias_add_kernel<real>, row_grid(rows, n), row_block(n), n, y, bias);
}

template <class real>
static void gather_rows(pbk_context *context, int64_t rows, int64_t n, const void *table, const int32_t *host_ids,
			void *y)
{
	const void *ids = pbk_stage(context, host_ids, (size_t)rows * sizeof *host_ids);
	pbk_launch(context, gather_kernel<real>, row_grid(rows, n), row_block(n), n, table, ids, y);
}

/* One block, or row of them, adds all of an id's rows: number i has the rows order[begin[i] .. begin[i + 1]). */
template <class real>
static __global__ void scatter_kernel(int64_t n, real *table, const int32_t *ids, const int32_t *begin,
				      const int32_t *order, const real *x)
{
	table += ids[blockIdx.x] * n;
	for (int64_t j = first_column(); j < n; j += row_threads()) {
		real total = table[j];
		for (int32_t i = begin[blockIdx.x]; i < begin[blockIdx.x + 1]; i++)
			total += x[order[i] * n + j];
		table[j] = total;
	}
}

/* The ids that there are, from the lists of all: their begins move to the front. Returns how many. */
static int64_t keep_used(int64_t n_ids, int32_t *begin, int32_t *ids)
{
	int64_t n = 0;
	for (int64_t i = 0; i < n_ids; i++) {
		const int32_t from = begin[i];
		if (from == begin[i + 1])
			continue;
		ids[n] = (int32_t)i;
		begin[n++] = from;
	}
	begin[n] = begin[n_ids];
	return n;
}

template <class real>
static void scatter_add_rows(pbk_context *context, int64_t rows, int64_t n, void *table, const int32_t *host_ids,
			     const void *x)
{
	const int64_t n_ids = pbk_count_ids(host_ids, rows), length = rows + 2 * n_ids + 1;
	if (!rows)
		return;
	int32_t *order = (int32_t *)malloc((size_t)length * sizeof *order), *begin = order + rows;
	if (!order) {
		pbk_note(context, cudaErrorMemoryAllocation);
		return;
	}
	pbk_sort_ids(host_ids, rows, n_ids, begin, order);
	const int64_t used = keep_used(n_ids, begin, begin + n_ids + 1);
	const int32_t *staged = (const int32_t *)pbk_stage(context, order, (size_t)length * sizeof *order);
	free(order);
	if (staged)
		pbk_launch(context, scatter_kernel<real>, row_grid(used, n), row_block(n), n, table,
			   staged + rows + n_ids + 1, staged + rows, staged, x);
}

/* A sum, and how blocks share it: each has a part of the rows and 32 columns. Where there are several parts, theirs are the
 * rows of `out`. */
struct shared_sum {
	struct pbk_row_sum sum;
	int64_t first, parts, share, across;
};

/* Each warp takes every eighth row, then the warps' sums are added in order. */
template <class real> static __global__ void sum_kernel(int64_t count, const struct shared_sum *list)
{
	__shared__ real part[BLOCK];
	const struct shared_sum mine = item_with(count, list, blockIdx.x);
	const struct pbk_row_sum &sum = mine.sum;
	const unsigned number = blockIdx.x - (unsigned)mine.first, stripe = number / (unsigned)mine.across;
	const int64_t column = (int64_t)(number % (unsigned)mine.across) * WARP + threadIdx.x % WARP;
	const int64_t begin = stripe % (unsigned)mine.parts * mine.share, first = stripe / (unsigned)mine.parts * sum.rows * sum.n;
	const int64_t end = begin + mine.share < sum.rows ? begin + mine.share : sum.rows;
	const real *x = (const real *)sum.x, *y = (const real *)sum.y;
	real total = 0;
	if (column < sum.n)
		for (int64_t r = begin + threadIdx.x / WARP; r < end; r += BLOCK / WARP) {
			const int64_t at = first + r * sum.n + column;
			total += y ? __ldg(x + at) * __ldg(y + at) : __ldg(x + at);
		}
	part[threadIdx.x] = total;
	__syncthreads();
	if (threadIdx.x >= WARP || column >= sum.n)
		return;
	for (int warp = 1; warp < BLOCK / WARP; warp++)
		total += part[warp * WARP + threadIdx.x];
	real *out = (real *)sum.out + stripe * sum.n + column;
	*out = sum.add ? *out + total : total;
}

/* Blocks for a sum whose rows are cut into shares. Returns the number of the next sum's first block. */
static int64_t place_sum(struct shared_sum *s, int64_t share, int64_t first)
{
	s->first = first;
	s->share = share;
	s->parts = s->sum.rows <= share ? 1 : (s->sum.rows + share - 1) / share;
	s->across = (s->sum.n + WARP - 1) / WARP;
	return first + s->across * s->parts * s->sum.count;
}

static int64_t share_of(int64_t rows)
{
	const int64_t even = (rows + MOST_PARTS - 1) / MOST_PARTS;
	return rows <= 2 * SHARE ? 2 * SHARE : even > SHARE ? even : SHARE;
}

template <class real>
static void launch_sums(pbk_context *context, int64_t count, const struct shared_sum *list, int64_t blocks)
{
	const void *staged = pbk_stage(context, list, (size_t)count * sizeof *list);
	if (staged)
		pbk_launch(context, sum_kernel<real>, dim3((unsigned)blocks), BLOCK, count, (const struct shared_sum *)staged);
}

/* Sums of many rows take two launches: the second adds the parts of those in `later`. */
template <class real> static void sum_rows(pbk_context *context, int64_t count, const struct pbk_row_sum *host_list)
{
	struct shared_sum *list = (struct shared_sum *)calloc((size_t)(2 * count + !count), sizeof *list), *later = list + count;
	int64_t blocks = 0, blocks_later = 0, n_later = 0, elements = 0;
	if (!list)
		pbk_note(context, cudaErrorMemoryAllocation);
	for (int64_t i = 0; list && i < count; i++) {
		list[i].sum = host_list[i];
		blocks = place_sum(&list[i], share_of(host_list[i].rows), blocks);
		if (list[i].parts > 1)
			elements += host_list[i].count * list[i].parts * host_list[i].n;
	}
	real *sums = elements ? (real *)pbk_cuda_workspace(context, (size_t)elements * sizeof *sums) : NULL;
	if (!list || (elements && !sums)) {
		free(list);
		return;
	}
	for (struct shared_sum *s = list; s < list + count; s++) {
		const struct pbk_row_sum whole = s->sum;
		if (s->parts == 1)
			continue;
		s->sum.out = sums;
		s->sum.add = false;
		later[n_later].sum = {whole.add, whole.count, s->parts, whole.n, sums, NULL, whole.out};
		blocks_later = place_sum(&later[n_later++], s->parts, blocks_later);
		sums += whole.count * s->parts * whole.n;
	}
	launch_sums<real>(context, count, list, blocks);
	launch_sums<real>(context, n_later, later, blocks_later);
	free(list);
}

/* Blocks, and the number of their first row among all. */
struct counted {
	struct pbk_blocks blocks;
	int64_t first;
};

/* A warp per row; most find at once that theirs is used. */
template <class real> static __global__ void used_kernel(int64_t count, const struct counted *list, int64_t rows)
{
	const int64_t number = element() / WARP;
	const int lane = threadIdx.x % WARP;
	int found = 0;
	if (number >= rows)
		return;
	const struct counted mine = item_with(count, list, number);
	const struct pbk_blocks b = mine.blocks;
	const int64_t i = (number - mine.first) / b.rows, row = (number - mine.first) % b.rows;
	const real *x = (const real *)b.x + i * b.stride + row * b.ld;
	for (int64_t j = lane; j < b.n && !found; j += WARP)
		found = x[j] != 0;
	if (warp_max(found) && !lane)
		atomicMax((unsigned long long *)b.used + i, (unsigned long long)row + 1);
}

template <class real> static void rows_used(pbk_context *context, int64_t count, const struct pbk_blocks *host_list)
{
	struct counted *list = (struct counted *)calloc((size_t)(count + !count), sizeof *list);
	int64_t rows = 0;
	if (!list) {
		pbk_note(context, cudaErrorMemoryAllocation);
		return;
	}
	for (int64_t i = 0; i < count; rows += host_list[i].count * host_list[i].rows, i++)
		list[i] = {host_list[i], rows};
	const struct counted *staged = (const struct counted *)pbk_stage(context, list, (size_t)count * sizeof *list);
	free(list);
	if (staged)
		pbk_launch(context, used_kernel<real>, pbk_grid(rows * WARP), BLOCK, count, staged, rows);
}

template <class real> void pbk_cuda_fill_rows(struct pbk_table *table)
{
	table->add = add<real>;
	table->axpy = axpy<real>;
	table->sum_squares = sum_squares<real>;
	table->bias_add = pbk_cuda_bias_add<real>;
	table->sum_rows = sum_rows<real>;
	table->rows_used = rows_used<real>;
	table->gather_rows = gather_rows<real>;
	table->scatter_add_rows = scatter_add_rows<real>;
}

template void pbk_cuda_fill_rows<float>(struct pbk_table *table);
template void pbk_cuda_fill_rows<double>(struct pbk_table *table);
