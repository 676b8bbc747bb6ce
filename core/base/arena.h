/* arena.h: memory that is freed all at once.
 *
 * Everything that lives as long as one owner (a parsed file, a plan, one tape) comes from that owner's arena.
 * Not thread-safe: one arena, one thread at a time.
 */
#ifndef PB_BASE_ARENA_H
#define PB_BASE_ARENA_H

#include <patchbay/host.h>
#include <stddef.h>

struct pb_arena_block;

/* Zero-initialise it, or pb_arena_init. */
struct pb_arena {
	struct pb_arena_block *first, *current;
};

void pb_arena_init(struct pb_arena *arena);
void pb_arena_finish(struct pb_arena *arena); /* frees all of it */
void pb_arena_reset(struct pb_arena *arena);  /* forgets all of it, keeps the memory for reuse */
size_t pb_arena_used(const struct pb_arena *arena); /* bytes handed out since the last reset, gaps included */
/* Forgets all of it and keeps one piece of this size at least. -PB_E_NOMEM, recorded. */
int pb_arena_reserve(struct pb_arena *arena, size_t size);

/* Zeroed, aligned to 64 bytes where size >= 64, else to 16. NULL when out of memory, with the error recorded. */
void *pb_arena_alloc(struct pb_arena *arena, size_t size);
void *pb_arena_array(struct pb_arena *arena, size_t count, size_t size); /* NULL too if the product overflows */
char *pb_arena_strdup(struct pb_arena *arena, const char *text);
char *pb_arena_strndup(struct pb_arena *arena, const char *text, size_t length);
char *pb_arena_printf(struct pb_arena *arena, const char *format, ...) PB_PRINTF(2, 3);

#endif
