/* finite.c: a second look at a step that failed, with a hook at every point. */
#include "exp/finite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "exp/evaluate.h"
#include "hook/bus.h"

/* What was found first; empty: nothing yet. */
struct finding {
	struct pb_device *device;
	char text[256];
};

/* "[0, 3, 2]" */
static void print_index(const struct pb_view *view, int64_t element, char *room, size_t size)
{
	int64_t index[PB_MAX_RANK];
	for (int32_t i = view->rank; i-- > 0;) {
		index[i] = element % view->shape[i];
		element /= view->shape[i];
	}
	size_t n = 0;
	for (int32_t i = 0; i < view->rank && n < size; i++)
		n += (size_t)snprintf(room + n, size - n, "%s%lld", i ? ", " : "[", (long long)index[i]);
	if (n < size)
		snprintf(room + n, size - n, "%s", view->rank ? "]" : "");
}

static int look_at(struct finding *f, const char *what, const char *name, const struct pb_view *view)
{
	const int64_t count = pb_view_count(view);
	char index[128];
	if (*f->text || !count)
		return 0;
	double *values = malloc((size_t)count * sizeof *values);
	if (!values)
		return pb_fail_nomem((size_t)count * sizeof *values, "a look for numbers that are not finite");
	int rc = pb_view_read(f->device, view, values);
	int64_t i = 0;
	while (!rc && i < count && isfinite(values[i]))
		i++;
	if (!rc && i < count) {
		print_index(view, i, index, sizeof index);
		snprintf(f->text, sizeof f->text, "%s %s holds %s at %s", what, name,
			 isnan(values[i]) ? "NaN" : values[i] > 0 ? "Inf" : "-Inf", index);
	}
	free(values);
	return rc;
}

static int look_at_params(struct finding *f, const char *what, const struct pb_params *params, const bool *present)
{
	int rc = 0;
	for (int i = 0; !rc && i < params->table->n; i++)
		if (!present || present[i])
			rc = look_at(f, what, params->table->items[i].name, &params->views[i]);
	return rc;
}

int pb_finite_params(const struct pb_params *params, const char *what)
{
	struct finding f = {.device = params->device};
	int rc = look_at_params(&f, what, params, NULL);
	return rc ? rc : *f.text ? pb_fail(PB_E_NUMERIC, "%s", f.text) : 0;
}

static int look_at_site(void *user, const struct pb_hook_call *call)
{
	struct finding *f = user;
	const bool forward = call->direction == PB_FORWARD;
	return look_at(f, forward ? "the activation at" : "the gradient at", call->site->name, &call->value);
}

/* Not at points that change by which kernels the rest is computed: these may not overflow where others did. */
static int add_hooks(struct pb_bus *bus, struct finding *f)
{
	int rc = 0;
	for (int i = 0; !rc && i < bus->sites->n; i++) {
		struct pb_hook hook = {.site_id = i, .effect = PB_HOOK_READ, .user = f, .run = look_at_site};
		if (pb_site_is_optional(bus->sites->items[i].kind))
			continue;
		hook.direction = PB_FORWARD;
		rc = pb_bus_add(bus, &hook, NULL);
		hook.direction = PB_BACKWARD;
		if (!rc)
			rc = pb_bus_add(bus, &hook, NULL);
	}
	return rc;
}

static int pass(const struct pb_model *model, struct pb_tape *tape, struct pb_bus *bus, const struct pb_params *params,
		struct pb_scorer *loss, const struct pb_examples *batch, struct finding *f)
{
	struct pb_var *logits;
	struct pb_view seed;
	double value;
	const struct pb_forward forward = {
		.tape = tape, .bus = bus, .weights = &params->weights, .tokens = batch->tokens, .b = batch->n_examples,
		.p = batch->n_pos, .rows = pb_examples_rows(batch, 0, &tape->arena), .n_rows = batch->n_scored};
	int rc = forward.rows ? pb_model_forward(model, &forward, &logits) : -PB_E_NOMEM;
	if (!rc)
		rc = look_at(f, "among", "the logits one", &logits->value);
	if (!rc)
		rc = pb_tensor_new(&tape->pool, tape->dtype, 2, logits->value.shape, &seed);
	if (!rc)
		rc = pb_scorer_seed(loss, &logits->value, batch->scored, NULL, &seed);
	if (!rc)
		rc = pb_scorer_loss(loss, &value);
	if (!rc)
		rc = look_at(f, "the gradient of", "the logits", &seed);
	return rc ? rc : pb_tape_backward(tape, logits, &seed);
}

static int look_everywhere(const struct pb_model *model, struct pb_tape *tape, const struct pb_params *params,
			   struct pb_scorer *loss, const struct pb_examples *batch, struct finding *f)
{
	struct pb_params grads;
	struct pb_dense_sink sink;
	struct pb_bus bus;
	bool *present = calloc((size_t)model->table.n, sizeof *present);
	int rc = present ? pb_params_init(&grads, &model->table, tape->device, tape->dtype)
			 : pb_fail_nomem((size_t)model->table.n, "gradients");
	if (rc) {
		free(present);
		return rc;
	}
	pb_bus_init(&bus, &model->sites);
	rc = look_at_params(f, "parameter", params, NULL);
	if (!rc && !*f->text)
		rc = add_hooks(&bus, f);
	if (!rc && !*f->text) {
		pb_dense_sink_init(&sink, tape->device, &tape->arena, model->table.n, grads.views, present);
		pb_tape_reset(tape, &sink.base);
		rc = pass(model, tape, &bus, params, loss, batch, f);
		tape->sink = NULL;
	}
	if (!rc)
		rc = look_at_params(f, "the gradient of", &grads, present);
	pb_bus_finish(&bus);
	pb_params_finish(&grads);
	free(present);
	return rc;
}

void pb_finite_explain(const struct pb_model *model, struct pb_tape *tape, const struct pb_params *params,
		       struct pb_scorer *loss, const struct pb_examples *batch)
{
	struct finding f = {.device = tape->device};
	char why[1024];
	snprintf(why, sizeof why, "%s", pb_error_text());
	look_everywhere(model, tape, params, loss, batch, &f); /* the loss may well fail again */
	if (*f.text)
		pb_fail(PB_E_NUMERIC, "%s; first of all, %s", why, f.text);
	else
		pb_fail(PB_E_NUMERIC, "%s", why);
}
