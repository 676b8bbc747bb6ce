/* pickle.c: the unpickler's machine: input, nodes, stack, table of opcodes. */
#include "ckpt/pickle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "ckpt/unpickler.h"

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
	if (++u->n_nodes > PB_UNPICKLER_MAX_NODES) {
		pb_fail(PB_E_FORMAT, "%s: more than %d objects in one pickle", u->path, PB_UNPICKLER_MAX_NODES);
		return NULL;
	}
	struct pb_pickle_value *value = pb_arena_alloc(u->arena, sizeof *value);
	if (value)
		value->type = type;
	return value;
}

void *pb_unpickler_grow(const struct pb_unpickler *u, void *array, size_t *room, size_t count, size_t size)
{
	if (count <= *room)
		return array;
	if (count > PB_UNPICKLER_MAX_NODES) {
		pb_unpickler_fail(u, "it nests or stacks more than %d objects", PB_UNPICKLER_MAX_NODES);
		return NULL;
	}
	size_t more = count < 64 ? 64 : count * 2;
	char *data = realloc(array, more * size);
	if (!data) {
		pb_fail_nomem(more * size, "a pickle");
		return NULL;
	}
	memset(data + *room * size, 0, (more - *room) * size);
	*room = more;
	return data;
}

int pb_unpickler_push(struct pb_unpickler *u, const struct pb_pickle_value *value)
{
	if (!value)
		return -PB_E_FORMAT;
	void *stack = pb_unpickler_grow(u, u->stack, &u->room, u->top + 1, sizeof *u->stack);
	if (!stack)
		return -PB_E_FORMAT;
	u->stack = stack;
	u->stack[u->top++] = value;
	return 0;
}

size_t pb_unpickler_floor(const struct pb_unpickler *u)
{
	return u->n_marks ? u->marks[u->n_marks - 1] : 0;
}

const struct pb_pickle_value *pb_unpickler_pop(struct pb_unpickler *u)
{
	if (u->top <= pb_unpickler_floor(u)) {
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

struct opcode {
	const char *name;
	int (*run)(struct pb_unpickler *u, int opcode); /* NULL: known, and refused */
};

static const struct opcode opcodes[256] = {
	[0x80] = {"PROTO", run_proto},
	[0x95] = {"FRAME", run_frame},
	['.'] = {"STOP", run_stop},
	['('] = {"MARK", pb_unpickler_mark},
	['0'] = {"POP", pb_unpickler_drop},
	['1'] = {"POP_MARK", pb_unpickler_drop},
	['2'] = {"DUP", pb_unpickler_dup},
	['N'] = {"NONE", pb_unpickler_constant},
	[0x88] = {"NEWTRUE", pb_unpickler_constant},
	[0x89] = {"NEWFALSE", pb_unpickler_constant},
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
	[')'] = {"EMPTY_TUPLE", pb_unpickler_empty},
	[']'] = {"EMPTY_LIST", pb_unpickler_empty},
	['}'] = {"EMPTY_DICT", pb_unpickler_empty},
	[0x8f] = {"EMPTY_SET", pb_unpickler_empty},
	['t'] = {"TUPLE", pb_unpickler_gather},
	['l'] = {"LIST", pb_unpickler_gather},
	['d'] = {"DICT", pb_unpickler_gather},
	[0x91] = {"FROZENSET", pb_unpickler_gather},
	[0x85] = {"TUPLE1", pb_unpickler_short_tuple},
	[0x86] = {"TUPLE2", pb_unpickler_short_tuple},
	[0x87] = {"TUPLE3", pb_unpickler_short_tuple},
	['a'] = {"APPEND", pb_unpickler_add_one},
	['s'] = {"SETITEM", pb_unpickler_add_one},
	['e'] = {"APPENDS", pb_unpickler_add_many},
	['u'] = {"SETITEMS", pb_unpickler_add_many},
	[0x90] = {"ADDITEMS", pb_unpickler_add_many},
	['p'] = {"PUT", pb_unpickler_put},
	['q'] = {"BINPUT", pb_unpickler_put},
	['r'] = {"LONG_BINPUT", pb_unpickler_put},
	[0x94] = {"MEMOIZE", pb_unpickler_put},
	['g'] = {"GET", pb_unpickler_get},
	['h'] = {"BINGET", pb_unpickler_get},
	['j'] = {"LONG_BINGET", pb_unpickler_get},
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
