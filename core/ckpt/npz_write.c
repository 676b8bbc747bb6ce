/* npz_write.c: the writer of .npz: stored members, so that numpy can read them at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/status.h"
#include "base/utf8.h"
#include "ckpt/ckpt.h"

static const char *const descr[] = {
#define DESCR(name, bytes, st, np) np,
	PB_CKPT_DTYPE_MAP(DESCR)
#undef DESCR
};

/* Where libzip gives no reason, it had no memory for one. */
static int fail_zip(const char *path, zip_error_t *error)
{
	const int code = zip_error_code_zip(error);
	if (code == ZIP_ER_MEMORY || code == ZIP_ER_OK)
		return pb_fail(PB_E_NOMEM, "cannot write %s: out of memory", path);
	return pb_fail(PB_E_IO, "cannot write %s: %s", path, zip_error_strerror(error));
}

/* Characters of a text as numpy counts them. */
static size_t length_of(const char *text)
{
	const char *end = text + strlen(text);
	size_t n = 0;
	for (; text < end; n++)
		pb_utf8_read(&text, end);
	return n;
}

/* Of the longest; numpy has no type for texts of no length. */
static size_t width_of(const struct pb_ckpt_tensor *t)
{
	const char *const *texts = t->data;
	size_t width = 1;
	for (int64_t i = 0; i < t->count; i++)
		width = length_of(texts[i]) > width ? length_of(texts[i]) : width;
	return width;
}

/* UTF-32, little-endian, each text filled up with zeros. */
static void add_texts(const struct pb_ckpt_tensor *t, size_t width, unsigned char *out)
{
	const char *const *texts = t->data;
	memset(out, 0, (size_t)t->count * width * 4);
	for (int64_t i = 0; i < t->count; i++, out += width * 4) {
		const char *at = texts[i], *end = at + strlen(at);
		for (unsigned char *c = out; at < end; c += 4) {
			const int32_t read = pb_utf8_read(&at, end);
			const uint32_t point = read < 0 ? 0xfffd : (uint32_t)read;
			c[0] = (unsigned char)point;
			c[1] = (unsigned char)(point >> 8);
			c[2] = (unsigned char)(point >> 16);
		}
	}
}

/* The whole .npy, header padded to 64 bytes. */
static int make_npy(const struct pb_ckpt_tensor *t, struct pb_arena *arena, unsigned char **ret_npy, size_t *ret_size)
{
	struct pb_text text = {0};
	const bool texts = t->dtype == PB_CKPT_TEXT;
	const size_t width = texts ? width_of(t) : 0, each = texts ? 4 * width : pb_ckpt_dtype_size(t->dtype);
	if (texts)
		pb_text_add(&text, "{'descr': '<U%zu', 'fortran_order': False, 'shape': (", width);
	else
		pb_text_add(&text, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr[t->dtype]);
	for (int i = 0; i < t->rank; i++)
		pb_text_add(&text, t->rank == 1 ? "%lld," : i ? ", %lld" : "%lld", (long long)t->shape[i]);
	pb_text_add(&text, "), }");
	while (!text.failed && (10 + text.length + 1) % 64)
		pb_text_add_bytes(&text, " ", 1);
	pb_text_add_bytes(&text, "\n", 1);
	size_t bytes = (size_t)t->count * each, size = 10 + text.length + bytes;
	unsigned char *npy = text.failed ? NULL : pb_arena_alloc(arena, size);
	if (npy) {
		memcpy(npy, "\x93NUMPY\1\0", 8);
		npy[8] = (unsigned char)text.length;
		npy[9] = (unsigned char)(text.length >> 8);
		memcpy(npy + 10, text.data, text.length);
		if (texts)
			add_texts(t, width, npy + 10 + text.length);
		else if (bytes)
			memcpy(npy + 10 + text.length, t->data, bytes);
		*ret_npy = npy;
		*ret_size = size;
	}
	pb_text_finish(&text);
	return npy ? 0 : pb_fail_nomem(size, t->name);
}

/* The member's memory is the arena's: libzip, given it, would free it or not when it fails. */
static int add_member(zip_t *zip, const char *path, const struct pb_ckpt_tensor *t, struct pb_arena *arena)
{
	char name[2048];
	unsigned char *npy = NULL;
	size_t size = 0;
	if (t->dtype != PB_CKPT_TEXT && !descr[t->dtype])
		return pb_fail(PB_E_UNSUPPORTED,
			       "cannot write %s: numpy has no type for %s (%s): convert to f32 or f64", path, t->name,
			       pb_ckpt_dtype_name(t->dtype));
	if ((size_t)snprintf(name, sizeof name, "%s.npy", t->name) >= sizeof name)
		return pb_fail(PB_E_UNSUPPORTED, "cannot write %s: a name is too long", path);
	int rc = make_npy(t, arena, &npy, &size);
	if (rc < 0)
		return rc;
	zip_source_t *source = zip_source_buffer(zip, npy, size, 0);
	if (!source)
		return fail_zip(path, zip_get_error(zip));
	zip_int64_t index = zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8);
	if (index < 0) {
		zip_source_free(source);
		return fail_zip(path, zip_get_error(zip));
	}
	/* 1 January 1980: the same tensors make the same file. */
	if (zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0) < 0 ||
	    zip_file_set_dostime(zip, (zip_uint64_t)index, 0, 1 << 5 | 1, 0) < 0)
		return fail_zip(path, zip_get_error(zip));
	return 0;
}

static int write_archive(const char *path, zip_source_t *source)
{
	zip_stat_t st;
	if (zip_source_stat(source, &st) < 0 || zip_source_open(source) < 0)
		return fail_zip(path, zip_source_error(source));
	char *data = malloc(st.size);
	int rc = data ? 0 : pb_fail_nomem(st.size, path);
	if (!rc && zip_source_read(source, data, st.size) != (zip_int64_t)st.size)
		rc = fail_zip(path, zip_source_error(source));
	zip_source_close(source);
	if (!rc)
		rc = pb_file_write(path, data, st.size);
	free(data);
	return rc;
}

int pb_ckpt_write_npz(const char *path, const struct pb_ckpt_tensor *tensors, size_t n_tensors)
{
	struct pb_arena members = {0};
	zip_error_t error;
	zip_error_init(&error);
	if (!n_tensors)
		return pb_fail(PB_E_UNSUPPORTED, "cannot write %s: there are no tensors", path);
	zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, &error);
	zip_t *zip = source ? zip_open_from_source(source, ZIP_TRUNCATE, &error) : NULL;
	if (!zip) {
		zip_source_free(source);
		return fail_zip(path, &error);
	}
	zip_source_keep(source); /* beyond zip_close, which writes the archive into it */
	int rc = 0;
	for (size_t i = 0; i < n_tensors && !rc; i++)
		rc = add_member(zip, path, &tensors[i], &members);
	if (!rc && zip_close(zip) < 0)
		rc = fail_zip(path, zip_get_error(zip));
	else if (!rc)
		zip = NULL;
	if (zip)
		zip_discard(zip);
	pb_arena_finish(&members);
	if (!rc)
		rc = write_archive(path, source);
	zip_source_free(source);
	return rc;
}

struct pb_ckpt_tensor pb_ckpt_texts(const char *name, const char *const *texts, size_t n)
{
	return (struct pb_ckpt_tensor){.name = name,
				       .dtype = PB_CKPT_TEXT,
				       .rank = 1,
				       .shape = {(int64_t)n},
				       .count = (int64_t)n,
				       .data = texts};
}
