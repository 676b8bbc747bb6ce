/* pickle.h: a reader of Python's pickle format that builds tensors and containers and can do nothing else.
 *
 * A pickle is a program for a stack machine that may name any Python callable. This reader knows a short table of
 * names (pickle_call.c), each of them built here as plain data, and refuses all others by name. Memory is bounded by
 * the size of the input; nothing recurses. The tree may share nodes and, in a hostile file, hold cycles: whoever
 * walks it bounds depth and visits.
 */
#ifndef PB_CKPT_PICKLE_H
#define PB_CKPT_PICKLE_H

#include <stdbool.h>

#include "ckpt/ckpt.h"

#define PB_PICKLE_MAX_SIZE ((size_t)64 << 20) /* bytes of one pickle */

enum pb_pickle_type {
	PB_PICKLE_NONE,
	PB_PICKLE_BOOL,
	PB_PICKLE_INT,
	PB_PICKLE_BIG, /* an integer that int64_t does not hold: little-endian two's complement, in string */
	PB_PICKLE_REAL,
	PB_PICKLE_STR, /* UTF-8 */
	PB_PICKLE_BYTES,
	PB_PICKLE_TUPLE,
	PB_PICKLE_LIST,
	PB_PICKLE_SET,
	PB_PICKLE_DICT,	  /* items: key, value, key, value, ... */
	PB_PICKLE_GLOBAL, /* a name of the table, such as torch.float32, not called */
	PB_PICKLE_STORAGE,
	PB_PICKLE_TENSOR,
};

struct pb_pickle_value;

struct pb_pickle_string {
	const char *data; /* with a NUL behind it */
	size_t length;
};

struct pb_pickle_list {
	const struct pb_pickle_value **items;
	size_t count, room;
};

/* One mention of a storage; two mentions of the same memory have equal keys. */
struct pb_pickle_storage {
	struct pb_pickle_storage *next; /* the one mentioned before it */
	const char *key;
	enum pb_ckpt_dtype dtype;
	int64_t count;			 /* elements of the whole storage */
	int64_t view_offset, view_count; /* the part meant by this mention; 0 and count unless it is a view */
};

struct pb_pickle_tensor {
	const struct pb_pickle_storage *storage;
	enum pb_ckpt_dtype dtype; /* of the storage, or what an untyped storage is read as */
	int64_t offset;		  /* elements; this, shape and stride are not yet checked against the storage */
	int rank;
	int64_t shape[PB_CKPT_MAX_RANK], stride[PB_CKPT_MAX_RANK];
};

struct pb_pickle_value {
	enum pb_pickle_type type;
	union {
		int64_t integer; /* INT, BOOL */
		double real;
		struct pb_pickle_string string; /* BIG, STR, BYTES */
		struct pb_pickle_list list;	/* TUPLE, LIST, SET, DICT */
		const struct pb_pickle_global *global;
		struct pb_pickle_storage *storage;
		struct pb_pickle_tensor *tensor;
	};
};

/* Reads one pickle, up to its STOP. `path` is for the error's text. The tree lives in the arena, also on failure;
 * ret_storages is the last storage mentioned (a list by `next`) or NULL, ret_used the bytes read. */
int pb_pickle_read(struct pb_arena *arena, const char *path, const void *data, size_t size,
		   const struct pb_pickle_value **ret_value, struct pb_pickle_storage **ret_storages, size_t *ret_used);

/* The value of the last entry with this key, NULL if there is none or `dict` is no dict. */
const struct pb_pickle_value *pb_pickle_get(const struct pb_pickle_value *dict, const char *key);
/* "torch.float32", with what a terminal would act on replaced by '?'; cut to size. Returns buffer. */
const char *pb_pickle_global_name(const struct pb_pickle_global *global, char *buffer, size_t size);
/* A NUL-terminated copy of bytes from a file that is fit for a message: control characters become '?', long ones are
 * cut with "...". Returns buffer. */
const char *pb_pickle_printable(const char *bytes, size_t length, char *buffer, size_t size);

#endif
