/* step_dots.cu: rows after one step, and the inner product of a step's change with another gradient. */
#include <stdlib.h>

#include "step.h"

/* Elements are shared by a number of blocks that depends on the matrix alone, whose sums are added in order. */
enum { PER_THREAD = 16, MOST_BLOCKS = 256 };

template <class real> struct dotting {
	step_rule<real> rule;
	int64_t n, k, ldw, count;
	const real *w;
	struct pbk_gradient m;
	const struct pbk_stepped *items;
	double *parts; /* [count, blocks] */
	double *dots;  /* [count] */
};

/* A row of blocks for each item: of those, a grid may have more along x. */
template <class real> static __global__ void step_dots_kernel(const dotting<real> p)
{
	const struct pbk_stepped item = p.items[blockIdx.x];
	const int64_t first = (int64_t)blockIdx.y * blockDim.x + threadIdx.x;
	double total = 0;
	for (int64_t at = first; item.present && at < p.k * p.n; at += (int64_t)gridDim.y * blockDim.x) {
		const int64_t i = at / p.n, j = at % p.n;
		const real g = real(item.grad_scale) * gradient_at<real>(item.gradient, p.n, i, j);
		total += (double)stepped(p.rule, p.w[i * p.ldw + j], g) * (double)gradient_at<real>(p.m, p.n, i, j);
	}
	total = block_sum(total);
	if (!threadIdx.x)
		p.parts[(int64_t)blockIdx.x * gridDim.y + blockIdx.y] = total;
}

template <class real> static __global__ void add_parts_kernel(const dotting<real> p, int blocks)
{
	const int64_t i = element();
	double total = 0;
	for (int b = 0; i < p.count && b < blocks; b++)
		total += p.parts[i * blocks + b];
	if (i < p.count)
		p.dots[i] = total;
}

template <class real>
static void step_dots(pbk_context *context, const struct pbk_step *step, int64_t n, int64_t k, const void *w, int64_t ldw,
		      const struct pbk_gradient *m, int64_t count, const struct pbk_stepped *items, double *host_dots)
{
	const int64_t wanted = (n * k + BLOCK * PER_THREAD - 1) / (BLOCK * PER_THREAD);
	const int blocks = wanted > MOST_BLOCKS ? (int)MOST_BLOCKS : (int)wanted;
	for (int64_t i = 0; i < count; i++)
		host_dots[i] = 0;
	if (!count || !blocks)
		return;
	double *parts = (double *)pbk_cuda_workspace(context, (size_t)(count * (blocks + 1)) * sizeof *parts);
	const struct pbk_stepped *staged =
		(const struct pbk_stepped *)pbk_stage(context, items, (size_t)count * sizeof *items);
	if (!parts || !staged)
		return;
	const dotting<real> p = {step_rule_of<real>(step, step->decay - 1), n,  k, ldw, count, (const real *)w, *m, staged,
				 parts, parts + count * blocks};
	pbk_launch(context, step_dots_kernel<real>, dim3((unsigned)count, (unsigned)blocks), BLOCK, p);
	pbk_launch(context, add_parts_kernel<real>, pbk_grid(count), BLOCK, p, blocks);
	pbk_fetch(context, host_dots, p.dots, (size_t)count * sizeof *host_dots);
}

/* One row of an item. */
template <class real> struct row_step {
	const real *w, *g; /* g NULL: no gradient */
	real *y;
	int64_t n;
	real grad_scale;
	bool present;
};

template <class real>
static __global__ void step_rows_kernel(step_rule<real> rule, bool add, const row_step<real> *rows)
{
	const row_step<real> row = rows[blockIdx.x];
	for (int64_t j = (int64_t)blockIdx.y * blockDim.x + threadIdx.x; j < row.n; j += (int64_t)gridDim.y * blockDim.x) {
		real w = row.w[j];
		if (row.present)
			w = stepped(rule, w, row.g ? row.grad_scale * row.g[j] : real(0));
		row.y[j] = add ? row.y[j] + w : w;
	}
}

template <class real> static void list_rows(const struct pbk_stepped_rows *item, row_step<real> *rows)
{
	const int64_t n = item->n;
	for (int64_t r = 0; r < item->rows; r++) {
		const bool moves = item->present && item->host_grads[r] >= 0;
		rows[r] = {(const real *)item->table + item->host_ids[r] * n,
			   moves ? (const real *)item->g + item->host_grads[r] * n : NULL, (real *)item->y + r * n, n,
			   real(item->grad_scale), item->present};
	}
}

template <class real>
static void step_rows(pbk_context *context, const struct pbk_step *step, bool add, int64_t count,
		      const struct pbk_stepped_rows *items)
{
	constexpr int64_t MOST = 64; /* blocks for a row */
	int64_t rows = 0, at = 0, longest = 0;
	for (int64_t i = 0; i < count; i++) {
		rows += items[i].rows;
		longest = items[i].n > longest ? items[i].n : longest;
	}
	const int64_t blocks = (longest + BLOCK - 1) / BLOCK;
	if (!rows || !longest)
		return;
	row_step<real> *list = (row_step<real> *)malloc((size_t)rows * sizeof *list);
	if (!list) {
		pbk_note(context, cudaErrorMemoryAllocation);
		return;
	}
	for (int64_t i = 0; i < count; at += items[i++].rows)
		list_rows(&items[i], list + at);
	const void *staged = pbk_stage(context, list, (size_t)rows * sizeof *list);
	free(list);
	if (staged)
		pbk_launch(context, step_rows_kernel<real>,
			   dim3((unsigned)rows, (unsigned)(blocks < MOST ? blocks : MOST)), BLOCK,
			   step_rule_of<real>(step, step->decay), add, (const row_step<real> *)staged);
}

template <class real> void pbk_cuda_fill_step_dots(struct pbk_table *table)
{
	table->step_dots = step_dots<real>;
	table->step_rows = step_rows<real>;
}

template void pbk_cuda_fill_step_dots<float>(struct pbk_table *table);
template void pbk_cuda_fill_step_dots<double>(struct pbk_table *table);
