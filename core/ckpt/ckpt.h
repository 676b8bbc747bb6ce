/* ckpt.h: checkpoints in and out, as named tensors in host memory.
 *
 * Reads .pt (zip, and the format of PyTorch before 1.6) through a restricted unpickler that builds tensors and containers
 * only, .safetensors, and .npz of its own writing. Files are taken as hostile: nothing in them is executed, sizes are checked before
 * memory is taken, and every refusal names the file and what was refused.
 */
#ifndef PB_CKPT_CKPT_H
#define PB_CKPT_CKPT_H

#include <patchbay/view.h>

#include "base/arena.h"
#include "base/text.h"

#define PB_CKPT_MAX_RANK 8

/* X(name, bytes, safetensors name, numpy descr or NULL) */
#define PB_CKPT_DTYPE_MAP(X)    \
	X(F32, 4, "F32", "<f4") \
	X(F64, 8, "F64", "<f8") \
	X(F16, 2, "F16", "<f2") \
	X(BF16, 2, "BF16", NULL) \
	X(I64, 8, "I64", "<i8") \
	X(I32, 4, "I32", "<i4") \
	X(I16, 2, "I16", "<i2") \
	X(I8, 1, "I8", "|i1")   \
	X(U8, 1, "U8", "|u1")   \
	X(BOOL, 1, "BOOL", "|b1")

enum pb_ckpt_dtype {
#define PB_CKPT_ENUM(name, bytes, st, np) PB_CKPT_##name,
	PB_CKPT_DTYPE_MAP(PB_CKPT_ENUM)
#undef PB_CKPT_ENUM
	PB_CKPT_TEXT, /* for pb_ckpt_write_npz alone: data is const char *const [count]. No reader makes it */
};

struct pb_ckpt_tensor {
	const char *name;
	enum pb_ckpt_dtype dtype;
	int rank;
	int64_t shape[PB_CKPT_MAX_RANK];
	int64_t count;    /* product of shape */
	const void *data; /* row-major, contiguous, little-endian */
};

/* What is in a file besides tensors: a dict of integer lists, a nested config, ... Nested names are joined with '.',
 * list elements stay together where they are all integers. */
struct pb_ckpt_value {
	const char *name;
	const char *text; /* as a person would write it: 3, "abc", [1, 2, 3], ["a", "b"] */
	const int64_t *ints; /* a list of integers, or one integer; NULL otherwise */
	int64_t n_ints;
};

struct pb_ckpt {
	struct pb_arena arena; /* owns all of it */
	const char *path;
	const char *format; /* "pytorch zip", "pytorch legacy", "safetensors", "npz" */
	const char *prefix; /* "state_dict" or "model" when the tensors were nested under it, else "" */
	struct pb_ckpt_tensor *tensors; /* in the file's order */
	size_t n_tensors;
	struct pb_ckpt_value *values;
	size_t n_values;
};

/* The format is told by content, not by name. ret_ckpt needs pb_ckpt_finish only on success. */
int pb_ckpt_read(const char *path, struct pb_ckpt *ret_ckpt);
void pb_ckpt_finish(struct pb_ckpt *ckpt);
const struct pb_ckpt_tensor *pb_ckpt_find(const struct pb_ckpt *ckpt, const char *name); /* NULL: none */
/* Converts a tensor's elements to dtype; dst has room for tensor->count of them. */
void pb_ckpt_convert(const struct pb_ckpt_tensor *tensor, enum pb_dtype dtype, void *dst);
const char *pb_ckpt_dtype_name(enum pb_ckpt_dtype dtype); /* "F32" */
size_t pb_ckpt_dtype_size(enum pb_ckpt_dtype dtype);

/* Writers; the file appears whole or not at all. */
int pb_ckpt_write_safetensors(const char *path, const struct pb_ckpt_tensor *tensors, size_t n_tensors);
/* Texts become numpy's fixed-width unicode; read back they are values. */
int pb_ckpt_write_npz(const char *path, const struct pb_ckpt_tensor *tensors, size_t n_tensors);
/* A list of texts for it. */
struct pb_ckpt_tensor pb_ckpt_texts(const char *name, const char *const *texts, size_t n);

/* What `patchbay inspect` prints: format, each tensor's name, dtype, shape, least, greatest, mean, norm, count of
 * NaN and Inf; then the values; then what model it is, when it is one. */
int pb_ckpt_describe(const struct pb_ckpt *ckpt, struct pb_text *out);

#endif
