/* input.c: files in memory, with and without a zip around their contents. */
#include "fuzz/input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_MEMBERS = 8, LOCAL = 30, CENTRAL = 46, END = 22 };

static char path[64];

static void drop(void)
{
	unlink(path);
}

/* A plain file, since links such as those in /proc are refused in some places; in memory, where there is such a folder. */
const char *pb_fuzz_file(const struct pb_fuzz_piece *pieces, size_t n)
{
	static int fd = -1;
	if (fd < 0) {
		snprintf(path, sizeof path, "%s/patchbay-fuzz-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
		fd = mkstemp(path);
		atexit(drop);
	}
	if (fd < 0 || ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET))
		abort();
	for (size_t i = 0; i < n; i++)
		if (write(fd, pieces[i].data, pieces[i].size) != (ssize_t)pieces[i].size)
			abort();
	return path;
}

static uint32_t crc(const unsigned char *data, size_t size)
{
	static uint32_t table[256];
	for (uint32_t i = 0; !table[255] && i < 256; i++) {
		table[i] = i;
		for (int k = 0; k < 8; k++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320 : 0);
	}
	uint32_t sum = 0xffffffff;
	for (size_t i = 0; i < size; i++)
		sum = sum >> 8 ^ table[(sum ^ data[i]) & 0xff];
	return ~sum;
}

static void put(unsigned char *at, size_t width, uint64_t value)
{
	for (size_t i = 0; i < width; i++)
		at[i] = (unsigned char)(value >> 8 * i);
}

/* What both headers have of a stored member: checksum, two sizes, the name's length. */
static void put_sizes(unsigned char *at, const struct pb_fuzz_member *m)
{
	put(at, 4, crc(m->data, m->size));
	put(at + 4, 4, m->size);
	put(at + 8, 4, m->size);
	put(at + 12, 2, strlen(m->name));
}

const char *pb_fuzz_zip(const struct pb_fuzz_member *members, size_t n)
{
	unsigned char local[MOST_MEMBERS][LOCAL] = {0}, central[MOST_MEMBERS][CENTRAL] = {0}, end[END] = {0};
	struct pb_fuzz_piece pieces[5 * MOST_MEMBERS + 1], *piece = pieces;
	size_t at = 0, directory = 0;
	if (n > MOST_MEMBERS)
		abort();
	for (size_t i = 0; i < n; i++) {
		const struct pb_fuzz_member *m = &members[i];
		size_t length = strlen(m->name);
		put(local[i], 4, 0x04034b50);
		put(local[i] + 4, 2, 20);
		put_sizes(local[i] + 14, m);
		put(central[i], 4, 0x02014b50);
		put(central[i] + 4, 2, 20);
		put(central[i] + 6, 2, 20);
		put_sizes(central[i] + 16, m);
		put(central[i] + 42, 4, at);
		*piece++ = (struct pb_fuzz_piece){local[i], LOCAL};
		*piece++ = (struct pb_fuzz_piece){m->name, length};
		*piece++ = (struct pb_fuzz_piece){m->data, m->size};
		at += LOCAL + length + m->size;
		directory += CENTRAL + length;
	}
	for (size_t i = 0; i < n; i++) {
		*piece++ = (struct pb_fuzz_piece){central[i], CENTRAL};
		*piece++ = (struct pb_fuzz_piece){members[i].name, strlen(members[i].name)};
	}
	put(end, 4, 0x06054b50);
	put(end + 8, 2, n);
	put(end + 10, 2, n);
	put(end + 12, 4, directory);
	put(end + 16, 4, at);
	*piece++ = (struct pb_fuzz_piece){end, END};
	return pb_fuzz_file(pieces, (size_t)(piece - pieces));
}
