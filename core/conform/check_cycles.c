/* check_cycles.c: a plugin that is made and destroyed again and again leaves nothing behind. */
#include <malloc.h>
#include <stdint.h>

#include "base/status.h"
#include "conform/check_impl.h"
#include "host/host_impl.h"

enum {
	WARM_UP = 16,
	CYCLES = 64,
	MOST_TIMES = 4, /* that the heap may grow in so many cycles */
};

/* Of the process; 0 where a checker of memory has its own allocator. */
static size_t heap_in_use(void)
{
	struct mallinfo2 info = mallinfo2();
	return info.uordblks + info.hblkhd;
}

static int cycle(struct pb_checkup *c)
{
	long lost;
	int rc = pb_check_cycle(c, &lost);
	return rc || !lost ? rc : pb_check_fail_lost(c, "behind destroy", lost);
}

/* NULL is what self is where create failed, or there is none. */
static int destroy_nothing(struct pb_checkup *c)
{
	struct pb_instance *instance;
	if (c->loaded->plugin->kind != PB_KIND_SETTER)
		return 0;
	int rc = pb_instance_configure(c->loaded, NULL, c->given.root, NULL, 0, NULL, &c->device, &instance);
	if (rc)
		return rc;
	rc = pb_instance_end(instance);
	pb_instance_forget(instance);
	return rc ? pb_fail_in(rc, "destroy of NULL") : 0;
}

static int run_cycles(struct pb_checkup *c, int n, size_t *ret_grown)
{
	const size_t before = heap_in_use();
	int rc = 0;
	for (int i = 0; !rc && i < n; i++)
		rc = cycle(c);
	const size_t after = heap_in_use();
	*ret_grown = after > before ? after - before : 0;
	return rc;
}

/* The heap's growth tells of memory that the plugin has from elsewhere than the host. What libraries keep, the allocator's
 * own lists among it, grows now and then and comes to an end: what is lost grows each time. */
int pb_check_cycles(struct pb_checkup *c)
{
	size_t grown, least = SIZE_MAX;
	int rc = destroy_nothing(c);
	if (!rc)
		rc = run_cycles(c, WARM_UP, &grown);
	for (int i = 0; !rc && i < MOST_TIMES && least >= CYCLES * 8; i++) {
		rc = run_cycles(c, CYCLES, &grown);
		least = grown < least ? grown : least;
	}
	if (!rc && least >= CYCLES * 8)
		rc = pb_fail(PB_E_PLUGIN,
			     "%s: every create and destroy leaves %zu bytes of memory behind that the plugin got by "
			     "malloc or the like",
			     c->loaded->plugin->name, least / CYCLES);
	return rc;
}
