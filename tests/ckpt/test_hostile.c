/* test_hostile.c: .pt files made to harm whoever opens them: each is refused, with its reason. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "base/status.h"
#include "ckpt/ckpt.h"
#include "ckpt/make.h"
#include "support/support.h"

static const float ramp[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

static void check_refused(const char *path, const char *reason)
{
	struct pb_ckpt ckpt = {.path = "untouched"};
	int rc = pb_ckpt_read(path, &ckpt);
	ck_assert_msg(rc == -PB_E_FORMAT || rc == -PB_E_UNSUPPORTED, "returned %d, should say: %s", rc, reason);
	ck_assert_msg(strstr(pb_error_text(), reason), "\"%s\" does not say \"%s\"", pb_error_text(), reason);
	ck_assert_msg(strstr(pb_error_text(), path), "\"%s\" does not name the file", pb_error_text());
	ck_assert_str_eq(ckpt.path, "untouched");
}

#define PICKLE(literal) literal, sizeof literal - 1

/* Whole pickles without a STOP. */
static const struct {
	const char *pickle;
	size_t length;
	const char *reason;
} calls[] = {
	{PICKLE("cos\nsystem\n(X\x02\0\0\0idtR"), "refuses to call os.system"},
	{PICKLE("cposix\nsystem\n(X\x02\0\0\0idtR"), "refuses to call posix.system"},
	{PICKLE("cbuiltins\neval\n(X\x01\0\0\0"
		"1tR"),
	 "refuses to call builtins.eval"},
	{PICKLE("c__builtin__\nexec\n"), "refuses to call __builtin__.exec"},
	{PICKLE("ctorch\nload\n(X\x01\0\0\0xtR"), "refuses to call torch.load"},
	{PICKLE("ctorch.storage\n_load_from_bytes\n(C\x01xtR"), "refuses to call torch.storage._load_from_bytes"},
	{PICKLE("ctorch._utils\n_rebuild_tensor_v9\n"), "refuses to call torch._utils._rebuild_tensor_v9"},
	{PICKLE("ccollections\nOrderedDict.update\n"), "refuses to call collections.OrderedDict.update"},
	{PICKLE("\x8c\x02os\x8c\x06system\x93"), "refuses to call os.system"},
	{PICKLE("\x8c\x0b"
		"collections\x8c\x15OrderedDict.__class__\x93"),
	 "refuses to call collections.OrderedDict.__class__"},
	{PICKLE("K\x01K\x02\x93"), "a name is not text"},
	{PICKLE("cos\x1b[31m\nsystem\n"), "refuses to call os?[31m.system"},
	{PICKLE("ctorch\nComplexFloatStorage\n"), "ComplexFloatStorage are not supported"},
	{PICKLE("ctorch\nfloat32\n)R"), "refuses to call torch.float32"},
	{PICKLE("ctorch\nFloatStorage\n)R"), "refuses to call torch.FloatStorage"},
	{PICKLE("X\x02\0\0\0os)R"), "calls something that is not a function"},
	{PICKLE("ccollections\nOrderedDict\n]R"), "calls something that is not a function"},
	{PICKLE("ccollections\nOrderedDict\n(K\x01tR"), "a dict is made of something else"},
	{PICKLE("c_codecs\nencode\n(X\x01\0\0\0aX\x04\0\0\0zliptR"), "bytes are made of something else"},
	{PICKLE("c_codecs\nencode\n(X\x03\0\0\0\xe2\x82\xacX\x06\0\0\0latin1tR"), "bytes are made of something else"},
	{PICKLE("ctorch\ndevice\n(K\x01tR"), "device is made of something else"},
	{PICKLE("ctorch._utils\n_rebuild_tensor_v2\n)R"), "tensor is made of something else"},
	{PICKLE("ctorch._utils\n_rebuild_parameter\n(K\x01K\x02K\x03tR"), "parameter is made of something else"},
	{PICKLE("](K\x01"
		"e}b"),
	 "refuses to set the state"},
	{PICKLE("}K\x01"
		"b"),
	 "refuses to set the state"},
	{PICKLE("(X\x01\0\0\0xios\nsystem\n"), "refuses the pickle operation INST"},
	{PICKLE("(X\x01\0\0\0xo"), "refuses the pickle operation OBJ"},
	{PICKLE("\x82\x01"), "refuses the pickle operation EXT1"},
	{PICKLE("Pid\n"), "refuses the pickle operation PERSID"},
	{PICKLE("ccollections\nOrderedDict\n)}\x92"), "refuses the pickle operation NEWOBJ_EX"},
	{PICKLE("\xff"), "0xff is not an operation"},
	{PICKLE("NQ"), "a persistent id has another form"},
	{PICKLE("(X\x07\0\0\0storageNX\x01\0\0\0"
		"0X\x03\0\0\0cpuK\x01tQ"),
	 "a persistent id has another form"},
	{PICKLE("(X\x06\0\0\0moduleNNNNtQ"), "a persistent id has another form"},
	{PICKLE("(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0"
		"0X\x03\0\0\0cpuI-1\ntQ"),
	 "a persistent id has another form"},
	{PICKLE("(X\x07\0\0\0storagectorch\nDoubleStorage\nX\x01\0\0\0"
		"0X\x03\0\0\0cpu"
		"\x8a\x08\0\0\0\0\0\0\0\x20tQ"),
	 "a persistent id has another form"},
	{PICKLE("\x80\x06N"), "protocol 6 is not known"},
	{PICKLE("a"), "lacks its operand"},
	{PICKLE("K\x01"
		"a"),
	 "lacks its operand"},
	{PICKLE("K\x01K\x02"
		"a"),
	 "cannot hold them"},
	{PICKLE("](K\x01"
		"a"),
	 "lacks its operand"},
	{PICKLE("]K\x01K\x02s"), "cannot hold them"},
	{PICKLE("}(K\x01u"), "a key without a value"},
	{PICKLE("e"), "lacks its mark"},
	{PICKLE("(e"), "lacks its operand"},
	{PICKLE("K\x01\x86"), "lacks its operand"},
	{PICKLE("0"), "lacks its operand"},
	{PICKLE("N(Q"), "lacks its operand"},
	{PICKLE("NN"), "does not end in one object"},
	{PICKLE(""), "does not end in one object"},
	{PICKLE("h\x05"), "memo 5 was never set"},
	{PICKLE("j\xff\xff\xff\xff"), "was never set"},
	{PICKLE("Nr\xff\xff\xff\x7f"), "memo index 2147483647 is out of range"},
	{PICKLE("Nr\0\0\x10\0"), "memo index 1048576 is out of range"},
	{PICKLE("U\x03"
		"ab"),
	 "ends too early"},
	{PICKLE("Np99999999999999999999\n"), "is not a number"},
	{PICKLE("q\0"), "lacks its operand"},
	{PICKLE("X\xff\xff\xff\xff"
		"abc"),
	 "ends too early"},
	{PICKLE("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"), "ends too early"},
	{PICKLE("\x8b\xff\xff\xff\xff"), "ends too early"},
	{PICKLE("X\x02\0\0\0\xc3("), "not UTF-8"},
	{PICKLE("X\x03\0\0\0\xed\xa0\x80"), "not UTF-8"},
	{PICKLE("Iabc\n"), "cannot be read"},
	{PICKLE("I99999999999999999999\n"), "cannot be read"},
	{PICKLE("S'abc\n"), "quoted string"},
	{PICKLE("}(X\x02\0\0\0a\0K\x01u"), "zero byte"},
};

START_TEST(calls_and_damage_are_refused)
{
	struct pb_text pickle = {0};
	OP(&pickle, "\x80\x02");
	pb_text_add_bytes(&pickle, calls[_i].pickle, calls[_i].length);
	OP(&pickle, ".");
	check_refused(make_pt(&pickle, NULL, 0), calls[_i].reason);
}
END_TEST

START_TEST(refusal_says_what_to_do)
{
	struct pb_text pickle = {0};
	OP(&pickle, "cnn\nModel\n)R.");
	check_refused(make_pt(&pickle, NULL, 0), "torch.save(model.state_dict(), ...)");
}
END_TEST

static const struct {
	struct tensor tensor;
	const char *reason;
} tensors[] = {
	{{"FloatStorage", "0", 12, 0, 1, .shape = {13}, .stride = {1}}, "reaches outside its storage"},
	{{"FloatStorage", "0", 12, 1, 1, .shape = {12}, .stride = {1}}, "reaches outside its storage"},
	{{"FloatStorage", "0", 12, 0, 2, .shape = {3, 4}, .stride = {5, 1}}, "reaches outside its storage"},
	{{"FloatStorage", "0", 12, 12, 0, .shape = {0}, .stride = {0}}, "reaches outside its storage"},
	{{"FloatStorage", "0", 12, 13, 1, .shape = {0}, .stride = {1}}, "starts outside its storage"},
	{{"FloatStorage", "0", 12, -1, 1, .shape = {1}, .stride = {1}}, "starts outside its storage"},
	{{"FloatStorage", "0", 12, INT64_MAX, 1, .shape = {2}, .stride = {1}}, "starts outside its storage"},
	{{"FloatStorage", "0", 12, 11, 1, .shape = {2}, .stride = {-1}}, "stride is negative"},
	{{"FloatStorage", "0", 12, 0, 1, .shape = {-1}, .stride = {1}}, "shape is negative"},
	{{"FloatStorage", "0", 12, 0, 2, .shape = {0, -1}, .stride = {1, 1}}, "shape is negative"},
	{{"FloatStorage", "0", 12, 0, 1, .shape = {3}, .stride = {INT64_MAX}}, "reaches outside its storage"},
	{{"FloatStorage", "0", 12, 0, 2, .shape = {2, 2}, .stride = {INT64_MAX, INT64_MAX}}, "reaches outside"},
	{{"FloatStorage", "0", 12, 0, 1, .shape = {(int64_t)1 << 60}, .stride = {0}}, "repeats its storage too often"},
	{{"FloatStorage", "0", 12, 0, 1, .shape = {(int64_t)1 << 60}, .stride = {1}}, "reaches outside its storage"},
	{{"FloatStorage", "0", 12, 0, 1, .shape = {(int64_t)1 << 62}, .stride = {0}}, "larger than memory"},
	{{"FloatStorage", "0", 12, 0, 2, .shape = {(int64_t)1 << 33, (int64_t)1 << 33}, .stride = {0, 0}},
	 "larger than memory"},
	{{"FloatStorage", "0", 12, 0, 2, .shape = {100000, 1000}, .stride = {0, 0}}, "repeats its storage too often"},
	{{"FloatStorage", "0", 12, 0, 9, .shape = {1, 1, 1, 1, 1, 1, 1, 1, 1}, .stride = {1}}, "at most 8"},
	{{"FloatStorage", "0", 13, 0, 1, .shape = {1}, .stride = {1}}, "has 48 bytes where 13 elements of F32 need 52"},
	{{"FloatStorage", "0", 11, 0, 1, .shape = {1}, .stride = {1}}, "has 48 bytes"},
	{{"FloatStorage", "0", (int64_t)1 << 60, 0, 1, .shape = {(int64_t)1 << 60}, .stride = {1}}, "has 48 bytes"},
	{{"DoubleStorage", "0", 12, 0, 1, .shape = {1}, .stride = {1}}, "has 48 bytes"},
	{{"FloatStorage", "1", 12, 0, 1, .shape = {1}, .stride = {1}}, "storage 1 is missing"},
	{{"FloatStorage", "../data.pkl", 12, 0, 1, .shape = {1}, .stride = {1}}, "is missing"},
	{{"UntypedStorage", "0", 48, 0, 1, .shape = {13}, .stride = {1}, .dtype = "float32"}, "reaches outside"},
	{{"UntypedStorage", "0", 48, 0, 1, .shape = {7}, .stride = {1}, .dtype = "float64"}, "reaches outside"},
};

START_TEST(tensors_stay_within_their_storage)
{
	struct pb_text pickle = {0};
	OP(&pickle, "}");
	put_string(&pickle, "t");
	put_tensor(&pickle, &tensors[_i].tensor);
	OP(&pickle, "s.");
	check_refused(make_pt(&pickle, ramp, sizeof ramp), tensors[_i].reason);
}
END_TEST

static void put_pair(struct pb_text *out, const char *first, const char *second, const struct tensor *a,
		     const struct tensor *b)
{
	OP(out, "}(");
	put_string(out, first);
	put_tensor(out, a);
	put_string(out, second);
	put_tensor(out, b);
	OP(out, "u.");
}

START_TEST(contradictions_are_refused)
{
	const struct tensor a = {"FloatStorage", "0", 12, 0, 1, .shape = {1}, .stride = {1}};
	struct tensor b = a;
	struct pb_text pickle = {0};
	put_pair(&pickle, "t", "t", &a, &a);
	check_refused(make_pt(&pickle, ramp, sizeof ramp), "two tensors are named t");
	b.storage = "IntStorage";
	put_pair(&pickle, "a", "b", &a, &b);
	check_refused(make_pt(&pickle, ramp, sizeof ramp), "two types or sizes");
	b.storage = "FloatStorage";
	b.count = 11;
	put_pair(&pickle, "a", "b", &a, &b);
	check_refused(make_pt(&pickle, ramp, sizeof ramp), "two types or sizes");
}
END_TEST

START_TEST(a_list_in_itself_is_refused)
{
	struct pb_text pickle = {0};
	OP(&pickle, "]q\0h\0a.");
	check_refused(make_pt(&pickle, NULL, 0), "contain themselves");
	OP(&pickle, "}q\0X\x01\0\0\0xh\0s.");
	check_refused(make_pt(&pickle, NULL, 0), "contain themselves");
}
END_TEST

START_TEST(deep_nesting_is_refused)
{
	struct pb_text pickle = {0};
	for (int i = 0; i < 1000000; i++)
		OP(&pickle, "]");
	for (int i = 1; i < 1000000; i++)
		OP(&pickle, "a");
	OP(&pickle, ".");
	check_refused(make_pt(&pickle, NULL, 0), "nested more than 64 deep");
}
END_TEST

/* Thirty lists, each holding the one before it twice: small in the file, 2^30 objects for a naive reader. */
START_TEST(doubling_lists_are_refused)
{
	struct pb_text pickle = {0};
	OP(&pickle, "]q\0");
	for (unsigned char i = 0; i < 30; i++) {
		const unsigned char op[] = {']', '(', 'h', i, 'h', i, 'e', 'q', (unsigned char)(i + 1)};
		pb_text_add_bytes(&pickle, op, sizeof op);
		OP(&pickle, "\x86\x30"); /* forms a pair with the one below, and drops it */
		const unsigned char again[] = {'h', (unsigned char)(i + 1)};
		pb_text_add_bytes(&pickle, again, sizeof again);
	}
	OP(&pickle, ".");
	check_refused(make_pt(&pickle, NULL, 0), "more than 1048576 objects");
}
END_TEST

/* One long string under many keys. */
START_TEST(repeated_text_is_bounded)
{
	struct pb_text pickle = {0};
	OP(&pickle, "X\x00\x00\x10\x00");
	for (int i = 0; i < 0x100000 / 64; i++)
		pb_text_add(&pickle, "%64d", i);
	OP(&pickle, "q\0"
		    "0](");
	for (int i = 0; i < 300; i++)
		OP(&pickle, "](h\0]e");
	OP(&pickle, "e.");
	check_refused(make_pt(&pickle, NULL, 0), "MiB");
}
END_TEST

START_TEST(too_many_objects_are_refused)
{
	struct pb_text pickle = {0};
	for (int i = 0; i < 5000000; i++)
		OP(&pickle, "]0");
	OP(&pickle, "N.");
	check_refused(make_pt(&pickle, NULL, 0), "more than 4194304 objects in one pickle");
	for (int i = 0; i < 5000000; i++)
		OP(&pickle, "N");
	OP(&pickle, ".");
	check_refused(make_pt(&pickle, NULL, 0), "stacks more than 4194304 objects");
}
END_TEST

static const struct {
	const char *names[3];
	const char *reason;
} archives[] = {
	{{"m/data.pkl", "m/../../etc/passwd"}, "its name leaves the archive"},
	{{"m/data.pkl", ".."}, "its name leaves the archive"},
	{{"m/data.pkl", "/etc/passwd"}, "its name leaves the archive"},
	{{"m/version"}, "no data.pkl"},
	{{"m/data.pkl", "m/constants.pkl"}, "TorchScript"},
	{{"m/constants.pkl", "m/data.pkl"}, "TorchScript"},
	{{"m/data.pkl", "n/data.pkl"}, "two data.pkl"},
};

START_TEST(bad_archives_are_refused)
{
	struct member members[3] = {0};
	size_t n = 0;
	for (; n < 3 && archives[_i].names[n]; n++)
		members[n] = (struct member){archives[_i].names[n], "N.", 2, false};
	check_refused(make_zip(members, n), archives[_i].reason);
}
END_TEST

START_TEST(big_endian_is_refused)
{
	const struct member members[] = {{"m/data.pkl", "N.", 2, false}, {"m/byteorder", "big", 3, false}};
	check_refused(make_zip(members, 2), "big-endian");
}
END_TEST

START_TEST(zip_bomb_is_refused)
{
	size_t size = (size_t)200 << 20;
	char *zeros = calloc(size, 1);
	struct pb_text pickle = {0};
	OP(&pickle, "}");
	put_string(&pickle, "t");
	put_tensor(&pickle, &(struct tensor){"ByteStorage", "0", (int64_t)size, 0, 1, .shape = {1}, .stride = {1}});
	OP(&pickle, "s.");
	const struct member members[] = {{"m/data.pkl", pickle.data, pickle.length, false},
					 {"m/data/0", zeros, size, true}};
	check_refused(make_zip(members, 2), "zip bomb");
	free(zeros);
	pb_text_finish(&pickle);
}
END_TEST

/* Two members of one name: libraries differ in which they read. */
START_TEST(duplicate_members_are_refused)
{
	const struct member members[] = {{"m/data.pkl", "N.", 2, false}, {"m/data.pkX", "N.", 2, false}};
	const char *path = make_zip(members, 2);
	void *file;
	size_t size;
	ck_assert_ok(pb_file_read(path, 1 << 20, &file, &size));
	for (char *at = file; (at = memmem(at, size - (size_t)(at - (char *)file), "pkX", 3)); at += 3)
		at[2] = 'l';
	check_refused(make_file(file, size), "two members are named \"m/data.pkl\"");
	free(file);
}
END_TEST

/* A whole small file, in either form. */
static const char *make_small(bool legacy)
{
	struct pb_text pickle = {0};
	OP(&pickle, "\x80\x02}");
	put_string(&pickle, "t");
	put_tensor(&pickle, &(struct tensor){"FloatStorage", "0", 12, 0, 2, .shape = {3, 4}, .stride = {4, 1},
					     .legacy = legacy});
	OP(&pickle, "s.");
	return legacy ? make_legacy(&pickle, ramp, sizeof ramp, 12) : make_pt(&pickle, ramp, sizeof ramp);
}

START_TEST(every_truncation_is_refused)
{
	void *file;
	size_t size;
	struct pb_ckpt ckpt;
	const char *path = make_small(_i);
	ck_assert_ok(pb_ckpt_read(path, &ckpt));
	pb_ckpt_finish(&ckpt);
	ck_assert_ok(pb_file_read(path, 1 << 20, &file, &size));
	for (size_t cut = 0; cut < size; cut++) {
		overwrite(path, file, cut);
		ck_assert_msg(pb_ckpt_read(path, &ckpt) < 0, "%zu of %zu bytes are read", cut, size);
	}
	free(file);
}
END_TEST

/* A flipped bit is refused or changes nothing but names and numbers; the sanitizers watch. In a zip, no flip in the
 * tensor's bytes goes unseen: there is a checksum. */
START_TEST(flipped_bits_do_no_harm)
{
	void *file;
	size_t size;
	struct pb_ckpt ckpt;
	const char *path = make_small(_i);
	ck_assert_ok(pb_file_read(path, 1 << 20, &file, &size));
	unsigned char *bytes = file, *data = memmem(file, size, ramp, sizeof ramp);
	ck_assert_ptr_nonnull(data);
	for (size_t bit = 0; bit < size * 8; bit++) {
		bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
		overwrite(path, file, size);
		int rc = pb_ckpt_read(path, &ckpt);
		bool in_data = bytes + bit / 8 >= data && bytes + bit / 8 < data + sizeof ramp;
		ck_assert_msg(rc < 0 || _i || !in_data, "bit %zu of the data is flipped unseen", bit);
		if (!rc)
			pb_ckpt_finish(&ckpt);
		bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
	free(file);
}
END_TEST

static const struct {
	const char *file;
	size_t length;
	const char *reason;
} legacies[] = {
#define MAGIC	"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
#define VERSION "\x80\x02M\xe9\x03."
#define LITTLE	"}X\x0d\0\0\0little_endian\x88s."
	{PICKLE(MAGIC "\x80\x02M\xea\x03."), "protocol 1001"},
	{PICKLE(MAGIC VERSION "}."), "does not say its byte order"},
	{PICKLE(MAGIC VERSION "}X\x0d\0\0\0little_endian\x89s."), "big-endian"},
	{PICKLE(MAGIC VERSION LITTLE "cos\nsystem\n."), "refuses to call os.system"},
	{PICKLE(MAGIC VERSION LITTLE "N.N."), "no list"},
	{PICKLE(MAGIC VERSION LITTLE "N.](X\x01\0\0\0"
				     "7e."),
	 "does not fit its tensors"},
	{PICKLE("\x80\x04\x95\x03\0\0\0\0\0\0\0K\x01."), "not one of torch.save"},
};

START_TEST(bad_legacy_files_are_refused)
{
	check_refused(make_file(legacies[_i].file, legacies[_i].length), legacies[_i].reason);
}
END_TEST

START_TEST(legacy_storages_fit)
{
	const struct tensor t = {"FloatStorage", "0", 12, 0, 1, .shape = {1}, .stride = {1}, .legacy = true};
	const struct tensor other = {"FloatStorage", "1", 12, 0, 1, .shape = {1}, .stride = {1}, .legacy = true};
	struct pb_text pickle = {0};
	put_pair(&pickle, "a", "b", &t, &t);
	check_refused(make_legacy(&pickle, ramp, sizeof ramp, 13), "another size");
	put_pair(&pickle, "a", "b", &t, &t);
	check_refused(make_legacy(&pickle, ramp, sizeof ramp, -1), "another size");
	put_pair(&pickle, "a", "b", &t, &other);
	check_refused(make_legacy(&pickle, ramp, sizeof ramp, 12), "a storage is missing");
	static const int64_t views[][2] = {{0, 13}, {12, 1}, {-1, 2}, {2, -1}, {INT64_MAX, INT64_MAX}};
	for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
		struct tensor view = t;
		view.view = views[i];
		put_pair(&pickle, "a", "b", &view, &view);
		check_refused(make_legacy(&pickle, ramp, sizeof ramp, 12), "a view lies outside its storage");
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hostile");
	TCase *cases = tcase_create("refused");
	tcase_add_loop_test(cases, calls_and_damage_are_refused, 0, sizeof calls / sizeof *calls);
	tcase_add_test(cases, refusal_says_what_to_do);
	tcase_add_loop_test(cases, tensors_stay_within_their_storage, 0, sizeof tensors / sizeof *tensors);
	tcase_add_test(cases, contradictions_are_refused);
	tcase_add_test(cases, a_list_in_itself_is_refused);
	tcase_add_test(cases, deep_nesting_is_refused);
	tcase_add_test(cases, doubling_lists_are_refused);
	tcase_add_test(cases, repeated_text_is_bounded);
	tcase_add_test(cases, too_many_objects_are_refused);
	tcase_add_loop_test(cases, bad_archives_are_refused, 0, sizeof archives / sizeof *archives);
	tcase_add_test(cases, big_endian_is_refused);
	tcase_add_test(cases, zip_bomb_is_refused);
	tcase_add_test(cases, duplicate_members_are_refused);
	tcase_add_loop_test(cases, every_truncation_is_refused, 0, 2);
	tcase_add_loop_test(cases, flipped_bits_do_no_harm, 0, 2);
	tcase_add_loop_test(cases, bad_legacy_files_are_refused, 0, sizeof legacies / sizeof *legacies);
	tcase_add_test(cases, legacy_storages_fit);
	suite_add_tcase(suite, cases);
	return pb_test_run(suite, NULL);
}
