/* safetensors.c: u64 length of a JSON header, the header, the tensors' bytes. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/status.h"
#include "ckpt/formats.h"
#include "ckpt/pickle.h"

#define MAX_HEADER ((uint64_t)32 << 20)
static const char metadata_key[] = "__metadata__";

struct span {
	uint64_t begin, end; /* bytes behind the header */
	size_t tensor;
};

struct reader {
	struct pb_ckpt *ckpt;
	int fd;
	uint64_t base, size; /* of the tensors' bytes in the file */
	json_t *header;
	struct span *spans; /* [n_tensors] */
};

static int fail(const struct reader *r, const char *name, const char *reason)
{
	char shown[120];
	pb_pickle_printable(name, strlen(name), shown, sizeof shown);
	return pb_fail(PB_E_FORMAT, "%s: tensor %s: %s", r->ckpt->path, shown, reason);
}

static int read_at(const struct reader *r, uint64_t offset, void *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = pread(r->fd, (char *)data + done, size - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return pb_fail(PB_E_IO, "cannot read %s: %s", r->ckpt->path, strerror(errno));
		if (n == 0)
			return pb_fail(PB_E_FORMAT, "%s: it ends too early", r->ckpt->path);
		done += (size_t)n;
	}
	return 0;
}

static int parse_header(struct reader *r, size_t length)
{
	char *text = malloc(length);
	if (!text)
		return pb_fail_nomem(length, "a header");
	int rc = read_at(r, 8, text, length);
	json_error_t error;
	errno = 0;
	if (!rc && !(r->header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error)) && errno == ENOMEM) {
		rc = pb_fail_nomem(length, "a header"); /* which the parser would call a mistake in the text */
	} else if (!rc && !r->header) {
		char shown[120];
		pb_pickle_printable(error.text, strlen(error.text), shown, sizeof shown);
		rc = pb_fail(PB_E_FORMAT, "%s: its header is not JSON: %s (at byte %d)", r->ckpt->path, shown,
			     error.position + 8);
	}
	free(text);
	if (!rc && !json_is_object(r->header))
		rc = pb_fail(PB_E_FORMAT, "%s: its header is not a JSON object", r->ckpt->path);
	return rc;
}

static int read_header(struct reader *r)
{
	struct stat st;
	unsigned char bytes[8];
	if (fstat(r->fd, &st) < 0)
		return pb_fail(PB_E_IO, "cannot examine %s: %s", r->ckpt->path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return pb_fail(PB_E_FORMAT, "%s is not a regular file", r->ckpt->path);
	int rc = read_at(r, 0, bytes, sizeof bytes);
	uint64_t length = 0;
	for (int i = 8; i-- > 0;)
		length = length << 8 | bytes[i];
	if (!rc && (length > MAX_HEADER || length > (uint64_t)st.st_size - 8))
		rc = pb_fail(PB_E_FORMAT, "%s: not a checkpoint, or a .safetensors with a header of %llu bytes",
			     r->ckpt->path, (unsigned long long)length);
	if (rc < 0)
		return rc;
	r->base = 8 + length;
	r->size = (uint64_t)st.st_size - r->base;
	return parse_header(r, (size_t)length);
}

static int take_shape(const struct reader *r, struct pb_ckpt_tensor *t, json_t *shape)
{
	if (!json_is_array(shape))
		return fail(r, t->name, "its shape is not a list");
	if (json_array_size(shape) > PB_CKPT_MAX_RANK)
		return fail(r, t->name, "it has more than 8 axes");
	t->rank = (int)json_array_size(shape);
	t->count = 1;
	bool empty = false;
	for (int i = 0; i < t->rank; i++) {
		json_t *extent = json_array_get(shape, (size_t)i);
		t->shape[i] = json_integer_value(extent);
		if (!json_is_integer(extent) || t->shape[i] < 0)
			return fail(r, t->name, "its shape is not made of counts");
		empty |= t->shape[i] == 0;
	}
	for (int i = 0; i < t->rank && !empty; i++)
		if (__builtin_mul_overflow(t->count, t->shape[i], &t->count))
			return fail(r, t->name, "it is larger than memory can be");
	t->count = empty ? 0 : t->count;
	return 0;
}

static int take_dtype(const struct reader *r, struct pb_ckpt_tensor *t, const char *name)
{
#define MATCH(dt, bytes, st, np)                                                                                       \
	if (name && !strcmp(name, st)) {                                                                               \
		t->dtype = PB_CKPT_##dt;                                                                               \
		return 0;                                                                                              \
	}
	PB_CKPT_DTYPE_MAP(MATCH)
#undef MATCH
	return fail(r, t->name, "elements of its dtype are not supported");
}

static int take_span(const struct reader *r, const struct pb_ckpt_tensor *t, json_t *offsets, struct span *span)
{
	json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
	if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
		return fail(r, t->name, "its data_offsets are not two integers");
	json_int_t b = json_integer_value(begin), e = json_integer_value(end);
	if (b < 0 || e < b || (uint64_t)e > r->size)
		return fail(r, t->name, "its data_offsets lie outside the file");
	int64_t size;
	if (__builtin_mul_overflow(t->count, (int64_t)pb_ckpt_dtype_size(t->dtype), &size) || size != e - b)
		return fail(r, t->name, "its shape does not fit the bytes it has");
	span->begin = (uint64_t)b;
	span->end = (uint64_t)e;
	return 0;
}

static int take_tensor(struct reader *r, const char *name, json_t *entry)
{
	struct pb_ckpt *ckpt = r->ckpt;
	size_t n = ckpt->n_tensors;
	struct pb_ckpt_tensor *t = &ckpt->tensors[n];
	t->name = pb_arena_strdup(&ckpt->arena, name);
	if (!t->name)
		return -PB_E_NOMEM;
	if (!json_is_object(entry))
		return fail(r, name, "its entry is not a JSON object");
	int rc = take_dtype(r, t, json_string_value(json_object_get(entry, "dtype")));
	if (!rc)
		rc = take_shape(r, t, json_object_get(entry, "shape"));
	if (!rc)
		rc = take_span(r, t, json_object_get(entry, "data_offsets"), &r->spans[n]);
	r->spans[n].tensor = n;
	ckpt->n_tensors++;
	return rc;
}

/* The free text beside the tensors: a map of strings. */
static int take_metadata(struct reader *r, json_t *metadata)
{
	struct pb_ckpt *ckpt = r->ckpt;
	const char *key;
	json_t *value;
	ckpt->values = pb_arena_array(&ckpt->arena, json_object_size(metadata), sizeof *ckpt->values);
	if (!ckpt->values)
		return -PB_E_NOMEM;
	json_object_foreach(metadata, key, value)
	{
		struct pb_text text = {0};
		if (!json_is_string(value))
			return pb_fail(PB_E_FORMAT, "%s: its %s holds something else than text", ckpt->path,
				       metadata_key);
		pb_text_add_json(&text, json_string_value(value));
		struct pb_ckpt_value *out = &ckpt->values[ckpt->n_values++];
		out->name = pb_arena_strdup(&ckpt->arena, key);
		out->text = text.failed ? NULL : pb_arena_strdup(&ckpt->arena, text.data);
		pb_text_finish(&text);
		if (!out->name || !out->text)
			return -PB_E_NOMEM;
	}
	return 0;
}

static int take_entries(struct reader *r)
{
	struct pb_ckpt *ckpt = r->ckpt;
	size_t count = json_object_size(r->header);
	const char *name;
	json_t *entry;
	ckpt->tensors = pb_arena_array(&ckpt->arena, count, sizeof *ckpt->tensors);
	r->spans = pb_arena_array(&ckpt->arena, count, sizeof *r->spans);
	if (!ckpt->tensors || !r->spans)
		return -PB_E_NOMEM;
	int rc = 0;
	json_object_foreach(r->header, name, entry)
	{
		rc = strcmp(name, metadata_key) ? take_tensor(r, name, entry) : take_metadata(r, entry);
		if (rc < 0)
			break;
	}
	return rc;
}

static int compare_spans(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	return x->begin != y->begin ? (x->begin < y->begin ? -1 : 1) : (x->end > y->end) - (x->end < y->end);
}

/* In the order of the file, so that it is read from front to back; no two may share bytes. */
static int load_tensors(struct reader *r)
{
	struct pb_ckpt *ckpt = r->ckpt;
	qsort(r->spans, ckpt->n_tensors, sizeof *r->spans, compare_spans);
	for (size_t i = 0; i < ckpt->n_tensors; i++) {
		const struct span *s = &r->spans[i];
		struct pb_ckpt_tensor *t = &ckpt->tensors[s->tensor];
		if (i && s->begin < r->spans[i - 1].end)
			return fail(r, t->name, "it shares bytes with another tensor");
		size_t size = (size_t)(s->end - s->begin);
		void *data = pb_arena_alloc(&ckpt->arena, size);
		if (!data)
			return -PB_E_NOMEM;
		int rc = read_at(r, r->base + s->begin, data, size);
		if (rc < 0)
			return rc;
		t->data = data;
	}
	return 0;
}

int pb_safetensors_read(struct pb_ckpt *ckpt)
{
	struct reader r = {.ckpt = ckpt};
	ckpt->format = "safetensors";
	r.fd = open(ckpt->path, O_RDONLY | O_CLOEXEC);
	if (r.fd < 0)
		return pb_fail(PB_E_IO, "cannot open %s: %s", ckpt->path, strerror(errno));
	int rc = read_header(&r);
	if (!rc)
		rc = take_entries(&r);
	if (!rc)
		rc = load_tensors(&r);
	json_decref(r.header);
	close(r.fd);
	return rc;
}
