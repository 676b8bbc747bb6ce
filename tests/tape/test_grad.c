/* test_grad.c: every op against its definition: values, and gradients against central differences of the definition. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "support/support.h"
#include "tape/rig.h"

enum { TRIALS = 24 };

/* The definition. */

/* sum of seed * y; entries that are -inf (masked scores) take no part, whatever their seed. */
static double loss(const struct subject *s, const struct trial *t)
{
	static double y[ROOM];
	double total = 0;
	s->plain(s, t, y);
	for (int64_t i = 0; i < count_of(t, s->out); i++)
		total += isinf(y[i]) ? 0 : t->seed[i] * y[i];
	return total;
}

/* Fourth-order central difference: its error is about 1e-12 for these functions. */
static double difference(const struct subject *s, const struct trial *t, double *x)
{
	const double h = 1e-3, old = *x;
	double f[4];
	for (int i = 0; i < 4; i++) {
		*x = old + (const double[]){2 * h, h, -h, -2 * h}[i];
		f[i] = loss(s, t);
	}
	*x = old;
	return (8 * (f[1] - f[2]) - (f[0] - f[3])) / (12 * h);
}

/* An assertion writes to a pipe even when it holds: too slow for every element. */
static void check_gradient(const struct subject *s, const struct trial *t, const char *what, int which, double *x,
			   int64_t count, const double *got)
{
	for (int64_t i = 0; i < count; i++) {
		double want = difference(s, t, &x[i]);
		if (!(fabs(got[i] - want) <= 1e-8 * (1 + fabs(want))))
			ck_abort_msg("%s: d%s%d[%lld] is %.12g, by differences %.12g", s->name, what, which,
				     (long long)i, got[i], want);
	}
}

/* Tests, each over all ops. */

START_TEST(values_and_gradients_are_the_definition_s)
{
	const struct subject *s = &subjects[_i];
	static struct outcome got;
	static double y[ROOM];
	struct rig rig;
	rig_init(&rig, PB_F64);
	for (int number = 0; number < TRIALS; number++) {
		struct trial t = trial_new(s, number);
		run(&rig, s, &t, 0, &got);
		s->plain(s, &t, y);
		check_close(s->name, "y", got.y, y, count_of(&t, s->out), 1e-13);
		for (int i = 0; i < 3; i++) {
			ck_assert_int_eq(got.got[i], s->in[i] != NULL);
			if (s->in[i])
				check_gradient(s, &t, "x", i, t.x[i], count_of(&t, s->in[i]), got.dx[i]);
		}
		for (int i = 0; i < 2; i++) {
			ck_assert_int_eq(got.present[i], s->param[i] != NULL);
			if (s->param[i])
				check_gradient(s, &t, "w", i, t.w[i], count_of(&t, s->param[i]), got.dw[i]);
		}
		trial_free(&t);
	}
	rig_finish(&rig);
}
END_TEST

START_TEST(a_second_pass_after_reset_gives_equal_bits)
{
	const struct subject *s = &subjects[_i];
	static struct outcome first, second;
	struct rig rig;
	rig_init(&rig, PB_F64);
	for (int number = 0; number < 4; number++) {
		struct trial t = trial_new(s, number), other = trial_new(s, number + 7);
		run(&rig, s, &t, 0, &first);
		run(&rig, s, &other, 0, &second); /* leaves other values in the memory that is used again */
		run(&rig, s, &t, 0, &second);
		ck_assert_msg(!memcmp(&first, &second, sizeof first), "%s", s->name);
		trial_free(&t);
		trial_free(&other);
	}
	rig_finish(&rig);
}
END_TEST

/* Every choice of constant inputs: they get no gradient, and the others' do not change. */
START_TEST(constants_get_no_gradient)
{
	const struct subject *s = &subjects[_i];
	static struct outcome all, got;
	struct trial t = trial_new(s, 9);
	struct rig rig;
	rig_init(&rig, PB_F64);
	run(&rig, s, &t, 0, &all);
	for (unsigned constants = 1; constants < 8; constants++) {
		run(&rig, s, &t, constants, &got);
		check_close(s->name, "y", got.y, all.y, count_of(&t, s->out), 0);
		for (int i = 0; i < 3; i++) {
			ck_assert_int_eq(got.got[i], s->in[i] && !(constants >> i & 1));
			if (got.got[i])
				check_close(s->name, "dx", got.dx[i], all.dx[i], ROOM, 0);
		}
		for (int i = 0; i < 2; i++) {
			ck_assert_int_eq(got.present[i], s->param[i] != NULL);
			if (got.present[i])
				check_close(s->name, "dw", got.dw[i], all.dw[i], ROOM, 0);
		}
	}
	trial_free(&t);
	rig_finish(&rig);
}
END_TEST

START_TEST(without_a_sink_nothing_is_recorded)
{
	const struct subject *s = &subjects[_i];
	struct trial t = trial_new(s, 9);
	struct pb_var *in[3] = {NULL, NULL, NULL};
	struct rig rig;
	rig_init(&rig, PB_F64);
	pb_tape_reset(&rig.tape, NULL);
	for (int i = 0; i < 3; i++)
		if (s->in[i])
			in[i] = rig_leaf(&rig, &t, s->in[i], t.x[i]);
	for (int i = 0; i < 2; i++)
		if (s->param[i])
			rig_param(&rig, &t, i, s->param[i], t.w[i]);
	struct pb_var *y = s->run(&rig.tape, s, &t, in, rig.w);
	ck_assert_ptr_nonnull(y);
	ck_assert(!pb_var_wants_grad(y));
	ck_assert_uint_eq(rig.tape.n_nodes, 0);
	trial_free(&t);
	rig_finish(&rig);
}
END_TEST

START_TEST(float32_agrees_with_float64)
{
	const struct subject *s = &subjects[_i];
	static struct outcome single, real;
	struct rig rig32, rig64;
	rig_init(&rig32, PB_F32);
	rig_init(&rig64, PB_F64);
	for (int number = 0; number < TRIALS; number++) {
		struct trial t = trial_new(s, number);
		run(&rig32, s, &t, 0, &single);
		run(&rig64, s, &t, 0, &real);
		check_close(s->name, "y", single.y, real.y, count_of(&t, s->out), 1e-5);
		for (int i = 0; i < 3; i++)
			check_close(s->name, "dx", single.dx[i], real.dx[i], ROOM, 1e-5);
		for (int i = 0; i < 2; i++)
			check_close(s->name, "dw", single.dw[i], real.dw[i], ROOM, 1e-5);
		trial_free(&t);
	}
	rig_finish(&rig32);
	rig_finish(&rig64);
}
END_TEST

static void check_squares(const struct subject *s, const struct trial *t, const struct rig *rig,
			  const struct outcome *got)
{
	double squares[2];
	ck_assert_ok(pb_view_read(&device, &rig->squares, squares));
	for (int i = 0; i < 2; i++) {
		double want = 0;
		for (int64_t j = 0; s->param[i] && j < count_of(t, s->param[i]); j++)
			want += got->dw[i][j] * got->dw[i][j];
		if (s->param[i] && !(fabs(squares[i] - want) <= 1e-12 * want))
			ck_abort_msg("%s: the squares of dw%d are %.12g, not %.12g", s->name, i, squares[i], want);
	}
}

START_TEST(squares_are_those_of_the_gradients)
{
	const struct subject *s = &subjects[_i];
	static struct outcome got;
	struct trial t = trial_new(s, 9);
	struct rig rig;
	rig_init(&rig, PB_F64);
	run(&rig, s, &t, 0, &got);
	check_squares(s, &t, &rig, &got);
	trial_free(&t);
	rig_finish(&rig);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tape_grad");
	TCase *ops = tcase_create("ops");
	tcase_add_checked_fixture(ops, open_device, close_device);
	tcase_add_loop_test(ops, values_and_gradients_are_the_definition_s, 0, n_subjects);
	tcase_add_loop_test(ops, a_second_pass_after_reset_gives_equal_bits, 0, n_subjects);
	tcase_add_loop_test(ops, constants_get_no_gradient, 0, n_subjects);
	tcase_add_loop_test(ops, without_a_sink_nothing_is_recorded, 0, n_subjects);
	tcase_add_loop_test(ops, float32_agrees_with_float64, 0, n_subjects);
	tcase_add_loop_test(ops, squares_are_those_of_the_gradients, 0, n_subjects);
	suite_add_tcase(suite, ops);
	return pb_test_run(suite, NULL);
}
