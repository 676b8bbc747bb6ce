/* bench_sweep.c: the timing table's rows for the kernels of whole sweeps. */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

void bench_prepare_step(struct timed_step *s, int64_t rank)
{
	const size_t size = s->table->real_size;
	s->step = (struct pbk_step){.adam = true, .lr = 1e-4, .decay = 1 - 1e-5, .eps = 1e-8};
	s->w = bench_filled(s->table, s->heads * s->k * s->n);
	s->a = bench_filled(s->table, s->cells * s->m * s->k);
	s->c = bench_filled(s->table, s->heads * s->cells * s->m * s->n);
	s->x = bench_filled(s->table, s->cells * BENCH_MOST_RANK * s->k);
	s->dy = bench_filled(s->table, s->heads * s->cells * BENCH_MOST_RANK * s->n);
	s->of_m = (struct pbk_gradient){s->m_rank, s->k, s->n, s->x, s->dy, NULL};
	for (int64_t i = 0; i < s->heads * s->cells; i++)
		s->item[i] = (struct pbk_stepped){
			.m = s->m,
			.lda = s->k,
			.ldc = s->n,
			.a = (char *)s->a + (size_t)(i % s->cells * s->m * s->k) * size,
			.w = (char *)s->w + (size_t)(i / s->cells * s->k * s->n) * size,
			.gradient = {rank, s->k, s->n, (char *)s->x + (size_t)(i % s->cells * BENCH_MOST_RANK * s->k) * size,
				     (char *)s->dy + (size_t)(i * BENCH_MOST_RANK * s->n) * size, NULL},
			.grad_scale = 0.5,
			.present = true,
			.c = (char *)s->c + (size_t)(i * s->m * s->n) * size,
		};
}

void bench_finish_step(struct timed_step *s)
{
	bench_free(s->table, s->w);
	bench_free(s->table, s->a);
	bench_free(s->table, s->c);
	bench_free(s->table, s->x);
	bench_free(s->table, s->dy);
}

void bench_call_gemm_stepped(void *argument)
{
	const struct timed_step *s = argument;
	s->table->gemm_stepped(test_context, &s->step, s->n, s->k, s->n, s->heads * s->cells, s->item);
}

void bench_call_step_dots(void *argument)
{
	const struct timed_step *s = argument;
	double dots[BENCH_MOST_ITEMS];
	s->table->step_dots(test_context, &s->step, s->n, s->k, s->w, s->n, &s->of_m, s->cells, s->item, dots);
}

static void bench_steps(const struct pbk_table *table)
{
	static const int64_t shapes[][6] = {
		/* m, k, n, heads, cells, rank */
		{31, 1024, 128, 4, 24, 2}, {31, 1024, 128, 1, 24, 2}, {31, 512, 1024, 1, 24, 2},
		{31, 1024, 256, 1, 24, 2}, {31, 256, 1024, 1, 24, 2}, {31, 1024, 244, 1, 24, 2},
		{31, 1024, 256, 1, 24, 1}, {31, 1024, 256, 1, 24, 4}, {31, 1024, 256, 1, 24, 7},
		{12, 1024, 256, 1, 24, 2}, {36, 1024, 256, 1, 24, 2}, {4, 48, 192, 1, 24, 2},
	};
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		const int64_t *s = shapes[i];
		struct timed_step timed = {
			.table = table, .m = s[0], .k = s[1], .n = s[2], .heads = s[3], .cells = s[4]};
		bench_prepare_step(&timed, s[5]);
		const double t = bench_time(bench_call_gemm_stepped, &timed);
		printf("gemm_stepped %s %2d x %4d x %4d rank %d x%3d %11.0f ns %7.1f GFLOP/s\n", table->name + 4,
		       (int)s[0], (int)s[2], (int)s[1], (int)s[5], (int)(s[3] * s[4]), t * 1e9,
		       2e-9 * (double)(s[0] * s[1] * s[2] * s[3] * s[4]) / t);
		bench_finish_step(&timed);
	}
	for (int rank = 4; rank <= BENCH_MOST_RANK; rank *= 12) {
		struct timed_step timed = {
			.table = table, .m = 1, .k = 1024, .n = 512, .heads = 1, .cells = 24, .m_rank = rank};
		bench_prepare_step(&timed, 2);
		const double t = bench_time(bench_call_step_dots, &timed);
		printf("step_dots    %s %4d x %4d x%3d, M of rank %2d %11.0f ns %7.2f ns/element\n", table->name + 4,
		       1024, 512, 24, rank, t * 1e9, t * 1e9 / (1024 * 512 * 24));
		bench_finish_step(&timed);
	}
}

struct timed_dots {
	const struct pbk_table *table;
	int64_t count;
	struct pbk_gradient_pair pair[BENCH_MOST_ITEMS];
};

static void call_gradient_dots(void *argument)
{
	const struct timed_dots *d = argument;
	double dots[BENCH_MOST_ITEMS];
	d->table->gradient_dots(test_context, d->count, d->pair, dots);
}

static void bench_dots(const struct pbk_table *table, int64_t rank_a, int64_t rank_b)
{
	const int64_t k = 1024, n = 512;
	struct timed_dots timed = {.table = table, .count = BENCH_MOST_ITEMS};
	void *x = bench_filled(table, BENCH_MOST_ITEMS * BENCH_MOST_RANK * k),
	     *dense = bench_filled(table, k * n);
	for (int64_t i = 0; i < BENCH_MOST_ITEMS; i++) {
		void *at = (char *)x + (size_t)(i * BENCH_MOST_RANK * k) * table->real_size;
		timed.pair[i] =
			(struct pbk_gradient_pair){k, n, {rank_a, k, n, x, x, NULL}, {rank_b, k, n, at, at, NULL}};
		if (!rank_b)
			timed.pair[i].b.dense = dense;
	}
	const double t = bench_time(call_gradient_dots, &timed);
	printf("gradient_dots %s %d x %d, ranks %d and %d, x%d %9.0f ns %7.0f ns a pair\n", table->name + 4, (int)k,
	       (int)n, (int)rank_a, (int)rank_b, BENCH_MOST_ITEMS, t * 1e9, t * 1e9 / BENCH_MOST_ITEMS);
	bench_free(table, x);
	bench_free(table, dense);
}

struct timed_rows {
	const struct pbk_table *table;
	int64_t rows, n;
	void *x, *w, *y;
};

static void call_layer_norm(void *argument)
{
	const struct timed_rows *r = argument;
	const int32_t first[2] = {0, (int32_t)r->rows};
	r->table->layer_norm(test_context, 1, first, r->n, 1e-5, r->x, r->w, r->w, 0, r->y);
}

static void call_norm_by_steps(void *argument)
{
	const struct timed_rows *r = argument;
	r->table->center(test_context, r->rows, r->n, r->x, r->y);
	r->table->rms(test_context, r->rows, r->n, 1e-5, r->y, r->x);
	r->table->divide(test_context, r->rows, r->n, r->y, r->x, r->y);
	r->table->affine(test_context, r->rows, r->n, r->y, r->w, r->w, r->y);
}

static void bench_norm(const struct pbk_table *table)
{
	struct timed_rows timed = {.table = table, .rows = 744, .n = 1024};
	timed.x = bench_filled(table, timed.rows * timed.n);
	timed.y = bench_filled(table, timed.rows * timed.n);
	timed.w = bench_filled(table, timed.n);
	const double t = bench_time(call_layer_norm, &timed), by_steps = bench_time(call_norm_by_steps, &timed);
	printf("layer_norm   %s %d x %d %9.0f ns, by four kernels %9.0f ns  x%.1f\n", table->name + 4, (int)timed.rows,
	       (int)timed.n, t * 1e9, by_steps * 1e9, by_steps / t);
	bench_free(table, timed.x);
	bench_free(table, timed.y);
	bench_free(table, timed.w);
}

void bench_call_attend(void *argument)
{
	const struct timed_paths *p = argument;
	p->table->attend(test_context, p->heads, p->e, p->count, p->item);
}

void bench_prepare_paths(struct timed_paths *p, int64_t queries, int64_t length)
{
	p->heads = 4;
	p->e = 128;
	p->count = 24;
	const int64_t row = p->heads * p->e, rows = length > 36 ? length : 36;
	p->q = bench_filled(p->table, queries * row);
	p->k = bench_filled(p->table, rows * row);
	p->z = bench_filled(p->table, p->count * queries * row);
	p->first = calloc((size_t)queries + 1, sizeof *p->first);
	p->path = calloc((size_t)(queries * length), sizeof *p->path);
	if (!p->first || !p->path)
		abort();
	for (int64_t i = 0; i < queries * length; i++) {
		p->first[i / length + 1] = (int32_t)((i / length + 1) * length);
		p->path[i] = (int32_t)(i * 7 % rows);
	}
	for (int64_t i = 0; i < p->count; i++)
		p->item[i] = (struct pbk_paths){
			queries, p->q,    p->k, p->k, p->first,
			p->path, (char *)p->z + (size_t)(i * queries * row) * p->table->real_size};
}

void bench_finish_paths(struct timed_paths *p)
{
	bench_free(p->table, p->q);
	bench_free(p->table, p->k);
	bench_free(p->table, p->z);
	free(p->first);
	free(p->path);
}

/* 24 cells with lists of one length. */
static void bench_attend(const struct pbk_table *table, int64_t queries, int64_t length)
{
	struct timed_paths timed = {.table = table};
	bench_prepare_paths(&timed, queries, length);
	const double t = bench_time(bench_call_attend, &timed);
	printf("attend       %s %d x %d queries, lists of %d: %9.0f ns %7.1f GFLOP/s\n", table->name + 4,
	       (int)timed.count, (int)queries, (int)length, t * 1e9,
	       4e-9 * (double)(timed.count * queries * timed.heads * timed.e * length) / t);
	bench_finish_paths(&timed);
}

void bench_sweeps(void)
{
	const struct pbk_table *tables[2] = {pbk_cpu_f32(), pbk_cpu_f64()};
	for (int i = 0; i < 2; i++) {
		bench_steps(tables[i]);
		bench_dots(tables[i], 2, 2);
		bench_dots(tables[i], 4, 4);
		bench_dots(tables[i], 48, 48);
		bench_dots(tables[i], 2, 0);
		bench_norm(tables[i]);
		bench_attend(tables[i], 31, 1);
		bench_attend(tables[i], 31, 4);
		bench_attend(tables[i], 31, 1000);
	}
}
