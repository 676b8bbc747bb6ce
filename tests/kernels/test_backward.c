/* test_backward.c: the backward kernels of whole sweeps against their formulas in double; and rows, blocks and
 * queries alone against all of them together. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels_test.h"

enum { MOST = 200 }; /* n and e are below it, and the lengths of lists */

static struct guarded random_buffer(size_t real_size, int64_t count)
{
	struct guarded g = guarded_new(real_size, count, 1);
	for (int64_t i = 0; i < count; i++)
		guarded_set(&g, i, random_value());
	return g;
}

/* In double, to be compared with what a kernel adds to x. */
static struct guarded copy_of(const struct guarded *x)
{
	struct guarded y = guarded_new(sizeof(double), x->count, 0);
	for (int64_t i = 0; i < x->count; i++)
		guarded_set(&y, i, guarded_get(x, i));
	return y;
}

static void free_all(struct guarded *g, int count)
{
	for (int i = 0; i < count; i++)
		guarded_free(&g[i]);
}

static void expect_same(const struct pbk_table *t, const char *what, const struct guarded *got,
			const struct guarded *want, double tolerance)
{
	EXPECT(guarded_intact(got), "%s: wrote outside %s", t->name, what);
	for (int64_t i = 0; i < want->count; i++)
		EXPECT(nearly(guarded_get(got, i), guarded_get(want, i), tolerance),
		       "%s: %s[%d] is %.17g, expected %.17g", t->name, what, (int)i, guarded_get(got, i),
		       guarded_get(want, i));
}

/* `count` blocks from block `first` on. */
static struct pbk_row_sum sum_of(const struct pbk_table *t, bool product, bool add, int64_t count, int64_t rows, int64_t n,
				 const struct guarded *x, const struct guarded *y, int64_t first, const struct guarded *out)
{
	const size_t at = (size_t)(first * rows * n) * t->real_size;
	return (struct pbk_row_sum){add,
				    count,
				    rows,
				    n,
				    (char *)x->data + at,
				    product ? (char *)y->data + at : NULL,
				    (char *)out->data + (size_t)(first * n) * t->real_size};
}

/* Blocks of rows, and each alone in a list of them, from the last to the first: the same bits. */
START_TEST(blocks_of_rows_are_summed)
{
	const struct pbk_table *t = test_table(_i % n_tables());
	static const int64_t sizes[][3] = {{3, 1, 5}, {7, 40, 33}, {5, 300, 1}, {0, 4, 4}, {3, 0, 9}, {33, 97, 300},
					   {1, 512, 40}, {2, 513, 40}};
	const int64_t count = sizes[_i / n_tables()][0], rows = sizes[_i / n_tables()][1],
		      n = sizes[_i / n_tables()][2];
	random_seed((uint64_t)_i);
	struct guarded x = random_buffer(t->real_size, count * rows * n),
		       y = random_buffer(t->real_size, count * rows * n);
	for (int v = 0; v < 4; v++) {
		const bool product = v & 1, add = v & 2;
		struct guarded out[2] = {random_buffer(t->real_size, count * n),
					 random_buffer(t->real_size, count * n)};
		struct guarded want = copy_of(&out[0]);
		memcpy(out[1].data, out[0].data, (size_t)(count * n) * t->real_size);
		for (int64_t i = 0; !add && i < count * n; i++)
			guarded_set(&want, i, 0);
		for (int64_t i = 0; i < count * rows * n; i++) {
			const int64_t at = i / (rows * n) * n + i % n;
			guarded_set(&want, at,
				    guarded_get(&want, at) + guarded_get(&x, i) * (product ? guarded_get(&y, i) : 1));
		}
		struct pbk_row_sum all = sum_of(t, product, add, count, rows, n, &x, &y, 0, &out[0]), list[40];
		for (int64_t block = 0; block < count; block++)
			list[count - 1 - block] = sum_of(t, product, add, 1, rows, n, &x, &y, block, &out[1]);
		t->sum_rows(test_context, 1, &all);
		t->sum_rows(test_context, count, list);
		wait_for(test_context);
		expect_same(t, "sum", &out[0], &want, tolerance_of(t->real_size) * (4 + (double)rows / 4));
		EXPECT(guarded_same(&out[0], &out[1]), "%s, %d of %d x %d: a block depends on others", t->name,
		       (int)count, (int)rows, (int)n);
		guarded_free(&want);
		free_all(out, 2);
	}
	guarded_free(&x);
	guarded_free(&y);
}
END_TEST

/* Of many at once, some without elements; and each alone: the same bits. */
START_TEST(vectors_are_squared)
{
	const struct pbk_table *t = test_table(_i);
	static const int64_t sizes[] = {0, 5, 4096, 0, 0, 4097, 10000, 1, 0};
	enum { N = sizeof sizes / sizeof *sizes };
	struct guarded x[N];
	struct pbk_vector list[N];
	double *sums = t->alloc(test_context, (N + 1) * sizeof *sums), got[N + 1];
	random_seed(7);
	for (int i = 0; i < N; i++) {
		x[i] = random_buffer(t->real_size, sizes[i]);
		list[i] = (struct pbk_vector){x[i].data, sizes[i]};
	}
	t->sum_squares(test_context, N, list, sums);
	t->sum_squares(test_context, 1, &list[6], sums + N);
	t->download(test_context, got, sums, sizeof got);
	ck_assert_mem_eq(&got[6], &got[N], sizeof *got);
	for (int i = 0; i < N; i++) {
		double want = 0;
		for (int64_t k = 0; k < sizes[i]; k++)
			want += guarded_get(&x[i], k) * guarded_get(&x[i], k);
		EXPECT(nearly(got[i], want, 1e-12), "%s: vector %d of %d elements: %.17g, expected %.17g", t->name, i,
		       (int)sizes[i], got[i], want);
	}
	t->free(test_context, sums);
	free_all(x, N);
}
END_TEST

/* -log softmax at the answer, and its slope, by the formula. */
static void expect_cross_entropy_row(int64_t n, const struct guarded *logits, int64_t row, int32_t answer, double weight,
				     struct guarded *scores, struct guarded *slopes)
{
	double total = 0;
	for (int64_t i = 0; i < n; i++)
		total += exp(guarded_get(logits, row * n + i) - 60);
	const double whole = 60 + log(total);
	guarded_set(scores, row, whole - guarded_get(logits, row * n + answer));
	for (int64_t i = 0; i < n; i++)
		guarded_set(slopes, row * n + i,
			    weight * (exp(guarded_get(logits, row * n + i) - whole) - (i == answer)));
}

START_TEST(cross_entropy_of_rows_and_its_slope)
{
	const struct pbk_table *t = test_table(_i % n_tables());
	const int64_t n = (int64_t[]){1, 7, 244, 1031}[_i / n_tables()], rows = 13;
	const double weight = 0.75;
	int32_t answers[13];
	random_seed((uint64_t)_i);
	struct guarded logits = random_buffer(t->real_size, rows * n), slopes = random_buffer(t->real_size, rows * n);
	struct guarded scores = guarded_new(sizeof(double), rows, 0), again = guarded_new(sizeof(double), rows, 0);
	struct guarded want = guarded_new(sizeof(double), rows, 0), slope = guarded_new(sizeof(double), rows * n, 0);
	for (int64_t i = 0; i < rows * n; i++)
		guarded_set(&logits, i, 60 * guarded_get(&logits, i));
	for (int64_t r = 0; r < rows; r++) {
		answers[r] = (int32_t)(r * 5 % n);
		expect_cross_entropy_row(n, &logits, r, answers[r], weight, &want, &slope);
	}
	t->cross_entropy(test_context, rows, n, logits.data, answers, weight, scores.data, slopes.data);
	t->cross_entropy(test_context, rows, n, logits.data, answers, weight, again.data, NULL);
	wait_for(test_context);
	expect_same(t, "scores", &scores, &want, 1e-12);
	expect_same(t, "slopes", &slopes, &slope, tolerance_of(t->real_size));
	EXPECT(guarded_same(&scores, &again), "%s, n %d: scores depend on whether slopes are wanted", t->name, (int)n);
	struct guarded all[] = {logits, slopes, scores, again, want, slope};
	free_all(all, 6);
}
END_TEST

START_TEST(rows_are_used_up_to_the_last_that_is_not_zero)
{
	const struct pbk_table *t = test_table(_i % n_tables());
	const int64_t n = (int64_t[]){1, 7, 64, 300}[_i / n_tables()], count = 40, rows = 9, ld = n + 2,
		      stride = rows * ld + 5;
	struct guarded x = guarded_new(t->real_size, count * stride, 1);
	int64_t want[40];
	struct guarded all = guarded_new(sizeof(double), count, 0);
	int64_t *used = all.data;
	random_seed((uint64_t)_i);
	for (int64_t i = 0; i < x.count; i++)
		guarded_set(&x, i, 1); /* between rows and items, where nobody looks */
	for (int64_t i = 0; i < count; i++) {
		want[i] = i % (rows + 1);
		for (int64_t at = 0; at < rows * n; at++)
			guarded_set(&x, i * stride + at / n * ld + at % n, at % 3 ? 0.0 : -0.0);
		/* One element of the last row, and some before. */
		for (int64_t r = want[i] - 1; r >= 0; r -= 2)
			guarded_set(&x, i * stride + r * ld + (i * 31 + r) % n,
				    i % 4 ? (i % 4 == 1 ? 1e-30 : -2) : NAN);
	}
	memset(used, 0, (size_t)count * sizeof *used);
	const struct pbk_blocks list[] = {{x.data, 10, rows, n, ld, stride, used},
					  {x.data, 0, rows, n, ld, stride, used},
					  {(char *)x.data + (size_t)(10 * stride) * t->real_size, count - 10, rows, n, ld, stride,
					   used + 10}};
	t->rows_used(test_context, 3, list);
	wait_for(test_context);
	for (int64_t i = 0; i < count; i++)
		EXPECT(used[i] == want[i], "%s, n %d: item %d has %d rows, expected %d", t->name, (int)n, (int)i,
		       (int)used[i], (int)want[i]);
	EXPECT(guarded_intact(&all), "%s: wrote outside the numbers", t->name);
	guarded_free(&all);
	guarded_free(&x);
}
END_TEST

/* What layer_norm_backward leaves in dx and normalized, for one row. */
static void expect_norm_row(int64_t n, double eps, const struct guarded *in, int64_t row, bool scaled,
			    struct guarded *dx, struct guarded *normalized)
{
	double mean = 0, square = 0, slope_mean = 0, slope_dot = 0, slope[MOST], y[MOST];
	for (int64_t j = 0; j < n; j++)
		mean += guarded_get(&in[0], row * n + j) / (double)n;
	for (int64_t j = 0; j < n; j++)
		square += pow(guarded_get(&in[0], row * n + j) - mean, 2) / (double)n;
	const double scale = sqrt(square + eps);
	for (int64_t j = 0; j < n; j++) {
		y[j] = (guarded_get(&in[0], row * n + j) - mean) / scale;
		slope[j] = guarded_get(&in[2], row * n + j) * (scaled ? guarded_get(&in[1], j) : 1);
		slope_mean += slope[j] / (double)n;
		slope_dot += slope[j] * y[j] / (double)n;
	}
	for (int64_t j = 0; j < n; j++) {
		const int64_t at = row * n + j;
		guarded_set(dx, at, guarded_get(dx, at) + (slope[j] - slope_mean - y[j] * slope_dot) / scale);
		guarded_set(normalized, at, y[j]);
	}
}

START_TEST(layer_norm_backward_is_the_slope)
{
	const struct pbk_table *t = test_table(_i % n_tables());
	const int64_t n = (int64_t[]){1, 5, 64, 129}[_i / n_tables()], rows = 37;
	const double eps = 0.05;
	for (int v = 0; v < 2; v++) {
		random_seed((uint64_t)_i);
		struct guarded in[3] = {random_buffer(t->real_size, rows * n), random_buffer(t->real_size, n),
					random_buffer(t->real_size, rows * n)};
		struct guarded dx = random_buffer(t->real_size, rows * n), y = random_buffer(t->real_size, rows * n);
		struct guarded want[2] = {copy_of(&dx), copy_of(&y)}, alone[2];
		alone[0] = random_buffer(t->real_size, rows * n);
		alone[1] = random_buffer(t->real_size, rows * n);
		memcpy(alone[0].data, dx.data, (size_t)dx.count * t->real_size);
		for (int64_t r = 0; r < rows; r++)
			expect_norm_row(n, eps, in, r, v, &want[0], &want[1]);
		const void *w = v ? in[1].data : NULL;
		t->layer_norm_backward(test_context, rows, n, eps, in[0].data, w, in[2].data, dx.data, y.data);
		for (int64_t r = 0; r < rows; r++) {
			const size_t at = (size_t)(r * n) * t->real_size;
			t->layer_norm_backward(test_context, 1, n, eps, (char *)in[0].data + at, w,
					       (char *)in[2].data + at, (char *)alone[0].data + at,
					       (char *)alone[1].data + at);
		}
		wait_for(test_context);
		expect_same(t, "dx", &dx, &want[0], 20 * tolerance_of(t->real_size));
		expect_same(t, "normalized", &y, &want[1], 10 * tolerance_of(t->real_size));
		EXPECT(guarded_same(&dx, &alone[0]) && guarded_same(&y, &alone[1]), "%s, n %d: a row depends on others",
		       t->name, (int)n);
		guarded_free(&dx);
		guarded_free(&y);
		free_all(want, 2);
		free_all(alone, 2);
		free_all(in, 3);
	}
}
END_TEST

START_TEST(row_of_layer_norm_has_the_same_bits_alone)
{
	const struct pbk_table *t = test_table(_i % n_tables());
	const int64_t n = (int64_t[]){1, 5, 64, 129}[_i / n_tables()], rows = 70;
	static const int32_t first[] = {0, 1, 40, 40, 70}, one[] = {0, 1};
	struct guarded x = random_buffer(t->real_size, rows * n), w = random_buffer(t->real_size, 4 * n);
	struct guarded y[2] = {random_buffer(t->real_size, rows * n), random_buffer(t->real_size, rows * n)};
	t->layer_norm(test_context, 4, first, n, 1e-5, x.data, w.data, w.data, n, y[0].data);
	for (int32_t group = 0; group < 4; group++)
		for (int64_t r = first[group]; r < first[group + 1]; r++) {
			const size_t at = (size_t)(r * n) * t->real_size;
			const char *mine = (char *)w.data + (size_t)(group * n) * t->real_size;
			t->layer_norm(test_context, 1, one, n, 1e-5, (char *)x.data + at, mine, mine, n,
				      (char *)y[1].data + at);
		}
	wait_for(test_context);
	EXPECT(guarded_same(&y[0], &y[1]), "%s, n %d: rows depend on others", t->name, (int)n);
	guarded_free(&x);
	guarded_free(&w);
	free_all(y, 2);
}
END_TEST

/* Attention of queries over lists of rows: q, z, dz, dq [queries], k, v, dk, dv [rows]; each [heads, e]. */
enum { QUERIES = 11, ROWS = 23, Q = 0, Z, DZ, DQ, K, V, DK, DV, N_OPERANDS };

struct lists {
	int32_t first[QUERIES + 1], path[QUERIES * MOST];
	struct guarded operand[N_OPERANDS];
	struct pbk_paths paths;
};

/* The lists begin at 3 of `path`; query 2's is long, and rows come more than once in it. */
static void lists_new(struct lists *l, size_t real_size, int64_t heads, int64_t e)
{
	l->first[0] = 3;
	for (int i = 0; i < QUERIES; i++)
		l->first[i + 1] = l->first[i] + (i == 2 ? MOST - 30 : 1 + i * i % 7);
	for (int32_t j = 0; j < l->first[QUERIES]; j++)
		l->path[j] = (int32_t)((random_value() + 1) / 2 * ROWS);
	for (int k = 0; k < N_OPERANDS; k++)
		l->operand[k] = random_buffer(real_size, (k < K ? QUERIES : ROWS) * heads * e);
	l->paths = (struct pbk_paths){QUERIES, l->operand[Q].data, l->operand[K].data, l->operand[V].data, l->first,
				      l->path, l->operand[Z].data};
}

static double dot(int64_t e, const struct guarded *a, int64_t i, const struct guarded *b, int64_t j)
{
	double total = 0;
	for (int64_t k = 0; k < e; k++)
		total += guarded_get(a, i + k) * guarded_get(b, j + k);
	return total;
}

static void add(struct guarded *to, int64_t i, double a, const struct guarded *x, int64_t j, int64_t e)
{
	for (int64_t k = 0; k < e; k++)
		guarded_set(to, i + k, guarded_get(to, i + k) + a * guarded_get(x, j + k));
}

/* Adds one query's and head's gradients to want[0 .. 3): dq, dk, dv. */
static void expect_query(const struct lists *l, int64_t heads, int64_t e, int64_t query, int64_t head,
			 struct guarded *want)
{
	const int64_t ld = heads * e, mine = query * ld + head * e, begin = l->first[query];
	const int64_t n = l->first[query + 1] - begin;
	double pattern[MOST], slope[MOST], total = 0, mean = 0;
	for (int64_t j = 0; j < n; j++) {
		const int64_t row = l->path[begin + j] * ld + head * e;
		pattern[j] = exp(dot(e, &l->operand[Q], mine, &l->operand[K], row) / sqrt((double)e));
		slope[j] = dot(e, &l->operand[DZ], mine, &l->operand[V], row);
		total += pattern[j];
		mean += pattern[j] * slope[j];
	}
	for (int64_t j = 0; j < n; j++) {
		const int64_t row = l->path[begin + j] * ld + head * e;
		const double a = pattern[j] / total, b = a * (slope[j] - mean / total) / sqrt((double)e);
		add(&want[0], mine, b, &l->operand[K], row, e);
		add(&want[1], row, b, &l->operand[Q], mine, e);
		add(&want[2], row, a, &l->operand[DZ], mine, e);
	}
}

static void expect_slopes(const struct pbk_table *t, bool add, int64_t e, int64_t heads)
{
	static struct lists l;
	lists_new(&l, t->real_size, heads, e);
	struct guarded *o = l.operand, want[3] = {copy_of(&o[DQ]), copy_of(&o[DK]), copy_of(&o[DV])};
	for (int i = 0; i < 3 && !add; i++)
		for (int64_t at = 0; at < want[i].count; at++)
			guarded_set(&want[i], at, 0);
	for (int64_t at = 0; at < QUERIES * heads; at++)
		expect_query(&l, heads, e, at / heads, at % heads, want);
	t->attend(test_context, heads, e, 1, &l.paths);
	t->attend_backward(test_context, add, heads, e, &l.paths, o[DZ].data, ROWS, o[DQ].data, o[DK].data, o[DV].data);
	wait_for(test_context);
	const double tolerance = 20 * tolerance_of(t->real_size);
	expect_same(t, "dq", &o[DQ], &want[0], tolerance);
	expect_same(t, "dk", &o[DK], &want[1], tolerance);
	expect_same(t, "dv", &o[DV], &want[2], tolerance);
	free_all(want, 3);
	free_all(o, N_OPERANDS);
}

START_TEST(attend_backward_is_the_slope)
{
	random_seed((uint64_t)_i);
	for (int add = 0; add < 2; add++)
		expect_slopes(test_table(_i % n_tables()), add, (int64_t[]){1, 6, 32, 133}[_i / n_tables()], 3);
}
END_TEST

/* What nobody asks for has no gradient, which is not what was there. */
START_TEST(attend_backward_of_no_queries)
{
	const struct pbk_table *t = test_table(_i);
	const struct pbk_paths none = {.queries = 0};
	random_seed((uint64_t)_i);
	struct guarded d[3] = {random_buffer(t->real_size, 0), random_buffer(t->real_size, 12), random_buffer(t->real_size, 12)};
	t->attend_backward(test_context, false, 2, 3, &none, NULL, 2, d[0].data, d[1].data, d[2].data);
	wait_for(test_context);
	for (int i = 0; i < 24; i++)
		EXPECT(!guarded_get(&d[1 + i / 12], i % 12), "%s: element %d", t->name, i);
	free_all(d, 3);
}
END_TEST

/* Scores whose last place is worth more than exp takes, as of weights that have grown without bound. */
START_TEST(attend_backward_of_huge_scores_is_finite)
{
	const struct pbk_table *t = test_table(_i % n_tables());
	const int64_t e = (int64_t[]){1, 6, 32, 133}[_i / n_tables()], heads = 3;
	static struct lists l;
	random_seed((uint64_t)_i);
	lists_new(&l, t->real_size, heads, e);
	struct guarded *o = l.operand;
	const double factor = t->real_size == sizeof(float) ? 1e6 : 1e11;
	for (int64_t i = 0; i < QUERIES * heads * e; i++)
		guarded_set(&o[Q], i, factor * guarded_get(&o[Q], i));
	for (int64_t i = 0; i < ROWS * heads * e; i++)
		guarded_set(&o[K], i, factor * guarded_get(&o[K], i));
	t->attend(test_context, heads, e, 1, &l.paths);
	t->attend_backward(test_context, true, heads, e, &l.paths, o[DZ].data, ROWS, o[DQ].data, o[DK].data, o[DV].data);
	wait_for(test_context);
	for (int k = 0; k < N_OPERANDS; k++)
		for (int64_t i = 0; i < (k < K ? QUERIES : ROWS) * heads * e; i++)
			EXPECT(isfinite(guarded_get(&o[k], i)), "%s, e %d: element %d of operand %d is %g", t->name, (int)e,
			       (int)i, k, guarded_get(&o[k], i));
	free_all(o, N_OPERANDS);
}
END_TEST

/* Query by query into DQ, which holds what Z does then. */
START_TEST(query_has_the_same_bits_alone)
{
	const struct pbk_table *t = test_table(_i % n_tables());
	const int64_t e = (int64_t[]){1, 6, 32, 133}[_i / n_tables()], heads = 3;
	static struct lists l;
	struct pbk_paths alone[QUERIES];
	random_seed((uint64_t)_i);
	lists_new(&l, t->real_size, heads, e);
	for (int i = 0; i < QUERIES; i++) {
		const size_t at = (size_t)(i * heads * e) * t->real_size;
		alone[i] = l.paths;
		alone[i].queries = 1;
		alone[i].q = (char *)l.operand[Q].data + at;
		alone[i].z = (char *)l.operand[DQ].data + at;
		alone[i].host_first = l.first + i;
	}
	t->attend(test_context, heads, e, 1, &l.paths);
	t->attend(test_context, heads, e, QUERIES / 2, alone);
	for (int i = QUERIES / 2; i < QUERIES; i++)
		t->attend(test_context, heads, e, 1, &alone[i]);
	wait_for(test_context);
	EXPECT(guarded_same(&l.operand[Z], &l.operand[DQ]), "%s, e %d: a query depends on others", t->name, (int)e);
	free_all(l.operand, N_OPERANDS);
}
END_TEST

TCase *backward_tests(void)
{
	TCase *tcase = tcase_create("backward");
	tcase_add_checked_fixture(tcase, open_context, close_context);
	tcase_add_loop_test(tcase, blocks_of_rows_are_summed, 0, 8 * n_tables());
	tcase_add_loop_test(tcase, vectors_are_squared, 0, n_tables());
	tcase_add_loop_test(tcase, rows_are_used_up_to_the_last_that_is_not_zero, 0, 4 * n_tables());
	tcase_add_loop_test(tcase, cross_entropy_of_rows_and_its_slope, 0, 4 * n_tables());
	tcase_add_loop_test(tcase, layer_norm_backward_is_the_slope, 0, 4 * n_tables());
	tcase_add_loop_test(tcase, row_of_layer_norm_has_the_same_bits_alone, 0, 4 * n_tables());
	tcase_add_loop_test(tcase, attend_backward_is_the_slope, 0, 4 * n_tables());
	tcase_add_loop_test(tcase, attend_backward_of_no_queries, 0, n_tables());
	tcase_add_loop_test(tcase, attend_backward_of_huge_scores_is_finite, 0, 4 * n_tables());
	tcase_add_loop_test(tcase, query_has_the_same_bits_alone, 0, 4 * n_tables());
	return tcase;
}
