/* trial_metric.c: a metric's score or adjoint under observation. */
#include <float.h>
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

/* For differences of a smooth score in double precision. */
#define MAIN_STEP 1e-4

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
	int rc = pb_watch_init(&t->call.watch, t->call.instance);
	if (!rc)
		rc = put_reals(t, LOGITS, "logits", given->logits, 2);
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
	pb_watch_finish(&t->call.watch);
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

/* A row along one direction. Scores and slopes are without the row's weight. */
struct line {
	double slope;    /* by the adjoint */
	double here;     /* the score at the point */
	double measured; /* its slope by differences of the smallest error */
	double noise;    /* of a score */
	bool single;     /* every score seen is a float32 */
	bool disagrees;
};

static bool is_single(double value)
{
	return (double)(float)value == value;
}

static int begin_lines(struct trial *t, struct line *lines)
{
	int64_t width = t->given->d_vocab;
	int rc = score_at(t, 0);
	for (int64_t row = 0; !rc && row < t->given->n_rows; row++) {
		struct line *line = &lines[row];
		*line = (struct line){.here = memory(t, SCORE)[row], .disagrees = inputs_are_finite(t, row)};
		line->single = is_single(line->here);
		for (int64_t i = 0; i < width; i++)
			line->slope += t->first[row * width + i] * t->direction[row * width + i];
		line->slope /= memory(t, WEIGHT)[row];
	}
	return rc;
}

/* At a kink every slope between those of its two sides is one. */
static bool contradicts(const struct line *line, double left, double right, double step)
{
	double largest = fmax(fabs(line->slope), fmax(fabs(left), fabs(right)));
	double tolerance = 1e-3 * largest + 1e-7 * (1 + fabs(line->here)) + line->noise / step;
	return line->slope < fmin(left, right) - tolerance || line->slope > fmax(left, right) + tolerance;
}

/* Scores on both sides of the point: either how much they are in disorder, at steps too small for anything else to
 * show; or whether they contradict the adjoint. */
static int look_at(struct trial *t, double step, bool noise, struct line *lines)
{
	int rc = score_at(t, step);
	memcpy(t->up, memory(t, SCORE), t->fenced[SCORE].fence.size);
	if (!rc)
		rc = score_at(t, -step);
	for (int64_t row = 0; !rc && row < t->given->n_rows; row++) {
		struct line *line = &lines[row];
		double up = t->up[row], down = memory(t, SCORE)[row];
		double right = (up - line->here) / step, left = (line->here - down) / step;
		line->single &= is_single(up) && is_single(down);
		if (noise)
			line->noise = fmax(line->noise, 3 * fabs(up - 2 * line->here + down));
		else
			line->disagrees &= contradicts(line, left, right, step);
		if (!noise && step == MAIN_STEP)
			line->measured = (left + right) / 2;
	}
	return rc;
}

static bool any_disagrees(const struct trial *t, const struct line *lines)
{
	bool any = false;
	for (int64_t row = 0; row < t->given->n_rows; row++)
		any |= lines[row].disagrees;
	return any;
}

/* What one step shows may be noise, or a kink close by: only what all steps show beyond the noise is meant. */
static int look_closer(struct trial *t, struct line *lines)
{
	static const double tiny[] = {3e-6, 1e-6, 3e-7}, steps[] = {1e-2, 1e-3, MAIN_STEP, 1e-5};
	int rc = 0;
	for (size_t i = 0; !rc && i < PB_COUNT(tiny); i++)
		rc = look_at(t, tiny[i], true, lines);
	for (int64_t row = 0; row < t->given->n_rows; row++)
		if (lines[row].single)
			lines[row].noise = fmax(lines[row].noise, 4 * FLT_EPSILON * fabs(lines[row].here));
	for (size_t i = 0; !rc && i < PB_COUNT(steps); i++)
		rc = look_at(t, steps[i], false, lines);
	return rc;
}

static int check_direction(struct trial *t, enum direction to, struct line *lines)
{
	static const char *const names[] = {"towards the answer's logit", "in a direction of ones and minus ones",
					    "in a random direction"};
	set_direction(t, to);
	int rc = begin_lines(t, lines);
	if (!rc)
		rc = look_at(t, MAIN_STEP, false, lines);
	if (!rc && any_disagrees(t, lines))
		rc = look_closer(t, lines);
	t->call.call = "adjoint";
	for (int64_t row = 0; !rc && row < t->given->n_rows; row++) {
		double weight = memory(t, WEIGHT)[row];
		if (!lines[row].disagrees)
			continue;
		pb_trial_refuse(&t->call,
				"of row %lld has the slope %g %s, but differences of the score have %g (times the "
				"weight)",
				(long long)row, weight * lines[row].slope, names[to], weight * lines[row].measured);
		return PB_TRIAL_CONTRADICTED;
	}
	return rc;
}

/* t->first holds the adjoint's output. */
static int check_slopes(struct trial *t)
{
	struct line *lines = calloc((size_t)t->given->n_rows + 1, sizeof *lines);
	int rc = lines ? 0 : pb_fail_nomem((size_t)t->given->n_rows * sizeof *lines, "slopes");
	for (int to = 0; !rc && to < N_DIRECTIONS; to++)
		rc = check_direction(t, to, lines);
	free(lines);
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
