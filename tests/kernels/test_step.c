/* test_step.c: weights after one step against the same in double, element by element. */
#include <math.h>
#include <string.h>

#include "kernels_test.h"

/* eps is large where gradients cancel, since the rounding of a sum near 0 decides where |g| and eps are alike. */
static const struct pbk_step steps[] = {
	{.adam = true, .lr = 0.05, .decay = 0.995, .eps = 0.02},
	{.adam = true, .lr = 0.05, .decay = 1, .l2 = 0.1, .eps = 0.02},
	{.lr = 0.05, .decay = 1, .l2 = 0.1},
};
enum { N_STEPS = sizeof steps / sizeof *steps, MAX_ITEMS = 6, N_SHAPES = 48 };

/* One gradient, and the matrices it is read from. */
struct test_gradient {
	struct pbk_gradient gradient;
	struct guarded x, dy, dense;
};

/* One call of gemm_stepped; items 0 and 1 share a w, and so do the others. */
struct stepping {
	struct pbk_step step;
	int64_t n, k, ldw, count;
	struct guarded w[2], a[MAX_ITEMS], bias[MAX_ITEMS], c[MAX_ITEMS];
	struct test_gradient gradient[MAX_ITEMS];
	struct pbk_stepped item[MAX_ITEMS];
};

static int64_t pick(int64_t below)
{
	return (int64_t)((random_value() + 1) / 2 * (double)below);
}

/* Matrices of this case are mostly as the engine's: whole tiles, at full alignment, without gaps between rows. */
static bool neat;

static int64_t gap(int64_t below)
{
	return neat && pick(8) ? 0 : pick(below);
}

static struct guarded random_buffer(size_t real_size, int64_t count)
{
	struct guarded g = guarded_new(real_size, count, (int)gap(4));
	for (int64_t i = 0; i < count; i++)
		guarded_set(&g, i, random_value());
	return g;
}

/* Rank 10 stands for a dense one. */
static struct test_gradient gradient_new(size_t real_size, int64_t n, int64_t k, int64_t rank)
{
	struct test_gradient t = {.gradient = {.rank = rank % 10, .ldx = k + gap(3), .lddy = n + gap(3)}};
	const struct pbk_gradient *g = &t.gradient;
	t.x = random_buffer(real_size, g->rank ? g->ldx * (g->rank - 1) + k : 0);
	t.dy = random_buffer(real_size, g->rank ? g->lddy * (g->rank - 1) + n : 0);
	t.dense = random_buffer(real_size, rank == 10 ? n * k : 0);
	t.gradient.x = t.x.data;
	t.gradient.dy = t.dy.data;
	t.gradient.dense = rank == 10 ? t.dense.data : NULL;
	return t;
}

static void gradient_free(struct test_gradient *t)
{
	guarded_free(&t->x);
	guarded_free(&t->dy);
	guarded_free(&t->dense);
}

static double gradient_at(const struct test_gradient *t, int64_t n, int64_t i, int64_t j)
{
	double total = t->gradient.dense ? guarded_get(&t->dense, i * n + j) : 0;
	for (int64_t r = 0; r < t->gradient.rank; r++)
		total += guarded_get(&t->x, r * t->gradient.ldx + i) * guarded_get(&t->dy, r * t->gradient.lddy + j);
	return total;
}

/* The weight after the step. */
static double stepped(const struct pbk_step *s, double grad_scale, double p, double g)
{
	g = g * grad_scale + s->l2 * p;
	return p * s->decay - s->lr * (s->adam ? g / (fabs(g) + s->eps) : g);
}

static void item_new(struct stepping *s, size_t real_size, int i, int64_t rank)
{
	struct pbk_stepped *item = &s->item[i];
	const int64_t m = pick(51);
	*item = (struct pbk_stepped){
		.m = m, .lda = s->k + gap(5), .ldc = s->n + gap(5), .grad_scale = random_value()};
	s->gradient[i] = gradient_new(real_size, s->n, s->k, rank);
	item->gradient = s->gradient[i].gradient;
	s->a[i] = random_buffer(real_size, m ? item->lda * (m - 1) + s->k : 0);
	s->c[i] = random_buffer(real_size, m ? item->ldc * (m - 1) + s->n : 0);
	s->bias[i] = random_buffer(real_size, s->n);
	item->a = s->a[i].data;
	item->w = s->w[i > 1].data;
	item->c = s->c[i].data;
	item->present = pick(4) > 0;
	item->add = pick(2);
	item->bias = pick(2) ? s->bias[i].data : NULL;
	for (int64_t at = 0; !item->add && at < s->c[i].count; at++)
		if (at % item->ldc < s->n)
			guarded_set(&s->c[i], at, NAN); /* must not be read */
}

static struct stepping stepping_new(size_t real_size, int seed)
{
	static const int64_t ns[] = {1, 7, 16, 31, 33, 64, 128, 244}, ks[] = {1, 2, 13, 63, 128, 129, 257, 600};
	static const int64_t neat_ns[] = {64, 128, 192, 244}, neat_ks[] = {16, 64, 256, 600};
	random_seed((uint64_t)seed * 977 + 5);
	neat = seed % 2;
	struct stepping s = {.step = steps[seed % N_STEPS], .n = neat ? neat_ns[pick(4)] : ns[pick(8)],
			     .k = neat ? neat_ks[pick(4)] : ks[pick(8)]};
	s.count = 1 + pick(MAX_ITEMS);
	s.ldw = s.n + gap(2) * 9;
	for (int i = 0; i < 2; i++)
		s.w[i] = random_buffer(real_size, s.ldw * (s.k - 1) + s.n);
	for (int i = 0; i < s.count; i++)
		item_new(&s, real_size, i, pick(11));
	return s;
}

static void stepping_free(struct stepping *s)
{
	for (int i = 0; i < 2; i++)
		guarded_free(&s->w[i]);
	for (int i = 0; i < s->count; i++) {
		gradient_free(&s->gradient[i]);
		guarded_free(&s->a[i]);
		guarded_free(&s->bias[i]);
		guarded_free(&s->c[i]);
	}
}

static double weight_of(const struct stepping *s, int i, int64_t row, int64_t column)
{
	const double p = guarded_get(&s->w[i > 1], row * s->ldw + column);
	return s->item[i].present
		       ? stepped(&s->step, s->item[i].grad_scale, p, gradient_at(&s->gradient[i], s->n, row, column))
		       : p;
}

/* Item i's C as it should become, whole buffer: what lies between rows stays as it was. */
static struct guarded expect_item(const struct stepping *s, int i)
{
	const struct pbk_stepped *item = &s->item[i];
	struct guarded want = guarded_new(sizeof(double), s->c[i].count, 0);
	for (int64_t at = 0; at < want.count; at++)
		guarded_set(&want, at, at % item->ldc >= s->n || item->add ? guarded_get(&s->c[i], at) : 0);
	double *c = want.data;
	for (int64_t r = 0; item->bias && r < item->m * s->n; r++)
		c[r / s->n * item->ldc + r % s->n] += guarded_get(&s->bias[i], r % s->n);
	for (int64_t l = 0; l < s->k; l++)
		for (int64_t j = 0; j < s->n; j++) {
			const double w = weight_of(s, i, l, j);
			for (int64_t r = 0; r < item->m; r++)
				c[r * item->ldc + j] += guarded_get(&s->a[i], r * item->lda + l) * w;
		}
	return want;
}

START_TEST(product_with_stepped_weights)
{
	const struct pbk_table *t = test_table(_i % n_tables());
	struct stepping s = stepping_new(t->real_size, _i / n_tables());
	struct guarded want[MAX_ITEMS];
	for (int i = 0; i < s.count; i++)
		want[i] = expect_item(&s, i);
	t->gemm_stepped(test_context, &s.step, s.n, s.k, s.ldw, s.count, s.item);
	wait_for(test_context);
	const double tolerance = tolerance_of(t->real_size) * (4 + sqrt((double)s.k));
	for (int i = 0; i < s.count; i++) {
		EXPECT(guarded_intact(&s.c[i]), "%s: wrote outside C of item %d", t->name, i);
		for (int64_t at = 0; at < want[i].count; at++)
			EXPECT(nearly(guarded_get(&s.c[i], at), guarded_get(&want[i], at), tolerance),
			       "%s n %d k %d, item %d of %d, rank %d%s: C[%d] is %.17g, expected %.17g", t->name,
			       (int)s.n, (int)s.k, i, (int)s.count, (int)s.item[i].gradient.rank,
			       s.item[i].gradient.dense ? " dense" : "", (int)at, guarded_get(&s.c[i], at),
			       guarded_get(&want[i], at));
		guarded_free(&want[i]);
	}
	stepping_free(&s);
}
END_TEST

/* Each item alone with one thread, and all with two. The work is enough for two threads. On a backend in a context of
 * its own. */
START_TEST(item_alone_has_the_same_bits)
{
	const struct pbk_table *t = test_table(_i % n_tables());
	pbk_context *alone = new_context(1);
	struct stepping s = stepping_new(t->real_size, 100 + _i), again = stepping_new(t->real_size, 100 + _i);
	t->gemm_stepped(test_context, &s.step, s.n, s.k, s.ldw, s.count, s.item);
	wait_for(test_context);
	for (int i = 0; i < s.count; i++) {
		t->gemm_stepped(alone, &again.step, s.n, s.k, s.ldw, 1, &again.item[i]);
		wait_for(alone);
		EXPECT(guarded_same(&s.c[i], &again.c[i]), "%s: item %d of %d is not so alone", t->name, i,
		       (int)s.count);
	}
	double dots[MAX_ITEMS], dot;
	const struct pbk_gradient *m = &s.item[0].gradient;
	t->step_dots(test_context, &s.step, s.n, s.k, s.w[0].data, s.ldw, m, s.count, s.item, dots);
	for (int i = 0; i < s.count; i++) {
		t->step_dots(alone, &s.step, s.n, s.k, s.w[0].data, s.ldw, m, 1, &s.item[i], &dot);
		ck_assert_mem_eq(&dots[i], &dot, sizeof dot);
	}
	stepping_free(&s);
	stepping_free(&again);
	free_context(alone);
}
END_TEST

START_TEST(change_times_a_gradient)
{
	const struct pbk_table *t = test_table(_i % n_tables());
	struct stepping s = stepping_new(t->real_size, 200 + _i / n_tables());
	struct test_gradient m = gradient_new(t->real_size, s.n, s.k, pick(11));
	double dots[MAX_ITEMS];
	t->step_dots(test_context, &s.step, s.n, s.k, s.w[0].data, s.ldw, &m.gradient, s.count, s.item, dots);
	for (int i = 0; i < s.count; i++) {
		double want = 0, size = 0;
		for (int64_t at = 0; at < s.n * s.k; at++) {
			const int64_t l = at / s.n, j = at % s.n;
			const double p = guarded_get(&s.w[0], l * s.ldw + j);
			const double change = s.item[i].present ? stepped(&s.step, s.item[i].grad_scale, p,
									  gradient_at(&s.gradient[i], s.n, l, j)) -
									  p
								: 0;
			want += change * gradient_at(&m, s.n, l, j);
			size += fabs(change * gradient_at(&m, s.n, l, j));
		}
		EXPECT(fabs(dots[i] - want) <= 2 * tolerance_of(t->real_size) * size,
		       "%s n %d k %d rank %d, M of rank %d: %.17g, expected %.17g", t->name, (int)s.n, (int)s.k,
		       (int)s.item[i].gradient.rank, (int)m.gradient.rank, dots[i], want);
	}
	gradient_free(&m);
	stepping_free(&s);
}
END_TEST

START_TEST(rows_after_a_step)
{
	const struct pbk_table *t = test_table(_i % n_tables());
	static const int32_t ids[] = {3, 0, 3, 5, 1}, grads[] = {1, -1, 0, 1, 2};
	const int64_t n = (int64_t[]){1, 7, 64, 1031}[_i / n_tables()];
	for (int v = 0; v < 4 * N_STEPS; v++) {
		const bool present = v & 1, add = v & 2;
		const struct pbk_step *step = &steps[v / 4];
		struct guarded table = random_buffer(t->real_size, 6 * n), g = random_buffer(t->real_size, 3 * n);
		struct guarded y = random_buffer(t->real_size, 5 * n), before = guarded_new(sizeof(double), 5 * n, 0);
		for (int64_t i = 0; i < 5 * n; i++)
			guarded_set(&before, i, add ? guarded_get(&y, i) : 0);
		const struct pbk_stepped_rows items[] = {
			{2, n, table.data, g.data, ids, grads, 0.5, present, y.data},
			{0, n, table.data, g.data, NULL, NULL, 0.5, present, y.data},
			{3, n, table.data, g.data, ids + 2, grads + 2, 0.5, present,
			 (char *)y.data + (size_t)(2 * n) * t->real_size},
		};
		t->step_rows(test_context, step, add, 3, items);
		wait_for(test_context);
		EXPECT(guarded_intact(&y), "%s: wrote outside y", t->name);
		for (int64_t i = 0; i < 5 * n; i++) {
			const double p = guarded_get(&table, ids[i / n] * n + i % n);
			const int32_t row = grads[i / n];
			const double gradient = row < 0 ? 0 : guarded_get(&g, row * n + i % n);
			const double want = guarded_get(&before, i) + (present ? stepped(step, 0.5, p, gradient) : p);
			EXPECT(nearly(guarded_get(&y, i), want, tolerance_of(t->real_size)),
			       "%s n %d variant %d: y[%d] is %.17g, expected %.17g", t->name, (int)n, v, (int)i,
			       guarded_get(&y, i), want);
		}
		guarded_free(&table);
		guarded_free(&g);
		guarded_free(&y);
		guarded_free(&before);
	}
}
END_TEST

/* Stepped weights themselves: the product with the unit matrix, `side` rows and columns, the gradient of rank 1. */
static void stepped_square(const struct pbk_table *t, const struct pbk_step *step, int64_t side, double grad_scale,
			   const void *w, const void *x, const void *dy, struct guarded *out)
{
	struct guarded unit = guarded_new(t->real_size, side * side, 0);
	for (int64_t i = 0; i < side * side; i++)
		guarded_set(&unit, i, i % (side + 1) == 0);
	const struct pbk_stepped item = {
		.m = side,
		.lda = side,
		.ldc = side,
		.a = unit.data,
		.w = w,
		.gradient = {.rank = 1, .ldx = side, .lddy = side, .x = x, .dy = dy},
		.grad_scale = grad_scale,
		.present = true,
		.c = out->data,
	};
	t->gemm_stepped(test_context, step, side, side, side, 1, &item);
	wait_for(test_context);
	guarded_free(&unit);
}

/* The closed form is what the optimizers do to fresh state. */
START_TEST(step_is_the_optimizers_first)
{
	const struct pbk_table *t = test_table(_i);
	const int64_t side = 37;
	const double lr = 0.4, wd = 0.3, scale = 0.7;
	struct pbk_adam adam = {lr, 0.9, 0.98, 1e-8, wd, 1 - 0.9, 1 - 0.98, true, scale};
	const struct pbk_sgd sgd = {.lr = lr, .momentum = 0.9, .weight_decay = wd, .grad_scale = scale, .first = true};
	const struct pbk_step closed[3] = {{.adam = true, .lr = lr, .decay = 1 - lr * wd, .eps = 1e-8},
					   {.adam = true, .lr = lr, .decay = 1, .l2 = wd, .eps = 1e-8},
					   {.lr = lr, .decay = 1, .l2 = wd}};
	for (int v = 0; v < 3; v++) {
		random_seed((uint64_t)v);
		struct guarded w = random_buffer(t->real_size, side * side), x = random_buffer(t->real_size, side);
		struct guarded dy = random_buffer(t->real_size, side), out = random_buffer(t->real_size, side * side);
		struct guarded g = guarded_new(t->real_size, side * side, 0), m = random_buffer(t->real_size, 0);
		struct guarded first = guarded_new(t->real_size, side * side, 0);
		struct guarded second = guarded_new(t->real_size, side * side, 0);
		for (int64_t i = 0; i < side * side; i++) {
			guarded_set(&g, i, guarded_get(&x, i / side) * guarded_get(&dy, i % side));
			guarded_set(&first, i, 0);
			guarded_set(&second, i, 0);
		}
		stepped_square(t, &closed[v], side, scale, w.data, x.data, dy.data, &out);
		adam.decoupled = v == 0;
		if (v < 2)
			t->adam(test_context, &adam, side * side, w.data, g.data, first.data, second.data);
		else
			t->sgd(test_context, &sgd, side * side, w.data, g.data, first.data);
		wait_for(test_context);
		for (int64_t i = 0; i < side * side; i++)
			EXPECT(nearly(guarded_get(&out, i), guarded_get(&w, i), tolerance_of(t->real_size)),
			       "%s step %d: %.17g, the optimizer gives %.17g", t->name, v, guarded_get(&out, i),
			       guarded_get(&w, i));
		struct guarded *all[] = {&w, &x, &dy, &out, &g, &m, &first, &second};
		for (int i = 0; i < 8; i++)
			guarded_free(all[i]);
	}
}
END_TEST

/* From below the smallest normal number to large ones: no NaN, and the quotient to 2^-21 of itself. */
START_TEST(quotient_is_exact_at_every_size)
{
	const struct pbk_table *t = test_table(_i);
	const int64_t side = 40;
	const double epsilons[] = {1e-8, 1e-4, 1};
	for (int v = 0; v < 3; v++) {
		struct guarded w = guarded_new(t->real_size, side * side, 0), x = guarded_new(t->real_size, side, 0);
		struct guarded dy = guarded_new(t->real_size, side, 0), out = random_buffer(t->real_size, side * side);
		for (int64_t i = 0; i < side * side; i++)
			guarded_set(&w, i, 0);
		for (int64_t i = 0; i < side; i++) {
			guarded_set(&x, i, i == 3 ? 0 : (i % 2 ? -1.3 : 1.7) * pow(10, (double)i - 22));
			guarded_set(&dy, i, i == 5 ? 0 : 1.9 * pow(10, (double)i - 22));
		}
		stepped_square(t, &(struct pbk_step){.adam = true, .lr = 1, .decay = 1, .eps = epsilons[v]}, side, 1,
			       w.data, x.data, dy.data, &out);
		for (int64_t i = 0; i < side * side; i++) {
			const double g = guarded_get(&x, i / side) * guarded_get(&dy, i % side);
			const double want = -g / (fabs(g) + epsilons[v]), got = guarded_get(&out, i);
			/* A gradient below the normal numbers has few bits left. */
			const double bound = 0x1p-21 * fabs(want) + (t->real_size == sizeof(float) ? 1e-37 : 0);
			EXPECT(fabs(got - want) <= bound, "%s eps %g, gradient %g: %.17g, expected %.17g", t->name,
			       epsilons[v], g, got, want);
		}
		guarded_free(&w);
		guarded_free(&x);
		guarded_free(&dy);
		guarded_free(&out);
	}
}
END_TEST

TCase *step_tests(void)
{
	TCase *tcase = tcase_create("step");
	tcase_add_checked_fixture(tcase, open_context, close_context);
	tcase_add_loop_test(tcase, product_with_stepped_weights, 0, N_SHAPES * n_tables());
	tcase_add_loop_test(tcase, item_alone_has_the_same_bits, 0, 10 * n_tables());
	tcase_add_loop_test(tcase, change_times_a_gradient, 0, N_SHAPES / 2 * n_tables());
	tcase_add_loop_test(tcase, rows_after_a_step, 0, 4 * n_tables());
	tcase_add_loop_test(tcase, step_is_the_optimizers_first, 0, n_tables());
	tcase_add_loop_test(tcase, quotient_is_exact_at_every_size, 0, n_tables());
	return tcase;
}
