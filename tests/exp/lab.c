/* lab.c: reads, plans, stirs, runs. */
#include "exp/lab.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "base/status.h"
#include "support/device.h"
#include "support/support.h"

static const char *write_text(const char *yaml)
{
	static char path[4096];
	static int number;
	snprintf(path, sizeof path, "%s/experiment-%d.yaml", pb_test_dir(), number++);
	ck_assert_ok(pb_file_write(path, yaml, strlen(yaml)));
	return path;
}

void lab_plan(struct lab *lab, const char *yaml, int threads)
{
	lab_plan_with(lab, yaml, NULL, threads);
}

void lab_plan_with(struct lab *lab, const char *yaml, const char *set, int threads)
{
	const char *sets[] = {set, NULL};
	const char *engine = getenv("PB_TEST_ENGINE");
	memset(lab, 0, sizeof *lab);
	lab->options.kind = engine && !strcmp(engine, "reference") ? PB_ENGINE_REFERENCE : PB_ENGINE_AUTO;
	ck_assert_ok(pb_test_device(threads, &lab->device));
	ck_assert_msg(!pb_config_read(write_text(yaml), sets, &lab->config), "%s\n%s", pb_error_text(), yaml);
	ck_assert_msg(!pb_plan_make(&lab->config, &lab->device, &lab->plan), "%s\n%s", pb_error_text(), yaml);
}

/* W_* as initialised times 1.6 (W_U times 0.5: no answer is out of question); other values moved by 0.3 of a normal
 * number. */
static void stir_one(struct lab *lab, int id, uint64_t seed)
{
	const struct pb_view *view = &lab->weights.views[id];
	const struct pb_param_info *info = &lab->plan.model.table.items[id];
	double *values = malloc((size_t)info->count * sizeof *values);
	double scale = strstr(info->name, ".W_U") ? 0.5 : 1.6;
	ck_assert_ptr_nonnull(values);
	ck_assert_ok(pb_view_read(&lab->device, view, values));
	for (int64_t i = 0; i < info->count; i++)
		values[i] =
			strstr(info->name, ".W_")
				? scale * values[i]
				: values[i] + 0.3 * pb_random_normal(seed, pb_random_stream(info->name), (uint64_t)i);
	ck_assert_ok(pb_view_write(&lab->device, view, values));
	free(values);
}

void lab_weights(struct lab *lab, uint64_t stir)
{
	ck_assert_ok(pb_weights_start(&lab->plan, &lab->weights));
	lab->has_weights = true;
	for (int i = 0; stir && i < lab->plan.model.table.n; i++)
		stir_one(lab, i, stir);
}

void lab_engine(struct lab *lab)
{
	ck_assert_int_ge(lab->plan.unit, 0);
	ck_assert_ok(pb_data_probe(&lab->plan, lab->plan.unit, &lab->probe));
	lab_open(lab);
}

void lab_open(struct lab *lab)
{
	ck_assert_ok(pb_means_make(&lab->plan, &lab->weights, &lab->means));
	ck_assert_ok(pb_engine_open(&lab->engine, &lab->plan, &lab->weights, &lab->means, &lab->probe, 1,
				    &lab->options));
	lab->has_engine = true;
}

void lab_close(struct lab *lab)
{
	if (lab->has_engine) {
		pb_engine_close(&lab->engine);
		pb_means_finish(&lab->means);
	}
	if (lab->has_weights)
		pb_params_finish(&lab->weights);
	pb_arena_finish(&lab->arena);
	pb_plan_finish(&lab->plan);
	pb_config_finish(&lab->config);
	pb_device_close(&lab->device);
}

const struct pb_plan_sweep *lab_sweep(const struct lab *lab, const char *name)
{
	for (size_t i = 0; i < lab->plan.n_sweeps; i++)
		if (!strcmp(lab->plan.sweeps[i].config->name, name))
			return &lab->plan.sweeps[i];
	ck_abort_msg("no sweep `%s`", name);
}

struct pb_result_sweep lab_run(struct lab *lab, const char *name)
{
	struct pb_result_sweep result;
	size_t done;
	const struct pb_plan_sweep *sweep = lab_sweep(lab, name);
	ck_assert_ok(pb_sweep_run(&lab->engine, sweep, NULL, NULL, &lab->arena, &result, &done));
	ck_assert_uint_eq(done, sweep->n_cells);
	ck_assert_uint_gt(done, 0);
	return result;
}

bool lab_noted(const struct pb_result_sweep *result, const char *fragment)
{
	for (size_t i = 0; i < result->n_notes; i++)
		if (strstr(result->notes[i], fragment))
			return true;
	return false;
}

void lab_refused(const char *yaml, const char *fragment)
{
	static struct pb_config config;
	static struct pb_plan plan;
	struct pb_device device;
	ck_assert_ok(pb_test_device(1, &device));
	int rc = pb_config_read(write_text(yaml), NULL, &config);
	if (!rc && !(rc = pb_plan_make(&config, &device, &plan)))
		pb_plan_finish(&plan);
	ck_assert_msg(rc, "accepted:\n%s", yaml);
	ck_assert_msg(strstr(pb_error_text(), fragment), "no `%s` in: %s", fragment, pb_error_text());
	pb_config_finish(&config);
	pb_device_close(&device);
}

void lab_near(double a, double b, double tolerance, const char *format, ...)
{
	char what[512];
	va_list args;
	if (a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= tolerance * fmax(1.0, fmax(fabs(a), fabs(b))))
		return;
	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	ck_abort_msg("%s: %.17g against %.17g (tolerance %g)", what, a, b, tolerance);
}
