/* checksum.h: tells a torn or altered file from a whole one. */
#ifndef PB_BASE_CHECKSUM_H
#define PB_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* FNV-1a over 64-bit words, the rest byte by byte; not against those who mean harm. */
uint64_t pb_checksum(const void *data, size_t size);
/* The same over several pieces: begin with PB_CHECKSUM_START; every piece but the last is a multiple of 8 bytes. */
#define PB_CHECKSUM_START 0xcbf29ce484222325u
uint64_t pb_checksum_more(uint64_t checksum, const void *data, size_t size);

#endif
