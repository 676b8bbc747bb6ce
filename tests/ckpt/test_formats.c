/* test_formats.c: .safetensors and .npz: round trips, and files that are wrong in one place. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/status.h"
#include "ckpt/ckpt.h"
#include "ckpt/make.h"
#include "support/support.h"

static char path[256];

static const char *scratch(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", pb_test_dir(), name);
	return path;
}

typedef int write_fn(const char *path, const struct pb_ckpt_tensor *tensors, size_t n_tensors);

static const struct {
	write_fn *write;
	const char *name, *format;
} writers[] = {
	{pb_ckpt_write_safetensors, "t.safetensors", "safetensors"},
	{pb_ckpt_write_npz, "t.npz", "npz"},
};

static void check_same(const struct pb_ckpt_tensor *a, const struct pb_ckpt_tensor *b)
{
	ck_assert_ptr_nonnull(b);
	ck_assert_int_eq(a->dtype, b->dtype);
	ck_assert_int_eq(a->rank, b->rank);
	ck_assert_mem_eq(a->shape, b->shape, sizeof a->shape);
	ck_assert_int_eq(a->count, b->count);
	if (a->count)
		ck_assert_mem_eq(a->data, b->data, (size_t)a->count * pb_ckpt_dtype_size(a->dtype));
}

START_TEST(every_type_and_shape_survives)
{
	static const uint64_t bits[6] = {0x0101010001000100, 2, 3, 0x7ff0000000000000, 5, 6};
	struct pb_ckpt_tensor tensors[16];
	size_t n = 0;
	for (int dtype = PB_CKPT_F32; dtype <= PB_CKPT_BOOL; dtype++) {
		if (dtype == PB_CKPT_BF16 && writers[_i].write == pb_ckpt_write_npz)
			continue;
		/* The odd counts come first, so that a writer that packs them as they come misaligns the next. */
		tensors[n++] = (struct pb_ckpt_tensor){pb_ckpt_dtype_name(dtype), dtype, 2, {1, 5}, 5, bits};
	}
	tensors[n++] = (struct pb_ckpt_tensor){"one axis", PB_CKPT_F32, 1, {3}, 3, bits};
	tensors[n++] = (struct pb_ckpt_tensor){"scalar", PB_CKPT_F64, 0, {0}, 1, bits};
	tensors[n++] = (struct pb_ckpt_tensor){"empty", PB_CKPT_F32, 2, {0, 7}, 0, NULL};
	tensors[n++] = (struct pb_ckpt_tensor){"blocks.0.\xc3\xa9\"\\", PB_CKPT_I8, 3, {2, 1, 3}, 6, bits};
	struct pb_ckpt ckpt;
	ck_assert_ok(writers[_i].write(scratch(writers[_i].name), tensors, n));
	ck_assert_ok(pb_ckpt_read(path, &ckpt));
	ck_assert_str_eq(ckpt.format, writers[_i].format);
	ck_assert_uint_eq(ckpt.n_tensors, n);
	for (size_t i = 0; i < n; i++) {
		ck_assert_str_eq(ckpt.tensors[i].name, tensors[i].name);
		check_same(&tensors[i], &ckpt.tensors[i]);
	}
	pb_ckpt_finish(&ckpt);
}
END_TEST

START_TEST(golden_model_goes_round)
{
	struct pb_ckpt pt, st, npz;
	ck_assert_ok(pb_ckpt_read(pb_test_golden("model_1.pt"), &pt));
	ck_assert_ok(pb_ckpt_write_safetensors(scratch("m.safetensors"), pt.tensors, pt.n_tensors));
	ck_assert_ok(pb_ckpt_read(path, &st));
	ck_assert_ok(pb_ckpt_write_npz(scratch("m.npz"), st.tensors, st.n_tensors));
	ck_assert_ok(pb_ckpt_read(path, &npz));
	ck_assert_uint_eq(pt.n_tensors, npz.n_tensors);
	for (size_t i = 0; i < pt.n_tensors; i++)
		check_same(&pt.tensors[i], pb_ckpt_find(&npz, pt.tensors[i].name));
	pb_ckpt_finish(&pt);
	pb_ckpt_finish(&st);
	pb_ckpt_finish(&npz);
}
END_TEST

START_TEST(same_tensors_make_the_same_file)
{
	static const float data[2] = {1, 2};
	const struct pb_ckpt_tensor t = {"t", PB_CKPT_F32, 1, {2}, 2, data};
	void *first, *second;
	size_t first_size, second_size;
	ck_assert_ok(writers[_i].write(scratch("a"), &t, 1));
	ck_assert_ok(pb_file_read(path, 1 << 20, &first, &first_size));
	ck_assert_ok(writers[_i].write(scratch("b"), &t, 1));
	ck_assert_ok(pb_file_read(path, 1 << 20, &second, &second_size));
	ck_assert_uint_eq(first_size, second_size);
	ck_assert_mem_eq(first, second, first_size);
	if (writers[_i].write == pb_ckpt_write_npz) /* and not because both were written within a second */
		ck_assert_mem_eq((char *)first + 10, "\0\0\x21\0", 4);
	free(first);
	free(second);
}
END_TEST

/* Readers that map a .safetensors file want its data at a multiple of the element's size, whatever the header's length.
 */
START_TEST(safetensors_data_is_aligned)
{
	static const uint64_t data[2] = {1, 2};
	const struct pb_ckpt_tensor tensors[] = {{"odd", PB_CKPT_U8, 1, {3}, 3, data},
						 {&"xxxxxxxwide" [_i], PB_CKPT_F64, 1, { 1 }, 1, data}};
	void *file;
	size_t size;
	ck_assert_ok(pb_ckpt_write_safetensors(scratch("aligned"), tensors, 2));
	ck_assert_ok(pb_file_read(path, 1 << 20, &file, &size));
	const unsigned char *bytes = file;
	ck_assert_int_eq(bytes[0] % 8, 0);
	const char *entry = strstr((const char *)file + 8, "wide\"");
	ck_assert_ptr_nonnull(entry);
	ck_assert_int_eq(atoi(strstr(entry, "data_offsets\":[") + 15) % 8, 0);
	free(file);
}
END_TEST

/* numpy reads a header as a Python literal: one axis is `(3,)`, and `(3)` would be no tuple. */
START_TEST(npz_headers_are_numpy_s)
{
	static const float values[6] = {1, 2, 3, 4, 5, 6};
	static const struct pb_ckpt_tensor t[] = {{"scalar", PB_CKPT_F32, 0, {0}, 1, values},
						  {"one", PB_CKPT_F32, 1, {3}, 3, values},
						  {"two", PB_CKPT_F32, 2, {2, 3}, 6, values}};
	static const char *const shapes[] = {"()", "(3,)", "(2, 3)"};
	void *file;
	size_t size;
	ck_assert_ok(pb_ckpt_write_npz(scratch("headers.npz"), t, 3));
	ck_assert_ok(pb_file_read(path, 1 << 20, &file, &size));
	for (int i = 0; i < 3; i++) {
		char header[128] = "\x93NUMPY\1\0v\0";
		int length = snprintf(header + 10, sizeof header - 10,
				      "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }", shapes[i]);
		ck_assert_msg(memmem(file, size, header, 10 + (size_t)length) != NULL, "no %s", header + 10);
	}
	free(file);
}
END_TEST

/* Fixed-width unicode, in characters of four bytes; numpy takes it without pickle. What is no UTF-8 is replaced. */
START_TEST(npz_takes_texts)
{
	static const char *const labels[] = {"alias(71)", "", "\xe5\xb1\xa4\"\\", "\xf0\x9f\x98\x80", "bad \xff"};
	static const float value = 1.5f;
	const struct pb_ckpt_tensor t[] = {{"labels_pos", PB_CKPT_TEXT, 1, {5}, 5, labels},
					   {"none", PB_CKPT_TEXT, 1, {0}, 0, labels},
					   {"score", PB_CKPT_F32, 0, {0}, 1, &value}};
	void *file;
	size_t size;
	struct pb_ckpt read;
	ck_assert_ok(pb_ckpt_write_npz(scratch("texts.npz"), t, 3));
	ck_assert_ok(pb_file_read(path, 1 << 20, &file, &size));
	static const char header[] = "{'descr': '<U9', 'fortran_order': False, 'shape': (5,), }";
	const unsigned char *at = memmem(file, size, header, sizeof header - 1);
	ck_assert_ptr_nonnull(at);
	at = (const unsigned char *)strchr((const char *)at, '\n') + 1;
	ck_assert_mem_eq(at, "a\0\0\0l\0\0\0", 8);
	ck_assert_mem_eq(at + 2 * 36, "\x64\x5c\0\0\"\0\0\0\\\0\0\0\0\0\0\0", 16);
	ck_assert_mem_eq(at + 3 * 36, "\0\xf6\1\0\0\0\0\0", 8);
	ck_assert_ptr_nonnull(memmem(file, size, "'<U1', 'fortran_order': False, 'shape': (0,)", 44));
	free(file);
	ck_assert_ok(pb_ckpt_read(path, &read));
	ck_assert_uint_eq(read.n_tensors, 1);
	ck_assert_uint_eq(read.n_values, 2);
	ck_assert_str_eq(read.tensors[0].name, "score");
	ck_assert_str_eq(read.values[0].name, "labels_pos");
	ck_assert_str_eq(read.values[0].text,
			 "[\"alias(71)\", \"\", \"\xe5\xb1\xa4\\\"\\\\\", \"\xf0\x9f\x98\x80\", \"bad \\ufffd\"]");
	ck_assert_str_eq(read.values[1].text, "[]");
	pb_ckpt_finish(&read);
}
END_TEST

START_TEST(npz_refuses_bfloat16)
{
	static const uint16_t one = 0x3f80;
	const struct pb_ckpt_tensor t = {"t", PB_CKPT_BF16, 0, {0}, 1, &one};
	ck_assert_int_eq(pb_ckpt_write_npz(scratch("bf.npz"), &t, 1), -PB_E_UNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "BF16"));
}
END_TEST

START_TEST(names_that_repeat_are_refused)
{
	static const float one = 1;
	const struct pb_ckpt_tensor t[] = {{"t", PB_CKPT_F32, 0, {0}, 1, &one}, {"t", PB_CKPT_F32, 0, {0}, 1, &one}};
	ck_assert_int_lt(writers[_i].write(scratch("twice"), t, 2), 0);
}
END_TEST

START_TEST(elements_convert)
{
	static const uint16_t half[] = {0x3c00, 0xc000, 0x0001, 0x7bff, 0xfc00, 0x7e00, 0x8000},
			      bf[] = {0x3f80, 0xc2f7};
	static const int64_t wide[] = {-3};
	static const uint8_t yes[] = {0, 7};
	double d[7];
	float f[7];
	pb_ckpt_convert(&(struct pb_ckpt_tensor){"h", PB_CKPT_F16, 1, {7}, 7, half}, PB_F64, d);
	ck_assert_double_eq(d[0], 1);
	ck_assert_double_eq(d[1], -2);
	ck_assert_double_eq(d[2], 0x1p-24);
	ck_assert_double_eq(d[3], 65504);
	ck_assert(isinf(d[4]) && d[4] < 0 && isnan(d[5]) && signbit(d[6]) && d[6] == 0);
	pb_ckpt_convert(&(struct pb_ckpt_tensor){"b", PB_CKPT_BF16, 1, {2}, 2, bf}, PB_F32, f);
	ck_assert_float_eq(f[0], 1);
	ck_assert_float_eq(f[1], -123.5f);
	pb_ckpt_convert(&(struct pb_ckpt_tensor){"i", PB_CKPT_I64, 0, {0}, 1, wide}, PB_F32, f);
	ck_assert_float_eq(f[0], -3);
	pb_ckpt_convert(&(struct pb_ckpt_tensor){"y", PB_CKPT_BOOL, 1, {2}, 2, yes}, PB_F64, d);
	ck_assert(d[0] == 0 && d[1] == 1);
}
END_TEST

static void write_safetensors_text(const char *header, size_t data_size)
{
	unsigned char file[4096] = {0};
	size_t length = strlen(header);
	file[0] = (unsigned char)length;
	file[1] = (unsigned char)(length >> 8);
	memcpy(file + 8, header, length);
	ck_assert_ok(pb_file_write(scratch("h.safetensors"), file, 8 + length + data_size));
}

static const struct {
	const char *header, *reason;
	size_t data_size;
} bad_headers[] = {
	{"{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", "does not fit", 8},
	{"{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "outside the file", 7},
	{"{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", "outside the file", 8},
	{"{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,4]}}", "outside the file", 8},
	{"{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", "two integers", 8},
	{"{\"t\":{\"dtype\":\"F32\",\"shape\":[1]}}", "two integers", 8},
	{"{\"t\":{\"dtype\":\"F32\",\"shape\":[-1,-1],\"data_offsets\":[0,4]}}", "counts", 8},
	{"{\"t\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", "counts", 8},
	{"{\"t\":{\"dtype\":\"F32\",\"shape\":4,\"data_offsets\":[0,4]}}", "not a list", 8},
	{"{\"t\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", "larger than memory",
	 8},
	{"{\"t\":{\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]}}", "does not fit", 8},
	{"{\"t\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", "axes", 8},
	{"{\"t\":{\"dtype\":\"F8_E4M3\",\"shape\":[4],\"data_offsets\":[0,4]}}", "not supported", 8},
	{"{\"t\":{\"shape\":[1],\"data_offsets\":[0,4]}}", "not supported", 8},
	{"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
	 "\"b\":{\"dtype\":\"I16\",\"shape\":[2],\"data_offsets\":[3,7]}}",
	 "shares bytes", 8},
	{"{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
	 "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
	 "not JSON", 8},
	{"{\"t\":7}", "not a JSON object", 8},
	{"{\"__metadata__\":{\"format\":7}}", "else than text", 8},
	{"{\"t\":{\"dtype\":\"F32\"", "not JSON", 8},
};

START_TEST(bad_safetensors_headers_are_refused)
{
	struct pb_ckpt ckpt;
	write_safetensors_text(bad_headers[_i].header, bad_headers[_i].data_size);
	ck_assert_int_lt(pb_ckpt_read(path, &ckpt), 0);
	ck_assert_msg(strstr(pb_error_text(), bad_headers[_i].reason), "%s", pb_error_text());
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "h.safetensors"));
}
END_TEST

/* One member of an .npz: its version, length and header, and eight bytes of elements behind it. */
static const struct {
	const char *header, *reason;
} bad_arrays[] = {
	{"{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }\n", "its type are not supported"},
	{"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", "its type are not supported"},
	{"{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (2,), }\n", "its type are not supported"},
	{"{'fortran_order': False, 'shape': (2,), }\n", "its type are not supported"},
	{"{'descr': '<U0', 'fortran_order': False, 'shape': (2,), }\n", "its type are not supported"},
	{"{'descr': '<U99999999999999999999', 'fortran_order': False, 'shape': (2,), }\n", "are not supported"},
	{"{'descr': '<U4611686018427387902', 'fortran_order': False, 'shape': (2,), }\n", "does not fit the bytes"},
	{"{'descr': '<U3', 'fortran_order': False, 'shape': (1,), }\n", "does not fit the bytes"},
	{"{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }\n", "column by column"},
	{"{'descr': '<f4', 'shape': (2,), }\n", "does not say its order"},
	{"{'descr': '<f4', 'fortran_order': False, }\n", "no shape"},
	{"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }\n", "shape cannot be read"},
	{"{'descr': '<f4', 'fortran_order': False, 'shape': (2,", "shape cannot be read"},
	{"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 1, 1), }\n", "more than 8 axes"},
	{"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }\n", "does not fit the bytes"},
	{"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n", "does not fit the bytes"},
	{"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }\n", "larger than memory"},
	{"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,), }\n", "does not fit the bytes"},
	{"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 2), }\n", "larger than memory"},
	{"", "does not say its order"},
};

static const char *make_npz(const char *header, size_t stated_length)
{
	struct pb_text npy = {0};
	OP(&npy, "\x93NUMPY\1\0");
	put_number(&npy, stated_length, 2);
	pb_text_add_bytes(&npy, header, strlen(header));
	put_number(&npy, 0, 8);
	const char *made = make_zip(&(struct member){"a.npy", npy.data, npy.length, false}, 1);
	pb_text_finish(&npy);
	return made;
}

START_TEST(bad_npy_headers_are_refused)
{
	struct pb_ckpt ckpt;
	const char *header = bad_arrays[_i].header;
	ck_assert_int_eq(pb_ckpt_read(make_npz(header, strlen(header)), &ckpt), -PB_E_FORMAT);
	ck_assert_msg(strstr(pb_error_text(), bad_arrays[_i].reason), "%s", pb_error_text());
}
END_TEST

START_TEST(npy_header_lies_within_its_member)
{
	static const char header[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n";
	struct pb_ckpt ckpt;
	ck_assert_ok(pb_ckpt_read(make_npz(header, sizeof header - 1), &ckpt));
	ck_assert_int_eq(ckpt.tensors[0].count, 2);
	pb_ckpt_finish(&ckpt);
	ck_assert_int_eq(pb_ckpt_read(make_npz(header, sizeof header + 8), &ckpt), -PB_E_FORMAT);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "header is cut off"));
	/* One byte less of header is one byte more of elements. */
	ck_assert_int_eq(pb_ckpt_read(make_npz(header, sizeof header - 2), &ckpt), -PB_E_FORMAT);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "does not fit the bytes"));
	ck_assert_int_lt(pb_ckpt_read(make_zip(&(struct member){"a.npy", "not numpy's", 11, false}, 1), &ckpt), 0);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "not a .npy"));
}
END_TEST

START_TEST(safetensors_metadata_is_shown)
{
	struct pb_ckpt ckpt;
	write_safetensors_text("{\"__metadata__\":{\"format\":\"pt\"},"
			       "\"t\":{\"dtype\":\"U8\",\"shape\":[2,0],\"data_offsets\":[0,0]}}",
			       0);
	ck_assert_ok(pb_ckpt_read(path, &ckpt));
	ck_assert_uint_eq(ckpt.n_values, 1);
	ck_assert_str_eq(ckpt.values[0].name, "format");
	ck_assert_str_eq(ckpt.values[0].text, "\"pt\"");
	ck_assert_uint_eq(ckpt.n_tensors, 1);
	ck_assert_int_eq(ckpt.tensors[0].count, 0);
	pb_ckpt_finish(&ckpt);
}
END_TEST

START_TEST(a_huge_header_length_is_refused)
{
	static const unsigned char file[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, '{', '}'};
	struct pb_ckpt ckpt;
	ck_assert_ok(pb_file_write(scratch("huge.safetensors"), file, sizeof file));
	ck_assert_int_eq(pb_ckpt_read(path, &ckpt), -PB_E_FORMAT);
	/* Also where the file is that long. */
	ck_assert_ok(pb_file_write(path, "\0\0\0\3\0\0\0\0{}", 10));
	ck_assert_int_eq(truncate(path, 100 << 20), 0);
	ck_assert_int_eq(pb_ckpt_read(path, &ckpt), -PB_E_FORMAT);
	ck_assert_msg(strstr(pb_error_text(), "header of 50331648 bytes"), "%s", pb_error_text());
}
END_TEST

/* Every prefix of a good file is refused, without a crash. */
START_TEST(truncated_files_are_refused)
{
	static const float data[3] = {1, 2, 3};
	const struct pb_ckpt_tensor t = {"t", PB_CKPT_F32, 1, {3}, 3, data};
	void *file;
	size_t size;
	struct pb_ckpt ckpt;
	ck_assert_ok(writers[_i].write(scratch("whole"), &t, 1));
	ck_assert_ok(pb_file_read(path, 1 << 20, &file, &size));
	for (size_t cut = 0; cut < size; cut++) {
		overwrite(scratch("cut"), file, cut);
		ck_assert_msg(pb_ckpt_read(path, &ckpt) < 0, "%zu of %zu bytes are read", cut, size);
	}
	free(file);
}
END_TEST

START_TEST(what_is_no_checkpoint_is_refused)
{
	static const char *const texts[] = {"", "x", "name: not a checkpoint\nlr: 0.1\n", "PK\3\4 and nothing more",
					    "\x80\x02K\x01."};
	struct pb_ckpt ckpt;
	ck_assert_ok(pb_file_write(scratch("no.pt"), texts[_i], strlen(texts[_i])));
	ck_assert_int_eq(pb_ckpt_read(path, &ckpt), -PB_E_FORMAT);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "no.pt"));
	ck_assert_int_eq(pb_ckpt_read(scratch("absent.pt"), &ckpt), -PB_E_NOTFOUND);
	ck_assert_int_lt(pb_ckpt_read(pb_test_dir(), &ckpt), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("formats");
	TCase *cases = tcase_create("formats");
	tcase_add_loop_test(cases, every_type_and_shape_survives, 0, 2);
	tcase_add_test(cases, golden_model_goes_round);
	tcase_add_loop_test(cases, same_tensors_make_the_same_file, 0, 2);
	tcase_add_loop_test(cases, safetensors_data_is_aligned, 0, 8);
	tcase_add_test(cases, npz_headers_are_numpy_s);
	tcase_add_test(cases, npz_takes_texts);
	tcase_add_test(cases, npz_refuses_bfloat16);
	tcase_add_loop_test(cases, names_that_repeat_are_refused, 0, 2);
	tcase_add_test(cases, elements_convert);
	tcase_add_loop_test(cases, bad_safetensors_headers_are_refused, 0, sizeof bad_headers / sizeof *bad_headers);
	tcase_add_loop_test(cases, bad_npy_headers_are_refused, 0, sizeof bad_arrays / sizeof *bad_arrays);
	tcase_add_test(cases, npy_header_lies_within_its_member);
	tcase_add_test(cases, safetensors_metadata_is_shown);
	tcase_add_test(cases, a_huge_header_length_is_refused);
	tcase_add_loop_test(cases, truncated_files_are_refused, 0, 2);
	tcase_add_loop_test(cases, what_is_no_checkpoint_is_refused, 0, 5);
	suite_add_tcase(suite, cases);
	return pb_test_run(suite, NULL);
}
