/* noise.c: replaces a region by Gaussian noise, or adds noise to it. */
#include <patchbay/setter.h>

enum { REPLACE, ADD };

struct noise_params {
	double mean, std;
	int64_t seed;
	int32_t mode;
};

static const char *const modes[] = {"replace", "add", NULL};

static const struct pb_param params[] = {
	{.name = "mean",
	 .type = PB_TYPE_REAL,
	 .offset = offsetof(struct noise_params, mean),
	 .default_text = "0",
	 .doc = "mean of the noise"},
	{.name = "std",
	 .type = PB_TYPE_REAL,
	 .offset = offsetof(struct noise_params, std),
	 .min = 0,
	 .max = 1e30,
	 .default_text = "1",
	 .doc = "standard deviation of the noise"},
	{.name = "seed",
	 .type = PB_TYPE_INT,
	 .offset = offsetof(struct noise_params, seed),
	 .default_text = "0",
	 .doc = "added to the experiment's seed, for other noise with the same data"},
	{.name = "mode",
	 .type = PB_TYPE_ENUM,
	 .offset = offsetof(struct noise_params, mode),
	 .default_text = "replace",
	 .choices = modes,
	 .doc = "put noise in the region's place, or add it to what is there"},
};

/* The parameters are all there is to an instance; the host owns them. */
static int create(const struct pb_host *host, const void *parsed, void **ret_self)
{
	(void)host;
	*ret_self = (void *)(uintptr_t)parsed;
	return 0;
}

static int apply_noise(void *self, const struct pb_host *host, const struct pb_setter_call *call)
{
	const struct noise_params *p = self;
	uint64_t seed = host->seed + (uint64_t)p->seed;
	if (p->mode == ADD)
		return host->add_noise(host, call->target, p->mean, p->std, seed, call->stream);
	return host->noise(host, call->target, p->mean, p->std, seed, call->stream);
}

/* The new value is A*old + constant with A = 1 where noise was added, else 0. */
static int adjoint(void *self, const struct pb_host *host, const struct pb_setter_call *call)
{
	const struct noise_params *p = self;
	return p->mode == ADD ? 0 : host->fill(host, call->target, 0.0);
}

static const struct pb_setter_ops ops = {
	.struct_size = sizeof(struct pb_setter_ops),
	.flags = PB_SETTER_FREE_AXES,
	.effect = PB_EFFECT_LINEAR,
	.source = PB_SOURCE_NONE,
	.create = create,
	.apply = apply_noise,
	.adjoint = adjoint,
};

PB_EXPORT const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_SETTER,
	.name = "noise",
	.version = "1.0.0",
	.author = "patchbay",
	.summary = "noise ablation: Gaussian noise in place of the region, or on top of it",
	.doc = "Draws a normal number for each element of the region. The noise is a pure function of the "
	       "experiment's seed, `seed`, the sweep, the cell and the direction: it depends neither on the "
	       "device nor on the order of the cells. Takes whatever axes the sweep's `over` names and the hook "
	       "point has.\n\n"
	       "With `gradient: torch`, no gradient passes through a region that was replaced; it passes "
	       "unchanged through one that noise was added to.",
	.params = params,
	.n_params = PB_COUNT(params),
	.params_size = sizeof(struct noise_params),
	.ops = &ops,
};

PB_PLUGIN_ABI;
