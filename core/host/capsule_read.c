/* capsule_read.c: reads capsules, which may be anybody's. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "host/capsule.h"

static int refuse(const struct pb_capsule *c, const char *what)
{
	return pb_fail(PB_E_FORMAT, "%s is no capsule, or a damaged one: %s", c->file.path, what);
}

static const char *copy_text(struct pb_capsule *c, const json_t *about, const char *key)
{
	const char *text = json_string_value(json_object_get(about, key));
	return text ? pb_arena_strdup(&c->file.arena, text) : NULL;
}

static uint64_t get_uint64(const json_t *about, const char *key)
{
	const char *text = json_string_value(json_object_get(about, key));
	return text ? strtoull(text, NULL, 10) : 0;
}

/* Small numbers, PB_MAX_RANK at most; returns how many, -1: they are not that. */
static int get_numbers(const json_t *about, const char *key, int64_t ret_numbers[PB_MAX_RANK])
{
	const json_t *list = json_object_get(about, key);
	size_t n = json_array_size(list);
	if (!json_is_array(list) || n > PB_MAX_RANK)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_array_get(list, i);
		if (!json_is_integer(item))
			return -1;
		ret_numbers[i] = json_integer_value(item);
	}
	return (int)n;
}

static int get_axes(const json_t *about, const char *key, uint8_t ret_axes[PB_MAX_RANK])
{
	int64_t numbers[PB_MAX_RANK];
	int n = get_numbers(about, key, numbers);
	for (int i = 0; i < n; i++) {
		if (numbers[i] < PB_AXIS_NONE || numbers[i] > PB_AXIS_FEATURE)
			return -1;
		ret_axes[i] = (uint8_t)numbers[i];
	}
	return n;
}

static int take_setter(struct pb_capsule *c, const json_t *about)
{
	const char *direction = copy_text(c, about, "direction"), *dtype = copy_text(c, about, "dtype");
	const struct pb_ckpt_tensor *activation = pb_ckpt_find(&c->file, "activation");
	int n = get_numbers(about, "index", c->index);
	c->hook = copy_text(c, about, "hook");
	c->layer = (int)json_integer_value(json_object_get(about, "layer"));
	c->stream = get_uint64(about, "stream");
	if (!c->hook || !direction || !dtype)
		return refuse(c, "it does not say which hook point was patched");
	if (!activation || activation->dtype != PB_CKPT_F64 || activation->rank > PB_MAX_RANK)
		return refuse(c, "it has no activation");
	c->direction = strcmp(direction, "backward") ? PB_FORWARD : PB_BACKWARD;
	c->dtype = strcmp(dtype, pb_dtype_name(PB_F64)) ? PB_F32 : PB_F64;
	c->n_index = (uint32_t)n;
	if (n < 0 || get_axes(about, "axes", c->axes) != n)
		return refuse(c, "its index does not go with its axes");
	if (get_axes(about, "activation_axes", c->tagged) != activation->rank)
		return refuse(c, "the activation's axes are not named");
	return 0;
}

static bool is_of(const struct pb_ckpt_tensor *t, enum pb_ckpt_dtype dtype, int64_t rows, int64_t columns)
{
	return t && t->dtype == dtype && t->rank == (columns ? 2 : 1) && t->shape[0] == rows &&
	       (!columns || t->shape[1] == columns);
}

static int take_metric(struct pb_capsule *c)
{
	const struct pb_ckpt_tensor *logits = pb_ckpt_find(&c->file, "logits");
	const struct pb_ckpt_tensor *reference = pb_ckpt_find(&c->file, "reference");
	if (!logits || logits->rank != 2 || logits->dtype != PB_CKPT_F64)
		return refuse(c, "it has no logits");
	int64_t rows = logits->shape[0];
	if (!is_of(pb_ckpt_find(&c->file, "answer"), PB_CKPT_I32, rows, 0) ||
	    !is_of(pb_ckpt_find(&c->file, "distractor"), PB_CKPT_I32, rows, 0) ||
	    (reference && !is_of(reference, PB_CKPT_F64, rows, logits->shape[1])) ||
	    (!strcmp(c->call, "adjoint") && !is_of(pb_ckpt_find(&c->file, "weight"), PB_CKPT_F64, rows, 0)))
		return refuse(c, "its arrays do not fit together");
	return 0;
}

static int take(struct pb_capsule *c, const json_t *about)
{
	const char *kind = json_string_value(json_object_get(about, "kind"));
	const char *format = json_string_value(json_object_get(about, "format"));
	if (!format || strcmp(format, "patchbay.capsule/1") != 0)
		return refuse(c, "`about` does not say that it is one");
	c->kind = kind && !strcmp(kind, "setter") ? PB_KIND_SETTER : PB_KIND_METRIC;
	c->name = copy_text(c, about, "name");
	c->version = copy_text(c, about, "version");
	c->path = copy_text(c, about, "path");
	c->build_id = copy_text(c, about, "build_id");
	c->params = copy_text(c, about, "params");
	c->base_dir = copy_text(c, about, "base_dir");
	c->call = copy_text(c, about, "call");
	c->failure = copy_text(c, about, "failure");
	c->seed = get_uint64(about, "seed");
	if (!kind || !c->name || !c->params || !c->call || !c->failure)
		return refuse(c, "`about` does not say whose call it is");
	return c->kind == PB_KIND_SETTER ? take_setter(c, about) : take_metric(c);
}

/* Where an array begins in a file says nothing about where numbers may begin in memory. */
static int align(struct pb_capsule *c)
{
	for (size_t i = 0; i < c->file.n_tensors; i++) {
		struct pb_ckpt_tensor *t = &c->file.tensors[i];
		size_t size = pb_ckpt_dtype_size(t->dtype);
		void *data = pb_arena_array(&c->file.arena, (size_t)t->count + 1, size);
		if (!data)
			return -PB_E_NOMEM;
		memcpy(data, t->data, (size_t)t->count * size);
		t->data = data;
	}
	return 0;
}

int pb_capsule_read(const char *path, struct pb_capsule *ret_capsule)
{
	struct pb_capsule c = {0};
	int rc = pb_ckpt_read(path, &c.file);
	if (rc)
		return rc;
	const struct pb_ckpt_tensor *text = pb_ckpt_find(&c.file, "about");
	json_t *about = text && text->dtype == PB_CKPT_U8
				? json_loadb(text->data, (size_t)text->count, JSON_REJECT_DUPLICATES, NULL)
				: NULL;
	rc = align(&c);
	if (!rc)
		rc = json_is_object(about) ? take(&c, about) : refuse(&c, "it has no `about`");
	json_decref(about);
	if (rc)
		pb_ckpt_finish(&c.file);
	else
		*ret_capsule = c;
	return rc;
}

void pb_capsule_finish(struct pb_capsule *capsule)
{
	pb_ckpt_finish(&capsule->file);
}
