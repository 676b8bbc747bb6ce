/* plugin.c: a plugin that is C and C++ at once, so that the headers' macros are compiled as both. */
#include <patchbay/dataset.h>
#include <patchbay/metric.h>
#include <patchbay/setter.h>

PB_PLUGIN_ABI;

struct params {
	double rate;
};

static const struct pb_param table[] = {
        {"rate", PB_TYPE_REAL, offsetof(struct params, rate), 0, 1, "0.5", NULL, NULL, 0, 0, NULL, "a rate"},
};

static int apply(void *self, const struct pb_host *host, const struct pb_setter_call *call)
{
	(void)self;
	return host->fail(host, PB_E_UNSUPPORTED, "%s", call->hook);
}

static const struct pb_setter_ops ops = {sizeof(struct pb_setter_ops),
                                         PB_RAW_MEMORY,
                                         PB_EFFECT_ADD,
                                         PB_SOURCE_NONE,
                                         NULL,
                                         0,
                                         0,
                                         NULL,
                                         NULL,
                                         apply,
                                         NULL,
                                         NULL};

const struct pb_plugin patchbay_plugin = {
        PB_ABI_INIT, sizeof(struct pb_plugin), PB_KIND_SETTER,        "headers", "1.0.0", "nobody", "compiles", NULL,
        table,       PB_COUNT(table),          sizeof(struct params), &ops,      NULL,    0,        0};
