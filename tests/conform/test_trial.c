/* test_trial.c: what a trial says of each mistake that a call can make. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "conform/trial.h"
#include "support/support.h"
#include "tensor/tensor.h"

enum { B = 2, P = 3, D = 4, COUNT = B * P * D, ROWS = 3, VOCAB = 5 };

/* A plugin that crashed keeps what it had. */
#if defined(__SANITIZE_ADDRESS__)
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

struct plugin {
	struct pb_loaded *loaded;
	struct pb_device device;
	struct pb_instance *instance;
};

static void open_plugin(struct plugin *p, const char *file)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s.so", getenv("PATCHBAY_BUILD"), file);
	ck_assert_ok(pb_loaded_read(path, &p->loaded));
	ck_assert_ok(pb_loaded_open(p->loaded));
	ck_assert_ok(pb_device_open_cpu(1, &p->device));
	ck_assert_ok(pb_instance_create(p->loaded, NULL, NULL, NULL, 1, NULL, &p->device, &p->instance));
}

static void close_plugin(struct plugin *p)
{
	pb_instance_destroy(p->instance);
	pb_device_close(&p->device);
	pb_loaded_close(p->loaded);
}

static struct pb_view tensor_of(double *data)
{
	struct pb_view view = pb_view_over(data, PB_F64, 3, (int64_t[]){B, P, D});
	memcpy(view.axis, (uint8_t[]){PB_AXIS_BATCH, PB_AXIS_POS, PB_AXIS_FEATURE}, 3);
	return view;
}

static int try_adjoint(struct pb_instance *instance, const struct pb_setter_call *call)
{
	int rc = pb_trial_setter(instance, call, true);
	return rc ? rc : pb_trial_transpose(instance, call);
}

/* At one position; nothing of what is handed in may change. */
static int try_setter(const char *file, int64_t pos, bool adjoint)
{
	struct plugin p;
	double x[COUNT], y[COUNT], kept[COUNT];
	struct pb_view whole = tensor_of(x), from = tensor_of(y), target, source;
	for (int i = 0; i < COUNT; i++) {
		kept[i] = x[i] = i;
		y[i] = 100 + i;
	}
	ck_assert_ok(pb_view_slice(&whole, 1, pos, 1, &target));
	ck_assert_ok(pb_view_slice(&from, 1, pos, 1, &source));
	source.flags = whole.flags = PB_VIEW_READONLY;
	struct pb_setter_call call = {
		.struct_size = sizeof call,
		.hook = "blocks.0.hook_resid_pre",
		.n_index = 2,
		.index = (int64_t[]){0, pos},
		.activation = &whole,
		.target = &target,
		.source = &source,
	};
	open_plugin(&p, file);
	int rc = adjoint ? try_adjoint(p.instance, &call) : pb_trial_setter(p.instance, &call, false);
	ck_assert_int_eq(memcmp(x, kept, sizeof x), 0);
	close_plugin(&p);
	return rc;
}

static void check_text(int rc, int expected, const char *file, const char *part)
{
	ck_assert_msg(rc == expected, "%s: %d %s", file, rc, pb_error_text());
	ck_assert_msg(strstr(pb_error_text(), part) != NULL, "%s: no `%s` in: %s", file, part, pb_error_text());
}

static const struct mistake {
	const char *name, *text;
	int64_t pos;
	int status;
} setters[] = {
	{"behind",
	 "setter faulty_behind: apply at blocks.0.hook_resid_pre wrote to memory right behind the end of the "
	 "tensor of `target`: a mistake of the plugin, /",
	 P - 1, PB_E_PLUGIN},
	{"behind", "wrote outside the region, in `activation` element [1, 1, 0]: it was 16 and is 7 now", 0,
	 PB_E_PLUGIN},
	{"before", "wrote to memory 8 bytes in front of the tensor of `target`", 0, PB_E_PLUGIN},
	{"before", "wrote outside the region, in `activation` element [0, 0, 3]: it was 3 and is 7 now", 1,
	 PB_E_PLUGIN},
	{"far", "wrote to memory 8192 bytes behind the end of the tensor of `target`", P - 1, PB_E_PLUGIN},
	{"source", "apply at blocks.0.hook_resid_pre wrote to `source`, which is read-only, element [1, 0, 3]", 1,
	 PB_E_PLUGIN},
	{"activation", "wrote to `activation`, which is read-only, element [0, 0, 0]", 1, PB_E_PLUGIN},
	{"call", "changed the `call` itself", 1, PB_E_PLUGIN},
	{"read", "read memory right behind the end of the tensor of `source`", P - 1, PB_E_PLUGIN},
	{"nan", "nan to `target` element [0, 0, 1], where the inputs are finite", 1, PB_E_NUMERIC},
	{"inf", "inf to `target` element [0, 0, 1], where the inputs are finite", 1, PB_E_NUMERIC},
	{"counts", "gave 105 in `target` element [0, 0, 0], and 106 when it was called again", 1, PB_E_PLUGIN},
	{"crash_apply", "setter faulty_crash_apply: apply crashed: SIGSEGV at address 0x10", 1, PB_E_PLUGIN},
	{"params", "setter faulty_params: apply wrote to its parameters: a mistake of the plugin, /", 1, PB_E_PLUGIN},
	{"silent", "apply failed without a reason (value out of range)", 1, PB_E_RANGE},
};

START_TEST(setter_mistakes)
{
	char file[128];
	snprintf(file, sizeof file, "tests/plugins/faulty/faulty_%s", setters[_i].name);
	check_text(try_setter(file, setters[_i].pos, false), -setters[_i].status, file, setters[_i].text);
}
END_TEST

START_TEST(wrong_transpose)
{
	static const char file[] = "tests/plugins/faulty/faulty_adjoint";
	check_text(try_setter(file, 1, true), -PB_E_PLUGIN, file, "adjoint is not the transpose of apply");
}
END_TEST

START_TEST(good_setters)
{
	ck_assert_ok(try_setter("tests/plugins/faulty/faulty_none", 1, false));
	ck_assert_ok(try_setter("plugins/template/setter_placeholder", 1, false));
	ck_assert_ok(try_setter("plugins/template/setter_placeholder", 2, true));
	ck_assert_ok(try_setter("plugins/setter_noise", 0, false));
	ck_assert_ok(try_setter("plugins/setter_zero", 0, false));
}
END_TEST

/* A source that stands for every example; scores that are masked; no source. */
START_TEST(unusual_inputs)
{
	struct plugin p;
	double x[COUNT], y[COUNT];
	struct pb_view whole = tensor_of(x), source = tensor_of(y);
	struct pb_setter_call call = {.struct_size = sizeof call,
				      .hook = "blocks.0.hook_resid_pre",
				      .activation = &whole,
				      .target = &whole};
	for (int i = 0; i < COUNT; i++)
		x[i] = y[i] = i;
	source.stride[0] = 0;
	call.source = &source;
	open_plugin(&p, "tests/plugins/faulty/faulty_none");
	ck_assert_ok(pb_trial_setter(p.instance, &call, false));
	y[2] = -INFINITY;
	ck_assert_ok(pb_trial_setter(p.instance, &call, false));
	close_plugin(&p);
	open_plugin(&p, "tests/plugins/faulty/faulty_inf");
	x[1] = INFINITY;
	y[2] = 2;
	ck_assert_ok(pb_trial_setter(p.instance, &call, false));
	close_plugin(&p);
	call.source = NULL;
	open_plugin(&p, "plugins/setter_noise");
	ck_assert_ok(pb_trial_setter(p.instance, &call, false));
	close_plugin(&p);
}
END_TEST

static int try_metric(const char *file, bool adjoint)
{
	static const int32_t answer[ROWS] = {2, 0, 4}, distractor[ROWS] = {1, 1, 1};
	struct plugin p;
	double logits[ROWS * VOCAB], reference[ROWS * VOCAB];
	struct pb_metric_batch batch = {
		.struct_size = sizeof batch,
		.n_rows = ROWS,
		.d_vocab = VOCAB,
		.logits = logits,
		.answer = answer,
		.distractor = distractor,
		.reference = reference,
	};
	for (int i = 0; i < ROWS * VOCAB; i++) {
		logits[i] = 1 + i % 7;
		reference[i] = i % 5;
	}
	open_plugin(&p, file);
	int rc = pb_trial_metric(p.instance, &batch, adjoint);
	close_plugin(&p);
	return rc;
}

static const struct {
	const char *name, *text;
	bool adjoint;
	int status; /* or PB_TRIAL_CONTRADICTED, negated */
} metrics[] = {
	{"skips", "metric faulty_skips: score left `ret_score` element [2] unwritten", false, PB_E_PLUGIN},
	{"input", "score wrote to `logits`, which is read-only, element [0, 1]", false, PB_E_PLUGIN},
	{"answers", "score read memory right behind the end of the tensor of `answer`", false, PB_E_PLUGIN},
	{"score", "nan to `ret_score` element [1], where the inputs are finite", false, PB_E_NUMERIC},
	{"slope", "adjoint of row 0 has the slope -12 towards the answer's logit, but differences of the score have 12",
	 true, -PB_TRIAL_CONTRADICTED},
	{"weights", "adjoint of row 0 has the slope 6 towards the answer's logit, but differences of the score have 12",
	 true, -PB_TRIAL_CONTRADICTED},
	{"logit", "adjoint left `ret_dlogits` element [0, 0] unwritten", true, PB_E_PLUGIN},
	{"calls", "gave 10 in `ret_score` element [0], and 11 when it was called again", false, PB_E_PLUGIN},
};

START_TEST(metric_mistakes)
{
	char file[128];
	snprintf(file, sizeof file, "tests/plugins/faulty/faulty_%s", metrics[_i].name);
	check_text(try_metric(file, metrics[_i].adjoint), -metrics[_i].status, file, metrics[_i].text);
}
END_TEST

START_TEST(good_metrics)
{
	static const char *const files[] = {"plugins/metric_cross_entropy", "plugins/metric_correct_logit",
					    "plugins/metric_logit_difference", "plugins/template/metric_placeholder",
					    "plugins/examples/metric_kl_divergence"};
	for (size_t i = 0; i < PB_COUNT(files); i++) {
		ck_assert_ok(try_metric(files[i], false));
		ck_assert_ok(try_metric(files[i], true));
	}
	ck_assert_ok(try_metric("plugins/metric_accuracy", false));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("trial");
	TCase *t = tcase_create("trial");
	tcase_add_loop_test(t, setter_mistakes, 0, (int)PB_COUNT(setters));
	tcase_add_test(t, wrong_transpose);
	tcase_add_test(t, good_setters);
	tcase_add_test(t, unusual_inputs);
	tcase_add_loop_test(t, metric_mistakes, 0, (int)PB_COUNT(metrics));
	tcase_add_test(t, good_metrics);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
