/* test_sweep.c: the other kernels of whole sweeps: inner products of gradients, layer norm in one, attention over
 * lists. */
#include <math.h>
#include <stdlib.h>

#include "kernels_test.h"

static struct guarded random_buffer(size_t real_size, int64_t count)
{
	struct guarded g = guarded_new(real_size, count, 1);
	for (int64_t i = 0; i < count; i++)
		guarded_set(&g, i, random_value());
	return g;
}

/* A gradient as it is given and as the matrix it stands for; ranks below 0: dense. */
struct test_gradient {
	struct pbk_gradient gradient;
	struct guarded x, dy, whole;
};

static struct test_gradient gradient_new(size_t real_size, int64_t k, int64_t n, int64_t rank)
{
	struct test_gradient t = {.gradient = {.rank = rank < 0 ? 0 : rank, .ldx = k + 2, .lddy = n + 1}};
	struct pbk_gradient *g = &t.gradient;
	t.x = random_buffer(real_size, g->rank * g->ldx);
	t.dy = random_buffer(real_size, g->rank * g->lddy);
	t.whole = random_buffer(rank < 0 ? real_size : sizeof(double), k * n);
	for (int64_t i = 0; rank >= 0 && i < k * n; i++) {
		double total = 0;
		for (int64_t r = 0; r < rank; r++)
			total += guarded_get(&t.x, r * g->ldx + i / n) * guarded_get(&t.dy, r * g->lddy + i % n);
		guarded_set(&t.whole, i, total);
	}
	g->x = t.x.data;
	g->dy = t.dy.data;
	g->dense = rank < 0 ? t.whole.data : NULL;
	return t;
}

static void gradient_free(struct test_gradient *t)
{
	guarded_free(&t->x);
	guarded_free(&t->dy);
	guarded_free(&t->whole);
}

START_TEST(inner_products_of_gradients)
{
	static const int64_t ranks[][2] = {{0, 3},  {1, 1},   {2, 2},  {3, 8},  {7, 5},
					   {50, 2}, {41, 23}, {-1, 3}, {9, -1}, {-1, -1}};
	static const int64_t shapes[][2] = {{1, 1}, {5, 7}, {64, 33}, {300, 130}};
	enum { RANKS = sizeof ranks / sizeof *ranks, PAIRS = RANKS * 4 };
	const struct pbk_table *t = test_table(_i);
	pbk_context *alone = new_context(1);
	struct test_gradient a[PAIRS], b[PAIRS];
	struct pbk_gradient_pair pair[PAIRS];
	double got[PAIRS], one;
	random_seed(3);
	for (int i = 0; i < PAIRS; i++) {
		pair[i] = (struct pbk_gradient_pair){.k = shapes[i / RANKS][0], .n = shapes[i / RANKS][1]};
		a[i] = gradient_new(t->real_size, pair[i].k, pair[i].n, ranks[i % RANKS][0]);
		b[i] = gradient_new(t->real_size, pair[i].k, pair[i].n, ranks[i % RANKS][1]);
		pair[i].a = a[i].gradient;
		pair[i].b = b[i].gradient;
	}
	t->gradient_dots(test_context, PAIRS, pair, got);
	for (int i = 0; i < PAIRS; i++) {
		double want = 0;
		for (int64_t at = 0; at < pair[i].k * pair[i].n; at++)
			want += guarded_get(&a[i].whole, at) * guarded_get(&b[i].whole, at);
		EXPECT(nearly(got[i], want, 1e-11), "%s %d x %d, ranks %d and %d: %.17g, expected %.17g", t->name,
		       (int)pair[i].k, (int)pair[i].n, (int)ranks[i % RANKS][0], (int)ranks[i % RANKS][1], got[i],
		       want);
		t->gradient_dots(alone, 1, &pair[i], &one);
		ck_assert_mem_eq(&one, &got[i], sizeof one);
		gradient_free(&a[i]);
		gradient_free(&b[i]);
	}
	free_context(alone);
}
END_TEST

/* The four kernels it replaces, group by group, into y; `from` is the first row. */
static void norm_by_steps(const struct pbk_table *t, const int32_t *first, int groups, int64_t n, double eps,
			  const struct guarded *x, const struct guarded *w, const struct guarded *b, bool affine,
			  struct guarded *y)
{
	struct guarded scale = guarded_new(t->real_size, first[groups], 0);
	for (int g = 0; g < groups; g++) {
		const int64_t rows = first[g + 1] - first[g];
		char *out = (char *)y->data + (size_t)(first[g] * n) * t->real_size;
		t->center(test_context, rows, n, (char *)x->data + (size_t)(first[g] * n) * t->real_size, out);
		t->rms(test_context, rows, n, eps, out, scale.data);
		t->divide(test_context, rows, n, out, scale.data, out);
		if (affine)
			t->affine(test_context, rows, n, out, (char *)w->data + (size_t)(g * (n + 3)) * t->real_size,
				  (char *)b->data + (size_t)(g * (n + 3)) * t->real_size, out);
	}
	guarded_free(&scale);
}

START_TEST(layer_norm_is_its_steps)
{
	static const int32_t first[] = {2, 3, 3, 20, 23, 260};
	enum { GROUPS = 5 };
	const struct pbk_table *t = test_table(_i % n_tables());
	const int64_t n = (int64_t[]){1, 5, 64, 100, 1024}[_i / n_tables()], rows = first[GROUPS], stride = n + 3;
	random_seed((uint64_t)_i);
	struct guarded x = random_buffer(t->real_size, rows * n), y = random_buffer(t->real_size, rows * n);
	struct guarded w = random_buffer(t->real_size, GROUPS * stride),
		       b = random_buffer(t->real_size, GROUPS * stride);
	struct guarded want = random_buffer(t->real_size, rows * n);
	for (int v = 0; v < 3; v++) {
		const bool affine = v != 1, in_place = v == 2;
		norm_by_steps(t, first, GROUPS, n, 1e-3, &x, &w, &b, affine, &want);
		t->layer_norm(test_context, GROUPS, first, n, 1e-3, x.data, affine ? w.data : NULL,
			      affine ? b.data : NULL, stride, in_place ? x.data : y.data);
		wait_for(test_context);
		const struct guarded *got = in_place ? &x : &y;
		EXPECT(guarded_intact(&x) && guarded_intact(&y), "%s: wrote outside y", t->name);
		for (int64_t i = first[0] * n; i < rows * n; i++)
			EXPECT(nearly(guarded_get(got, i), guarded_get(&want, i), 2 * tolerance_of(t->real_size)),
			       "%s n %d variant %d: [%d] is %.17g, expected %.17g", t->name, (int)n, v, (int)i,
			       guarded_get(got, i), guarded_get(&want, i));
	}
	guarded_free(&x);
	guarded_free(&y);
	guarded_free(&w);
	guarded_free(&b);
	guarded_free(&want);
}
END_TEST

enum { QUERIES = 9, ROWS = 40 };

/* Lists of different lengths, with repeated rows; the fourth is long, and its later part sees rows that are new. */
static int32_t *paths_new(int32_t first[QUERIES + 1], int32_t longest)
{
	for (int i = 0; i < QUERIES; i++)
		first[i + 1] = first[i] + (i == 3 ? longest : 1 + i % 6);
	int32_t *path = calloc((size_t)first[QUERIES], sizeof *path);
	for (int32_t j = 0; j < first[QUERIES]; j++)
		path[j] = (int32_t)((random_value() + 1) / 2 * (1 + (ROWS - 1) * j / first[QUERIES]));
	return path;
}

/* z [e] of one query and head, in double. */
static void expect_query(const struct pbk_paths *p, int64_t heads, int64_t e, int64_t query, int64_t head,
			 const struct guarded *q, const struct guarded *k, const struct guarded *v, double *z)
{
	double total = 0;
	for (int64_t i = 0; i < e; i++)
		z[i] = 0;
	for (int32_t j = p->host_first[query]; j < p->host_first[query + 1]; j++) {
		const int64_t row = (p->host_path[j] * heads + head) * e;
		double score = 0;
		for (int64_t i = 0; i < e; i++)
			score += guarded_get(q, (query * heads + head) * e + i) * guarded_get(k, row + i);
		const double weight = exp(score / sqrt((double)e));
		total += weight;
		for (int64_t i = 0; i < e; i++)
			z[i] += weight * guarded_get(v, row + i);
	}
	for (int64_t i = 0; i < e; i++)
		z[i] /= total;
}

START_TEST(attention_over_lists)
{
	const struct pbk_table *t = test_table(_i % n_tables());
	const int64_t e = (int64_t[]){1, 6, 32, 128, 133}[_i / n_tables()], heads = 3;
	random_seed((uint64_t)_i);
	struct guarded q[2], k[2], v[2], z[2];
	struct pbk_paths item[2];
	int32_t first[2][QUERIES + 1] = {{0}, {2}}, *path[2];
	for (int i = 0; i < 2; i++) {
		q[i] = random_buffer(t->real_size, QUERIES * heads * e);
		z[i] = random_buffer(t->real_size, QUERIES * heads * e);
		k[i] = random_buffer(t->real_size, ROWS * heads * e);
		v[i] = random_buffer(t->real_size, ROWS * heads * e);
		for (int64_t j = 0; j < q[i].count; j++)
			guarded_set(&q[i], j, 8 * guarded_get(&q[i], j));
		path[i] = paths_new(first[i], i ? 2500 : 7);
		item[i] = (struct pbk_paths){QUERIES, q[i].data, k[i].data, v[i].data, first[i], path[i], z[i].data};
	}
	t->attend(test_context, heads, e, 2, item);
	wait_for(test_context);
	double want[133];
	for (int at = 0; at < 2 * QUERIES * heads; at++) {
		const int64_t i = at % 2, query = at / 2 / heads, head = at / 2 % heads;
		expect_query(&item[i], heads, e, query, head, &q[i], &k[i], &v[i], want);
		for (int64_t j = 0; j < e; j++)
			EXPECT(nearly(guarded_get(&z[i], (query * heads + head) * e + j), want[j],
				      10 * tolerance_of(t->real_size)),
			       "%s e %d query %d head %d: z[%d] is %.17g, expected %.17g", t->name, (int)e, (int)query,
			       (int)head, (int)j, guarded_get(&z[i], (query * heads + head) * e + j), want[j]);
	}
	for (int i = 0; i < 2; i++) {
		EXPECT(guarded_intact(&z[i]), "%s: wrote outside z", t->name);
		free(path[i]);
		struct guarded *all[] = {&q[i], &k[i], &v[i], &z[i]};
		for (int j = 0; j < 4; j++)
			guarded_free(all[j]);
	}
}
END_TEST

/* Whose values are tested with the op's, in tests/tape: here that heads are shared between threads without a trace. */
START_TEST(gradients_of_attention_do_not_depend_on_threads)
{
	const struct pbk_table *t = test_table(_i);
	const int64_t e = 128, heads = 3;
	int32_t first[QUERIES + 1] = {0}, *path = paths_new(first, 900);
	struct guarded in[5], out[2][3];
	random_seed(11);
	for (int i = 0; i < 5; i++) /* q, z, dz, k, v */
		in[i] = random_buffer(t->real_size, (i < 3 ? QUERIES : ROWS) * heads * e);
	const struct pbk_paths item = {QUERIES, in[0].data, in[3].data, in[4].data, first, path, in[1].data};
	t->attend(test_context, heads, e, 1, &item);
	wait_for(test_context);
	for (int threads = 1; threads <= 2; threads++) {
		struct guarded *d = out[threads - 1];
		pbk_context *context = new_context(threads);
		random_seed(12);
		for (int i = 0; i < 3; i++)
			d[i] = random_buffer(t->real_size, (i ? ROWS : QUERIES) * heads * e);
		t->attend_backward(context, true, heads, e, &item, in[2].data, ROWS, d[0].data, d[1].data, d[2].data);
		wait_for(context);
		free_context(context);
	}
	for (int i = 0; i < 3; i++) {
		EXPECT(guarded_intact(&out[0][i]) && guarded_intact(&out[1][i]), "%s: wrote outside", t->name);
		EXPECT(guarded_same(&out[0][i], &out[1][i]), "%s: output %d differs", t->name, i);
		guarded_free(&out[0][i]);
		guarded_free(&out[1][i]);
	}
	for (int i = 0; i < 5; i++)
		guarded_free(&in[i]);
	free(path);
}
END_TEST

TCase *sweep_tests(void)
{
	TCase *tcase = tcase_create("sweep");
	tcase_add_checked_fixture(tcase, open_context, close_context);
	tcase_add_loop_test(tcase, inner_products_of_gradients, 0, n_tables());
	tcase_add_loop_test(tcase, layer_norm_is_its_steps, 0, 5 * n_tables());
	tcase_add_loop_test(tcase, attention_over_lists, 0, 5 * n_tables());
	tcase_add_loop_test(tcase, gradients_of_attention_do_not_depend_on_threads, 0, n_tables());
	return tcase;
}
