/* low_rank.c: patches only what lies along given directions: target += P (source - target), where P projects on the
 * directions in a text file. What is at right angles to all of them stays.
 *
 * Shows: an effect that is linear, with its adjoint, and a buffer made in `prepare`, since `apply` may not allocate;
 * by host->read and host->write it works on tensors wherever they are and whatever their element type.
 */
#include <math.h>
#include <patchbay/setter.h>
#include <stdlib.h>

struct params {
	const char *file;
};

static const struct pb_param params[] = {
	{.name = "file",
	 .type = PB_TYPE_STRING,
	 .offset = offsetof(struct params, file),
	 .doc = "text file with orthonormal directions, a number for each feature of the hook point"},
};

struct low_rank {
	const struct params *params;
	double *basis; /* [n]: one direction behind the other */
	int64_t n;
	double *buffer; /* [2, room]: a region of the target, and one of the source */
	int64_t room;
};

static void destroy(const struct pb_host *host, void *self)
{
	struct low_rank *s = self;
	if (s) {
		host->free(host, s->basis);
		host->free(host, s->buffer);
	}
	host->free(host, s);
}

/* What the file's directions are is for `prepare` to tell, which knows how long they must be. */
static int create(const struct pb_host *host, const void *parsed, void **ret_self)
{
	char *text, *end;
	size_t size;
	struct low_rank *s = host->alloc(host, sizeof *s);
	int rc = s ? 0 : host->fail(host, PB_E_NOMEM, "no memory for an instance");
	if (rc || (rc = host->read_file(host, ((const struct params *)parsed)->file, &text, &size)) < 0) {
		destroy(host, s);
		return rc;
	}
	s->params = parsed;
	s->basis = host->alloc(host, (size / 2 + 2) * sizeof *s->basis); /* a number has two bytes or more */
	for (char *at = text; s->basis && (s->basis[s->n] = strtod(at, &end), end != at); at = end)
		s->n++;
	host->free(host, text);
	*ret_self = s;
	return 0;
}

static double dot(const double *a, const double *b, int64_t n)
{
	double sum = 0;
	for (int64_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

static int64_t count(const struct pb_view *view)
{
	int64_t n = 1;
	for (int i = 0; i < view->rank; i++)
		n *= view->shape[i];
	return n;
}

/* For every hook point and direction that is patched: do the directions fit, and is the buffer large enough? */
static int prepare(void *self, const struct pb_host *host, const struct pb_setter_shape *shape)
{
	struct low_rank *s = self;
	const int64_t room = count(&shape->region), last = shape->region.rank - 1;
	const int64_t width = last < 0 ? 1 : shape->region.shape[last];
	if (last < 0 || shape->region.axis[last] != PB_AXIS_FEATURE || !s->n || s->n % width)
		return host->fail(host, PB_E_SHAPE,
				  "%s: %lld numbers can be read, which is no number of directions of "
				  "%lld for %s",
				  s->params->file, (long long)s->n, (long long)width, shape->hook);
	for (int64_t a = 0; a < s->n; a += width)
		for (int64_t b = 0; b <= a; b += width)
			if (fabs(dot(s->basis + a, s->basis + b, width) - (a == b)) > 1e-3)
				return host->fail(host, PB_E_NUMERIC,
						  "%s: directions %lld and %lld are not orthonormal; "
						  "numpy.linalg.qr makes such",
						  s->params->file, (long long)(b / width + 1),
						  (long long)(a / width + 1));
	if (room > s->room) {
		host->free(host, s->buffer);
		s->buffer = host->alloc(host, 2 * (size_t)room * sizeof *s->buffer);
		s->room = s->buffer ? room : 0;
	}
	return s->buffer ? 0 : host->fail(host, PB_E_NOMEM, "no memory for %lld values", (long long)room);
}

/* Each row of features gets along each direction what the source has there; nothing, where there is no source. */
static int project(struct low_rank *s, const struct pb_host *host, const struct pb_view *target,
		   const struct pb_view *source)
{
	const int64_t n = count(target), width = target->shape[target->rank - 1];
	double *from = s->buffer + s->room;
	int rc = host->read(host, target, s->buffer, (size_t)n);
	if (!rc && source)
		rc = host->read(host, source, from, (size_t)n);
	for (double *row = s->buffer; row < s->buffer + n; row += width, from += width)
		for (const double *b = s->basis; b < s->basis + s->n; b += width) {
			double part = (source ? dot(b, from, width) : 0) - dot(b, row, width);
			for (int64_t i = 0; i < width; i++)
				row[i] += part * b[i];
		}
	return rc < 0 ? rc : host->write(host, target, s->buffer, (size_t)n);
}

static int apply(void *self, const struct pb_host *host, const struct pb_setter_call *call)
{
	return project(self, host, call->target, call->source);
}

/* The new value is (1 - P) old + P source, and 1 - P is its own transpose: the gradient loses what lies along P. */
static int adjoint(void *self, const struct pb_host *host, const struct pb_setter_call *call)
{
	return project(self, host, call->target, NULL);
}

static const struct pb_setter_ops ops = {
	.struct_size = sizeof(struct pb_setter_ops),
	.flags = PB_SETTER_FREE_AXES | PB_SETTER_SERIAL, /* the buffers are for one call at a time */
	.effect = PB_EFFECT_LINEAR,
	.source = PB_SOURCE_RUN,
	.create = create,
	.prepare = prepare,
	.apply = apply,
	.adjoint = adjoint,
	.destroy = destroy,
};

const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_SETTER,
	.name = "low_rank",
	.version = "1.0.0",
	.author = "patchbay",
	.summary = "patches only what lies along directions from a file",
	.params = params,
	.n_params = PB_COUNT(params),
	.params_size = sizeof(struct params),
	.ops = &ops,
};

PB_PLUGIN_ABI;
