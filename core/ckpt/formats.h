/* formats.h: one reader per format. Each is given a ckpt with its arena and path, and fills the rest; what it took
 * from the arena before a failure goes with the arena. */
#ifndef PB_CKPT_FORMATS_H
#define PB_CKPT_FORMATS_H

#include "ckpt/archive.h"

int pb_pt_read_zip(struct pb_ckpt *ckpt, struct pb_archive *archive);
bool pb_pt_is_legacy(const unsigned char head[16]);
int pb_pt_read_legacy(struct pb_ckpt *ckpt);
int pb_safetensors_read(struct pb_ckpt *ckpt);
bool pb_npz_is(const struct pb_archive *archive); /* nothing but .npy in it */
int pb_npz_read(struct pb_ckpt *ckpt, struct pb_archive *archive);

#endif
