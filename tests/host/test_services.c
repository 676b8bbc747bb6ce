/* test_services.c: instances, and what the host does for them. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/rng.h"
#include "host/host_impl.h"
#include "plugins/plug.h"

#undef fail /* Check has a macro of this name; here it is a service */

static struct plug plug;
static const struct pb_host *host;

/* Any setter will do: its services are every plugin's. */
static void setup(void)
{
	plug_open(&plug, PB_KIND_SETTER, "zero", 77, "{}");
	host = &plug.instance->host;
}

static void teardown(void)
{
	plug_close(&plug);
}

static void check_contains(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no `%s` in: %s", part, text);
}

/* What a failed service leaves as the reason, once the plugin passes it on. */
static void check_reason(int rc, int status, const char *part)
{
	ck_assert_int_eq(rc, -status);
	ck_assert_int_eq(pb_instance_result(plug.instance, "apply", rc), -status);
	check_contains(pb_error_text(), "setter zero: apply: ");
	check_contains(pb_error_text(), part);
}

static struct pb_view view_of(double *data, int64_t rows, int64_t columns)
{
	return pb_view_over(data, PB_F64, 2, (int64_t[]){rows, columns});
}

START_TEST(operations_on_windows)
{
	double a[12], b[12] = {0}, flat[4];
	struct pb_view whole = view_of(a, 3, 4), other = view_of(b, 3, 4), window, source;
	for (int i = 0; i < 12; i++)
		a[i] = i;
	ck_assert_ok(host->slice(host, &whole, 1, 1, 2, &window));
	ck_assert_ok(host->slice(host, &window, 0, 1, 2, &window)); /* 5 6 / 9 10 */
	ck_assert_ok(host->read(host, &window, flat, 4));
	ck_assert_mem_eq(flat, ((double[]){5, 6, 9, 10}), sizeof flat);
	ck_assert_ok(host->scale(host, &window, 2));
	ck_assert_double_eq(a[5], 10);
	ck_assert_double_eq(a[10], 20);
	ck_assert_double_eq(a[7], 7);
	ck_assert_ok(host->slice(host, &other, 1, 0, 2, &source));
	ck_assert_ok(host->slice(host, &source, 0, 0, 2, &source));
	ck_assert_ok(host->fill(host, &source, 3));
	ck_assert_double_eq(b[5], 3);
	ck_assert_double_eq(b[8], 0);
	ck_assert_ok(host->axpy(host, &window, -2, &source));
	ck_assert_double_eq(a[9], 18 - 6);
	ck_assert_ok(host->copy(host, &window, &source));
	ck_assert_double_eq(a[6], 3);
	ck_assert_ok(host->write(host, &window, (double[]){1, 2, 3, 4}, 4));
	ck_assert_double_eq(a[9], 3);
	ck_assert_double_eq(a[11], 11);
}
END_TEST

START_TEST(noise_is_a_function_of_its_arguments)
{
	double a[6] = {0}, b[12], c[12];
	struct pb_view view = view_of(a, 2, 3), other = view_of(b, 3, 4);
	ck_assert_ok(host->noise(host, &view, 1, 2, 5, 6));
	for (uint64_t i = 0; i < 6; i++)
		ck_assert_double_eq_tol(a[i], 1 + 2 * pb_random_normal(5, 6, i), 1e-12);
	for (int i = 0; i < 12; i++)
		b[i] = c[i] = 100 + i;
	ck_assert_ok(host->slice(host, &other, 1, 1, 3, &other));
	ck_assert_ok(host->slice(host, &other, 0, 1, 2, &other));
	ck_assert_ok(host->add_noise(host, &other, 1, 2, 5, 6));
	for (int i = 0; i < 12; i++) {
		double added = i / 4 >= 1 && i % 4 >= 1 ? a[(i / 4 - 1) * 3 + i % 4 - 1] : 0;
		ck_assert_double_eq_tol(b[i], c[i] + added, 1e-12);
	}
}
END_TEST

START_TEST(random_numbers)
{
	int64_t items[20], expected[20];
	for (int i = 0; i < 20; i++)
		items[i] = expected[i] = i;
	host->shuffle(host, 1, 2, items, 20);
	pb_random_shuffle(1, 2, expected, 20);
	ck_assert_mem_eq(items, expected, sizeof items);
	ck_assert(host->random(host, 1, 2, 3) == pb_random(1, 2, 3));
	ck_assert(host->seed == 77);
	ck_assert_uint_eq(host->struct_size, sizeof *host);
}
END_TEST

START_TEST(mistakes_with_views)
{
	double a[12] = {0};
	struct pb_view view = view_of(a, 3, 4), other = view_of(a, 4, 3), bad = view, empty = view, fixed = view;
	float single[12];
	struct pb_view narrow = pb_view_over(single, PB_F32, 2, (int64_t[]){3, 4});
	bad.rank = 7;
	empty.data = NULL;
	fixed.flags = PB_VIEW_READONLY;
	check_reason(host->copy(host, &view, &other), PB_E_SHAPE,
		     "host->copy: the target is [3, 4], the source [4, 3]");
	check_reason(host->copy(host, &view, &narrow), PB_E_SHAPE, "float64, float32");
	check_reason(host->copy(host, &view, NULL), PB_E_USAGE, "host->copy: the view is NULL");
	check_reason(host->fill(host, &fixed, 1), PB_E_PLUGIN, "read-only");
	check_reason(host->add_noise(host, &fixed, 0, 1, 1, 1), PB_E_PLUGIN, "read-only");
	check_reason(host->fill(host, &bad, 1), PB_E_USAGE, "damaged (rank 7");
	check_reason(host->scale(host, &empty, 1), PB_E_USAGE, "no data");
	check_reason(host->read(host, &view, a, 11), PB_E_SHAPE, "12 elements, not 11");
	check_reason(host->write(host, &view, a, 13), PB_E_SHAPE, "12 elements, not 13");
	check_reason(host->slice(host, &view, 2, 0, 1, &other), PB_E_RANGE, "no axis 2");
	check_reason(host->slice(host, &view, 1, 3, 2, &other), PB_E_RANGE, "outside axis 1");
	check_reason(host->slice(host, NULL, 1, 3, 2, &other), PB_E_USAGE, "NULL");
	/* A view without data only describes a shape; it can still be sliced. */
	ck_assert_ok(host->slice(host, &empty, 0, 1, 1, &other));
	ck_assert_int_eq(other.shape[0], 1);
}
END_TEST

START_TEST(memory_of_plugins)
{
	unsigned char *memory = host->alloc(host, 100);
	ck_assert_ptr_nonnull(memory);
	for (int i = 0; i < 100; i++)
		ck_assert_uint_eq(memory[i], 0);
	host->free(host, memory);
	host->free(host, NULL);
	memory = host->alloc(host, 0);
	ck_assert_ptr_nonnull(memory);
	host->free(host, memory);
}
END_TEST

START_TEST(reading_files)
{
	char *text = NULL, *path = pb_file_join(pb_test_dir(), "data.txt");
	size_t size = 0;
	ck_assert_ok(pb_file_write(path, "a\nb", 3));
	ck_assert_ok(host->read_file(host, "data.txt", &text, &size));
	ck_assert_str_eq(text, "a\nb");
	ck_assert_uint_eq(size, 3);
	host->free(host, text);
	text = NULL;
	ck_assert_ok(host->read_file(host, path, &text, &size)); /* an absolute path */
	host->free(host, text);
	text = NULL;
	check_reason(host->read_file(host, "absent.txt", &text, &size), PB_E_NOTFOUND, "absent.txt");
	ck_assert_ok(pb_file_write(path, "a\0b", 3));
	check_reason(host->read_file(host, "data.txt", &text, &size), PB_E_FORMAT, "is not a text file");
	ck_assert_ptr_null(text);
	free(path);
}
END_TEST

START_TEST(reasons)
{
	struct pb_instance *i = plug.instance;
	pb_services_forget_reason();
	ck_assert_int_eq(pb_instance_result(i, "apply", 0), 0);
	ck_assert_int_eq(pb_instance_result(i, "apply", host->fail(host, PB_E_RANGE, "layer %d", 9)), -PB_E_RANGE);
	ck_assert_str_eq(pb_error_text(), "setter zero: apply: layer 9");
	/* It is forgotten, and not another instance's. */
	pb_services_forget_reason();
	ck_assert_int_eq(pb_instance_result(i, "apply", -PB_E_RANGE), -PB_E_RANGE);
	check_contains(pb_error_text(), "setter zero: apply failed without a reason (value out of range)");
	struct plug other;
	plug_open(&other, PB_KIND_SETTER, "noise", 1, "{}");
	other.instance->host.fail(&other.instance->host, PB_E_RANGE, "the other's");
	ck_assert_int_eq(pb_instance_result(i, "apply", -PB_E_RANGE), -PB_E_RANGE);
	check_contains(pb_error_text(), "without a reason");
	plug_close(&other);
	/* Returns that are no status. */
	ck_assert_int_eq(pb_instance_result(i, "apply", 5), -PB_E_PLUGIN);
	check_contains(pb_error_text(), "apply returned 5");
	ck_assert_int_eq(pb_instance_result(i, "apply", -1000), -PB_E_PLUGIN);
	ck_assert_int_eq(host->fail(host, 999, "?"), -PB_E_PLUGIN);
	ck_assert_int_eq(host->fail(host, -PB_E_RANGE, "?"), -PB_E_PLUGIN);
}
END_TEST

static void *fail_elsewhere(void *argument)
{
	(void)argument;
	pb_services_forget_reason();
	host->fail(host, PB_E_RANGE, "another thread's");
	return NULL;
}

START_TEST(reasons_belong_to_their_thread)
{
	pthread_t thread;
	pb_services_forget_reason();
	host->fail(host, PB_E_RANGE, "mine");
	ck_assert_int_eq(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(pb_instance_result(plug.instance, "apply", -PB_E_RANGE), -PB_E_RANGE);
	ck_assert_str_eq(pb_error_text(), "setter zero: apply: mine");
}
END_TEST

START_TEST(without_a_device_there_are_no_views)
{
	struct pb_instance *i;
	double a[4];
	struct pb_view view = view_of(a, 2, 2);
	ck_assert_ok(pb_instance_create(plug.instance->loaded, NULL, NULL, NULL, 1, NULL, NULL, &i));
	ck_assert_int_eq(i->host.fill(&i->host, &view, 1), -PB_E_USAGE);
	pb_instance_destroy(i);
	pb_instance_destroy(NULL);
}
END_TEST

START_TEST(instances_without_a_file)
{
	struct pb_instance *i = NULL;
	const struct pb_loaded *l;
	ck_assert_ok(pb_registry_find(plug.registry, PB_KIND_METRIC, "correct_logit", NULL, NULL, &l));
	ck_assert_ok(pb_instance_create(l, NULL, NULL, NULL, 1, NULL, NULL, &i));
	pb_instance_destroy(i);
	i = NULL;
	ck_assert_ok(pb_registry_find(plug.registry, PB_KIND_SETTER, "mean", NULL, NULL, &l));
	ck_assert_int_eq(pb_instance_create(l, NULL, NULL, NULL, 1, NULL, NULL, &i), -PB_E_CONFIG);
	check_contains(pb_error_text(), "split");
	ck_assert_ptr_null(i);
}
END_TEST

START_TEST(keys_of_others_are_skipped)
{
	static const char text[] = "{plugin: correct_logit, of: probability}";
	struct pb_instance *i;
	struct pb_yaml yaml;
	const struct pb_loaded *l;
	ck_assert_ok(pb_registry_find(plug.registry, PB_KIND_METRIC, "correct_logit", NULL, NULL, &l));
	ck_assert_ok(pb_yaml_parse("x.yaml", text, strlen(text), &yaml));
	ck_assert_ok(pb_instance_create(l, &yaml, yaml.root, (const char *const[]){"plugin", NULL}, 1, NULL, NULL, &i));
	ck_assert_str_eq(pb_metric_unit(i), "probability");
	pb_instance_destroy(i);
	ck_assert_int_eq(pb_instance_create(l, &yaml, yaml.root, NULL, 1, NULL, NULL, &i), -PB_E_CONFIG);
	ck_assert_int_eq(pb_yaml_status(&yaml), -PB_E_CONFIG);
	check_contains(pb_error_text(), "x.yaml:1:2");
	check_contains(pb_error_text(), "plugin");
	pb_yaml_finish(&yaml);
}
END_TEST

static char logged[256];

static void keep_log(void *context, int level, const char *who, const char *text)
{
	(void)context;
	snprintf(logged, sizeof logged, "%d %s: %s", level, who, text);
}

/* Plugins that fail in create: with no reason, and with a number that is no status. */
START_TEST(create_that_fails)
{
	char path[4096];
	struct plug p;
	snprintf(path, sizeof path, "%s/tests/plugins/bad", getenv("PATCHBAY_BUILD"));
	setenv("PATCHBAY_PLUGIN_PATH", path, 1);
	pb_host_set_log(keep_log, NULL);
	ck_assert_int_eq(plug_try(&p, PB_KIND_SETTER, "silent", 1, "{count: 3}"), -PB_E_CONFIG);
	check_contains(pb_error_text(),
		       "test.yaml:1:1: setter silent: create failed without a reason (bad configuration)");
	check_contains(pb_error_text(), "silent.so");
	ck_assert_str_eq(logged, "1 setter silent: created with 7");
	plug_close(&p);
	ck_assert_int_eq(plug_try(&p, PB_KIND_SETTER, "status", 1, "{}"), -PB_E_PLUGIN);
	check_contains(pb_error_text(), "create returned 77, which is no status");
	plug_close(&p);
	plug_open(&p, PB_KIND_SETTER, "good", 1, "{}");
	plug_close(&p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("services");
	TCase *t = tcase_create("services");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, operations_on_windows);
	tcase_add_test(t, noise_is_a_function_of_its_arguments);
	tcase_add_test(t, random_numbers);
	tcase_add_test(t, mistakes_with_views);
	tcase_add_test(t, memory_of_plugins);
	tcase_add_test(t, reading_files);
	tcase_add_test(t, reasons);
	tcase_add_test(t, reasons_belong_to_their_thread);
	tcase_add_test(t, without_a_device_there_are_no_views);
	tcase_add_test(t, instances_without_a_file);
	tcase_add_test(t, keys_of_others_are_skipped);
	tcase_add_test(t, create_that_fails);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
