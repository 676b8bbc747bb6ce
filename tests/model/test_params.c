/* test_params.c: what a model can be, which parameters it has, and their initial values. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "model/model.h"
#include "support/device.h"
#include "support/support.h"

/* Sizes that are all different, so that no two axes can be mistaken for each other. */
static const struct pb_model_config small = {
        .n_layers = 1, .d_model = 11, .d_head = 3, .n_heads = 2, .d_mlp = 5, .n_ctx = 7, .d_vocab = 13, .eps = 1e-5};
static const struct pb_model_config golden = {
        .n_layers = 3, .d_model = 48, .d_head = 12, .n_heads = 4, .d_mlp = 64, .n_ctx = 5, .d_vocab = 64, .eps = 1e-5};

/* A huge allocation is refused, not fatal, when the address sanitizer allocates. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static struct pb_device device;

static void open_device(void)
{
	ck_assert_ok(pb_test_device(1, &device));
}

static void close_device(void)
{
	pb_device_close(&device);
}

/* Configurations. */

START_TEST(sizes_must_be_positive_and_sane)
{
	const struct {
		const char *name;
		size_t offset;
	} fields[] = {
	        {"n_layers", offsetof(struct pb_model_config, n_layers)},
	        {"d_model", offsetof(struct pb_model_config, d_model)},
	        {"d_head", offsetof(struct pb_model_config, d_head)},
	        {"n_heads", offsetof(struct pb_model_config, n_heads)},
	        {"d_mlp", offsetof(struct pb_model_config, d_mlp)},
	        {"n_ctx", offsetof(struct pb_model_config, n_ctx)},
	        {"d_vocab", offsetof(struct pb_model_config, d_vocab)},
	};
	const int64_t bad[] = {0, -1, INT64_MIN, INT64_MAX, (int64_t)1 << 32};
	ck_assert_ok(pb_model_config_check(&small));
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		for (size_t j = 0; j < sizeof bad / sizeof *bad; j++) {
			struct pb_model_config config = small;
			struct pb_model model;
			memcpy((char *)&config + fields[i].offset, &bad[j], sizeof bad[j]);
			ck_assert_int_eq(pb_model_config_check(&config), -PB_E_RANGE);
			ck_assert_ptr_nonnull(strstr(pb_error_text(), fields[i].name));
			ck_assert_int_eq(pb_model_init(&model, &config), -PB_E_RANGE);
		}
}
END_TEST

START_TEST(attn_only_needs_no_d_mlp)
{
	struct pb_model_config config = small;
	config.d_mlp = 0;
	ck_assert_int_eq(pb_model_config_check(&config), -PB_E_RANGE);
	config.attn_only = true;
	ck_assert_ok(pb_model_config_check(&config));
}
END_TEST

START_TEST(a_model_beyond_all_measure_is_refused)
{
	struct pb_model_config config = small;
	config.d_model = config.d_vocab = 1 << 24;
	ck_assert_int_eq(pb_model_config_check(&config), -PB_E_RANGE);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "2^40"));
	config = small;
	config.n_heads = config.d_head = 1 << 24;
	ck_assert_int_eq(pb_model_config_check(&config), -PB_E_RANGE);
}
END_TEST

START_TEST(eps_must_be_a_small_number)
{
	const double bad[] = {-1e-5, NAN, INFINITY, 2};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct pb_model_config config = small;
		config.eps = bad[i];
		ck_assert_int_eq(pb_model_config_check(&config), -PB_E_RANGE);
	}
}
END_TEST

START_TEST(names_of_options_are_those_of_transformer_lens)
{
	ck_assert_str_eq(pb_act_names[PBK_RELU], "relu");
	ck_assert_str_eq(pb_act_names[PBK_GELU], "gelu");
	ck_assert_str_eq(pb_act_names[PBK_GELU_NEW], "gelu_new");
	ck_assert_str_eq(pb_act_names[PBK_SILU], "silu");
	ck_assert_str_eq(pb_normalization_names[PB_NORM_LN], "LN");
	ck_assert_str_eq(pb_normalization_names[PB_NORM_LNPRE], "LNPre");
	ck_assert_str_eq(pb_normalization_names[PB_NORM_NONE], "none");
}
END_TEST

/* The table. */

START_TEST(names_and_order_are_those_of_the_golden_model)
{
	struct pb_param_table table;
	json_t *root = json_load_file(pb_test_golden("expected.json"), 0, NULL), *norm;
	const char *name;
	int at = 0;
	ck_assert_ptr_nonnull(root);
	ck_assert_ok(pb_param_table_init(&table, &golden));
	json_object_foreach(json_object_get(root, "clean_param_grad_norms"), name, norm)
	{
		ck_assert_int_lt(at, table.n);
		ck_assert_str_eq(table.items[at].name, name);
		ck_assert_int_eq(pb_param_find(&table, name), at);
		at++;
	}
	ck_assert_int_eq(at, 54);
	ck_assert_int_eq(at, table.n);
	ck_assert_int_eq(pb_param_find(&table, "blocks.3.attn.W_Q"), -1);
	json_decref(root);
	pb_param_table_finish(&table);
}
END_TEST

static const struct {
	const char *name;
	int rank;
	int64_t shape[3];
	int layer;
} shapes[] = {
        {"embed.W_E", 2, {13, 11}, -1},
        {"pos_embed.W_pos", 2, {7, 11}, -1},
        {"blocks.0.ln1.w", 1, {11}, 0},
        {"blocks.0.ln1.b", 1, {11}, 0},
        {"blocks.0.ln2.w", 1, {11}, 0},
        {"blocks.0.ln2.b", 1, {11}, 0},
        {"blocks.0.attn.W_Q", 3, {2, 11, 3}, 0},
        {"blocks.0.attn.W_O", 3, {2, 3, 11}, 0},
        {"blocks.0.attn.b_Q", 2, {2, 3}, 0},
        {"blocks.0.attn.b_O", 1, {11}, 0},
        {"blocks.0.attn.W_K", 3, {2, 11, 3}, 0},
        {"blocks.0.attn.W_V", 3, {2, 11, 3}, 0},
        {"blocks.0.attn.b_K", 2, {2, 3}, 0},
        {"blocks.0.attn.b_V", 2, {2, 3}, 0},
        {"blocks.0.mlp.W_in", 2, {11, 5}, 0},
        {"blocks.0.mlp.b_in", 1, {5}, 0},
        {"blocks.0.mlp.W_out", 2, {5, 11}, 0},
        {"blocks.0.mlp.b_out", 1, {11}, 0},
        {"ln_final.w", 1, {11}, -1},
        {"ln_final.b", 1, {11}, -1},
        {"unembed.W_U", 2, {11, 13}, -1},
        {"unembed.b_U", 1, {13}, -1},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static bool has(const struct pb_model_config *config, const char *name)
{
	if (config->normalization != PB_NORM_LN && strstr(name, "ln"))
		return false;
	return !config->attn_only || !(strstr(name, "ln2") || strstr(name, "mlp"));
}

static void check_table(const struct pb_model_config *config)
{
	struct pb_param_table table;
	int64_t end = 0;
	int at = 0;
	ck_assert_ok(pb_param_table_init(&table, config));
	for (int i = 0; i < N_SHAPES; i++) {
		if (!has(config, shapes[i].name))
			continue;
		const struct pb_param_info *p = &table.items[at++];
		int64_t count = 1;
		ck_assert_int_le(at, table.n);
		ck_assert_str_eq(p->name, shapes[i].name);
		ck_assert_int_eq(p->rank, shapes[i].rank);
		ck_assert_int_eq(p->layer, shapes[i].layer);
		for (int axis = 0; axis < p->rank; axis++) {
			ck_assert_int_eq(p->shape[axis], shapes[i].shape[axis]);
			count *= p->shape[axis];
		}
		ck_assert_int_eq(p->count, count);
		ck_assert_int_ge(p->offset, end); /* no overlap */
		ck_assert_int_eq(p->offset % 16, 0);
		end = p->offset + p->count;
	}
	ck_assert_int_eq(at, table.n);
	ck_assert_int_ge(table.count, end);
	pb_param_table_finish(&table);
}

START_TEST(shapes_are_those_of_transformer_lens_in_every_variant)
{
	for (int norm = PB_NORM_LN; norm <= PB_NORM_NONE; norm++)
		for (int attn_only = 0; attn_only < 2; attn_only++) {
			struct pb_model_config config = small;
			config.normalization = norm;
			config.attn_only = attn_only;
			check_table(&config);
		}
}
END_TEST

/* Values. */

static double *values_of(const struct pb_params *params, const char *name, int64_t *ret_count)
{
	int id = pb_param_find(params->table, name);
	ck_assert_int_ge(id, 0);
	*ret_count = params->table->items[id].count;
	double *values = calloc((size_t)*ret_count, sizeof *values);
	ck_assert_ok(pb_view_read(&device, &params->views[id], values));
	return values;
}

static void make(struct pb_params *params, struct pb_param_table *table, const struct pb_model_config *config,
                 uint32_t dtype, uint64_t seed)
{
	ck_assert_ok(pb_param_table_init(table, config));
	ck_assert_ok(pb_params_init(params, table, &device, dtype));
	ck_assert_ok(pb_params_initialise(params, config, seed));
}

static void drop(struct pb_params *params, struct pb_param_table *table)
{
	pb_params_finish(params);
	pb_param_table_finish(table);
}

/* Sample mean, deviation and kurtosis within 5 standard errors of a normal distribution's. */
static void check_normal(const char *name, const double *x, int64_t count, double std)
{
	double n = (double)count, mean = 0, variance = 0, fourth = 0;
	for (int64_t i = 0; i < count; i++)
		mean += x[i] / n;
	for (int64_t i = 0; i < count; i++) {
		variance += pow(x[i] - mean, 2) / n;
		fourth += pow((x[i] - mean) / std, 4) / n;
	}
	ck_assert_msg(fabs(mean) < 5 * std / sqrt(n), "%s: mean %g", name, mean);
	ck_assert_msg(fabs(sqrt(variance) / std - 1) < 5 / sqrt(2 * n), "%s: std %g", name, sqrt(variance));
	ck_assert_msg(fabs(fourth - 3) < 5 * sqrt(96 / n), "%s: kurtosis %g", name, fourth);
}

START_TEST(initial_values_are_transformer_lens_s)
{
	struct pb_param_table table;
	struct pb_params params;
	make(&params, &table, &golden, PB_F64, 42);
	for (int i = 0; i < table.n; i++) {
		const char *name = table.items[i].name, *leaf = strrchr(name, '.') + 1;
		int64_t count;
		double *x = values_of(&params, name, &count);
		if (!strncmp(leaf, "W_", 2))
			check_normal(name, x, count, 0.8 / sqrt(48));
		for (int64_t j = 0; strncmp(leaf, "W_", 2) && j < count; j++)
			ck_assert_double_eq(x[j], strcmp(leaf, "w") ? 0 : 1);
		free(x);
	}
	drop(&params, &table);
}
END_TEST

static bool same_values(const struct pb_params *a, const struct pb_params *b, const char *name_a, const char *name_b)
{
	int64_t n, m;
	double *x = values_of(a, name_a, &n), *y = values_of(b, name_b, &m);
	bool same = n == m && !memcmp(x, y, (size_t)n * sizeof *x);
	free(x);
	free(y);
	return same;
}

START_TEST(initial_values_depend_on_seed_and_name_alone)
{
	struct pb_param_table table, deeper_table;
	struct pb_params params, again, other, deeper;
	struct pb_model_config deeper_config = golden;
	deeper_config.n_layers = 5;
	make(&params, &table, &golden, PB_F64, 42);
	ck_assert_ok(pb_params_init(&again, &table, &device, PB_F64));
	ck_assert_ok(pb_params_init(&other, &table, &device, PB_F64));
	ck_assert_ok(pb_params_initialise(&again, &golden, 42));
	ck_assert_ok(pb_params_initialise(&other, &golden, 43));
	make(&deeper, &deeper_table, &deeper_config, PB_F64, 42);
	for (int i = 0; i < table.n; i++) {
		const char *name = table.items[i].name;
		bool random = strstr(name, ".W_") != NULL;
		ck_assert(same_values(&params, &again, name, name));
		ck_assert(same_values(&params, &deeper, name, name));
		ck_assert(same_values(&params, &other, name, name) == !random);
	}
	ck_assert(!same_values(&params, &params, "blocks.0.attn.W_Q", "blocks.0.attn.W_K"));
	ck_assert(!same_values(&params, &params, "blocks.0.attn.W_Q", "blocks.1.attn.W_Q"));
	pb_params_finish(&again);
	pb_params_finish(&other);
	drop(&params, &table);
	drop(&deeper, &deeper_table);
}
END_TEST

START_TEST(float32_starts_from_the_same_values)
{
	struct pb_param_table table, table32;
	struct pb_params params, params32;
	make(&params, &table, &golden, PB_F64, 42);
	make(&params32, &table32, &golden, PB_F32, 42);
	int64_t n;
	double *x = values_of(&params, "blocks.1.mlp.W_in", &n), *y = values_of(&params32, "blocks.1.mlp.W_in", &n);
	for (int64_t i = 0; i < n; i++)
		if (fabs(x[i] - y[i]) > 1e-6 * 0.8 / sqrt(48) * 8)
			ck_abort_msg("element %lld: %.9g, %.9g", (long long)i, x[i], y[i]);
	free(x);
	free(y);
	drop(&params, &table);
	drop(&params32, &table32);
}
END_TEST

START_TEST(a_copy_is_equal_and_apart)
{
	struct pb_param_table table;
	struct pb_params params, copy;
	make(&params, &table, &small, PB_F32, 1);
	ck_assert_ok(pb_params_init(&copy, &table, &device, PB_F32));
	pb_params_copy(&copy, &params);
	for (int i = 0; i < table.n; i++)
		ck_assert(same_values(&params, &copy, table.items[i].name, table.items[i].name));
	ck_assert_ok(pb_view_fill(&device, &copy.views[0], 9.0));
	ck_assert(!same_values(&params, &copy, "embed.W_E", "embed.W_E"));
	pb_params_finish(&copy);
	drop(&params, &table);
}
END_TEST

START_TEST(a_provider_gives_the_values)
{
	struct pb_param_table table;
	struct pb_params params;
	struct pb_view view;
	make(&params, &table, &small, PB_F32, 1);
	for (int i = 0; i < table.n; i++) {
		ck_assert_ok(params.weights.get(&params.weights, i, &view));
		ck_assert_ptr_eq(view.data, (float *)params.data + table.items[i].offset);
		ck_assert_int_eq(pb_view_count(&view), table.items[i].count);
		ck_assert(pb_view_is_contiguous(&view));
	}
	drop(&params, &table);
}
END_TEST

START_TEST(a_model_that_does_not_fit_memory_is_an_error)
{
	struct pb_model_config config = small;
	struct pb_param_table table;
	struct pb_params params;
	config.d_vocab = 1 << 24;
	config.d_model = 1 << 14; /* 4 TiB of float64 for the embedding alone */
	ck_assert_ok(pb_model_config_check(&config));
	ck_assert_ok(pb_param_table_init(&table, &config));
	ck_assert_int_eq(pb_params_init(&params, &table, &device, PB_F64), -PB_E_NOMEM);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "out of memory"));
	pb_param_table_finish(&table);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("params");
	TCase *config = tcase_create("config"), *values = tcase_create("values");
	tcase_add_test(config, sizes_must_be_positive_and_sane);
	tcase_add_test(config, attn_only_needs_no_d_mlp);
	tcase_add_test(config, a_model_beyond_all_measure_is_refused);
	tcase_add_test(config, eps_must_be_a_small_number);
	tcase_add_test(config, names_of_options_are_those_of_transformer_lens);
	tcase_add_test(config, names_and_order_are_those_of_the_golden_model);
	tcase_add_test(config, shapes_are_those_of_transformer_lens_in_every_variant);
	tcase_add_checked_fixture(values, open_device, close_device);
	tcase_add_test(values, initial_values_are_transformer_lens_s);
	tcase_add_test(values, initial_values_depend_on_seed_and_name_alone);
	tcase_add_test(values, float32_starts_from_the_same_values);
	tcase_add_test(values, a_copy_is_equal_and_apart);
	tcase_add_test(values, a_provider_gives_the_values);
	tcase_add_test(values, a_model_that_does_not_fit_memory_is_an_error);
	suite_add_tcase(suite, config);
	suite_add_tcase(suite, values);
	return pb_test_run(suite, NULL);
}
