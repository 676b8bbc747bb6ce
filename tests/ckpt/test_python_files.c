/* test_python_files.c: tests/ckpt/data, which Python's own pickle wrote (make_data.py). */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "ckpt/ckpt.h"
#include "support/support.h"

static struct pb_ckpt ckpt;

static void finish(void)
{
	pb_ckpt_finish(&ckpt);
}

static const char *data(const char *name)
{
	char relative[128];
	snprintf(relative, sizeof relative, "../../ckpt/data/%s", name);
	return pb_test_golden(relative);
}

static void check_tensor(const char *name, enum pb_ckpt_dtype dtype, const double *expected, int64_t count)
{
	double seen[6];
	const struct pb_ckpt_tensor *t = pb_ckpt_find(&ckpt, name);
	ck_assert_msg(t != NULL, "no tensor %s", name);
	ck_assert_int_eq(t->dtype, dtype);
	ck_assert_int_eq(t->count, count);
	pb_ckpt_convert(t, PB_F64, seen);
	for (int64_t i = 0; i < count; i++)
		ck_assert_double_eq(seen[i], expected[i]);
}

static const struct {
	const char *name, *text;
} values[] = {
	{"epoch", "12"},
	{"lr", "0.0003"},
	{"betas", "[0.9, 0.98]"},
	{"size", "[2, 3]"},
	{"device", "\"cuda:0\""},
	{"sets.Dt3", "[34, 72, 300, -1]"},
	{"sets.seen", "[5]"},
	{"name", "\"caf\xc3\xa9\""},
	{"big", "0x0100000000000000000000"},
	{"raw", "<2 bytes>"},
	{"done", "false"},
	{"nothing", "none"},
	{"nested.0", "[1, 2]"},
	{"nested.1.x", "[0.5]"},
};

static const char *const files[] = {"protocol_2.pt", "protocol_3.pt", "protocol_4.pt", "protocol_5.pt", "legacy.pt"};

START_TEST(every_protocol_reads_the_same)
{
	ck_assert_ok(pb_ckpt_read(data(files[_i]), &ckpt));
	ck_assert_str_eq(ckpt.prefix, "model");
	ck_assert_uint_eq(ckpt.n_tensors, 7);
	check_tensor("w", PB_CKPT_F32, (double[]){0, 0.5, 1, 1.5, 2, 2.5}, 6);
	check_tensor("w_transposed", PB_CKPT_F32, (double[]){0, 1.5, 0.5, 2, 1, 2.5}, 6);
	check_tensor("row", PB_CKPT_F32, (double[]){1.5, 2, 2.5}, 3);
	check_tensor("parameter", PB_CKPT_F64, (double[]){0.25, -1e300}, 2);
	check_tensor("mask", PB_CKPT_BOOL, (double[]){1, 0}, 2);
	check_tensor("steps", PB_CKPT_I64, (double[]){-7}, 1);
	check_tensor("empty", PB_CKPT_F32, NULL, 0);
	ck_assert_uint_eq(ckpt.n_values, sizeof values / sizeof *values);
	for (size_t i = 0; i < ckpt.n_values; i++) {
		ck_assert_str_eq(ckpt.values[i].name, values[i].name);
		ck_assert_str_eq(ckpt.values[i].text, values[i].text);
	}
}
END_TEST

START_TEST(safetensors_is_read)
{
	ck_assert_ok(pb_ckpt_read(data("small.safetensors"), &ckpt));
	check_tensor("a", PB_CKPT_F32, (double[]){1, 2, 3, 4}, 4);
	check_tensor("b", PB_CKPT_BOOL, (double[]){1, 0, 1}, 3);
	ck_assert_str_eq(ckpt.values[0].text, "\"pt\"");
}
END_TEST

START_TEST(npz_is_read)
{
	ck_assert_ok(pb_ckpt_read(data("small.npz"), &ckpt));
	check_tensor("a", PB_CKPT_F64, (double[]){1, 2}, 2);
	check_tensor("b", PB_CKPT_I8, (double[]){5}, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("python files");
	TCase *cases = tcase_create("read");
	tcase_add_checked_fixture(cases, NULL, finish);
	tcase_add_loop_test(cases, every_protocol_reads_the_same, 0, sizeof files / sizeof *files);
	tcase_add_test(cases, safetensors_is_read);
	tcase_add_test(cases, npz_is_read);
	suite_add_tcase(suite, cases);
	return pb_test_run(suite, NULL);
}
