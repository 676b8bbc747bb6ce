/* wide.c: a setter of few bytes with 8^5 parameters: each of eight records has eight records, and so on, five times. */
#include <patchbay/setter.h>

#define RECORD(n, of)                                                                                                  \
	{                                                                                                              \
		.name = "r" #n, .type = PB_TYPE_RECORD, .default_text = "{}", .fields = of,                          \
		.n_fields = 8, .fields_size = 8, .doc = "eight more"                                                   \
	}
#define EIGHT(of)                                                                                                      \
	{                                                                                                              \
		RECORD(0, of), RECORD(1, of), RECORD(2, of), RECORD(3, of), RECORD(4, of), RECORD(5, of),              \
			RECORD(6, of), RECORD(7, of)                                                                   \
	}

static const struct pb_param flags[8] = {{.name = "flag", .type = PB_TYPE_BOOL, .default_text = "no", .doc = "one"}};
static const struct pb_param fourth[8] = EIGHT(flags);
static const struct pb_param third[8] = EIGHT(fourth);
static const struct pb_param second[8] = EIGHT(third);
static const struct pb_param first[8] = EIGHT(second);

static int apply(void *self, const struct pb_host *host, const struct pb_setter_call *call)
{
	(void)self;
	return host->fill(host, call->target, 0.0);
}

static const struct pb_setter_ops ops = {
	.struct_size = sizeof ops,
	.flags = PB_SETTER_FREE_AXES,
	.effect = PB_EFFECT_REPLACE,
	.apply = apply,
};

PB_EXPORT const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_SETTER,
	.name = "wide",
	.version = "1.0.0",
	.summary = "has more parameters than anybody reads",
	.params = first,
	.n_params = 8,
	.params_size = 8,
	.ops = &ops,
};

PB_PLUGIN_ABI;
