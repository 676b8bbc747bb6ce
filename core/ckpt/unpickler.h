/* unpickler.h: the stack machine behind pickle.h, shared by pickle*.c only. */
#ifndef PB_CKPT_UNPICKLER_H
#define PB_CKPT_UNPICKLER_H

#include "ckpt/pickle.h"

enum { PB_UNPICKLER_MAX_NODES = 4 << 20 };

struct pb_unpickler {
	struct pb_arena *arena;
	const char *path;
	const unsigned char *data;
	size_t size, at; /* at: the next byte */
	const struct pb_pickle_value **stack;
	size_t top, room;
	size_t *marks; /* heights of the stack where a MARK was */
	size_t n_marks, marks_room;
	const struct pb_pickle_value **memo; /* NULL where nothing was put */
	size_t memo_room, n_memo;
	size_t n_nodes;
	struct pb_pickle_storage *storages;
	bool stopped;
};

/* "PATH: damaged pickle: TEXT (at byte N)"; returns -PB_E_FORMAT. */
int pb_unpickler_fail(const struct pb_unpickler *u, const char *format, ...) PB_PRINTF(2, 3);

/* The next `count` bytes of the input, or NULL (recorded) when it ends before. */
const unsigned char *pb_unpickler_take(struct pb_unpickler *u, size_t count);
/* A little-endian unsigned number of 1, 2, 4 or 8 bytes. */
int pb_unpickler_take_number(struct pb_unpickler *u, int bytes, uint64_t *ret_number);
/* The bytes up to a newline, which is taken too. */
const char *pb_unpickler_take_line(struct pb_unpickler *u, size_t *ret_length);

struct pb_pickle_value *pb_unpickler_new(struct pb_unpickler *u, enum pb_pickle_type type); /* NULL: recorded */
int pb_unpickler_push(struct pb_unpickler *u, const struct pb_pickle_value *value);
const struct pb_pickle_value *pb_unpickler_pop(struct pb_unpickler *u); /* NULL: underflow, recorded */
int pb_unpickler_push_string(struct pb_unpickler *u, enum pb_pickle_type type, const void *bytes, size_t length);
/* Below this height of the stack lies what belongs before the last mark. */
size_t pb_unpickler_floor(const struct pb_unpickler *u);
/* An array of `size`-byte items from malloc, moved if need be, with room for `count`; new room is zero. NULL: recorded.
 */
void *pb_unpickler_grow(const struct pb_unpickler *u, void *array, size_t *room, size_t count, size_t size);
/* Grows the list by items of its own arena. */
int pb_unpickler_extend(struct pb_unpickler *u, struct pb_pickle_list *list, const struct pb_pickle_value **items,
			size_t count);

/* Opcodes in other files; `opcode` is the byte that called it. */
int pb_unpickler_mark(struct pb_unpickler *u, int opcode); /* pickle_container.c */
int pb_unpickler_drop(struct pb_unpickler *u, int opcode);
int pb_unpickler_dup(struct pb_unpickler *u, int opcode);
int pb_unpickler_constant(struct pb_unpickler *u, int opcode);
int pb_unpickler_empty(struct pb_unpickler *u, int opcode);
int pb_unpickler_gather(struct pb_unpickler *u, int opcode);
int pb_unpickler_short_tuple(struct pb_unpickler *u, int opcode);
int pb_unpickler_add_one(struct pb_unpickler *u, int opcode);
int pb_unpickler_add_many(struct pb_unpickler *u, int opcode);
int pb_unpickler_put(struct pb_unpickler *u, int opcode);
int pb_unpickler_get(struct pb_unpickler *u, int opcode);
int pb_unpickler_integer(struct pb_unpickler *u, int opcode); /* pickle_scalar.c */
int pb_unpickler_text_number(struct pb_unpickler *u, int opcode);
int pb_unpickler_real(struct pb_unpickler *u, int opcode);
int pb_unpickler_string(struct pb_unpickler *u, int opcode);
int pb_unpickler_text_string(struct pb_unpickler *u, int opcode);
int pb_unpickler_global(struct pb_unpickler *u, int opcode); /* pickle_call.c */
int pb_unpickler_stack_global(struct pb_unpickler *u, int opcode);
int pb_unpickler_reduce(struct pb_unpickler *u, int opcode);
int pb_unpickler_build(struct pb_unpickler *u, int opcode);
int pb_unpickler_persistent(struct pb_unpickler *u, int opcode);

#endif
