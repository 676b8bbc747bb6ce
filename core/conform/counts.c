/* counts.c: services in front of the host's own. */
#include "conform/counts.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "conform/pieces.h"

static struct pb_counts counts;
static struct pb_host own; /* the host's services */

struct pb_counts *pb_counts(void)
{
	return &counts;
}

struct pb_counts *pb_counts_reset(void)
{
	memset(&counts, 0, sizeof counts);
	return &counts;
}

static void *allocate(const struct pb_host *host, size_t size)
{
	long number = ++counts.allocations;
	bool given = number != counts.failing && size <= PB_COUNTS_MOST;
	void *memory = given ? pb_piece_begin(own.alloc(host, pb_piece_room(size)), size) : NULL;
	counts.live += memory != NULL;
	return memory;
}

static void release(const struct pb_host *host, void *memory)
{
	void *piece = memory ? pb_piece_end(memory) : NULL;
	counts.live -= piece != NULL;
	own.free(host, piece);
}

static int read_file(const struct pb_host *host, const char *path, char **ret_text, size_t *ret_size)
{
	counts.files++;
	if (counts.no_files)
		return host->fail(host, PB_E_NOTFOUND, "cannot open %s: there is no such file", path);
	size_t size = counts.file_text ? strlen(counts.file_text) : 0;
	char *read = NULL;
	int rc = counts.file_text ? 0 : own.read_file(host, path, &read, &size);
	if (rc)
		return rc;
	char *text = pb_piece_begin(own.alloc(host, pb_piece_room(size + 1)), size + 1);
	if (text)
		memcpy(text, read ? read : counts.file_text, size);
	own.free(host, read);
	if (!text)
		return host->fail(host, PB_E_NOMEM, "no memory for %s", path);
	counts.live++;
	*ret_text = text;
	*ret_size = size;
	return 0;
}

static int noise(const struct pb_host *host, const struct pb_view *dst, double mean, double std, uint64_t seed,
		 uint64_t stream)
{
	counts.draws++;
	return own.noise(host, dst, mean, std, seed, stream);
}

static int add_noise(const struct pb_host *host, const struct pb_view *dst, double mean, double std, uint64_t seed,
		     uint64_t stream)
{
	counts.draws++;
	return own.add_noise(host, dst, mean, std, seed, stream);
}

static uint64_t random_bits(const struct pb_host *host, uint64_t seed, uint64_t stream, uint64_t counter)
{
	counts.draws++;
	return own.random(host, seed, stream, counter);
}

static void shuffle(const struct pb_host *host, uint64_t seed, uint64_t stream, int64_t *items, size_t count)
{
	counts.draws++;
	own.shuffle(host, seed, stream, items, count);
}

void pb_counts_install(struct pb_instance *instance)
{
	struct pb_host *host = &instance->host;
	own = *host;
	host->alloc = allocate;
	host->free = release;
	host->read_file = read_file;
	host->noise = noise;
	host->add_noise = add_noise;
	host->random = random_bits;
	host->shuffle = shuffle;
}
