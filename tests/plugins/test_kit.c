/* test_kit.c: what authors of plugins start from: the templates and the examples compute what they say. (That they
 * build and run where patchbay is installed, tests/cli/install.sh shows.) */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "plugins/plug.h"

enum { ROWS = 3, WIDTH = 4, COUNT = ROWS * WIDTH };

static const double before[COUNT] = {0.5, -1, 2, 0.25, 3, 0, -0.75, 1, -2, 1.5, 0.5, -0.5};
static const double other[COUNT] = {1, 1, -1, 2, 0.5, -3, 0, 0.25, -1, -1, 4, 0};

static void look_in(const char *folder)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/plugins/%s", getenv("PATCHBAY_BUILD"), folder);
	setenv("PATCHBAY_PLUGIN_PATH", path, 1);
}

/* A file for host->read_file. */
static void put(const char *name, const char *text)
{
	char *path = pb_file_join(pb_test_dir(), name);
	ck_assert_ok(pb_file_write(path, text, strlen(text)));
	free(path);
}

static struct pb_view view_of(double *data)
{
	struct pb_view view = pb_view_over(data, PB_F64, 3, (int64_t[]){1, ROWS, WIDTH});
	memcpy(view.axis, (uint8_t[]){PB_AXIS_BATCH, PB_AXIS_POS, PB_AXIS_FEATURE}, 3);
	return view;
}

static int prepare(struct plug *p, const char *hook, int64_t width)
{
	struct pb_setter_shape shape = {.struct_size = sizeof shape, .hook = hook, .region = view_of(NULL)};
	shape.region.shape[2] = width;
	return pb_setter_prepare(p->instance, &shape);
}

/* On a copy of `from`, and with `other` as the source. */
static void apply(struct plug *p, bool adjoint, const double *from, double *ret_to)
{
	double source[COUNT];
	struct pb_view target_view = view_of(ret_to), source_view = view_of(source);
	const struct pb_setter_ops *ops = pb_setter_ops(p->instance);
	struct pb_setter_call call = {
		.struct_size = sizeof call,
		.hook = "blocks.0.hook_resid_pre",
		.target = &target_view,
		.source = ops->source == PB_SOURCE_NONE ? NULL : &source_view,
	};
	memcpy(source, other, sizeof source);
	memmove(ret_to, from, COUNT * sizeof *ret_to);
	ck_assert_ok(adjoint ? pb_setter_adjoint(p->instance, &call) : pb_setter_apply(p->instance, &call));
}

/* <A x, g> = <x, A^T g>, where A x is what apply does to a difference of two inputs. */
static void check_adjoint(struct plug *p)
{
	static const double g[COUNT] = {2, 1, -1, 0.5, 0, 3, 1, -2, 0.25, -1, 1, 1};
	double a[COUNT], b[COUNT], back[COUNT], zero[COUNT] = {0}, forth = 0, expected = 0;
	apply(p, false, before, a);
	apply(p, false, zero, b);
	apply(p, true, g, back);
	for (int i = 0; i < COUNT; i++) {
		forth += (a[i] - b[i]) * g[i];
		expected += before[i] * back[i];
	}
	ck_assert_double_eq_tol(forth, expected, 1e-12);
}

START_TEST(setter_template)
{
	struct plug p;
	double got[COUNT];
	look_in("template");
	plug_open(&p, PB_KIND_SETTER, "placeholder", 1, "share: 0.25");
	ck_assert_ok(prepare(&p, "blocks.0.hook_resid_pre", WIDTH));
	ck_assert_int_eq(prepare(&p, "blocks.0.attn.hook_attn_scores", WIDTH), -PB_E_UNSUPPORTED);
	apply(&p, false, before, got);
	for (int i = 0; i < COUNT; i++)
		ck_assert_double_eq_tol(got[i], 0.75 * before[i] + 0.25 * other[i], 1e-12);
	check_adjoint(&p);
	plug_close(&p);
	plug_refuses(PB_KIND_SETTER, "placeholder", "share: 1.5", PARTS("share", "1.5"));
}
END_TEST

START_TEST(steering)
{
	struct plug p;
	double got[COUNT];
	static const double vector[WIDTH] = {1, -2, 0.5, 0};
	look_in("examples");
	put("vector.txt", "1 -2\n0.5 0\n");
	plug_open(&p, PB_KIND_SETTER, "steering", 1, "{file: vector.txt, strength: -3}");
	ck_assert_ok(prepare(&p, "blocks.0.hook_resid_pre", WIDTH));
	ck_assert_int_eq(prepare(&p, "blocks.0.hook_resid_pre", WIDTH + 1), -PB_E_SHAPE);
	apply(&p, false, before, got);
	for (int i = 0; i < COUNT; i++)
		ck_assert_double_eq_tol(got[i], before[i] - 3 * vector[i % WIDTH], 1e-12);
	plug_close(&p);
	put("vector.txt", "1 -2 x 0\n");
	plug_refuses(PB_KIND_SETTER, "steering", "file: vector.txt", PARTS("vector.txt: value 3 is no number: `x 0"));
	plug_refuses(PB_KIND_SETTER, "steering", "file: absent.txt", PARTS("absent.txt"));
}
END_TEST

START_TEST(low_rank)
{
	struct plug p;
	double got[COUNT], again[COUNT];
	static const double basis[2][WIDTH] = {{0.5, 0.5, 0.5, 0.5}, {0.5, -0.5, 0.5, -0.5}};
	look_in("examples");
	put("directions.txt", "0.5 0.5 0.5 0.5\n0.5 -0.5 0.5 -0.5\n");
	plug_open(&p, PB_KIND_SETTER, "low_rank", 1, "file: directions.txt");
	ck_assert_ok(prepare(&p, "blocks.0.hook_resid_pre", WIDTH));
	ck_assert_int_eq(prepare(&p, "blocks.0.hook_resid_pre", WIDTH + 1), -PB_E_SHAPE);
	apply(&p, false, before, got);
	for (int i = 0; i < COUNT; i++) {
		double expected = before[i];
		for (int k = 0; k < 2; k++)
			for (int j = 0, row = i / WIDTH * WIDTH; j < WIDTH; j++)
				expected += basis[k][i % WIDTH] * basis[k][j] * (other[row + j] - before[row + j]);
		ck_assert_double_eq_tol(got[i], expected, 1e-12);
	}
	apply(&p, false, got, again);
	for (int i = 0; i < COUNT; i++)
		ck_assert_double_eq_tol(again[i], got[i], 1e-12);
	check_adjoint(&p);
	plug_close(&p);
	put("directions.txt", "1 0 0 0\n0.5 0.5 0.5 0.5\n");
	plug_open(&p, PB_KIND_SETTER, "low_rank", 1, "file: directions.txt");
	ck_assert_int_eq(prepare(&p, "blocks.0.hook_resid_pre", WIDTH), -PB_E_NUMERIC);
	plug_close(&p);
}
END_TEST

static struct pb_metric_batch batch_of(const double *x)
{
	static const int32_t answer[ROWS] = {2, 0, 3}, distractor[ROWS] = {-1, -1, -1};
	return (struct pb_metric_batch){
		.struct_size = sizeof(struct pb_metric_batch),
		.n_rows = ROWS,
		.d_vocab = WIDTH,
		.logits = x,
		.answer = answer,
		.distractor = distractor,
		.reference = other,
	};
}

static void score(struct plug *p, const double *x, double *ret_score)
{
	struct pb_metric_batch batch = batch_of(x);
	ck_assert_ok(pb_metric_score(p->instance, &batch, ret_score));
}

/* Against differences. */
static void check_gradient(struct plug *p)
{
	static const double weight[ROWS] = {0.5, -2, 3};
	double gradient[COUNT], x[COUNT], up[ROWS], down[ROWS], h = 1e-5;
	struct pb_metric_batch batch = batch_of(before);
	ck_assert_ok(
		pb_metric_adjoint(p->instance, &batch, weight, gradient));
	for (int i = 0; i < COUNT; i++) {
		memcpy(x, before, sizeof x);
		x[i] = before[i] + h;
		score(p, x, up);
		x[i] = before[i] - h;
		score(p, x, down);
		ck_assert_double_eq_tol(gradient[i], weight[i / WIDTH] * (up[i / WIDTH] - down[i / WIDTH]) / (2 * h),
					1e-8);
	}
}

START_TEST(metric_template)
{
	struct plug p;
	double got[ROWS], sum = 0;
	look_in("template");
	plug_open(&p, PB_KIND_METRIC, "placeholder", 1, "temperature: 2");
	score(&p, before, got);
	for (int i = 0; i < WIDTH; i++)
		sum += exp(before[i] / 2);
	ck_assert_double_eq_tol(got[0], before[2] / 2 - log(sum), 1e-12);
	check_gradient(&p);
	plug_close(&p);
}
END_TEST

START_TEST(kl_divergence)
{
	struct plug p;
	double got[ROWS], x[COUNT], p_sum = 0, q_sum = 0, expected = 0;
	look_in("examples");
	plug_open(&p, PB_KIND_METRIC, "kl_divergence", 1, "{}");
	score(&p, before, got);
	for (int i = 0; i < WIDTH; i++) {
		p_sum += exp(other[i]);
		q_sum += exp(before[i]);
	}
	for (int i = 0; i < WIDTH; i++)
		expected += exp(other[i]) / p_sum * (other[i] - log(p_sum) - before[i] + log(q_sum));
	ck_assert_double_eq_tol(got[0], expected, 1e-12);
	check_gradient(&p);
	memcpy(x, other, sizeof x);
	x[WIDTH] = NAN;
	score(&p, x, got);
	ck_assert_double_eq_tol(got[0], 0, 1e-15);
	ck_assert(isnan(got[1]));
	plug_close(&p);
}
END_TEST

START_TEST(tokens_table)
{
	look_in("examples");
	put("table.csv", "1 2 0, 3 4 0\n");
	plug_refuses(PB_KIND_DATASET, "tokens_table", "{file: table.csv, length: 3}",
		     PARTS("table.csv has 6 ids, not 7 for each line"));
	put("table.csv", "1 2 0, 3 b 0, 1\n");
	plug_refuses(PB_KIND_DATASET, "tokens_table", "{file: table.csv, length: 3}",
		     PARTS("`b 0, 1", "no token id"));
	put("table.csv", "\n");
	plug_refuses(PB_KIND_DATASET, "tokens_table", "{file: table.csv, length: 3}", PARTS("has 0 ids"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("kit");
	TCase *t = tcase_create("kit");
	tcase_add_test(t, setter_template);
	tcase_add_test(t, steering);
	tcase_add_test(t, low_rank);
	tcase_add_test(t, metric_template);
	tcase_add_test(t, kl_divergence);
	tcase_add_test(t, tokens_table);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
