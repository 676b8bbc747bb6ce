/* rng.h: the one random generator of patchbay.
 *
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011), counter-based:
 * every value is a pure function of (seed, stream, counter), so results depend neither on the order of calls nor on
 * threads or device. The key is the seed (low word, high word); the counter block is (counter low, counter high, stream
 * low, stream high); a 64-bit draw is the first two words of the block, low word first.
 */
#ifndef PB_BASE_RNG_H
#define PB_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

void pb_philox(uint64_t seed, uint64_t stream, uint64_t counter, uint32_t ret_words[4]);
uint64_t pb_random(uint64_t seed, uint64_t stream, uint64_t counter);
double pb_random_uniform(uint64_t seed, uint64_t stream, uint64_t counter); /* [0, 1), 53 bits */
/* Standard normal by Box-Muller: cosine branch of the block's two 64-bit halves. */
double pb_random_normal(uint64_t seed, uint64_t stream, uint64_t counter);
/* Fisher-Yates from the last item down; position i swaps with position
 * (draw(i) >> 32) * (i + 1) >> 32. count < 2^32. */
void pb_random_shuffle(uint64_t seed, uint64_t stream, int64_t *items, size_t count);
/* A stream number from a name: 64-bit FNV-1a. Streams are named after what they decide ("init/embed.W_E"). */
uint64_t pb_random_stream(const char *name);

#endif
