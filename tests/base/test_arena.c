/* test_arena.c: alignment, zeroing, growth, reuse after a reset, sizes that overflow. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/status.h"
#include "support/support.h"

static struct pb_arena arena;

static void setup(void)
{
	pb_arena_init(&arena);
}

static void teardown(void)
{
	pb_arena_finish(&arena);
}

static bool all_equal(const unsigned char *bytes, size_t count, unsigned value)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i] != value)
			return false;
	return true;
}

START_TEST(memory_is_aligned_zeroed_and_apart)
{
	enum { N = 2000 };
	static unsigned char *pieces[N];
	static size_t sizes[N];
	for (size_t i = 0; i < N; i++) {
		sizes[i] = (i * 37) % 300 + (i % 100 == 0 ? 100000 : 0);
		pieces[i] = pb_arena_alloc(&arena, sizes[i]);
		ck_assert_ptr_nonnull(pieces[i]);
		ck_assert_uint_eq((uintptr_t)pieces[i] % (sizes[i] >= 64 ? 64 : 16), 0);
		ck_assert(all_equal(pieces[i], sizes[i], 0));
		memset(pieces[i], (int)(i % 255 + 1), sizes[i]);
	}
	for (size_t i = 0; i < N; i++)
		ck_assert(all_equal(pieces[i], sizes[i], (unsigned)(i % 255 + 1)));
}
END_TEST

START_TEST(reset_reuses_memory_and_zeroes_it_again)
{
	char *before = pb_arena_alloc(&arena, 1000), *large = pb_arena_alloc(&arena, 1 << 20);
	memset(before, 'x', 1000);
	memset(large, 'x', 1 << 20);
	pb_arena_reset(&arena);
	char *again = pb_arena_alloc(&arena, 1000), *large_again = pb_arena_alloc(&arena, 1 << 20);
	ck_assert_ptr_eq(again, before);
	ck_assert_ptr_eq(large_again, large);
	ck_assert(all_equal((unsigned char *)again, 1000, 0));
	ck_assert_int_eq(large_again[(1 << 20) - 1], 0);
}
END_TEST

/* In one piece: where the third is shows that no block ended before it. */
START_TEST(what_is_reserved_is_there)
{
	ck_assert_ptr_nonnull(pb_arena_alloc(&arena, 200000));
	ck_assert_uint_ge(pb_arena_used(&arena), 200000);
	ck_assert_ok(pb_arena_reserve(&arena, 600000));
	ck_assert_uint_eq(pb_arena_used(&arena), 0);
	const char *first = pb_arena_alloc(&arena, 199936), *second = pb_arena_alloc(&arena, 200000);
	const char *third = pb_arena_alloc(&arena, 200000);
	ck_assert_ptr_eq(second, first + 199936);
	ck_assert_ptr_eq(third, second + 200000);
	ck_assert_uint_eq(pb_arena_used(&arena), 599936);
	ck_assert_int_eq(pb_arena_reserve(&arena, SIZE_MAX - 10), -PB_E_NOMEM);
	ck_assert_ptr_nonnull(pb_arena_alloc(&arena, 10));
}
END_TEST

START_TEST(zeroed_struct_and_finished_arena_are_usable)
{
	struct pb_arena fresh = {0};
	ck_assert_str_eq(pb_arena_strdup(&fresh, "a"), "a");
	pb_arena_finish(&fresh);
	ck_assert_str_eq(pb_arena_strdup(&fresh, "b"), "b");
	pb_arena_finish(&fresh);
	pb_arena_finish(&fresh);
	pb_arena_reset(&fresh);
}
END_TEST

/* 90 bytes are left, but only 64 of them behind the next place that is aligned: a sanitizer sees what does not fit. */
START_TEST(alignment_counts_against_the_room)
{
	pb_arena_alloc(&arena, 64 * 1024 - 90);
	unsigned char *piece = pb_arena_alloc(&arena, 80);
	ck_assert_uint_eq((uintptr_t)piece % 64, 0);
	ck_assert(all_equal(piece, 80, 0));
}
END_TEST

START_TEST(impossible_sizes_are_refused_with_a_reason)
{
	ck_assert_ptr_null(pb_arena_array(&arena, SIZE_MAX / 8 + 1, 16));
	ck_assert_int_eq(pb_error_status(), -PB_E_NOMEM);
	pb_error_clear();
	ck_assert_ptr_null(pb_arena_alloc(&arena, SIZE_MAX - 10));
	ck_assert_int_eq(pb_error_status(), -PB_E_NOMEM);
	pb_error_clear();
	ck_assert_ptr_null(pb_arena_strndup(&arena, "", SIZE_MAX));
	ck_assert_int_eq(pb_error_status(), -PB_E_NOMEM);
	ck_assert_ptr_nonnull(pb_arena_alloc(&arena, 10));
}
END_TEST

START_TEST(nothing_is_something)
{
	ck_assert_ptr_nonnull(pb_arena_alloc(&arena, 0));
	ck_assert_ptr_nonnull(pb_arena_array(&arena, 0, 8));
	ck_assert_ptr_nonnull(pb_arena_array(&arena, 8, 0));
}
END_TEST

START_TEST(texts_are_copied_whole)
{
	char source[] = "abcdef";
	char *copy = pb_arena_strdup(&arena, source), *part = pb_arena_strndup(&arena, source, 3);
	source[0] = 'X';
	ck_assert_str_eq(copy, "abcdef");
	ck_assert_str_eq(part, "abc");
	ck_assert_str_eq(pb_arena_printf(&arena, "%s-%05d", part, 42), "abc-00042");
	char *wide = pb_arena_printf(&arena, "%200000d", 7);
	ck_assert_uint_eq(strlen(wide), 200000);
	ck_assert_int_eq(wide[199999], '7');
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("arena");
	TCase *tests = tcase_create("arena");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, memory_is_aligned_zeroed_and_apart);
	tcase_add_test(tests, reset_reuses_memory_and_zeroes_it_again);
	tcase_add_test(tests, what_is_reserved_is_there);
	tcase_add_test(tests, zeroed_struct_and_finished_arena_are_usable);
	tcase_add_test(tests, alignment_counts_against_the_room);
	tcase_add_test(tests, impossible_sizes_are_refused_with_a_reason);
	tcase_add_test(tests, nothing_is_something);
	tcase_add_test(tests, texts_are_copied_whole);
	suite_add_tcase(suite, tests);
	return pb_test_run(suite, NULL);
}
