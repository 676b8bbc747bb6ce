/* safetensors_write.c: the writer of .safetensors. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
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

static json_t *new_entry(const struct pb_ckpt_tensor *t, size_t offset)
{
	json_t *shape = json_array();
	for (int i = 0; i < t->rank; i++)
		json_array_append_new(shape, json_integer(t->shape[i]));
	return json_pack("{s:s, s:o, s:[I, I]}", "dtype", pb_ckpt_dtype_name(t->dtype), "shape", shape, "data_offsets",
			 (json_int_t)offset, (json_int_t)(offset + tensor_bytes(t)));
}

/* The header's text, for free(). */
static int make_header(const char *path, const struct pb_ckpt_tensor *tensors, size_t n_tensors, const size_t *offsets,
		       char **ret_text)
{
	json_t *header = json_object();
	int rc = header ? 0 : pb_fail_nomem(0, "a header");
	for (size_t i = 0; i < n_tensors && !rc; i++) {
		const char *name = tensors[i].name;
		json_t *text = json_string(name); /* NULL: not UTF-8 */
		if (!text || !strcmp(name, "__metadata__"))
			rc = pb_fail(PB_E_UNSUPPORTED,
				     "cannot write %s: the name of a tensor is not UTF-8 or is __metadata__", path);
		else if (json_object_get(header, name))
			rc = pb_fail(PB_E_UNSUPPORTED, "cannot write %s: two tensors have one name", path);
		else if (json_object_set_new(header, name, new_entry(&tensors[i], offsets[i])) < 0)
			rc = pb_fail_nomem(strlen(name), "a header");
		json_decref(text);
	}
	char *dump = rc < 0 ? NULL : json_dumps(header, JSON_COMPACT);
	if (!rc && !dump)
		rc = pb_fail_nomem(0, "a header");
	json_decref(header);
	if (!rc)
		*ret_text = dump;
	return rc;
}

static int write_file(const char *path, const struct pb_ckpt_tensor *tensors, size_t n_tensors, const size_t *offsets,
		      size_t data_size, const char *header)
{
	size_t length = strlen(header), padded = (length + 7) / 8 * 8;
	unsigned char *file = malloc(8 + padded + data_size);
	if (!file)
		return pb_fail_nomem(8 + padded + data_size, path);
	for (int i = 0; i < 8; i++)
		file[i] = (unsigned char)((uint64_t)padded >> (8 * i));
	memset(file + 8, ' ', padded);
	memcpy(file + 8, header, length);
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
	char *header = NULL;
	if (!offsets)
		return pb_fail_nomem(n_tensors * sizeof *offsets, path);
	size_t size = lay_out(tensors, n_tensors, offsets);
	int rc = make_header(path, tensors, n_tensors, offsets, &header);
	if (!rc)
		rc = write_file(path, tensors, n_tensors, offsets, size, header);
	free(header);
	free(offsets);
	return rc;
}
