/* setter.c: a plugin to start from: multiplies the region by a number. Copy it, rename it, change `apply`. */
#include <patchbay/setter.h>

struct scale_params {
	double factor;
};

static const struct pb_param params[] = {
	{.name = "factor",
	 .type = PB_TYPE_REAL,
	 .offset = offsetof(struct scale_params, factor),
	 .default_text = "2",
	 .doc = "what the region is multiplied by"},
};

/* The parameters are all this setter needs to remember, and the host keeps them. */
static int create(const struct pb_host *host, const void *parsed, void **ret_self)
{
	(void)host;
	*ret_self = (void *)(uintptr_t)parsed;
	return 0;
}

static int apply(void *self, const struct pb_host *host, const struct pb_setter_call *call)
{
	const struct scale_params *p = self;
	return host->scale(host, call->target, p->factor);
}

static const struct pb_setter_ops ops = {
	.struct_size = sizeof(struct pb_setter_ops),
	.flags = PB_SETTER_FREE_AXES, /* or list the axes of one cell in .axes */
	.effect = PB_EFFECT_LINEAR,   /* the gradient is multiplied by the same number */
	.source = PB_SOURCE_NONE,     /* PB_SOURCE_RUN: call->source is the region in another run */
	.create = create,
	.apply = apply,
	.adjoint = apply,
};

PB_EXPORT const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_SETTER,
	.name = "scale",
	.version = "1.0.0",
	.author = "you",
	.summary = "multiplies the region by a number",
	.params = params,
	.n_params = PB_COUNT(params),
	.params_size = sizeof(struct scale_params),
	.ops = &ops,
};

PB_PLUGIN_ABI;
