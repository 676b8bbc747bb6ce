/* kernels_test.h: what the kernel tests share: element types, guarded buffers, random data. */
#ifndef PB_TESTS_KERNELS_TEST_H
#define PB_TESTS_KERNELS_TEST_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernels.h"

/* Runs a test for f32 fast, f32 plain, f64 fast, f64 plain: test_table(_i). */
enum { N_TABLES = 4 };
const struct pbk_table *test_table(int i);

/* Tables whose products are those of one instruction set, as many as this CPU has, in both element types. */
int count_gemm_tables(void);
const struct pbk_table *gemm_table(int i);

/* ck_assert_msg for loops over elements: Check makes a system call for each assertion that holds. */
#define EXPECT(condition, ...)                                                                                         \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			ck_abort_msg(__VA_ARGS__);                                                                     \
	} while (0)

/* Elements between canaries; misaligned by `shift` elements, as a row in the middle of a matrix is. */
struct guarded {
	size_t real_size;
	int64_t count;
	int shift;
	void *data;
	unsigned char *memory;
};

struct guarded guarded_new(size_t real_size, int64_t count, int shift);
void guarded_free(struct guarded *g);
bool guarded_intact(const struct guarded *g);
double guarded_get(const struct guarded *g, int64_t i);
void guarded_set(struct guarded *g, int64_t i, double value);

/* Uniform in [-1, 1), from a sequence that starts again with each seed. */
void random_seed(uint64_t seed);
double random_value(void);

/* |a - b| <= tolerance * (1 + |b|); equal infinities and two NaN are equal. */
bool nearly(double a, double b, double tolerance);
double tolerance_of(size_t real_size); /* for short sums of numbers of the size of 1 */

extern pbk_context *test_context; /* two threads */
void open_context(void);
void close_context(void);

TCase *gemm_tests(void);
TCase *gemm_row_tests(void);
TCase *nd_tests(void);
TCase *grad_tests(void);
TCase *step_tests(void);
TCase *sweep_tests(void);
void bench_kernels(void);
void bench_sweeps(void);

/* Seconds of one call: the fastest of many short runs, so that a busy machine shows little. */
double bench_time(void (*function)(void *), void *argument);
/* Around 1; to be freed. */
void *bench_filled(size_t real_size, int64_t count);

#endif
