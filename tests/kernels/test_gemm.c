/* test_gemm.c: matrix products against three loops in double. */
#include <math.h>
#include <stdlib.h>

#include "kernels_test.h"

/* One product or a batch of them, over guarded buffers. */
struct product {
	bool ta, tb;
	int64_t m, n, k, lda, ldb, ldc, stride_a, stride_b, stride_c, count;
	double alpha, beta;
	struct guarded a, b, c;
};

static int64_t extent(int64_t rows, int64_t columns, int64_t ld, int64_t stride, int64_t count)
{
	return rows && columns && count ? stride * (count - 1) + ld * (rows - 1) + columns : 0;
}

static struct guarded random_matrix(size_t real_size, int64_t count, int shift)
{
	struct guarded g = guarded_new(real_size, count, shift);
	for (int64_t i = 0; i < count; i++)
		guarded_set(&g, i, random_value());
	return g;
}

/* C starts as NaN where it must not be read, and random where it must. */
static void prepare(struct product *p, size_t real_size)
{
	p->a = random_matrix(real_size, extent(p->ta ? p->k : p->m, p->ta ? p->m : p->k, p->lda, p->stride_a, p->count),
			     1);
	p->b = random_matrix(real_size, extent(p->tb ? p->n : p->k, p->tb ? p->k : p->n, p->ldb, p->stride_b, p->count),
			     3);
	p->c = random_matrix(real_size, extent(p->m, p->n, p->ldc, p->stride_c, p->count), 2);
	for (int64_t i = 0; p->beta == 0 && i < p->c.count; i++)
		guarded_set(&p->c, i, NAN);
}

static void finish(struct product *p)
{
	guarded_free(&p->a);
	guarded_free(&p->b);
	guarded_free(&p->c);
}

/* [rows][columns] of a matrix whose rows, or columns where it is transposed, lie ld apart. The caller's. */
static double *read_matrix(const struct guarded *g, int64_t first, int64_t rows, int64_t columns, int64_t ld, bool transposed)
{
	double *x = malloc((size_t)(rows * columns + 1) * sizeof *x);
	for (int64_t i = 0; i < rows; i++)
		for (int64_t j = 0; j < columns; j++)
			x[i * columns + j] = guarded_get(g, first + (transposed ? j * ld + i : i * ld + j));
	return x;
}

/* The expected C, whole buffer: what lies between rows stays as it was. */
static struct guarded expect(const struct product *p)
{
	struct guarded want = guarded_new(sizeof(double), p->c.count, 0);
	for (int64_t i = 0; i < p->c.count; i++)
		guarded_set(&want, i, guarded_get(&p->c, i));
	for (int64_t item = 0; item < p->count; item++) {
		double *a = read_matrix(&p->a, item * p->stride_a, p->m, p->k, p->lda, p->ta);
		double *b = read_matrix(&p->b, item * p->stride_b, p->n, p->k, p->ldb, !p->tb); /* columns */
		for (int64_t at = 0; at < p->m * p->n; at++) {
			const int64_t i = at / p->n, j = at % p->n, c = item * p->stride_c + i * p->ldc + j;
			double total = 0;
			for (int64_t l = 0; l < p->k; l++)
				total += a[i * p->k + l] * b[j * p->k + l];
			guarded_set(&want, c, p->alpha * total + (p->beta == 0 ? 0 : p->beta * guarded_get(&p->c, c)));
		}
		free(a);
		free(b);
	}
	return want;
}

/* `unit`: the rounding of one term. */
static void check_product_in(pbk_context *in, double unit, struct product p, const struct pbk_table *t, bool batch)
{
	prepare(&p, t->real_size);
	struct guarded want = expect(&p);
	if (batch)
		t->gemm_batch(in, p.ta, p.tb, p.m, p.n, p.k, p.alpha, p.a.data, p.lda, p.stride_a, p.b.data, p.ldb,
			      p.stride_b, p.beta, p.c.data, p.ldc, p.stride_c, p.count);
	else
		t->gemm(in, p.ta, p.tb, p.m, p.n, p.k, p.alpha, p.a.data, p.lda, p.b.data, p.ldb, p.beta, p.c.data,
			p.ldc);
	wait_for(in);
	EXPECT(guarded_intact(&p.c), "%s: wrote outside C", t->name);
	const double tolerance = unit * (4 + sqrt((double)p.k));
	for (int64_t i = 0; i < want.count; i++)
		EXPECT(nearly(guarded_get(&p.c, i), guarded_get(&want, i), tolerance),
		       "%s ta=%d tb=%d %d x %d x %d count %d alpha %g beta %g: C[%d] is %.17g, expected %.17g", t->name,
		       p.ta, p.tb, (int)p.m, (int)p.n, (int)p.k, (int)p.count, p.alpha, p.beta, (int)i,
		       guarded_get(&p.c, i), guarded_get(&want, i));
	guarded_free(&want);
	finish(&p);
}

static void check_product(struct product p, const struct pbk_table *t, bool batch)
{
	check_product_in(test_context, tolerance_of(t->real_size), p, t, batch);
}

static const int64_t shapes[][3] = {
	{0, 4, 4},  {4, 0, 4},   {4, 4, 0},    {1, 1, 1},      {1, 7, 3},     {5, 1, 9},       {4, 4, 128},
	{3, 5, 7},  {6, 16, 33}, {13, 17, 9},  {12, 48, 31},   {25, 49, 64},  {4, 128, 4},     {4, 128, 1000},
	{70, 3, 8}, {1, 300, 2}, {97, 200, 5}, {64, 129, 300}, {7, 513, 259}, {131, 140, 270}, {5, 2, 6200},
};
/* Above LARGE, where the loops of the test take their time, fewer variants. */
enum { N_SHAPES = sizeof shapes / sizeof *shapes, LARGE = 300000 };

START_TEST(product_is_the_sum_of_products)
{
	const int64_t m = shapes[_i][0], n = shapes[_i][1], k = shapes[_i][2];
	static const double alphas[] = {1, -0.5, 1, 2}, betas[] = {0, 1, 0.25, 0};
	random_seed((uint64_t)_i);
	for (int v = 0; v < (m * n * k > LARGE ? 8 : 16); v++) {
		struct product p = {.ta = v & 1, .tb = v & 2, .m = m, .n = n, .k = k, .count = 1};
		const int64_t gap = v & 4 ? 3 : 0;
		p.alpha = alphas[(v + v / 4) % 4];
		p.beta = betas[(v + v / 4) % 4];
		p.lda = (p.ta ? m : k) + gap + (m * k == 0);
		p.ldb = (p.tb ? k : n) + gap + (n * k == 0);
		p.ldc = n + gap + (n == 0);
		for (int i = 0; i < count_gemm_tables(); i++)
			check_product(p, gemm_table(i), false);
	}
}
END_TEST

START_TEST(batch_is_many_products)
{
	const int64_t m = shapes[_i][0], n = shapes[_i][1], k = shapes[_i][2];
	random_seed((uint64_t)_i);
	for (int v = 0; v<16; v += m * n * k> LARGE ? 5 : 1) {
		struct product p = {.ta = v & 1, .tb = v & 2, .m = m, .n = n, .k = k, .count = 3, .alpha = 0.5};
		p.beta = v & 4 ? 1 : 0;
		p.lda = (p.ta ? m : k) + (m * k == 0);
		p.ldb = (p.tb ? k : n) + (n * k == 0);
		p.ldc = n + (n == 0);
		p.stride_a = v & 8 ? 0 : m * k + 2;
		p.stride_b = n * k;
		p.stride_c = m * n + 1;
		for (int i = 0; i < count_gemm_tables(); i++)
			check_product(p, gemm_table(i), true);
	}
}
END_TEST

/* Attention: batch items are heads, interleaved in [position, head, d_head]. */
START_TEST(batch_over_interleaved_heads)
{
	const int64_t p = 5, heads = 700, d = 12;
	for (int i = 0; i < count_gemm_tables(); i++) {
		random_seed(7);
		struct product scores = {.tb = true, .m = p, .n = p, .k = d, .alpha = 0.25, .count = heads};
		scores.lda = scores.ldb = heads * d;
		scores.stride_a = scores.stride_b = d;
		scores.ldc = p;
		scores.stride_c = p * p;
		check_product(scores, gemm_table(i), true);
		struct product z = {.m = p, .n = d, .k = p, .alpha = 1, .count = heads};
		z.lda = p;
		z.stride_a = p * p;
		z.ldb = z.ldc = heads * d;
		z.stride_b = z.stride_c = d;
		check_product(z, gemm_table(i), true);
	}
}
END_TEST

/* Of parts with heads side by side: as one product after the other, and a row alone as among others. */
START_TEST(inputs_are_sums_of_products)
{
	static const int64_t sizes[][5] = {{5, 70, 12, 3, 2}, {40, 33, 600, 2, 1}, {1, 9, 4, 70, 3}, {0, 3, 2, 2, 1}, {3, 5, 0, 4, 1},
					   {70, 65, 20, 4, 3}, {130, 140, 12, 4, 2}};
	const int64_t rows = sizes[_i][0], k = sizes[_i][1], n = sizes[_i][2], groups = sizes[_i][3], count = sizes[_i][4];
	for (int i = 0; i < 2 * n_tables(); i++) {
		const struct pbk_table *t = test_table(i / 2);
		const bool add = i % 2;
		struct guarded dy[3], w[3], dx = random_matrix(t->real_size, rows * k, 3),
					    want = guarded_new(t->real_size, rows * k, 0),
					    alone = guarded_new(t->real_size, rows * k, 0);
		struct pbk_linear_input parts[3], row[3];
		random_seed((uint64_t)_i);
		memcpy(want.data, dx.data, (size_t)(rows * k) * t->real_size);
		memcpy(alone.data, dx.data, (size_t)(rows * k) * t->real_size);
		for (int64_t p = 0; p < count; p++) {
			dy[p] = random_matrix(t->real_size, rows * groups * n, _i % 2 ? 1 + (int)p : 0);
			w[p] = random_matrix(t->real_size, groups * k * n, _i % 2 ? 2 + (int)p : 0);
			parts[p] = (struct pbk_linear_input){dy[p].data, w[p].data};
			for (int64_t g = 0; g < groups; g++)
				t->gemm(test_context, false, true, rows, k, n, 1, (char *)dy[p].data + (size_t)(g * n) * t->real_size,
					groups * n, (char *)w[p].data + (size_t)(g * k * n) * t->real_size, n, add || p || g,
					want.data, k);
		}
		t->linear_inputs(test_context, add, groups, rows, k, n, dx.data, count, parts);
		for (int64_t r = 0; r < rows; r++) {
			for (int64_t p = 0; p < count; p++)
				row[p] = (struct pbk_linear_input){
					(char *)dy[p].data + (size_t)(r * groups * n) * t->real_size, w[p].data};
			t->linear_inputs(test_context, add, groups, 1, k, n, (char *)alone.data + (size_t)(r * k) * t->real_size,
					 count, row);
		}
		wait_for(test_context);
		for (int64_t at = 0; at < rows * k; at++)
			EXPECT(nearly(guarded_get(&dx, at), guarded_get(&want, at), 16 * tolerance_of(t->real_size)),
			       "%s: element %d is %.9g, not %.9g", t->name, (int)at, guarded_get(&dx, at),
			       guarded_get(&want, at));
		EXPECT(guarded_intact(&dx) && guarded_same(&dx, &alone), "%s, %d x %d x %d: a row depends on others", t->name,
		       (int)rows, (int)k, (int)n);
		struct guarded all[] = {dx, want, alone};
		for (int g = 0; g < 3; g++)
			guarded_free(&all[g]);
		for (int64_t p = 0; p < count; p++) {
			guarded_free(&dy[p]);
			guarded_free(&w[p]);
		}
	}
}
END_TEST

/* As of another cell's input that has no gradient in this one's company: it must not be seen in a bit. */
START_TEST(a_part_of_zeros_changes_nothing)
{
	enum { ROWS = 4, K = 70, N = 16 };
	const int64_t groups = (int64_t[]){4, 24, 32, 43}[_i];
	for (int i = 0; i < n_tables(); i++) {
		const struct pbk_table *t = test_table(i);
		random_seed((uint64_t)_i);
		struct guarded dy[2], w[2], dx[2];
		struct pbk_linear_input parts[3];
		for (int p = 0; p < 2; p++) {
			dy[p] = random_matrix(t->real_size, ROWS * groups * N, 0);
			w[p] = random_matrix(t->real_size, groups * K * N, 0);
			dx[p] = random_matrix(t->real_size, ROWS * K, 0);
			parts[p] = (struct pbk_linear_input){dy[p].data, w[p].data};
		}
		struct guarded zeros = guarded_new(t->real_size, ROWS * groups * N, 0);
		for (int64_t at = 0; at < zeros.count; at++)
			guarded_set(&zeros, at, 0);
		parts[2] = (struct pbk_linear_input){zeros.data, w[0].data};
		for (int p = 0; p < 2; p++)
			t->linear_inputs(test_context, false, groups, ROWS, K, N, dx[p].data, 2 + p, parts);
		wait_for(test_context);
		EXPECT(guarded_same(&dx[0], &dx[1]), "%s, %d groups: it does", t->name, (int)groups);
		struct guarded used[] = {dy[0], dy[1], w[0], w[1], dx[0], dx[1], zeros};
		for (int g = 0; g < 7; g++)
			guarded_free(&used[g]);
	}
}
END_TEST

static const int64_t layers[][4] = {{1, 17, 40, 70}, {3, 70, 600, 64}, {4, 48, 1024, 128}, {2, 1, 3, 5},
				    {2, 0, 4, 4},    {1, 9, 0, 7},     {12, 130, 70, 65}};
enum { LAYERS = sizeof layers / sizeof *layers };

/* The same bits as the product and the bias one after the other, be it alone or one of a list. */
static void check_layers(const struct pbk_table *t, int count, const int64_t (*sizes)[4])
{
	struct guarded g[LAYERS][6]; /* x, w, bias, y, what is wanted, y of the layer alone */
	struct pbk_linear list[LAYERS];
	for (int i = 0; i < count; i++) {
		const int64_t groups = sizes[i][0], rows = sizes[i][1], k = sizes[i][2], n = sizes[i][3], all = groups * n;
		const int64_t counts[6] = {rows * k, all * k, all, rows * all, rows * all, rows * all};
		for (int j = 0; j < 6; j++)
			g[i][j] = random_matrix(t->real_size, counts[j], i % 2 ? j : 0);
		list[i] = (struct pbk_linear){groups, rows, k, n, g[i][0].data, g[i][1].data, g[i][2].data, g[i][5].data};
		t->gemm_batch(test_context, false, false, rows, n, k, 1, g[i][0].data, k + !k, 0, g[i][1].data, n, k * n, 0,
			      g[i][4].data, all, n, groups);
		t->bias_add(test_context, rows, all, g[i][4].data, g[i][2].data);
		t->linear(test_context, 1, &list[i]);
		list[i].y = g[i][3].data;
	}
	t->linear(test_context, count, list);
	wait_for(test_context);
	for (int i = 0; i < count; i++) {
		EXPECT(guarded_intact(&g[i][3]) && guarded_same(&g[i][3], &g[i][4]) && guarded_same(&g[i][5], &g[i][4]),
		       "%s: layer %d of %d is not so", t->name, i, count);
		for (int j = 0; j < 6; j++)
			guarded_free(&g[i][j]);
	}
}

START_TEST(linear_is_product_and_bias)
{
	random_seed((uint64_t)_i);
	check_layers(test_table(_i), LAYERS, layers);
}
END_TEST

/* So few tiles that blocks share a tile's parts, which lie one product's behind the other's: quads, and odd numbers of
 * elements in front of quads. */
START_TEST(parts_of_few_tiles)
{
	static const int64_t few[][2][4] = {{{1, 100, 600, 36}, {1, 130, 600, 64}}, /* tall tiles on a small device */
					    {{1, 99, 300, 33}, {2, 41, 385, 36}},
					    {{1, 7, 300, 33}, {3, 13, 300, 68}},
					    {{1, 50, 300, 9}, {1, 33, 130, 7}}};
	random_seed((uint64_t)_i);
	for (size_t i = 0; i < sizeof few / sizeof *few; i++)
		check_layers(test_table(_i), 2, few[i]);
}
END_TEST

/* Of a list, the shorter ones along k are cut into more segments than the longest. */
START_TEST(a_list_may_be_long)
{
	static const int64_t k[] = {8193, 8192, 8192, 8192};
	const struct pbk_table *t = test_table(_i);
	random_seed((uint64_t)_i);
	struct guarded x = random_matrix(t->real_size, 8193, 0), w = random_matrix(t->real_size, 8193, 0),
		       bias = random_matrix(t->real_size, 1, 0), y = random_matrix(t->real_size, 4, 0);
	struct pbk_linear list[4];
	for (int i = 0; i < 4; i++)
		list[i] = (struct pbk_linear){1, 1, k[i], 1, x.data, w.data, bias.data, (char *)y.data + (size_t)i * t->real_size};
	t->linear(test_context, 4, list);
	wait_for(test_context);
	for (int i = 0; i < 4; i++) {
		double want = guarded_get(&bias, 0);
		for (int64_t l = 0; l < k[i]; l++)
			want += guarded_get(&x, l) * guarded_get(&w, l);
		EXPECT(nearly(guarded_get(&y, i), want, 100 * tolerance_of(t->real_size)), "%s: %d is %.9g, not %.9g", t->name, i,
		       guarded_get(&y, i), want);
	}
	struct guarded used[] = {x, w, bias, y};
	for (int g = 0; g < 4; g++)
		guarded_free(&used[g]);
}
END_TEST

/* The same bits as of one after the other. x is shared by the groups, which lie side by side in dy. */
START_TEST(weights_are_products)
{
	const struct pbk_table *t = test_table(_i % n_tables());
	const bool add = _i / n_tables();
	struct guarded g[LAYERS][4]; /* x, dy, dw, what is wanted */
	struct pbk_linear_weight list[LAYERS];
	random_seed((uint64_t)_i);
	for (int i = 0; i < LAYERS; i++) {
		const int64_t groups = layers[i][0], rows = layers[i][1], k = layers[i][2], n = layers[i][3], all = groups * n;
		const int64_t counts[4] = {rows * k, rows * all, all * k, all * k};
		for (int j = 0; j < 4; j++)
			g[i][j] = random_matrix(t->real_size, counts[j], i % 2 ? j : 0);
		memcpy(g[i][3].data, g[i][2].data, (size_t)(all * k) * t->real_size);
		list[i] = (struct pbk_linear_weight){add, groups,     rows,       k,         n, k, all, 0,
						     n,   g[i][0].data, g[i][1].data, g[i][2].data};
		t->gemm_batch(test_context, true, false, k, n, rows, 1, g[i][0].data, k + !k, 0, g[i][1].data, all, n, add,
			      g[i][3].data, n, k * n, groups);
	}
	t->linear_weights(test_context, LAYERS, list);
	wait_for(test_context);
	for (int i = 0; i < LAYERS; i++) {
		EXPECT(guarded_intact(&g[i][2]) && guarded_same(&g[i][2], &g[i][3]), "%s: layer %d is not so", t->name, i);
		for (int j = 0; j < 4; j++)
			guarded_free(&g[i][j]);
	}
}
END_TEST

/* A backend's float32 products in other kinds; those in float64 stay as they are. */
START_TEST(coarse_products_are_near)
{
	static const struct {
		enum pbk_matmul matmul;
		double unit;
	} kinds[] = {{PBK_MATMUL_TF32, 0x1p-11}, {PBK_MATMUL_BF16X3, 0x1p-17}};
	const int64_t m = shapes[_i][0], n = shapes[_i][1], k = shapes[_i][2];
	random_seed((uint64_t)_i);
	for (int kind = 0; kind < 2; kind++) {
		char why[256] = "";
		pbk_context *context = test_backend()->open(0, kinds[kind].matmul, why, sizeof why);
		ck_assert_msg(context != NULL, "%s", why);
		for (int v = 0; v < 4; v++) {
			struct product p = {.ta = v & 1, .tb = v & 2, .m = m, .n = n, .k = k, .alpha = -0.5};
			p.beta = v % 3 ? 0.25 : 0;
			p.count = v < 2 ? 3 : 1;
			p.lda = (p.ta ? m : k) + 2;
			p.ldb = (p.tb ? k : n) + (n * k == 0);
			p.ldc = n + 1;
			p.stride_a = v ? 0 : p.lda * (p.ta ? k : m);
			p.stride_b = n * k;
			p.stride_c = m * p.ldc;
			for (int i = 0; i < n_tables(); i++) {
				const struct pbk_table *t = test_table(i);
				check_product_in(context, i ? tolerance_of(t->real_size) : kinds[kind].unit, p, t,
						 p.count > 1);
			}
		}
		free_context(context);
	}
}
END_TEST

TCase *gemm_tests(void)
{
	TCase *tcase = tcase_create("gemm");
	tcase_add_checked_fixture(tcase, open_context, close_context);
	tcase_add_loop_test(tcase, product_is_the_sum_of_products, 0, N_SHAPES);
	tcase_add_loop_test(tcase, batch_is_many_products, 0, N_SHAPES);
	tcase_add_test(tcase, batch_over_interleaved_heads);
	tcase_add_loop_test(tcase, linear_is_product_and_bias, 0, n_tables());
	tcase_add_loop_test(tcase, parts_of_few_tiles, 0, n_tables());
	tcase_add_loop_test(tcase, a_part_of_zeros_changes_nothing, 0, 4);
	tcase_add_loop_test(tcase, a_list_may_be_long, 0, n_tables());
	tcase_add_loop_test(tcase, weights_are_products, 0, 2 * n_tables());
	tcase_add_loop_test(tcase, inputs_are_sums_of_products, 0, 7);
	return tcase;
}

/* By a library of the device's. */
TCase *coarse_tests(void)
{
	TCase *tcase = tcase_create("coarse");
	tcase_add_checked_fixture(tcase, open_context, close_context);
	if (test_backend())
		tcase_add_loop_test(tcase, coarse_products_are_near, 0, N_SHAPES);
	return tcase;
}
