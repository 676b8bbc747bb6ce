/* trial_metric.c: a metric's score or adjoint under observation. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/status.h"
#include "conform/trial_impl.h"
#include "conform/window.h"
#include "tensor/tensor.h"

enum { LOGITS, REFERENCE, ANSWER, DISTRACTOR, WEIGHT, N_INPUTS, SCORE = N_INPUTS, DLOGITS, N_FENCED };

enum direction { TO_ANSWER, TO_SIGNS, TO_NORMAL, N_DIRECTIONS };

/* What outputs hold before a call: a NaN that no computation gives. */
static const uint64_t unwritten = 0x7ff8badc0ffee0ddu;

struct trial {
	struct pb_trial_call call;
	const struct pb_metric_batch *given;
	struct pb_fenced fenced[N_FENCED];
	struct pb_metric_batch told;
	double *first;     /* the output of the first call */
	double *direction; /* [n_rows, d_vocab] */
	double *up;        /* [n_rows]: scores a step further along it */
};

static double *memory(struct trial *t, int which)
{
	return (double *)(void *)t->fenced[which].fence.data[PB_FENCE_WRITABLE];
}

static const void *readable(const struct trial *t, int which)
{
	return t->fenced[which].fence.data[PB_FENCE_READONLY];
}

static int put_reals(struct trial *t, int which, const char *name, const double *data, int rank)
{
	enum pb_fence_side side = which < N_INPUTS ? PB_FENCE_READONLY : PB_FENCE_WRITABLE;
	struct pb_view view = pb_view_over((void *)(uintptr_t)data, PB_F64, rank,
					   (const int64_t[]){t->given->n_rows, t->given->d_vocab});
	return pb_fenced_init(&t->fenced[which], name, side, &view);
}

/* As wide as a float32, which is all that a fence needs to know. */
static int put_tokens(struct trial *t, int which, const char *name, const int32_t *data)
{
	struct pb_view view = pb_view_over((void *)(uintptr_t)data, PB_F32, 1, &t->given->n_rows);
	return pb_fenced_init(&t->fenced[which], name, PB_FENCE_READONLY, &view);
}

static int make(struct trial *t)
{
	static const double weights[] = {2, -0.5, 1};
	const struct pb_metric_batch *given = t->given;
	size_t rows = (size_t)given->n_rows, count = rows * (size_t)given->d_vocab;
	t->first = calloc(count + 1, sizeof *t->first);
	t->direction = calloc(count + 1, sizeof *t->direction);
	t->up = calloc(rows + 1, sizeof *t->up);
	if (!t->first || !t->direction || !t->up)
		return pb_fail_nomem(count * sizeof *t->first, "a trial's copies");
	for (size_t row = 0; row < rows; row++)
		t->up[row] = weights[row % PB_COUNT(weights)];
	int rc = put_reals(t, LOGITS, "logits", given->logits, 2);
	if (!rc && given->reference)
		rc = put_reals(t, REFERENCE, "reference", given->reference, 2);
	if (!rc)
		rc = put_tokens(t, ANSWER, "answer", given->answer);
	if (!rc && given->distractor)
		rc = put_tokens(t, DISTRACTOR, "distractor", given->distractor);
	if (!rc)
		rc = put_reals(t, WEIGHT, "weight", t->up, 1);
	if (!rc)
		rc = put_reals(t, SCORE, "ret_score", t->up, 1);
	if (!rc)
		rc = put_reals(t, DLOGITS, "ret_dlogits", t->direction, 2);
	return rc;
}

static void finish(struct trial *t)
{
	for (int i = 0; i < N_FENCED; i++)
		pb_fence_finish(&t->fenced[i].fence);
	free(t->first);
	free(t->direction);
	free(t->up);
}

/* How a call begins with its outputs, and is told its inputs. */
static void tell(struct trial *t, int output)
{
	const struct pb_view *view = &t->fenced[output].sides[PB_FENCE_WRITABLE].view;
	for (int64_t i = 0, n = pb_view_count(view); i < n; i++)
		memcpy(&memory(t, output)[i], &unwritten, sizeof unwritten);
	t->told = *t->given;
	t->told.logits = readable(t, LOGITS);
	t->told.answer = readable(t, ANSWER);
	t->told.distractor = readable(t, DISTRACTOR);
	t->told.reference = readable(t, REFERENCE);
}

static bool row_is_finite(const double *rows, int64_t row, int64_t width)
{
	bool finite = true;
	for (int64_t i = 0; rows && i < width; i++)
		finite &= !!isfinite(rows[row * width + i]);
	return finite;
}

static bool inputs_are_finite(const struct trial *t, int64_t row)
{
	return row_is_finite(t->given->logits, row, t->given->d_vocab) &&
	       row_is_finite(t->given->reference, row, t->given->d_vocab);
}

static int check_output(struct trial *t, int output)
{
	const struct pb_view *view = &t->fenced[output].sides[PB_FENCE_WRITABLE].view;
	const char *name = t->fenced[output].sides[PB_FENCE_WRITABLE].name;
	int64_t n = pb_view_count(view), row_size = t->given->n_rows ? n / t->given->n_rows : 1;
	char index[128];
	for (int64_t i = 0; i < n; i++) {
		double value = memory(t, output)[i];
		if (isfinite(value))
			continue;
		pb_window_index_text(view, i, index, sizeof index);
		if (!memcmp(&value, &unwritten, sizeof value))
			return pb_trial_refuse(&t->call, "left `%s` element %s unwritten", name, index);
		if (!inputs_are_finite(t, i / row_size))
			continue;
		pb_trial_refuse(&t->call, "wrote %g to `%s` element %s, where the inputs are finite", value, name,
				index);
		return -PB_E_NUMERIC;
	}
	return 0;
}

static int call_once(struct trial *t, int output)
{
	struct pb_metric_batch kept;
	tell(t, output);
	memcpy(&kept, &t->told, sizeof kept);
	t->call.call = output == SCORE ? "score" : "adjoint";
	int rc = output == SCORE
			 ? pb_metric_score(t->call.instance, &t->told, memory(t, SCORE))
			 : pb_metric_adjoint(t->call.instance, &t->told, readable(t, WEIGHT), memory(t, DLOGITS));
	rc = pb_trial_result(&t->call, t->fenced, N_FENCED, rc);
	if (!rc && memcmp(&kept, &t->told, sizeof kept) != 0)
		rc = pb_trial_refuse(&t->call, "changed the `batch` itself");
	if (!rc)
		rc = check_output(t, output);
	return rc;
}

static int compare(struct trial *t, int output)
{
	const struct pb_view *view = &t->fenced[output].sides[PB_FENCE_WRITABLE].view;
	char index[128];
	for (int64_t i = 0, n = pb_view_count(view); i < n; i++) {
		double a = t->first[i], b = memory(t, output)[i];
		if (a == b || (isnan(a) && isnan(b)))
			continue;
		pb_window_index_text(view, i, index, sizeof index);
		return pb_trial_refuse(
			&t->call, "gave %.17g in `%s` element %s, and %.17g when it was called again on the same", a,
			t->fenced[output].sides[PB_FENCE_WRITABLE].name, index, b);
	}
	return 0;
}

static int call_twice(struct trial *t, int output)
{
	int rc = call_once(t, output);
	memcpy(t->first, memory(t, output), t->fenced[output].fence.size);
	if (!rc)
		rc = call_once(t, output);
	if (!rc)
		rc = compare(t, output);
	return rc ? rc : pb_trial_check_fronts(&t->call, t->fenced, N_FENCED);
}

static void set_direction(struct trial *t, enum direction to)
{
	int64_t width = t->given->d_vocab;
	for (int64_t row = 0; row < t->given->n_rows; row++)
		for (int64_t i = 0; i < width; i++) {
			uint64_t at = (uint64_t)(row * width + i);
			double *d = &t->direction[at];
			switch (to) {
			case TO_ANSWER: *d = i == t->given->answer[row]; break;
			case TO_SIGNS: *d = pb_random(0, to, at) & 1 ? 1 : -1; break;
			default: *d = pb_random_normal(0, to, at);
			}
		}
}

static int score_at(struct trial *t, double step)
{
	size_t count = (size_t)t->given->n_rows * (size_t)t->given->d_vocab;
	for (size_t i = 0; i < count; i++)
		memory(t, LOGITS)[i] = t->given->logits[i] + step * t->direction[i];
	return call_once(t, SCORE);
}

/* A row's slope by the adjoint, and by scores on both sides. A score may have kinks, so that both steps must
 * disagree. */
static int compare_slopes(struct trial *t, double step, bool *disagrees, double *slopes)
{
	int64_t width = t->given->d_vocab;
	int rc = score_at(t, step);
	memcpy(t->up, memory(t, SCORE), t->fenced[SCORE].fence.size);
	if (!rc)
		rc = score_at(t, -step);
	for (int64_t row = 0; !rc && row < t->given->n_rows; row++) {
		const double weight = memory(t, WEIGHT)[row], down = memory(t, SCORE)[row];
		double slope = 0, measured = weight * (t->up[row] - down) / (2 * step);
		for (int64_t i = 0; i < width; i++)
			slope += t->first[row * width + i] * t->direction[row * width + i];
		disagrees[row] &=
			fabs(slope - measured) > 1e-3 * fmax(fabs(slope), fabs(measured)) + 1e-7 * (1 + fabs(down));
		slopes[2 * row] = slope;
		slopes[2 * row + 1] = measured;
	}
	return rc;
}

static int check_direction(struct trial *t, enum direction to, bool *disagrees, double *slopes)
{
	static const char *const names[] = {"towards the answer's logit", "in a direction of ones and minus ones",
					    "in a random direction"};
	int64_t rows = t->given->n_rows;
	bool any = false;
	set_direction(t, to);
	for (int64_t row = 0; row < rows; row++)
		disagrees[row] = inputs_are_finite(t, row);
	int rc = compare_slopes(t, 1e-4, disagrees, slopes);
	for (int64_t row = 0; row < rows; row++)
		any |= disagrees[row];
	if (!rc && any)
		rc = compare_slopes(t, 1e-5, disagrees, slopes);
	t->call.call = "adjoint";
	for (int64_t row = 0; !rc && row < rows; row++)
		if (disagrees[row])
			return pb_trial_refuse(&t->call,
					       "of row %lld has the slope %g %s, but differences of the score have "
					       "%g (times the weight)",
					       (long long)row, slopes[2 * row], names[to], slopes[2 * row + 1]);
	return rc;
}

/* t->first holds the adjoint's output. */
static int check_slopes(struct trial *t)
{
	size_t rows = (size_t)t->given->n_rows;
	bool *disagrees = calloc(rows + 1, sizeof *disagrees);
	double *slopes = calloc(2 * rows + 1, sizeof *slopes);
	int rc = disagrees && slopes ? 0 : pb_fail_nomem(rows * sizeof *slopes, "slopes");
	for (int to = 0; !rc && to < N_DIRECTIONS; to++)
		rc = check_direction(t, to, disagrees, slopes);
	free(disagrees);
	free(slopes);
	return rc;
}

int pb_trial_metric(struct pb_instance *instance, const struct pb_metric_batch *batch, bool adjoint)
{
	struct trial t = {.call = {.instance = instance}, .given = batch};
	int rc = make(&t);
	if (!rc)
		rc = call_twice(&t, adjoint ? DLOGITS : SCORE);
	if (!rc && adjoint)
		rc = check_slopes(&t);
	finish(&t);
	return rc;
}
