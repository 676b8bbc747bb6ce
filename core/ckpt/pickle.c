/* pickle.c: the unpickler's machine: input, stack, memo, containers, table of opcodes. */
#include "ckpt/pickle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "ckpt/unpickler.h"

enum { MAX_NODES = 4 << 20 };

int pb_unpickler_fail(const struct pb_unpickler *u, const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return pb_fail(PB_E_FORMAT, "%s: damaged pickle: %s (at byte %zu)", u->path, text, u->at);
}

const char *pb_pickle_printable(const char *bytes, size_t length, char *buffer, size_t size)
{
	size_t shown = length < size ? length : size - 4;
	for (size_t i = 0; i < shown; i++) {
		unsigned char c = (unsigned char)bytes[i];
		buffer[i] = c < 0x20 || c >= 0x7f ? '?' : (char)c;
	}
	snprintf(buffer + shown, size - shown, "%s", shown < length ? "..." : "");
	return buffer;
}

const unsigned char *pb_unpickler_take(struct pb_unpickler *u, size_t count)
{
	if (count > u->size - u->at) {
		pb_unpickler_fail(u, "it ends too early");
		return NULL;
	}
	const unsigned char *bytes = u->data + u->at;
	u->at += count;
	return bytes;
}

int pb_unpickler_take_number(struct pb_unpickler *u, int bytes, uint64_t *ret_number)
{
	const unsigned char *b = pb_unpickler_take(u, (size_t)bytes);
	if (!b)
		return -PB_E_FORMAT;
	uint64_t number = 0;
	for (int i = bytes; i-- > 0;)
		number = number << 8 | b[i];
	*ret_number = number;
	return 0;
}

const char *pb_unpickler_take_line(struct pb_unpickler *u, size_t *ret_length)
{
	const unsigned char *line = u->data + u->at, *end = memchr(line, '\n', u->size - u->at);
	if (!end) {
		pb_unpickler_fail(u, "it ends too early");
		return NULL;
	}
	*ret_length = (size_t)(end - line);
	u->at += *ret_length + 1;
	return (const char *)line;
}

struct pb_pickle_value *pb_unpickler_new(struct pb_unpickler *u, enum pb_pickle_type type)
{
	if (++u->n_nodes > MAX_NODES) {
		pb_fail(PB_E_FORMAT, "%s: more than %d objects in one pickle", u->path, MAX_NODES);
		return NULL;
	}
	struct pb_pickle_value *value = pb_arena_alloc(u->arena, sizeof *value);
	if (value)
		value->type = type;
	return value;
}

/* Doubles an array of `size`-byte items, from outside the arena, so that it has room for `count`. */
static int grow(const struct pb_unpickler *u, void **array, size_t *room, size_t count, size_t size)
{
	if (count <= *room)
		return 0;
	if (count > MAX_NODES)
		return pb_unpickler_fail(u, "it nests or stacks more than %d objects", MAX_NODES);
	size_t more = count < 64 ? 64 : count * 2;
	void *data = realloc(*array, more * size);
	if (!data)
		return pb_fail_nomem(more * size, "a pickle");
	memset((char *)data + *room * size, 0, (more - *room) * size);
	*array = data;
	*room = more;
	return 0;
}

int pb_unpickler_push(struct pb_unpickler *u, const struct pb_pickle_value *value)
{
	if (!value)
		return -PB_E_FORMAT;
	int rc = grow(u, (void **)&u->stack, &u->room, u->top + 1, sizeof *u->stack);
	if (!rc)
		u->stack[u->top++] = value;
	return rc;
}

static size_t floor_of_stack(const struct pb_unpickler *u)
{
	return u->n_marks ? u->marks[u->n_marks - 1] : 0;
}

const struct pb_pickle_value *pb_unpickler_pop(struct pb_unpickler *u)
{
	if (u->top <= floor_of_stack(u)) {
		pb_unpickler_fail(u, "an operation lacks its operand");
		return NULL;
	}
	return u->stack[--u->top];
}

int pb_unpickler_extend(struct pb_unpickler *u, struct pb_pickle_list *list, const struct pb_pickle_value **items,
                        size_t count)
{
	if (count > list->room - list->count) {
		size_t room = list->count ? (list->count + count) * 2 : count;
		const struct pb_pickle_value **copy = pb_arena_array(u->arena, room, sizeof *copy);
		if (!copy)
			return -PB_E_NOMEM;
		if (list->count)
			memcpy(copy, list->items, list->count * sizeof *copy);
		list->items = copy;
		list->room = room;
	}
	if (count)
		memcpy(list->items + list->count, items, count * sizeof *items);
	list->count += count;
	return 0;
}

static int run_mark(struct pb_unpickler *u, int opcode)
{
	(void)opcode;
	int rc = grow(u, (void **)&u->marks, &u->marks_room, u->n_marks + 1, sizeof *u->marks);
	if (!rc)
		u->marks[u->n_marks++] = u->top;
	return rc;
}

/* Takes the last mark away; what lay above it is at stack[*ret_begin .. top). */
static int pop_mark(struct pb_unpickler *u, size_t *ret_begin)
{
	if (!u->n_marks)
		return pb_unpickler_fail(u, "an operation lacks its mark");
	*ret_begin = u->marks[--u->n_marks];
	return 0;
}

static int run_proto(struct pb_unpickler *u, int opcode)
{
	(void)opcode;
	uint64_t version;
	int rc = pb_unpickler_take_number(u, 1, &version);
	if (!rc && version > 5)
		rc = pb_unpickler_fail(u, "protocol %d is not known", (int)version);
	return rc;
}

static int run_frame(struct pb_unpickler *u, int opcode)
{
	(void)opcode;
	return pb_unpickler_take(u, 8) ? 0 : -PB_E_FORMAT;
}

static int run_stop(struct pb_unpickler *u, int opcode)
{
	(void)opcode;
	u->stopped = true;
	return u->n_marks || u->top != 1 ? pb_unpickler_fail(u, "it does not end in one object") : 0;
}

static int run_pop(struct pb_unpickler *u, int opcode)
{
	if (opcode == '1' || (u->n_marks && u->top == floor_of_stack(u)))
		return pop_mark(u, &u->top);
	return pb_unpickler_pop(u) ? 0 : -PB_E_FORMAT;
}

static int run_dup(struct pb_unpickler *u, int opcode)
{
	(void)opcode;
	const struct pb_pickle_value *value = pb_unpickler_pop(u);
	if (!value)
		return -PB_E_FORMAT;
	u->top++;
	return pb_unpickler_push(u, value);
}

static int run_constant(struct pb_unpickler *u, int opcode)
{
	static const struct pb_pickle_value none = {.type = PB_PICKLE_NONE}, no = {.type = PB_PICKLE_BOOL},
	                                    yes = {.type = PB_PICKLE_BOOL, .integer = 1};
	return pb_unpickler_push(u, opcode == 'N' ? &none : opcode == 0x88 ? &yes : &no);
}

static int run_empty(struct pb_unpickler *u, int opcode)
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
	int rc = pb_unpickler_extend(u, &value->list, u->stack + begin, u->top - begin);
	u->top = begin;
	return rc < 0 ? rc : pb_unpickler_push(u, value);
}

static int run_gather(struct pb_unpickler *u, int opcode)
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

static int run_short_tuple(struct pb_unpickler *u, int opcode)
{
	size_t count = (size_t)(opcode - 0x84);
	if (u->top - floor_of_stack(u) < count)
		return pb_unpickler_fail(u, "an operation lacks its operand");
	return gather(u, PB_PICKLE_TUPLE, u->top - count);
}

/* Adds stack[begin .. top) to the container below it. */
static int add_items(struct pb_unpickler *u, enum pb_pickle_type type, size_t begin)
{
	if (begin <= floor_of_stack(u))
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

static int run_add_one(struct pb_unpickler *u, int opcode)
{
	size_t count = opcode == 'a' ? 1 : 2;
	if (u->top - floor_of_stack(u) <= count)
		return pb_unpickler_fail(u, "an operation lacks its operand");
	return add_items(u, opcode == 'a' ? PB_PICKLE_LIST : PB_PICKLE_DICT, u->top - count);
}

static int run_add_many(struct pb_unpickler *u, int opcode)
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

static int run_put(struct pb_unpickler *u, int opcode)
{
	uint64_t index = u->n_memo++;
	int rc = opcode == 0x94 ? 0 : take_index(u, opcode, &index);
	if (rc < 0)
		return rc;
	if (index >= u->size || index >= MAX_NODES) /* a pickler counts up: it never gets past its own length */
		return pb_unpickler_fail(u, "memo index %llu is out of range", (unsigned long long)index);
	rc = grow(u, (void **)&u->memo, &u->memo_room, (size_t)index + 1, sizeof *u->memo);
	if (rc < 0)
		return rc;
	const struct pb_pickle_value *value = pb_unpickler_pop(u);
	if (!value)
		return -PB_E_FORMAT;
	u->memo[index] = value;
	u->top++;
	return 0;
}

static int run_get(struct pb_unpickler *u, int opcode)
{
	uint64_t index;
	int rc = take_index(u, opcode, &index);
	if (rc < 0)
		return rc;
	if (index >= u->memo_room || !u->memo[index])
		return pb_unpickler_fail(u, "memo %llu was never set", (unsigned long long)index);
	return pb_unpickler_push(u, u->memo[index]);
}

struct opcode {
	const char *name;
	int (*run)(struct pb_unpickler *u, int opcode); /* NULL: known, and refused */
};

static const struct opcode opcodes[256] = {
        [0x80] = {"PROTO", run_proto},
        [0x95] = {"FRAME", run_frame},
        ['.'] = {"STOP", run_stop},
        ['('] = {"MARK", run_mark},
        ['0'] = {"POP", run_pop},
        ['1'] = {"POP_MARK", run_pop},
        ['2'] = {"DUP", run_dup},
        ['N'] = {"NONE", run_constant},
        [0x88] = {"NEWTRUE", run_constant},
        [0x89] = {"NEWFALSE", run_constant},
        ['J'] = {"BININT", pb_unpickler_integer},
        ['K'] = {"BININT1", pb_unpickler_integer},
        ['M'] = {"BININT2", pb_unpickler_integer},
        [0x8a] = {"LONG1", pb_unpickler_integer},
        [0x8b] = {"LONG4", pb_unpickler_integer},
        ['I'] = {"INT", pb_unpickler_text_number},
        ['L'] = {"LONG", pb_unpickler_text_number},
        ['F'] = {"FLOAT", pb_unpickler_text_number},
        ['G'] = {"BINFLOAT", pb_unpickler_real},
        ['X'] = {"BINUNICODE", pb_unpickler_string},
        [0x8c] = {"SHORT_BINUNICODE", pb_unpickler_string},
        [0x8d] = {"BINUNICODE8", pb_unpickler_string},
        ['T'] = {"BINSTRING", pb_unpickler_string},
        ['U'] = {"SHORT_BINSTRING", pb_unpickler_string},
        ['B'] = {"BINBYTES", pb_unpickler_string},
        ['C'] = {"SHORT_BINBYTES", pb_unpickler_string},
        [0x8e] = {"BINBYTES8", pb_unpickler_string},
        [0x96] = {"BYTEARRAY8", pb_unpickler_string},
        ['V'] = {"UNICODE", pb_unpickler_text_string},
        ['S'] = {"STRING", pb_unpickler_text_string},
        [')'] = {"EMPTY_TUPLE", run_empty},
        [']'] = {"EMPTY_LIST", run_empty},
        ['}'] = {"EMPTY_DICT", run_empty},
        [0x8f] = {"EMPTY_SET", run_empty},
        ['t'] = {"TUPLE", run_gather},
        ['l'] = {"LIST", run_gather},
        ['d'] = {"DICT", run_gather},
        [0x91] = {"FROZENSET", run_gather},
        [0x85] = {"TUPLE1", run_short_tuple},
        [0x86] = {"TUPLE2", run_short_tuple},
        [0x87] = {"TUPLE3", run_short_tuple},
        ['a'] = {"APPEND", run_add_one},
        ['s'] = {"SETITEM", run_add_one},
        ['e'] = {"APPENDS", run_add_many},
        ['u'] = {"SETITEMS", run_add_many},
        [0x90] = {"ADDITEMS", run_add_many},
        ['p'] = {"PUT", run_put},
        ['q'] = {"BINPUT", run_put},
        ['r'] = {"LONG_BINPUT", run_put},
        [0x94] = {"MEMOIZE", run_put},
        ['g'] = {"GET", run_get},
        ['h'] = {"BINGET", run_get},
        ['j'] = {"LONG_BINGET", run_get},
        ['c'] = {"GLOBAL", pb_unpickler_global},
        [0x93] = {"STACK_GLOBAL", pb_unpickler_stack_global},
        ['R'] = {"REDUCE", pb_unpickler_reduce},
        [0x81] = {"NEWOBJ", pb_unpickler_reduce},
        ['b'] = {"BUILD", pb_unpickler_build},
        ['Q'] = {"BINPERSID", pb_unpickler_persistent},
        ['P'] = {"PERSID", NULL},
        ['i'] = {"INST", NULL},
        ['o'] = {"OBJ", NULL},
        [0x82] = {"EXT1", NULL},
        [0x83] = {"EXT2", NULL},
        [0x84] = {"EXT4", NULL},
        [0x92] = {"NEWOBJ_EX", NULL},
        [0x97] = {"NEXT_BUFFER", NULL},
        [0x98] = {"READONLY_BUFFER", NULL},
};

static int step(struct pb_unpickler *u)
{
	const unsigned char *byte = pb_unpickler_take(u, 1);
	if (!byte)
		return -PB_E_FORMAT;
	const struct opcode *opcode = &opcodes[*byte];
	if (!opcode->name)
		return pb_unpickler_fail(u, "0x%02x is not an operation", *byte);
	if (!opcode->run)
		return pb_fail(PB_E_FORMAT,
		               "%s: refuses the pickle operation %s (at byte %zu): "
		               "a checkpoint may hold tensors and containers only",
		               u->path, opcode->name, u->at - 1);
	return opcode->run(u, *byte);
}

int pb_pickle_read(struct pb_arena *arena, const char *path, const void *data, size_t size,
                   const struct pb_pickle_value **ret_value, struct pb_pickle_storage **ret_storages, size_t *ret_used)
{
	struct pb_unpickler u = {.arena = arena, .path = path, .data = data};
	u.size = size < PB_PICKLE_MAX_SIZE ? size : PB_PICKLE_MAX_SIZE;
	int rc = 0;
	while (!rc && !u.stopped)
		rc = step(&u);
	if (!rc) {
		*ret_value = u.stack[0];
		*ret_storages = u.storages;
		*ret_used = u.at;
	}
	free(u.stack);
	free(u.marks);
	free(u.memo);
	return rc;
}

const struct pb_pickle_value *pb_pickle_get(const struct pb_pickle_value *dict, const char *key)
{
	if (dict->type != PB_PICKLE_DICT)
		return NULL;
	for (size_t i = dict->list.count; i >= 2; i -= 2) {
		const struct pb_pickle_value *k = dict->list.items[i - 2];
		if (k->type == PB_PICKLE_STR && k->string.length == strlen(key) && !strcmp(k->string.data, key))
			return dict->list.items[i - 1];
	}
	return NULL;
}
