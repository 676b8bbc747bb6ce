/* test_view.c: windows on tensors, and elementwise work on them against loops over indices. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/status.h"
#include "support/device.h"
#include "support/support.h"
#include "tensor/tensor.h"

static struct pb_device device;

static void open_device(void)
{
	ck_assert_ok(pb_test_device(1, &device));
}

static void close_device(void)
{
	pb_device_close(&device);
}

/* Geometry. */

START_TEST(a_new_view_is_row_major)
{
	float data[24];
	struct pb_view view = pb_view_over(data, PB_F32, 3, (const int64_t[]){2, 3, 4});
	ck_assert_mem_eq(view.shape, ((int64_t[]){2, 3, 4}), 3 * sizeof(int64_t));
	ck_assert_mem_eq(view.stride, ((int64_t[]){12, 4, 1}), 3 * sizeof(int64_t));
	ck_assert_uint_eq(view.struct_size, sizeof view);
	ck_assert_int_eq(pb_view_count(&view), 24);
	ck_assert(pb_view_is_contiguous(&view));
	ck_assert_ptr_eq(pb_view_at(&view, 5), data + 5);
	ck_assert_int_eq(pb_view_find_axis(&view, PB_AXIS_POS), -1);
	struct pb_view scalar = pb_view_over(data, PB_F64, 0, NULL);
	ck_assert_int_eq(pb_view_count(&scalar), 1);
	ck_assert(pb_view_is_contiguous(&scalar));
	ck_assert(!pb_view_same_shape(&view, &scalar));
}
END_TEST

START_TEST(element_types_have_sizes_and_names)
{
	ck_assert_uint_eq(pb_dtype_size(PB_F32), 4);
	ck_assert_uint_eq(pb_dtype_size(PB_F64), 8);
	ck_assert_str_eq(pb_dtype_name(PB_F32), "float32");
	ck_assert_str_eq(pb_dtype_name(PB_F64), "float64");
}
END_TEST

START_TEST(a_slice_narrows_one_axis)
{
	double data[24];
	struct pb_view view = pb_view_over(data, PB_F64, 3, (const int64_t[]){2, 3, 4}), slice;
	ck_assert_ok(pb_view_slice(&view, 1, 1, 2, &slice));
	ck_assert_mem_eq(slice.shape, ((int64_t[]){2, 2, 4}), 3 * sizeof(int64_t));
	ck_assert_ptr_eq(slice.data, data + 4);
	ck_assert(!pb_view_is_contiguous(&slice));
	ck_assert_ok(pb_view_slice(&slice, 2, 3, 1, &slice)); /* in place, of a slice */
	ck_assert_ptr_eq(slice.data, data + 7);
	ck_assert_ok(pb_view_slice(&view, 0, 1, 1, &slice));
	slice.stride[0] = 99;
	ck_assert(pb_view_is_contiguous(&slice)); /* an axis 1 long has no stride to speak of */
	ck_assert_ok(pb_view_slice(&view, 0, 2, 0, &slice));
	ck_assert_int_eq(pb_view_count(&slice), 0);
}
END_TEST

START_TEST(a_slice_of_a_shape_without_data_has_none)
{
	struct pb_view view = pb_view_over(NULL, PB_F64, 2, (const int64_t[]){2, 3}), slice;
	ck_assert_ok(pb_view_slice(&view, 1, 1, 1, &slice));
	ck_assert_ptr_null(slice.data);
}
END_TEST

START_TEST(a_slice_outside_is_refused)
{
	const struct {
		int axis;
		int64_t begin, count;
	} bad[] = {
	        {-1, 0, 1},
	        {3, 0, 1},
	        {1, -1, 1},
	        {1, 0, -1},
	        {1, 0, 4},
	        {1, 3, 1},
	        {1, 4, 0},
	        {1, INT64_MAX, 1},
	        {1, 1, INT64_MAX},
	        {1, INT64_MIN, 2},
	        {1, INT64_MAX, INT64_MAX},
	};
	double data[24];
	struct pb_view view = pb_view_over(data, PB_F64, 3, (const int64_t[]){2, 3, 4}), slice = {.rank = 5};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_int_eq(pb_view_slice(&view, bad[i].axis, bad[i].begin, bad[i].count, &slice), -PB_E_RANGE);
		ck_assert_int_eq(slice.rank, 5);
	}
}
END_TEST

START_TEST(an_axis_is_selected_by_its_meaning)
{
	double data[24];
	struct pb_view view = pb_view_over(data, PB_F64, 3, (const int64_t[]){2, 3, 4}), one = {.rank = 5};
	view.axis[0] = PB_AXIS_BATCH;
	view.axis[1] = PB_AXIS_POS;
	view.axis[2] = PB_AXIS_FEATURE;
	ck_assert_int_eq(pb_view_find_axis(&view, PB_AXIS_POS), 1);
	ck_assert_int_eq(pb_view_select(&view, PB_AXIS_HEAD, 0, &one), -PB_E_NOTFOUND);
	ck_assert_int_eq(pb_view_select(&view, PB_AXIS_POS, 3, &one), -PB_E_RANGE);
	ck_assert_int_eq(pb_view_select(&view, PB_AXIS_POS, -1, &one), -PB_E_RANGE);
	ck_assert_int_eq(one.rank, 5);
	ck_assert_ok(pb_view_select(&view, PB_AXIS_POS, 2, &one));
	ck_assert_mem_eq(one.shape, ((int64_t[]){2, 1, 4}), 3 * sizeof(int64_t));
	ck_assert_mem_eq(one.axis, view.axis, sizeof view.axis);
	ck_assert_ptr_eq(one.data, data + 8);
}
END_TEST

/* Random windows: a tensor of up to 6 axes in any order of memory, narrowed on every axis. */

enum { ROOM = 2048 };

struct window {
	struct pb_view view;
	double *memory;       /* ROOM elements of the view's type */
	double before[ROOM];  /* as doubles */
	int64_t offset[ROOM]; /* of element i, row-major, in the memory */
};

static uint64_t draws;

static int64_t draw(int64_t most)
{
	return (int64_t)(pb_random(5, 0, draws++) % (uint64_t)(most + 1));
}

static double get(const struct window *w, int64_t i)
{
	return w->view.dtype == PB_F64 ? w->memory[i] : (double)((const float *)w->memory)[i];
}

static void find_offsets(struct window *w)
{
	for (int64_t i = 0; i < pb_view_count(&w->view); i++) {
		int64_t rest = i,
		        offset = ((char *)w->view.data - (char *)w->memory) / (int64_t)pb_dtype_size(w->view.dtype);
		for (int axis = w->view.rank - 1; axis >= 0; axis--) {
			offset += rest % w->view.shape[axis] * w->view.stride[axis];
			rest /= w->view.shape[axis];
		}
		w->offset[i] = offset;
	}
}

static void fill_memory(struct window *w)
{
	for (int i = 0; i < ROOM; i++) {
		double value = pb_random_normal(5, 1, draws++);
		if (w->view.dtype == PB_F64)
			w->memory[i] = value;
		else
			((float *)w->memory)[i] = (float)value;
		w->before[i] = get(w, i);
	}
}

/* `shape` is the window's; the tensor around it is up to 2 longer on each axis, its axes in a random order of memory.
 */
static void window_init(struct window *w, uint32_t dtype, int rank, const int64_t *shape)
{
	int64_t whole[PB_MAX_RANK] = {0}, stride = 1;
	int order[PB_MAX_RANK] = {0, 1, 2, 3, 4, 5};
	w->memory = calloc(ROOM, sizeof *w->memory);
	w->view = pb_view_over(w->memory, dtype, rank, shape);
	for (int i = 0; i < rank; i++)
		whole[i] = shape[i] + draw(rank > 4 ? 1 : 2);
	for (int i = rank - 1; i > 0; i--) {
		int j = (int)draw(i), held = order[i];
		order[i] = order[j];
		order[j] = held;
	}
	for (int i = 0; i < rank; i++) {
		w->view.shape[order[i]] = whole[order[i]];
		w->view.stride[order[i]] = stride;
		stride *= whole[order[i]];
	}
	ck_assert_int_le(stride, ROOM);
	for (int i = 0; i < rank; i++)
		ck_assert_ok(pb_view_slice(&w->view, i, draw(whole[i] - shape[i]), shape[i], &w->view));
	fill_memory(w);
	find_offsets(w);
}

/* The window holds what `want` says (row-major), its surroundings what they held. */
static void check_window(struct window *w, const double *want)
{
	for (int64_t i = 0; i < pb_view_count(&w->view); i++)
		w->before[w->offset[i]] = want[i];
	for (int64_t i = 0; i < ROOM; i++) {
		double expected = w->view.dtype == PB_F64 ? w->before[i] : (double)(float)w->before[i];
		double tolerance = w->view.dtype == PB_F64 ? 0 : 1e-6;
		if (!(fabs(get(w, i) - expected) <= tolerance))
			ck_abort_msg("element %lld of the memory is %.12g, not %.12g", (long long)i, get(w, i),
			             expected);
		w->before[i] = get(w, i);
	}
}

struct pair {
	struct window dst, src;
	double a[ROOM], b[ROOM], want[ROOM]; /* the windows' values, row-major */
	int64_t n;
};

static void pair_read(struct pair *p)
{
	for (int64_t i = 0; i < p->n; i++) {
		p->a[i] = get(&p->dst, p->dst.offset[i]);
		p->b[i] = get(&p->src, p->src.offset[i]);
	}
}

static void pair_init(struct pair *p, int number)
{
	int rank = number % (PB_MAX_RANK + 1);
	uint32_t dtype = draw(1) ? PB_F32 : PB_F64;
	int64_t shape[PB_MAX_RANK];
	for (int i = 0; i < rank; i++)
		shape[i] = number % 11 == 10 && i == rank / 2 ? 0 : 1 + draw(rank > 4 ? 2 : rank > 2 ? 3 : 20);
	window_init(&p->dst, dtype, rank, shape);
	window_init(&p->src, dtype, rank, shape);
	p->n = pb_view_count(&p->dst.view);
	pair_read(p);
}

static void pair_finish(struct pair *p)
{
	free(p->dst.memory);
	free(p->src.memory);
}

enum { PAIRS = 77 };
static struct pair p;

#define WANT(expression)                                                                                               \
	do {                                                                                                           \
		for (int64_t i = 0; i < p.n; i++)                                                                      \
			p.want[i] = (expression);                                                                      \
		check_window(&p.dst, p.want);                                                                          \
		check_window(&p.src, p.b);                                                                             \
	} while (0)

START_TEST(strided_work_does_what_loops_do)
{
	for (int number = 0; number < PAIRS; number++) {
		pair_init(&p, number);
		ck_assert_ok(pb_view_axpy(&device, &p.dst.view, -0.5, &p.src.view));
		WANT(p.a[i] - 0.5 * p.b[i]);
		ck_assert_ok(pb_view_copy(&device, &p.dst.view, &p.src.view));
		WANT(p.b[i]);
		ck_assert_ok(pb_view_scale(&device, &p.dst.view, 3));
		WANT(p.b[i] * 3);
		ck_assert_ok(pb_view_fill(&device, &p.dst.view, -2.5));
		WANT(-2.5);
		ck_assert_ok(pb_view_write(&device, &p.dst.view, p.a));
		WANT(p.a[i]);
		ck_assert_ok(pb_view_noise(&device, &p.dst.view, 0.25, 2, 8, 9));
		WANT(0.25 + 2 * pb_random_normal(8, 9, (uint64_t)i));
		pair_finish(&p);
	}
}
END_TEST

START_TEST(reading_and_comparing_follow_strides)
{
	for (int number = 0; number < PAIRS; number++) {
		double got[ROOM], difference = -1, largest = 0;
		pair_init(&p, number);
		ck_assert_ok(pb_view_read(&device, &p.src.view, got));
		ck_assert_ok(pb_view_max_difference(&device, &p.dst.view, &p.src.view, &difference));
		for (int64_t i = 0; i < p.n; i++) {
			if (got[i] != p.b[i])
				ck_abort_msg("element %lld is %g, not %g", (long long)i, got[i], p.b[i]);
			largest = fmax(largest, fabs(p.a[i] - p.b[i]));
		}
		ck_assert_double_eq(difference, largest);
		ck_assert_ok(pb_view_max_difference(&device, &p.src.view, &p.src.view, &difference));
		ck_assert_double_eq(difference, 0);
		check_window(&p.dst, p.a);
		check_window(&p.src, p.b);
		pair_finish(&p);
	}
}
END_TEST

START_TEST(a_clone_is_contiguous_tagged_and_writable)
{
	struct pb_pool pool;
	pb_pool_init(&pool, &device);
	for (int number = 0; number < PAIRS; number++) {
		double got[ROOM];
		struct pb_view clone;
		pair_init(&p, number);
		p.src.view.flags = PB_VIEW_READONLY;
		for (int i = 0; i < p.src.view.rank; i++)
			p.src.view.axis[i] = (uint8_t)(PB_AXIS_BATCH + i);
		ck_assert_ok(pb_tensor_clone(&pool, &p.src.view, &clone));
		ck_assert(pb_view_is_contiguous(&clone));
		ck_assert(pb_view_same_shape(&clone, &p.src.view));
		ck_assert_mem_eq(clone.axis, p.src.view.axis, sizeof clone.axis);
		ck_assert_uint_eq(clone.flags, 0);
		ck_assert_ok(pb_view_read(&device, &clone, got));
		for (int64_t i = 0; i < p.n; i++)
			if (got[i] != p.b[i])
				ck_abort_msg("element %lld is %g, not %g", (long long)i, got[i], p.b[i]);
		pair_finish(&p);
	}
	pb_pool_finish(&pool);
}
END_TEST

/* Values that are no numbers. */
START_TEST(differences_of_infinities_and_nans)
{
	const struct {
		double a, b, difference;
	} cases[] = {
	        {INFINITY, INFINITY, 0},
	        {-INFINITY, -INFINITY, 0},
	        {INFINITY, -INFINITY, INFINITY},
	        {INFINITY, 1, INFINITY},
	        {NAN, 1, INFINITY},
	        {1, NAN, INFINITY},
	        {NAN, INFINITY, INFINITY},
	        {NAN, NAN, 0},
	        {2, -1, 3},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		double a[3] = {0, cases[i].a, 0}, b[3] = {0, cases[i].b, 0}, difference;
		struct pb_view va = pb_view_over(a, PB_F64, 1, (const int64_t[]){3});
		struct pb_view vb = pb_view_over(b, PB_F64, 1, (const int64_t[]){3});
		ck_assert_ok(pb_view_max_difference(&device, &va, &vb, &difference));
		ck_assert_msg(difference == cases[i].difference, "|%g - %g| is %g", cases[i].a, cases[i].b, difference);
	}
}
END_TEST

/* What is refused, and left alone. */

START_TEST(tensors_that_differ_are_refused)
{
	double a[6] = {1, 2, 3, 4, 5, 6}, b[6] = {0}, difference = -1;
	const int64_t shape[] = {2, 3};
	struct pb_view view = pb_view_over(a, PB_F64, 2, shape),
	               others[] = {
	                       pb_view_over(b, PB_F64, 2, (const int64_t[]){3, 2}),
	                       pb_view_over(b, PB_F64, 1, (const int64_t[]){6}),
	                       pb_view_over(b, PB_F64, 3, (const int64_t[]){2, 3, 1}),
	                       pb_view_over(b, PB_F32, 2, shape),
	               };
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		ck_assert_int_eq(pb_view_copy(&device, &view, &others[i]), -PB_E_SHAPE);
		ck_assert_int_eq(pb_view_axpy(&device, &view, 1, &others[i]), -PB_E_SHAPE);
		ck_assert_int_eq(pb_view_max_difference(&device, &view, &others[i], &difference), -PB_E_SHAPE);
	}
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "float64, float32"));
	ck_assert_double_eq(difference, -1);
	for (int i = 0; i < 6; i++)
		ck_assert_double_eq(a[i], i + 1);
}
END_TEST

START_TEST(a_read_only_tensor_is_only_read)
{
	double a[2] = {1, 2}, b[2] = {3, 4}, got[2], difference;
	struct pb_view view = pb_view_over(a, PB_F64, 1, (const int64_t[]){2}), slice;
	struct pb_view other = pb_view_over(b, PB_F64, 1, (const int64_t[]){2});
	view.flags = PB_VIEW_READONLY;
	ck_assert_ok(pb_view_slice(&view, 0, 0, 2, &slice)); /* neither is a slice of it */
	const struct pb_view *views[] = {&view, &slice};
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(pb_view_copy(&device, views[i], &other), -PB_E_PLUGIN);
		ck_assert_int_eq(pb_view_axpy(&device, views[i], 1, &other), -PB_E_PLUGIN);
		ck_assert_int_eq(pb_view_scale(&device, views[i], 2), -PB_E_PLUGIN);
		ck_assert_int_eq(pb_view_fill(&device, views[i], 2), -PB_E_PLUGIN);
		ck_assert_int_eq(pb_view_noise(&device, views[i], 0, 1, 2, 3), -PB_E_PLUGIN);
		ck_assert_int_eq(pb_view_write(&device, views[i], b), -PB_E_PLUGIN);
		ck_assert_ok(pb_view_read(&device, views[i], got));
		ck_assert_double_eq(got[1], 2);
		ck_assert_ok(pb_view_max_difference(&device, views[i], &other, &difference));
	}
	ck_assert_ok(pb_view_copy(&device, &other, &view));
	ck_assert_double_eq(b[1], 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("view");
	TCase *geometry = tcase_create("geometry"), *work = tcase_create("work");
	tcase_add_test(geometry, a_new_view_is_row_major);
	tcase_add_test(geometry, element_types_have_sizes_and_names);
	tcase_add_test(geometry, a_slice_narrows_one_axis);
	tcase_add_test(geometry, a_slice_of_a_shape_without_data_has_none);
	tcase_add_test(geometry, a_slice_outside_is_refused);
	tcase_add_test(geometry, an_axis_is_selected_by_its_meaning);
	tcase_add_checked_fixture(work, open_device, close_device);
	tcase_add_test(work, strided_work_does_what_loops_do);
	tcase_add_test(work, reading_and_comparing_follow_strides);
	tcase_add_test(work, a_clone_is_contiguous_tagged_and_writable);
	tcase_add_test(work, differences_of_infinities_and_nans);
	tcase_add_test(work, tensors_that_differ_are_refused);
	tcase_add_test(work, a_read_only_tensor_is_only_read);
	suite_add_tcase(suite, geometry);
	suite_add_tcase(suite, work);
	return pb_test_run(suite, NULL);
}
