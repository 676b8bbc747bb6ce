/* fails.c: a setter that goes wrong in the middle of a sweep; MODE says how. */
#include <math.h>
#include <patchbay/setter.h>
#include <stdbool.h>

enum mode {
	WITH_REASON = 1, /* the third cell fails and says why */
	SILENTLY,        /* the third cell fails and says nothing */
	WITH_NAN,        /* the third cell writes NaN */
	ON_ACTIVATION,   /* the third cell writes where it may only read: around its region, ... */
	ON_SOURCE,       /* ... in the other run */
};

static int apply(void *self, const struct pb_host *host, const struct pb_setter_call *call)
{
	(void)self;
	bool third = call->index[0] == 0 && call->index[1] == 2;
	if (third && MODE == WITH_REASON)
		return host->fail(host, PB_E_RANGE, "the third cell is one too many");
	if (third && MODE == SILENTLY)
		return -PB_E_RANGE;
	if (third && MODE == ON_ACTIVATION)
		return host->fill(host, call->activation, 0.5);
	if (third && MODE == ON_SOURCE)
		return host->fill(host, call->source, 0.5);
	return host->fill(host, call->target, third ? (double)NAN : 0.5);
}

static const struct pb_setter_ops ops = {
	.struct_size = sizeof(struct pb_setter_ops),
	.flags = PB_SETTER_FREE_AXES | PB_SETTER_SERIAL,
	.effect = PB_EFFECT_REPLACE,
	.source = MODE == ON_SOURCE ? PB_SOURCE_RUN : PB_SOURCE_NONE,
	.apply = apply,
};

PB_EXPORT const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_SETTER,
	.name = NAME,
	.version = "1.0.0",
	.summary = "goes wrong in the third cell",
	.ops = &ops,
};

PB_PLUGIN_ABI;
