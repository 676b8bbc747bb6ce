/* test_windows.c: many small windows in a row, as setters ask for them. A device may do those together that do not depend on
 * each other; what comes out is as if each had been done alone, in turn. */
#include <math.h>

#include "kernels_test.h"

enum { ROOM = 600, HALF = ROOM / 2, OPERATIONS = 60, NUMBERS = 3, N_ROUNDS = 40 };
enum kind { COPY, AXPY, SCALE, FILL, RAISE, ZERO, READ, N_KINDS };

/* One operation: a window of the one half of memory, and one of the other. */
struct operation {
	enum kind kind;
	struct pbk_nd nd;
	int64_t dst, src; /* of their first elements */
	double a;
	int number; /* that is raised */
};

static int64_t pick(int64_t below)
{
	return (int64_t)((random_value() + 1) / 2 * (double)below);
}

static struct operation random_operation(void)
{
	static const double factors[] = {1, -1, 2}; /* products without rounding */
	const int64_t swap = HALF * pick(2), rows = 1 + pick(4), columns = 1 + pick(20);
	return (struct operation){
		.kind = pick(12) ? (enum kind)pick(ZERO) : ZERO + (enum kind)pick(2),
		.nd = {.rank = 2,
		       .shape = {rows, columns},
		       .dst_stride = {columns + pick(40), 1},
		       .src_stride = {columns + pick(40), 1}},
		.dst = swap + pick(60),
		.src = HALF - swap + pick(60),
		.a = factors[pick(3)],
		.number = (int)pick(NUMBERS),
	};
}

static double rounded(size_t real_size, double x)
{
	return real_size == sizeof(float) ? (double)(float)x : x;
}

/* In turn, one element after the other. */
static void apply(const struct operation *o, size_t real_size, double *memory, double *numbers)
{
	for (int64_t i = 0; i < o->nd.shape[0] * o->nd.shape[1]; i++) {
		const int64_t row = i / o->nd.shape[1], column = i % o->nd.shape[1];
		double *dst = &memory[o->dst + row * o->nd.dst_stride[0] + column];
		const double src = memory[o->src + row * o->nd.src_stride[0] + column];
		switch (o->kind) {
		case COPY: *dst = src; break;
		case AXPY: *dst = rounded(real_size, *dst + o->a * src); break;
		case SCALE: *dst *= o->a; break;
		case FILL: *dst = o->a; break;
		case RAISE: numbers[o->number] = fmax(numbers[o->number], fabs(*dst - src)); break;
		case ZERO: memory[o->dst] = 0; break;
		default: break;
		}
	}
}

static void call(const struct operation *o, const struct pbk_table *t, void *memory, double *numbers)
{
	static double host[4 * 20];
	void *dst = (char *)memory + (size_t)o->dst * t->real_size;
	const void *src = (char *)memory + (size_t)o->src * t->real_size;
	switch (o->kind) {
	case COPY: t->nd_copy(test_context, &o->nd, dst, src); break;
	case AXPY: t->nd_axpy(test_context, &o->nd, dst, o->a, src); break;
	case SCALE: t->nd_scale(test_context, &o->nd, dst, o->a); break;
	case FILL: t->nd_fill(test_context, &o->nd, dst, o->a); break;
	case RAISE: t->nd_raise_difference(test_context, &o->nd, dst, src, numbers + o->number); break;
	case ZERO: t->zero(test_context, dst, t->real_size); break;
	default: t->nd_read(test_context, &o->nd, host, src); break;
	}
}

START_TEST(small_windows_come_in_turn)
{
	const struct pbk_table *t = test_table(_i % n_tables());
	struct guarded x = guarded_new(t->real_size, ROOM, 1);
	double *numbers = t->alloc(test_context, NUMBERS * sizeof *numbers), want_numbers[NUMBERS] = {0}, got[NUMBERS];
	double want[ROOM];
	random_seed((uint64_t)_i + 1);
	for (int64_t i = 0; i < ROOM; i++) {
		guarded_set(&x, i, random_value());
		want[i] = guarded_get(&x, i);
	}
	t->zero(test_context, numbers, NUMBERS * sizeof *numbers);
	for (int i = 0; i < OPERATIONS; i++) {
		const struct operation o = random_operation();
		call(&o, t, x.data, numbers);
		apply(&o, t->real_size, want, want_numbers);
	}
	wait_for(test_context);
	ck_assert(guarded_intact(&x));
	for (int64_t i = 0; i < ROOM; i++)
		EXPECT(guarded_get(&x, i) == want[i], "%s, round %d: element %d is %.17g, expected %.17g", t->name, _i, (int)i,
		       guarded_get(&x, i), want[i]);
	t->download(test_context, got, numbers, sizeof got);
	for (int i = 0; i < NUMBERS; i++)
		EXPECT(nearly(got[i], want_numbers[i], tolerance_of(t->real_size)), "%s: number %d is %.17g, expected %.17g",
		       t->name, i, got[i], want_numbers[i]);
	t->free(test_context, numbers);
	guarded_free(&x);
}
END_TEST

/* More than wait at once, in more windows than a launch takes along. */
START_TEST(a_thousand_windows)
{
	enum { N = 1000, WIDTH = 3 };
	const struct pbk_table *t = test_table(_i);
	struct guarded x = guarded_new(t->real_size, (N + 1) * WIDTH, 0);
	const struct pbk_nd nd = {.rank = 1, .shape = {WIDTH}, .dst_stride = {1}, .src_stride = {1}};
	for (int64_t i = 0; i < WIDTH; i++)
		guarded_set(&x, i, (double)i);
	for (int64_t i = 0; i < N; i++) { /* each from what the one before has made, or from the first */
		const size_t from = i % 3 ? 0 : (size_t)i, size = WIDTH * t->real_size;
		t->nd_copy(test_context, &nd, (char *)x.data + ((size_t)i + 1) * size, (char *)x.data + from * size);
	}
	wait_for(test_context);
	for (int64_t i = 0; i < (N + 1) * WIDTH; i++)
		EXPECT(guarded_get(&x, i) == (double)(i % WIDTH), "%s: element %d is %g", t->name, (int)i, guarded_get(&x, i));
	guarded_free(&x);
}
END_TEST

TCase *window_tests(void)
{
	TCase *tcase = tcase_create("windows");
	tcase_add_checked_fixture(tcase, open_context, close_context);
	tcase_add_loop_test(tcase, small_windows_come_in_turn, 0, N_ROUNDS * n_tables());
	tcase_add_loop_test(tcase, a_thousand_windows, 0, n_tables());
	return tcase;
}
