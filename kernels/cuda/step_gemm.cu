/* step_gemm.cu: products with weights after one step, which exist for one tile at a time.
 *
 * A block of threads owns some rows of an item and COLUMNS columns. It goes along k: a tile of W is loaded, moved by the
 * step and kept in shared memory until the rows have been multiplied with it. An element of C is one chain of fused
 * multiply-adds in the order of k, whatever the other items are.
 */
#include "quad.h"
#include "step.h"

enum {
	THREADS = 128,
	COLUMNS = 64,
	DEPTH = 16,
	ACROSS = COLUMNS / 4,         /* threads beside each other, of four columns each */
	STEP = THREADS / ACROSS,      /* lines of W that are loaded at once */
	LINES = DEPTH / STEP,
	RANKS = 4, /* factors of a gradient that are kept in registers */
};

template <class real> struct stepping {
	step_rule<real> rule;
	int64_t n, k, ldw;
	const struct pbk_stepped *items;
};

/* A's, turned, and W's. */
template <class real, int ROWS> struct tiles {
	alignas(16) real left[DEPTH][8 * ROWS + 4], right[DEPTH][COLUMNS + 4];
};

/* One thread's share of the tiles: of A, quads of some rows, and of W, LINES quads in the same four columns.
 * WHOLE: there is all of every tile, at 16 bytes, and RANKS factors hold the gradient; then nothing is asked on the way. */
template <class real, int ROWS, bool WHOLE> struct share {
	static constexpr int A_ROWS = THREADS / (DEPTH / 4);
	const stepping<real> &p;
	const struct pbk_stepped &item;
	const int64_t j, along, line; /* the column of W's quads, that of A's, W's first line */
	const real *a_at[ROWS / 4], *w_at, *x_at;
	quad<real> a[ROWS / 4], w[LINES], dy[RANKS]; /* dy: the factors' in these columns */
	real x[RANKS][LINES];

	__device__ __forceinline__ share(const stepping<real> &p, const struct pbk_stepped &item, int64_t i0, int64_t j)
	    : p(p), item(item), j(WHOLE && j > p.n - 4 ? p.n - 4 : j), along((int)threadIdx.x % (DEPTH / 4) * 4),
	      line((int)threadIdx.x / ACROSS)
	{
		const struct pbk_gradient &g = item.gradient;
#pragma unroll
		for (int s = 0; s < ROWS / 4; s++) {
			const int64_t i = i0 + (int)threadIdx.x / (DEPTH / 4) + s * A_ROWS;
			/* Rows beyond the last have no result: they may be any; so may columns. */
			a_at[s] = (const real *)item.a + (i < item.m ? i : item.m - 1) * item.lda + along;
		}
		w_at = (const real *)item.w + line * p.ldw + this->j;
		x_at = (const real *)g.x + line;
#pragma unroll
		for (int r = 0; r < RANKS; r++)
			if (r < g.rank)
				dy[r] = load_quad<WHOLE>((const real *)g.dy + r * g.lddy + this->j, p.n - this->j);
	}

	/* The tiles at l0, which follow each other. */
	__device__ __forceinline__ void load(int64_t l0)
	{
		const struct pbk_gradient &g = item.gradient;
#pragma unroll
		for (int s = 0; s < ROWS / 4; s++, a_at[s - 1] += DEPTH)
			a[s] = load_quad<WHOLE>(a_at[s], p.k - l0 - along);
#pragma unroll
		for (int s = 0; s < LINES; s++, w_at += STEP * p.ldw)
			w[s] = load_quad<WHOLE>(w_at, has_line(l0, s) ? p.n - j : 0);
		const real *at = x_at;
#pragma unroll
		for (int r = 0; r < RANKS; r++, at += g.ldx)
#pragma unroll
			for (int s = 0; s < LINES; s++)
				if (r < g.rank && (WHOLE || has_line(l0, s)))
					x[r][s] = __ldg(at + s * STEP);
		x_at += DEPTH;
	}

	__device__ __forceinline__ bool has_line(int64_t l0, int s) const
	{
		return l0 + line + s * STEP < p.k;
	}

	/* The gradient of line s. */
	__device__ __forceinline__ quad<real> slope(int64_t l0, int s) const
	{
		const struct pbk_gradient &g = item.gradient;
		const int64_t l = l0 + line + s * STEP;
		quad<real> q = {};
		if (!WHOLE && g.dense)
			q = load_quad<false>((const real *)g.dense + l * p.n + j, p.n - j);
#pragma unroll
		for (int r = 0; r < RANKS; r++)
			if (r < g.rank)
#pragma unroll
				for (int e = 0; e < 4; e++)
					q.v[e] = fma(x[r][s], dy[r].v[e], q.v[e]);
		for (int64_t r = RANKS; !WHOLE && r < g.rank; r++)
			for (int e = 0; e < 4 && e < p.n - j; e++)
				q.v[e] = fma(__ldg((const real *)g.x + r * g.ldx + l),
					     __ldg((const real *)g.dy + r * g.lddy + j + e), q.v[e]);
		return q;
	}

	/* W's elements after the step. */
	__device__ __forceinline__ void move(int64_t l0)
	{
#pragma unroll
		for (int s = 0; s < LINES; s++) {
			if (!WHOLE && !has_line(l0, s))
				continue;
			const quad<real> g = slope(l0, s);
#pragma unroll
			for (int e = 0; e < 4; e++)
				w[s].v[e] = stepped(p.rule, w[s].v[e], real(item.grad_scale) * g.v[e]);
		}
	}

	__device__ __forceinline__ void store(tiles<real, ROWS> *t) const
	{
#pragma unroll
		for (int s = 0; s < ROWS / 4; s++)
#pragma unroll
			for (int e = 0; e < 4; e++)
				t->left[along + e][(int)threadIdx.x / (DEPTH / 4) + s * A_ROWS] = a[s].v[e];
#pragma unroll
		for (int s = 0; s < LINES; s++)
			*reinterpret_cast<quad<real> *>(&t->right[line + s * STEP][(int)threadIdx.x % ACROSS * 4]) = w[s];
	}
};

/* The thread's part [ROWS, 4] of the product. */
template <class real, int ROWS, bool WHOLE>
static __device__ __forceinline__ void multiply(const stepping<real> &p, const struct pbk_stepped &item, int64_t i0, int64_t j,
						tiles<real, ROWS> shared[2], real sum[ROWS][4])
{
	const int row = (int)threadIdx.x / ACROSS * ROWS, column = (int)threadIdx.x % ACROSS * 4;
	share<real, ROWS, WHOLE> mine(p, item, i0, j);
	mine.load(0);
	tiles<real, ROWS> *now = shared, *then = shared + 1;
	for (int64_t l = 0; l < p.k; l += DEPTH) {
		if (item.present)
			mine.move(l);
		mine.store(now);
		__syncthreads();
		if (l + DEPTH < p.k)
			mine.load(l + DEPTH);
#pragma unroll
		for (int d = 0; d < DEPTH; d++)
#pragma unroll
			for (int r = 0; r < ROWS; r++)
#pragma unroll
				for (int s = 0; s < 4; s++)
					sum[r][s] = fma(now->left[d][row + r], now->right[d][column + s], sum[r][s]);
		tiles<real, ROWS> *used = now;
		now = then;
		then = used;
	}
}

template <class real> static __device__ __forceinline__ bool is_whole(const stepping<real> &p, const struct pbk_stepped &item)
{
	const struct pbk_gradient &g = item.gradient;
	return p.n % 4 == 0 && p.k && p.k % DEPTH == 0 && !g.dense && g.rank <= RANKS &&
	       holds_quads((const real *)item.a, item.lda) && holds_quads((const real *)item.w, p.ldw) &&
	       holds_quads((const real *)g.dy, g.lddy);
}

/* C, from (row, j) on, of the sums. */
template <class real, int ROWS>
static __device__ __forceinline__ void finish(const stepping<real> &p, const struct pbk_stepped &item, int64_t row, int64_t j,
					      const real sum[ROWS][4])
{
	real *c = (real *)item.c + row * item.ldc + j;
	const bool whole = holds_quads((const real *)item.c, item.ldc) && p.n % 4 == 0;
	const int there = clamped(p.n - j, 4);
	const quad<real> bias = load_quad<false>((const real *)item.bias + j, item.bias ? there : 0);
	for (int r = 0; r < ROWS && row + r < item.m; r++, c += item.ldc) {
		quad<real> x = item.add ? read_quad(c, whole, there) : quad<real>();
		for (int s = 0; s < 4; s++)
			x.v[s] += sum[r][s] + bias.v[s];
		write_quad(c, whole, there, x);
	}
}

/* Blocks that a multiprocessor's registers shall hold: more of them hide more waiting. */
template <class real, int ROWS> constexpr int TOGETHER = sizeof(real) > sizeof(float) ? 2 : ROWS == 4 ? 5 : 4;

template <class real, int ROWS>
static __global__ void __launch_bounds__(THREADS, (TOGETHER<real, ROWS>)) stepped_kernel(const stepping<real> p)
{
	__shared__ tiles<real, ROWS> shared[2];
	const struct pbk_stepped item = p.items[blockIdx.z];
	const int64_t i0 = (int64_t)blockIdx.y * 8 * ROWS;
	const int64_t j = (int64_t)blockIdx.x * COLUMNS + (int)threadIdx.x % ACROSS * 4;
	real sum[ROWS][4] = {};
	if (i0 >= item.m)
		return;
	if (is_whole(p, item))
		multiply<real, ROWS, true>(p, item, i0, j, shared, sum);
	else
		multiply<real, ROWS, false>(p, item, i0, j, shared, sum);
	finish<real, ROWS>(p, item, i0 + (int)threadIdx.x / ACROSS * ROWS, j, sum);
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
