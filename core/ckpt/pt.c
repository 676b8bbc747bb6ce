/* pt.c: storages behind tensors: which mentions are one, and contiguous data out of strided views. */
#include "ckpt/pt.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"

/* Bytes that views may be copied to, beyond what is stored: an expanded mask is small, a bomb is not. */
#define SPARE_BYTES ((uint64_t)64 << 20)
enum { MAX_COPIES = 8 };

static int compare_memories(const void *a, const void *b)
{
	const struct pb_pt_memory *x = a, *y = b;
	return strcmp(x->key, y->key);
}

int pb_pt_set_memories(struct pb_pt *pt, const struct pb_pickle_storage *mentions)
{
	size_t count = 0, n = 0;
	for (const struct pb_pickle_storage *s = mentions; s; s = s->next)
		count++;
	struct pb_pt_memory *all = pb_arena_array(&pt->ckpt->arena, count, sizeof *all);
	if (!all)
		return -PB_E_NOMEM;
	for (const struct pb_pickle_storage *s = mentions; s; s = s->next)
		all[n++] = (struct pb_pt_memory){.key = s->key, .dtype = s->dtype, .count = s->count};
	if (count)
		qsort(all, count, sizeof *all, compare_memories);
	n = 0;
	for (size_t i = 0; i < count; i++) {
		if (!n || strcmp(all[n - 1].key, all[i].key))
			all[n++] = all[i];
		else if (all[n - 1].dtype != all[i].dtype || all[n - 1].count != all[i].count)
			return pb_fail(PB_E_FORMAT, "%s: one storage is mentioned with two types or sizes",
				       pt->ckpt->path);
	}
	pt->memories = all;
	pt->n_memories = n;
	return 0;
}

struct pb_pt_memory *pb_pt_find_memory(const struct pb_pt *pt, const char *key)
{
	const struct pb_pt_memory wanted = {.key = key};
	return pt->n_memories ? bsearch(&wanted, pt->memories, pt->n_memories, sizeof wanted, compare_memories) : NULL;
}

static bool is_contiguous(const struct pb_pickle_tensor *t)
{
	int64_t expected = 1;
	for (int i = t->rank; i-- > 0;) {
		if (t->shape[i] != 1 && t->stride[i] != expected)
			return false;
		expected *= t->shape[i]; /* the tensor lies within its storage, so the product fits */
	}
	return true;
}

static int fail_tensor(const struct pb_pt *pt, const char *name, const char *reason)
{
	char shown[120];
	pb_pickle_printable(name, strlen(name), shown, sizeof shown);
	return pb_fail(PB_E_FORMAT, "%s: tensor %s: %s", pt->ckpt->path, shown, reason);
}

/* Elements that the tensor's storage has, counted in the tensor's own type. */
static int64_t storage_elements(const struct pb_pickle_tensor *t)
{
	return t->storage->view_count * (int64_t)pb_ckpt_dtype_size(t->storage->dtype) /
	       (int64_t)pb_ckpt_dtype_size(t->dtype);
}

/* ret_count: product of shape. Afterwards every element's index is known to lie within the storage. */
static int check_bounds(const struct pb_pt *pt, const char *name, const struct pb_pickle_tensor *t, int64_t *ret_count)
{
	int64_t count = 1, last = t->offset, reach, elements = storage_elements(t);
	bool empty = false;
	for (int i = 0; i < t->rank; i++) {
		if (t->shape[i] < 0)
			return fail_tensor(pt, name, "its shape is negative");
		if (t->stride[i] < 0)
			return fail_tensor(pt, name, "its stride is negative");
		empty |= t->shape[i] == 0;
	}
	if (t->offset < 0 || t->offset > elements)
		return fail_tensor(pt, name, "it starts outside its storage");
	for (int i = 0; i < t->rank && !empty; i++) {
		if (__builtin_mul_overflow(count, t->shape[i], &count) ||
		    count > PTRDIFF_MAX / (int64_t)pb_ckpt_dtype_size(t->dtype))
			return fail_tensor(pt, name, "it is larger than memory can be");
		if (__builtin_mul_overflow(t->shape[i] - 1, t->stride[i], &reach) ||
		    __builtin_add_overflow(last, reach, &last))
			return fail_tensor(pt, name, "it reaches outside its storage");
	}
	if (!empty && last >= elements)
		return fail_tensor(pt, name, "it reaches outside its storage");
	*ret_count = empty ? 0 : count;
	return 0;
}

/* Row-major order; `size` bytes an element. */
static void gather(const struct pb_pickle_tensor *t, int64_t count, const char *base, size_t size, char *out)
{
	int64_t index[PB_CKPT_MAX_RANK] = {0}, stride[PB_CKPT_MAX_RANK], at = 0;
	for (int axis = 0; axis < t->rank; axis++) /* the stride of an axis of one is never used, and may be anything */
		stride[axis] = t->shape[axis] == 1 ? 0 : t->stride[axis];
	for (int64_t i = 0; i < count; i++, out += size) {
		memcpy(out, base + (size_t)at * size, size);
		for (int axis = t->rank - 1; axis >= 0; axis--) {
			at += stride[axis];
			if (++index[axis] < t->shape[axis])
				break;
			at -= stride[axis] * t->shape[axis];
			index[axis] = 0;
		}
	}
}

static int fill_tensor(const struct pb_pt *pt, struct pb_ckpt_tensor *tensor, const struct pb_pickle_tensor *t,
		       uint64_t *budget)
{
	size_t size = pb_ckpt_dtype_size(t->dtype);
	const struct pb_pt_memory *memory = pb_pt_find_memory(pt, t->storage->key);
	int rc = check_bounds(pt, tensor->name, t, &tensor->count);
	if (rc < 0)
		return rc;
	const char *base = (const char *)memory->data +
			   (size_t)t->storage->view_offset * pb_ckpt_dtype_size(memory->dtype) +
			   (size_t)t->offset * size;
	tensor->data = base;
	if (!tensor->count || (is_contiguous(t) && (uintptr_t)base % size == 0))
		return 0;
	uint64_t bytes = (uint64_t)tensor->count * size;
	if (bytes > *budget)
		return fail_tensor(pt, tensor->name, "it repeats its storage too often");
	*budget -= bytes;
	char *copy = pb_arena_alloc(&pt->ckpt->arena, (size_t)bytes);
	if (!copy)
		return -PB_E_NOMEM;
	gather(t, tensor->count, base, size, copy);
	tensor->data = copy;
	return 0;
}

int pb_pt_fill(struct pb_pt *pt)
{
	uint64_t budget = SPARE_BYTES;
	for (size_t i = 0; i < pt->n_memories; i++)
		if (pt->memories[i].data)
			budget += MAX_COPIES * (uint64_t)pt->memories[i].count *
				  pb_ckpt_dtype_size(pt->memories[i].dtype);
	int rc = 0;
	for (size_t i = 0; i < pt->ckpt->n_tensors && !rc; i++)
		rc = fill_tensor(pt, &pt->ckpt->tensors[i], pt->sources[i], &budget);
	return rc;
}
