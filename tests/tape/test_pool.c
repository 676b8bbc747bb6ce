/* test_pool.c: device memory that is freed all at once, and what does not fit into it. */
#include <stdint.h>
#include <string.h>

#include "base/status.h"
#include "support/device.h"
#include "support/support.h"
#include "tensor/tensor.h"

/* A huge allocation is refused, not fatal, when the address sanitizer allocates. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static struct pb_device device;
static struct pb_pool pool;

static void open_pool(void)
{
	ck_assert_ok(pb_test_device(1, &device));
	pb_pool_init(&pool, &device);
}

static void close_pool(void)
{
	pb_pool_finish(&pool);
	pb_device_close(&device);
}

/* Sizes around the block's and many times over it; each piece is filled, so that an overlap shows. */
static void take(unsigned char *pieces[], int n, size_t (*size_of)(int))
{
	for (int i = 0; i < n; i++) {
		pieces[i] = pb_pool_alloc(&pool, size_of(i));
		ck_assert_ptr_nonnull(pieces[i]);
		ck_assert_uint_eq((uintptr_t)pieces[i] % 64, 0);
		memset(pieces[i], i, size_of(i));
	}
	for (int i = 0; i < n; i++)
		for (size_t j = 0; j < size_of(i); j++)
			if (pieces[i][j] != i)
				ck_abort_msg("byte %zu of piece %d was overwritten", j, i);
}

enum { PIECES = 100 };

static size_t mixed(int i)
{
	const size_t sizes[] = {1, 64, 65, 4096, 0, 100000, (4 << 20) - 1, 3, (4 << 20) + 1, 700000};
	return sizes[i % 10];
}

START_TEST(pieces_are_aligned_and_apart)
{
	unsigned char *pieces[PIECES];
	take(pieces, PIECES, mixed);
	for (int i = 0; i < PIECES; i++)
		for (int j = 0; j < i; j++)
			if (mixed(i) && mixed(j) && pieces[i] == pieces[j])
				ck_abort_msg("pieces %d and %d are one", i, j);
}
END_TEST

START_TEST(after_a_reset_the_same_memory_is_used_again)
{
	unsigned char *first[PIECES], *again[PIECES];
	take(first, PIECES, mixed);
	size_t peak = pool.peak;
	ck_assert_uint_eq(pool.used, peak);
	for (int round = 0; round < 3; round++) {
		pb_pool_reset(&pool);
		ck_assert_uint_eq(pool.used, 0);
		take(again, PIECES, mixed);
		ck_assert_mem_eq(again, first, sizeof first);
	}
	ck_assert_uint_eq(pool.peak, peak);
}
END_TEST

START_TEST(the_peak_stays_when_less_is_used)
{
	ck_assert_ptr_nonnull(pb_pool_alloc(&pool, 1000));
	ck_assert_ptr_nonnull(pb_pool_alloc(&pool, 1));
	ck_assert_uint_ge(pool.used, 1001);
	size_t peak = pool.peak;
	pb_pool_reset(&pool);
	ck_assert_ptr_nonnull(pb_pool_alloc(&pool, 1));
	ck_assert_uint_lt(pool.used, peak);
	ck_assert_uint_eq(pool.peak, peak);
}
END_TEST

START_TEST(what_is_reserved_is_in_one_piece)
{
	enum { SIZE = 5 << 20 }; /* more than a block */
	ck_assert_ptr_nonnull(pb_pool_alloc(&pool, 100));
	ck_assert_ok(pb_pool_reserve(&pool, 3 * SIZE));
	ck_assert_uint_eq(pool.used, 0);
	ck_assert_uint_ge(pool.peak, 100);
	const char *first = pb_pool_alloc(&pool, SIZE), *second = pb_pool_alloc(&pool, SIZE);
	ck_assert_ptr_eq(second, first + SIZE);
	ck_assert_ptr_eq(pb_pool_alloc(&pool, SIZE), second + SIZE);
	ck_assert_int_eq(pb_pool_reserve(&pool, SIZE_MAX / 2), -PB_E_NOMEM);
	ck_assert_ptr_nonnull(pb_pool_alloc(&pool, 100));
}
END_TEST

START_TEST(zeros_are_zero_in_used_memory)
{
	struct pb_view view;
	const int64_t shape[] = {3, 5};
	for (uint32_t dtype = PB_F32; dtype <= PB_F64; dtype++) {
		double values[15];
		memset(pb_pool_alloc(&pool, 200), 0xff, 200);
		pb_pool_reset(&pool);
		ck_assert_ok(pb_tensor_zeros(&pool, dtype, 2, shape, &view));
		ck_assert_uint_eq(view.dtype, dtype);
		ck_assert_ok(pb_view_read(&device, &view, values));
		for (int i = 0; i < 15; i++)
			ck_assert_double_eq(values[i], 0);
		pb_pool_reset(&pool);
	}
}
END_TEST

START_TEST(a_tensor_may_have_no_elements)
{
	struct pb_view view, clone;
	double difference;
	ck_assert_ok(pb_tensor_zeros(&pool, PB_F64, 3, (const int64_t[]){2, 0, 3}, &view));
	ck_assert_int_eq(pb_view_count(&view), 0);
	ck_assert_ok(pb_tensor_clone(&pool, &view, &clone));
	ck_assert_ok(pb_view_fill(&device, &view, 1));
	ck_assert_ok(pb_view_max_difference(&device, &view, &clone, &difference));
	ck_assert_double_eq(difference, 0);
}
END_TEST

static void check_usable(void)
{
	struct pb_view view;
	ck_assert_ok(pb_tensor_new(&pool, PB_F64, 1, (const int64_t[]){10}, &view));
	ck_assert_ok(pb_view_fill(&device, &view, 1));
}

START_TEST(memory_beyond_all_measure_is_refused)
{
	const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 63, SIZE_MAX - 64, SIZE_MAX / 2, SIZE_MAX / 2 + 1};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		ck_assert_ptr_null(pb_pool_alloc(&pool, sizes[i]));
		ck_assert_int_eq(pb_error_status(), -PB_E_NOMEM);
		check_usable();
	}
}
END_TEST

START_TEST(tensors_beyond_all_measure_are_refused)
{
	const int64_t huge = INT64_MAX, k = 1 << 20;
	const int64_t shapes[][4] = {
	        {huge, 1, 1, 1}, {huge, huge, 1, 1},   {huge, huge, huge, 2}, {huge, 0, huge, huge},
	        {-1, 1, 1, 1},   {1, 1, 1, -huge - 1}, {k, k, k, 16},         {k, k, k, 1},
	        {k, k, k, 4},    {k, k, k, 8},         {-2, -3, 1, 1},
	};
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
		for (uint32_t dtype = PB_F32; dtype <= PB_F64; dtype++) {
			struct pb_view view = {.rank = 5};
			ck_assert_int_eq(pb_tensor_new(&pool, dtype, 4, shapes[i], &view), -PB_E_NOMEM);
			ck_assert_int_eq(pb_tensor_zeros(&pool, dtype, 4, shapes[i], &view), -PB_E_NOMEM);
			ck_assert_int_eq(view.rank, 5);
			check_usable();
		}
}
END_TEST

START_TEST(more_axes_than_a_view_has_are_refused)
{
	const int64_t shape[PB_MAX_RANK + 1] = {1, 1, 1, 1, 1, 1, 1};
	struct pb_view view = {.rank = 5};
	ck_assert_ok(pb_tensor_new(&pool, PB_F32, PB_MAX_RANK, shape, &view));
	ck_assert_int_eq(pb_tensor_new(&pool, PB_F32, PB_MAX_RANK + 1, shape, &view), -PB_E_SHAPE);
	ck_assert_int_eq(pb_tensor_new(&pool, PB_F32, -1, shape, &view), -PB_E_SHAPE);
}
END_TEST

START_TEST(a_pool_can_be_finished_twice_and_before_use)
{
	struct pb_pool other;
	pb_pool_init(&other, &device);
	pb_pool_reset(&other);
	pb_pool_finish(&other);
	pb_pool_finish(&other);
}
END_TEST

START_TEST(a_device_reports_that_all_is_well)
{
	struct pb_device all;
	ck_assert_ok(pb_device_status(&device));
	ck_assert_str_eq(device.name, "cpu");
	ck_assert_uint_eq(pb_kernels(&device, PB_F32)->real_size, 4);
	ck_assert_uint_eq(pb_kernels(&device, PB_F64)->real_size, 8);
	ck_assert_ok(pb_test_device(0, &all));
	pb_device_close(&all);
	pb_device_close(&all);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pool");
	TCase *pools = tcase_create("pool");
	tcase_add_checked_fixture(pools, open_pool, close_pool);
	tcase_add_test(pools, pieces_are_aligned_and_apart);
	tcase_add_test(pools, after_a_reset_the_same_memory_is_used_again);
	tcase_add_test(pools, the_peak_stays_when_less_is_used);
	tcase_add_test(pools, what_is_reserved_is_in_one_piece);
	tcase_add_test(pools, zeros_are_zero_in_used_memory);
	tcase_add_test(pools, a_tensor_may_have_no_elements);
	tcase_add_test(pools, memory_beyond_all_measure_is_refused);
	tcase_add_test(pools, tensors_beyond_all_measure_are_refused);
	tcase_add_test(pools, more_axes_than_a_view_has_are_refused);
	tcase_add_test(pools, a_pool_can_be_finished_twice_and_before_use);
	tcase_add_test(pools, a_device_reports_that_all_is_well);
	suite_add_tcase(suite, pools);
	return pb_test_run(suite, NULL);
}
