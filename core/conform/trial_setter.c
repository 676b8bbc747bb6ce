/* trial_setter.c: a setter's apply or adjoint under observation. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "conform/trial_impl.h"
#include "conform/window.h"
#include "tensor/tensor.h"

enum { WHOLE, SOURCE, N_FENCED };

/* All that a call points to, but for the tensors. */
struct told {
	struct pb_setter_call call;
	struct pb_view activation, target, source;
	int64_t index[2 * PB_MAX_RANK];
};

struct trial {
	struct pb_trial_call call;
	const struct pb_setter_call *given;
	bool adjoint;
	struct pb_fenced fenced[N_FENCED];
	struct told told;
	char *before, *first; /* the whole tensor: before the call, and behind the first one */
	bool *inside;         /* of its elements: do they belong to the region? */
};

static int make_whole(struct trial *t)
{
	const struct pb_view *activation = t->given->activation, *target = t->given->target;
	struct pb_fenced *whole = &t->fenced[WHOLE];
	int rc = pb_fenced_init(whole, "activation", PB_FENCE_READONLY, activation);
	if (rc)
		return rc;
	ptrdiff_t at = (const char *)target->data - (const char *)activation->data;
	size_t size = whole->fence.size, width = pb_dtype_size(target->dtype);
	whole->sides[PB_FENCE_WRITABLE].name = "target";
	whole->sides[PB_FENCE_WRITABLE].view = *target;
	whole->sides[PB_FENCE_WRITABLE].view.data = whole->fence.data[PB_FENCE_WRITABLE] + at;
	t->before = malloc(size + 1);
	t->first = malloc(size + 1);
	t->inside = calloc(size / width + 1, sizeof *t->inside);
	if (!t->before || !t->first || !t->inside)
		return pb_fail_nomem(size, "a trial's copies");
	memcpy(t->before, activation->data, size);
	for (int64_t i = 0, n = pb_view_count(target); i < n; i++)
		t->inside[at / (ptrdiff_t)width + pb_window_offset(target, i)] = true;
	return 0;
}

static int make(struct trial *t)
{
	int rc = pb_watch_init(&t->call.watch, t->call.instance);
	if (!rc)
		rc = make_whole(t);
	if (!rc && t->given->source)
		rc = pb_fenced_init(&t->fenced[SOURCE], "source", PB_FENCE_READONLY, t->given->source);
	return rc;
}

static void finish(struct trial *t)
{
	for (int i = 0; i < N_FENCED; i++)
		pb_fence_finish(&t->fenced[i].fence);
	pb_watch_finish(&t->call.watch);
	free(t->before);
	free(t->first);
	free(t->inside);
}

static int tell(struct trial *t)
{
	struct told *told = &t->told;
	if (t->given->n_index > PB_COUNT(told->index))
		return pb_fail(PB_E_INTERNAL, "a setter's call has %u axes", t->given->n_index);
	told->call = *t->given;
	told->activation = t->fenced[WHOLE].sides[PB_FENCE_READONLY].view;
	told->target = t->fenced[WHOLE].sides[PB_FENCE_WRITABLE].view;
	told->source = t->fenced[SOURCE].sides[PB_FENCE_READONLY].view;
	if (t->given->n_index)
		memcpy(told->index, t->given->index, t->given->n_index * sizeof *told->index);
	told->call.index = told->index;
	told->call.activation = &told->activation;
	told->call.target = &told->target;
	if (told->call.source)
		told->call.source = &told->source;
	return 0;
}

/* The call's structs are the plugin's to read. */
static int call_once(struct trial *t)
{
	struct told kept;
	memcpy(t->fenced[WHOLE].fence.data[PB_FENCE_WRITABLE], t->before, t->fenced[WHOLE].fence.size);
	int rc = tell(t);
	if (rc)
		return rc;
	memcpy(&kept, &t->told, sizeof kept);
	rc = t->adjoint ? pb_setter_adjoint(t->call.instance, &t->told.call)
			: pb_setter_apply(t->call.instance, &t->told.call);
	rc = pb_trial_result(&t->call, t->fenced, N_FENCED, rc);
	if (!rc && memcmp(&kept, &t->told, sizeof kept) != 0)
		rc = pb_trial_refuse(&t->call, "changed the `call` itself, or a view or an index in it");
	return rc;
}

static double value_at(const char *data, uint32_t dtype, int64_t i)
{
	return dtype == PB_F64 ? ((const double *)(const void *)data)[i]
			       : (double)((const float *)(const void *)data)[i];
}

static int check_outside(struct trial *t)
{
	const struct pb_view *whole = &t->fenced[WHOLE].sides[PB_FENCE_READONLY].view;
	const char *now = t->fenced[WHOLE].fence.data[PB_FENCE_WRITABLE];
	size_t width = pb_dtype_size(whole->dtype), n = t->fenced[WHOLE].fence.size / width;
	char index[128];
	for (size_t i = 0; i < n; i++) {
		if (t->inside[i] || !memcmp(now + i * width, t->before + i * width, width))
			continue;
		int64_t element = pb_window_find(whole, (int64_t)i);
		pb_window_index_text(whole, element < 0 ? 0 : element, index, sizeof index);
		return pb_trial_refuse(
			&t->call, "wrote outside the region, in `activation` element %s: it was %g and is %g now",
			index, value_at(t->before, whole->dtype, (int64_t)i),
			value_at(now, whole->dtype, (int64_t)i));
	}
	return 0;
}

static bool masks(const char *hook)
{
	static const char scores[] = "attn_scores";
	size_t length = strlen(hook);
	return length >= sizeof scores - 1 && !strcmp(hook + length - (sizeof scores - 1), scores);
}

static bool good_value(double value, const char *hook)
{
	return isfinite(value) || (value == -INFINITY && masks(hook));
}

/* Where what was there and what the source has are finite, so is what is written. */
static int check_finite(struct trial *t)
{
	struct pb_view *target = &t->told.target, old = *t->given->target;
	char index[128];
	for (int64_t i = 0, n = pb_view_count(target); i < n; i++) {
		double value = pb_window_value(target, i);
		if (good_value(value, t->given->hook) || !isfinite(pb_window_value(&old, i)) ||
		    (t->given->source && !isfinite(pb_window_value(t->given->source, i))))
			continue;
		pb_window_index_text(target, i, index, sizeof index);
		pb_trial_refuse(&t->call, "wrote %g to `target` element %s, where the inputs are finite", value,
				index);
		return -PB_E_NUMERIC;
	}
	return 0;
}

static int compare(struct trial *t)
{
	struct pb_view first = t->told.target;
	char index[128];
	first.data = t->first + ((char *)t->told.target.data - t->fenced[WHOLE].fence.data[PB_FENCE_WRITABLE]);
	for (int64_t i = 0, n = pb_view_count(&first); i < n; i++) {
		double a = pb_window_value(&first, i), b = pb_window_value(&t->told.target, i);
		if (a == b || (isnan(a) && isnan(b)))
			continue;
		pb_window_index_text(&first, i, index, sizeof index);
		return pb_trial_refuse(
			&t->call, "gave %.17g in `target` element %s, and %.17g when it was called again on the same",
			a, index, b);
	}
	return 0;
}

static int observe(struct trial *t)
{
	int rc = make(t);
	for (int round = 0; !rc && round < 2; round++) {
		rc = call_once(t);
		if (!rc)
			rc = pb_trial_check_fronts(&t->call, t->fenced, N_FENCED);
		if (!rc)
			rc = check_outside(t);
		if (!rc && round)
			rc = compare(t);
		if (!rc)
			rc = check_finite(t);
		if (!rc && !round)
			memcpy(t->first, t->fenced[WHOLE].fence.data[PB_FENCE_WRITABLE], t->fenced[WHOLE].fence.size);
	}
	return rc;
}

int pb_trial_setter(struct pb_instance *instance, const struct pb_setter_call *call, bool adjoint)
{
	struct trial t = {
		.call = {.instance = instance, .call = adjoint ? "adjoint" : "apply", .hook = call->hook},
		.given = call,
		.adjoint = adjoint,
	};
	int rc = observe(&t);
	finish(&t);
	return rc;
}
