/* capsule.c: writes capsules. */
#include "host/capsule.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "base/utf8.h"
#include "host/host_impl.h"
#include "host/image.h"

enum { MOST_CAPSULES = 16, MOST_ARRAYS = 8 };

static char *folder;
static atomic_int n_written;

void pb_capsule_folder(const char *path)
{
	free(folder);
	folder = path ? strdup(path) : NULL;
	n_written = 0;
}

/* A capsule in the making. */
struct writer {
	struct pb_arena arena;
	json_t *about;
	struct pb_ckpt_tensor arrays[MOST_ARRAYS];
	size_t n_arrays;
	const char *failure; /* the error text that the call left */
	bool failed;         /* for memory */
};

static void put(struct writer *w, const char *key, json_t *value)
{
	w->failed |= json_object_set_new(w->about, key, value) < 0;
}

/* Plugins' texts may be cut within a character, and file names be anything. */
static void put_text(struct writer *w, const char *key, const char *text)
{
	char *safe = text ? pb_arena_strdup(&w->arena, text) : NULL;
	w->failed |= text && !safe;
	if (!safe)
		return;
	pb_utf8_disarm(safe);
	put(w, key, json_string_nocheck(safe));
}

/* As a text: JSON's numbers are doubles for many readers. */
static void put_uint64(struct writer *w, const char *key, uint64_t value)
{
	char text[24];
	snprintf(text, sizeof text, "%" PRIu64, value);
	put_text(w, key, text);
}

static void put_axes(struct writer *w, const char *key, const uint8_t *axes, size_t n)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++)
		w->failed |= json_array_append_new(list, json_integer(axes[i])) < 0;
	put(w, key, list);
}

static void put_params(struct writer *w, const struct pb_instance *instance)
{
	const struct pb_plugin *plugin = instance->loaded->plugin;
	struct pb_yaml yaml = {0};
	struct pb_text text = {0};
	struct pb_yaml_node *node = pb_schema_encode(&yaml, plugin->params, plugin->n_params, NULL, instance->params);
	w->failed |= !node;
	if (node && node->count)
		pb_yaml_emit(node, 0, &text);
	put_text(w, "params", text.data && text.length ? text.data : "{}");
	w->failed |= text.failed;
	pb_text_finish(&text);
	pb_arena_finish(&yaml.arena);
}

static void describe(struct writer *w, const struct pb_instance *instance, const char *call)
{
	const struct pb_plugin *plugin = instance->loaded->plugin;
	struct pb_image *image;
	w->failure = pb_arena_strdup(&w->arena, pb_error_text());
	w->about = json_object();
	put_text(w, "format", "patchbay.capsule/1");
	put_text(w, "patchbay", PB_VERSION);
	put_text(w, "kind", pb_kind_name(plugin->kind));
	put_text(w, "name", plugin->name);
	put_text(w, "version", plugin->version);
	put_text(w, "path", instance->loaded->path);
	if (!pb_image_open(instance->loaded->path, &image)) {
		put_text(w, "build_id", pb_image_build_id(image));
		pb_image_close(image);
	}
	put_text(w, "base_dir", instance->impl->base_dir);
	put_params(w, instance);
	put_uint64(w, "seed", instance->host.seed);
	put_text(w, "call", call);
	put_text(w, "failure", w->failure);
	w->failed |= !w->failure || !w->about;
}

static void *new_array(struct writer *w, const char *name, enum pb_ckpt_dtype dtype, int rank, const int64_t *shape)
{
	struct pb_ckpt_tensor *t = &w->arrays[w->n_arrays];
	*t = (struct pb_ckpt_tensor){.name = name, .dtype = dtype, .rank = rank, .count = 1};
	for (int i = 0; i < rank; i++)
		t->count *= t->shape[i] = shape[i];
	void *data = pb_arena_array(&w->arena, (size_t)t->count + 1, pb_ckpt_dtype_size(dtype));
	t->data = data;
	w->n_arrays += data != NULL;
	w->failed |= !data;
	return data;
}

static void put_array(struct writer *w, const char *name, enum pb_ckpt_dtype dtype, int64_t rows, int64_t columns,
		      const void *values)
{
	void *data = values ? new_array(w, name, dtype, columns ? 2 : 1, (int64_t[]){rows, columns}) : NULL;
	if (data)
		memcpy(data, values, (size_t)(rows * (columns ? columns : 1)) * pb_ckpt_dtype_size(dtype));
}

/* A tensor as doubles, wherever it is: every float is one. */
static double *put_view(struct writer *w, const char *name, struct pb_device *device, const struct pb_view *view)
{
	double *data = new_array(w, name, PB_CKPT_F64, view->rank, view->shape);
	if (data && pb_view_read(device, view, data) < 0)
		w->failed = true;
	return data;
}

/* What was in the region before the call, put back into the activation's copy. */
static int put_back(const struct pb_capsule_setter *f, double *activation)
{
	struct pb_device cpu;
	struct pb_view region = pb_view_over(activation, PB_F64, f->call->activation->rank, f->call->activation->shape);
	double *old = malloc((size_t)pb_view_count(f->before) * sizeof *old + 1);
	memcpy(region.axis, f->call->activation->axis, sizeof region.axis);
	int rc = old ? pb_view_read(f->device, f->before, old) : pb_fail_nomem(1, "a capsule");
	if (!rc && pb_view_count(f->before) != pb_view_count(&region))
		rc = pb_view_region(&region, f->axes, f->call->index, f->call->n_index, &region);
	if (!rc)
		rc = pb_device_open_cpu(1, &cpu);
	if (!rc) {
		rc = pb_view_write(&cpu, &region, old);
		pb_device_close(&cpu);
	}
	free(old);
	return rc;
}

static void describe_setter(struct writer *w, const struct pb_capsule_setter *f)
{
	const struct pb_setter_call *call = f->call;
	describe(w, f->instance, f->adjoint ? "adjoint" : "apply");
	put_text(w, "hook", call->hook);
	put(w, "layer", json_integer(call->layer));
	put_text(w, "direction", call->direction == PB_FORWARD ? "forward" : "backward");
	put_text(w, "dtype", pb_dtype_name(call->activation->dtype));
	put_uint64(w, "stream", call->stream);
	put_axes(w, "axes", f->axes, call->n_index);
	put_axes(w, "activation_axes", call->activation->axis, (size_t)call->activation->rank);
	json_t *index = json_array();
	for (uint32_t i = 0; i < call->n_index; i++)
		w->failed |= json_array_append_new(index, json_integer(call->index[i])) < 0;
	put(w, "index", index);
	double *activation = put_view(w, "activation", f->instance->impl->device, call->activation);
	if (activation && f->before && put_back(f, activation) < 0)
		w->failed = true;
	if (call->source)
		put_view(w, "source", f->instance->impl->device, call->source);
}

static void describe_metric(struct writer *w, const struct pb_capsule_metric *f)
{
	const struct pb_metric_batch *b = f->batch;
	describe(w, f->instance, f->weight ? "adjoint" : "score");
	put_array(w, "logits", PB_CKPT_F64, b->n_rows, b->d_vocab, b->logits);
	put_array(w, "answer", PB_CKPT_I32, b->n_rows, 0, b->answer);
	put_array(w, "distractor", PB_CKPT_I32, b->n_rows, 0, b->distractor);
	put_array(w, "reference", PB_CKPT_F64, b->n_rows, b->d_vocab, b->reference);
	put_array(w, "weight", PB_CKPT_F64, b->n_rows, 0, f->weight);
}

static int write_file(struct writer *w, const char *path)
{
	char *about = w->failed ? NULL : json_dumps(w->about, JSON_INDENT(1));
	int rc = about ? pb_file_make_dir(folder) : pb_fail_nomem(1, "a capsule");
	if (!rc) {
		put_array(w, "about", PB_CKPT_U8, (int64_t)strlen(about), 0, about);
		rc = pb_ckpt_write_npz(path, w->arrays, w->n_arrays);
	}
	free(about);
	return rc;
}

/* The capsule is of use to a plugin's author; what counts for the run is the failure, told first. */
static int finish(int rc, struct writer *w, const struct pb_instance *instance, const char *call)
{
	const struct pb_plugin *plugin = instance->loaded->plugin;
	const char *path = pb_arena_printf(&w->arena, "%s/%d-%s-%s-%s.npz", folder, (int)n_written,
					   pb_kind_name(plugin->kind), plugin->name, call);
	int write_rc = path ? write_file(w, path) : -PB_E_NOMEM;
	const char *why = w->failure ? w->failure : pb_status_text(rc);
	char *trouble = write_rc ? pb_arena_strdup(&w->arena, pb_error_text()) : NULL;
	if (write_rc)
		pb_fail(-rc, "%s\n(the call could not be kept: %s)", why, trouble ? trouble : "out of memory");
	else
		pb_fail(-rc, "%s\n(the call is kept in %s; `patchbay plugin replay` makes it again)", why, path);
	json_decref(w->about);
	pb_arena_finish(&w->arena);
	return rc;
}

/* Memory that ran out is not the call's doing: made again, it would not show it. */
static bool is_wanted(int rc)
{
	return folder && rc != -PB_E_NOMEM && atomic_fetch_add(&n_written, 1) < MOST_CAPSULES;
}

int pb_capsule_of_setter(int rc, const struct pb_capsule_setter *failed)
{
	struct writer w = {0};
	if (!is_wanted(rc))
		return rc;
	describe_setter(&w, failed);
	return finish(rc, &w, failed->instance, failed->adjoint ? "adjoint" : "apply");
}

int pb_capsule_of_metric(int rc, const struct pb_capsule_metric *failed)
{
	struct writer w = {0};
	if (!is_wanted(rc))
		return rc;
	describe_metric(&w, failed);
	return finish(rc, &w, failed->instance, failed->weight ? "adjoint" : "score");
}
