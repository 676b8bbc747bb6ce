/* placeholder.c: a setter that moves a part of an activation towards another run's.
 *
 * patchbay cuts the part to be patched (the region: one head, one position, whatever the sweep's `over` names) out of
 * the activation and calls `apply` with it, for every cell. Change `apply` first; then whatever no longer holds
 * below.
 */
#include <patchbay/setter.h>
#include <string.h>

/* What the experiment file gives: `setter: {plugin: placeholder, share: 0.5}`. The table describes the struct;
 * patchbay reads, checks and explains the keys by it. */
struct params {
	double share;
};

static const struct pb_param params[] = {
	{.name = "share",
	 .type = PB_TYPE_REAL,
	 .offset = offsetof(struct params, share),
	 .min = 0,
	 .max = 1,
	 .default_text = "0.5", /* left out (NULL): the key is required */
	 .doc = "how far the region goes towards the other run: 0 stays, 1 replaces"},
};

/* An instance: one `setter:` of the experiment. What can be worked out once belongs here. */
struct instance {
	double keep, take;
};

static int create(const struct pb_host *host, const void *parsed, void **ret_self)
{
	const struct params *p = parsed;
	struct instance *self = host->alloc(host, sizeof *self);
	if (!self)
		return host->fail(host, PB_E_NOMEM, "no memory for an instance");
	self->keep = 1 - p->share;
	self->take = p->share;
	*ret_self = self;
	return 0;
}

/* Once for each hook point and direction: the place to refuse what does not fit, before anything is computed. */
static int prepare(void *self, const struct pb_host *host, const struct pb_setter_shape *shape)
{
	(void)self;
	size_t length = strlen(shape->hook);
	/* Masked scores are minus infinity, and 0 times infinity is no number. */
	if (length >= 11 && !strcmp(shape->hook + length - 11, "attn_scores"))
		return host->fail(host, PB_E_UNSUPPORTED,
				  "%s has infinite values, of which there are no shares; "
				  "use `pattern`",
				  shape->hook);
	return 0;
}

/* Once for each cell, from several threads: no allocations here, and nothing written to `self`. */
static int apply(void *self, const struct pb_host *host, const struct pb_setter_call *call)
{
	const struct instance *s = self;
	int rc = host->scale(host, call->target, s->keep);
	return rc < 0 ? rc : host->axpy(host, call->target, s->take, call->source);
}

/* The new value is keep * old + a constant: so much of the gradient reaches what is upstream. */
static int adjoint(void *self, const struct pb_host *host, const struct pb_setter_call *call)
{
	const struct instance *s = self;
	return host->scale(host, call->target, s->keep);
}

static void destroy(const struct pb_host *host, void *self)
{
	host->free(host, self);
}

static const struct pb_setter_ops ops = {
	.struct_size = sizeof(struct pb_setter_ops),
	.flags = PB_SETTER_FREE_AXES, /* any axes; or name those of one cell in .axes and .n_axes */
	.effect = PB_EFFECT_LINEAR,   /* what `gradient: torch` does at a patch: see enum pb_effect */
	.source = PB_SOURCE_RUN,      /* call->source is the region in the run of `forward:` or `backward:` */
	.create = create,
	.prepare = prepare,
	.apply = apply,
	.adjoint = adjoint,
	.destroy = destroy,
};

/* The declaration in plugin.h exports it; everything else stays hidden. */
const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_SETTER,
	.name = "placeholder",
	.version = "0.1.0",
	.author = "you",
	.summary = "moves the region towards another run's",
	.doc = "The region becomes (1 - share) of its own values and `share` of the other run's.\n\n"
	       "Takes whatever axes the sweep's `over` names and the hook point has.",
	.params = params,
	.n_params = PB_COUNT(params),
	.params_size = sizeof(struct params),
	.ops = &ops,
};

PB_PLUGIN_ABI;
