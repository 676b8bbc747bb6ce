/* test_setters.c: the shipped setters on views, sliced as a host slices them. */
#include <math.h>

#include "base/rng.h"
#include "plugins/plug.h"

enum { POS = 4, HEAD = 2, WIDTH = 3, COUNT = POS * HEAD * WIDTH };

/* An activation [batch 1, pos, head, feature] and another run's. */
struct bench {
	struct plug plug;
	double target[COUNT], source[COUNT], before[COUNT];
	struct pb_view target_view, source_view;
};

static struct pb_view view_of(double *data)
{
	struct pb_view view = pb_view_over(data, PB_F64, 4, (int64_t[]){1, POS, HEAD, WIDTH});
	memcpy(view.axis, (uint8_t[]){PB_AXIS_BATCH, PB_AXIS_POS, PB_AXIS_HEAD, PB_AXIS_FEATURE}, 4);
	return view;
}

static void bench_open(struct bench *b, const char *name, const char *params)
{
	for (int i = 0; i < COUNT; i++) {
		b->target[i] = b->before[i] = i + 0.5;
		b->source[i] = -100.0 - i;
	}
	b->target_view = view_of(b->target);
	b->source_view = view_of(b->source);
	b->source_view.flags = PB_VIEW_READONLY;
	plug_open(&b->plug, PB_KIND_SETTER, name, 11, params);
}

/* Narrows both views to one index of an axis. */
static void bench_select(struct bench *b, enum pb_axis axis, int64_t index)
{
	ck_assert_ok(pb_view_select(&b->target_view, axis, index, &b->target_view));
	ck_assert_ok(pb_view_select(&b->source_view, axis, index, &b->source_view));
}

static int call(struct bench *b, bool adjoint, uint64_t stream)
{
	struct pb_instance *i = b->plug.instance;
	const struct pb_setter_ops *ops = pb_setter_ops(i);
	struct pb_view whole = view_of(b->before);
	struct pb_setter_call c = {
		.struct_size = sizeof c,
		.hook = "blocks.0.attn.hook_z",
		.n_index = 0,
		.activation = &whole,
		.target = &b->target_view,
		.source = ops->source == PB_SOURCE_NONE ? NULL : &b->source_view,
		.stream = stream,
	};
	return adjoint ? pb_setter_adjoint(i, &c) : pb_setter_apply(i, &c);
}

/* pos and head: -1 stands for all. */
static void check_only_changed(const struct bench *b, int pos, int head, const double *expected)
{
	for (int i = 0; i < COUNT; i++) {
		bool inside = (pos < 0 || i / (HEAD * WIDTH) == pos) && (head < 0 || i / WIDTH % HEAD == head);
		ck_assert_double_eq(b->target[i], inside ? expected[i] : b->before[i]);
	}
}

static void check_replace(const char *name, const char *params, int pos, int head)
{
	struct bench b;
	bench_open(&b, name, params);
	if (pos >= 0)
		bench_select(&b, PB_AXIS_POS, pos);
	if (head >= 0)
		bench_select(&b, PB_AXIS_HEAD, head);
	ck_assert_ok(call(&b, false, 0));
	check_only_changed(&b, pos, head, b.source);
	plug_close(&b.plug);
}

START_TEST(replace_the_region_and_no_more)
{
	check_replace("layer", "{}", -1, -1);
	check_replace("layer_pos", "{}", 2, -1);
	check_replace("layer_head", "{}", -1, 1);
	check_replace("layer_pos_head", "{}", 3, 0);
	check_replace("layer_head_pattern", "{}", -1, 1);
	check_replace("layer_head_pos_pattern", "{}", 1, 1);
	check_replace("layer_head_dest_src_pattern", "{}", 0, 0);
	check_replace("mean", "split: clean", 2, -1);
}
END_TEST

struct declared {
	const char *name;
	uint32_t n_axes, effect;
	uint8_t axes[4];
};

START_TEST(axes_and_effects)
{
	static const struct declared wanted[] = {
		{"layer", 1, PB_EFFECT_REPLACE_WHOLE, {PB_AXIS_LAYER}},
		{"layer_pos", 2, PB_EFFECT_REPLACE, {PB_AXIS_LAYER, PB_AXIS_POS}},
		{"layer_head", 2, PB_EFFECT_REPLACE, {PB_AXIS_LAYER, PB_AXIS_HEAD}},
		{"layer_pos_head", 3, PB_EFFECT_REPLACE, {PB_AXIS_LAYER, PB_AXIS_POS, PB_AXIS_HEAD}},
		{"layer_head_pattern", 2, PB_EFFECT_REPLACE, {PB_AXIS_LAYER, PB_AXIS_HEAD}},
		{"layer_head_pos_pattern", 3, PB_EFFECT_REPLACE, {PB_AXIS_LAYER, PB_AXIS_HEAD, PB_AXIS_DEST_POS}},
		{"layer_head_dest_src_pattern",
		 4,
		 PB_EFFECT_REPLACE,
		 {PB_AXIS_LAYER, PB_AXIS_HEAD, PB_AXIS_DEST_POS, PB_AXIS_SRC_POS}},
	};
	for (size_t i = 0; i < PB_COUNT(wanted); i++) {
		struct plug p;
		plug_open(&p, PB_KIND_SETTER, wanted[i].name, 0, "{}");
		const struct pb_setter_ops *ops = pb_setter_ops(p.instance);
		ck_assert_uint_eq(ops->flags, 0);
		ck_assert_uint_eq(ops->source, PB_SOURCE_RUN);
		ck_assert_uint_eq(ops->effect, wanted[i].effect);
		ck_assert_uint_eq(ops->n_axes, wanted[i].n_axes);
		ck_assert_mem_eq(ops->axes, wanted[i].axes, wanted[i].n_axes);
		plug_close(&p);
	}
}
END_TEST

static int prepare(struct plug *p, uint32_t direction, const uint8_t *axes, int rank)
{
	struct pb_setter_shape shape = {
		.struct_size = sizeof shape, .direction = direction, .hook = "blocks.1.hook_resid_pre"};
	shape.region.rank = rank;
	memcpy(shape.region.axis, axes, (size_t)rank);
	return pb_setter_prepare(p->instance, &shape);
}

START_TEST(pattern_setters_want_a_pattern)
{
	static const char *const names[] = {"layer_head_pattern", "layer_head_pos_pattern",
					    "layer_head_dest_src_pattern"};
	static const uint8_t pattern[] = {PB_AXIS_BATCH, PB_AXIS_HEAD, PB_AXIS_DEST_POS, PB_AXIS_SRC_POS};
	static const uint8_t z[] = {PB_AXIS_BATCH, PB_AXIS_POS, PB_AXIS_HEAD, PB_AXIS_FEATURE};
	for (int i = 0; i < 3; i++) {
		struct plug p;
		plug_open(&p, PB_KIND_SETTER, names[i], 0, "{}");
		ck_assert_ok(prepare(&p, PB_FORWARD, pattern, 4));
		ck_assert_ok(prepare(&p, PB_BACKWARD, pattern, 4));
		ck_assert_int_eq(prepare(&p, PB_FORWARD, z, 4), -PB_E_SHAPE);
		ck_assert_ptr_nonnull(
			strstr(pb_error_text(), "blocks.1.hook_resid_pre has no query and key positions"));
		ck_assert_ptr_nonnull(strstr(pb_error_text(), "hook: pattern"));
		ck_assert_int_eq(prepare(&p, PB_FORWARD, pattern, 3), -PB_E_SHAPE);
		plug_close(&p);
	}
}
END_TEST

START_TEST(mean_is_forward_only)
{
	static const uint8_t axes[] = {PB_AXIS_BATCH, PB_AXIS_POS, PB_AXIS_FEATURE};
	struct plug p;
	plug_open(&p, PB_KIND_SETTER, "mean", 0, "split: train");
	ck_assert_uint_eq(pb_setter_ops(p.instance)->source, PB_SOURCE_MEAN);
	ck_assert_ok(prepare(&p, PB_FORWARD, axes, 3));
	ck_assert_int_eq(prepare(&p, PB_BACKWARD, axes, 3), -PB_E_UNSUPPORTED);
	plug_close(&p);
	plug_refuses(PB_KIND_SETTER, "mean", "{}", PARTS("split"));
}
END_TEST

START_TEST(zero_sets_to_zero)
{
	static const double zeros[COUNT];
	struct bench b;
	bench_open(&b, "zero", "{}");
	bench_select(&b, PB_AXIS_HEAD, 0);
	ck_assert_ok(call(&b, false, 0));
	check_only_changed(&b, -1, 0, zeros);
	plug_close(&b.plug);
}
END_TEST

/* What noise must be: numbered row-major in the region, seeded with experiment + parameter. */
static void expect_noise(double *expected, int pos, uint64_t seed, uint64_t stream, double mean, double std)
{
	for (int i = 0; i < HEAD * WIDTH; i++)
		expected[pos * HEAD * WIDTH + i] = mean + std * pb_random_normal(seed, stream, (uint64_t)i);
}

static void check_near(const struct bench *b, int pos, const double *expected)
{
	for (int i = 0; i < COUNT; i++) {
		bool inside = i / (HEAD * WIDTH) == pos;
		double wanted = inside ? expected[i] : b->before[i];
		ck_assert_double_eq_tol(b->target[i], wanted, 1e-12);
	}
}

START_TEST(noise_replaces)
{
	struct bench b;
	double expected[COUNT] = {0};
	bench_open(&b, "noise", "{mean: 3, std: 0.5, seed: 4}");
	bench_select(&b, PB_AXIS_POS, 1);
	ck_assert_ok(call(&b, false, 99));
	expect_noise(expected, 1, 11 + 4, 99, 3, 0.5);
	check_near(&b, 1, expected);
	/* A constant's gradient. */
	ck_assert_ok(call(&b, true, 99));
	memset(expected, 0, sizeof expected);
	check_near(&b, 1, expected);
	plug_close(&b.plug);
}
END_TEST

START_TEST(noise_adds)
{
	struct bench b;
	double expected[COUNT] = {0};
	bench_open(&b, "noise", "{std: 2, mode: add}");
	bench_select(&b, PB_AXIS_POS, 3);
	ck_assert_ok(call(&b, false, 5));
	expect_noise(expected, 3, 11, 5, 0, 2);
	for (int i = 0; i < COUNT; i++)
		expected[i] += b.before[i];
	check_near(&b, 3, expected);
	/* Its gradient passes unchanged. */
	ck_assert_ok(call(&b, true, 5));
	check_near(&b, 3, expected);
	plug_close(&b.plug);
}
END_TEST

START_TEST(ablations_take_any_axes)
{
	static const char *const names[] = {"zero", "noise"};
	for (int i = 0; i < 2; i++) {
		struct plug p;
		plug_open(&p, PB_KIND_SETTER, names[i], 0, "{}");
		ck_assert_uint_eq(pb_setter_ops(p.instance)->flags, PB_SETTER_FREE_AXES);
		ck_assert_uint_eq(pb_setter_ops(p.instance)->source, PB_SOURCE_NONE);
		plug_close(&p);
	}
	plug_refuses(PB_KIND_SETTER, "noise", "std: -1", PARTS("test.yaml:1:6", "std"));
}
END_TEST

START_TEST(a_target_of_another_shape_is_an_error)
{
	struct bench b;
	bench_open(&b, "layer", "{}");
	ck_assert_ok(pb_view_select(&b.target_view, PB_AXIS_POS, 0, &b.target_view));
	ck_assert_int_eq(call(&b, false, 0), -PB_E_SHAPE);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "[1, 1, 2, 3]"));
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "[1, 4, 2, 3]"));
	plug_close(&b.plug);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("setters");
	TCase *t = tcase_create("setters");
	tcase_add_test(t, replace_the_region_and_no_more);
	tcase_add_test(t, axes_and_effects);
	tcase_add_test(t, pattern_setters_want_a_pattern);
	tcase_add_test(t, mean_is_forward_only);
	tcase_add_test(t, zero_sets_to_zero);
	tcase_add_test(t, noise_replaces);
	tcase_add_test(t, noise_adds);
	tcase_add_test(t, ablations_take_any_axes);
	tcase_add_test(t, a_target_of_another_shape_is_an_error);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
