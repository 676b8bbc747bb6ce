/* pt_legacy.c: .pt before PyTorch 1.6: pickles of a magic number, a protocol, the system, the object and the storages'
 * keys, and then each storage: int64 count, raw elements. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "ckpt/formats.h"
#include "ckpt/pt.h"

#define MAX_FILE ((size_t)64 << 30)

/* 0x1950a86a20f9469cfc6c as LONG1 writes it. */
static const unsigned char magic[] = {0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

struct reader {
	struct pb_pt pt;
	const unsigned char *data;
	size_t size, at;
};

/* Protocol 4 and later put a FRAME of nine bytes between PROTO and the number. */
bool pb_pt_is_legacy(const unsigned char head[16])
{
	return head[0] == 0x80 && (!memcmp(head + 2, magic, sizeof magic) || (head[2] == 0x95 && head[1] >= 4));
}

static int read_pickle(struct reader *r, const struct pb_pickle_value **ret_value,
		       struct pb_pickle_storage **ret_mentions)
{
	size_t used;
	int rc = pb_pickle_read(&r->pt.ckpt->arena, r->pt.ckpt->path, r->data + r->at, r->size - r->at, ret_value,
				ret_mentions, &used);
	if (!rc)
		r->at += used;
	return rc;
}

static int fail(const struct reader *r, const char *reason)
{
	return pb_fail(PB_E_FORMAT, "%s: %s", r->pt.ckpt->path, reason);
}

/* Magic number, protocol version, and the system it was written on. */
static int read_preamble(struct reader *r)
{
	const struct pb_pickle_value *number, *protocol, *system;
	struct pb_pickle_storage *none;
	int rc = read_pickle(r, &number, &none);
	if (rc < 0)
		return rc;
	if (number->type != PB_PICKLE_BIG || number->string.length != 10 || memcmp(number->string.data, magic + 2, 10))
		return fail(r, "a pickle, but not one of torch.save");
	rc = read_pickle(r, &protocol, &none);
	if (rc < 0)
		return rc;
	if (protocol->type != PB_PICKLE_INT || protocol->integer != 1001)
		return fail(r, "written by another torch.save than protocol 1001");
	rc = read_pickle(r, &system, &none);
	if (rc < 0)
		return rc;
	const struct pb_pickle_value *little = pb_pickle_get(system, "little_endian");
	if (!little || little->type != PB_PICKLE_BOOL)
		return fail(r, "does not say its byte order");
	if (!little->integer)
		return pb_fail(PB_E_UNSUPPORTED, "%s: written on a big-endian machine, which is not supported",
			       r->pt.ckpt->path);
	return 0;
}

static int read_object(struct reader *r)
{
	const struct pb_pickle_value *root;
	struct pb_pickle_storage *mentions;
	int rc = read_pickle(r, &root, &mentions);
	if (!rc)
		rc = pb_pt_set_memories(&r->pt, mentions);
	return rc < 0 ? rc : pb_pt_collect(&r->pt, root);
}

static int load_storage(struct reader *r, const struct pb_pickle_value *key)
{
	struct pb_pt_memory *memory = key->type == PB_PICKLE_STR ? pb_pt_find_memory(&r->pt, key->string.data) : NULL;
	if (!memory || memory->data)
		return fail(r, "its list of storages does not fit its tensors");
	size_t size = pb_ckpt_dtype_size(memory->dtype);
	if (r->size - r->at < 8)
		return fail(r, "it ends within its storages");
	int64_t count;
	memcpy(&count, r->data + r->at, sizeof count);
	r->at += 8;
	if (count != memory->count)
		return fail(r, "a storage has another size than its tensors say");
	if ((uint64_t)count > (r->size - r->at) / size)
		return fail(r, "it ends within its storages");
	void *copy = pb_arena_alloc(&r->pt.ckpt->arena, (size_t)count * size);
	if (!copy)
		return -PB_E_NOMEM;
	memcpy(copy, r->data + r->at, (size_t)count * size);
	memory->data = copy;
	r->at += (size_t)count * size;
	return 0;
}

static int load_storages(struct reader *r)
{
	const struct pb_pickle_value *keys;
	struct pb_pickle_storage *none;
	int rc = read_pickle(r, &keys, &none);
	if (rc < 0)
		return rc;
	if (keys->type != PB_PICKLE_LIST)
		return fail(r, "its list of storages is no list");
	for (size_t i = 0; i < keys->list.count && !rc; i++)
		rc = load_storage(r, keys->list.items[i]);
	for (size_t i = 0; i < r->pt.n_memories && !rc; i++)
		if (!r->pt.memories[i].data)
			rc = fail(r, "a storage is missing");
	return rc;
}

int pb_pt_read_legacy(struct pb_ckpt *ckpt)
{
	struct reader r = {.pt = {.ckpt = ckpt}};
	void *data;
	int rc = pb_file_read(ckpt->path, MAX_FILE, &data, &r.size);
	if (rc < 0)
		return rc;
	r.data = data;
	ckpt->format = "pytorch legacy";
	rc = read_preamble(&r);
	if (!rc)
		rc = read_object(&r);
	if (!rc)
		rc = load_storages(&r);
	if (!rc)
		rc = pb_pt_fill(&r.pt);
	free(data);
	return rc;
}
