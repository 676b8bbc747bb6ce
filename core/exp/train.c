/* train.c: shuffled epochs of optimizer steps. */
#include "exp/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/status.h"
#include "exp/clock.h"
#include "exp/curves.h"
#include "exp/evaluate.h"
#include "exp/finite.h"
#include "exp/interrupt.h"

int pb_trainer_init(struct pb_trainer *trainer, const struct pb_plan *plan, struct pb_params *params)
{
	*trainer = (struct pb_trainer){.plan = plan, .params = params, .saved = pb_clock()};
	pb_tape_init(&trainer->tape, plan->device, plan->config->dtype);
	trainer->present = calloc((size_t)plan->model.table.n, sizeof *trainer->present);
	trainer->squares_read = calloc((size_t)plan->model.table.n, sizeof *trainer->squares_read);
	int rc = trainer->present && trainer->squares_read ? 0 : pb_fail_nomem((size_t)plan->model.table.n, "gradients");
	pb_pool_init(&trainer->pool, plan->device);
	if (!rc)
		rc = pb_tensor_zeros(&trainer->pool, PB_F64, 1, (int64_t[]){plan->model.table.n}, &trainer->squares);
	if (!rc)
		rc = pb_params_init(&trainer->grads, &plan->model.table, plan->device, plan->config->dtype);
	if (rc)
		pb_trainer_finish(trainer);
	return rc;
}

void pb_trainer_finish(struct pb_trainer *trainer)
{
	if (trainer->has_optim)
		pb_optim_finish(&trainer->optim);
	pb_params_finish(&trainer->grads);
	pb_tape_finish(&trainer->tape);
	free(trainer->present);
	free(trainer->squares_read);
	if (trainer->pool.device)
		pb_pool_finish(&trainer->pool);
	free(trainer->tokens);
	free(trainer->scored);
	*trainer = (struct pb_trainer){0};
}

/* A stage's optimizer: fresh, or the one before going on. A run that is gone on with has none yet: that of the stage with which
 * it began. */
static int start_optimizer(struct pb_trainer *t, const struct pb_plan_stage *stage)
{
	const struct pb_param_table *table = &t->plan->model.table;
	if (stage->config->continues && t->has_optim)
		return 0;
	while (stage->config->continues)
		stage--;
	if (t->has_optim)
		pb_optim_finish(&t->optim);
	t->has_optim = false;
	struct pb_optim_slot *slots = malloc((size_t)table->n * sizeof *slots);
	if (!slots)
		return pb_fail_nomem((size_t)table->n * sizeof *slots, "the optimizer");
	for (int i = 0; i < table->n; i++)
		slots[i] = (struct pb_optim_slot){table->items[i].offset, table->items[i].count};
	int rc = pb_optim_init(&t->optim, t->plan->device, t->plan->config->dtype, &stage->optim, slots, table->n);
	free(slots);
	t->has_optim = !rc;
	return rc;
}

/* One epoch's examples in shuffled order. */
struct epoch {
	struct pb_examples x;
	int64_t *order;      /* [n_examples] */
	int64_t *first;      /* [n_examples + 1]: where an example's scored rows begin */
	int64_t batch;       /* examples of a batch, at most */
	int64_t most_rows;   /* positions of a batch up to the last scored ones, at most */
	int64_t most_scored; /* scored rows of a batch, at most */
};

static void free_epoch(struct epoch *e)
{
	free(e->order);
	free(e->first);
	*e = (struct epoch){0};
}

/* The largest batch that a shuffle could bring together. */
static void measure_epoch(struct epoch *e, int64_t batch_size)
{
	int64_t longest = 0, most = 0;
	e->batch = batch_size < e->x.n_examples ? batch_size : e->x.n_examples;
	for (int64_t i = 0; i < e->x.n_scored; i++)
		longest = e->x.scored[i].pos >= longest ? e->x.scored[i].pos + 1 : longest;
	for (int64_t i = 0; i < e->x.n_examples; i++)
		most = e->first[i + 1] - e->first[i] > most ? e->first[i + 1] - e->first[i] : most;
	e->most_rows = e->batch * longest;
	e->most_scored = e->batch * most;
}

static int make_room(struct pb_trainer *t, const struct pb_plan_stage *stage, const struct epoch *e)
{
	size_t tokens = (size_t)(e->batch * e->x.n_pos), rows = (size_t)(e->most_scored ? e->most_scored : 1);
	if (tokens > t->room_tokens || rows > t->room_rows) {
		free(t->tokens);
		free(t->scored);
		t->room_tokens = t->room_rows = 0;
		t->tokens = malloc(tokens * sizeof *t->tokens);
		t->scored = malloc(rows * sizeof *t->scored);
		if (!t->tokens || !t->scored)
			return pb_fail_nomem(tokens * sizeof *t->tokens, "a batch");
		t->room_tokens = tokens;
		t->room_rows = rows;
	}
	return pb_scorer_reserve(stage->loss, (int64_t)rows, t->plan->model.config.d_vocab);
}

static int start_epoch(struct pb_trainer *t, const struct pb_plan_stage *stage, int64_t number, struct epoch *e)
{
	char stream[256];
	*e = (struct epoch){0};
	int rc = pb_data_examples(t->plan, stage->split, number, &e->x);
	if (rc)
		return rc;
	size_t n = (size_t)e->x.n_examples;
	if (!n)
		return pb_fail(PB_E_CONFIG, "split `%s` is empty", stage->config->split);
	e->order = malloc(n * sizeof *e->order);
	e->first = calloc(n + 1, sizeof *e->first);
	if (!e->order || !e->first) {
		free_epoch(e);
		return pb_fail_nomem(n * sizeof *e->order, "an epoch");
	}
	for (size_t i = 0; i < n; i++)
		e->order[i] = (int64_t)i;
	for (int64_t i = 0; i < e->x.n_scored; i++)
		e->first[e->x.scored[i].example + 1]++;
	for (size_t i = 0; i < n; i++)
		e->first[i + 1] += e->first[i];
	snprintf(stream, sizeof stream, "shuffle/%s/%lld", stage->config->name, (long long)number);
	pb_random_shuffle((uint64_t)t->plan->config->seed, pb_random_stream(stream), e->order, n);
	measure_epoch(e, stage->config->batch_size);
	return make_room(t, stage, e);
}

/* Copies examples order[begin .. begin+n) into the batch. */
static struct pb_examples fill_batch(const struct pb_trainer *t, const struct epoch *e, int64_t begin, int64_t n)
{
	int64_t p = e->x.n_pos, rows = 0;
	for (int64_t i = 0; i < n; i++) {
		int64_t from = e->order[begin + i];
		memcpy(t->tokens + i * p, e->x.tokens + from * p, (size_t)p * sizeof *t->tokens);
		for (int64_t k = e->first[from]; k < e->first[from + 1]; k++, rows++) {
			t->scored[rows] = e->x.scored[k];
			t->scored[rows].example = (int32_t)i;
		}
	}
	return (struct pb_examples){sizeof(struct pb_examples), (int32_t)p, n, t->tokens, rows, t->scored};
}

/* After a stage's first step: memory for the largest. */
static int settle(struct pb_trainer *t, const struct epoch *e, int64_t rows, int64_t scored)
{
	if (e->most_rows <= t->settled_rows && e->most_scored <= t->settled_scored)
		return 0;
	double by_rows = (double)e->most_rows / (double)rows, by_scored = (double)e->most_scored / (double)scored;
	t->settled_rows = e->most_rows;
	t->settled_scored = e->most_scored;
	return pb_tape_settle(&t->tape, fmax(1.0, fmax(by_rows, by_scored)));
}

static int read_norm(const struct pb_trainer *t, double *ret_norm)
{
	double total = 0.0;
	int rc = pb_view_read(t->plan->device, &t->squares, t->squares_read);
	for (int i = 0; i < t->plan->model.table.n; i++)
		total += t->present[i] ? t->squares_read[i] : 0.0;
	*ret_norm = sqrt(total);
	return rc;
}

static int step(struct pb_trainer *t, const struct pb_plan_stage *stage, const struct epoch *e,
		const struct pb_examples *batch, double *ret_loss)
{
	const struct pb_slice all = {.all = batch, .n_examples = batch->n_examples, .n_scored = batch->n_scored};
	struct pb_dense_sink sink;
	struct pb_var *logits;
	struct pb_view seed;
	int64_t rows;
	double norm = 0.0;
	pb_dense_sink_init(&sink, t->plan->device, &t->tape.arena, t->plan->model.table.n, t->grads.views, t->present);
	sink.squares = t->optim.config.max_grad_norm > 0 || t->check_finite ? t->squares.data : NULL;
	pb_tape_reset(&t->tape, &sink.base);
	int rc = pb_slice_forward(&t->plan->model, &t->tape, &t->params->weights, &all, &logits, &rows);
	if (!rc)
		rc = pb_tensor_new(&t->tape.pool, t->tape.dtype, 2, logits->value.shape, &seed);
	if (!rc)
		rc = pb_scorer_seed(stage->loss, &logits->value, t->scored, NULL, &seed);
	if (!rc)
		rc = pb_tape_backward(&t->tape, logits, &seed);
	t->tape.sink = NULL;
	if (!rc)
		rc = pb_scorer_loss(stage->loss, ret_loss);
	if (!rc && sink.squares)
		rc = read_norm(t, &norm);
	if (!rc && !isfinite(norm) && !(t->optim.config.max_grad_norm > 0)) /* else the optimizer says it */
		rc = pb_fail(PB_E_NUMERIC, "the gradient's norm is %g; lower the learning rate or lengthen the warm-up", norm);
	if (!rc)
		rc = pb_optim_step_by_norm(&t->optim, t->params->data, t->grads.data, t->present, norm);
	return rc ? rc : settle(t, e, rows, batch->n_scored);
}

/* Where a stage stands. */
struct progress {
	struct pb_progress bar;
	struct pb_train_place at;
	struct pb_curves curves;
};

static int save(struct pb_trainer *t, const struct progress *p)
{
	t->saved = pb_clock();
	return t->state_path ? pb_train_state_save(t->state_path, t->run, &p->at, t->params, &t->optim, &p->curves) : 0;
}

/* Behind a step; `ends`: with it, the epoch is complete. */
static void show(struct progress *p, const struct pb_plan_stage *stage, bool ends)
{
	char detail[128];
	int n = snprintf(detail, sizeof detail, "epoch %lld  loss %.4g", (long long)p->at.epoch + 1, p->at.loss);
	if (stage->stop && isfinite(p->at.stop_value))
		snprintf(detail + n, sizeof detail - (size_t)n, "  %s %s %.4g", stage->config->stop_split,
			 pb_scorer_name(stage->stop), p->at.stop_value);
	pb_progress_at(&p->bar, stage->config->epochs ? p->at.epoch + ends : p->at.steps, detail);
}

/* One batch, and what is known after it. */
static int train_batch(struct pb_trainer *t, const struct pb_plan_stage *stage, const struct epoch *e, struct progress *p)
{
	int64_t left = e->x.n_examples - p->at.at, size = stage->config->batch_size, n = left < size ? left : size;
	const struct pb_examples batch = fill_batch(t, e, p->at.at, n);
	double loss = NAN;
	int rc = batch.n_scored ? step(t, stage, e, &batch, &loss) : 0;
	if (rc == -PB_E_NUMERIC)
		pb_finite_explain(&t->plan->model, &t->tape, t->params, stage->loss, &batch);
	if (!rc && t->check_finite)
		rc = pb_finite_params(t->params, "the step left parameter");
	if (rc)
		return rc;
	p->at.sum += batch.n_scored ? loss * (double)batch.n_scored : 0.0;
	p->at.count += batch.n_scored;
	p->at.steps++;
	p->at.at += size;
	p->at.loss = p->at.count ? p->at.sum / (double)p->at.count : NAN;
	show(p, stage, p->at.at >= e->x.n_examples);
	return t->state_path && pb_clock() - t->saved >= t->save_every ? save(t, p) : 0;
}

/* From where the place is to the epoch's end. */
static int run_epoch(struct pb_trainer *t, const struct pb_plan_stage *stage, struct progress *p)
{
	struct epoch e;
	const int64_t most = stage->config->steps;
	int rc = start_epoch(t, stage, p->at.epoch, &e);
	while (!rc && p->at.at < e.x.n_examples && !(most && p->at.steps >= most)) {
		rc = pb_interrupted();
		if (rc)
			save(t, p); /* if that fails, the one before is there */
		if (rc)
			rc = pb_interrupted();
		else
			rc = train_batch(t, stage, &e, p);
		if (rc)
			pb_fail_in(rc, "stage `%s`, epoch %lld, step %lld", stage->config->name,
				   (long long)p->at.epoch + 1, (long long)p->at.steps + 1);
	}
	free_epoch(&e);
	return rc;
}

static int measure(struct pb_trainer *t, struct pb_scorer *scorer, int64_t split, double *ret_value)
{
	struct pb_examples x;
	int rc = pb_data_examples(t->plan, split, 0, &x);
	return rc ? rc
		  : pb_evaluate(&t->plan->model, &t->tape, &t->params->weights, scorer, &x, NULL, NULL, ret_value);
}

/* One point of the curves; *ret_stop when the early stop's condition holds. */
static int look(struct pb_trainer *t, const struct pb_plan_stage *stage, struct progress *p, bool *ret_stop)
{
	const struct pb_config_stage *c = stage->config;
	int rc = pb_curves_begin_point(&p->curves, (double)p->at.epoch, p->at.loss);
	for (size_t i = 0; !rc && i < stage->n_evaluations; i++) {
		double value;
		rc = measure(t, stage->evaluations[i].scorer, stage->evaluations[i].split, &value);
		if (!rc)
			pb_curves_set(&p->curves, i + 1, value);
	}
	if (rc || !stage->stop)
		return rc;
	rc = measure(t, stage->stop, stage->stop_split, &p->at.stop_value);
	if (!rc)
		*ret_stop = p->at.stop_value < c->stop_below || p->at.stop_value > c->stop_above;
	return rc;
}

static int train_stage(struct pb_trainer *t, const struct pb_plan_stage *stage, struct progress *p, bool *ret_stopped)
{
	const struct pb_config_stage *c = stage->config;
	int rc = 0;
	while (!rc && !*ret_stopped && !(c->epochs && p->at.epoch >= c->epochs) &&
	       !(c->steps && p->at.steps >= c->steps)) {
		rc = run_epoch(t, stage, p);
		if (rc)
			break;
		p->at.epoch++;
		p->at.at = p->at.count = 0;
		p->at.sum = 0.0;
		bool last = (c->epochs && p->at.epoch >= c->epochs) || (c->steps && p->at.steps >= c->steps);
		if (p->at.epoch % c->evaluate_every == 0 || last)
			rc = look(t, stage, p, ret_stopped);
	}
	return rc;
}

static const char *why_stopped(const struct pb_plan_stage *stage, const struct progress *p, bool early, int rc,
			       struct pb_arena *arena)
{
	if (rc)
		return pb_arena_printf(arena, "%s after %lld steps",
				       rc == -PB_E_INTERRUPTED ? "interrupted" : "failed", (long long)p->at.steps);
	if (early)
		return pb_arena_printf(arena, "%s of %s is %.4g after %lld epochs", pb_scorer_name(stage->stop),
				       stage->config->stop_split, p->at.stop_value, (long long)p->at.epoch);
	return pb_arena_printf(arena, "%lld epochs, %lld steps", (long long)p->at.epoch, (long long)p->at.steps);
}

/* The place, the curves, the weights and the optimizer that a stage begins with, or goes on with. */
static int start_stage(struct pb_trainer *t, size_t index, const struct pb_train_state *from, struct progress *p)
{
	const struct pb_plan_stage *stage = &t->plan->stages[index];
	p->at = (struct pb_train_place){.stage = (int64_t)index, .loss = NAN, .stop_value = NAN};
	int rc = start_optimizer(t, stage);
	if (rc || !from)
		return rc;
	p->at = from->place;
	/* At a stage's very beginning a fresh optimizer has no state that was kept. */
	const bool begins = !p->at.epoch && !p->at.at && !stage->config->continues;
	rc = begins ? 0 : pb_train_state_optim(from, &t->optim);
	return rc ? rc : pb_train_state_curves(from, &p->curves);
}

int pb_trainer_run(struct pb_trainer *trainer, size_t index, const struct pb_train_state *from,
		   struct pb_terminal *terminal, struct pb_events *events, struct pb_arena *arena,
		   struct pb_result_stage *ret_result)
{
	const struct pb_plan_stage *stage = &trainer->plan->stages[index];
	const struct pb_config_stage *c = stage->config;
	struct progress p = {0};
	double started = pb_clock();
	bool stopped = false;
	int rc = pb_curves_init(&p.curves, stage, arena);
	if (rc)
		return rc;
	pb_progress_begin(&p.bar, terminal, events, "stage", c->name, c->epochs ? c->epochs : c->steps);
	rc = start_stage(trainer, index, from, &p);
	p.bar.from = c->epochs ? p.at.epoch : p.at.steps;
	if (!rc)
		rc = train_stage(trainer, stage, &p, &stopped);
	*ret_result = (struct pb_result_stage){.name = c->name, .x_label = "epoch", .seconds = pb_clock() - started};
	ret_result->stopped = why_stopped(stage, &p, stopped, rc, arena);
	pb_progress_end(&p.bar, ret_result->stopped);
	int curve_rc = pb_curves_finish(&p.curves, ret_result);
	return rc ? rc : !ret_result->stopped ? -PB_E_NOMEM : curve_rc;
}

int pb_trainer_save(const struct pb_trainer *trainer, size_t index, bool last)
{
	const struct pb_train_place place = {.stage = (int64_t)index, .loss = NAN, .stop_value = NAN};
	if (!trainer->state_path)
		return 0;
	return pb_train_state_save(trainer->state_path, trainer->run, &place, trainer->params, last ? NULL : &trainer->optim, NULL);
}
