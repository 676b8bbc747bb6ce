/* cpp.cpp: a setter in C++ that copies the source, with a vector or two; in apply where it is told to (ALLOCATES). */
#include <patchbay/setter.h>
#include <new>
#include <vector>

namespace {

struct copier {
	std::vector<double> buffer;
};

int create(const struct pb_host *host, const void *, void **ret_self)
{
	try {
		auto *made = new copier;
		for (int i = 0; i < 1000; i++)
			made->buffer.push_back(i);
		*ret_self = made;
		return 0;
	} catch (const std::bad_alloc &) {
		return host->fail(host, PB_E_NOMEM, "no memory for a buffer");
	}
}

void destroy(const struct pb_host *, void *self)
{
	delete static_cast<copier *>(self);
}

int apply(void *, const struct pb_host *host, const struct pb_setter_call *call)
{
	if (ALLOCATES) {
		std::vector<double> more(call->n_index + 1);
		more.push_back(1);
	}
	return host->copy(host, call->target, call->source);
}

const struct pb_setter_ops ops = {
	.struct_size = sizeof(struct pb_setter_ops),
	.flags = PB_SETTER_FREE_AXES,
	.effect = PB_EFFECT_REPLACE,
	.source = PB_SOURCE_RUN,
	.create = create,
	.apply = apply,
	.destroy = destroy,
};

} // namespace

const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_SETTER,
	.name = NAME,
	.version = "1.0.0",
	.summary = "copies the source over the region, in C++",
	.doc = "It is there for what C++ adds to a file.",
	.ops = &ops,
};

PB_PLUGIN_ABI;
