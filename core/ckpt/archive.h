/* archive.h: zip archives that nobody trusts, for .pt and .npz. */
#ifndef PB_CKPT_ARCHIVE_H
#define PB_CKPT_ARCHIVE_H

#include <stdbool.h>
#include <zip.h>

#include "ckpt/ckpt.h"

struct pb_archive {
	zip_t *zip;
	const char *path; /* the caller's */
	int64_t n_members;
	uint64_t budget; /* bytes that may still be unpacked */
};

/* Refuses absolute names, "..", duplicate names, encryption, and members that would unpack to far more than the
 * file's own size. ret_archive needs pb_archive_close only on success. */
int pb_archive_open(const char *path, struct pb_archive *ret_archive);
void pb_archive_close(struct pb_archive *archive);
const char *pb_archive_name(const struct pb_archive *archive, int64_t index);
int64_t pb_archive_find(const struct pb_archive *archive, const char *name); /* -1: none */
/* The unpacked size as the archive states it. */
int pb_archive_size(struct pb_archive *archive, int64_t index, uint64_t *ret_size);
/* Unpacks a member into memory of the arena, with a NUL behind it; its checksum is verified. */
int pb_archive_read(struct pb_archive *archive, int64_t index, struct pb_arena *arena, void **ret_data,
		    size_t *ret_size);

#endif
