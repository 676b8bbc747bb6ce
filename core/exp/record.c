/* record.c: a header with the size and the checksum of what follows. */
#include "exp/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/status.h"

enum { MAGIC = 0x6c6a6270 }; /* "pbjl" */

struct header {
	uint32_t magic, type;
	uint64_t size, checksum; /* of the type and of what follows */
};

static uint64_t checksum_of(uint32_t type, const void *data, size_t size)
{
	return pb_checksum_more(pb_checksum(&type, sizeof type), data, size);
}

int pb_record_append(int fd, const char *path, uint32_t type, const void *data, size_t size, const void *more,
		     size_t more_size)
{
	struct header h = {MAGIC, type, size + more_size, 0};
	char *record = malloc(sizeof h + size + more_size);
	if (!record)
		return pb_fail_nomem(sizeof h + size + more_size, "a record of the journal");
	if (size)
		memcpy(record + sizeof h, data, size);
	if (more_size)
		memcpy(record + sizeof h + size, more, more_size);
	h.checksum = checksum_of(type, record + sizeof h, size + more_size);
	memcpy(record, &h, sizeof h);
	int rc = 0;
	for (size_t done = 0, all = sizeof h + size + more_size; !rc && done < all;) {
		ssize_t n = write(fd, record + done, all - done);
		if (n < 0 && errno != EINTR)
			rc = pb_fail(PB_E_IO, "cannot write %s: %s", path, strerror(errno));
		done += n > 0 ? (size_t)n : 0;
	}
	free(record);
	return rc;
}

bool pb_record_next(const char *content, size_t size, size_t *at, struct pb_record *ret_record)
{
	struct header h;
	if (size - *at < sizeof h)
		return false;
	memcpy(&h, content + *at, sizeof h);
	const char *data = content + *at + sizeof h;
	if (h.magic != MAGIC || h.size > size - *at - sizeof h || checksum_of(h.type, data, h.size) != h.checksum)
		return false;
	*ret_record = (struct pb_record){h.type, data, h.size};
	*at += sizeof h + h.size;
	return true;
}

bool pb_record_follows(const char *content, size_t size, size_t at)
{
	const uint32_t magic = MAGIC;
	struct pb_record r;
	while (at < size) {
		const char *found = memmem(content + at, size - at, &magic, sizeof magic);
		if (!found)
			return false;
		at = (size_t)(found - content);
		if (pb_record_next(content, size, &at, &r))
			return true;
		at++;
	}
	return false;
}
