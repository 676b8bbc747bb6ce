/* replay.c: makes a capsule's call again. */
#include "conform/replay.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "conform/trial.h"

/* The tensors of a setter's call, as they were. */
struct stage {
	struct pb_pool pool;
	struct pb_view activation, target, source, before;
	bool has_source;
};

static int load(struct pb_pool *pool, const struct pb_ckpt_tensor *t, enum pb_dtype dtype, struct pb_view *ret_view)
{
	int rc = pb_tensor_new(pool, dtype, t->rank, t->shape, ret_view);
	return rc ? rc : pb_view_write(pool->device, ret_view, t->data);
}

static int set_stage(const struct pb_capsule *c, struct stage *s)
{
	const struct pb_ckpt_tensor *source = pb_ckpt_find(&c->file, "source");
	int rc = load(&s->pool, pb_ckpt_find(&c->file, "activation"), c->dtype, &s->activation);
	memcpy(s->activation.axis, c->tagged, sizeof c->tagged);
	if (!rc)
		rc = pb_view_region(&s->activation, c->axes, c->index, c->n_index, &s->target);
	if (!rc)
		rc = pb_tensor_clone(&s->pool, &s->target, &s->before);
	s->has_source = !rc && source && source->dtype == PB_CKPT_F64 && source->rank == s->activation.rank;
	if (s->has_source)
		rc = load(&s->pool, source, c->dtype, &s->source);
	if (s->has_source)
		memcpy(s->source.axis, c->tagged, sizeof c->tagged);
	s->source.flags = s->activation.flags = PB_VIEW_READONLY;
	return rc;
}

static void add_shape(struct pb_text *out, const struct pb_view *view)
{
	pb_text_add(out, "[");
	for (int i = 0; i < view->rank; i++)
		pb_text_add(out, "%s%lld", i ? ", " : "", (long long)view->shape[i]);
	pb_text_add(out, "]");
}

/* The first element that is not finite, though it was. */
static int check_finite(const struct pb_view *region, const double *before, const double *values)
{
	int64_t count = pb_view_count(region), i = 0;
	char place[128];
	while (i < count && (isfinite(values[i]) || !isfinite(before[i])))
		i++;
	if (i == count)
		return 0;
	pb_view_place_text(region, i, place, sizeof place);
	return pb_fail(PB_E_NUMERIC, "it wrote %g at element %s of its region", values[i], place);
}

static int report_setter(struct stage *s, struct pb_text *out)
{
	size_t count = (size_t)pb_view_count(&s->target);
	double change = 0, *values = malloc(2 * count * sizeof *values + 1), *before = values + count;
	int rc = values ? pb_view_max_difference(s->pool.device, &s->target, &s->before, &change)
			: pb_fail_nomem(count, "a region");
	if (!rc)
		rc = pb_view_read(s->pool.device, &s->target, values);
	if (!rc)
		rc = pb_view_read(s->pool.device, &s->before, before);
	if (!rc)
		rc = check_finite(&s->target, before, values);
	if (!rc)
		pb_text_add(out, "now: it returned; the largest change it made is %g\n", change);
	free(values);
	return rc;
}

static int replay_setter(const struct pb_capsule *c, struct pb_instance *instance, struct pb_device *device,
			 struct pb_text *out)
{
	struct stage s = {0};
	pb_pool_init(&s.pool, device);
	int rc = set_stage(c, &s);
	struct pb_setter_shape shape = {.struct_size = sizeof shape, .direction = c->direction, .hook = c->hook,
					.region = s.target};
	const struct pb_setter_call call = {
		.struct_size = sizeof call, .direction = c->direction, .hook = c->hook, .layer = c->layer,
		.n_index = c->n_index, .index = c->index, .activation = &s.activation, .target = &s.target,
		.source = s.has_source ? &s.source : NULL, .stream = c->stream};
	shape.region.data = NULL;
	if (!rc) {
		pb_text_add(out, "%s at %s (%s): target ", c->call, c->hook,
			    c->direction == PB_FORWARD ? "forward" : "backward");
		add_shape(out, &s.target);
		pb_text_add(out, ", %s\n", pb_dtype_name(c->dtype));
		rc = pb_setter_prepare(instance, &shape);
	}
	if (!rc && !strcmp(c->call, "adjoint") && !pb_setter_ops(instance)->adjoint)
		rc = pb_fail(PB_E_UNSUPPORTED, "the plugin has no adjoint any more");
	if (!rc)
		rc = pb_trial_setter(instance, &call, !strcmp(c->call, "adjoint"));
	if (!rc && !strcmp(c->call, "adjoint"))
		rc = pb_trial_transpose(instance, &call);
	if (!rc)
		rc = strcmp(c->call, "adjoint") ? pb_setter_apply(instance, &call) : pb_setter_adjoint(instance, &call);
	if (!rc)
		rc = report_setter(&s, out);
	pb_pool_finish(&s.pool);
	return rc;
}

static const void *array(const struct pb_capsule *c, const char *name)
{
	const struct pb_ckpt_tensor *t = pb_ckpt_find(&c->file, name);
	return t ? t->data : NULL;
}

static int replay_metric(const struct pb_capsule *c, struct pb_instance *instance, struct pb_text *out)
{
	const struct pb_ckpt_tensor *logits = pb_ckpt_find(&c->file, "logits");
	const bool adjoint = !strcmp(c->call, "adjoint");
	const int64_t rows = logits->shape[0], n = adjoint ? logits->count : rows;
	struct pb_metric_batch batch = {.struct_size = sizeof batch, .n_rows = rows, .d_vocab = logits->shape[1],
					.logits = logits->data, .answer = array(c, "answer"),
					.distractor = array(c, "distractor"), .reference = array(c, "reference")};
	double *values = calloc((size_t)n + 1, sizeof *values);
	int rc = values ? 0 : pb_fail_nomem((size_t)n, "scores");
	pb_text_add(out, "%s of %lld rows, %lld logits each\n", c->call, (long long)rows, (long long)batch.d_vocab);
	if (!rc && adjoint && !pb_metric_ops(instance)->adjoint)
		rc = pb_fail(PB_E_UNSUPPORTED, "the plugin has no adjoint any more");
	if (!rc)
		rc = pb_trial_metric(instance, &batch, adjoint);
	if (rc == PB_TRIAL_CONTRADICTED) {
		pb_text_add(out, "note: %s\n", pb_error_text());
		rc = 0;
	}
	for (int64_t i = 0; !rc && i < n; i++)
		values[i] = NAN;
	if (!rc)
		rc = adjoint ? pb_metric_adjoint(instance, &batch, array(c, "weight"), values)
			     : pb_metric_score(instance, &batch, values);
	int64_t bad = 0;
	while (!rc && bad < n && isfinite(values[bad]))
		bad++;
	if (!rc && bad < n)
		rc = pb_fail(PB_E_NUMERIC, "it gave %g for row %lld", values[bad],
			     (long long)(adjoint ? bad / batch.d_vocab : bad));
	if (!rc)
		pb_text_add(out, "now: it returned; the first value is %g\n", n ? values[0] : NAN);
	free(values);
	return rc;
}

int pb_capsule_replay(const struct pb_capsule *capsule, struct pb_instance *instance, struct pb_device *device,
		      struct pb_text *out)
{
	int rc = capsule->kind == PB_KIND_SETTER ? replay_setter(capsule, instance, device, out)
						 : replay_metric(capsule, instance, out);
	if (rc)
		pb_text_add(out, "now: %s\n", pb_error_text());
	return rc;
}
