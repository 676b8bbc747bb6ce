/* make.c: writes pickles and .pt files opcode by opcode. */
#include "ckpt/make.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include "support/support.h"

void put_number(struct pb_text *out, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++) {
		unsigned char byte = (unsigned char)(value >> (8 * i));
		pb_text_add_bytes(out, &byte, 1);
	}
}

void put_string(struct pb_text *out, const char *string)
{
	OP(out, "X");
	put_number(out, strlen(string), 4);
	pb_text_add_bytes(out, string, strlen(string));
}

void put_int(struct pb_text *out, int64_t value)
{
	OP(out, "\x8a\x08");
	put_number(out, (uint64_t)value, 8);
}

void put_global(struct pb_text *out, const char *module, const char *name)
{
	pb_text_add(out, "c%s\n%s\n", module, name);
}

void put_storage(struct pb_text *out, const struct tensor *t)
{
	OP(out, "(");
	put_string(out, "storage");
	put_global(out, "torch", t->storage);
	put_string(out, t->key);
	put_string(out, "cuda:0");
	put_int(out, t->count);
	if (t->view) {
		OP(out, "(");
		put_string(out, "view");
		put_int(out, t->view[0]);
		put_int(out, t->view[1]);
		OP(out, "t");
	} else if (t->legacy) {
		OP(out, "N");
	}
	OP(out, "tQ");
}

static void put_extents(struct pb_text *out, const int64_t *extents, int rank)
{
	OP(out, "(");
	for (int i = 0; i < rank; i++)
		put_int(out, extents[i]);
	OP(out, "t");
}

void put_tensor(struct pb_text *out, const struct tensor *t)
{
	put_global(out, "torch._utils", t->dtype ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2");
	OP(out, "(");
	put_storage(out, t);
	put_int(out, t->offset);
	put_extents(out, t->shape, t->rank);
	put_extents(out, t->stride, t->rank);
	OP(out, "\x89"); /* requires_grad */
	put_global(out, "collections", "OrderedDict");
	OP(out, ")R");
	if (t->dtype)
		put_global(out, "torch", t->dtype);
	OP(out, "tR");
}

static const char *new_path(const char *suffix)
{
	static char path[256];
	static int number;
	snprintf(path, sizeof path, "%s/made-%d%s", pb_test_dir(), number++, suffix);
	return path;
}

const char *make_zip(const struct member *members, size_t count)
{
	const char *path = new_path(".pt");
	zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
	ck_assert_ptr_nonnull(zip);
	for (size_t i = 0; i < count; i++) {
		zip_source_t *source = zip_source_buffer(zip, members[i].data, members[i].size, 0);
		zip_int64_t index = zip_file_add(zip, members[i].name, source, 0);
		ck_assert_int_ge(index, 0);
		zip_set_file_compression(zip, (zip_uint64_t)index, members[i].deflate ? ZIP_CM_DEFLATE : ZIP_CM_STORE,
					 0);
	}
	ck_assert_int_eq(zip_close(zip), 0);
	return path;
}

const char *make_pt(struct pb_text *pickle, const void *data, size_t size)
{
	const struct member members[] = {{"m/data.pkl", pickle->data, pickle->length, false},
					 {"m/data/0", data, size, false}};
	const char *path = make_zip(members, data ? 2 : 1);
	pb_text_finish(pickle);
	return path;
}

void overwrite(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600); /* truncating to nothing first may cost a flush */
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, data, size), size);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	close(fd);
}

const char *make_file(const void *data, size_t size)
{
	const char *path = new_path(".bin");
	overwrite(path, data, size);
	return path;
}

const char *make_legacy(struct pb_text *pickle, const void *data, size_t size, int64_t count)
{
	struct pb_text file = {0};
	OP(&file, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.");
	OP(&file, "\x80\x02M\xe9\x03.\x80\x02}");
	put_string(&file, "little_endian");
	OP(&file, "\x88s.");
	pb_text_add_bytes(&file, pickle->data, pickle->length);
	OP(&file, "\x80\x02]");
	put_string(&file, "0");
	OP(&file, "a.");
	put_number(&file, (uint64_t)count, 8);
	pb_text_add_bytes(&file, data, size);
	const char *path = make_file(file.data, file.length);
	pb_text_finish(&file);
	pb_text_finish(pickle);
	return path;
}
