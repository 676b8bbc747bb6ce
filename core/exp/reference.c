/* reference.c: patched passes, updates and measurements, one at a time. */
#include "exp/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "exp/evaluate.h"
#include "exp/wants.h"

/* Forward and (with `backward`) backward over a run's examples under the hooks now on the bus; gradients go to grads. */
static int pass(struct pb_reference *e, const struct pb_examples *x, bool backward, struct pb_var **ret_logits,
		double *ret_loss)
{
	struct pb_dense_sink sink;
	struct pb_view seed;
	if (backward)
		pb_dense_sink_init(&sink, e->plan->device, &e->tape.arena, e->plan->model.table.n, e->grads.views, e->present);
	pb_tape_reset(&e->tape, backward ? &sink.base : NULL);
	int32_t *rows = pb_examples_rows(x, 0, &e->tape.arena);
	if (!rows)
		return -PB_E_NOMEM;
	struct pb_forward forward = {.tape = &e->tape, .bus = &e->bus, .weights = &e->weights->weights,
				     .tokens = x->tokens, .b = x->n_examples, .p = x->n_pos, .rows = rows,
				     .n_rows = x->n_scored};
	int rc = pb_model_forward(&e->plan->model, &forward, ret_logits);
	if (rc || !backward)
		return rc;
	struct pb_var *logits = *ret_logits;
	rc = pb_tensor_new(&e->tape.pool, e->tape.dtype, 2, logits->value.shape, &seed);
	if (!rc)
		rc = pb_scorer_seed(e->plan->loss, &logits->value, x->scored, NULL, &seed);
	if (!rc)
		rc = pb_tape_backward(&e->tape, logits, &seed);
	if (!rc)
		rc = pb_scorer_loss(e->plan->loss, ret_loss);
	/* The sink lives on this stack. */
	e->tape.sink = NULL;
	return rc;
}

/* What an update did. */
struct outcome {
	double grad_norm, metric, estimate;
};

/* One optimizer step from fresh state on a copy of the weights, by the gradients; then the metric on the questions, its
 * estimate, or both. parts [n params] may be NULL. */
static int update_and_measure(struct pb_reference *e, enum pb_estimate_mode mode, struct outcome *out, double *parts)
{
	size_t n = (size_t)e->plan->model.table.n;
	double *all = parts || mode == PB_ESTIMATE_NO ? parts : malloc(n * sizeof *all);
	*out = (struct outcome){NAN, NAN, NAN};
	if (!all && mode != PB_ESTIMATE_NO)
		return pb_fail_nomem(n * sizeof *all, "estimates");
	pb_params_copy(&e->work, e->weights);
	pb_optim_reset(&e->optim);
	int rc = pb_optim_step(&e->optim, e->work.data, e->grads.data, e->present, &out->grad_norm);
	if (!rc && mode != PB_ESTIMATE_NO) {
		rc = pb_estimate_change(&e->estimate, &e->work, all);
		out->estimate = e->metric_before;
		for (size_t i = 0; !rc && i < n; i++)
			out->estimate += all[i];
	}
	if (!parts)
		free(all);
	return rc || mode == PB_ESTIMATE_ONLY
		       ? rc
		       : pb_evaluate(&e->plan->model, &e->tape, &e->work.weights, e->plan->metric, &e->probe->questions,
				     e->reference, NULL, &out->metric);
}

static int keep_grads(struct pb_reference *e, struct pb_reference_run *run)
{
	int n = e->plan->model.table.n;
	int rc = pb_params_init(&run->grads, &e->plan->model.table, e->plan->device, e->plan->config->dtype);
	if (rc)
		return rc;
	run->present = malloc((size_t)n * sizeof *run->present);
	if (!run->present)
		return pb_fail_nomem((size_t)n, "gradients");
	pb_params_copy(&run->grads, &e->grads);
	memcpy(run->present, e->present, (size_t)n * sizeof *run->present);
	return 0;
}

static double *make_reference(struct pb_reference *e, const struct pb_examples *x)
{
	size_t count = (size_t)x->n_scored * (size_t)e->plan->model.config.d_vocab;
	double *logits = malloc((count ? count : 1) * sizeof *logits);
	if (!logits)
		pb_fail_nomem(count * sizeof *logits, "reference logits");
	else if (pb_evaluate_logits(&e->plan->model, &e->tape, &e->weights->weights, x, logits) < 0) {
		free(logits);
		logits = NULL;
	}
	return logits;
}

/* Keeps the logits of this very pass: a patch with the run's own values must give its numbers to the last bit. */
static int keep_logits(struct pb_reference *e, struct pb_reference_run *run, const struct pb_view *logits)
{
	size_t count = (size_t)pb_view_count(logits);
	int rc = 0;
	if (pb_wants_reference(e->plan)) {
		run->reference = malloc((count ? count : 1) * sizeof *run->reference);
		rc = run->reference ? pb_view_read(e->plan->device, logits, run->reference)
				    : pb_fail_nomem(count * sizeof *run->reference, "reference logits");
	}
	if (rc || !count)
		return rc;
	rc = pb_tensor_new(&e->pool, logits->dtype, logits->rank, logits->shape, &run->logits);
	return rc ? rc : pb_view_copy(e->plan->device, &run->logits, logits);
}

/* Each run's metric without a patch, by its own answers and, where they are for the same rows, by the other's: a sweep
 * measures both ends of its score as it measures its cells, by the answers of its base. */
static int measure_ends(struct pb_reference *e)
{
	int rc = 0;
	for (int i = 0; !rc && i < 4; i++) {
		struct pb_reference_run *run = &e->runs[i / 2], *by = &e->runs[i % 2];
		double *metric = run == by ? &run->metric_logits : &run->metric_as_base;
		if (run->logits.data && pb_examples_same_rows(run->examples, by->examples) &&
		    !pb_scorer_check(e->plan->metric, by->examples, ""))
			rc = pb_scorer_score(e->plan->metric, &run->logits, by->examples->scored, by->reference, NULL,
					     metric);
	}
	return rc;
}

static int make_run(struct pb_reference *e, struct pb_reference_run *run, const struct pb_examples *x, int32_t from)
{
	struct pb_var *logits;
	size_t mark = pb_bus_begin(&e->bus);
	run->examples = x;
	run->loss = run->grad_norm = run->metric_updated = run->metric_logits = run->metric_as_base = run->estimate =
		NAN;
	int rc = pb_cache_init(&run->cache, e->plan->device, &e->plan->model.sites);
	if (!rc)
		rc = pb_wants_sources(e->plan, from, &run->cache);
	if (!rc)
		rc = pb_cache_attach(&run->cache, &e->bus);
	if (!rc)
		rc = pass(e, x, e->updates, &logits, &run->loss);
	pb_bus_end(&e->bus, mark);
	if (!rc)
		rc = keep_logits(e, run, &logits->value);
	if (!rc && pb_wants_kind(e->plan, PB_SWEEP_PARAMS))
		rc = keep_grads(e, run);
	if (rc || !e->updates || !pb_wants_questions(e->plan, e->probe))
		return rc;
	if (e->estimates && !(run->parts = calloc((size_t)e->plan->model.table.n, sizeof *run->parts)))
		return pb_fail_nomem((size_t)e->plan->model.table.n * sizeof *run->parts, "estimates");
	struct outcome outcome;
	rc = update_and_measure(e, e->estimates ? PB_ESTIMATE_YES : PB_ESTIMATE_NO, &outcome, run->parts);
	run->grad_norm = outcome.grad_norm;
	run->metric_updated = outcome.metric;
	run->estimate = outcome.estimate;
	return rc;
}

static int make_buffers(struct pb_reference *e)
{
	const struct pb_plan *plan = e->plan;
	int n = plan->model.table.n;
	struct pb_optim_slot *slots = malloc((size_t)n * sizeof *slots);
	e->present = malloc((size_t)n * sizeof *e->present);
	int rc = slots && e->present ? 0 : pb_fail_nomem((size_t)n * sizeof *slots, "the engine");
	for (int i = 0; !rc && i < n; i++)
		slots[i] = (struct pb_optim_slot){plan->model.table.items[i].offset, plan->model.table.items[i].count};
	if (!rc)
		rc = pb_params_init(&e->grads, &plan->model.table, plan->device, plan->config->dtype);
	if (!rc)
		rc = pb_params_init(&e->work, &plan->model.table, plan->device, plan->config->dtype);
	if (!rc)
		rc = pb_optim_init(&e->optim, plan->device, plan->config->dtype, &plan->update, slots, n);
	free(slots);
	return rc;
}

int pb_reference_init(struct pb_reference *reference, const struct pb_plan *plan, const struct pb_params *weights,
		      const struct pb_means *means, const struct pb_probe_data *probe)
{
	struct pb_reference *e = reference;
	*e = (struct pb_reference){
		.plan = plan, .weights = weights, .means = means, .probe = probe, .metric_before = NAN};
	pb_tape_init(&e->tape, plan->device, plan->config->dtype);
	pb_bus_init(&e->bus, &plan->model.sites);
	pb_pool_init(&e->pool, plan->device);
	e->updates = pb_wants_updates(plan);
	int rc = e->updates ? make_buffers(e) : 0;
	if (!rc)
		rc = pb_wants_optional(plan, &e->bus);
	if (!rc && pb_wants_questions(e->plan, e->probe) && pb_wants_reference(e->plan) && !(e->reference = make_reference(e, &probe->questions)))
		rc = pb_error_status();
	if (!rc && pb_wants_questions(e->plan, e->probe))
		rc = pb_evaluate(&plan->model, &e->tape, &weights->weights, plan->metric, &probe->questions,
				 e->reference, NULL, &e->metric_before);
	e->estimates = pb_wants_questions(e->plan, e->probe) && pb_wants_estimates(plan);
	if (!rc && e->estimates)
		rc = pb_estimate_init(plan, weights, &probe->questions, e->reference, true, &e->estimate);
	if (!rc)
		rc = make_run(e, &e->runs[0], &probe->clean, PB_FROM_CLEAN);
	if (!rc)
		rc = make_run(e, &e->runs[1], &probe->corrupted, PB_FROM_CORRUPTED);
	if (!rc)
		rc = measure_ends(e);
	if (rc)
		pb_reference_finish(e);
	return rc;
}

void pb_reference_finish(struct pb_reference *reference)
{
	for (int i = 0; i < 2; i++) {
		struct pb_reference_run *run = &reference->runs[i];
		pb_cache_finish(&run->cache);
		pb_params_finish(&run->grads);
		free(run->present);
		free(run->reference);
		free(run->parts);
	}
	pb_estimate_finish(&reference->estimate);
	pb_optim_finish(&reference->optim);
	pb_params_finish(&reference->work);
	pb_params_finish(&reference->grads);
	free(reference->present);
	free(reference->reference);
	if (reference->pool.device)
		pb_pool_finish(&reference->pool);
	pb_bus_finish(&reference->bus);
	pb_tape_finish(&reference->tape);
	*reference = (struct pb_reference){0};
}

static int measure_cell(struct pb_reference *e, const struct pb_plan_sweep *s, struct pb_result_cell *out)
{
	struct outcome outcome;
	int rc = update_and_measure(e, (enum pb_estimate_mode)s->config->estimate, &outcome, NULL);
	out->grad_norm = outcome.grad_norm;
	out->metric = outcome.metric;
	out->estimate = outcome.estimate;
	return rc;
}

static int patched_cell(struct pb_reference *e, const struct pb_plan_sweep *s, const struct pb_plan_cell *cell,
			struct pb_result_cell *out)
{
	bool gradient = s->config->kind == PB_SWEEP_GRADIENT;
	const struct pb_reference_run *base = pb_reference_source(e, s->config->base);
	struct pb_var *logits = NULL;
	struct pb_patch *patches = calloc(2 * cell->n_patches + 1, sizeof *patches);
	if (!patches)
		return pb_fail_nomem(2 * cell->n_patches * sizeof *patches, "patches");
	const struct pb_patch_context context = {.device = e->plan->device, .bus = &e->bus, .clean = &e->runs[0].cache,
						 .corrupted = &e->runs[1].cache, .means = e->means,
						 .sources = base->examples->n_examples, .explain = e->explain};
	size_t mark = pb_bus_begin(&e->bus);
	int rc = pb_cell_attach(&context, s, cell, patches);
	if (!rc)
		rc = pass(e, base->examples, gradient, &logits, &out->loss);
	if (!rc)
		pb_cell_audit(&e->bus, patches, 2 * cell->n_patches, out);
	pb_bus_end(&e->bus, mark);
	free(patches);
	if (rc)
		return rc;
	if (!gradient)
		return pb_scorer_score(e->plan->metric, &logits->value, base->examples->scored, base->reference, NULL,
				       &out->metric);
	for (int i = 0; i < e->plan->model.table.n; i++)
		out->params_without_grad += !e->present[i];
	return measure_cell(e, s, out);
}

/* One parameter's gradient, head by head. */
static int mix_gradient(struct pb_reference *e, int id, const bool *set, const struct pb_reference_run *base,
			const struct pb_reference_run *other)
{
	const struct pb_param_info *info = &e->plan->model.table.items[id];
	int64_t rows = info->shape[0] / info->n_parts;
	struct pb_view to, value;
	int rc = 0;
	e->present[id] = false;
	for (int k = 0; !rc && k < info->n_parts; k++) {
		const struct pb_reference_run *from = set[info->first_part + k] ? other : base;
		e->present[id] |= from->present[id];
		rc = pb_view_slice(&e->grads.views[id], 0, k * rows, rows, &to);
		if (!rc)
			rc = pb_view_slice(&from->grads.views[id], 0, k * rows, rows, &value);
		if (!rc)
			rc = from->present[id] ? pb_view_copy(e->plan->device, &to, &value)
					       : pb_view_fill(e->plan->device, &to, 0.0);
	}
	return rc;
}

/* Gradients of the set from the other run, all others from the base run. */
static int params_cell(struct pb_reference *e, const struct pb_plan_sweep *s, const struct pb_plan_cell *cell,
		       struct pb_result_cell *out)
{
	bool clean_base = s->config->base == PB_FROM_CLEAN;
	const struct pb_reference_run *base = &e->runs[!clean_base], *other = &e->runs[clean_base];
	out->loss = base->loss;
	int rc = 0;
	for (int i = 0; !rc && i < e->plan->model.table.n; i++) {
		rc = mix_gradient(e, i, cell->set, base, other);
		out->params_without_grad += !e->present[i];
	}
	return rc ? rc : measure_cell(e, s, out);
}

int pb_reference_cell(struct pb_reference *reference, const struct pb_plan_sweep *sweep, const struct pb_plan_cell *cell,
		   struct pb_result_cell *ret_cell)
{
	struct pb_result_cell out = PB_EMPTY_CELL;
	int rc = sweep->config->kind == PB_SWEEP_PARAMS ? params_cell(reference, sweep, cell, &out)
							: patched_cell(reference, sweep, cell, &out);
	if (!rc)
		*ret_cell = out;
	return rc;
}
