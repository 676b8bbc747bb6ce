/* shard.h: a share of a run's cells, of several runs of the same experiment that are merged when all are done. */
#ifndef PB_EXP_SHARD_H
#define PB_EXP_SHARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pb_shard {
	size_t index, count; /* the first is 1; count 0: the whole run */
};

#define PB_SHARD_LINE "shard: %zu/%zu\n" /* in front of a shard's identity */

/* Is the cell at this place, of a sweep's cells for one unit after the other, among them? Neighbours go to different shards, since
 * cells of low layers take longer. */
static inline bool pb_shard_has(struct pb_shard shard, size_t place)
{
	return !shard.count || place % shard.count == shard.index - 1;
}

/* How many of the places below `end` are among them. */
static inline size_t pb_shard_below(struct pb_shard shard, size_t end)
{
	return !shard.count ? end : end / shard.count + (end % shard.count >= shard.index);
}

/* Makes `out` a run that has all cells of the shards in `dirs` [n], to be gone on with (pb_run_options.resume) for its tables. All
 * shards must be there once, finished, and of one run: else -PB_E_USAGE, saying which is not. seeds [n_seeds]: the run is one over
 * seeds, each in a folder of its own. */
int pb_shards_merge(const char *const *dirs, size_t n, const char *out, const int64_t *seeds, size_t n_seeds);

#endif
