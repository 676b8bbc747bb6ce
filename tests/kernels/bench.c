/* bench.c: the timing table: PB_BENCH=1 build/tests/test_kernels; with PB_TEST_BACKEND that of a device. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "cases.h"

double bench_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double bench_time(void (*function)(void *), void *argument)
{
	double best = 1e9;
	int64_t calls = 1;
	for (int run = 0; run < 40;) {
		const double begin = bench_now();
		for (int64_t i = 0; i < calls; i++)
			function(argument);
		const double seconds = bench_now() - begin;
		if (seconds < 5e-4 && run == 0) {
			calls *= seconds < 5e-5 ? 8 : 2;
			continue;
		}
		if (seconds / (double)calls < best)
			best = seconds / (double)calls;
		run++;
	}
	return best;
}

void *bench_filled(const struct pbk_table *table, int64_t count)
{
	enum { PIECE = 1 << 20 };
	char *data = table->alloc(test_context, (size_t)count * table->real_size);
	void *piece = malloc((size_t)(count < PIECE ? count + 1 : PIECE) * table->real_size);
	if (!data || !piece)
		abort();
	for (int64_t i = 0; i < count && i < PIECE; i++)
		if (table->real_size == sizeof(float))
			((float *)piece)[i] = (float)random_value() * 0.5f + 1;
		else
			((double *)piece)[i] = random_value() * 0.5 + 1;
	for (int64_t at = 0; at < count; at += PIECE)
		table->upload(test_context, data + (size_t)at * table->real_size, piece,
			      (size_t)(count - at < PIECE ? count - at : PIECE) * table->real_size);
	free(piece);
	return data;
}

void bench_free(const struct pbk_table *table, void *memory)
{
	table->free(test_context, memory);
}

struct timed_case {
	const struct kernel_case *kc;
	struct call call;
};

static void call_case(void *argument)
{
	struct timed_case *timed = argument;
	timed->kc->kernel(&timed->call);
}

static void bench_case(const struct kernel_case *kc, const struct pbk_table *fast, const struct pbk_table *plain,
		       int64_t rows, int64_t n)
{
	double bytes = 0, sum;
	struct timed_case timed = {kc, {.context = test_context, .rows = rows, .n = n, .sum = &sum}};
	int32_t *ids = calloc((size_t)rows, sizeof *ids);
	if (!ids)
		abort();
	for (int64_t r = 0; r < rows; r++)
		ids[r] = (int32_t)(r % VOCAB);
	timed.call.ids = ids;
	for (int k = 0; kc->operands[k]; k++) {
		const int64_t count = case_size(kc, k, rows, n);
		timed.call.x[k] = bench_filled(fast, count);
		bytes += (double)count * (double)fast->real_size;
	}
	timed.call.table = fast;
	const double t = bench_time(call_case, &timed);
	timed.call.table = plain;
	const double t_plain = bench_time(call_case, &timed);
	printf("%-22s %s %5d x %4d  %10.0f ns %6.1f GB/s  plain %10.0f ns  x%.1f\n", kc->name, fast->name + 4,
	       (int)rows, (int)n, t * 1e9, bytes / t * 1e-9, t_plain * 1e9, t_plain / t);
	for (int k = 0; kc->operands[k]; k++)
		bench_free(fast, timed.call.x[k]);
	free(ids);
}

void bench_call_gemm(void *argument)
{
	const struct timed_gemm *g = argument;
	const int64_t lda = g->ta ? g->m : g->k, ldb = g->tb ? g->k : g->n;
	if (g->count == 1)
		g->table->gemm(test_context, g->ta, g->tb, g->m, g->n, g->k, 1, g->a, lda, g->b, ldb, 0, g->c, g->n);
	else
		g->table->gemm_batch(test_context, g->ta, g->tb, g->m, g->n, g->k, 1, g->a, lda, g->m * g->k, g->b, ldb,
				     g->k * g->n, 0, g->c, g->n, g->m * g->n, g->count);
}

static double time_gemm(struct timed_gemm *g, const struct pbk_table *table)
{
	g->table = table;
	g->a = bench_filled(table, g->m * g->k * g->count);
	g->b = bench_filled(table, g->n * g->k * g->count);
	g->c = bench_filled(table, g->m * g->n * g->count);
	const double t = bench_time(bench_call_gemm, g);
	bench_free(table, g->a);
	bench_free(table, g->b);
	bench_free(table, g->c);
	return t;
}

/* Rows of a cell, of a batch of cells, of training; matrices of the full-size model, of a small one and of a head. */
static void bench_products(const struct pbk_table *table)
{
	static const int64_t rows[] = {1, 2, 4, 8, 12, 16, 31, 48, 96, 128, 192, 384, 512, 1024};
	static const int64_t matrices[][2] = {{512, 1024}, {1024, 512},  {256, 1024}, {1024, 256}, {244, 1024},
					      {128, 1024}, {1024, 1024}, {48, 48},    {128, 128}};
	printf("gemm %s, GFLOP/s      A B    A B^T    A^T B\n", table->name + 4);
	for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++)
		for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
			const int64_t n = matrices[i][0], k = matrices[i][1];
			printf("%4d x %4d x %4d", (int)rows[r], (int)n, (int)k);
			for (int v = 0; v < 3; v++) {
				struct timed_gemm g = {
					.ta = v == 2, .tb = v == 1, .m = rows[r], .n = n, .k = k, .count = 1};
				printf(" %8.1f", 2e-9 * (double)(g.m * n * k) / time_gemm(&g, table));
			}
			putchar('\n');
		}
}

static void bench_batches(const struct pbk_table *fast, const struct pbk_table *plain)
{
	static const int64_t batches[][4] = {{4, 128, 1024, 4}, {36, 128, 1024, 4}, {4, 4, 128, 512}, {4, 128, 4, 512}};
	for (size_t i = 0; i < sizeof batches / sizeof *batches; i++)
		for (int v = 0; v < 3; v++) {
			struct timed_gemm g = {.ta = v == 2, .tb = v == 1, .m = batches[i][0], .n = batches[i][1]};
			g.k = batches[i][2];
			g.count = batches[i][3];
			const double flop = 2.0 * (double)(g.m * g.n * g.k * g.count), t = time_gemm(&g, fast);
			printf("gemm_batch %c%c %2d x %3d x %4d x%3d %s %7.1f GFLOP/s, x%.1f of plain\n",
			       g.ta ? 'T' : 'N', g.tb ? 'T' : 'N', (int)g.m, (int)g.n, (int)g.k, (int)g.count,
			       fast->name + 4, flop / t * 1e-9, time_gemm(&g, plain) / t);
		}
}

void bench_kernels(void)
{
	const char *threads = getenv("PB_BENCH_THREADS"), *only = getenv("PB_BENCH_ONLY");
	if (test_backend()) {
		bench_device();
		return;
	}
	test_context = pbk_cpu_open(threads ? atoi(threads) : 0);
	const struct pbk_table *fast[2] = {pbk_cpu_f32(), pbk_cpu_f64()};
	const struct pbk_table *plain[2] = {pbk_cpu_f32_plain(), pbk_cpu_f64_plain()};
	for (int t = 0; t < 2 && (!only || strstr(only, "gemm")); t++) {
		bench_products(fast[t]);
		bench_batches(fast[t], plain[t]);
	}
	for (int t = 0; t < 2; t++)
		for (int i = 0; i < n_kernel_cases; i++)
			if (!only || strstr(kernel_cases[i].name, only)) {
				bench_case(&kernel_cases[i], fast[t], plain[t], 24, 1024);
				bench_case(&kernel_cases[i], fast[t], plain[t], 1024, 1024);
			}
	if (!only || strstr("step gradient layer_norm attend", only))
		bench_sweeps();
	pbk_cpu_close(test_context);
}
