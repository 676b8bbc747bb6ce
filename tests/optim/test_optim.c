/* test_optim.c: optimizers against the published formulas, written again here in plain double; clipping; warm-up. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "optim/optim.h"
#include "support/device.h"
#include "support/support.h"

enum { N = 29, SLOTS = 3, STEPS = 7 };

/* A gap between the second and the third parameter: nothing may touch it. */
static const struct pb_optim_slot slots[SLOTS] = {{0, 5}, {5, 13}, {20, 9}};

static struct pb_device device;

static void open_device(void)
{
	ck_assert_ok(pb_test_device(1, &device));
}

static void close_device(void)
{
	pb_device_close(&device);
}

/* What PyTorch's documentation gives as algorithms, in its symbols, one element at a time. */
struct plain {
	double theta[N], m[N], v[N];
	int t[SLOTS];
};

static double plain_adam(struct plain *s, const struct pb_optim_config *c, double lr, int i, int t, double g)
{
	double theta = s->theta[i];
	if (c->kind == PB_OPTIM_ADAMW)
		theta = theta - lr * c->weight_decay * theta;
	else
		g = g + c->weight_decay * theta;
	s->m[i] = c->beta1 * s->m[i] + (1 - c->beta1) * g;
	s->v[i] = c->beta2 * s->v[i] + (1 - c->beta2) * g * g;
	const double m_hat = s->m[i] / (1 - pow(c->beta1, t)), v_hat = s->v[i] / (1 - pow(c->beta2, t));
	return theta - lr * m_hat / (sqrt(v_hat) + c->eps);
}

static double plain_sgd(struct plain *s, const struct pb_optim_config *c, double lr, int i, int t, double g)
{
	const double theta = s->theta[i];
	g = g + c->weight_decay * theta;
	if (c->momentum != 0) {
		s->m[i] = t > 1 ? c->momentum * s->m[i] + (1 - c->dampening) * g : g;
		g = c->nesterov ? g + c->momentum * s->m[i] : s->m[i];
	}
	return theta - lr * g;
}

static void plain_step(struct plain *s, const struct pb_optim_config *c, int call, const double *g, const bool *present)
{
	double squares = 0, lr = c->lr;
	for (int k = 0; k < SLOTS; k++)
		for (int64_t i = 0; present[k] && i < slots[k].count; i++)
			squares += g[slots[k].offset + i] * g[slots[k].offset + i];
	const double clip = c->max_grad_norm > 0 ? fmin(1, c->max_grad_norm / (sqrt(squares) + 1e-6)) : 1;
	if (c->warmup_steps)
		lr *= fmin(1, (double)call / (double)c->warmup_steps);
	for (int k = 0; k < SLOTS; k++) {
		s->t[k] += present[k];
		for (int i = (int)slots[k].offset; present[k] && i < slots[k].offset + slots[k].count; i++)
			s->theta[i] =
				(c->kind == PB_OPTIM_SGD ? plain_sgd : plain_adam)(s, c, lr, i, s->t[k], clip * g[i]);
	}
}

static double gradient(int step, int i)
{
	return sin(12.9898 * step + 78.233 * i) * (i % 4 ? 0.3 : 2e-4);
}

static void set(uint32_t dtype, void *data, int i, double value)
{
	if (dtype == PB_F32)
		((float *)data)[i] = (float)value;
	else
		((double *)data)[i] = value;
}

static double get(uint32_t dtype, const void *data, int i)
{
	return dtype == PB_F32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

/* Several steps, each with another set of parameters absent; compares every element after every step. */
static void follow(struct pb_optim_config config, uint32_t dtype, double tolerance)
{
	struct pb_optim opt;
	struct plain plain = {0};
	double params[N], grads[N];
	ck_assert_ok(pb_optim_init(&opt, &device, dtype, &config, slots, SLOTS));
	for (int i = 0; i < N; i++) {
		plain.theta[i] = cos(i);
		set(dtype, params, i, plain.theta[i]);
	}
	for (int step = 1; step <= STEPS; step++) {
		const bool present[SLOTS] = {step != 3, step > 2, true};
		double g[N];
		for (int i = 0; i < N; i++) {
			g[i] = gradient(step, i);
			set(dtype, grads, i, g[i]);
		}
		plain_step(&plain, &config, step, g, present);
		ck_assert_ok(pb_optim_step(&opt, params, grads, present, NULL));
		for (int i = 0; i < N; i++)
			ck_assert_msg(fabs(get(dtype, params, i) - plain.theta[i]) <= tolerance,
				      "step %d element %d: %.17g, expected %.17g", step, i, get(dtype, params, i),
				      plain.theta[i]);
	}
	ck_assert_int_eq(opt.steps[0], STEPS - 1);
	ck_assert_int_eq(opt.steps[1], STEPS - 2);
	ck_assert_int_eq(opt.steps[2], STEPS);
	pb_optim_finish(&opt);
}

static void follow_both(struct pb_optim_config config)
{
	follow(config, PB_F64, 1e-13);
	follow(config, PB_F32, 2e-6);
}

START_TEST(adamw_follows_the_formula)
{
	struct pb_optim_config c = pb_optim_defaults(PB_OPTIM_ADAMW);
	c.lr = 0.02;
	follow_both(c);
	c.beta2 = 0.98;
	c.weight_decay = 0.1;
	follow_both(c);
	c.beta1 = 0.3; /* the other form of lerp */
	follow_both(c);
	c.max_grad_norm = 0.5;
	c.warmup_steps = 4;
	follow_both(c);
}
END_TEST

START_TEST(adam_follows_the_formula)
{
	struct pb_optim_config c = pb_optim_defaults(PB_OPTIM_ADAM);
	c.lr = 0.02;
	follow_both(c);
	c.weight_decay = 0.1;
	follow_both(c);
}
END_TEST

START_TEST(sgd_follows_the_formula)
{
	struct pb_optim_config c = pb_optim_defaults(PB_OPTIM_SGD);
	c.lr = 0.1;
	follow_both(c);
	c.weight_decay = 0.1;
	follow_both(c);
	c.momentum = 0.9;
	follow_both(c);
	c.nesterov = true;
	follow_both(c);
	c.nesterov = false;
	c.dampening = 0.4;
	c.max_grad_norm = 0.5;
	follow_both(c);
}
END_TEST

/* One parameter of two elements, p = (1, -2), g = (3, 4). */
static void one_step(struct pb_optim_config config, double p[2], double *ret_norm)
{
	const struct pb_optim_slot slot = {0, 2};
	const double g[2] = {3, 4};
	struct pb_optim opt;
	p[0] = 1;
	p[1] = -2;
	ck_assert_ok(pb_optim_init(&opt, &device, PB_F64, &config, &slot, 1));
	ck_assert_ok(pb_optim_step(&opt, p, g, NULL, ret_norm));
	pb_optim_finish(&opt);
}

START_TEST(first_steps_by_hand)
{
	double p[2], norm;
	/* First step: m_hat = g, v_hat = g^2, so p moves by lr * g/(|g| + eps) against g, after the decay. */
	struct pb_optim_config c = pb_optim_defaults(PB_OPTIM_ADAMW);
	c.lr = 0.5;
	c.weight_decay = 0.2;
	one_step(c, p, &norm);
	ck_assert_double_eq_tol(p[0], 0.9 - 0.5, 1e-8);
	ck_assert_double_eq_tol(p[1], -1.8 - 0.5, 1e-8);
	ck_assert_double_eq_tol(norm, 5, 1e-14);
	/* Adam puts the decay into the gradient, whose size then cancels. */
	c.kind = PB_OPTIM_ADAM;
	one_step(c, p, NULL);
	ck_assert_double_eq_tol(p[0], 0.5, 1e-8);
	ck_assert_double_eq_tol(p[1], -2.5, 1e-8);
	/* SGD with g clipped to norm 1: (0.6, 0.8). */
	c = pb_optim_defaults(PB_OPTIM_SGD);
	c.lr = 0.5;
	c.max_grad_norm = 1;
	one_step(c, p, &norm);
	ck_assert_double_eq_tol(p[0], 0.7, 1e-6);
	ck_assert_double_eq_tol(p[1], -2.4, 1e-6);
	ck_assert_double_eq_tol(norm, 5, 1e-14);
	/* Nesterov's first step: g + momentum * g. */
	c.max_grad_norm = 0;
	c.momentum = 0.9;
	c.nesterov = true;
	one_step(c, p, NULL);
	ck_assert_double_eq_tol(p[0], 1 - 0.5 * 3 * 1.9, 1e-14);
	ck_assert_double_eq_tol(p[1], -2 - 0.5 * 4 * 1.9, 1e-14);
}
END_TEST

START_TEST(absent_gradients_are_not_read)
{
	struct pb_optim_config c = pb_optim_defaults(PB_OPTIM_ADAMW);
	c.max_grad_norm = 1;
	struct pb_optim opt;
	double p[N] = {0}, g[N], norm = -1;
	const bool none[SLOTS] = {false}, last[SLOTS] = {false, false, true};
	for (int i = 0; i < N; i++)
		g[i] = i < 20 ? NAN : 1;
	ck_assert_ok(pb_optim_init(&opt, &device, PB_F64, &c, slots, SLOTS));
	ck_assert_ok(pb_optim_step(&opt, p, g, none, &norm));
	ck_assert_double_eq(norm, 0);
	for (int i = 0; i < N; i++)
		ck_assert_double_eq(p[i], 0);
	ck_assert_ok(pb_optim_step(&opt, p, g, last, &norm));
	ck_assert_double_eq_tol(norm, 3, 1e-14);
	for (int i = 0; i < N; i++)
		ck_assert_double_eq_tol(p[i], i < 20 ? 0 : -1e-3, 1e-9);
	ck_assert_int_eq(opt.calls, 2);
	ck_assert_int_eq(opt.steps[0], 0);
	ck_assert_int_eq(opt.steps[2], 1);
	pb_optim_finish(&opt);
}
END_TEST

START_TEST(an_infinite_norm_changes_nothing)
{
	struct pb_optim_config c = pb_optim_defaults(PB_OPTIM_ADAMW);
	c.max_grad_norm = 1;
	struct pb_optim opt;
	double p[N], g[N] = {[7] = NAN}, norm = -1;
	for (int i = 0; i < N; i++)
		p[i] = i;
	ck_assert_ok(pb_optim_init(&opt, &device, PB_F64, &c, slots, SLOTS));
	ck_assert_int_eq(pb_optim_step(&opt, p, g, NULL, &norm), -PB_E_NUMERIC);
	ck_assert_double_eq(norm, -1);
	g[7] = -INFINITY;
	ck_assert_int_eq(pb_optim_step(&opt, p, g, NULL, &norm), -PB_E_NUMERIC);
	for (int i = 0; i < N; i++)
		ck_assert_double_eq(p[i], i);
	ck_assert_int_eq(opt.calls, 0);
	ck_assert_int_eq(opt.steps[0], 0);
	pb_optim_finish(&opt);
}
END_TEST

START_TEST(clip_factor_edges)
{
	ck_assert_double_eq(pb_optim_clip_factor(1e30, 0), 1);
	ck_assert_double_eq(pb_optim_clip_factor(0, 1), 1);
	ck_assert_double_eq(pb_optim_clip_factor(0.5, 1), 1);
	/* At the limit itself PyTorch's 1e-6 already shortens. */
	ck_assert_double_eq(pb_optim_clip_factor(1, 1), 1 / (1 + 1e-6));
	ck_assert_double_eq(pb_optim_clip_factor(4, 1), 1 / (4 + 1e-6));
	ck_assert_double_eq(pb_optim_clip_factor(0, 1e-7), 0.1);
}
END_TEST

START_TEST(warmup_rises_linearly)
{
	ck_assert_double_eq(pb_optim_warmup(0.5, 0, 1), 0.5);
	ck_assert_double_eq(pb_optim_warmup(0.5, 1, 1), 0.5);
	ck_assert_double_eq(pb_optim_warmup(0.5, 4, 1), 0.125);
	ck_assert_double_eq(pb_optim_warmup(0.5, 4, 3), 0.375);
	ck_assert_double_eq(pb_optim_warmup(0.5, 4, 4), 0.5);
	ck_assert_double_eq(pb_optim_warmup(0.5, 4, 5), 0.5);
}
END_TEST

START_TEST(reset_starts_afresh)
{
	struct pb_optim_config c = pb_optim_defaults(PB_OPTIM_ADAMW);
	c.warmup_steps = 2;
	struct pb_optim opt;
	double once[N] = {0}, again[N] = {0}, g[N];
	for (int i = 0; i < N; i++)
		g[i] = gradient(1, i);
	ck_assert_ok(pb_optim_init(&opt, &device, PB_F64, &c, slots, SLOTS));
	ck_assert_ok(pb_optim_step(&opt, once, g, NULL, NULL));
	pb_optim_reset(&opt);
	ck_assert_ok(pb_optim_step(&opt, again, g, NULL, NULL));
	ck_assert_mem_eq(once, again, sizeof once);
	pb_optim_finish(&opt);
}
END_TEST

static void refuse(struct pb_optim_config config, const char *named)
{
	ck_assert_int_eq(pb_optim_check(&config), -PB_E_RANGE);
	ck_assert_msg(strstr(pb_error_text(), named) != NULL, "\"%s\" does not name %s", pb_error_text(), named);
}

START_TEST(bad_values_are_named)
{
	const struct pb_optim_config adamw = pb_optim_defaults(PB_OPTIM_ADAMW), sgd = pb_optim_defaults(PB_OPTIM_SGD);
	struct pb_optim_config c;
	ck_assert_ok(pb_optim_check(&adamw));
	ck_assert_ok(pb_optim_check(&sgd));
	refuse((c = adamw, c.lr = -1, c), "lr");
	refuse((c = adamw, c.lr = NAN, c), "lr");
	refuse((c = adamw, c.beta1 = 1, c), "beta1");
	refuse((c = adamw, c.beta2 = -0.1, c), "beta2");
	refuse((c = adamw, c.eps = INFINITY, c), "eps");
	refuse((c = adamw, c.weight_decay = -1, c), "weight_decay");
	refuse((c = adamw, c.max_grad_norm = -1, c), "max_grad_norm");
	refuse((c = adamw, c.warmup_steps = -1, c), "warmup_steps");
	refuse((c = sgd, c.momentum = -1, c), "momentum");
	refuse((c = sgd, c.nesterov = true, c), "nesterov");
	refuse((c = sgd, c.dampening = NAN, c), "dampening");
	refuse((c = sgd, c.kind = (enum pb_optim_kind)9, c), "kind");
}
END_TEST

START_TEST(bad_slots_are_refused)
{
	const struct pb_optim_config c = pb_optim_defaults(PB_OPTIM_ADAMW);
	const struct pb_optim_slot negative = {-1, 2}, huge = {INT64_MAX - 1, 2}, wide = {0, INT64_MAX / 4};
	struct pb_optim opt;
	ck_assert_int_eq(pb_optim_init(&opt, &device, PB_F32, &c, &negative, 1), -PB_E_RANGE);
	ck_assert_int_eq(pb_optim_init(&opt, &device, PB_F32, &c, &huge, 1), -PB_E_RANGE);
	ck_assert_int_eq(pb_optim_init(&opt, &device, PB_F64, &c, &wide, 1), -PB_E_RANGE);
	ck_assert_ok(pb_optim_init(&opt, &device, PB_F32, &c, NULL, 0));
	ck_assert_ok(pb_optim_step(&opt, NULL, NULL, NULL, NULL));
	pb_optim_finish(&opt);
	pb_optim_finish(&opt);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("optim");
	TCase *tcase = tcase_create("optim");
	tcase_add_checked_fixture(tcase, open_device, close_device);
	tcase_add_test(tcase, adamw_follows_the_formula);
	tcase_add_test(tcase, adam_follows_the_formula);
	tcase_add_test(tcase, sgd_follows_the_formula);
	tcase_add_test(tcase, first_steps_by_hand);
	tcase_add_test(tcase, absent_gradients_are_not_read);
	tcase_add_test(tcase, an_infinite_norm_changes_nothing);
	tcase_add_test(tcase, clip_factor_edges);
	tcase_add_test(tcase, warmup_rises_linearly);
	tcase_add_test(tcase, reset_starts_afresh);
	tcase_add_test(tcase, bad_values_are_named);
	tcase_add_test(tcase, bad_slots_are_refused);
	suite_add_tcase(suite, tcase);
	return pb_test_run(suite, NULL);
}
