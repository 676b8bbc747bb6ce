/* gemm_blocked.c: matrix products by tiles that stay in vector registers.
 *
 * k is cut into blocks of KC, rows into blocks of MC: that part of A is packed and stays in the second-level cache.
 * Panels of B, a few vectors wide and KC deep, are read once: where its rows lie along k, by transposing them to a
 * packed panel, or in registers for few rows; otherwise in place by the first tile, which leaves a packed copy to the
 * others. Tiles and threads divide C in any way, since nothing but k's order and KC enters an element's bits.
 */
#include "gemm_pack.h"

enum {
	KC = 256,
	MC = 1536 / sizeof(real), /* a multiple of MR */
	PACKED_ROWS = (MC + WIDTH - 1) / WIDTH * WIDTH,
	PANEL = 98304 / sizeof(real), /* elements of B that are packed at once */
	PAGE = 4096,
};

struct product {
	struct operand a, b;
	int64_t m, n, k;
	real alpha, beta;
	real *c;
	int64_t ldc;
};

/* Rows [i, i + m) and columns [j, j + n) of C. */
struct part {
	int64_t i, m, j, n;
};

static void tile_of_3_groups(const struct tile *t, int vectors)
{
	if (vectors == 1)
		t->copy ? multiply_tile(3 * GROUP, 1, true, t) : multiply_tile(3 * GROUP, 1, false, t);
	else
		t->copy ? multiply_tile(3 * GROUP, 2, true, t) : multiply_tile(3 * GROUP, 2, false, t);
}

static void tile_of_2_groups(const struct tile *t, int vectors)
{
	if (vectors == 1)
		t->copy ? multiply_tile(2 * GROUP, 1, true, t) : multiply_tile(2 * GROUP, 1, false, t);
	else if (vectors == 2)
		t->copy ? multiply_tile(2 * GROUP, 2, true, t) : multiply_tile(2 * GROUP, 2, false, t);
	else
		t->copy ? multiply_tile(2 * GROUP, 3, true, t) : multiply_tile(2 * GROUP, 3, false, t);
}

/* Fewer rows never share B, so nothing is copied. */
static ALWAYS_INLINE void tile_of_rows(const int rows, const struct tile *t, int vectors)
{
	switch (vectors) {
	case 1: multiply_tile(rows, 1, false, t); break;
	case 2: multiply_tile(rows, 2, false, t); break;
	case 3: multiply_tile(rows, 3, false, t); break;
	case 4: multiply_tile(rows, 4, false, t); break;
	case 5: multiply_tile(rows, 5, false, t); break;
	default: multiply_tile(rows, 6, false, t);
	}
}

static void tile_of_1_group(const struct tile *t, int vectors)
{
	tile_of_rows(GROUP, t, vectors);
}

static void tile_of_1_row(const struct tile *t, int vectors)
{
	tile_of_rows(1, t, vectors);
}

/* The next rows of a block of A, `rows` of them left, times one panel of B: a tile of three groups, or two of two
 * rather than one of a single. Returns how many rows that was. */
static ALWAYS_INLINE int64_t multiply_next(struct tile *t, int64_t rows, int vectors)
{
	const int64_t groups = (rows + GROUP - 1) / GROUP;
	const int64_t take = groups == 4 ? 2 : least(groups, vectors == 3 ? 2 : 3);
	t->rows = least(rows, take * GROUP);
	if (take == 3)
		tile_of_3_groups(t, vectors);
	else if (take == 2)
		tile_of_2_groups(t, vectors);
	else if (rows > 1)
		tile_of_1_group(t, vectors);
	else
		tile_of_1_row(t, vectors);
	return t->rows;
}

static void use_packed(struct tile *t, const real *packed, int vectors)
{
	t->b = packed;
	t->ldb = vectors * WIDTH;
	t->last = packed + (vectors - 1) * WIDTH;
	t->copy = NULL;
}

static void multiply_panel(struct tile *t, int64_t rows, int vectors)
{
	for (int64_t done; rows > 0; rows -= done) {
		done = multiply_next(t, rows, vectors);
		t->a += done / GROUP * t->step;
		t->c += done * t->ldc;
		if (t->copy)
			use_packed(t, t->copy, vectors);
	}
}

static void multiply_few(const struct tile *t, int vectors)
{
	if (t->rows == 1)
		vectors == 1 ? multiply_transposed(1, 1, t) : multiply_transposed(1, 2, t);
	else if (t->rows == 2)
		vectors == 1 ? multiply_transposed(2, 1, t) : multiply_transposed(2, 2, t);
	else if (t->rows <= GROUP)
		vectors == 1 ? multiply_transposed(GROUP, 1, t) : multiply_transposed(GROUP, 2, t);
	else
		vectors == 1 ? multiply_transposed(2 * GROUP, 1, t) : multiply_transposed(2 * GROUP, 2, t);
}

/* Into how many panels to cut columns that are `all` vectors wide, so that a tile's sums fill the registers. */
static int64_t count_panels(int64_t all, int64_t rows, bool transposed)
{
	if (transposed && rows <= 2 * GROUP)
		return (all + 1) / 2;
	if (rows <= GROUP)
		return (all + MOST_VECTORS - 1) / MOST_VECTORS;
	if (rows <= 2 * GROUP)
		return (all + 2) / 3;
	return all > 1 ? all / 2 : 1; /* one of three where their number is odd */
}

/* Columns [j, j + n) of B for kc of k, where they lie, and of C. */
static ALWAYS_INLINE void find_columns(const struct product *p, struct tile *t, int64_t k, int64_t i, int64_t j,
				       int64_t n, int vectors)
{
	const bool narrow = p->n < WIDTH;
	t->first = narrow ? 0 : vectors * WIDTH - n;
	t->end = narrow ? n : WIDTH;
	t->c = p->c + i * p->ldc + j;
	t->b = at(&p->b, k, j);
	t->ldb = p->b.column != 1 ? p->b.column : p->b.row;
	t->last = at(&p->b, k, j + (vectors - 1) * WIDTH - t->first);
}

/* Packs the panel of B that the tile points at, where rows that lie along k or are too short make it necessary; with
 * `keep` the first tile does it, in passing. */
static void pack_panel(const struct product *p, struct tile *t, bool keep, int vectors, real *packed)
{
	t->copy = NULL;
	if (p->b.column != 1)
		pack_transposed(t->b, t->ldb, vectors, t->first, t->end, t->kc, packed);
	else if (p->n < WIDTH)
		pack_narrow(t->b, t->ldb, t->end, t->kc, packed);
	else if (keep)
		t->copy = packed;
	if (p->b.column != 1 || p->n < WIDTH)
		use_packed(t, packed, vectors);
}

/* Whether the tiles below the first are faster with a copy of B's panel. A few are not, unless its rows are so far
 * apart that they fall on each other in the first-level cache. */
static bool pays_to_keep(const struct product *p, int64_t m)
{
	return m > (p->b.row * (int64_t)sizeof(real) % PAGE ? 4 : 1) * MR;
}

/* Panel by panel: rows [i, i + m) of C, columns of the part, k in [k0, k0 + depth), for which A lies packed. */
static void multiply_panels(const struct product *p, const struct part *part, int64_t i, int64_t m, int64_t k0,
			    int64_t depth, const real *a, real *panel)
{
	struct tile t = {.ldc = p->ldc, .alpha = p->alpha};
	const int64_t size = round_up(m, WIDTH) * KC, all = (part->n + WIDTH - 1) / WIDTH;
	const bool few = p->b.column != 1 && m <= 2 * GROUP, keep = pays_to_keep(p, m);
	int64_t panels = count_panels(all, m, p->b.column != 1);
	for (int64_t done = 0, vectors; panels; panels--, done += vectors) {
		vectors = (all - done + panels - 1) / panels;
		for (int64_t k = 0; k < depth; k += KC) {
			t.kc = least(KC, depth - k);
			t.step = round_up(t.kc, WIDTH) * GROUP;
			t.a = a + k / KC * size;
			t.add = k0 + k || p->beta != 0;
			find_columns(p, &t, k0 + k, i, part->j + done * WIDTH,
				     least(vectors * WIDTH, part->n - done * WIDTH), (int)vectors);
			if (few) {
				t.rows = m;
				multiply_few(&t, (int)vectors);
			} else {
				pack_panel(p, &t, keep, (int)vectors, panel);
				multiply_panel(&t, m, (int)vectors);
			}
		}
	}
}

/* The same where all panels of B fit into the buffer and k is one block: row by row of tiles, as C lies in memory. */
static void multiply_strips(const struct product *p, const struct part *part, int64_t i, int64_t m, int64_t k,
			    int64_t kc, const real *a, real *panel)
{
	struct tile t = {.kc = kc, .step = round_up(kc, WIDTH) * GROUP, .ldc = p->ldc, .alpha = p->alpha};
	const int64_t all = (part->n + WIDTH - 1) / WIDTH;
	t.add = k || p->beta != 0;
	for (int64_t r = 0, strip; r < m; r += strip) {
		const int64_t groups = (m - r + GROUP - 1) / GROUP;
		int64_t panels = count_panels(all, m, false);
		strip = least(m - r, (groups == 4 || all == 3 ? 2 : 3) * GROUP);
		for (int64_t done = 0, vectors; panels; panels--, done += vectors) {
			real *packed = panel + done * WIDTH * kc;
			vectors = (all - done + panels - 1) / panels;
			find_columns(p, &t, k, i + r, part->j + done * WIDTH,
				     least(vectors * WIDTH, part->n - done * WIDTH), (int)vectors);
			if (r)
				use_packed(&t, packed, (int)vectors);
			else
				pack_panel(p, &t, true, (int)vectors, packed);
			t.a = a + r / GROUP * t.step;
			multiply_panel(&t, strip, (int)vectors);
		}
	}
}

/* Rows [i, i + m) of C, columns of the part, k in [k0, k0 + depth): that part of A fits into `a`. */
static void multiply_block(const struct product *p, const struct part *part, int64_t i, int64_t m, int64_t k0,
			   int64_t depth, real *a, real *panel)
{
	for (int64_t k = 0; k < depth; k += KC) {
		const int64_t kc = least(KC, depth - k);
		pack_a(&p->a, i, m, k0 + k, kc, round_up(kc, WIDTH) * GROUP, a + k * round_up(m, WIDTH));
	}
	if (m > MR && depth <= KC && round_up(depth, WIDTH) * round_up(part->n, WIDTH) <= PANEL)
		multiply_strips(p, part, i, m, k0, depth, a, panel);
	else
		multiply_panels(p, part, i, m, k0, depth, a, panel);
}

static void scale(const struct product *p, const struct part *part)
{
	for (int64_t i = part->i; i < part->i + part->m; i++)
		for (int64_t j = part->j; j < part->j + part->n; j++)
			p->c[i * p->ldc + j] = p->beta == 0 ? 0 : p->beta * p->c[i * p->ldc + j];
}

static void multiply_part(const struct product *p, const struct part *part)
{
	_Alignas(64) real a[PACKED_ROWS * KC], panel[PANEL];
	if (!part->m || !part->n)
		return;
	if (p->k == 0 || (p->beta != 0 && p->beta != 1))
		scale(p, part);
	const int64_t blocks = (part->m + MC - 1) / MC;
	const int64_t mc = round_up((part->m + blocks - 1) / blocks, MR), kd = PACKED_ROWS / round_up(mc, WIDTH) * KC;
	for (int64_t i = 0; i < part->m; i += mc)
		for (int64_t k = 0; k < p->k; k += kd)
			multiply_block(p, part, part->i + i, least(mc, part->m - i), k, least(kd, p->k - k), a, panel);
}

/* Threads share C in the grid whose parts have the shortest sides, rows and columns of tiles being indivisible. */
static int64_t rows_of_grid(const struct product *p, int threads)
{
	int64_t best = 1, least_cost = INT64_MAX;
	for (int64_t rows = 1; rows <= threads; rows++) {
		const int64_t m = round_up((p->m + rows - 1) / rows, GROUP);
		const int64_t n = round_up((p->n * rows + threads - 1) / threads, WIDTH);
		if (threads % rows == 0 && (m + GROUP) * (n + GROUP) < least_cost) {
			least_cost = (m + GROUP) * (n + GROUP);
			best = rows;
		}
	}
	return best;
}

/* Share number `i` of `count` is [share(n, unit, i, count), share(n, unit, i + 1, count)), in whole units. */
static int64_t share(int64_t n, int64_t unit, int64_t i, int64_t count)
{
	return least(n, (n + unit - 1) / unit * i / count * unit);
}

static void multiply(pbk_context *context, const struct product *p)
{
	const int64_t work = pbk_gemm_work(p->m, p->n, p->k), units = round_up(p->m, GROUP) * round_up(p->n, WIDTH);
	const int threads = pbk_threads(context, units / (GROUP * WIDTH), work);
	const int64_t rows = threads > 1 ? rows_of_grid(p, threads) : 1, columns = threads / rows;
	PBK_PARALLEL(
		context, threads, work, for (int64_t t = begin; t < end; t++) {
			const int64_t i = share(p->m, GROUP, t / columns, rows),
				      j = share(p->n, WIDTH, t % columns, columns);
			const struct part part = {i, share(p->m, GROUP, t / columns + 1, rows) - i, j,
						  share(p->n, WIDTH, t % columns + 1, columns) - j};
			multiply_part(p, &part);
		});
}

static void gemm(pbk_context *context, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a,
		 int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc)
{
	const struct product p = {
		.a = {a, ta ? 1 : lda, ta ? lda : 1},
		.b = {b, tb ? 1 : ldb, tb ? ldb : 1},
		.m = m,
		.n = n,
		.k = k,
		.alpha = (real)alpha,
		.beta = (real)beta,
		.c = c,
		.ldc = ldc,
	};
	multiply(context, &p);
}

/* Threads share the products where there are enough; within a product otherwise. */
static void gemm_batch(pbk_context *context, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha,
		       const void *a, int64_t lda, int64_t stride_a, const void *b, int64_t ldb, int64_t stride_b,
		       double beta, void *c, int64_t ldc, int64_t stride_c, int64_t count)
{
	const int64_t shared = count >= context->threads ? count * pbk_gemm_work(m, n, k) : 0;
	PBK_PARALLEL(context, count, shared,
		     for (int64_t i = begin; i < end; i++)
			     gemm(context, ta, tb, m, n, k, alpha, (const real *)a + i * stride_a, lda,
				  (const real *)b + i * stride_b, ldb, beta, (real *)c + i * stride_c, ldc));
}

#include "linear.h"

void PBK_NAME(pbk_fill_gemm_blocked)(struct pbk_table *table)
{
	table->gemm = gemm;
	table->gemm_batch = gemm_batch;
	fill_linear(table);
}
