/* attend.cu: attention of single queries over lists of rows: scores, softmax and the mean of the values at once; a warp
 * for each query and head.
 *
 * Several queries may look at the same row: the backward pass first makes dq and what each pair gives, query by query,
 * then dk and dv row by row, in the order of the pairs. So nothing is added by two threads at once.
 */
#include <stdlib.h>

#include "cuda.h"
#include "sort.h"

enum {
	LANES_OF_Z = 8, /* elements of z that a lane holds */
	WARPS = BLOCK / WARP,
};

/* One item's lists on the device. Its queries are numbers `first` .. of all items of a launch. */
struct item {
	int64_t first, queries, base; /* base: of its first pair, among all */
	const void *q, *k, *v;
	void *z;
	const int32_t *list, *path;
};

template <class real> static __device__ __forceinline__ real head_dot(int64_t e, const real *a, const real *b)
{
	real total = 0;
	for (int64_t i = threadIdx.x % WARP; i < e; i += WARP)
		total = fma(a[i], b[i], total);
	return warp_sum(total);
}

static __device__ __forceinline__ int64_t warp_of_grid()
{
	return (int64_t)blockIdx.x * WARPS + threadIdx.x / WARP;
}

/* z over elements [from, from + LANES_OF_Z * WARP) of the head, in one pass along the list. */
template <class real>
static __device__ void attend_part(int64_t e, int64_t ld, int64_t n, const int32_t *path, const real *q, const real *k,
				   const real *v, int64_t from, real *z)
{
	const int lane = (int)threadIdx.x % WARP;
	const real scale = 1 / sqrt(real(e));
	real sum[LANES_OF_Z] = {}, largest = -INFINITY, total = 0;
	for (int64_t j = 0; j < n; j++) {
		const real score = scale * head_dot(e, q, k + path[j] * ld);
		const real bound = score > largest ? score : largest;
		const real kept = j ? exp(largest - bound) : real(0), weight = exp(score - bound);
		largest = bound;
		total = total * kept + weight;
		for (int s = 0; s < LANES_OF_Z; s++) {
			const int64_t i = from + lane + s * WARP;
			if (i < e)
				sum[s] = fma(weight, v[path[j] * ld + i], kept * sum[s]);
		}
	}
	for (int s = 0; s < LANES_OF_Z; s++)
		if (from + lane + s * WARP < e)
			z[from + lane + s * WARP] = sum[s] / total;
}

template <class real>
static __global__ void attend_kernel(int64_t heads, int64_t e, int64_t count, const struct item *items, int64_t queries)
{
	const int64_t at = warp_of_grid(), query = at / heads, head = at % heads;
	if (query >= queries)
		return;
	const struct item item = item_with(count, items, query);
	const int64_t mine = query - item.first, row = (mine * heads + head) * e;
	const int32_t first = item.list[mine] - item.list[0], n = item.list[mine + 1] - item.list[mine];
	for (int64_t from = 0; from < e; from += LANES_OF_Z * WARP)
		attend_part<real>(e, heads * e, n, item.path + first, (const real *)item.q + row,
				  (const real *)item.k + head * e, (const real *)item.v + head * e, from,
				  (real *)item.z + row);
}

static size_t rounded(size_t size)
{
	return (size + 255) / 256 * 256;
}

/* Room for an item's lists, and those lists. False where there is none. */
static size_t size_of_lists(const struct pbk_paths *p)
{
	const size_t pairs = (size_t)(p->host_first[p->queries] - p->host_first[0]);
	return rounded((size_t)(p->queries + 1) * sizeof *p->host_first) + rounded(pairs * sizeof *p->host_path);
}

static bool stage_lists(pbk_context *context, const struct pbk_paths *p, struct item *ret_item)
{
	const size_t pairs = (size_t)(p->host_first[p->queries] - p->host_first[0]);
	ret_item->list = (const int32_t *)pbk_stage(context, p->host_first,
						    (size_t)(p->queries + 1) * sizeof *p->host_first);
	ret_item->path = (const int32_t *)pbk_stage(context, p->host_path + p->host_first[0], pairs * sizeof *p->host_path);
	return ret_item->list && ret_item->path;
}

/* Items that share their lists share the copies too. */
static bool same_lists(const struct pbk_paths *a, const struct pbk_paths *b)
{
	return a->host_first == b->host_first && a->host_path == b->host_path && a->queries == b->queries;
}

template <class real>
static void attend(pbk_context *context, int64_t heads, int64_t e, int64_t count, const struct pbk_paths *items)
{
	size_t size = rounded((size_t)count * sizeof(struct item));
	int64_t queries = 0, n = 0;
	for (int64_t i = 0; i < count; i++)
		if (items[i].queries && !(i && same_lists(&items[i], &items[i - 1])))
			size += size_of_lists(&items[i]);
	struct item *list = (struct item *)malloc((size_t)(count + !count) * sizeof *list);
	bool fine = list && pbk_stage_room(context, size);
	for (int64_t i = 0; fine && i < count; i++) {
		const struct pbk_paths *p = &items[i];
		if (!p->queries)
			continue;
		list[n] = {queries, p->queries, 0, p->q, p->k, p->v, p->z, NULL, NULL};
		if (n && i && same_lists(p, p - 1)) {
			list[n].list = list[n - 1].list;
			list[n].path = list[n - 1].path;
		} else {
			fine = stage_lists(context, p, &list[n]);
		}
		queries += p->queries;
		n++;
	}
	const struct item *staged =
		fine && n ? (const struct item *)pbk_stage(context, list, (size_t)n * sizeof *list) : NULL;
	if (staged)
		pbk_launch(context, attend_kernel<real>, pbk_grid(queries * heads, WARPS), BLOCK, heads, e, n, staged,
			   queries);
	else if (!list)
		pbk_note(context, cudaErrorMemoryAllocation);
	free(list);
}

/* What the backward pass works on; pairs are the lists' entries, one after the other. */
template <class real> struct slopes {
	int64_t heads, e, queries, rows, asked; /* rows that may be in a list: the others have no entry in of_row */
	bool add;
	const real *q, *k, *v, *z, *dz;
	real *dq, *dk, *dv;
	real *pattern, *slope;               /* [pairs, heads] */
	const int32_t *first, *path;         /* a query's pairs, and their rows */
	const int32_t *of_row, *pair, *asks; /* a row's pairs, [rows + 1], and for each the pair and the query */
};

template <class real> static __global__ void query_kernel(const slopes<real> p)
{
	const int64_t at = warp_of_grid(), query = at / p.heads, head = at % p.heads, ld = p.heads * p.e;
	if (query >= p.queries)
		return;
	const int lane = (int)threadIdx.x % WARP;
	const int64_t row = query * ld + head * p.e;
	const real *k = p.k + head * p.e, *v = p.v + head * p.e, scale = 1 / sqrt(real(p.e));
	const int32_t begin = p.first[query] - p.first[0], end = p.first[query + 1] - p.first[0];
	const real mean = head_dot(p.e, p.dz + row, p.z + row); /* of the pattern's gradient, weighted by the pattern */
	real largest = -INFINITY, total = 0;
	for (int32_t j = begin; j < end; j++) {
		const real score = scale * head_dot(p.e, p.q + row, k + p.path[j] * ld);
		if (score > largest) {
			total = j > begin ? total * exp(largest - score) : real(0);
			largest = score;
		}
		total += exp(score - largest);
		if (!lane)
			p.pattern[j * p.heads + head] = score;
	}
	__syncwarp();
	for (int32_t j = begin; j < end; j++) {
		const real pattern = exp(p.pattern[j * p.heads + head] - largest) / total;
		const real slope = scale * pattern * (head_dot(p.e, p.dz + row, v + p.path[j] * ld) - mean);
		for (int64_t i = lane; i < p.e; i += WARP)
			p.dq[row + i] = fma(slope, k[p.path[j] * ld + i], p.add || j > begin ? p.dq[row + i] : real(0));
		__syncwarp();
		if (!lane) {
			p.pattern[j * p.heads + head] = pattern;
			p.slope[j * p.heads + head] = slope;
		}
	}
}

template <class real> static __global__ void row_kernel(const slopes<real> p)
{
	const int64_t at = warp_of_grid(), row = at / p.heads, head = at % p.heads, ld = p.heads * p.e;
	if (row >= p.rows)
		return;
	const int32_t begin = row < p.asked ? p.of_row[row] : 0, end = row < p.asked ? p.of_row[row + 1] : 0;
	for (int64_t i = threadIdx.x % WARP; i < p.e; i += WARP) {
		const int64_t mine = row * ld + head * p.e + i;
		real dk = p.add ? p.dk[mine] : real(0), dv = p.add ? p.dv[mine] : real(0);
		for (int32_t j = begin; j < end; j++) {
			const int64_t pair = p.pair[j] * p.heads + head, query = p.asks[j] * ld + head * p.e + i;
			dk = fma(p.slope[pair], p.q[query], dk);
			dv = fma(p.pattern[pair], p.dz[query], dv);
		}
		p.dk[mine] = dk;
		p.dv[mine] = dv;
	}
}

/* The pairs by the row that they look at, in their order: of_row [rows + 1], then pair and asks [pairs]. */
static void sort_by_row(const struct pbk_paths *p, int64_t rows, int32_t *of_row)
{
	const int32_t first = p->host_first[0], pairs = p->host_first[p->queries] - first;
	int32_t *pair = of_row + rows + 1, *asks = pair + pairs;
	pbk_sort_ids(p->host_path + first, pairs, rows, of_row, pair);
	for (int32_t j = 0; j < pairs; j++) { /* queries ascend with the pairs */
		int64_t low = 0, high = p->queries;
		while (high - low > 1) {
			const int64_t middle = (low + high) / 2;
			if (p->host_first[middle] - first <= pair[j])
				low = middle;
			else
				high = middle;
		}
		asks[j] = (int32_t)low;
	}
}

template <class real>
static void attend_backward(pbk_context *context, bool add, int64_t heads, int64_t e, const struct pbk_paths *p, const void *dz,
			    int64_t rows, void *dq, void *dk, void *dv)
{
	const int64_t pairs = p->queries ? p->host_first[p->queries] - p->host_first[0] : 0;
	const int64_t asked = pairs ? pbk_count_ids(p->host_path + p->host_first[0], pairs) : 0;
	const size_t length = (size_t)(asked + 1 + 2 * pairs), whole = (size_t)(rows * heads * e) * sizeof(real);
	if (!pairs && !add) {
		pbk_cuda_zero(context, dk, whole);
		pbk_cuda_zero(context, dv, whole);
	}
	if (!pairs)
		return;
	int32_t *sorted = (int32_t *)malloc(length * sizeof *sorted);
	real *pattern = (real *)pbk_cuda_workspace(context, (size_t)(2 * pairs * heads) * sizeof(real));
	struct item lists = {};
	if (!sorted)
		pbk_note(context, cudaErrorMemoryAllocation);
	if (sorted && pattern && pbk_stage_room(context, size_of_lists(p) + rounded(length * sizeof *sorted)) &&
	    stage_lists(context, p, &lists)) {
		sort_by_row(p, asked, sorted);
		const int32_t *staged = (const int32_t *)pbk_stage(context, sorted, length * sizeof *sorted);
		const slopes<real> s = {heads, e, p->queries, add ? asked : rows, asked, add, (const real *)p->q,
					(const real *)p->k, (const real *)p->v, (const real *)p->z, (const real *)dz, (real *)dq,
					(real *)dk, (real *)dv, pattern, pattern + pairs * heads, lists.list, lists.path, staged,
					staged + asked + 1, staged + asked + 1 + pairs};
		if (staged) {
			pbk_launch(context, query_kernel<real>, pbk_grid(p->queries * heads, WARPS), BLOCK, s);
			pbk_launch(context, row_kernel<real>, pbk_grid(s.rows * heads, WARPS), BLOCK, s);
		}
	}
	free(sorted);
}

template <class real> void pbk_cuda_fill_attend(struct pbk_table *table)
{
	table->attend = attend<real>;
	table->attend_backward = attend_backward<real>;
}

template void pbk_cuda_fill_attend<float>(struct pbk_table *table);
template void pbk_cuda_fill_attend<double>(struct pbk_table *table);
