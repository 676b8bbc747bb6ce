/* safetensors_write.c: the writer of .safetensors. */
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "base/utf8.h"
#include "ckpt/ckpt.h"

static size_t tensor_bytes(const struct pb_ckpt_tensor *t)
{
	return (size_t)t->count * pb_ckpt_dtype_size(t->dtype);
}

/* Wider types lie first, so that every tensor is aligned for its own: readers that map the file rely on it.
 * offsets[i] is where tensor i goes; returns the size of all. */
static size_t lay_out(const struct pb_ckpt_tensor *tensors, size_t n_tensors, size_t *offsets)
{
	size_t at = 0;
	for (size_t width = 8; width; width /= 2)
		for (size_t i = 0; i < n_tensors; i++)
			if (pb_ckpt_dtype_size(tensors[i].dtype) == width) {
				offsets[i] = at;
				at += tensor_bytes(&tensors[i]);
			}
	return at;
}

static void add_entry(struct pb_text *header, const struct pb_ckpt_tensor *t, size_t offset)
{
	pb_text_add(header, header->length > 1 ? "," : "");
	pb_text_add_json(header, t->name);
	pb_text_add(header, ":{\"dtype\":\"%s\",\"shape\":[", pb_ckpt_dtype_name(t->dtype));
	for (int i = 0; i < t->rank; i++)
		pb_text_add(header, "%s%" PRId64, i ? "," : "", t->shape[i]);
	pb_text_add(header, "],\"data_offsets\":[%zu,%zu]}", offset, offset + tensor_bytes(t));
}

static bool is_utf8(const char *text)
{
	for (const char *end = text + strlen(text); text < end;)
		if (pb_utf8_read(&text, end) < 0)
			return false;
	return true;
}

static int make_header(const char *path, const struct pb_ckpt_tensor *tensors, size_t n_tensors, const size_t *offsets,
		       struct pb_text *header)
{
	json_t *names = json_object(); /* so far */
	int rc = names ? 0 : pb_fail_nomem(0, "a header");
	pb_text_add(header, "{");
	for (size_t i = 0; i < n_tensors && !rc; i++) {
		const char *name = tensors[i].name;
		if (!is_utf8(name) || !strcmp(name, "__metadata__"))
			rc = pb_fail(PB_E_UNSUPPORTED,
				     "cannot write %s: the name of a tensor is not UTF-8 or is __metadata__", path);
		else if (json_object_get(names, name))
			rc = pb_fail(PB_E_UNSUPPORTED, "cannot write %s: two tensors have one name", path);
		else if (json_object_set_new(names, name, json_null()) < 0)
			rc = pb_fail_nomem(strlen(name), "a header");
		add_entry(header, &tensors[i], offsets[i]);
	}
	pb_text_add(header, "}");
	json_decref(names);
	return rc ? rc : pb_text_status(header);
}

static int write_file(const char *path, const struct pb_ckpt_tensor *tensors, size_t n_tensors, const size_t *offsets,
		      size_t data_size, const struct pb_text *header)
{
	size_t padded = (header->length + 7) / 8 * 8;
	unsigned char *file = malloc(8 + padded + data_size);
	if (!file)
		return pb_fail_nomem(8 + padded + data_size, path);
	for (int i = 0; i < 8; i++)
		file[i] = (unsigned char)((uint64_t)padded >> (8 * i));
	memset(file + 8, ' ', padded);
	memcpy(file + 8, header->data, header->length);
	for (size_t i = 0; i < n_tensors; i++)
		if (tensors[i].count)
			memcpy(file + 8 + padded + offsets[i], tensors[i].data, tensor_bytes(&tensors[i]));
	int rc = pb_file_write(path, file, 8 + padded + data_size);
	free(file);
	return rc;
}

int pb_ckpt_write_safetensors(const char *path, const struct pb_ckpt_tensor *tensors, size_t n_tensors)
{
	size_t *offsets = malloc((n_tensors + 1) * sizeof *offsets);
	struct pb_text header = {0};
	if (!offsets)
		return pb_fail_nomem(n_tensors * sizeof *offsets, path);
	size_t size = lay_out(tensors, n_tensors, offsets);
	int rc = make_header(path, tensors, n_tensors, offsets, &header);
	if (!rc)
		rc = write_file(path, tensors, n_tensors, offsets, size, &header);
	pb_text_finish(&header);
	free(offsets);
	return rc;
}
