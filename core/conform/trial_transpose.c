/* trial_transpose.c: <A x, g> = <x, A^T g>, where A x is what apply makes of x less what it makes of 0. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/status.h"
#include "conform/trial.h"
#include "conform/window.h"
#include "tensor/tensor.h"

enum { X, G, N_RANDOM };

/* The call on a copy of its tensor. */
struct stage {
	struct pb_instance *instance;
	struct pb_setter_call call;
	struct pb_view activation, target;
	const struct pb_view *given; /* the caller's tensor */
	size_t size;                 /* bytes of it */
	double *ax, *zero, *back;    /* the region's elements behind the calls */
};

static double drawn(int which, int64_t i)
{
	return pb_random_normal(0, (uint64_t)which, (uint64_t)i);
}

static int make(struct stage *s, struct pb_instance *instance, const struct pb_setter_call *call)
{
	int64_t n = pb_view_count(call->target);
	s->instance = instance;
	s->call = *call;
	s->given = call->activation;
	s->size = (size_t)pb_window_extent(s->given) * pb_dtype_size(s->given->dtype);
	s->activation = *call->activation;
	s->target = *call->target;
	s->activation.data = malloc(s->size + 1);
	s->ax = calloc(3 * (size_t)n + 1, sizeof *s->ax);
	if (!s->activation.data || !s->ax)
		return pb_fail_nomem(s->size, "a trial's copies");
	s->zero = s->ax + n;
	s->back = s->zero + n;
	s->target.data = (char *)s->activation.data + ((char *)call->target->data - (char *)call->activation->data);
	s->call.activation = &s->activation;
	s->call.target = &s->target;
	return 0;
}

/* `with`: X, G, or N_RANDOM for zeros. */
static int call_with(struct stage *s, int with, bool adjoint, double *ret_values)
{
	int64_t n = pb_view_count(&s->target);
	memcpy(s->activation.data, s->given->data, s->size);
	for (int64_t i = 0; i < n; i++)
		pb_window_put(&s->target, i, with == N_RANDOM ? 0 : drawn(with, i));
	int rc = adjoint ? pb_setter_adjoint(s->instance, &s->call) : pb_setter_apply(s->instance, &s->call);
	for (int64_t i = 0; !rc && i < n; i++)
		ret_values[i] = pb_window_value(&s->target, i);
	return rc;
}

/* Both products are sums of terms of either sign: to be compared with what such a sum is by chance. */
static int compare(const struct stage *s)
{
	const struct pb_plugin *plugin = s->instance->loaded->plugin;
	double forth = 0, expected = 0, squares = 0, tolerance = s->target.dtype == PB_F64 ? 1e-6 : 1e-2;
	for (int64_t i = 0, n = pb_view_count(&s->target); i < n; i++) {
		double a = (s->ax[i] - s->zero[i]) * drawn(G, i), b = drawn(X, i) * s->back[i];
		forth += a;
		expected += b;
		squares += a * a + b * b;
	}
	/* What is not finite, as the source of masked scores is not, tells nothing. */
	if (!isfinite(forth - expected) || fabs(forth - expected) <= tolerance * sqrt(squares))
		return 0;
	return pb_fail(PB_E_PLUGIN,
		       "setter %s: at %s, adjoint is not the transpose of apply: with apply(x) - apply(0) = A x, the "
		       "product of A x and g is %.9g, but that of x and adjoint(g) is %.9g: a mistake of the "
		       "plugin, %s",
		       plugin->name, s->call.hook, forth, expected, s->instance->loaded->path);
}

int pb_trial_transpose(struct pb_instance *instance, const struct pb_setter_call *call)
{
	struct stage s = {0};
	int rc = make(&s, instance, call);
	if (!rc)
		rc = call_with(&s, X, false, s.ax);
	if (!rc)
		rc = call_with(&s, N_RANDOM, false, s.zero);
	if (!rc)
		rc = call_with(&s, G, true, s.back);
	if (!rc)
		rc = compare(&s);
	free(s.activation.data);
	free(s.ax);
	return rc;
}
