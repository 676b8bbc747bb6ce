/* test_pt.c: .pt files with everything that torch.save may put there. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "ckpt/ckpt.h"
#include "ckpt/make.h"
#include "support/support.h"

static struct pb_ckpt ckpt;

static void finish(void)
{
	pb_ckpt_finish(&ckpt);
}

static void begin_dict(struct pb_text *out)
{
	OP(out, "\x80\x02}(");
}

static void end_dict(struct pb_text *out)
{
	OP(out, "u.");
}

/* {"t": tensor} */
static void put_one(struct pb_text *out, const struct tensor *t)
{
	begin_dict(out);
	put_string(out, "t");
	put_tensor(out, t);
	end_dict(out);
}

static void check_values(const char *name, const double *expected, int64_t count)
{
	double seen[64];
	const struct pb_ckpt_tensor *t = pb_ckpt_find(&ckpt, name);
	ck_assert_msg(t != NULL, "no tensor %s", name);
	ck_assert_int_eq(t->count, count);
	ck_assert_int_le(count, 64);
	pb_ckpt_convert(t, PB_F64, seen);
	for (int64_t i = 0; i < count; i++)
		ck_assert_msg(seen[i] == expected[i], "%s[%d] is %g, not %g", name, (int)i, seen[i], expected[i]);
}

static const float ramp[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

static const struct {
	const char *storage;
	enum pb_ckpt_dtype dtype;
	unsigned char one[8], minus_two[8]; /* 255 - 1 where there are no negative numbers, true for booleans */
} storages[] = {
	{"FloatStorage", PB_CKPT_F32, {0, 0, 0x80, 0x3f}, {0, 0, 0, 0xc0}},
	{"DoubleStorage", PB_CKPT_F64, {0, 0, 0, 0, 0, 0, 0xf0, 0x3f}, {0, 0, 0, 0, 0, 0, 0, 0xc0}},
	{"HalfStorage", PB_CKPT_F16, {0, 0x3c}, {0, 0xc0}},
	{"BFloat16Storage", PB_CKPT_BF16, {0x80, 0x3f}, {0, 0xc0}},
	{"LongStorage", PB_CKPT_I64, {1}, {254, 255, 255, 255, 255, 255, 255, 255}},
	{"IntStorage", PB_CKPT_I32, {1}, {254, 255, 255, 255}},
	{"ShortStorage", PB_CKPT_I16, {1}, {254, 255}},
	{"CharStorage", PB_CKPT_I8, {1}, {254}},
	{"ByteStorage", PB_CKPT_U8, {1}, {254}},
	{"BoolStorage", PB_CKPT_BOOL, {1}, {1}},
	{"UntypedStorage", PB_CKPT_U8, {1}, {254}},
};

START_TEST(every_storage_type_is_read)
{
	enum pb_ckpt_dtype dtype = storages[_i].dtype;
	size_t size = pb_ckpt_dtype_size(dtype);
	unsigned char data[16];
	struct pb_text pickle = {0};
	memcpy(data, storages[_i].one, size);
	memcpy(data + size, storages[_i].minus_two, size);
	put_one(&pickle, &(struct tensor){storages[_i].storage, "0", 2, .rank = 1, .shape = {2}, .stride = {1}});
	ck_assert_ok(pb_ckpt_read(make_pt(&pickle, data, 2 * size), &ckpt));
	ck_assert_int_eq(ckpt.tensors[0].dtype, dtype);
	double second = dtype == PB_CKPT_U8 ? 254 : dtype == PB_CKPT_BOOL ? 1 : -2;
	check_values("t", (double[]){1, second}, 2);
}
END_TEST

/* rows of a transposed, sliced, expanded, ... window on the ramp */
static const struct {
	const char *what;
	struct tensor tensor;
	double expected[12];
	int64_t count;
} windows[] = {
	{"whole",
	 {"FloatStorage", "0", 12, 0, 2, .shape = {3, 4}, .stride = {4, 1}},
	 {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
	 12},
	{"transposed",
	 {"FloatStorage", "0", 12, 0, 2, .shape = {4, 3}, .stride = {1, 4}},
	 {0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11},
	 12},
	{"row", {"FloatStorage", "0", 12, 8, 1, .shape = {4}, .stride = {1}}, {8, 9, 10, 11}, 4},
	{"column", {"FloatStorage", "0", 12, 3, 1, .shape = {3}, .stride = {4}}, {3, 7, 11}, 3},
	{"corner", {"FloatStorage", "0", 12, 5, 2, .shape = {2, 2}, .stride = {4, 1}}, {5, 6, 9, 10}, 4},
	{"every other", {"FloatStorage", "0", 12, 0, 2, .shape = {3, 2}, .stride = {4, 2}}, {0, 2, 4, 6, 8, 10}, 6},
	{"expanded", {"FloatStorage", "0", 12, 2, 2, .shape = {3, 2}, .stride = {0, 1}}, {2, 3, 2, 3, 2, 3}, 6},
	{"permuted",
	 {"FloatStorage", "0", 12, 0, 3, .shape = {2, 2, 3}, .stride = {3, 6, 1}},
	 {0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 11},
	 12},
	{"scalar", {"FloatStorage", "0", 12, 11, 0, .shape = {0}, .stride = {0}}, {11}, 1},
	{"axes of one",
	 {"FloatStorage", "0", 12, 1, 3, .shape = {1, 2, 1}, .stride = {INT64_MAX, 2, INT64_MAX}},
	 {1, 3},
	 2},
	{"empty", {"FloatStorage", "0", 12, 0, 2, .shape = {0, 4}, .stride = {4, 1}}, {0}, 0},
	{"empty at the end",
	 {"FloatStorage", "0", 12, 12, 2, .shape = {INT64_MAX, 0}, .stride = {INT64_MAX, 1}},
	 {0},
	 0},
};

START_TEST(windows_become_contiguous)
{
	struct pb_text pickle = {0};
	put_one(&pickle, &windows[_i].tensor);
	ck_assert_ok(pb_ckpt_read(make_pt(&pickle, ramp, sizeof ramp), &ckpt));
	ck_assert_int_eq(ckpt.tensors[0].rank, windows[_i].tensor.rank);
	check_values("t", windows[_i].expected, windows[_i].count);
}
END_TEST

START_TEST(tensors_share_a_storage)
{
	struct pb_text pickle = {0};
	begin_dict(&pickle);
	put_string(&pickle, "embed");
	put_tensor(&pickle, &(struct tensor){"FloatStorage", "0", 12, 0, 1, .shape = {2}, .stride = {1}});
	put_string(&pickle, "unembed");
	put_tensor(&pickle, &(struct tensor){"FloatStorage", "0", 12, 1, 1, .shape = {2}, .stride = {1}});
	end_dict(&pickle);
	ck_assert_ok(pb_ckpt_read(make_pt(&pickle, ramp, sizeof ramp), &ckpt));
	check_values("embed", (double[]){0, 1}, 2);
	check_values("unembed", (double[]){1, 2}, 2);
}
END_TEST

START_TEST(legacy_views_lie_within_their_storage)
{
	static const int64_t view[] = {4, 6};
	struct pb_text pickle = {0};
	put_one(&pickle, &(struct tensor){"FloatStorage", "0", 12, 1, 1, .shape = {5}, .stride = {1}, .view = view,
					  .legacy = true});
	ck_assert_ok(pb_ckpt_read(make_legacy(&pickle, ramp, sizeof ramp, 12), &ckpt));
	check_values("t", (double[]){5, 6, 7, 8, 9}, 5);
	pb_ckpt_finish(&ckpt);
	put_one(&pickle, &(struct tensor){"FloatStorage", "0", 12, 2, 1, .shape = {5}, .stride = {1}, .view = view,
					  .legacy = true});
	ck_assert_int_lt(pb_ckpt_read(make_legacy(&pickle, ramp, sizeof ramp, 12), &ckpt), 0);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "outside its storage"));
}
END_TEST

START_TEST(untyped_storage_is_read_as_its_dtype)
{
	struct pb_text pickle = {0};
	put_one(&pickle,
		&(struct tensor){"UntypedStorage", "0", 48, 1, 1, .shape = {3}, .stride = {2}, .dtype = "float32"});
	ck_assert_ok(pb_ckpt_read(make_pt(&pickle, ramp, sizeof ramp), &ckpt));
	ck_assert_int_eq(ckpt.tensors[0].dtype, PB_CKPT_F32);
	check_values("t", (double[]){1, 3, 5}, 3);
}
END_TEST

START_TEST(parameters_are_their_tensors)
{
	struct pb_text pickle = {0};
	begin_dict(&pickle);
	put_string(&pickle, "w");
	put_global(&pickle, "torch._utils", "_rebuild_parameter");
	OP(&pickle, "(");
	put_tensor(&pickle, &(struct tensor){"FloatStorage", "0", 12, 3, 1, .shape = {2}, .stride = {1}});
	OP(&pickle, "\x88");
	put_global(&pickle, "collections", "OrderedDict");
	OP(&pickle, ")RtR");
	end_dict(&pickle);
	ck_assert_ok(pb_ckpt_read(make_pt(&pickle, ramp, sizeof ramp), &ckpt));
	check_values("w", (double[]){3, 4}, 2);
}
END_TEST

static const char *const prefixes[] = {"state_dict", "model"};

/* {"epoch": 3, PREFIX: {"w": tensor}, "optimizer": {"step": tensor, "lr": 0.5}} */
START_TEST(nested_model_is_found)
{
	struct pb_text pickle = {0};
	begin_dict(&pickle);
	put_string(&pickle, "epoch");
	OP(&pickle, "K\x03");
	put_string(&pickle, "optimizer");
	OP(&pickle, "}(");
	put_string(&pickle, "step");
	put_tensor(&pickle,
		   &(struct tensor){"FloatStorage", "absent", 100, 0, 2, .shape = {10, 10}, .stride = {10, 1}});
	put_string(&pickle, "lr");
	OP(&pickle, "G\x3f\xe0\0\0\0\0\0\0u");
	put_string(&pickle, prefixes[_i]);
	OP(&pickle, "}");
	put_string(&pickle, "w");
	put_tensor(&pickle, &(struct tensor){"FloatStorage", "0", 12, 0, 1, .shape = {1}, .stride = {1}});
	OP(&pickle, "s");
	end_dict(&pickle);
	ck_assert_ok(pb_ckpt_read(make_pt(&pickle, ramp, sizeof ramp), &ckpt));
	ck_assert_str_eq(ckpt.prefix, prefixes[_i]);
	ck_assert_uint_eq(ckpt.n_tensors, 1);
	check_values("w", (double[]){0}, 1);
	ck_assert_uint_eq(ckpt.n_values, 3);
	ck_assert_str_eq(ckpt.values[0].name, "epoch");
	ck_assert_str_eq(ckpt.values[1].name, "optimizer.step");
	ck_assert_str_eq(ckpt.values[1].text, "tensor F32 [10, 10]");
	ck_assert_str_eq(ckpt.values[2].name, "optimizer.lr");
	ck_assert_str_eq(ckpt.values[2].text, "0.5");
}
END_TEST

START_TEST(other_nesting_is_joined_by_dots)
{
	struct pb_text pickle = {0};
	OP(&pickle, "\x80\x02(");
	OP(&pickle, "}");
	put_string(&pickle, "w");
	put_tensor(&pickle, &(struct tensor){"FloatStorage", "0", 12, 4, 1, .shape = {1}, .stride = {1}});
	OP(&pickle, "sK\x07l.");
	ck_assert_ok(pb_ckpt_read(make_pt(&pickle, ramp, sizeof ramp), &ckpt));
	check_values("0.w", (double[]){4}, 1);
	ck_assert_str_eq(ckpt.values[0].name, "1");
}
END_TEST

/* Pickles of one value under the key "v", and how it is shown. */
static const struct {
	const char *pickle;
	size_t length;
	const char *text;
	int64_t n_ints, last;
} values[] = {
#define PICKLE(literal) literal, sizeof literal - 1
	{PICKLE("N"), "none", 0, 0},
	{PICKLE("\x88"), "true", 0, 0},
	{PICKLE("I01\n"), "true", 0, 0},
	{PICKLE("I-12\n"), "-12", 1, -12},
	{PICKLE("L123456789012L\n"), "123456789012", 1, 123456789012},
	{PICKLE("K\xff"), "255", 1, 255},
	{PICKLE("M\xff\xff"), "65535", 1, 65535},
	{PICKLE("J\xfe\xff\xff\xff"), "-2", 1, -2},
	{PICKLE("\x8a\x00"), "0", 1, 0},
	{PICKLE("\x8a\x02\x00\xff"), "-256", 1, -256},
	{PICKLE("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80"), "-9223372036854775808", 1, INT64_MIN},
	{PICKLE("\x8b\x01\x00\x00\x00\x7f"), "127", 1, 127},
	{PICKLE("\x8a\x09\x01\x00\x00\x00\x00\x00\x00\x00\x02"), "0x020000000000000001", 0, 0},
	{PICKLE("F-15e-1\n"), "-1.5", 0, 0},
	{PICKLE("G\x7f\xf0\0\0\0\0\0\0"), "inf", 0, 0},
	{PICKLE("G\x3f\xb9\x99\x99\x99\x99\x99\x9a"), "0.1", 0, 0},
	{PICKLE("U\x03"
		"abc"),
	 "\"abc\"", 0, 0},
	{PICKLE("U\x02\xff\xfe"), "<2 bytes>", 0, 0},
	{PICKLE("S'abc'\n"), "\"abc\"", 0, 0},
	{PICKLE("Va\\u00e9b\n"),
	 "\"a\xc3\xa9"
	 "b\"",
	 0, 0},
	{PICKLE("\x8c\x02\"\n"), "\"\\\"\\u000a\"", 0, 0},
	{PICKLE("\x8d\x01\0\0\0\0\0\0\0x"), "\"x\"", 0, 0},
	{PICKLE("C\x04\0\1\2\3"), "<4 bytes>", 0, 0},
	{PICKLE("c_codecs\nencode\n(X\x03\0\0\0a\xc3\xbfX\x06\0\0\0latin1tR"), "<2 bytes>", 0, 0},
	{PICKLE("]"), "[]", 0, 0},
	{PICKLE("}"), "{}", 0, 0},
	{PICKLE("](K\x01K\x02K\x03"
		"e"),
	 "[1, 2, 3]", 3, 3},
	{PICKLE("(lp1\nK\x05"
		"a"),
	 "[5]", 1, 5},
	{PICKLE("K\x01K\x02\x86"), "[1, 2]", 2, 2},
	{PICKLE("\x8f(K\x04K\x06\x90"), "[4, 6]", 2, 6},
	{PICKLE("c__builtin__\nset\n](K\x09"
		"e\x85R"),
	 "[9]", 1, 9},
	{PICKLE("(K\x01X\x01\0\0\0sN\x88t"), "[1, \"s\", none, true]", 0, 0},
	{PICKLE("ctorch\nSize\n(K\x02K\x03t\x85R"), "[2, 3]", 2, 3},
	{PICKLE("ctorch\ndevice\n(X\x04\0\0\0cudaK\x01tR"), "\"cuda:1\"", 0, 0},
	{PICKLE("ctorch\nfloat32\n"), "torch.float32", 0, 0},
	{PICKLE("\x8c\x0b"
		"collections\x8c\x0bOrderedDict\x93)R"),
	 "{}", 0, 0},
#undef PICKLE
};

START_TEST(values_are_written_as_a_person_would)
{
	struct pb_text pickle = {0};
	begin_dict(&pickle);
	put_string(&pickle, "v");
	pb_text_add_bytes(&pickle, values[_i].pickle, values[_i].length);
	end_dict(&pickle);
	ck_assert_ok(pb_ckpt_read(make_pt(&pickle, NULL, 0), &ckpt));
	ck_assert_uint_eq(ckpt.n_values, 1);
	ck_assert_str_eq(ckpt.values[0].name, "v");
	ck_assert_str_eq(ckpt.values[0].text, values[_i].text);
	ck_assert_int_eq(ckpt.values[0].n_ints, values[_i].n_ints);
	if (values[_i].n_ints)
		ck_assert_int_eq(ckpt.values[0].ints[values[_i].n_ints - 1], values[_i].last);
}
END_TEST

/* Protocol 4 marks frames and numbers its memo by itself. */
START_TEST(protocol_4_is_read)
{
	struct pb_text pickle = {0};
	OP(&pickle, "\x80\x04\x95\x20\0\0\0\0\0\0\0}\x94(\x8c\x01"
		    "a\x94K\x05\x8c\x01"
		    "b\x94h\x01u.");
	ck_assert_ok(pb_ckpt_read(make_pt(&pickle, NULL, 0), &ckpt));
	ck_assert_str_eq(ckpt.values[0].text, "5");
	ck_assert_str_eq(ckpt.values[1].name, "b");
	ck_assert_str_eq(ckpt.values[1].text, "\"a\"");
}
END_TEST

START_TEST(deflated_members_are_read)
{
	static const double zeros[1000];
	struct pb_text pickle = {0};
	put_one(&pickle, &(struct tensor){"DoubleStorage", "0", 1000, 0, 1, .shape = {1000}, .stride = {1}});
	const struct member members[] = {{"m/data.pkl", pickle.data, pickle.length, true},
					 {"m/data/0", zeros, sizeof zeros, true},
					 {"m/byteorder", "little", 6, false}};
	ck_assert_ok(pb_ckpt_read(make_zip(members, 3), &ckpt));
	ck_assert_int_eq(pb_ckpt_find(&ckpt, "t")->count, 1000);
	pb_text_finish(&pickle);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pt");
	TCase *cases = tcase_create("read");
	tcase_add_checked_fixture(cases, NULL, finish);
	tcase_add_loop_test(cases, every_storage_type_is_read, 0, sizeof storages / sizeof *storages);
	tcase_add_loop_test(cases, windows_become_contiguous, 0, sizeof windows / sizeof *windows);
	tcase_add_test(cases, tensors_share_a_storage);
	tcase_add_test(cases, legacy_views_lie_within_their_storage);
	tcase_add_test(cases, untyped_storage_is_read_as_its_dtype);
	tcase_add_test(cases, parameters_are_their_tensors);
	tcase_add_loop_test(cases, nested_model_is_found, 0, 2);
	tcase_add_test(cases, other_nesting_is_joined_by_dots);
	tcase_add_loop_test(cases, values_are_written_as_a_person_would, 0, sizeof values / sizeof *values);
	tcase_add_test(cases, protocol_4_is_read);
	tcase_add_test(cases, deflated_members_are_read);
	suite_add_tcase(suite, cases);
	return pb_test_run(suite, NULL);
}
