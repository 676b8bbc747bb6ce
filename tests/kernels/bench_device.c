/* bench_device.c: a backend's kernels beside what its device can do at most, as tables in Markdown.
 *
 * Bytes count each operand once, FLOPs are those of the formula. The ceilings are measured: the bytes that a copy reads
 * and writes, and the FLOPs of a large product, or of the one that PB_BENCH_PEAK gives in GFLOP/s where that is faster.
 * What a kernel needs at least by the nearer ceiling, over what it takes, is its share of it. PB_BENCH_SMALL=1: tiny
 * sizes, for a device that is emulated.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

enum { RUNS = 9, MOST_CALLS = 256 };

static bool small;
static double bandwidth, peak; /* bytes and FLOPs in a second */
static double largest_rate;    /* of these kernels */

static int64_t size_of(int64_t size)
{
	return !small || size < 32 ? size : 32 + size % 4;
}

static void settle(const struct pbk_table *table)
{
	if (table->sync(test_context) == PBK_OK)
		return;
	fprintf(stderr, "%s: %s\n", table->name, table->why(test_context));
	exit(EXIT_FAILURE);
}

static pbk_context *open_device(enum pbk_matmul matmul)
{
	char why[256] = "";
	pbk_context *context = test_backend()->open(0, matmul, why, sizeof why);
	if (context)
		return context;
	fprintf(stderr, "%s\n", why);
	exit(EXIT_FAILURE);
}

static double run(const struct pbk_table *table, int calls, void (*function)(void *), void *argument)
{
	const double begin = bench_now();
	for (int i = 0; i < calls; i++)
		function(argument);
	settle(table);
	return bench_now() - begin;
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Seconds of one call: the median of some runs of many calls with one wait behind them. */
static double time_calls(const struct pbk_table *table, void (*function)(void *), void *argument)
{
	double seconds[RUNS];
	int calls = 1;
	run(table, 1, function, argument); /* loads what it needs */
	while (!small && calls < MOST_CALLS && run(table, calls, function, argument) < 2e-3)
		calls *= 2;
	const int runs = small ? 1 : RUNS;
	for (int i = -2; i < runs; i++) { /* the first are not counted: launches that come again become a graph */
		const double t = run(table, calls, function, argument) / calls;
		if (i >= 0)
			seconds[i] = t;
	}
	qsort(seconds, (size_t)runs, sizeof *seconds, by_value);
	return seconds[runs / 2];
}

static void head(void)
{
	printf("| kernel | shape | MB | MFLOP | us | GB/s | GFLOP/s | of the ceiling "
	       "|\n|---|---|---|---|---|---|---|---|\n");
}

static void row(const char *name, const char *shape, double bytes, double flop, double seconds)
{
	const double by_memory = bytes / bandwidth, by_arithmetic = flop / peak;
	const double least = by_memory > by_arithmetic ? by_memory : by_arithmetic;
	printf("| %s | %s | %.4g | %.4g | %.4g | %.4g | %.4g | %.0f %% of %s |\n", name, shape, bytes * 1e-6,
	       flop * 1e-6, seconds * 1e6, bytes / seconds * 1e-9, flop / seconds * 1e-9, 100 * least / seconds,
	       by_memory > by_arithmetic ? "memory" : "arithmetic");
	fflush(stdout);
}

struct timed_copy {
	const struct pbk_table *table;
	void *from, *to;
	size_t size;
};

static void call_copy(void *argument)
{
	const struct timed_copy *c = argument;
	c->table->copy(test_context, c->to, c->from, c->size);
}

static void measure_bandwidth(const struct pbk_table *table)
{
	const int64_t count = small ? 1 << 18 : 1 << 28;
	struct timed_copy copy = {table, bench_filled(table, count),
				  table->alloc(test_context, (size_t)count * table->real_size),
				  (size_t)count * table->real_size};
	if (!copy.to)
		abort();
	const double t = time_calls(table, call_copy, &copy);
	bandwidth = 2.0 * (double)copy.size / t;
	printf("- a copy of %.3g MB within the device: %.4g GB/s, read and written\n", (double)copy.size * 1e-6,
	       bandwidth * 1e-9);
	bench_free(table, copy.from);
	bench_free(table, copy.to);
}

static struct timed_gemm gemm_of(const struct pbk_table *table, const char *transposed, int64_t m, int64_t n, int64_t k,
				 int64_t count)
{
	struct timed_gemm g = {.table = table,
			       .ta = transposed[0] == 'T',
			       .tb = transposed[1] == 'T',
			       .m = m,
			       .n = n,
			       .k = k,
			       .count = count};
	g.a = bench_filled(table, m * k * count);
	g.b = bench_filled(table, n * k * count);
	g.c = bench_filled(table, m * n * count);
	return g;
}

static void free_gemm(struct timed_gemm *g)
{
	bench_free(g->table, g->a);
	bench_free(g->table, g->b);
	bench_free(g->table, g->c);
}

static void measure_peak(const struct pbk_table *table)
{
	const char *given = getenv("PB_BENCH_PEAK");
	for (int64_t size = 2048; size <= 8192; size *= 2) {
		const int64_t n = size_of(size);
		struct timed_gemm g = gemm_of(table, "NN", n, n, n, 1);
		const double rate = 2.0 * (double)n * (double)n * (double)n / time_calls(table, bench_call_gemm, &g);
		printf("- a product of %d x %d x %d in %s: %.4g GFLOP/s\n", (int)n, (int)n, (int)n, table->name,
		       rate * 1e-9);
		largest_rate = rate > largest_rate ? rate : largest_rate;
		free_gemm(&g);
	}
	peak = largest_rate;
	if (given) {
		printf("- the fastest float32 product of another library: %s GFLOP/s\n", given);
		peak = atof(given) * 1e9 > peak ? atof(given) * 1e9 : peak;
	}
}

/* Rows of the questions of 24 cells and of a batch of 128 examples; then the gradients' products. */
static void bench_gemm(const struct pbk_table *table)
{
	static const struct {
		const char *transposed;
		int64_t m, n, k, count;
	} shapes[] = {
		{"NN", 48, 512, 1024, 1},  {"NN", 384, 512, 1024, 1}, {"NN", 384, 1024, 512, 1},
		{"NN", 384, 256, 1024, 1}, {"NN", 384, 1024, 256, 1}, {"NN", 384, 244, 1024, 1},
		{"NN", 384, 128, 1024, 4}, {"NT", 384, 1024, 512, 1}, {"TN", 1024, 512, 384, 1},
		{"TN", 1024, 256, 384, 1}, {"NN", 744, 512, 1024, 1},
	};
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		const int64_t m = size_of(shapes[i].m), n = size_of(shapes[i].n), k = size_of(shapes[i].k);
		const int64_t count = shapes[i].count;
		struct timed_gemm g = gemm_of(table, shapes[i].transposed, m, n, k, count);
		char shape[64];
		snprintf(shape, sizeof shape, "%s %d x %d x %d%s", shapes[i].transposed, (int)m, (int)n, (int)k,
			 count > 1 ? ", 4 of them" : "");
		row(count > 1 ? "gemm_batch" : "gemm", shape,
		    (double)((m * k + k * n + m * n) * count) * (double)table->real_size,
		    2.0 * (double)(m * n * k * count), time_calls(table, bench_call_gemm, &g));
		free_gemm(&g);
	}
}

/* An element of W costs the gradient's products and some seven operations of the step; then it is used m times. */
static void bench_stepped(const struct pbk_table *table)
{
	static const int64_t shapes[][5] = {/* m, k, n, heads, rank */
					    {31, 1024, 128, 4, 2}, {31, 512, 1024, 1, 2}, {31, 1024, 256, 1, 2},
					    {31, 256, 1024, 1, 2}, {31, 1024, 244, 1, 2}, {31, 1024, 256, 1, 4}};
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		const int64_t rank = shapes[i][4];
		struct timed_step s = {.table = table,
				       .m = shapes[i][0],
				       .k = size_of(shapes[i][1]),
				       .n = size_of(shapes[i][2]),
				       .heads = shapes[i][3],
				       .cells = 24};
		char shape[64];
		bench_prepare_step(&s, rank);
		snprintf(shape, sizeof shape, "%d x %d x %d, rank %d, 24 cells%s", (int)s.m, (int)s.n, (int)s.k,
			 (int)rank, s.heads > 1 ? " x 4 heads" : "");
		const int64_t items = s.heads * s.cells;
		row("gemm_stepped", shape,
		    (double)(s.heads * s.k * s.n + s.cells * (s.m + rank) * s.k + items * (s.m + rank) * s.n) *
			    (double)table->real_size,
		    (double)(items * s.k * s.n * (2 * s.m + 2 * rank + 7)),
		    time_calls(table, bench_call_gemm_stepped, &s));
		bench_finish_step(&s);
	}
	for (int64_t rank = 4; rank <= BENCH_MOST_RANK; rank *= 12) {
		struct timed_step s = {.table = table,
				       .m = 1,
				       .k = size_of(1024),
				       .n = size_of(512),
				       .heads = 1,
				       .cells = 24,
				       .m_rank = rank};
		char shape[64];
		bench_prepare_step(&s, 2);
		snprintf(shape, sizeof shape, "%d x %d, rank 2, M of rank %d, 24 cells", (int)s.k, (int)s.n, (int)rank);
		row("step_dots", shape,
		    (double)(s.k * s.n + (rank + s.cells * 2) * (s.k + s.n)) * (double)table->real_size,
		    (double)(s.k * s.n * (2 * rank + s.cells * (2 * 2 + 9))),
		    time_calls(table, bench_call_step_dots, &s));
		bench_finish_step(&s);
	}
}

/* Whole rows or vectors. */
struct timed_rows {
	const struct pbk_table *table;
	int64_t rows, n;
	void *x, *y, *z, *w;
	double *sum;
};

static void call_layer_norm(void *argument)
{
	const struct timed_rows *r = argument;
	const int32_t first[2] = {0, (int32_t)r->rows};
	r->table->layer_norm(test_context, 1, first, r->n, 1e-5, r->x, r->w, r->w, 0, r->y);
}

static void call_act(void *argument)
{
	const struct timed_rows *r = argument;
	r->table->act(test_context, PBK_RELU, r->rows * r->n, r->x, r->y);
}

static void call_add(void *argument)
{
	const struct timed_rows *r = argument;
	r->table->add(test_context, r->rows * r->n, r->y, r->x, r->z);
}

static void call_sum_squares(void *argument)
{
	const struct timed_rows *r = argument;
	const struct pbk_vector all = {r->x, r->rows * r->n};
	r->table->sum_squares(test_context, 1, &all, r->sum);
}

static void call_adam(void *argument)
{
	const struct timed_rows *r = argument;
	const struct pbk_adam adam = {1e-4, 0.9, 0.98, 1e-8, 0.1, 0.1, 0.02, true, 0.5};
	r->table->adam(test_context, &adam, r->rows * r->n, r->x, r->y, r->z, r->w);
}

static const struct {
	const char *name;
	void (*call)(void *);
	int64_t rows, n;
	double operands, flop; /* of an element: how often it is read or written, and operations */
} vectors[] = {
	{"layer_norm", call_layer_norm, 744, 1024, 2, 8},
	{"layer_norm", call_layer_norm, 65536, 1024, 2, 8},
	{"act (relu)", call_act, 744, 256, 2, 1},
	{"act (relu)", call_act, 65536, 1024, 2, 1},
	{"add", call_add, 744, 1024, 3, 1},
	{"add", call_add, 65536, 1024, 3, 1},
	{"sum_squares", call_sum_squares, 15926, 1024, 1, 2},
	{"adam", call_adam, 15926, 1024, 7, 15},
};

static void bench_vectors(const struct pbk_table *table)
{
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		const int64_t rows = size_of(vectors[i].rows), n = size_of(vectors[i].n);
		struct timed_rows r = {table,
				       rows,
				       n,
				       bench_filled(table, rows * n),
				       bench_filled(table, rows * n),
				       bench_filled(table, rows * n),
				       bench_filled(table, rows * n),
				       table->alloc(test_context, sizeof(double))};
		char shape[64];
		snprintf(shape, sizeof shape, "%d x %d", (int)rows, (int)n);
		row(vectors[i].name, shape, vectors[i].operands * (double)(rows * n) * (double)table->real_size,
		    vectors[i].flop * (double)(rows * n), time_calls(table, vectors[i].call, &r));
		bench_free(table, r.x);
		bench_free(table, r.y);
		bench_free(table, r.z);
		bench_free(table, r.w);
		bench_free(table, r.sum);
	}
}

static void bench_attend(const struct pbk_table *table, int64_t queries, int64_t length)
{
	struct timed_paths p = {.table = table};
	char shape[64];
	bench_prepare_paths(&p, queries, length);
	const int64_t row_size = p.heads * p.e, rows = length > 36 ? length : 36;
	snprintf(shape, sizeof shape, "24 x %d queries, lists of %d, 4 heads of 128", (int)queries, (int)length);
	row("attend", shape,
	    (double)(queries * row_size + rows * row_size + p.count * queries * row_size) * (double)table->real_size,
	    4.0 * (double)(p.count * queries * row_size * length), time_calls(table, bench_call_attend, &p));
	bench_finish_paths(&p);
}

/* Random numbers of [-1, 1) in float32, and the same in float64. */
static void *signed_operand(const struct pbk_backend *backend, int64_t count, void **ret_doubles)
{
	float *single = malloc((size_t)count * sizeof *single);
	double *wide = malloc((size_t)count * sizeof *wide);
	void *device = backend->f32->alloc(test_context, (size_t)count * sizeof *single);
	*ret_doubles = backend->f64->alloc(test_context, (size_t)count * sizeof *wide);
	if (!single || !wide || !device || !*ret_doubles)
		abort();
	for (int64_t i = 0; i < count; i++)
		wide[i] = single[i] = (float)random_value();
	backend->f32->upload(test_context, device, single, (size_t)count * sizeof *single);
	backend->f64->upload(test_context, *ret_doubles, wide, (size_t)count * sizeof *wide);
	free(single);
	free(wide);
	return device;
}

/* The largest error of an element, of the elements' root mean square. */
static double error_of(const struct pbk_backend *backend, const void *c, const void *exact, int64_t count)
{
	float *got = malloc((size_t)count * sizeof *got);
	double *want = malloc((size_t)count * sizeof *want), largest = 0, squares = 0;
	if (!got || !want)
		abort();
	backend->f32->download(test_context, got, c, (size_t)count * sizeof *got);
	backend->f64->download(test_context, want, exact, (size_t)count * sizeof *want);
	for (int64_t i = 0; i < count; i++) {
		const double error = fabs((double)got[i] - want[i]);
		largest = error <= largest ? largest : error; /* a NaN stays */
		squares += want[i] * want[i];
	}
	free(got);
	free(want);
	return largest / sqrt(squares / (double)count);
}

static void bench_matmul(const struct pbk_backend *backend, const char *name, enum pbk_matmul matmul, int64_t m,
			 int64_t n, int64_t k)
{
	pbk_context *before = test_context;
	test_context = open_device(matmul);
	struct timed_gemm g = {.table = backend->f32, .m = m, .n = n, .k = k, .count = 1}, exact = g;
	exact.table = backend->f64;
	random_seed(1);
	g.a = signed_operand(backend, m * k, &exact.a);
	g.b = signed_operand(backend, k * n, &exact.b);
	g.c = bench_filled(g.table, m * n);
	exact.c = bench_filled(exact.table, m * n);
	const double t = time_calls(g.table, bench_call_gemm, &g);
	bench_call_gemm(&exact);
	settle(exact.table);
	printf("| %s | %d x %d x %d | %.4g | %.4g | %.1e |\n", name, (int)m, (int)n, (int)k, t * 1e6,
	       2e-9 * (double)m * (double)n * (double)k / t, error_of(backend, g.c, exact.c, m * n));
	fflush(stdout);
	free_gemm(&g);
	free_gemm(&exact);
	backend->close(test_context);
	test_context = before;
}

void bench_device(void)
{
	static const struct {
		const char *name;
		enum pbk_matmul matmul;
	} products[] = {{"f32", PBK_MATMUL_F32}, {"tf32", PBK_MATMUL_TF32}, {"bf16x3", PBK_MATMUL_BF16X3}};
	static const int64_t shapes[][3] = {{384, 512, 1024}, {1024, 512, 384}, {4096, 4096, 4096}};
	const struct pbk_backend *backend = test_backend();
	char text[256] = "";
	small = getenv("PB_BENCH_SMALL") != NULL;
	test_context = open_device(PBK_MATMUL_F32);
	backend->describe(test_context, text, sizeof text);
	printf("- device: %s\n", text);
	measure_bandwidth(backend->f32);
	measure_peak(backend->f32);
	printf("\nIn float32. Operands that fit in the device's cache are read from there, so that a share of the\n"
	       "memory's ceiling can exceed 100 %%.\n\n");
	head();
	bench_gemm(backend->f32);
	bench_stepped(backend->f32);
	bench_vectors(backend->f32);
	bench_attend(backend->f32, 31, 1);
	bench_attend(backend->f32, 31, 4);
	bench_attend(backend->f32, 31, small ? 10 : 1000);
	printf("\nProducts by `matmul`, of numbers between -1 and 1; the error is the largest of an element,\n"
	       "in units of the elements' root mean square, beside the product in float64.\n\n");
	printf("| matmul | shape | us | GFLOP/s | largest error |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < sizeof products / sizeof *products; i++)
		for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
			bench_matmul(backend, products[i].name, products[i].matmul, size_of(shapes[s][0]),
				     size_of(shapes[s][1]), size_of(shapes[s][2]));
	backend->close(test_context);
	test_context = NULL;
}
