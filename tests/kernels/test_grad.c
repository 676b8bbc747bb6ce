/* test_grad.c: backward kernels against central differences of the forward ones, in f64; and the special values. */
#include <math.h>

#include "kernels_test.h"

enum { ROWS = 3, WIDTH = 7, SIZE = ROWS * WIDTH };

static const struct pbk_table *table;

/* y = f(x), and dx += the gradient of sum(dy * y). `scale` is rms' or divide's second operand. */
struct pair {
	const char *name;
	int64_t outputs;
	void (*forward)(const double *x, double *y);
	void (*backward)(const double *x, const double *dy, double *dx);
};

/* In memory of the device, SIZE elements each. */
enum buffer {
	CONSTANTS, /* weights, scales, divided values: what is held fixed */
	X,
	Y,
	DY,
	DX,
	KEPT,
	SCALE,
	DKEPT,
	DSCALE, /* what a pair keeps between two kernels */
	N_BUFFERS,
};
static double *at[N_BUFFERS];

static void open_buffers(void)
{
	open_context();
	for (int i = 0; i < N_BUFFERS; i++)
		at[i] = test_alloc(SIZE * sizeof(double));
}

static void close_buffers(void)
{
	for (int i = 0; i < N_BUFFERS; i++)
		test_free(at[i]);
	close_context();
}

static double *zeros(double *x)
{
	wait_for(test_context);
	for (int i = 0; i < SIZE; i++)
		x[i] = 0;
	return x;
}

#define ACT_PAIR(name, kind)                                                                                           \
	static void name(const double *x, double *y)                                                                   \
	{                                                                                                              \
		table->act(test_context, kind, SIZE, x, y);                                                            \
	}                                                                                                              \
	static void name##_backward(const double *x, const double *dy, double *dx)                                     \
	{                                                                                                              \
		table->act_backward(test_context, kind, true, SIZE, x, dy, dx);                                              \
	}
ACT_PAIR(relu, PBK_RELU)
ACT_PAIR(gelu, PBK_GELU)
ACT_PAIR(gelu_new, PBK_GELU_NEW)
ACT_PAIR(silu, PBK_SILU)

static void softmax(const double *x, double *y)
{
	table->softmax(test_context, ROWS, WIDTH, x, y);
}

static void softmax_backward(const double *x, const double *dy, double *dx)
{
	softmax(x, at[KEPT]);
	table->softmax_backward(test_context, ROWS, WIDTH, at[KEPT], dy, dx);
}

static void center(const double *x, double *y)
{
	table->center(test_context, ROWS, WIDTH, x, y);
}

static void center_backward(const double *x, const double *dy, double *dx)
{
	(void)x;
	table->center_backward(test_context, ROWS, WIDTH, dy, dx);
}

static void rms(const double *x, double *y)
{
	table->rms(test_context, ROWS, WIDTH, 1e-5, x, y);
}

static void rms_backward(const double *x, const double *dy, double *dx)
{
	rms(x, at[SCALE]);
	table->rms_backward(test_context, ROWS, WIDTH, x, at[SCALE], dy, dx);
}

static void divide(const double *x, double *y)
{
	table->divide(test_context, ROWS, WIDTH, x, at[CONSTANTS], y);
}

static void divide_backward(const double *x, const double *dy, double *dx)
{
	table->divide_backward(test_context, ROWS, WIDTH, x, at[CONSTANTS], dy, dx, zeros(at[DSCALE]));
}

/* The scale is the variable: the first ROWS elements of x. */
static void divide_by(const double *x, double *y)
{
	table->divide(test_context, ROWS, WIDTH, at[CONSTANTS], x, y);
}

static void divide_by_backward(const double *x, const double *dy, double *dx)
{
	table->divide_backward(test_context, ROWS, WIDTH, at[CONSTANTS], x, dy, zeros(at[DKEPT]), dx);
}

static void affine(const double *x, double *y)
{
	table->affine(test_context, ROWS, WIDTH, x, at[CONSTANTS], at[CONSTANTS] + WIDTH, y);
}

static void affine_backward(const double *x, const double *dy, double *dx)
{
	(void)x;
	table->affine_backward(test_context, ROWS, WIDTH, at[CONSTANTS], dy, dx);
}

/* The whole of layer norm, as the model puts it together. */
static void norm(const double *x, double *y)
{
	center(x, at[KEPT]);
	rms(at[KEPT], at[SCALE]);
	table->divide(test_context, ROWS, WIDTH, at[KEPT], at[SCALE], y);
}

static void norm_backward(const double *x, const double *dy, double *dx)
{
	center(x, at[KEPT]);
	rms(at[KEPT], at[SCALE]);
	zeros(at[DKEPT]);
	zeros(at[DSCALE]);
	table->divide_backward(test_context, ROWS, WIDTH, at[KEPT], at[SCALE], dy, at[DKEPT], at[DSCALE]);
	table->rms_backward(test_context, ROWS, WIDTH, at[KEPT], at[SCALE], at[DSCALE], at[DKEPT]);
	table->center_backward(test_context, ROWS, WIDTH, at[DKEPT], dx);
}

#define PAIR(name, outputs)                                                                                            \
	{                                                                                                              \
#name, outputs, name, name##_backward                                                                  \
	}
static const struct pair pairs[] = {
	PAIR(relu, SIZE),      PAIR(gelu, SIZE),   PAIR(gelu_new, SIZE), PAIR(silu, SIZE),
	PAIR(softmax, SIZE),   PAIR(center, SIZE), PAIR(rms, ROWS),      PAIR(divide, SIZE),
	PAIR(divide_by, SIZE), PAIR(affine, SIZE), PAIR(norm, SIZE),
};
enum { N_PAIRS = sizeof pairs / sizeof *pairs };

/* sum(dy * y) where x's element i is moved. */
static double weighted(const struct pair *pair, int i, double by)
{
	double total = 0, start = at[X][i];
	at[X][i] = start + by;
	pair->forward(at[X], at[Y]);
	wait_for(test_context);
	at[X][i] = start;
	for (int64_t j = 0; j < pair->outputs; j++)
		total += at[DY][j] * at[Y][j];
	return total;
}

static void check_pair(const struct pair *pair)
{
	const double h = 1e-5;
	double start[SIZE];
	random_seed(5);
	for (int i = 0; i < SIZE; i++) {
		const double x = 2 * random_value();
		at[X][i] = x + (x < 0 ? -0.3 : 0.3); /* away from relu's corner and from division by 0 */
		at[DY][i] = random_value();
		at[DX][i] = start[i] = random_value();
		at[CONSTANTS][i] = 1.5 + random_value();
	}
	pair->backward(at[X], at[DY], at[DX]);
	wait_for(test_context);
	for (int i = 0; i < SIZE; i++) {
		const double want = start[i] + (weighted(pair, i, h) - weighted(pair, i, -h)) / (2 * h);
		EXPECT(fabs(at[DX][i] - want) < 1e-8 * (1 + fabs(want)), "%s, %s: gradient %d is %.12g, not %.12g",
		       pair->name, table->name, i, at[DX][i], want);
	}
}

START_TEST(backward_is_the_slope)
{
	for (int t = 0; t < n_tables(); t++) {
		table = test_table(t);
		if (table->real_size == sizeof(double))
			check_pair(&pairs[_i]);
	}
}
END_TEST

START_TEST(softmax_of_a_masked_entry_is_zero)
{
	for (int t = 0; t < n_tables(); t++) {
		const struct pbk_table *any = test_table(t);
		struct guarded x = guarded_new(any->real_size, 3 * 40, 0), y = guarded_new(any->real_size, 3 * 40, 0);
		for (int i = 0; i < 120; i++)
			guarded_set(&x, i, i % 3 ? -INFINITY : 90.0 + i % 40);
		guarded_set(&x, 41, NAN);
		for (int i = 80; i < 120; i++)
			guarded_set(&x, i, i == 85 ? -1e5 : -INFINITY);
		any->softmax(test_context, 3, 40, x.data, y.data);
		wait_for(test_context);
		for (int i = 0; i < 40; i++) {
			ck_assert(i % 3 ? guarded_get(&y, i) == 0 : guarded_get(&y, i) >= 0);
			ck_assert(isnan(guarded_get(&y, 40 + i)));
			ck_assert_double_eq(guarded_get(&y, 80 + i), i == 5);
		}
		guarded_free(&x);
		guarded_free(&y);
	}
}
END_TEST

/* Far out, activations are 0 or x, and their slopes 0 or 1; NaN stays NaN. */
START_TEST(activations_at_the_ends)
{
	const double ends[] = {-INFINITY, -1e10, -200, -90, 90, 200, 1e10, NAN};
	for (int t = 0; t < n_tables(); t++)
		for (int kind = PBK_RELU; kind <= PBK_SILU; kind++) {
			const struct pbk_table *any = test_table(t);
			struct guarded x = guarded_new(any->real_size, 8, 0), y = guarded_new(any->real_size, 8, 0);
			struct guarded dy = guarded_new(any->real_size, 8, 0), dx = guarded_new(any->real_size, 8, 0);
			for (int i = 0; i < 8; i++) {
				guarded_set(&x, i, ends[i]);
				guarded_set(&dy, i, 1);
				guarded_set(&dx, i, 0);
			}
			any->act(test_context, (enum pbk_act)kind, 8, x.data, y.data);
			any->act_backward(test_context, (enum pbk_act)kind, true, 8, x.data, dy.data, dx.data);
			wait_for(test_context);
			for (int i = 1; i < 7; i++) {
				const double want = ends[i] > 0 ? ends[i] : 0;
				EXPECT(nearly(guarded_get(&y, i), want, 1e-6), "%s: act %d of %g is %g", any->name,
				       kind, ends[i], guarded_get(&y, i));
				EXPECT(nearly(guarded_get(&dx, i), ends[i] > 0, 1e-6), "%s: slope %d at %g is %g",
				       any->name, kind, ends[i], guarded_get(&dx, i));
			}
			ck_assert(isnan(guarded_get(&y, 7)));
			guarded_free(&x);
			guarded_free(&y);
			guarded_free(&dx);
			guarded_free(&dy);
		}
}
END_TEST

TCase *grad_tests(void)
{
	TCase *tcase = tcase_create("grad");
	tcase_add_checked_fixture(tcase, open_buffers, close_buffers);
	tcase_add_loop_test(tcase, backward_is_the_slope, 0, N_PAIRS);
	tcase_add_test(tcase, softmax_of_a_masked_entry_is_zero);
	tcase_add_test(tcase, activations_at_the_ends);
	return tcase;
}
