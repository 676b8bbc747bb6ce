/* steering.c: adds a vector, read from a text file, to the region: a steering vector.
 *
 * Shows: a file named in the parameters (host->read_file), errors that tell what is wrong where, an effect that adds,
 * and loops of one's own over a tensor, by strides and for both element types (PB_RAW_MEMORY).
 */
#include <patchbay/setter.h>
#include <stdlib.h>
#include <string.h>

struct params {
	const char *file;
	double strength;
};

static const struct pb_param params[] = {
	{.name = "file",
	 .type = PB_TYPE_STRING,
	 .offset = offsetof(struct params, file), /* no default: required */
	 .doc = "text file with one number for each feature of the hook point, parted by white space"},
	{.name = "strength",
	 .type = PB_TYPE_REAL,
	 .offset = offsetof(struct params, strength),
	 .default_text = "1",
	 .doc = "the vector is multiplied by this"},
};

struct steering {
	const struct params *params; /* the host keeps them until after destroy */
	double *vector;              /* [n], times the strength */
	int64_t n;
};

static void destroy(const struct pb_host *host, void *self)
{
	struct steering *s = self;
	if (s)
		host->free(host, s->vector);
	host->free(host, s);
}

static int parse(struct steering *s, const struct pb_host *host, const char *text)
{
	char *end;
	for (const char *at = text; *(at += strspn(at, " \t\r\n")); at = end) {
		s->vector[s->n++] = strtod(at, &end) * s->params->strength;
		if (end == at || (*end && !strchr(" \t\r\n", *end)))
			return host->fail(host, PB_E_FORMAT, "%s: value %lld is no number: `%.20s`", s->params->file,
					  (long long)s->n, at);
	}
	return 0;
}

static int create(const struct pb_host *host, const void *parsed, void **ret_self)
{
	char *text = NULL;
	size_t size;
	struct steering *s = host->alloc(host, sizeof *s);
	if (!s)
		return host->fail(host, PB_E_NOMEM, "no memory for an instance");
	s->params = parsed;
	int rc = host->read_file(host, s->params->file, &text, &size); /* the host has recorded why it fails */
	if (!rc)
		s->vector =
			host->alloc(host, (size / 2 + 1) * sizeof *s->vector); /* a number has two bytes or more */
	if (!rc)
		rc = s->vector ? parse(s, host, text) : host->fail(host, PB_E_NOMEM, "no memory for %zu bytes", size);
	host->free(host, text);
	if (rc < 0)
		destroy(host, s); /* after a failure nobody else will */
	else
		*ret_self = s;
	return rc;
}

/* Before anything runs: does the vector fit? Features are the last axis of every point that has any. */
static int prepare(void *self, const struct pb_host *host, const struct pb_setter_shape *shape)
{
	const struct steering *s = self;
	int last = shape->region.rank - 1;
	if (last >= 0 && shape->region.axis[last] == PB_AXIS_FEATURE && shape->region.shape[last] == s->n)
		return 0;
	return host->fail(host, PB_E_SHAPE, "%s has %lld numbers, but %s has %lld along its last axis",
			  s->params->file, (long long)s->n, shape->hook,
			  last < 0 ? 1LL : (long long)shape->region.shape[last]);
}

/* All rows, whatever the axes in front of the features. `at` counts elements from the view's first, as strides do. */
static void add(const struct steering *s, const struct pb_view *view, int axis, int64_t at)
{
	for (int64_t i = 0; i < view->shape[axis]; i++, at += view->stride[axis])
		if (axis < view->rank - 1)
			add(s, view, axis + 1, at);
		else if (view->dtype == PB_F64)
			((double *)view->data)[at] += s->vector[i];
		else
			((float *)view->data)[at] += (float)s->vector[i];
}

static int apply(void *self, const struct pb_host *host, const struct pb_setter_call *call)
{
	(void)host;
	add(self, call->target, 0, 0);
	return 0;
}

static const struct pb_setter_ops ops = {
	.struct_size = sizeof(struct pb_setter_ops),
	.flags = PB_SETTER_FREE_AXES | PB_RAW_MEMORY,
	.effect = PB_EFFECT_ADD, /* so a gradient passes unchanged, and there is no adjoint */
	.source = PB_SOURCE_NONE,
	.create = create,
	.prepare = prepare,
	.apply = apply,
	.destroy = destroy,
};

const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_SETTER,
	.name = "steering",
	.version = "1.0.0",
	.author = "patchbay",
	.summary = "adds a vector from a file to the region",
	.params = params,
	.n_params = PB_COUNT(params),
	.params_size = sizeof(struct params),
	.ops = &ops,
};

PB_PLUGIN_ABI;
