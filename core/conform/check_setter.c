/* check_setter.c: what a setter does to a region. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "conform/cases.h"
#include "conform/trial.h"
#include "conform/window.h"

enum { MOST_REGION = 1 << 18 }; /* elements: of the largest region with d_model 4096 */

static const struct pb_setter_ops *ops_of(const struct pb_checkup *c)
{
	return c->loaded->plugin->ops;
}

static int nothing(struct pb_checkup *c, struct pb_case *one)
{
	(void)c, (void)one;
	return 0;
}

int pb_check_points(struct pb_checkup *c)
{
	struct pb_cases cases = {0};
	int rc = pb_cases_each(c, &cases, nothing);
	if (rc || cases.n)
		return rc;
	if (*cases.refusal)
		return pb_fail(
			PB_E_PLUGIN,
			"prepare refuses every hook point of a model with d_model %d and %d heads, the last so: %s\n"
			"(--d-model and --n-heads make others)",
			(int)(c->options->d_model ? c->options->d_model : 16),
			(int)(c->options->n_heads ? c->options->n_heads : 2), cases.refusal);
	return pb_fail(PB_E_PLUGIN, "no hook point has all of its axes");
}

static int try_apply(struct pb_checkup *c, struct pb_case *one)
{
	int rc = pb_trial_setter(one->instance, &one->call, false);
	if (!rc && ops_of(c)->adjoint && !one->masked)
		rc = pb_trial_setter(one->instance, &one->call, true);
	return rc;
}

/* Tests that have no case at all have shown nothing. */
static int each(struct pb_checkup *c, pb_case_function *f)
{
	struct pb_cases cases = {.few = true};
	int rc = pb_cases_each(c, &cases, f);
	return rc || cases.n ? rc : pb_check_skip("it fits no hook point forward with a batch");
}

int pb_check_apply(struct pb_checkup *c)
{
	struct pb_cases cases = {.again = true};
	int rc = pb_cases_each(c, &cases, try_apply);
	return rc || cases.n ? rc : pb_check_skip("it fits no hook point");
}

/* The region's elements behind a call whose region began as `with`, or as it was (NULL). */
static int region_after(struct pb_case *one, bool adjoint, const double *with, double *ret_values)
{
	int64_t n = pb_view_count(&one->target);
	struct pb_view kept = one->target;
	kept.data = one->kept + ((char *)one->target.data - one->whole);
	for (int64_t i = 0; with && i < n; i++)
		*(double *)pb_view_at(&kept, pb_window_offset(&kept, i)) = with[i];
	int rc = pb_case_call(one, adjoint);
	for (int64_t i = 0; !rc && i < n; i++)
		ret_values[i] = pb_window_value(&one->target, i);
	return rc;
}

static int try_transpose(struct pb_checkup *c, struct pb_case *one)
{
	(void)c;
	return one->masked ? 0 : pb_trial_transpose(one->instance, &one->call);
}

int pb_check_transpose(struct pb_checkup *c)
{
	if (ops_of(c)->effect != PB_EFFECT_LINEAR)
		return pb_check_skip("it has no adjoint");
	return each(c, try_transpose);
}

static int check_counts(const char *call)
{
	const struct pb_counts *counts = pb_counts();
	if (counts->allocations)
		return pb_fail(PB_E_PLUGIN, "%s calls host->alloc: make buffers in create or prepare", call);
	if (counts->imports)
		return pb_fail(PB_E_PLUGIN, "%s calls %s: make buffers in create or prepare", call, counts->import);
	return 0;
}

/* What create and prepare took is not to be counted. */
static int try_allocation(struct pb_checkup *c, struct pb_case *one)
{
	struct pb_counts *counts = pb_counts();
	long before = counts->allocations;
	counts->allocations = counts->imports = 0;
	int rc = pb_case_call(one, false);
	if (!rc)
		rc = check_counts("apply");
	if (!rc && ops_of(c)->adjoint) {
		rc = pb_case_call(one, true);
		if (!rc)
			rc = check_counts("adjoint");
	}
	counts->allocations += before;
	return rc;
}

int pb_check_apply_memory(struct pb_checkup *c)
{
	if (pb_counts_imports(c->loaded))
		pb_check_note(c, "only calls of host->alloc were counted: %s", pb_error_text());
	return each(c, try_allocation);
}

static int try_identity(struct pb_checkup *c, struct pb_case *one)
{
	memcpy(one->from, one->kept, one->size);
	int rc = pb_case_call(one, false);
	struct pb_view old = one->target;
	old.data = one->kept + ((char *)one->target.data - one->whole);
	for (int64_t i = 0, n = pb_view_count(&old); !rc && i < n; i++) {
		double a = pb_window_value(&old, i), b = pb_window_value(&one->target, i);
		char index[128];
		if (a == b || fabs(a - b) <= 1e-9 * (1 + fabs(a)))
			continue;
		pb_window_index_text(&old, i, index, sizeof index);
		rc = pb_fail(PB_E_PLUGIN,
			     "a patch of the region by itself (source equal to target) changes `target` element %s "
			     "from %.9g to %.9g",
			     index, a, b);
		if (ops_of(c)->effect == PB_EFFECT_REPLACE || ops_of(c)->effect == PB_EFFECT_REPLACE_WHOLE)
			return rc;
		pb_check_note(c, "%s: %s", one->what, pb_error_text());
		return 0;
	}
	return rc;
}

/* Of setters that add or mix it is only told. */
int pb_check_identity(struct pb_checkup *c)
{
	if (ops_of(c)->source != PB_SOURCE_RUN)
		return pb_check_skip("its source is no other run");
	int rc = each(c, try_identity);
	if (!rc && c->note.length) /* one case is enough */
		c->note.length = strcspn(c->note.data, "\n");
	if (c->note.data)
		c->note.data[c->note.length] = '\0';
	return rc;
}

/* Example i of `to` is example i + 1 of `from`. */
static void rotate(char *to, const char *from, size_t size)
{
	size_t row = size / PB_CASE_EXAMPLES;
	memcpy(to, from + row, size - row);
	memcpy(to + size - row, from, row);
}

static int try_examples(struct pb_checkup *c, struct pb_case *one)
{
	static double straight[MOST_REGION], turned[MOST_REGION];
	int64_t n = pb_view_count(&one->target), row = n / PB_CASE_EXAMPLES;
	double largest = 1;
	char index[128];
	(void)c;
	if (n > MOST_REGION)
		return 0;
	pb_counts()->draws = 0;
	int rc = region_after(one, false, NULL, straight);
	rotate(one->whole, one->kept, one->size);
	memcpy(one->kept, one->whole, one->size);
	if (one->from_size == one->size) {
		rotate(one->whole, one->from, one->size);
		memcpy(one->from, one->whole, one->size);
	}
	if (!rc)
		rc = region_after(one, false, NULL, turned);
	if (!rc && pb_counts()->draws)
		return pb_check_skip("it draws random numbers");
	for (int64_t i = 0; i < n; i++)
		largest = isfinite(straight[i]) ? fmax(largest, fabs(straight[i])) : largest;
	for (int64_t i = 0; !rc && i < n; i++) {
		double a = straight[(i + row) % n], b = turned[i];
		if (a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= 1e-9 * largest)
			continue;
		pb_window_index_text(&one->target, i, index, sizeof index);
		rc = pb_fail(PB_E_PLUGIN,
			     "with the examples in another order, `target` element %s becomes %.9g, but the same "
			     "example gave %.9g before: what an example becomes depends on its place in the batch",
			     index, b, a);
	}
	return rc;
}

int pb_check_examples(struct pb_checkup *c)
{
	return each(c, try_examples);
}
