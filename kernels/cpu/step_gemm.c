/* step_gemm.c: products with weights after one step, which exist for one tile at a time.
 *
 * W is copied once into panels of NR columns, an item's A into blocks of KC columns whose rows lie a fixed distance
 * apart. Threads share (item, panel) pairs. For each block of k the tile [kc, NR] of W' is formed in the first cache
 * and multiplied by all rows of A, MR at a time, into sums [m, NR] that C gets at the end.
 */
#include "step_tile.h"

#if defined(__AVX512F__)
enum { MR = 12 };
#else
enum { MR = 6 };
#endif
enum {
	KC = 128,
	LDA = KC + 64 / sizeof(real), /* rows of A; one line more, so that they do not meet in one place of the cache */
};

struct plan {
	struct rule_constants constants;
	int64_t n, k, ldw, count, panels, blocks;
	const struct pbk_stepped *items;
	int64_t rows, runs; /* of all items; a run is items with one W */
	int64_t work;
	int threads;
	real *packed;         /* W: [runs, panels, k, NR] */
	real *scratch;        /* per thread: A [blocks, m, LDA], sums [m, NR] */
	int64_t *run;         /* [count] an item's */
	const real **weights; /* [runs] */
	int64_t a_size, scratch_size;
};

/* sum [rows, NR] += A [rows, kc] * B [kc, NR], = for the first block; `rows` is a constant where this is inlined. */
static ALWAYS_INLINE void multiply_rows(const int rows, int64_t kc, const real *restrict a, const real *restrict b,
					real *restrict sum, bool first)
{
	vector total[MR][2];
	for (int i = 0; i < rows; i++)
		for (int half = 0; half < 2; half++)
			total[i][half] = first ? (vector){0} : load(sum + i * NR + half * WIDTH);
	for (int64_t p = 0; p < kc; p++) {
		const vector left = load(b + p * NR), right = load(b + p * NR + WIDTH);
#pragma GCC unroll 12
		for (int i = 0; i < rows; i++) {
			total[i][0] += a[i * LDA + p] * left;
			total[i][1] += a[i * LDA + p] * right;
		}
	}
	for (int i = 0; i < rows; i++)
		memcpy(sum + i * NR, total[i], sizeof total[i]);
}

static void multiply_strip(int64_t rows, int64_t kc, const real *a, const real *b, real *sum, bool first)
{
	switch (rows) {
	case 1: multiply_rows(1, kc, a, b, sum, first); break;
	case 2: multiply_rows(2, kc, a, b, sum, first); break;
	case 3: multiply_rows(3, kc, a, b, sum, first); break;
	case 4: multiply_rows(4, kc, a, b, sum, first); break;
	case 5: multiply_rows(5, kc, a, b, sum, first); break;
	case 6: multiply_rows(6, kc, a, b, sum, first); break;
#if defined(__AVX512F__)
	case 7: multiply_rows(7, kc, a, b, sum, first); break;
	case 8: multiply_rows(8, kc, a, b, sum, first); break;
	case 9: multiply_rows(9, kc, a, b, sum, first); break;
	case 10: multiply_rows(10, kc, a, b, sum, first); break;
	case 11: multiply_rows(11, kc, a, b, sum, first); break;
	case 12: multiply_rows(12, kc, a, b, sum, first); break;
#endif
	}
}

/* All rows, in strips that differ by one row at most. */
static void multiply_tile(int64_t m, int64_t kc, const real *a, const real *b, real *sum, bool first)
{
	const int64_t strips = (m + MR - 1) / MR;
	for (int64_t s = 0; s < strips; s++) {
		const int64_t i = m * s / strips;
		multiply_strip(m * (s + 1) / strips - i, kc, a + i * LDA, b, sum + i * NR, first);
	}
}

static void store_sums(const struct pbk_stepped *item, real scale, int64_t j, int64_t columns, const real *restrict sum)
{
	real bias[NR] = {0};
	if (item->bias)
		memcpy(bias, (const real *)item->bias + j, (size_t)columns * sizeof *bias);
	for (int64_t i = 0; i < item->m; i++) {
		real *restrict c = (real *)item->c + i * item->ldc + j;
		for (int64_t s = 0; s < columns; s++)
			c[s] = (item->add ? c[s] : 0) + (scale * sum[i * NR + s] + bias[s]);
	}
}

/* A to [blocks, m, LDA]. */
static void copy_rows(const struct plan *plan, const struct pbk_stepped *item, real *restrict copy)
{
	for (int64_t block = 0; block < plan->blocks; block++) {
		const int64_t k0 = block * KC, kc = least(KC, plan->k - k0);
		for (int64_t i = 0; i < item->m; i++)
			memcpy(copy + (block * item->m + i) * LDA, (const real *)item->a + i * item->lda + k0,
			       (size_t)kc * sizeof *copy);
	}
}

static void multiply_panel(const struct plan *plan, int64_t at, int64_t panel, const real *a, real *sum)
{
	_Alignas(64) real tile[KC * NR];
	const struct pbk_stepped *item = &plan->items[at];
	const struct gradient_panel gradient = {&item->gradient, plan->n, panel * NR, least(NR, plan->n - panel * NR),
						(real)item->grad_scale};
	const real *w = plan->packed + (plan->run[at] * plan->panels + panel) * plan->k * NR;
	memset(sum, 0, (size_t)(plan->k ? 0 : item->m * NR) * sizeof *sum);
	for (int64_t k0 = 0; k0 < plan->k; k0 += KC) {
		const int64_t kc = least(KC, plan->k - k0);
		if (item->present)
			step_tile(&plan->constants, &gradient, k0, kc, w + k0 * NR, tile);
		multiply_tile(item->m, kc, a + k0 / KC * item->m * LDA, item->present ? tile : w + k0 * NR, sum, !k0);
	}
	store_sums(item, item->present ? plan->constants.scale : 1, gradient.j, gradient.columns, sum);
}

/* Pairs [begin, end) of item and panel. */
static void multiply_range(const struct plan *plan, int64_t begin, int64_t end, real *scratch)
{
	for (int64_t at = begin; at < end; at++) {
		const int64_t item = at / plan->panels, panel = at % plan->panels;
		if (at == begin || panel == 0)
			copy_rows(plan, &plan->items[item], scratch);
		multiply_panel(plan, item, panel, scratch, scratch + plan->a_size);
	}
}

static void pack_range(const struct plan *plan, int64_t begin, int64_t end)
{
	for (int64_t at = begin; at < end; at++) {
		const int64_t j = at % plan->panels * NR;
		pack_tile(plan->k, least(NR, plan->n - j), plan->weights[at / plan->panels] + j, plan->ldw,
			  plan->packed + at * plan->k * NR);
	}
}

static bool begins_run(const struct plan *plan, int64_t i)
{
	return !i || plan->items[i].w != plan->items[i - 1].w;
}

/* Counts, and places everything in the workspace; false when there is none. */
static bool place(pbk_context *context, struct plan *plan)
{
	int64_t most = 0;
	for (int64_t i = 0; i < plan->count; i++) {
		plan->rows += plan->items[i].m;
		plan->runs += begins_run(plan, i);
		most = plan->items[i].m > most ? plan->items[i].m : most;
	}
	/* Forming a tile costs what about 8 rows cost. */
	plan->work = pbk_gemm_work(plan->rows + plan->count * 8, plan->n, plan->k);
	plan->threads = pbk_threads(context, plan->count * plan->panels, plan->work);
	plan->a_size = plan->blocks * most * LDA;
	plan->scratch_size = plan->a_size + most * NR;
	const int64_t w_size = plan->runs * plan->panels * plan->k * NR, scratch = plan->threads * plan->scratch_size;
	plan->packed =
		pbk_workspace(context, (size_t)(w_size + scratch) * sizeof(real) +
					       (size_t)plan->count * (sizeof *plan->run + sizeof *plan->weights));
	if (!plan->packed)
		return false;
	plan->scratch = plan->packed + w_size;
	plan->run = (int64_t *)(plan->scratch + scratch);
	plan->weights = (const real **)(plan->run + plan->count);
	return true;
}

static void find_runs(const struct plan *plan)
{
	for (int64_t i = 0, run = -1; i < plan->count; i++) {
		if (begins_run(plan, i))
			plan->weights[++run] = plan->items[i].w;
		plan->run[i] = run;
	}
}

static void gemm_stepped(pbk_context *context, const struct pbk_step *step, int64_t n, int64_t k, int64_t ldw,
			 int64_t count, const struct pbk_stepped *items)
{
	struct plan plan = {.constants = rule_constants(step, step->decay),
			    .n = n,
			    .k = k,
			    .ldw = ldw,
			    .count = count,
			    .panels = (n + NR - 1) / NR,
			    .blocks = (k + KC - 1) / KC,
			    .items = items};
	if (!place(context, &plan))
		return;
	find_runs(&plan);
	const int64_t pairs = count * plan.panels;
	PBK_PARALLEL(context, plan.runs * plan.panels, plan.runs * n * k, pack_range(&plan, begin, end));
	PBK_PARALLEL(context, plan.threads, plan.work,
		     for (int64_t t = begin; t < end; t++)
			     multiply_range(&plan, pairs * t / plan.threads, pairs * (t + 1) / plan.threads,
					    plan.scratch + t * plan.scratch_size));
}

void PBK_NAME(pbk_fill_step_gemm)(struct pbk_table *table)
{
	table->gemm_stepped = gemm_stepped;
}
