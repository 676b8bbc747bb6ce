/* test_nd.c: strided windows, element by element; noise against the core's generator; memory. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "kernels_test.h"

enum { ROOM = 4096 };

/* A window with both operands' strides; `order` is the axis order in memory of src, outermost first. */
static struct pbk_nd window(int rank, const int64_t *shape, const int *order, int64_t gap)
{
	struct pbk_nd nd = {.rank = rank};
	int64_t dst = 1, src = 1;
	for (int i = rank - 1; i >= 0; i--) {
		nd.shape[i] = shape[i];
		nd.dst_stride[i] = dst;
		dst *= shape[i] + (i == rank - 1 ? gap : 0);
		nd.src_stride[order[i]] = src;
		src *= shape[order[i]];
	}
	return nd;
}

static const struct {
	int rank;
	int64_t shape[PBK_MAX_RANK];
	int order[PBK_MAX_RANK];
	int64_t gap;
} windows[] = {
	{0, {0}, {0}, 0},
	{1, {17}, {0}, 0},
	{1, {0}, {0}, 0},
	{2, {3, 0}, {0, 1}, 1},
	{2, {5, 7}, {0, 1}, 0},
	{2, {5, 7}, {1, 0}, 0},
	{2, {5, 7}, {0, 1}, 2},
	{3, {1, 9, 1}, {2, 1, 0}, 0},
	{4, {2, 3, 4, 5}, {0, 2, 1, 3}, 0},
	{4, {2, 3, 4, 5}, {3, 1, 0, 2}, 3},
	{6, {2, 1, 3, 2, 3, 4}, {5, 0, 3, 2, 1, 4}, 1},
	{6, {2, 2, 2, 2, 2, 2}, {0, 1, 2, 3, 4, 5}, 0},
};
enum { N_WINDOWS = sizeof windows / sizeof *windows };

/* Offsets of the window's element `index` in row-major order. */
static void locate(const struct pbk_nd *nd, int64_t index, int64_t *dst, int64_t *src)
{
	*dst = *src = 0;
	for (int axis = nd->rank - 1; axis >= 0; axis--) {
		*dst += index % nd->shape[axis] * nd->dst_stride[axis];
		*src += index % nd->shape[axis] * nd->src_stride[axis];
		index /= nd->shape[axis];
	}
}

static int64_t count_of(const struct pbk_nd *nd)
{
	int64_t count = 1;
	for (int axis = 0; axis < nd->rank; axis++)
		count *= nd->shape[axis];
	return count;
}

struct scene {
	const struct pbk_table *table;
	struct pbk_nd nd;
	int64_t count;
	struct guarded dst, src;
	double before[ROOM], host[ROOM];
};

static void set_scene(struct scene *s, int which, int table)
{
	*s = (struct scene){.table = test_table(table)};
	s->nd = window(windows[which].rank, windows[which].shape, windows[which].order, windows[which].gap);
	s->count = count_of(&s->nd);
	s->dst = guarded_new(s->table->real_size, ROOM, 1);
	s->src = guarded_new(s->table->real_size, ROOM, 3);
	random_seed((uint64_t)which);
	for (int i = 0; i < ROOM; i++) {
		guarded_set(&s->dst, i, s->before[i] = random_value());
		guarded_set(&s->src, i, random_value());
		s->host[i] = random_value();
	}
}

/* Compares dst with its state before, changed where the window is to value(before, src, index). */
static void check_scene(struct scene *s, const char *what, double (*value)(double dst, double src, double host))
{
	wait_for(test_context);
	for (int64_t i = 0; i < s->count; i++) {
		int64_t d, r;
		locate(&s->nd, i, &d, &r);
		s->before[d] = value(s->before[d], guarded_get(&s->src, r), s->host[i]);
	}
	ck_assert(guarded_intact(&s->dst));
	for (int64_t i = 0; i < ROOM; i++)
		EXPECT(nearly(guarded_get(&s->dst, i), s->before[i], tolerance_of(s->table->real_size)),
		       "%s, %s: element %d is %.17g, expected %.17g", what, s->table->name, (int)i,
		       guarded_get(&s->dst, i), s->before[i]);
}

static double copied(double dst, double src, double host)
{
	(void)dst, (void)host;
	return src;
}

static double added(double dst, double src, double host)
{
	(void)host;
	return dst - 0.5 * src;
}

static double scaled(double dst, double src, double host)
{
	(void)src, (void)host;
	return dst * -3;
}

static double filled(double dst, double src, double host)
{
	(void)dst, (void)src, (void)host;
	return 0.25;
}

static double written(double dst, double src, double host)
{
	(void)dst, (void)src;
	return host;
}

START_TEST(windows_change_only_their_elements)
{
	static struct scene s;
	pbk_context *context = test_context;
	for (int t = 0; t < n_tables(); t++) {
		set_scene(&s, _i, t);
		s.table->nd_copy(context, &s.nd, s.dst.data, s.src.data);
		check_scene(&s, "copy", copied);
		s.table->nd_axpy(context, &s.nd, s.dst.data, -0.5, s.src.data);
		check_scene(&s, "axpy", added);
		s.table->nd_scale(context, &s.nd, s.dst.data, -3);
		check_scene(&s, "scale", scaled);
		s.table->nd_write(context, &s.nd, s.dst.data, s.host);
		check_scene(&s, "write", written);
		s.table->nd_fill(context, &s.nd, s.dst.data, 0.25);
		check_scene(&s, "fill", filled);
		guarded_free(&s.src);
		guarded_free(&s.dst);
	}
}
END_TEST

START_TEST(windows_are_read_in_row_major_order)
{
	static struct scene s;
	for (int t = 0; t < n_tables(); t++) {
		double read[ROOM];
		set_scene(&s, _i, t);
		read[s.count] = 42;
		s.table->nd_read(test_context, &s.nd, read, s.src.data);
		for (int64_t i = 0; i < s.count; i++) {
			int64_t d, r;
			locate(&s.nd, i, &d, &r);
			EXPECT(read[i] == guarded_get(&s.src, r), "element %d", (int)i);
		}
		ck_assert_double_eq(read[s.count], 42);
		guarded_free(&s.src);
		guarded_free(&s.dst);
	}
}
END_TEST

START_TEST(noise_is_the_core_generator)
{
	static struct scene s;
	/* A GPU's log, cos and sqrt round otherwise in the last bit. */
	const bool exact = !on_gpu();
	for (int t = 0; t < n_tables(); t++) {
		set_scene(&s, _i, t);
		s.table->nd_noise(test_context, &s.nd, s.dst.data, 0, 1, 0x123456789abcdefu, 77);
		wait_for(test_context);
		for (int64_t i = 0; i < s.count; i++) {
			int64_t d, r;
			locate(&s.nd, i, &d, &r);
			const double want = pb_random_normal(0x123456789abcdefu, 77, (uint64_t)i);
			const double rounded = s.table->real_size == sizeof(float) ? (double)(float)want : want;
			const double got = guarded_get(&s.dst, d);
			EXPECT(got == rounded || (!exact && nearly(got, rounded, tolerance_of(s.table->real_size))),
			       "%s: element %d is %.17g, expected %.17g", s.table->name, (int)i, got, rounded);
		}
		s.table->nd_noise(test_context, &s.nd, s.dst.data, 3, 0.5, 1, 2);
		wait_for(test_context);
		for (int64_t i = 0; i < s.count; i++) {
			int64_t d, r;
			locate(&s.nd, i, &d, &r);
			ck_assert(nearly(guarded_get(&s.dst, d), 3 + 0.5 * pb_random_normal(1, 2, (uint64_t)i),
					 tolerance_of(s.table->real_size)));
		}
		guarded_free(&s.src);
		guarded_free(&s.dst);
	}
}
END_TEST

/* By both kernels, which must agree; what is larger already stays. */
static double difference(const struct pbk_table *table, const struct pbk_nd *nd, const struct guarded *dst,
			 const struct guarded *src)
{
	struct guarded largest = guarded_new(sizeof(double), 3, 1);
	for (int i = 0; i < 3; i++)
		guarded_set(&largest, i, (double[]){0, 1e300, INFINITY}[i]);
	const double found = table->nd_max_difference(test_context, nd, dst->data, src->data);
	for (int i = 0; i < 3; i++)
		table->nd_raise_difference(test_context, nd, dst->data, src->data, (double *)largest.data + i);
	wait_for(test_context);
	ck_assert_double_eq(guarded_get(&largest, 0), found);
	ck_assert_double_eq(guarded_get(&largest, 1), fmax(found, 1e300));
	ck_assert_double_eq(guarded_get(&largest, 2), INFINITY);
	ck_assert(guarded_intact(&largest));
	guarded_free(&largest);
	return found;
}

START_TEST(largest_difference_is_found)
{
	static struct scene s;
	for (int t = 0; t < n_tables(); t++) {
		set_scene(&s, _i, t);
		double want = 0;
		int64_t d = 0, r = 0;
		for (int64_t i = 0; i < s.count; i++) {
			locate(&s.nd, i, &d, &r);
			want = fmax(want, fabs(guarded_get(&s.dst, d) - guarded_get(&s.src, r)));
		}
		ck_assert_double_eq_tol(difference(s.table, &s.nd, &s.dst, &s.src), want, 1e-6);
		if (s.count) {
			guarded_set(&s.dst, d, NAN);
			ck_assert_double_eq(difference(s.table, &s.nd, &s.dst, &s.src), INFINITY);
			guarded_set(&s.dst, d, -INFINITY);
			ck_assert_double_eq(difference(s.table, &s.nd, &s.dst, &s.src), INFINITY);
			for (double same = -INFINITY; !isnan(same); same = isinf(same) && same < 0 ? INFINITY : NAN) {
				s.table->nd_copy(test_context, &s.nd, s.dst.data, s.src.data);
				wait_for(test_context);
				guarded_set(&s.dst, d, same);
				guarded_set(&s.src, r, same);
				ck_assert_double_eq(difference(s.table, &s.nd, &s.dst, &s.src), 0);
			}
			guarded_set(&s.dst, d, NAN);
			guarded_set(&s.src, r, NAN);
			ck_assert_double_eq(difference(s.table, &s.nd, &s.dst, &s.src), 0);
		}
		guarded_free(&s.src);
		guarded_free(&s.dst);
	}
}
END_TEST

/* Large enough for two threads, whose border falls inside a row, and for a launch of its own. */
START_TEST(large_windows_are_shared_by_threads)
{
	const int64_t shape[2] = {1201, 901}, count = 1201 * 901;
	const int order[2] = {1, 0};
	const struct pbk_nd nd = window(2, shape, order, 0);
	for (int t = 0; t < n_tables(); t++) {
		const struct pbk_table *table = test_table(t);
		struct guarded src = guarded_new(table->real_size, count, 0),
			       dst = guarded_new(table->real_size, count, 0);
		for (int64_t i = 0; i < count; i++)
			guarded_set(&src, i, (double)i);
		table->nd_copy(test_context, &nd, dst.data, src.data);
		wait_for(test_context);
		for (int64_t i = 0; i < count; i++)
			EXPECT(guarded_get(&dst, i) == (double)(i % 901 * 1201 + i / 901), "element %d", (int)i);
		guarded_set(&dst, count - 1, guarded_get(&dst, count - 1) + 5);
		ck_assert_double_eq(table->nd_max_difference(test_context, &nd, dst.data, src.data), 5);
		ck_assert(guarded_intact(&dst));
		guarded_free(&src);
		guarded_free(&dst);
	}
}
END_TEST

/* A setter may name the same window twice (patchbay/host.h). */
START_TEST(window_with_itself)
{
	const struct pbk_nd nd = {.rank = 1, .shape = {100}, .dst_stride = {1}, .src_stride = {1}};
	for (int t = 0; t < n_tables(); t++) {
		const struct pbk_table *table = test_table(t);
		struct guarded x = guarded_new(table->real_size, 100, 0);
		for (int i = 0; i < 100; i++)
			guarded_set(&x, i, i);
		table->nd_copy(test_context, &nd, x.data, x.data);
		table->nd_axpy(test_context, &nd, x.data, 2, x.data);
		wait_for(test_context);
		for (int i = 0; i < 100; i++)
			ck_assert_double_eq(guarded_get(&x, i), 3 * i);
		guarded_free(&x);
	}
}
END_TEST

START_TEST(memory_is_aligned_and_copied)
{
	for (int t = 0; t < n_tables(); t++) {
		const struct pbk_table *table = test_table(t);
		char *a = table->alloc(test_context, 1000), *b = table->alloc(test_context, 1000), *none;
		char host[1000], back[1000];
		ck_assert(a && b && (uintptr_t)a % 64 == 0 && (uintptr_t)b % 64 == 0);
		memset(host, 7, sizeof host);
		table->upload(test_context, a, host, 1000);
		table->copy(test_context, b, a, 1000);
		table->zero(test_context, b + 500, 500);
		table->download(test_context, back, b, 1000);
		memset(host + 500, 0, 500);
		ck_assert_mem_eq(host, back, 1000);
		ck_assert_int_eq(table->sync(test_context), PBK_OK);
		ck_assert_ptr_nonnull(none = table->alloc(test_context, 0));
		table->free(test_context, none);
		table->free(test_context, NULL);
		table->free(test_context, a);
		table->free(test_context, b);
		ck_assert_ptr_null(table->alloc(test_context, SIZE_MAX));
		ck_assert_ptr_null(table->alloc(test_context, SIZE_MAX - 64));
		ck_assert_int_eq(table->sync(test_context), PBK_OK); /* who asked has been told */
	}
}
END_TEST

TCase *nd_tests(void)
{
	TCase *tcase = tcase_create("nd");
	tcase_add_checked_fixture(tcase, open_context, close_context);
	tcase_add_loop_test(tcase, windows_change_only_their_elements, 0, N_WINDOWS);
	tcase_add_loop_test(tcase, windows_are_read_in_row_major_order, 0, N_WINDOWS);
	tcase_add_loop_test(tcase, noise_is_the_core_generator, 0, N_WINDOWS);
	tcase_add_loop_test(tcase, largest_difference_is_found, 0, N_WINDOWS);
	tcase_add_test(tcase, large_windows_are_shared_by_threads);
	tcase_add_test(tcase, window_with_itself);
	tcase_add_test(tcase, memory_is_aligned_and_copied);
	return tcase;
}
