/* checksum.c: FNV-1a, a word at a time, each word's high bits brought down so that all of them count. */
#include "base/checksum.h"

#include <string.h>

static uint64_t mix(uint64_t checksum, uint64_t word)
{
	checksum = (checksum ^ word) * 0x100000001b3u;
	return checksum ^ checksum >> 32;
}

uint64_t pb_checksum_more(uint64_t checksum, const void *data, size_t size)
{
	const unsigned char *at = data;
	for (; size >= 8; size -= 8, at += 8) {
		uint64_t word;
		memcpy(&word, at, sizeof word);
		checksum = mix(checksum, word);
	}
	for (; size; size--)
		checksum = mix(checksum, *at++);
	return checksum;
}

uint64_t pb_checksum(const void *data, size_t size)
{
	return pb_checksum_more(PB_CHECKSUM_START, data, size);
}
