/* pt_zip.c: the zip form of .pt: NAME/data.pkl, and a member NAME/data/KEY per storage. */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "ckpt/formats.h"
#include "ckpt/pt.h"

/* The folder that holds data.pkl, with its slash; every other member lies in the same one. */
static int find_folder(struct pb_archive *archive, char *folder, size_t size, int64_t *ret_index)
{
	int64_t found = -1;
	for (int64_t i = 0; i < archive->n_members; i++) {
		const char *name = pb_archive_name(archive, i), *slash = strchr(name, '/');
		if (!slash || (size_t)(slash - name) + 1 >= size)
			continue;
		if (!strcmp(slash, "/constants.pkl"))
			return pb_fail(PB_E_UNSUPPORTED,
				       "%s: a TorchScript archive, which holds code: save the weights with "
				       "torch.save(model.state_dict(), ...)",
				       archive->path);
		if (strcmp(slash, "/data.pkl"))
			continue;
		if (found >= 0)
			return pb_fail(PB_E_FORMAT, "%s: it has two data.pkl", archive->path);
		snprintf(folder, size, "%.*s", (int)(slash - name) + 1, name);
		found = i;
	}
	if (found < 0)
		return pb_fail(PB_E_FORMAT, "%s: a zip archive, but no checkpoint: it has no data.pkl and no .npy",
			       archive->path);
	*ret_index = found;
	return 0;
}

static int check_byte_order(struct pb_archive *archive, const char *folder, struct pb_arena *arena)
{
	char name[512];
	void *text;
	size_t size;
	snprintf(name, sizeof name, "%sbyteorder", folder);
	int64_t index = pb_archive_find(archive, name);
	if (index < 0)
		return 0; /* before PyTorch 2.1 */
	int rc = pb_archive_read(archive, index, arena, &text, &size);
	if (rc < 0)
		return rc;
	if (strcmp(text, "little"))
		return pb_fail(PB_E_UNSUPPORTED, "%s: written on a big-endian machine, which is not supported",
			       archive->path);
	return 0;
}

static int load(struct pb_pt *pt, struct pb_archive *archive, const char *folder, struct pb_pt_memory *memory)
{
	char name[1024], key[300];
	uint64_t size, need = (uint64_t)memory->count * pb_ckpt_dtype_size(memory->dtype);
	snprintf(name, sizeof name, "%sdata/%s", folder, memory->key);
	pb_pickle_printable(memory->key, strlen(memory->key), key, sizeof key);
	int64_t index = pb_archive_find(archive, name);
	if (index < 0)
		return pb_fail(PB_E_FORMAT, "%s: storage %s is missing", archive->path, key);
	int rc = pb_archive_size(archive, index, &size);
	if (rc < 0)
		return rc;
	if (size != need)
		return pb_fail(PB_E_FORMAT, "%s: storage %s has %llu bytes where %lld elements of %s need %llu",
			       archive->path, key, (unsigned long long)size, (long long)memory->count,
			       pb_ckpt_dtype_name(memory->dtype), (unsigned long long)need);
	void *data;
	size_t loaded;
	rc = pb_archive_read(archive, index, &pt->ckpt->arena, &data, &loaded);
	if (!rc)
		memory->data = data;
	return rc;
}

/* Only what the tensors use: an optimizer's state beside the model is not read. */
static int load_used(struct pb_pt *pt, struct pb_archive *archive, const char *folder)
{
	int rc = 0;
	for (size_t i = 0; i < pt->ckpt->n_tensors && !rc; i++) {
		struct pb_pt_memory *memory = pb_pt_find_memory(pt, pt->sources[i]->storage->key);
		if (!memory->data)
			rc = load(pt, archive, folder, memory);
	}
	return rc;
}

static int read_object(struct pb_pt *pt, struct pb_archive *archive, int64_t index)
{
	void *data;
	size_t size, used;
	const struct pb_pickle_value *root;
	struct pb_pickle_storage *mentions;
	uint64_t stated;
	int rc = pb_archive_size(archive, index, &stated);
	if (!rc && stated > PB_PICKLE_MAX_SIZE)
		rc = pb_fail(PB_E_FORMAT, "%s: its data.pkl is larger than %zu bytes", archive->path,
			     PB_PICKLE_MAX_SIZE);
	if (!rc)
		rc = pb_archive_read(archive, index, &pt->ckpt->arena, &data, &size);
	if (!rc)
		rc = pb_pickle_read(&pt->ckpt->arena, archive->path, data, size, &root, &mentions, &used);
	if (!rc)
		rc = pb_pt_set_memories(pt, mentions);
	return rc < 0 ? rc : pb_pt_collect(pt, root);
}

int pb_pt_read_zip(struct pb_ckpt *ckpt, struct pb_archive *archive)
{
	struct pb_pt pt = {.ckpt = ckpt};
	char folder[256];
	int64_t index = -1;
	ckpt->format = "pytorch zip";
	int rc = find_folder(archive, folder, sizeof folder, &index);
	if (!rc)
		rc = check_byte_order(archive, folder, &ckpt->arena);
	if (!rc)
		rc = read_object(&pt, archive, index);
	if (!rc)
		rc = load_used(&pt, archive, folder);
	return rc < 0 ? rc : pb_pt_fill(&pt);
}
