/* kernels_test.h: what the kernel tests share: devices, element types, guarded buffers, random data. */
#ifndef PB_TESTS_KERNELS_TEST_H
#define PB_TESTS_KERNELS_TEST_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend.h"
#include "kernels.h"

/* The tests run on this CPU, or on the backend whose shared object PB_TEST_BACKEND names. */
const struct pbk_backend *test_backend(void); /* NULL on the CPU */
bool on_gpu(void); /* not the emulated one: log, exp and cos are not those of the C library */

/* f32 fast, f32 plain, f64 fast, f64 plain; a backend's f32 and f64. */
int n_tables(void);
const struct pbk_table *test_table(int i);

extern pbk_context *test_context; /* two threads */
void open_context(void);
void close_context(void); /* fails if a call did */
void close_device(void);  /* behind the last test */
/* Another one beside it; a backend does not count threads. */
pbk_context *new_context(int threads);
void free_context(pbk_context *context);
/* Until what was called is done: before the host looks at it, frees it, or gives it to another context. */
void wait_for(pbk_context *context);

/* Memory that kernels and the host can touch: every operand lives in it. A GPU's backend gives such memory where
 * PBK_CUDA_MANAGED, 1 or host, is in the environment. */
void *test_alloc(size_t size);
void test_free(void *memory);

/* Tables whose products are those of one instruction set, as many as this CPU has, in both element types. */
int count_gemm_tables(void);
const struct pbk_table *gemm_table(int i);

/* ck_assert_msg for loops over elements: Check makes a system call for each assertion that holds. */
#define EXPECT(condition, ...)                                                                                         \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			ck_abort_msg(__VA_ARGS__);                                                                     \
	} while (0)

/* Elements in memory of the device, between canaries; misaligned by `shift` elements, as a row in the middle of a
 * matrix is. */
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
bool guarded_same(const struct guarded *a, const struct guarded *b); /* bit by bit */
double guarded_get(const struct guarded *g, int64_t i);
void guarded_set(struct guarded *g, int64_t i, double value);

/* Uniform in [-1, 1), from a sequence that starts again with each seed. */
void random_seed(uint64_t seed);
double random_value(void);

/* |a - b| <= tolerance * (1 + |b|); equal infinities and two NaN are equal. */
bool nearly(double a, double b, double tolerance);
double tolerance_of(size_t real_size); /* for short sums of numbers of the size of 1 */

TCase *gemm_tests(void);
TCase *coarse_tests(void);
TCase *gemm_row_tests(void);
TCase *nd_tests(void);
TCase *window_tests(void);
TCase *grad_tests(void);
TCase *step_tests(void);
TCase *sweep_tests(void);
TCase *backward_tests(void);
void bench_kernels(void); /* times them: bench.h */

#endif
