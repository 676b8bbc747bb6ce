/* test_fence.c: tensors between pages that may not be touched, and the arithmetic of windows. */
#include <string.h>

#include "base/status.h"
#include "conform/fence.h"
#include "conform/window.h"
#include "host/guard.h"
#include "support/support.h"
#include "tensor/tensor.h"

static int write_there(void *address)
{
	*(volatile char *)address = 1;
	return 0;
}

static int read_there(void *address)
{
	return *(volatile char *)address * 0;
}

static void check_fault(pb_guarded *function, char *address, const struct pb_fence *f, enum pb_access access,
			enum pb_fence_side side, int64_t offset)
{
	struct pb_fault fault;
	enum pb_fence_side found;
	int64_t at;
	ck_assert_int_eq(pb_guard(function, address, "test", "touch", &fault), -PB_E_PLUGIN);
	ck_assert_ptr_eq(fault.address, address);
#if defined(__x86_64__)
	ck_assert_int_eq(fault.access, access);
#endif
	ck_assert(pb_fence_find(f, fault.address, &found, &at));
	ck_assert_int_eq(found, side);
	ck_assert_int_eq(at, offset);
}

static void check_size(size_t size)
{
	struct pb_fence f;
	struct pb_fault fault;
	ck_assert_ok(pb_fence_init(&f, size));
	char *data = f.data[PB_FENCE_WRITABLE], *copy = f.data[PB_FENCE_READONLY];
	memset(data, 3, size);
	ck_assert(!size || (copy[0] == 3 && copy[size - 1] == 3));
	check_fault(write_there, data + size, &f, PB_ACCESS_WRITE, PB_FENCE_WRITABLE, (int64_t)size);
	check_fault(read_there, data + size + 4097, &f, PB_ACCESS_READ, PB_FENCE_WRITABLE, (int64_t)size + 4097);
	check_fault(read_there, copy + size, &f, PB_ACCESS_READ, PB_FENCE_READONLY, (int64_t)size);
	check_fault(write_there, copy, &f, PB_ACCESS_WRITE, PB_FENCE_READONLY, 0);
	check_fault(write_there, data - 5000 - f.pages, &f, PB_ACCESS_WRITE, PB_FENCE_WRITABLE,
		    -5000 - (int64_t)f.pages);
	ck_assert_uint_eq(pb_fence_damage(&f), 0);
	if (f.pages > size) {
		ck_assert_ok(pb_guard(write_there, data - 1, "test", "touch", &fault));
		ck_assert_uint_eq(pb_fence_damage(&f), 1);
	}
	pb_fence_finish(&f);
}

START_TEST(ends_and_beginnings)
{
	check_size(0);
	check_size(24);
	check_size(4096);
	check_size(3 * 4096 + 8);
	pb_fence_finish(&(struct pb_fence){0});
}
END_TEST

START_TEST(windows)
{
	double data[24];
	char text[64];
	struct pb_view whole = pb_view_over(data, PB_F64, 3, (int64_t[]){2, 3, 4}), part, row;
	for (int i = 0; i < 24; i++)
		data[i] = i;
	ck_assert_ok(pb_view_slice(&whole, 2, 1, 2, &part));
	ck_assert_int_eq(pb_window_extent(&part), 22);
	ck_assert_int_eq(pb_window_offset(&part, 5), 9);
	ck_assert_double_eq(pb_window_value(&part, 5), 10);
	ck_assert_int_eq(pb_window_find(&part, 9), 5);
	ck_assert_int_eq(pb_window_find(&part, 10), -1);
	pb_window_index_text(&part, 5, text, sizeof text);
	ck_assert_str_eq(text, "[0, 2, 1]");
	pb_window_index_text(&part, 5, text, 5);
	ck_assert_str_eq(text, "[0, ");
	row = pb_view_over(data, PB_F64, 0, NULL);
	ck_assert_int_eq(pb_window_extent(&row), 1);
	pb_window_index_text(&row, 0, text, sizeof text);
	ck_assert_str_eq(text, "[]");
	part.shape[1] = 0;
	ck_assert_int_eq(pb_window_extent(&part), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fence");
	TCase *t = tcase_create("fence");
	tcase_add_test(t, ends_and_beginnings);
	tcase_add_test(t, windows);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
