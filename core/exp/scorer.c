/* scorer.c: carries scored rows of logits to a metric plugin and its gradient back. */
#include "exp/scorer.h"

#include <math.h>
#include <stdlib.h>

#include "base/status.h"
#include "conform/trial.h"
#include "host/capsule.h"

int pb_scorer_init(struct pb_scorer *scorer, struct pb_instance *instance, struct pb_device *device)
{
	*scorer = (struct pb_scorer){.instance = instance, .ops = pb_metric_ops(instance), .device = device};
	pb_pool_init(&scorer->pool, device);
	return 0;
}

static void free_scratch(struct pb_scorer *s)
{
	free(s->logits);
	free(s->scores);
	free(s->weights);
	free(s->seed);
	free(s->answer);
	free(s->distractor);
	s->logits = s->scores = s->weights = s->seed = NULL;
	s->answer = s->distractor = NULL;
	s->room_rows = s->room_logits = 0;
}

void pb_scorer_finish(struct pb_scorer *scorer)
{
	free_scratch(scorer);
	if (scorer->pool.device)
		pb_pool_finish(&scorer->pool);
	pb_instance_destroy(scorer->instance);
	*scorer = (struct pb_scorer){0};
}

const char *pb_scorer_name(const struct pb_scorer *scorer)
{
	return scorer->instance->loaded->plugin->name;
}

const char *pb_scorer_unit(const struct pb_scorer *scorer)
{
	return pb_metric_unit(scorer->instance);
}

bool pb_scorer_has_gradient(const struct pb_scorer *scorer)
{
	return scorer->ops->adjoint;
}

double pb_scorer_loss_sign(const struct pb_scorer *scorer)
{
	return scorer->ops->flags & PB_METRIC_LOWER_IS_BETTER ? 1.0 : -1.0;
}

int pb_scorer_check(const struct pb_scorer *scorer, const struct pb_examples *examples, const char *of)
{
	for (int64_t i = 0; i < examples->n_scored && scorer->ops->flags & PB_METRIC_NEEDS_DISTRACTOR; i++)
		if (examples->scored[i].distractor < 0)
			return pb_fail(PB_E_CONFIG,
				       "metric `%s` compares the right answer with a wrong one, and the data name none for the %s; "
				       "choose another metric",
				       pb_scorer_name(scorer), of);
	return 0;
}

static int make_room(struct pb_scorer *s, size_t rows, size_t logits)
{
	if (rows <= s->room_rows && logits <= s->room_logits)
		return 0;
	free_scratch(s);
	s->logits = malloc(logits * sizeof *s->logits);
	s->seed = malloc(logits * sizeof *s->seed);
	s->scores = malloc(rows * sizeof *s->scores);
	s->weights = malloc(rows * sizeof *s->weights);
	s->answer = malloc(rows * sizeof *s->answer);
	s->distractor = malloc(rows * sizeof *s->distractor);
	if (!s->logits || !s->seed || !s->scores || !s->weights || !s->answer || !s->distractor) {
		free_scratch(s);
		return pb_fail_nomem(logits * sizeof *s->logits, "logits");
	}
	s->room_rows = rows;
	s->room_logits = logits;
	return 0;
}

int pb_scorer_reserve(struct pb_scorer *scorer, int64_t rows, int64_t d_vocab)
{
	return make_room(scorer, (size_t)rows, (size_t)(rows * d_vocab));
}

static int load(struct pb_scorer *s, const struct pb_logits *logits, const struct pb_scored *scored,
		const double *reference, struct pb_metric_batch *ret_batch)
{
	int rc = make_room(s, (size_t)logits->n_rows, (size_t)(logits->n_rows * logits->d_vocab));
	if (rc)
		return rc;
	for (int64_t i = 0; i < logits->n_rows; i++) {
		s->answer[i] = scored[i].answer;
		s->distractor[i] = scored[i].distractor;
	}
	*ret_batch = (struct pb_metric_batch){
		.struct_size = sizeof *ret_batch,
		.n_rows = logits->n_rows,
		.d_vocab = logits->d_vocab,
		.logits = logits->values,
		.answer = s->answer,
		.distractor = s->distractor,
		.reference = s->ops->flags & PB_METRIC_NEEDS_REFERENCE ? reference : NULL,
	};
	return 0;
}

/* The mean of s->scores, none of which may be other than finite. ret_rows may be NULL. */
static int finish(const struct pb_scorer *s, int64_t rows, double *ret_rows, double *ret_mean)
{
	double sum = 0.0;
	for (int64_t i = 0; i < rows; i++) {
		double value = s->scores[i];
		if (!isfinite(value))
			return pb_fail(PB_E_NUMERIC, "metric `%s` gave %s for row %lld (answer %d)", pb_scorer_name(s),
				       isnan(value)  ? "no number"
				       : value > 0.0 ? "infinity"
						     : "minus infinity",
				       (long long)i, (int)s->answer[i]);
		sum += value;
		if (ret_rows)
			ret_rows[i] = value;
	}
	*ret_mean = rows ? sum / (double)rows : NAN;
	return 0;
}

/* The first call is tried on copies, where whatever the metric may not do is noticed. What is not finite is told by
 * `finish`. A gradient that the score contradicts may still be what is meant: it is told, and the run goes on. */
static int try_first(const struct pb_scorer *s, const struct pb_metric_batch *batch, bool adjoint)
{
	int rc = batch->n_rows && pb_instance_first(s->instance, adjoint) ? pb_trial_metric(s->instance, batch, adjoint) : 0;
	if (rc == PB_TRIAL_CONTRADICTED) {
		pb_instance_warn(s->instance, pb_error_text());
		return 0;
	}
	return rc == -PB_E_NUMERIC ? 0 : rc;
}

/* A model that a patch broke is not the metric's doing. */
static int keep_call(int rc, struct pb_scorer *s, const struct pb_metric_batch *batch, const double *weight)
{
	for (int64_t i = 0; i < batch->n_rows * batch->d_vocab; i++)
		if (!isfinite(batch->logits[i]))
			return rc;
	return pb_capsule_of_metric(rc, &(struct pb_capsule_metric){s->instance, batch, weight});
}

static int score(struct pb_scorer *s, const struct pb_metric_batch *batch, double *ret_rows, double *ret_mean)
{
	for (int64_t i = 0; i < batch->n_rows; i++)
		s->scores[i] = NAN; /* an element that the plugin forgets is noticed */
	int rc = try_first(s, batch, false);
	if (!rc)
		rc = pb_metric_score(s->instance, batch, s->scores);
	if (!rc)
		rc = finish(s, batch->n_rows, ret_rows, ret_mean);
	return rc ? keep_call(rc, s, batch, NULL) : 0;
}

int pb_scorer_score_host(struct pb_scorer *scorer, const struct pb_logits *logits, const struct pb_scored *scored,
			 const double *reference, double *ret_rows, double *ret_mean)
{
	struct pb_metric_batch batch;
	int rc = load(scorer, logits, scored, reference, &batch);
	return rc ? rc : score(scorer, &batch, ret_rows, ret_mean);
}

int pb_scorer_seed_host(struct pb_scorer *scorer, const struct pb_logits *logits, const struct pb_scored *scored,
			const double *reference, double *ret_seed, double *ret_loss)
{
	struct pb_metric_batch batch;
	double mean = NAN, sign = pb_scorer_loss_sign(scorer);
	int rc = load(scorer, logits, scored, reference, &batch);
	if (!rc)
		rc = score(scorer, &batch, NULL, &mean);
	if (rc)
		return rc;
	for (int64_t i = 0; i < batch.n_rows; i++)
		scorer->weights[i] = sign / (double)batch.n_rows;
	rc = try_first(scorer, &batch, true);
	if (!rc)
		rc = pb_metric_adjoint(scorer->instance, &batch, scorer->weights, ret_seed);
	if (rc)
		rc = keep_call(rc, scorer, &batch, scorer->weights);
	if (!rc)
		*ret_loss = sign * mean;
	return rc;
}

/* Logits of the device in the scorer's own memory. */
static int fetch(struct pb_scorer *s, const struct pb_view *logits, struct pb_logits *ret_logits)
{
	int rc = make_room(s, (size_t)logits->shape[0], (size_t)pb_view_count(logits));
	if (!rc)
		rc = pb_view_read(s->device, logits, s->logits);
	if (!rc)
		*ret_logits = (struct pb_logits){logits->shape[0], logits->shape[1], s->logits};
	return rc;
}

/* Does the device compute it, so that logits need not leave it? */
static bool is_on_device(const struct pb_scorer *s)
{
	return s->device->backend && s->ops->flags & PB_METRIC_CROSS_ENTROPY;
}

/* Scores, which stay on the device, and `weight` times their gradient in ret_seed; data NULL: nobody wants it. */
static int score_on_device(struct pb_scorer *s, const struct pb_view *logits, const struct pb_scored *scored, double weight,
			   const struct pb_view *ret_seed)
{
	const int64_t rows = logits->shape[0], vocab = logits->shape[1];
	int rc = make_room(s, (size_t)rows, 1);
	for (int64_t i = 0; !rc && i < rows; i++) {
		s->answer[i] = scored[i].answer;
		if (s->answer[i] < 0 || s->answer[i] >= vocab)
			rc = pb_fail(PB_E_RANGE, "metric `%s`: answer %d of row %lld is outside the vocabulary of %lld",
				     pb_scorer_name(s), (int)s->answer[i], (long long)i, (long long)vocab);
	}
	pb_pool_reset(&s->pool);
	if (!rc)
		rc = pb_tensor_new(&s->pool, PB_F64, 1, (int64_t[]){rows}, &s->on_device);
	if (!rc)
		pb_kernels(s->device, logits->dtype)
			->cross_entropy(s->device->context, rows, vocab, logits->data, s->answer, weight,
					s->on_device.data, ret_seed->data);
	return rc;
}

static int read_scores(struct pb_scorer *s, double *ret_rows, double *ret_mean)
{
	int rc = pb_view_read(s->device, &s->on_device, s->scores);
	return rc ? rc : finish(s, s->on_device.shape[0], ret_rows, ret_mean);
}

int pb_scorer_score(struct pb_scorer *scorer, const struct pb_view *logits, const struct pb_scored *scored,
		    const double *reference, double *ret_rows, double *ret_mean)
{
	const struct pb_view none = {0};
	struct pb_logits host;
	if (is_on_device(scorer)) {
		int rc = score_on_device(scorer, logits, scored, 0.0, &none);
		return rc ? rc : read_scores(scorer, ret_rows, ret_mean);
	}
	int rc = fetch(scorer, logits, &host);
	return rc ? rc : pb_scorer_score_host(scorer, &host, scored, reference, ret_rows, ret_mean);
}

int pb_scorer_seed(struct pb_scorer *scorer, const struct pb_view *logits, const struct pb_scored *scored,
		   const double *reference, const struct pb_view *ret_seed)
{
	struct pb_logits host;
	if (is_on_device(scorer))
		return score_on_device(scorer, logits, scored, pb_scorer_loss_sign(scorer) / (double)logits->shape[0],
				       ret_seed);
	int rc = fetch(scorer, logits, &host);
	if (!rc)
		rc = pb_scorer_seed_host(scorer, &host, scored, reference, scorer->seed, &scorer->loss);
	return rc ? rc : pb_view_write(scorer->device, ret_seed, scorer->seed);
}

int pb_scorer_loss(struct pb_scorer *scorer, double *ret_loss)
{
	double mean = NAN;
	int rc = 0;
	if (is_on_device(scorer)) {
		rc = read_scores(scorer, NULL, &mean);
		scorer->loss = rc ? NAN : pb_scorer_loss_sign(scorer) * mean;
	}
	*ret_loss = scorer->loss;
	return rc;
}
