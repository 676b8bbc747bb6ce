/* test_cache.c: the golden model's forward and backward passes, point by point, against PyTorch's.
 *
 * Tolerances are of a tensor's largest value, or of 0.1 where all of it is smaller: some gradients are zero but for
 * rounding.
 * - float64, 1e-11: expected.json prints 12 significant digits, so a value is off by up to 5e-12 before anything is
 *   computed; two float64 runs that add up in another order differ by far less.
 * - float32, 2e-5: the largest error seen is 1.5e-6, ten times what single operations round by. A wrong formula
 * (another eps, tanh for erf, a forgotten scale) is off by more than 1e-4.
 */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "ckpt/model_load.h"
#include "hook/cache.h"
#include "support/device.h"
#include "support/support.h"

enum { MAX_PARAMS = 64, MAX_VALUES = 4096 };

/* One precision and one file of the same model. */
static const struct {
	const char *file;
	uint32_t dtype;
	double tolerance;
} runs[] = {
	{"model_1.pt", PB_F64, 1e-11},
	{"model_1.pt", PB_F32, 2e-5},
	{"model_1_legacy.pt", PB_F64, 1e-11},
};
enum { N_RUNS = sizeof runs / sizeof *runs };

static json_t *expected;
static struct pb_device device;
static struct pb_model model;
static struct pb_params params, grads;
static struct pb_dense_sink sink;
static bool present[MAX_PARAMS];
static struct pb_tape tape;
static struct pb_bus bus;
static double tolerance;

static void open_run(int i)
{
	struct pb_ckpt ckpt;
	struct pb_model_config config = {.act_fn = PBK_RELU, .eps = 1e-5};
	ck_assert_ptr_nonnull(expected = json_load_file(pb_test_golden("expected.json"), 0, NULL));
	ck_assert_ok(pb_ckpt_read(pb_test_golden(runs[i].file), &ckpt));
	ck_assert_ok(pb_ckpt_model_config(&ckpt, &config));
	ck_assert_ok(pb_test_device(1, &device));
	ck_assert_ok(pb_model_init(&model, &config));
	ck_assert_int_le(model.table.n, MAX_PARAMS);
	ck_assert_ok(pb_params_init(&params, &model.table, &device, runs[i].dtype));
	ck_assert_ok(pb_params_init(&grads, &model.table, &device, runs[i].dtype));
	ck_assert_ok(pb_ckpt_load_params(&ckpt, &params));
	pb_ckpt_finish(&ckpt);
	pb_tape_init(&tape, &device, runs[i].dtype);
	pb_bus_init(&bus, &model.sites);
	tolerance = runs[i].tolerance;
}

static void close_run(void)
{
	pb_bus_finish(&bus);
	pb_tape_finish(&tape);
	pb_params_finish(&grads);
	pb_params_finish(&params);
	pb_model_finish(&model);
	pb_device_close(&device);
	json_decref(expected);
}

/* Expected values. */

static void flatten(const json_t *json, double *values, int64_t *n)
{
	if (json_is_array(json)) {
		for (size_t i = 0; i < json_array_size(json); i++)
			flatten(json_array_get(json, i), values, n);
		return;
	}
	if (*n == MAX_VALUES)
		ck_abort_msg("more than %d values", MAX_VALUES);
	values[(*n)++] = json_is_null(json) ? -INFINITY : json_number_value(json);
}

static void check_values(const char *name, const double *got, const json_t *json, int64_t count)
{
	static double want[MAX_VALUES];
	int64_t n = 0;
	double scale = 0.1;
	flatten(json, want, &n);
	ck_assert_msg(n == count, "%s: %lld values, not %lld", name, (long long)count, (long long)n);
	for (int64_t i = 0; i < n; i++)
		scale = isinf(want[i]) ? scale : fmax(scale, fabs(want[i]));
	for (int64_t i = 0; i < n; i++)
		if (got[i] != want[i] && !(fabs(got[i] - want[i]) <= tolerance * scale))
			ck_abort_msg("%s, value %lld is %.12g, not %.12g (largest %g)", name, (long long)i, got[i],
				     want[i], scale);
}

static void check_view(const char *name, const struct pb_view *view, const json_t *json)
{
	static double got[MAX_VALUES];
	ck_assert_int_le(pb_view_count(view), MAX_VALUES);
	ck_assert_ok(pb_view_read(&device, view, got));
	check_values(name, got, json, pb_view_count(view));
}

/* Runs. */

static void read_tokens(const json_t *json, int32_t *tokens, int64_t *ret_b)
{
	double values[MAX_VALUES];
	int64_t n = 0;
	flatten(json, values, &n);
	for (int64_t i = 0; i < n; i++)
		tokens[i] = (int32_t)values[i];
	*ret_b = n / 4;
}

static struct pb_var *forward(const int32_t *tokens, int64_t b)
{
	struct pb_var *logits = NULL;
	struct pb_forward pass = {
		.tape = &tape, .bus = &bus, .weights = &params.weights, .tokens = tokens, .b = b, .p = 4};
	pb_dense_sink_init(&sink, &device, &tape.arena, model.table.n, grads.views, present);
	pb_tape_reset(&tape, &sink.base);
	ck_assert_ok(pb_model_forward(&model, &pass, &logits));
	return logits;
}

/* The loss of a definition: cross entropy of token 2 by the logits at position 1. Its gradient, softmax - onehot, is
 * zero at the other positions. */
static double seed_of(const struct pb_var *logits, int32_t answer, struct pb_view *ret_seed)
{
	const int64_t v = model.config.d_vocab;
	double values[MAX_VALUES], largest = -INFINITY, total = 0;
	ck_assert_ok(pb_view_read(&device, &logits->value, values));
	double *row = values + v, loss = row[answer];
	for (int64_t j = 0; j < v; j++)
		largest = fmax(largest, row[j]);
	for (int64_t j = 0; j < v; j++)
		total += exp(row[j] - largest);
	loss = largest + log(total) - loss;
	for (int64_t j = 0; j < 4 * v; j++)
		values[j] = j < v || j >= 2 * v ? 0 : exp(values[j] - largest) / total - (j - v == answer);
	ck_assert_ok(pb_tensor_clone(&tape.pool, &logits->value, ret_seed));
	ck_assert_ok(pb_view_write(&device, ret_seed, values));
	return loss;
}

/* Forward, loss and backward of one definition; the cache sees all of it. */
static double run_definition(const char *which, struct pb_cache *cache)
{
	int32_t tokens[4];
	int64_t b;
	struct pb_view seed;
	read_tokens(json_object_get(expected, which), tokens, &b);
	ck_assert_int_eq(b, 1);
	ck_assert_ok(pb_cache_init(cache, &device, &model.sites));
	ck_assert_ok(pb_cache_want(cache, "*", true, true));
	ck_assert_ok(pb_cache_attach(cache, &bus));
	struct pb_var *logits = forward(tokens, 1);
	double loss = seed_of(logits, tokens[2], &seed);
	ck_assert_ok(pb_tape_backward(&tape, logits, &seed));
	return loss;
}

static void check_number(const char *name, double got, const json_t *json)
{
	ck_assert_ptr_nonnull(json);
	check_values(name, &got, json, 1);
}

/* Each value of the JSON object, and nothing that it lacks. */
static void check_cache(const struct pb_cache *cache, const char *which, int n_expected)
{
	const json_t *value;
	const char *name;
	int n = 0;
	json_object_foreach(json_object_get(expected, which), name, value)
	{
		char point[128];
		size_t length = strlen(name);
		bool backward = length > 5 && !strcmp(name + length - 5, "_grad");
		ck_assert_uint_lt(length, sizeof point);
		memcpy(point, name, length + 1);
		if (backward)
			point[length - 5] = '\0';
		const struct pb_view *view =
			pb_cache_get(cache, pb_sites_find(&model.sites, point), backward ? PB_BACKWARD : PB_FORWARD);
		ck_assert_msg(view != NULL, "%s is not in the cache", name);
		check_view(name, view, value);
		n++;
	}
	ck_assert_int_eq(n, n_expected);
}

START_TEST(logits_of_questions)
{
	const json_t *logits = json_object_get(expected, "logits");
	int32_t tokens[MAX_VALUES];
	int64_t b;
	read_tokens(json_object_get(logits, "tokens"), tokens, &b);
	check_view("logits", &forward(tokens, b)->value, json_object_get(logits, "values"));
}
END_TEST

START_TEST(the_clean_run_s_activations_and_gradients)
{
	struct pb_cache cache;
	double loss = run_definition("clean_tokens", &cache);
	check_number("loss", loss, json_object_get(json_object_get(expected, "loss"), "clean"));
	check_cache(&cache, "clean_cache", 110);
	pb_cache_finish(&cache);
}
END_TEST

START_TEST(the_corrupted_run_s_activations)
{
	struct pb_cache cache;
	double loss = run_definition("corrupted_tokens", &cache);
	check_number("loss", loss, json_object_get(json_object_get(expected, "loss"), "corrupted"));
	check_cache(&cache, "corrupted_cache", 55);
	pb_cache_finish(&cache);
}
END_TEST

static double squares_of(int id)
{
	static double values[MAX_VALUES];
	double squares = 0;
	ck_assert_int_le(model.table.items[id].count, MAX_VALUES);
	ck_assert_ok(pb_view_read(&device, &grads.views[id], values));
	for (int64_t i = 0; i < model.table.items[id].count; i++)
		squares += values[i] * values[i];
	return squares;
}

START_TEST(norms_of_the_parameters_gradients)
{
	const json_t *norms = json_object_get(expected, "clean_param_grad_norms");
	const json_t *update = json_object_get(expected, "update");
	struct pb_cache cache;
	double total = 0;
	run_definition("clean_tokens", &cache);
	ck_assert_uint_eq(json_object_size(norms), (size_t)model.table.n);
	for (int id = 0; id < model.table.n; id++) {
		const char *name = model.table.items[id].name;
		ck_assert_msg(present[id], "%s has no gradient", name);
		check_number(name, sqrt(squares_of(id)), json_object_get(norms, name));
		total += squares_of(id);
	}
	check_number("all", sqrt(total), json_object_get(update, "clean_grad_norm"));
	pb_cache_finish(&cache);
}
END_TEST

/* One test case per run, as a fixture takes no argument. */
#define RUN(i)                                                                                                         \
	static void open_##i(void)                                                                                     \
	{                                                                                                              \
		open_run(i);                                                                                           \
	}
RUN(0)
RUN(1)
RUN(2)

int main(void)
{
	static void (*const open[N_RUNS])(void) = {open_0, open_1, open_2};
	Suite *suite = suite_create("golden cache");
	for (int i = 0; i < N_RUNS; i++) {
		TCase *run = tcase_create(runs[i].dtype == PB_F64 ? runs[i].file : "model_1.pt in float32");
		tcase_add_checked_fixture(run, open[i], close_run);
		tcase_add_test(run, logits_of_questions);
		tcase_add_test(run, the_clean_run_s_activations_and_gradients);
		tcase_add_test(run, the_corrupted_run_s_activations);
		tcase_add_test(run, norms_of_the_parameters_gradients);
		suite_add_tcase(suite, run);
	}
	return pb_test_run(suite, NULL);
}
