/* cache.c: reading hooks that copy. */
#include "hook/cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/text.h"

struct pb_cache_slot {
	struct pb_cache *cache;
	bool wanted;
	struct pb_view value; /* data NULL: did not arrive */
};

int pb_cache_init(struct pb_cache *cache, struct pb_device *device, const struct pb_sites *sites)
{
	size_t n = 2 * (size_t)sites->n;
	*cache = (struct pb_cache){.sites = sites, .slots = calloc(n, sizeof *cache->slots)};
	if (!cache->slots)
		return pb_fail_nomem(n * sizeof *cache->slots, "a cache");
	pb_pool_init(&cache->pool, device);
	for (size_t i = 0; i < n; i++)
		cache->slots[i].cache = cache;
	return 0;
}

void pb_cache_finish(struct pb_cache *cache)
{
	if (cache->slots)
		pb_pool_finish(&cache->pool);
	free(cache->slots);
	*cache = (struct pb_cache){0};
}

static struct pb_cache_slot *slot(const struct pb_cache *cache, int site_id, enum pb_direction direction)
{
	return &cache->slots[2 * site_id + (direction == PB_BACKWARD)];
}

int pb_cache_want_site(struct pb_cache *cache, int site_id, enum pb_direction direction)
{
	if (site_id < 0 || site_id >= cache->sites->n)
		return pb_fail(PB_E_NOTFOUND, "this model has no hook point number %d", site_id);
	slot(cache, site_id, direction)->wanted = true;
	return 0;
}

int pb_cache_want(struct pb_cache *cache, const char *glob, bool forward, bool backward)
{
	int matched = 0;
	for (int i = 0; i < cache->sites->n; i++) {
		const struct pb_site *site = &cache->sites->items[i];
		if (!pb_glob_match(glob, site->name) || (site->kind == PB_SITE_RESULT && !strcmp(glob, "*")))
			continue;
		matched++;
		if (forward)
			slot(cache, i, PB_FORWARD)->wanted = true;
		if (backward)
			slot(cache, i, PB_BACKWARD)->wanted = true;
	}
	return matched ? 0 : pb_fail(PB_E_NOTFOUND, "no hook point of this model matches `%s`", glob);
}

static int keep(void *user, const struct pb_hook_call *call)
{
	struct pb_cache_slot *s = user;
	struct pb_view copy;
	int rc = pb_tensor_clone(&s->cache->pool, &call->value, &copy);
	if (rc)
		return rc;
	copy.flags |= PB_VIEW_READONLY;
	s->value = copy;
	return 0;
}

int pb_cache_attach(struct pb_cache *cache, struct pb_bus *bus)
{
	int rc = 0;
	for (int i = 0; !rc && i < 2 * cache->sites->n; i++) {
		struct pb_hook hook = {.site_id = i / 2, .direction = i % 2 ? PB_BACKWARD : PB_FORWARD, .run = keep};
		hook.user = &cache->slots[i];
		if (cache->slots[i].wanted)
			rc = pb_bus_add(bus, &hook, NULL);
	}
	return rc;
}

const struct pb_view *pb_cache_get(const struct pb_cache *cache, int site_id, enum pb_direction direction)
{
	if (site_id < 0 || site_id >= cache->sites->n)
		return NULL;
	const struct pb_cache_slot *s = slot(cache, site_id, direction);
	return s->value.data ? &s->value : NULL;
}
