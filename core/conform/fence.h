/* fence.h: memory for one tensor, between pages that may not be touched. May use base/, tensor/, hook/ and host/.
 *
 * The memory is there twice: on one side it can be written, on the other it is read-only, and what is written on the
 * one is read on the other. On both the data ends where a page that may not be touched begins; what is in front of
 * the data in its first page is filled with a pattern, and in front of that is such a page, too.
 */
#ifndef PB_CONFORM_FENCE_H
#define PB_CONFORM_FENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pb_fence_side { PB_FENCE_WRITABLE, PB_FENCE_READONLY, PB_FENCE_SIDES };

struct pb_fence {
	char *data[PB_FENCE_SIDES];  /* by side */
	size_t size;                 /* of the data, in bytes */
	char *begin;                 /* of all that is reserved */
	size_t length, guard, pages; /* bytes: of it, of each part not to be touched, of each side */
};

/* A zeroed fence is none: finish accepts it. */
int pb_fence_init(struct pb_fence *fence, size_t size);
void pb_fence_finish(struct pb_fence *fence);
/* How far in front of the data the nearest byte lies that was written, in bytes; 0: none was. */
size_t pb_fence_damage(const struct pb_fence *fence);
/* Does the address lie in what is reserved? Then *ret_offset is its distance from the data's first byte on the nearer
 * side: negative in front of it, `size` or more behind its end. */
bool pb_fence_find(const struct pb_fence *fence, const void *address, enum pb_fence_side *ret_side,
		   int64_t *ret_offset);

#endif
