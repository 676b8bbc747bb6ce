/* rig.c: draws trials, lays them on the tape, reads what came of them. */
#include "tape/rig.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/status.h"
#include "support/device.h"
#include "support/support.h"

struct pb_device device;

void open_device(void)
{
	ck_assert_ok(pb_test_device(1, &device));
}

void close_device(void)
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

int64_t count_of(const struct trial *t, const char *letters)
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

struct trial trial_new(const struct subject *s, int number)
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

void trial_free(struct trial *t)
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

void rig_init(struct rig *rig, uint32_t dtype)
{
	memset(rig, 0, sizeof *rig);
	pb_tape_init(&rig->tape, &device, dtype);
	pb_pool_init(&rig->pool, &device);
	ck_assert_ok(pb_tensor_zeros(&rig->pool, PB_F64, 1, (int64_t[]){2}, &rig->squares));
	pb_dense_sink_init(&rig->sink, &device, &rig->tape.arena, 2, rig->grads, rig->present);
	pb_tape_reset(&rig->tape, &rig->sink.base);
}

void rig_finish(struct rig *rig)
{
	pb_tape_finish(&rig->tape);
	pb_pool_finish(&rig->pool);
}

struct pb_view rig_tensor(struct rig *rig, struct pb_pool *pool, const struct trial *t, const char *letters,
			  const double *values)
{
	int64_t shape[4];
	struct pb_view view;
	int rank = shape_of(t, letters, shape);
	ck_assert_ok(pb_tensor_new(pool, rig->tape.dtype, rank, shape, &view));
	ck_assert_ok(pb_view_write(&device, &view, values));
	return view;
}

void rig_param(struct rig *rig, const struct trial *t, int id, const char *letters, const double *values)
{
	rig->w[id] = (struct pb_weight){id, rig_tensor(rig, &rig->pool, t, letters, values)};
	rig->grads[id] = rig_tensor(rig, &rig->pool, t, letters, values);
	ck_assert_ok(pb_view_fill(&device, &rig->grads[id], NAN));
}

struct pb_var *rig_leaf(struct rig *rig, const struct trial *t, const char *letters, const double *values)
{
	struct pb_view view = rig_tensor(rig, &rig->tape.pool, t, letters, values);
	struct pb_var *var = pb_tape_node_over(&rig->tape, &leaf_op, true, NULL, NULL, &view);
	ck_assert_ptr_nonnull(var);
	return var;
}

struct pb_var *rig_constant(struct rig *rig, const struct trial *t, const char *letters, const double *values)
{
	struct pb_view view = rig_tensor(rig, &rig->tape.pool, t, letters, values);
	return pb_tape_node_over(&rig->tape, NULL, false, NULL, NULL, &view);
}

void rig_backward(struct rig *rig, const struct trial *t, const char *letters, struct pb_var *y)
{
	struct pb_view seed = rig_tensor(rig, &rig->pool, t, letters, t->seed);
	ck_assert_ok(pb_tape_backward(&rig->tape, y, &seed));
}

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

void run(struct rig *rig, const struct subject *s, const struct trial *t, unsigned constants, struct outcome *ret)
{
	struct pb_var *in[3] = {NULL, NULL, NULL};
	pb_tape_reset(&rig->tape, &rig->sink.base);
	pb_dense_sink_init(&rig->sink, &device, &rig->tape.arena, 2, rig->grads, rig->present);
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

/* Against what was wanted. */

void check_close(const char *name, const char *what, const double *got, const double *want, int64_t count,
		 double tolerance)
{
	double scale = 1;
	for (int64_t i = 0; i < count; i++)
		scale = isinf(want[i]) ? scale : fmax(scale, fabs(want[i]));
	for (int64_t i = 0; i < count; i++)
		if (!(got[i] == want[i] || fabs(got[i] - want[i]) <= tolerance * scale))
			ck_abort_msg("%s: %s[%lld] is %.12g, not %.12g", name, what, (long long)i, got[i], want[i]);
}
