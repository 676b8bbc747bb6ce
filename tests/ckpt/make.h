/* make.h: writes pickles and .pt files opcode by opcode, good and bad ones. */
#ifndef PB_TESTS_CKPT_MAKE_H
#define PB_TESTS_CKPT_MAKE_H

#include <stdint.h>

#include "base/text.h"

/* The bytes of a string literal with zeros in it. */
#define OP(out, literal) pb_text_add_bytes(out, literal, sizeof literal - 1)

void put_string(struct pb_text *out, const char *string);
void put_int(struct pb_text *out, int64_t value);
void put_global(struct pb_text *out, const char *module, const char *name);
void put_number(struct pb_text *out, uint64_t value, int bytes); /* little-endian, no opcode */

struct tensor {
	const char *storage; /* "FloatStorage" */
	const char *key;
	int64_t count; /* of the storage */
	int64_t offset;
	int rank;
	int64_t shape[9], stride[9];
	const int64_t *view; /* legacy: {offset, count} within the storage */
	bool legacy;	     /* the persistent id has its sixth member */
	const char *dtype;   /* _rebuild_tensor_v3: "float32" */
};

void put_storage(struct pb_text *out, const struct tensor *t); /* the storage alone, by its persistent id */
void put_tensor(struct pb_text *out, const struct tensor *t);

struct member {
	const char *name;
	const void *data;
	size_t size;
	bool deflate;
};

/* A zip archive of the members; the path is static and below the test's folder. */
const char *make_zip(const struct member *members, size_t count);
/* "m/data.pkl" of the pickle, and one storage "m/data/0" (NULL: none). Frees the pickle's text. */
const char *make_pt(struct pb_text *pickle, const void *data, size_t size);
/* The form before 1.6: the object, a list of one storage's key "0", its count and bytes. */
const char *make_legacy(struct pb_text *pickle, const void *data, size_t size, int64_t count);
/* Without the care of pb_file_write: a test does this thousands of times. */
void overwrite(const char *path, const void *data, size_t size);
const char *make_file(const void *data, size_t size);

#endif
