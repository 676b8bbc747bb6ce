/* step_gemm.cu: products with weights after one step, which exist for one tile at a time.
 *
 * A block of threads owns some rows of an item and COLUMNS columns. It goes along k: a tile of W is loaded, moved by the
 * step and kept in shared memory until the rows have been multiplied with it. An element of C is one chain of fused
 * multiply-adds in the order of k, whatever the other items are.
 */
#include "step.h"

enum { THREADS = 128, COLUMNS = 64, DEPTH = 16, ACROSS = 4, RANKS = 4 };

template <class real> struct stepping {
	step_rule<real> rule;
	int64_t n, k, ldw;
	const struct pbk_stepped *items;
};

/* One thread's share of the tiles: ROWS elements of A, and EACH of W in one column. */
template <class real, int ROWS> struct share {
	static constexpr int each = DEPTH * COLUMNS / THREADS, step = THREADS / COLUMNS;
	real a[ROWS], w[each];

	__device__ __forceinline__ void load(const stepping<real> &p, const struct pbk_stepped &item, int64_t i0, int64_t j0,
					     int64_t l0)
	{
		const int64_t j = j0 + (int)threadIdx.x % COLUMNS;
		for (int s = 0; s < ROWS; s++) {
			const int at = (int)threadIdx.x + s * THREADS;
			const int64_t i = i0 + at / DEPTH, l = l0 + at % DEPTH;
			a[s] = i < item.m && l < p.k ? ((const real *)item.a)[i * item.lda + l] : real(0);
		}
		for (int s = 0; s < each; s++) {
			const int64_t l = l0 + (int)threadIdx.x / COLUMNS + s * step;
			w[s] = j < p.n && l < p.k ? ((const real *)item.w)[l * p.ldw + j] : real(0);
		}
	}

	/* One factor's part of the gradient. */
	static __device__ __forceinline__ void add_rank(const stepping<real> &p, const struct pbk_gradient &g, int64_t r,
							real dy, int64_t first, real slope[each])
	{
		const real *x = (const real *)g.x + r * g.ldx;
#pragma unroll
		for (int s = 0; s < each; s++)
			if (first + s * step < p.k)
				slope[s] = fma(x[first + s * step], dy, slope[s]);
	}

	/* W's elements after the step; dy: the column's element of the first RANKS factors. */
	__device__ __forceinline__ void move(const stepping<real> &p, const struct pbk_stepped &item, const real dy[RANKS],
					     int64_t j, int64_t l0)
	{
		const struct pbk_gradient &g = item.gradient;
		const int64_t first = l0 + (int)threadIdx.x / COLUMNS;
		real slope[each] = {};
		if (j >= p.n)
			return;
		for (int s = 0; g.dense && s < each && first + s * step < p.k; s++)
			slope[s] = ((const real *)g.dense)[(first + s * step) * p.n + j];
#pragma unroll
		for (int r = 0; r < RANKS; r++)
			if (r < g.rank)
				add_rank(p, g, r, dy[r], first, slope);
		for (int64_t r = RANKS; r < g.rank; r++)
			add_rank(p, g, r, ((const real *)g.dy)[r * g.lddy + j], first, slope);
		for (int s = 0; s < each; s++)
			if (first + s * step < p.k)
				w[s] = stepped(p.rule, w[s], real(item.grad_scale) * slope[s]);
	}
};

template <class real, int ROWS>
static __global__ void __launch_bounds__(THREADS) stepped_kernel(const stepping<real> p)
{
	__shared__ real left[2][DEPTH][8 * ROWS + 4], right[2][DEPTH][COLUMNS + 4];
	const struct pbk_stepped item = p.items[blockIdx.z];
	const int64_t i0 = (int64_t)blockIdx.y * 8 * ROWS, j0 = (int64_t)blockIdx.x * COLUMNS;
	const int64_t j = j0 + (int)threadIdx.x % COLUMNS;
	const int row = (int)threadIdx.x / (COLUMNS / ACROSS) * ROWS, column = (int)threadIdx.x % (COLUMNS / ACROSS) * ACROSS;
	share<real, ROWS> mine;
	real sum[ROWS][ACROSS] = {}, dy[RANKS] = {};
	if (i0 >= item.m)
		return;
#pragma unroll
	for (int r = 0; r < RANKS; r++)
		if (r < item.gradient.rank && j < p.n)
			dy[r] = ((const real *)item.gradient.dy)[r * item.gradient.lddy + j];
	mine.load(p, item, i0, j0, 0);
	int now = 0;
	for (int64_t l = 0; l < p.k; l += DEPTH, now ^= 1) {
		if (item.present)
			mine.move(p, item, dy, j, l);
		for (int s = 0; s < ROWS; s++) {
			const int at = (int)threadIdx.x + s * THREADS;
			left[now][at % DEPTH][at / DEPTH] = mine.a[s];
		}
		for (int s = 0; s < mine.each; s++)
			right[now][(int)threadIdx.x / COLUMNS + s * mine.step][(int)threadIdx.x % COLUMNS] = mine.w[s];
		__syncthreads();
		if (l + DEPTH < p.k)
			mine.load(p, item, i0, j0, l + DEPTH);
#pragma unroll 8
		for (int d = 0; d < DEPTH; d++)
#pragma unroll
			for (int r = 0; r < ROWS; r++)
#pragma unroll
				for (int s = 0; s < ACROSS; s++)
					sum[r][s] = fma(left[now][d][row + r], right[now][d][column + s], sum[r][s]);
	}
	for (int r = 0; r < ROWS && i0 + row + r < item.m; r++)
		for (int s = 0; s < ACROSS && j0 + column + s < p.n; s++) {
			real *c = (real *)item.c + (i0 + row + r) * item.ldc + j0 + column + s;
			const real bias = item.bias ? ((const real *)item.bias)[j0 + column + s] : real(0);
			*c = (item.add ? *c : real(0)) + (sum[r][s] + bias);
		}
}

template <class real, int ROWS>
static void launch(pbk_context *context, const stepping<real> &p, int64_t count, int64_t rows)
{
	const dim3 grid((unsigned)((p.n + COLUMNS - 1) / COLUMNS), (unsigned)((rows + 8 * ROWS - 1) / (8 * ROWS)),
			(unsigned)count);
	pbk_launch(context, stepped_kernel<real, ROWS>, grid, THREADS, p);
}

template <class real>
static void gemm_stepped(pbk_context *context, const struct pbk_step *step, int64_t n, int64_t k, int64_t ldw, int64_t count,
			 const struct pbk_stepped *items)
{
	constexpr int64_t MOST = 32768, FEW = 32;
	for (int64_t first = 0; first < count; first += MOST) {
		const int64_t mine = count - first < MOST ? count - first : MOST;
		int64_t rows = 0;
		for (int64_t i = first; i < first + mine; i++)
			rows = items[i].m > rows ? items[i].m : rows;
		const stepping<real> p = {step_rule_of<real>(step, step->decay), n, k, ldw,
					  (const struct pbk_stepped *)pbk_stage(context, items + first,
										(size_t)mine * sizeof *items)};
		if (!p.items)
			return;
		if (rows <= FEW)
			launch<real, 4>(context, p, mine, rows);
		else
			launch<real, 8>(context, p, mine, rows);
	}
}

template <class real> void pbk_cuda_fill_step_gemm(struct pbk_table *table)
{
	table->gemm_stepped = gemm_stepped<real>;
}

template void pbk_cuda_fill_step_gemm<float>(struct pbk_table *table);
template void pbk_cuda_fill_step_gemm<double>(struct pbk_table *table);
