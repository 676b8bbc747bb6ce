/* test_tape.c: the tape itself, on sums and products by hand. */
#include <math.h>

#include "base/status.h"
#include "support/support.h"
#include "tape/rig.h"

static const struct trial small = {.b = 1, .p = 1, .d = 3, .n = 3, .seed = (double[]){1, -2, 3}};

static void check_grad(struct pb_var *var, double a, double b, double c)
{
	double got[3];
	ck_assert_ptr_nonnull(var->grad.data);
	ck_assert_ok(pb_view_read(&device, &var->grad, got));
	check_close("tape", "gradient", got, (double[]){a, b, c}, 3, 1e-14);
}

/* y = (x + x) + (relu(x) + x): four paths into x. */
START_TEST(gradients_of_a_var_that_feeds_several_ops_add_up)
{
	struct rig rig;
	rig_init(&rig, PB_F64);
	struct pb_var *x = rig_leaf(&rig, &small, "bpd", (double[]){5, -6, 7});
	struct pb_var *unused = pb_op_act(&rig.tape, PBK_GELU, x);
	struct pb_var *twice = pb_op_add(&rig.tape, x, x), *relu = pb_op_act(&rig.tape, PBK_RELU, x);
	struct pb_var *y = pb_op_add(&rig.tape, twice, pb_op_add(&rig.tape, relu, x));
	rig_backward(&rig, &small, "bpd", y);
	check_grad(x, 4, -2 * 3, 3 * 4);
	ck_assert_ptr_null(relu->grad.data); /* done with: its memory serves again */
	ck_assert_ptr_null(unused->grad.data);
	rig_finish(&rig);
}
END_TEST

/* y = (x*w + b)*w + b. */
START_TEST(gradients_of_a_parameter_used_twice_add_up)
{
	struct rig rig;
	const double x[] = {5, -6, 7}, w[] = {2, 3, -4}, b[] = {1, 1, 2};
	rig_init(&rig, PB_F64);
	rig.sink.squares = rig.squares.data;
	rig_param(&rig, &small, 0, "d", w);
	rig_param(&rig, &small, 1, "d", b);
	struct pb_var *once = pb_op_affine(&rig.tape, rig_leaf(&rig, &small, "bpd", x), &rig.w[0], &rig.w[1]);
	rig_backward(&rig, &small, "bpd", pb_op_affine(&rig.tape, once, &rig.w[0], &rig.w[1]));
	double dw[3], db[3];
	ck_assert_ok(pb_view_read(&device, &rig.grads[0], dw));
	ck_assert_ok(pb_view_read(&device, &rig.grads[1], db));
	for (int i = 0; i < 3; i++) {
		ck_assert_double_eq_tol(dw[i], small.seed[i] * (2 * x[i] * w[i] + b[i]), 1e-12);
		ck_assert_double_eq_tol(db[i], small.seed[i] * (w[i] + 1), 1e-12);
	}
	double squares[2];
	ck_assert_ok(pb_view_read(&device, &rig.squares, squares));
	ck_assert_double_eq_tol(squares[0], dw[0] * dw[0] + dw[1] * dw[1] + dw[2] * dw[2], 1e-9);
	rig_finish(&rig);
}
END_TEST

/* A sum may wait for the end; rows that are added behind it must not come before it. */
START_TEST(gradients_of_two_kinds_add_up)
{
	struct rig rig;
	const double rows[] = {5, -6, 7};
	rig_init(&rig, PB_F64);
	rig_param(&rig, &small, 0, "d", rows);
	struct pb_view dy = rig_tensor(&rig, &rig.pool, &small, "bpd", rows);
	dy = pb_view_over(dy.data, dy.dtype, 2, (int64_t[]){1, 3});
	const struct pb_grad_sink_ops *ops = rig.sink.base.ops;
	ck_assert_ok(ops->sum(&rig.sink.base, 0, &dy));
	ck_assert_ok(ops->scatter(&rig.sink.base, 0, (int32_t[]){0}, &dy));
	ck_assert_ok(ops->complete(&rig.sink.base));
	double dw[3];
	ck_assert_ok(pb_view_read(&device, &rig.grads[0], dw));
	for (int i = 0; i < 3; i++)
		ck_assert_double_eq(dw[i], 2 * rows[i]);
	rig_finish(&rig);
}
END_TEST

START_TEST(a_parameter_that_took_no_part_is_absent_not_zero)
{
	struct rig rig;
	struct trial t = small;
	t.h = 1;
	rig_init(&rig, PB_F64);
	rig_param(&rig, &t, 0, "d", t.seed);
	rig_param(&rig, &t, 1, "d", t.seed);
	struct pb_var *result = rig_leaf(&rig, &t, "bphd", (double[]){1, 2, 3});
	ck_assert_ptr_nonnull(pb_op_sum_heads(&rig.tape, result, &rig.w[1])); /* computed, but not towards y */
	rig_backward(&rig, &t, "bpd", pb_op_sum_heads(&rig.tape, result, &rig.w[0]));
	ck_assert(rig.present[0]);
	ck_assert(!rig.present[1]);
	double untouched[3];
	ck_assert_ok(pb_view_read(&device, &rig.grads[1], untouched));
	ck_assert(isnan(untouched[0]));
	rig_finish(&rig);
}
END_TEST

START_TEST(back_from_a_constant_there_is_nothing_to_do)
{
	struct rig rig;
	rig_init(&rig, PB_F64);
	struct pb_var *a = rig_constant(&rig, &small, "bpd", small.seed);
	struct pb_var *y = pb_op_add(&rig.tape, a, pb_op_act(&rig.tape, PBK_SILU, a));
	ck_assert(!pb_var_wants_grad(y));
	ck_assert_uint_eq(rig.tape.n_nodes, 0);
	rig_backward(&rig, &small, "bpd", y);
	ck_assert_ptr_null(a->grad.data);
	rig_finish(&rig);
}
END_TEST

START_TEST(a_seed_of_another_shape_is_refused)
{
	struct rig rig;
	rig_init(&rig, PB_F64);
	struct pb_var *x = rig_leaf(&rig, &small, "bpd", small.seed);
	struct pb_view seed = rig_tensor(&rig, &rig.pool, &small, "d", small.seed);
	ck_assert_int_eq(pb_tape_backward(&rig.tape, x, &seed), -PB_E_SHAPE);
	rig_finish(&rig);
}
END_TEST

/* Scores far outside exp's range, and rows that are all masked but one key. */
START_TEST(softmax_does_not_overflow)
{
	struct rig rig;
	struct trial t = {.b = 1, .h = 1, .p = 3};
	const double x[] = {-4000, -INFINITY, -INFINITY, 3000, 3000, -INFINITY, 1000, 0, -1000};
	const double want[] = {1, 0, 0, 0.5, 0.5, 0, 1, 0, 0};
	double y[9];
	rig_init(&rig, PB_F32);
	struct pb_var *var = pb_op_softmax(&rig.tape, rig_leaf(&rig, &t, "bhpp", x));
	ck_assert_ok(pb_view_read(&device, &var->value, y));
	for (int i = 0; i < 9; i++)
		ck_assert_double_eq(y[i], want[i]);
	rig_finish(&rig);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tape");
	TCase *tape = tcase_create("tape");
	tcase_add_checked_fixture(tape, open_device, close_device);
	tcase_add_test(tape, gradients_of_a_var_that_feeds_several_ops_add_up);
	tcase_add_test(tape, gradients_of_a_parameter_used_twice_add_up);
	tcase_add_test(tape, gradients_of_two_kinds_add_up);
	tcase_add_test(tape, a_parameter_that_took_no_part_is_absent_not_zero);
	tcase_add_test(tape, back_from_a_constant_there_is_nothing_to_do);
	tcase_add_test(tape, a_seed_of_another_shape_is_refused);
	tcase_add_test(tape, softmax_does_not_overflow);
	suite_add_tcase(suite, tape);
	return pb_test_run(suite, NULL);
}
