/* image_impl.h: what image.c and image_link.c share. Addresses are the file's own: its headers speak of them. */
#ifndef PB_HOST_IMAGE_IMPL_H
#define PB_HOST_IMAGE_IMPL_H

#include <elf.h>

#include "host/image.h"

enum {
	PB_IMAGE_PADDING = 16,  /* zeros behind the last segment */
	PB_IMAGE_BUILD_ID = 64, /* bytes of a build id at most; those in use have 8 to 20 */
};

struct pb_image {
	char *path;
	unsigned char *bytes; /* of the addresses from `first` on */
	uint64_t first, size; /* without the padding */
	Elf64_Phdr *segments;
	size_t n_segments;
	uint64_t symbols, names, names_size; /* the dynamic symbols, and their texts */
	uint64_t n_symbols;
	char build_id[2 * PB_IMAGE_BUILD_ID + 1];
};

int pb_image_refuse(const struct pb_image *image, const char *why); /* -PB_E_FORMAT */
/* NULL unless all of `size` bytes are in the segments, or between them. */
void *pb_image_at(const struct pb_image *image, uint64_t address, uint64_t size);
/* Finds the symbols and applies the relocations. */
int pb_image_link(struct pb_image *image);

#endif
