/* pickle_container.c: the opcodes of constants, containers, stack and memo. */
#include <string.h>

#include "base/status.h"
#include "ckpt/unpickler.h"

int pb_unpickler_mark(struct pb_unpickler *u, int opcode)
{
	(void)opcode;
	void *marks = pb_unpickler_grow(u, u->marks, &u->marks_room, u->n_marks + 1, sizeof *u->marks);
	if (!marks)
		return -PB_E_FORMAT;
	u->marks = marks;
	u->marks[u->n_marks++] = u->top;
	return 0;
}

/* Takes the last mark away; what lay above it is at stack[*ret_begin .. top). */
static int pop_mark(struct pb_unpickler *u, size_t *ret_begin)
{
	if (!u->n_marks)
		return pb_unpickler_fail(u, "an operation lacks its mark");
	*ret_begin = u->marks[--u->n_marks];
	return 0;
}

int pb_unpickler_drop(struct pb_unpickler *u, int opcode)
{
	if (opcode == '1' || (u->n_marks && u->top == pb_unpickler_floor(u)))
		return pop_mark(u, &u->top);
	return pb_unpickler_pop(u) ? 0 : -PB_E_FORMAT;
}

int pb_unpickler_dup(struct pb_unpickler *u, int opcode)
{
	(void)opcode;
	const struct pb_pickle_value *value = pb_unpickler_pop(u);
	if (!value)
		return -PB_E_FORMAT;
	u->top++;
	return pb_unpickler_push(u, value);
}

int pb_unpickler_constant(struct pb_unpickler *u, int opcode)
{
	static const struct pb_pickle_value none = {.type = PB_PICKLE_NONE}, no = {.type = PB_PICKLE_BOOL},
					    yes = {.type = PB_PICKLE_BOOL, .integer = 1};
	return pb_unpickler_push(u, opcode == 'N' ? &none : opcode == 0x88 ? &yes : &no);
}

int pb_unpickler_empty(struct pb_unpickler *u, int opcode)
{
	enum pb_pickle_type type = opcode == ')'   ? PB_PICKLE_TUPLE
				   : opcode == ']' ? PB_PICKLE_LIST
				   : opcode == '}' ? PB_PICKLE_DICT
						   : PB_PICKLE_SET;
	return pb_unpickler_push(u, pb_unpickler_new(u, type));
}

/* Replaces stack[begin .. top) by a container of it. */
static int gather(struct pb_unpickler *u, enum pb_pickle_type type, size_t begin)
{
	struct pb_pickle_value *value = pb_unpickler_new(u, type);
	if (!value)
		return -PB_E_FORMAT;
	int rc = u->top > begin ? pb_unpickler_extend(u, &value->list, u->stack + begin, u->top - begin) : 0;
	u->top = begin;
	return rc < 0 ? rc : pb_unpickler_push(u, value);
}

int pb_unpickler_gather(struct pb_unpickler *u, int opcode)
{
	size_t begin = 0;
	int rc = pop_mark(u, &begin);
	if (rc < 0)
		return rc;
	if (opcode == 'd' && (u->top - begin) % 2)
		return pb_unpickler_fail(u, "a dict has a key without a value");
	return gather(u,
		      opcode == 't'   ? PB_PICKLE_TUPLE
		      : opcode == 'l' ? PB_PICKLE_LIST
		      : opcode == 'd' ? PB_PICKLE_DICT
				      : PB_PICKLE_SET,
		      begin);
}

int pb_unpickler_short_tuple(struct pb_unpickler *u, int opcode)
{
	size_t count = (size_t)(opcode - 0x84);
	if (u->top - pb_unpickler_floor(u) < count)
		return pb_unpickler_fail(u, "an operation lacks its operand");
	return gather(u, PB_PICKLE_TUPLE, u->top - count);
}

/* Adds stack[begin .. top) to the container below it. */
static int add_items(struct pb_unpickler *u, enum pb_pickle_type type, size_t begin)
{
	if (begin <= pb_unpickler_floor(u))
		return pb_unpickler_fail(u, "an operation lacks its operand");
	/* Only pb_unpickler_new makes containers, so none of them is truly const. */
	struct pb_pickle_value *into = (struct pb_pickle_value *)u->stack[begin - 1];
	if (into->type != type)
		return pb_unpickler_fail(u, "items are added to what cannot hold them");
	if (type == PB_PICKLE_DICT && (u->top - begin) % 2)
		return pb_unpickler_fail(u, "a dict has a key without a value");
	int rc = pb_unpickler_extend(u, &into->list, u->stack + begin, u->top - begin);
	u->top = begin;
	return rc;
}

int pb_unpickler_add_one(struct pb_unpickler *u, int opcode)
{
	size_t count = opcode == 'a' ? 1 : 2;
	if (u->top - pb_unpickler_floor(u) <= count)
		return pb_unpickler_fail(u, "an operation lacks its operand");
	return add_items(u, opcode == 'a' ? PB_PICKLE_LIST : PB_PICKLE_DICT, u->top - count);
}

int pb_unpickler_add_many(struct pb_unpickler *u, int opcode)
{
	size_t begin = 0;
	int rc = pop_mark(u, &begin);
	if (rc < 0)
		return rc;
	return add_items(u, opcode == 'e' ? PB_PICKLE_LIST : opcode == 'u' ? PB_PICKLE_DICT : PB_PICKLE_SET, begin);
}

/* A memo's index: in binary, or (GET, PUT) in decimal on a line. */
static int take_index(struct pb_unpickler *u, int opcode, uint64_t *ret_index)
{
	if (opcode != 'g' && opcode != 'p')
		return pb_unpickler_take_number(u, opcode == 'j' || opcode == 'r' ? 4 : 1, ret_index);
	size_t length;
	const char *line = pb_unpickler_take_line(u, &length);
	uint64_t index = 0;
	for (size_t i = 0; line && i < length; i++) {
		if (line[i] < '0' || line[i] > '9' || index > UINT32_MAX)
			return pb_unpickler_fail(u, "a memo index is not a number");
		index = index * 10 + (uint64_t)(line[i] - '0');
	}
	*ret_index = index;
	return line ? 0 : -PB_E_FORMAT;
}

int pb_unpickler_put(struct pb_unpickler *u, int opcode)
{
	uint64_t index = u->n_memo++;
	int rc = opcode == 0x94 ? 0 : take_index(u, opcode, &index);
	if (rc < 0)
		return rc;
	if (index >= u->size ||
	    index >= PB_UNPICKLER_MAX_NODES) /* a pickler counts up: it never gets past its own length */
		return pb_unpickler_fail(u, "memo index %llu is out of range", (unsigned long long)index);
	const struct pb_pickle_value *value = pb_unpickler_pop(u);
	void *memo = value ? pb_unpickler_grow(u, u->memo, &u->memo_room, (size_t)index + 1, sizeof *u->memo) : NULL;
	if (!memo)
		return -PB_E_FORMAT;
	u->memo = memo;
	u->memo[index] = value;
	u->top++;
	return 0;
}

int pb_unpickler_get(struct pb_unpickler *u, int opcode)
{
	uint64_t index;
	int rc = take_index(u, opcode, &index);
	if (rc < 0)
		return rc;
	if (index >= u->memo_room || !u->memo[index])
		return pb_unpickler_fail(u, "memo %llu was never set", (unsigned long long)index);
	return pb_unpickler_push(u, u->memo[index]);
}
