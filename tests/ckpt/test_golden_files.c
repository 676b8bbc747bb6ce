/* test_golden_files.c: files that PyTorch wrote. */
#include "base/status.h"
#include "ckpt/ckpt.h"
#include "support/support.h"

static const char *const models[] = {"model_1.pt", "model_1_legacy.pt"};

START_TEST(model_has_its_tensors)
{
	struct pb_ckpt ckpt;
	ck_assert_ok(pb_ckpt_read(pb_test_golden(models[_i]), &ckpt));
	ck_assert_str_eq(ckpt.format, _i ? "pytorch legacy" : "pytorch zip");
	ck_assert_str_eq(ckpt.prefix, "");
	ck_assert_uint_eq(ckpt.n_tensors, 60);
	ck_assert_uint_eq(ckpt.n_values, 0);
	const struct pb_ckpt_tensor *t = pb_ckpt_find(&ckpt, "blocks.1.attn.W_Q");
	ck_assert_ptr_nonnull(t);
	ck_assert_int_eq(t->dtype, PB_CKPT_F32);
	ck_assert_int_eq(t->rank, 3);
	ck_assert_int_eq(t->shape[0], 4);
	ck_assert_int_eq(t->shape[1], 48);
	ck_assert_int_eq(t->shape[2], 12);
	ck_assert_int_eq(t->count, 4 * 48 * 12);
	ck_assert_ptr_null(pb_ckpt_find(&ckpt, "blocks.3.attn.W_Q"));
	pb_ckpt_finish(&ckpt);
}
END_TEST

START_TEST(buffers_have_their_types)
{
	struct pb_ckpt ckpt;
	ck_assert_ok(pb_ckpt_read(pb_test_golden(models[_i]), &ckpt));
	const struct pb_ckpt_tensor *mask = pb_ckpt_find(&ckpt, "blocks.0.attn.mask"),
				    *ignore = pb_ckpt_find(&ckpt, "blocks.0.attn.IGNORE");
	ck_assert_int_eq(mask->dtype, PB_CKPT_BOOL);
	ck_assert_int_eq(mask->rank, 2);
	double seen[25];
	pb_ckpt_convert(mask, PB_F64, seen);
	for (int i = 0; i < 25; i++)
		ck_assert_double_eq(seen[i], i % 5 <= i / 5);
	ck_assert_int_eq(ignore->rank, 0);
	ck_assert_int_eq(ignore->count, 1);
	pb_ckpt_convert(ignore, PB_F64, seen);
	ck_assert(seen[0] < -9e4);
	pb_ckpt_finish(&ckpt);
}
END_TEST

START_TEST(both_forms_hold_equal_values)
{
	struct pb_ckpt zip, legacy;
	ck_assert_ok(pb_ckpt_read(pb_test_golden(models[0]), &zip));
	ck_assert_ok(pb_ckpt_read(pb_test_golden(models[1]), &legacy));
	ck_assert_uint_eq(zip.n_tensors, legacy.n_tensors);
	for (size_t i = 0; i < zip.n_tensors; i++) {
		const struct pb_ckpt_tensor *a = &zip.tensors[i], *b = &legacy.tensors[i];
		ck_assert_str_eq(a->name, b->name);
		ck_assert_int_eq(a->dtype, b->dtype);
		ck_assert_int_eq(a->count, b->count);
		ck_assert_mem_eq(a->data, b->data, (size_t)a->count * pb_ckpt_dtype_size(a->dtype));
	}
	pb_ckpt_finish(&zip);
	pb_ckpt_finish(&legacy);
}
END_TEST

START_TEST(dict_of_lists_becomes_values)
{
	static const int64_t expected[] = {16, 20, 7, 17, 25, 19, 12};
	struct pb_ckpt ckpt;
	ck_assert_ok(pb_ckpt_read(pb_test_golden("ints_by_set.pt"), &ckpt));
	ck_assert_uint_eq(ckpt.n_tensors, 0);
	ck_assert_uint_eq(ckpt.n_values, 4);
	ck_assert_str_eq(ckpt.values[2].name, "Dt3");
	ck_assert_str_eq(ckpt.values[2].text, "[16, 20, 7, 17, 25, 19, 12]");
	ck_assert_int_eq(ckpt.values[2].n_ints, 7);
	ck_assert_mem_eq(ckpt.values[2].ints, expected, sizeof expected);
	pb_ckpt_finish(&ckpt);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("golden files");
	TCase *cases = tcase_create("read");
	tcase_add_loop_test(cases, model_has_its_tensors, 0, 2);
	tcase_add_loop_test(cases, buffers_have_their_types, 0, 2);
	tcase_add_test(cases, both_forms_hold_equal_values);
	tcase_add_test(cases, dict_of_lists_becomes_values);
	suite_add_tcase(suite, cases);
	return pb_test_run(suite, NULL);
}
