/* bench.h: what the timing tables share: operands in the device's memory, and the calls that are timed. */
#ifndef PB_TESTS_KERNELS_BENCH_H
#define PB_TESTS_KERNELS_BENCH_H

#include "kernels_test.h"

enum { BENCH_MOST_ITEMS = 96, BENCH_MOST_RANK = 48 };

/* Seconds of one call: the fastest of many short runs, so that a busy machine shows little. */
double bench_time(void (*function)(void *), void *argument);
double bench_now(void);
/* Elements of [0.5, 1.5), in memory of test_context. */
void *bench_filled(const struct pbk_table *table, int64_t count);
void bench_free(const struct pbk_table *table, void *memory);

/* `count` products; the argument of bench_call_gemm. */
struct timed_gemm {
	const struct pbk_table *table;
	bool ta, tb;
	int64_t m, n, k, count;
	void *a, *b, *c;
};

void bench_call_gemm(void *gemm);

/* `heads` matrices W, `cells` items each; the heads of a cell share A. The same for step_dots, with M of `m_rank`. */
struct timed_step {
	const struct pbk_table *table;
	struct pbk_step step;
	int64_t m, k, n, heads, cells, m_rank;
	struct pbk_gradient of_m;
	void *w, *a, *c, *x, *dy;
	struct pbk_stepped item[BENCH_MOST_ITEMS];
};

void bench_prepare_step(struct timed_step *s, int64_t rank);
void bench_finish_step(struct timed_step *s);
void bench_call_gemm_stepped(void *step);
void bench_call_step_dots(void *step);

/* 24 cells of `queries`, each over a list of `length` rows. */
struct timed_paths {
	const struct pbk_table *table;
	int64_t heads, e, count;
	struct pbk_paths item[BENCH_MOST_ITEMS];
	void *q, *k, *z;
	int32_t *first, *path;
};

void bench_prepare_paths(struct timed_paths *p, int64_t queries, int64_t length);
void bench_finish_paths(struct timed_paths *p);
void bench_call_attend(void *paths);

void bench_sweeps(void);
void bench_device(void); /* of the backend that PB_TEST_BACKEND names */

#endif
