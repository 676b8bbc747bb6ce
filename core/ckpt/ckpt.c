/* ckpt.c: tells formats apart, finds and converts tensors. */
#include "ckpt/ckpt.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/status.h"
#include "ckpt/formats.h"

static const struct {
	const char *name;
	size_t size;
} dtypes[] = {
#define DTYPE(name, bytes, st, np) {st, bytes},
	PB_CKPT_DTYPE_MAP(DTYPE)
#undef DTYPE
};

const char *pb_ckpt_dtype_name(enum pb_ckpt_dtype dtype)
{
	return dtypes[dtype].name;
}

size_t pb_ckpt_dtype_size(enum pb_ckpt_dtype dtype)
{
	return dtypes[dtype].size;
}

/* The first bytes of a regular file; a shorter one leaves the rest zero. */
static int read_head(const char *path, unsigned char head[16])
{
	/* Without waiting for a writer, should it be a pipe. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc = 0;
	struct stat st;
	if (fd < 0)
		return pb_fail(errno == ENOENT ? PB_E_NOTFOUND : PB_E_IO, "cannot open %s: %s", path, strerror(errno));
	memset(head, 0, 16);
	if (!fstat(fd, &st) && !S_ISREG(st.st_mode))
		rc = pb_fail(PB_E_FORMAT,
			     S_ISDIR(st.st_mode) ? "%s is a folder, not a file" : "%s is not a regular file", path);
	else if (pread(fd, head, 16, 0) < 0)
		rc = pb_fail(PB_E_IO, "cannot read %s: %s", path, strerror(errno));
	close(fd);
	return rc;
}

static int read_zip(struct pb_ckpt *ckpt)
{
	struct pb_archive archive;
	int rc = pb_archive_open(ckpt->path, &archive);
	if (rc < 0)
		return rc;
	rc = pb_npz_is(&archive) ? pb_npz_read(ckpt, &archive) : pb_pt_read_zip(ckpt, &archive);
	pb_archive_close(&archive);
	return rc;
}

static int read_format(struct pb_ckpt *ckpt)
{
	unsigned char head[16];
	int rc = read_head(ckpt->path, head);
	if (rc < 0)
		return rc;
	if (!memcmp(head, "PK\3\4", 4) || !memcmp(head, "PK\5\6", 4))
		return read_zip(ckpt);
	if (pb_pt_is_legacy(head))
		return pb_pt_read_legacy(ckpt);
	if (head[8] == '{')
		return pb_safetensors_read(ckpt);
	return pb_fail(PB_E_FORMAT, "%s: not a checkpoint: expected a file of torch.save, .safetensors or .npz",
		       ckpt->path);
}

int pb_ckpt_read(const char *path, struct pb_ckpt *ret_ckpt)
{
	struct pb_ckpt ckpt = {.prefix = ""};
	pb_arena_init(&ckpt.arena);
	ckpt.path = pb_arena_strdup(&ckpt.arena, path);
	const struct pb_file_stamp stamp = pb_file_stamp(path);
	int rc = ckpt.path ? read_format(&ckpt) : -PB_E_NOMEM;
	if (!rc)
		rc = pb_file_check_stamp(path, &stamp, "when reading began");
	if (rc < 0)
		pb_ckpt_finish(&ckpt);
	else
		*ret_ckpt = ckpt;
	return rc;
}

void pb_ckpt_finish(struct pb_ckpt *ckpt)
{
	pb_arena_finish(&ckpt->arena);
	*ckpt = (struct pb_ckpt){0};
}

const struct pb_ckpt_tensor *pb_ckpt_find(const struct pb_ckpt *ckpt, const char *name)
{
	for (size_t i = 0; i < ckpt->n_tensors; i++)
		if (!strcmp(ckpt->tensors[i].name, name))
			return &ckpt->tensors[i];
	return NULL;
}
