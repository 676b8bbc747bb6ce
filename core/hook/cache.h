/* cache.h: copies of activations and gradients of one pass.
 *
 * A cached value is a copy: no later patch can change it. Where patches and a cache meet at one point, the cache sees
 * what was there when its turn came in the order of registration.
 */
#ifndef PB_HOOK_CACHE_H
#define PB_HOOK_CACHE_H

#include "hook/bus.h"

struct pb_cache {
	const struct pb_sites *sites;
	struct pb_pool pool;
	struct pb_cache_slot *slots; /* [2 * sites->n]: forward, then backward; owned */
};

int pb_cache_init(struct pb_cache *cache, struct pb_device *device, const struct pb_sites *sites);
void pb_cache_finish(struct pb_cache *cache);
/* Asks for the points whose full name matches the glob; "*" is all of them but attn.hook_result, which changes what is
 * computed and must be named. -PB_E_NOTFOUND if nothing matches. */
int pb_cache_want(struct pb_cache *cache, const char *glob, bool forward, bool backward);
int pb_cache_want_site(struct pb_cache *cache, int site_id, enum pb_direction direction);
/* Adds the reading hooks to the bus's present scope. */
int pb_cache_attach(struct pb_cache *cache, struct pb_bus *bus);
/* NULL: no such point, not asked for, or it never arrived (no gradient passed there). Axes tagged, read-only. */
const struct pb_view *pb_cache_get(const struct pb_cache *cache, int site_id, enum pb_direction direction);

#endif
