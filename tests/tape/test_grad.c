/* test_grad.c: every op against its definition: values, and gradients against central differences of the definition. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/status.h"
#include "support/device.h"
#include "support/support.h"
#include "tape/subject.h"

enum { TRIALS = 24, ROOM = 4096 };

static struct pb_device device;

static void open_device(void)
{
	ck_assert_ok(pb_test_device(1, &device));
}

static void close_device(void)
{
	pb_device_close(&device);
}

/* Shapes by letter. */

static int64_t length(const struct trial *t, char letter)
{
	switch (letter) {
	case 'b': return t->b;
	case 'p': return t->p;
	case 'h': return t->h;
	case 'd': return t->d;
	case 'e': return t->e;
	case 'n': return t->n;
	case 'r': return t->r;
	default: return 1;
	}
}

static int shape_of(const struct trial *t, const char *letters, int64_t shape[4])
{
	int rank = 0;
	for (; letters[rank]; rank++)
		shape[rank] = length(t, letters[rank]);
	return rank;
}

static int64_t count_of(const struct trial *t, const char *letters)
{
	int64_t shape[4], count = 1;
	for (int rank = shape_of(t, letters, shape); rank-- > 0;)
		count *= shape[rank];
	return count;
}

/* Random trials. */

struct draw {
	uint64_t stream, counter;
};

static int64_t draw_int(struct draw *draw, int64_t least, int64_t most)
{
	return least + (int64_t)(pb_random(1, draw->stream, draw->counter++) % (uint64_t)(most - least + 1));
}

static double *draw_values(struct draw *draw, int64_t count)
{
	double *values = calloc(ROOM, sizeof *values);
	ck_assert_int_le(count, ROOM);
	for (int64_t i = 0; i < count; i++)
		values[i] = pb_random_normal(1, draw->stream, draw->counter++);
	return values;
}

static void into_domain(const struct subject *s, struct trial *t)
{
	int64_t n = s->in[0] ? count_of(t, s->in[0]) : 0;
	for (int64_t i = 0; i < n; i++) {
		double *x = &t->x[0][i];
		if (s->domain == AWAY_FROM_0)
			*x += copysign(0.01, *x);
		if (s->domain == MASKED && i % t->p > i / t->p % t->p)
			*x = -INFINITY;
	}
	for (int64_t i = 0; s->domain == SECOND_POSITIVE && i < count_of(t, s->in[1]); i++)
		t->x[1][i] = 0.5 + fabs(t->x[1][i]);
}

/* Trial 0 has all sizes 1, trials 1..7 one size 1 each; d and n pass the vector width now and then. */
static struct trial trial_new(const struct subject *s, int number)
{
	struct draw draw = {(uint64_t)(1000 * (s - subjects) + number), 0};
	struct trial t = {0};
	int64_t *sizes[] = {&t.b, &t.p, &t.h, &t.d, &t.e, &t.n, &t.r};
	const int64_t most[] = {3, 4, 3, 21, 5, 19, 6};
	for (int i = 0; i < 7; i++)
		*sizes[i] = number == 0 || number == i + 1 ? 1 : draw_int(&draw, 1, most[i]);
	for (int i = 0; i < 64; i++)
		t.ids[i] = (int32_t)draw_int(&draw, 0, s->ids_are_rows ? t.b * t.p - 1 : t.n - 1);
	for (int i = 0; i < t.r; i++)
		t.first[i + 1] = t.first[i] + 1 + i % 3;
	for (int i = 0; i < 3; i++)
		t.x[i] = s->in[i] ? draw_values(&draw, count_of(&t, s->in[i])) : NULL;
	for (int i = 0; i < 2; i++)
		t.w[i] = s->param[i] ? draw_values(&draw, count_of(&t, s->param[i])) : NULL;
	t.seed = draw_values(&draw, count_of(&t, s->out));
	into_domain(s, &t);
	return t;
}

static void trial_free(struct trial *t)
{
	for (int i = 0; i < 3; i++)
		free(t->x[i]);
	for (int i = 0; i < 2; i++)
		free(t->w[i]);
	free(t->seed);
}

/* The op on a tape. */

static int leaf_backward(struct pb_tape *tape, struct pb_var *y)
{
	(void)tape, (void)y;
	return 0;
}

static const struct pb_op leaf_op = {"leaf", leaf_backward, true};

/* A tape with a dense sink for up to two parameters. */
struct rig {
	struct pb_tape tape;
	struct pb_dense_sink sink;
	struct pb_pool pool; /* parameters and their gradients */
	struct pb_view grads[2];
	struct pb_weight w[2];
	bool present[2];
	struct pb_view squares; /* [2] */
};

static void rig_init(struct rig *rig, uint32_t dtype)
{
	memset(rig, 0, sizeof *rig);
	pb_tape_init(&rig->tape, &device, dtype);
	pb_pool_init(&rig->pool, &device);
	ck_assert_ok(pb_tensor_zeros(&rig->pool, PB_F64, 1, (int64_t[]){2}, &rig->squares));
	pb_dense_sink_init(&rig->sink, &device, 2, rig->grads, rig->present);
	pb_tape_reset(&rig->tape, &rig->sink.base);
}

static void rig_finish(struct rig *rig)
{
	pb_tape_finish(&rig->tape);
	pb_pool_finish(&rig->pool);
}

static struct pb_view rig_tensor(struct rig *rig, struct pb_pool *pool, const struct trial *t, const char *letters,
                                 const double *values)
{
	int64_t shape[4];
	struct pb_view view;
	int rank = shape_of(t, letters, shape);
	ck_assert_ok(pb_tensor_new(pool, rig->tape.dtype, rank, shape, &view));
	ck_assert_ok(pb_view_write(&device, &view, values));
	return view;
}

/* The gradient's memory starts as NaN: the sink must clear it. */
static void rig_param(struct rig *rig, const struct trial *t, int id, const char *letters, const double *values)
{
	rig->w[id] = (struct pb_weight){id, rig_tensor(rig, &rig->pool, t, letters, values)};
	rig->grads[id] = rig_tensor(rig, &rig->pool, t, letters, values);
	ck_assert_ok(pb_view_fill(&device, &rig->grads[id], NAN));
}

static struct pb_var *rig_leaf(struct rig *rig, const struct trial *t, const char *letters, const double *values)
{
	struct pb_view view = rig_tensor(rig, &rig->tape.pool, t, letters, values);
	struct pb_var *var = pb_tape_node_over(&rig->tape, &leaf_op, true, NULL, NULL, &view);
	ck_assert_ptr_nonnull(var);
	return var;
}

/* An activation with nothing behind it. */
static struct pb_var *rig_constant(struct rig *rig, const struct trial *t, const char *letters, const double *values)
{
	struct pb_view view = rig_tensor(rig, &rig->tape.pool, t, letters, values);
	return pb_tape_node_over(&rig->tape, NULL, false, NULL, NULL, &view);
}

static void rig_backward(struct rig *rig, const struct trial *t, const char *letters, struct pb_var *y)
{
	struct pb_view seed = rig_tensor(rig, &rig->pool, t, letters, t->seed);
	ck_assert_ok(pb_tape_backward(&rig->tape, y, &seed));
}

struct outcome {
	double y[ROOM], dx[3][ROOM], dw[2][ROOM];
	bool got[3], present[2]; /* inputs and parameters that received a gradient */
};

static void read_outcome(struct rig *rig, const struct subject *s, const struct pb_var *y, struct pb_var *const in[3],
                         struct outcome *ret)
{
	memset(ret, 0, sizeof *ret);
	ck_assert_ok(pb_view_read(&device, &y->value, ret->y));
	for (int i = 0; i < 3; i++) {
		ret->got[i] = s->in[i] && in[i]->grad.data;
		if (ret->got[i])
			ck_assert_ok(pb_view_read(&device, &in[i]->grad, ret->dx[i]));
	}
	for (int i = 0; i < 2; i++) {
		ret->present[i] = rig->present[i];
		if (ret->present[i])
			ck_assert_ok(pb_view_read(&device, &rig->grads[i], ret->dw[i]));
	}
}

/* Forward and back; bit i of `constants`: input i is a constant. */
static void run(struct rig *rig, const struct subject *s, const struct trial *t, unsigned constants,
                struct outcome *ret)
{
	struct pb_var *in[3] = {NULL, NULL, NULL};
	pb_tape_reset(&rig->tape, &rig->sink.base);
	pb_dense_sink_init(&rig->sink, &device, 2, rig->grads, rig->present);
	rig->sink.squares = rig->squares.data;
	for (int i = 0; i < 3; i++)
		if (s->in[i])
			in[i] = (constants >> i & 1 ? rig_constant : rig_leaf)(rig, t, s->in[i], t->x[i]);
	for (int i = 0; i < 2; i++)
		if (s->param[i])
			rig_param(rig, t, i, s->param[i], t->w[i]);
	struct pb_var *y = s->run(&rig->tape, s, t, in, rig->w);
	int64_t shape[4];
	ck_assert_ptr_nonnull(y);
	ck_assert_int_eq(y->value.rank, shape_of(t, s->out, shape));
	ck_assert_mem_eq(y->value.shape, shape, (size_t)y->value.rank * sizeof *shape);
	ck_assert(pb_view_is_contiguous(&y->value));
	rig_backward(rig, t, s->out, y);
	read_outcome(rig, s, y, in, ret);
}

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

static void check_close(const char *name, const char *what, const double *got, const double *want, int64_t count,
                        double tolerance)
{
	double scale = 1;
	for (int64_t i = 0; i < count; i++)
		scale = isinf(want[i]) ? scale : fmax(scale, fabs(want[i]));
	for (int64_t i = 0; i < count; i++)
		if (!(got[i] == want[i] || fabs(got[i] - want[i]) <= tolerance * scale))
			ck_abort_msg("%s: %s[%lld] is %.12g, not %.12g", name, what, (long long)i, got[i], want[i]);
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

/* Tests of the tape itself, on sums and products by hand. */

static const struct trial small = {.b = 1, .p = 1, .d = 3, .n = 3, .seed = (double[]){1, -2, 3}};

static void check_grad(struct pb_var *var, double a, double b, double c)
{
	double got[3];
	ck_assert_ptr_nonnull(var->grad.data);
	ck_assert_ok(pb_view_read(&device, &var->grad, got));
	check_close("tape", "gradient", got, (double[]){a, b, c}, 3, 1e-14);
}

/* y = (x + x) + relu(x) * scale: four paths into x. */
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
	TCase *ops = tcase_create("ops"), *tape = tcase_create("tape");
	tcase_add_checked_fixture(ops, open_device, close_device);
	tcase_add_checked_fixture(tape, open_device, close_device);
	tcase_add_loop_test(ops, values_and_gradients_are_the_definition_s, 0, n_subjects);
	tcase_add_loop_test(ops, a_second_pass_after_reset_gives_equal_bits, 0, n_subjects);
	tcase_add_loop_test(ops, constants_get_no_gradient, 0, n_subjects);
	tcase_add_loop_test(ops, without_a_sink_nothing_is_recorded, 0, n_subjects);
	tcase_add_loop_test(ops, float32_agrees_with_float64, 0, n_subjects);
	tcase_add_loop_test(ops, squares_are_those_of_the_gradients, 0, n_subjects);
	tcase_add_test(tape, gradients_of_a_var_that_feeds_several_ops_add_up);
	tcase_add_test(tape, gradients_of_a_parameter_used_twice_add_up);
	tcase_add_test(tape, a_parameter_that_took_no_part_is_absent_not_zero);
	tcase_add_test(tape, back_from_a_constant_there_is_nothing_to_do);
	tcase_add_test(tape, a_seed_of_another_shape_is_refused);
	tcase_add_test(tape, softmax_does_not_overflow);
	suite_add_tcase(suite, ops);
	suite_add_tcase(suite, tape);
	return pb_test_run(suite, NULL);
}
