/* pickle_call.c: every name that a pickle may mention, and what is built where it is called.
 *
 * Nothing here calls Python: each name of the table is a shape of data. A name that is not in the table ends the
 * reading.
 */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "ckpt/unpickler.h"

enum kind {
	KIND_DICT,
	KIND_LIST,
	KIND_SET,
	KIND_SIZE,
	KIND_DEVICE,
	KIND_ENCODE,
	KIND_TENSOR,
	KIND_PARAMETER,
	KIND_STORAGE,
	KIND_DTYPE,
};

struct pb_pickle_global {
	const char *module, *name;
	enum kind kind;
	enum pb_ckpt_dtype dtype; /* KIND_STORAGE, KIND_DTYPE */
};

static const struct pb_pickle_global globals[] = {
	{"collections", "OrderedDict", KIND_DICT, 0},
	{"builtins", "dict", KIND_DICT, 0},
	{"__builtin__", "dict", KIND_DICT, 0},
	{"builtins", "list", KIND_LIST, 0},
	{"__builtin__", "list", KIND_LIST, 0},
	{"builtins", "set", KIND_SET, 0},
	{"__builtin__", "set", KIND_SET, 0},
	{"builtins", "frozenset", KIND_SET, 0},
	{"__builtin__", "frozenset", KIND_SET, 0},
	{"torch", "Size", KIND_SIZE, 0},
	{"torch", "device", KIND_DEVICE, 0},
	{"_codecs", "encode", KIND_ENCODE, 0},
	{"torch._utils", "_rebuild_tensor", KIND_TENSOR, 0},
	{"torch._utils", "_rebuild_tensor_v2", KIND_TENSOR, 0},
	{"torch._utils", "_rebuild_tensor_v3", KIND_TENSOR, 0},
	{"torch._utils", "_rebuild_parameter", KIND_PARAMETER, 0},
	{"torch._utils", "_rebuild_parameter_with_state", KIND_PARAMETER, 0},
	{"torch", "FloatStorage", KIND_STORAGE, PB_CKPT_F32},
	{"torch", "DoubleStorage", KIND_STORAGE, PB_CKPT_F64},
	{"torch", "HalfStorage", KIND_STORAGE, PB_CKPT_F16},
	{"torch", "BFloat16Storage", KIND_STORAGE, PB_CKPT_BF16},
	{"torch", "LongStorage", KIND_STORAGE, PB_CKPT_I64},
	{"torch", "IntStorage", KIND_STORAGE, PB_CKPT_I32},
	{"torch", "ShortStorage", KIND_STORAGE, PB_CKPT_I16},
	{"torch", "CharStorage", KIND_STORAGE, PB_CKPT_I8},
	{"torch", "ByteStorage", KIND_STORAGE, PB_CKPT_U8},
	{"torch", "BoolStorage", KIND_STORAGE, PB_CKPT_BOOL},
	{"torch", "UntypedStorage", KIND_STORAGE, PB_CKPT_U8},
	{"torch.storage", "UntypedStorage", KIND_STORAGE, PB_CKPT_U8},
	{"torch.storage", "_UntypedStorage", KIND_STORAGE, PB_CKPT_U8},
	{"torch", "float32", KIND_DTYPE, PB_CKPT_F32},
	{"torch", "float64", KIND_DTYPE, PB_CKPT_F64},
	{"torch", "float16", KIND_DTYPE, PB_CKPT_F16},
	{"torch", "bfloat16", KIND_DTYPE, PB_CKPT_BF16},
	{"torch", "int64", KIND_DTYPE, PB_CKPT_I64},
	{"torch", "int32", KIND_DTYPE, PB_CKPT_I32},
	{"torch", "int16", KIND_DTYPE, PB_CKPT_I16},
	{"torch", "int8", KIND_DTYPE, PB_CKPT_I8},
	{"torch", "uint8", KIND_DTYPE, PB_CKPT_U8},
	{"torch", "bool", KIND_DTYPE, PB_CKPT_BOOL},
};

const char *pb_pickle_global_name(const struct pb_pickle_global *global, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s.%s", global->module, global->name);
	return buffer;
}

static int refuse(const struct pb_unpickler *u, const char *module, size_t module_length, const char *name,
		  size_t name_length)
{
	char m[80], n[80];
	pb_pickle_printable(module, module_length, m, sizeof m);
	pb_pickle_printable(name, name_length, n, sizeof n);
	return pb_fail(PB_E_FORMAT,
		       "%s: refuses to call %s.%s: a checkpoint may hold tensors and containers only "
		       "(torch.save(model.state_dict(), ...) writes such a file)",
		       u->path, m, n);
}

static int push_global(struct pb_unpickler *u, const char *module, size_t module_length, const char *name,
		       size_t name_length)
{
	for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) {
		const struct pb_pickle_global *g = &globals[i];
		if (strlen(g->module) != module_length || memcmp(g->module, module, module_length) ||
		    strlen(g->name) != name_length || memcmp(g->name, name, name_length))
			continue;
		struct pb_pickle_value *value = pb_unpickler_new(u, PB_PICKLE_GLOBAL);
		if (value)
			value->global = g;
		return pb_unpickler_push(u, value);
	}
	if (module_length == 5 && !memcmp(module, "torch", 5) && memmem(name, name_length, "Storage", 7))
		return pb_fail(PB_E_UNSUPPORTED, "%s: tensors of torch.%s are not supported", u->path,
			       pb_pickle_printable(name, name_length, (char[80]){0}, 80));
	return refuse(u, module, module_length, name, name_length);
}

int pb_unpickler_global(struct pb_unpickler *u, int opcode)
{
	(void)opcode;
	size_t module_length, name_length;
	const char *module = pb_unpickler_take_line(u, &module_length);
	const char *name = module ? pb_unpickler_take_line(u, &name_length) : NULL;
	return name ? push_global(u, module, module_length, name, name_length) : -PB_E_FORMAT;
}

int pb_unpickler_stack_global(struct pb_unpickler *u, int opcode)
{
	(void)opcode;
	const struct pb_pickle_value *name = pb_unpickler_pop(u), *module = name ? pb_unpickler_pop(u) : NULL;
	if (!module)
		return -PB_E_FORMAT;
	if (module->type != PB_PICKLE_STR || name->type != PB_PICKLE_STR)
		return pb_unpickler_fail(u, "a name is not text");
	return push_global(u, module->string.data, module->string.length, name->string.data, name->string.length);
}

static int push_list(struct pb_unpickler *u, enum pb_pickle_type type, const struct pb_pickle_list *items)
{
	struct pb_pickle_value *value = pb_unpickler_new(u, type);
	int rc = value && items ? pb_unpickler_extend(u, &value->list, items->items, items->count) : 0;
	return rc < 0 ? rc : pb_unpickler_push(u, value);
}

static bool is_sequence(const struct pb_pickle_value *value)
{
	return value->type == PB_PICKLE_TUPLE || value->type == PB_PICKLE_LIST;
}

/* list(), set([...]), Size((...)) */
static int call_sequence(struct pb_unpickler *u, enum pb_pickle_type type, const struct pb_pickle_list *args)
{
	if (args->count > 1 || (args->count && !is_sequence(args->items[0])))
		return pb_unpickler_fail(u, "a list, set or size is made of something else");
	return push_list(u, type, args->count ? &args->items[0]->list : NULL);
}

/* OrderedDict(), and Python 2's OrderedDict([[key, value], ...]) */
static int call_dict(struct pb_unpickler *u, const struct pb_pickle_list *args)
{
	struct pb_pickle_value *dict = pb_unpickler_new(u, PB_PICKLE_DICT);
	if (!dict)
		return -PB_E_NOMEM;
	if (args->count > 1 || (args->count && !is_sequence(args->items[0])))
		return pb_unpickler_fail(u, "a dict is made of something else");
	const struct pb_pickle_list *pairs = args->count ? &args->items[0]->list : NULL;
	for (size_t i = 0; pairs && i < pairs->count; i++) {
		const struct pb_pickle_value *pair = pairs->items[i];
		if (!is_sequence(pair) || pair->list.count != 2)
			return pb_unpickler_fail(u, "a dict is made of something else");
		int rc = pb_unpickler_extend(u, &dict->list, pair->list.items, 2);
		if (rc < 0)
			return rc;
	}
	return pb_unpickler_push(u, dict);
}

/* torch.device("cuda", 0) becomes the text "cuda:0". */
static int call_device(struct pb_unpickler *u, const struct pb_pickle_list *args)
{
	if (args->count < 1 || args->count > 2 || args->items[0]->type != PB_PICKLE_STR ||
	    (args->count == 2 && args->items[1]->type != PB_PICKLE_INT))
		return pb_unpickler_fail(u, "a torch.device is made of something else");
	if (args->count == 1)
		return pb_unpickler_push(u, args->items[0]);
	const char *text = pb_arena_printf(u->arena, "%.64s:%lld", args->items[0]->string.data,
					   (long long)args->items[1]->integer);
	return text ? pb_unpickler_push_string(u, PB_PICKLE_STR, text, strlen(text)) : -PB_E_NOMEM;
}

/* _codecs.encode(text, "latin1"): how protocol 2 writes bytes. */
static int call_encode(struct pb_unpickler *u, const struct pb_pickle_list *args)
{
	if (args->count != 2 || args->items[0]->type != PB_PICKLE_STR || args->items[1]->type != PB_PICKLE_STR ||
	    strcmp(args->items[1]->string.data, "latin1"))
		return pb_unpickler_fail(u, "bytes are made of something else");
	const struct pb_pickle_string *text = &args->items[0]->string;
	char *bytes = pb_arena_alloc(u->arena, text->length + 1);
	size_t length = 0;
	for (size_t i = 0; bytes && i < text->length; i++) {
		unsigned c = (unsigned char)text->data[i];
		if (c >= 0x80) {
			if (c > 0xc3)
				return pb_unpickler_fail(u, "bytes are made of something else");
			c = (c & 3) << 6 | ((unsigned char)text->data[++i] & 0x3f);
		}
		bytes[length++] = (char)c;
	}
	return bytes ? pb_unpickler_push_string(u, PB_PICKLE_BYTES, bytes, length) : -PB_E_NOMEM;
}

static int take_extents(const struct pb_unpickler *u, const struct pb_pickle_value *value, int64_t *out, int *ret_rank)
{
	if (!is_sequence(value))
		return pb_unpickler_fail(u, "a tensor's shape or stride is not a tuple");
	if (value->list.count > PB_CKPT_MAX_RANK)
		return pb_fail(PB_E_UNSUPPORTED, "%s: a tensor has %zu axes; at most %d are supported", u->path,
			       value->list.count, PB_CKPT_MAX_RANK);
	for (size_t i = 0; i < value->list.count; i++) {
		if (value->list.items[i]->type != PB_PICKLE_INT)
			return pb_unpickler_fail(u, "a tensor's shape or stride is not made of integers");
		out[i] = value->list.items[i]->integer;
	}
	*ret_rank = (int)value->list.count;
	return 0;
}

/* _rebuild_tensor(storage, offset, size, stride); _v2 adds requires_grad, hooks and may add metadata; _v3 adds to
 * that the dtype as which an untyped storage is read. None of what is added changes the values. */
static int call_tensor(struct pb_unpickler *u, const struct pb_pickle_global *callee, const struct pb_pickle_list *args)
{
	const struct pb_pickle_value *const *a = args->items;
	bool v3 = callee->name[strlen(callee->name) - 1] == '3';
	if (args->count < (v3 ? 7 : 4) || args->count > 8 || a[0]->type != PB_PICKLE_STORAGE ||
	    a[1]->type != PB_PICKLE_INT || (v3 && (a[6]->type != PB_PICKLE_GLOBAL || a[6]->global->kind != KIND_DTYPE)))
		return pb_unpickler_fail(u,
					 "a tensor is made of something else than a storage, offset, size and stride");
	struct pb_pickle_value *value = pb_unpickler_new(u, PB_PICKLE_TENSOR);
	struct pb_pickle_tensor *t = value ? pb_arena_alloc(u->arena, sizeof *t) : NULL;
	if (!t)
		return -PB_E_NOMEM;
	int stride_rank = 0, rc = take_extents(u, a[2], t->shape, &t->rank);
	if (!rc)
		rc = take_extents(u, a[3], t->stride, &stride_rank);
	if (rc < 0)
		return rc;
	if (t->rank != stride_rank)
		return pb_unpickler_fail(u, "a tensor has %d axes but %d strides", t->rank, stride_rank);
	t->storage = a[0]->storage;
	t->dtype = v3 ? a[6]->global->dtype : t->storage->dtype;
	t->offset = a[1]->integer;
	value->tensor = t;
	return pb_unpickler_push(u, value);
}

/* _rebuild_parameter(data, requires_grad, hooks[, state]) is its data. */
static int call_parameter(struct pb_unpickler *u, const struct pb_pickle_list *args)
{
	if (args->count < 3 || args->count > 4 || args->items[0]->type != PB_PICKLE_TENSOR)
		return pb_unpickler_fail(u, "a parameter is made of something else than a tensor");
	return pb_unpickler_push(u, args->items[0]);
}

/* Also NEWOBJ: cls.__new__(cls, *args) makes the same of these names. */
int pb_unpickler_reduce(struct pb_unpickler *u, int opcode)
{
	(void)opcode;
	const struct pb_pickle_value *args = pb_unpickler_pop(u), *callee = args ? pb_unpickler_pop(u) : NULL;
	if (!callee)
		return -PB_E_FORMAT;
	if (callee->type != PB_PICKLE_GLOBAL || args->type != PB_PICKLE_TUPLE)
		return pb_unpickler_fail(u, "it calls something that is not a function, or without arguments");
	switch (callee->global->kind) {
	case KIND_DICT: return call_dict(u, &args->list);
	case KIND_LIST: return call_sequence(u, PB_PICKLE_LIST, &args->list);
	case KIND_SET: return call_sequence(u, PB_PICKLE_SET, &args->list);
	case KIND_SIZE: return call_sequence(u, PB_PICKLE_TUPLE, &args->list);
	case KIND_DEVICE: return call_device(u, &args->list);
	case KIND_ENCODE: return call_encode(u, &args->list);
	case KIND_TENSOR: return call_tensor(u, callee->global, &args->list);
	case KIND_PARAMETER: return call_parameter(u, &args->list);
	case KIND_STORAGE:
	case KIND_DTYPE: break;
	}
	return refuse(u, callee->global->module, strlen(callee->global->module), callee->global->name,
		      strlen(callee->global->name));
}

/* An OrderedDict may carry attributes (state_dict's _metadata); they are read and dropped. */
int pb_unpickler_build(struct pb_unpickler *u, int opcode)
{
	(void)opcode;
	const struct pb_pickle_value *state = pb_unpickler_pop(u), *object = state ? pb_unpickler_pop(u) : NULL;
	if (!object)
		return -PB_E_FORMAT;
	if (object->type != PB_PICKLE_DICT || state->type != PB_PICKLE_DICT)
		return pb_fail(PB_E_FORMAT,
			       "%s: refuses to set the state of an object (at byte %zu): "
			       "a checkpoint may hold tensors and containers only",
			       u->path, u->at - 1);
	return pb_unpickler_push(u, object);
}

/* (view_key, offset, count) of the pre-1.6 format: the mention means a part of the storage. */
static int take_view(const struct pb_unpickler *u, const struct pb_pickle_value *view,
		     struct pb_pickle_storage *storage)
{
	if (view->type == PB_PICKLE_NONE)
		return 0;
	const struct pb_pickle_value *const *v = view->list.items;
	if (view->type != PB_PICKLE_TUPLE || view->list.count != 3 || v[1]->type != PB_PICKLE_INT ||
	    v[2]->type != PB_PICKLE_INT)
		return pb_unpickler_fail(u, "a view of a storage has another form than (key, offset, count)");
	storage->view_offset = v[1]->integer;
	storage->view_count = v[2]->integer;
	if (storage->view_offset < 0 || storage->view_count < 0 || storage->view_offset > storage->count ||
	    storage->view_count > storage->count - storage->view_offset)
		return pb_unpickler_fail(u, "a view lies outside its storage");
	return 0;
}

/* A negative count is a huge one here. */
static bool is_storage_id(const struct pb_pickle_value *id)
{
	const struct pb_pickle_value *const *i = id->list.items;
	return id->type == PB_PICKLE_TUPLE && (id->list.count == 5 || id->list.count == 6) &&
	       i[0]->type == PB_PICKLE_STR && !strcmp(i[0]->string.data, "storage") && i[1]->type == PB_PICKLE_GLOBAL &&
	       i[1]->global->kind == KIND_STORAGE && i[2]->type == PB_PICKLE_STR && i[2]->string.length < 256 &&
	       strlen(i[2]->string.data) == i[2]->string.length && i[3]->type == PB_PICKLE_STR &&
	       i[4]->type == PB_PICKLE_INT &&
	       (uint64_t)i[4]->integer <= INT64_MAX / pb_ckpt_dtype_size(i[1]->global->dtype);
}

/* ("storage", torch.FloatStorage, key, location, count[, view]) */
int pb_unpickler_persistent(struct pb_unpickler *u, int opcode)
{
	(void)opcode;
	const struct pb_pickle_value *id = pb_unpickler_pop(u);
	if (!id)
		return -PB_E_FORMAT;
	if (!is_storage_id(id))
		return pb_unpickler_fail(u, "a persistent id has another form than "
					    "(\"storage\", type, key, location, count)");
	struct pb_pickle_value *value = pb_unpickler_new(u, PB_PICKLE_STORAGE);
	struct pb_pickle_storage *s = value ? pb_arena_alloc(u->arena, sizeof *s) : NULL;
	if (!s)
		return -PB_E_NOMEM;
	const struct pb_pickle_value *const *i = id->list.items;
	s->key = i[2]->string.data;
	s->dtype = i[1]->global->dtype;
	s->count = s->view_count = i[4]->integer;
	int rc = id->list.count == 6 ? take_view(u, i[5], s) : 0;
	if (rc < 0)
		return rc;
	s->next = u->storages;
	u->storages = s;
	value->storage = s;
	return pb_unpickler_push(u, value);
}
