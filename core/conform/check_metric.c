/* check_metric.c: what a metric says of rows of logits. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "base/status.h"
#include "conform/check_impl.h"
#include "conform/child.h"
#include "conform/scores.h"
#include "conform/trial.h"

typedef int scores_function(struct pb_checkup *c, struct pb_scores *scores);

static const struct pb_metric_ops *ops_of(const struct pb_checkup *c)
{
	return c->loaded->plugin->ops;
}

void pb_scores_init(struct pb_scores *scores, struct pb_instance *instance, uint64_t seed, uint64_t stream,
		    double scale)
{
	uint32_t flags = pb_metric_ops(instance)->flags;
	for (size_t i = 0; i < PB_COUNT(scores->logits); i++) {
		scores->logits[i] = scale * pb_random_normal(seed, 2 * stream, i);
		scores->reference[i] = scale * pb_random_normal(seed, 2 * stream + 1, i);
	}
	for (int row = 0; row < PB_SCORES_ROWS; row++) {
		scores->answer[row] =
			(PB_SCORES_VOCAB - 1 + 3 * row) % PB_SCORES_VOCAB; /* the last token is among them */
		scores->distractor[row] =
			flags & PB_METRIC_NEEDS_DISTRACTOR ? (scores->answer[row] + 1) % PB_SCORES_VOCAB : -1;
	}
	scores->instance = instance;
	scores->batch = (struct pb_metric_batch){
		.struct_size = sizeof scores->batch,
		.n_rows = PB_SCORES_ROWS,
		.d_vocab = PB_SCORES_VOCAB,
		.logits = scores->logits,
		.answer = scores->answer,
		.distractor = scores->distractor,
		.reference = flags & PB_METRIC_NEEDS_REFERENCE ? scores->reference : NULL,
	};
}

/* Calls f with logits of some sizes, each on an instance of its own. */
static int each(struct pb_checkup *c, const double *scales, size_t n, scores_function *f)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < n; i++) {
		struct pb_scores scores;
		struct pb_instance *instance;
		rc = pb_check_instance(c, c->options->seed, &instance);
		if (rc)
			return rc;
		pb_scores_init(&scores, instance, c->options->seed, i, scales[i]);
		pb_child_progress("with logits of size %g", scales[i]);
		rc = f(c, &scores);
		if (rc < 0)
			rc = pb_fail_in(rc, "with logits of size %g", scales[i]);
		if (rc)
			pb_instance_forget(instance);
		else
			rc = pb_check_destroy(c, instance);
	}
	return rc;
}

/* All rows, then one alone, and all once more. */
static int try_score(struct pb_checkup *c, struct pb_scores *scores)
{
	struct pb_metric_batch one = scores->batch;
	double first[PB_SCORES_ROWS];
	(void)c;
	int rc = pb_trial_metric(scores->instance, &scores->batch, false);
	if (!rc)
		rc = pb_metric_score(scores->instance, &scores->batch, first);
	one.n_rows = 1;
	if (!rc)
		rc = pb_trial_metric(scores->instance, &one, false);
	if (!rc)
		rc = pb_metric_score(scores->instance, &scores->batch, scores->score);
	for (int row = 0; !rc && row < PB_SCORES_ROWS; row++)
		if (memcmp(&first[row], &scores->score[row], sizeof *first) != 0)
			rc = pb_fail(PB_E_PLUGIN,
				     "row %d has the score %.9g, and after calls for other rows %.9g: a score may "
				     "not depend on the calls before",
				     row, first[row], scores->score[row]);
	return rc;
}

int pb_check_score(struct pb_checkup *c)
{
	return each(c, (const double[]){1, 30, 2000}, 3, try_score);
}

static int try_slopes(struct pb_scores *scores)
{
	int rc = pb_trial_metric(scores->instance, &scores->batch, true);
	return rc == PB_TRIAL_CONTRADICTED ? -PB_E_PLUGIN : rc;
}

/* Also where the logits are the reference's, as they are before any patch: there some scores have kinks. */
static int try_adjoint(struct pb_checkup *c, struct pb_scores *scores)
{
	(void)c;
	int rc = try_slopes(scores);
	if (rc || !scores->batch.reference)
		return rc;
	memcpy(scores->reference, scores->logits, sizeof scores->reference);
	rc = try_slopes(scores);
	return rc ? pb_fail_in(rc, "where the logits are the reference's") : 0;
}

int pb_check_adjoint(struct pb_checkup *c)
{
	if (!ops_of(c)->adjoint)
		return pb_check_skip("it has no adjoint, and so cannot be a loss");
	return each(c, (const double[]){0.1, 1, 3}, 3, try_adjoint);
}

static int try_nan(struct pb_checkup *c, struct pb_scores *scores)
{
	double before[PB_SCORES_ROWS];
	(void)c;
	int rc = pb_metric_score(scores->instance, &scores->batch, before);
	for (int i = 0; i < PB_SCORES_VOCAB; i++)
		scores->logits[PB_SCORES_VOCAB + i] = NAN;
	if (!rc)
		rc = pb_metric_score(scores->instance, &scores->batch, scores->score);
	if (!rc && isfinite(scores->score[1]))
		rc = pb_fail(PB_E_PLUGIN,
			     "the score of a row whose logits are NaN is %g: a broken model would look well",
			     scores->score[1]);
	for (int row = 0; !rc && row < PB_SCORES_ROWS; row++)
		if (row != 1 && memcmp(&before[row], &scores->score[row], sizeof *before) != 0)
			rc = pb_fail(PB_E_PLUGIN,
				     "row 1's logits are NaN, and row %d has the score %g in place of %g", row,
				     scores->score[row], before[row]);
	return rc;
}

int pb_check_nan(struct pb_checkup *c)
{
	return each(c, (const double[]){1}, 1, try_nan);
}

static int check_counts(const char *call)
{
	const struct pb_counts *counts = pb_counts();
	if (counts->allocations)
		return pb_fail(PB_E_PLUGIN, "%s calls host->alloc: make buffers in create", call);
	if (counts->imports)
		return pb_fail(PB_E_PLUGIN, "%s calls %s: make buffers in create", call, counts->import);
	return 0;
}

static int try_allocation(struct pb_checkup *c, struct pb_scores *scores)
{
	static const double weight[PB_SCORES_ROWS] = {1, 2, 3, 4, 5};
	struct pb_counts *counts = pb_counts();
	counts->allocations = counts->imports = 0;
	int rc = pb_metric_score(scores->instance, &scores->batch, scores->score);
	if (!rc)
		rc = check_counts("score");
	if (!rc && ops_of(c)->adjoint)
		rc = pb_metric_adjoint(scores->instance, &scores->batch, weight, scores->dlogits);
	return rc ? rc : check_counts("adjoint");
}

int pb_check_score_memory(struct pb_checkup *c)
{
	if (pb_counts_imports(c->loaded))
		pb_check_note(c, "only calls of host->alloc were counted: %s", pb_error_text());
	return each(c, (const double[]){1}, 1, try_allocation);
}

/* Each row alone. */
static int try_rows(struct pb_checkup *c, struct pb_scores *scores)
{
	struct pb_metric_batch one = scores->batch;
	(void)c;
	int rc = pb_metric_score(scores->instance, &scores->batch, scores->score);
	one.n_rows = 1;
	for (int row = PB_SCORES_ROWS - 1; !rc && row >= 0; row--) {
		double alone = 0, all = scores->score[row];
		one.logits = scores->logits + row * PB_SCORES_VOCAB;
		one.answer = scores->answer + row;
		one.distractor = scores->distractor + row;
		one.reference = scores->batch.reference ? scores->reference + row * PB_SCORES_VOCAB : NULL;
		rc = pb_metric_score(scores->instance, &one, &alone);
		if (!rc && fabs(alone - all) > 1e-12 * (1 + fabs(all)))
			rc = pb_fail(PB_E_PLUGIN,
				     "row %d has the score %.9g among %d rows, but %.9g alone: a row's score may "
				     "depend on nothing else",
				     row, all, PB_SCORES_ROWS, alone);
	}
	return rc;
}

int pb_check_rows(struct pb_checkup *c)
{
	return each(c, (const double[]){1}, 1, try_rows);
}
