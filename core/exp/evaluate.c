/* evaluate.c: forward passes over slices of an example list. */
#include "exp/evaluate.h"

#include <math.h>

#include "base/status.h"

enum {
	EXAMPLES_PER_PASS = 512,
	/* Tokens of the longest examples that are taken as prefixes: attention goes row by row then, which costs more than
	 * products of matrices where there is much of it. */
	LONGEST_PREFIX = 64,
};

int32_t *pb_examples_rows(const struct pb_examples *examples, int64_t first_example, struct pb_arena *arena)
{
	int32_t *rows = pb_arena_array(arena, (size_t)examples->n_scored, sizeof *rows);
	for (int64_t i = 0; rows && i < examples->n_scored; i++)
		rows[i] = (int32_t)((examples->scored[i].example - first_example) * examples->n_pos +
				    examples->scored[i].pos);
	return rows;
}

bool pb_examples_same_rows(const struct pb_examples *a, const struct pb_examples *b)
{
	bool same = a->n_scored == b->n_scored;
	for (int64_t i = 0; same && i < a->n_scored; i++)
		same = a->scored[i].example == b->scored[i].example && a->scored[i].pos == b->scored[i].pos;
	return same;
}

bool pb_slice_next(struct pb_slice *s)
{
	const struct pb_examples *all = s->all;
	s->first_example += s->n_examples;
	s->first_scored += s->n_scored;
	if (s->first_example >= all->n_examples)
		return false;
	int64_t left = all->n_examples - s->first_example, end = s->first_scored;
	s->n_examples = left < EXAMPLES_PER_PASS ? left : EXAMPLES_PER_PASS;
	while (end < all->n_scored && all->scored[end].example < s->first_example + s->n_examples)
		end++;
	s->n_scored = end - s->first_scored;
	return true;
}

static int forward_prefixes(const struct pb_model *model, struct pb_forward *pass, const struct pb_slice *s,
			    struct pb_var **ret_logits, int64_t *ret_rows)
{
	struct pb_prefixes prefixes;
	int rc = pb_prefixes_make(s->all, s->first_example, s->n_examples, s->first_scored, s->n_scored,
				  &pass->tape->arena, &prefixes);
	if (rc)
		return rc;
	pass->prefixes = &prefixes;
	*ret_rows = prefixes.n_rows;
	return pb_model_forward(model, pass, ret_logits);
}

static int forward_whole(const struct pb_model *model, struct pb_forward *pass, const struct pb_slice *s,
			 struct pb_var **ret_logits)
{
	struct pb_examples part = *s->all;
	part.n_scored = s->n_scored;
	part.scored += s->first_scored;
	pass->tokens = part.tokens + s->first_example * part.n_pos;
	pass->b = s->n_examples;
	pass->p = part.n_pos;
	pass->rows = pb_examples_rows(&part, s->first_example, &pass->tape->arena);
	pass->n_rows = s->n_scored;
	return pass->rows ? pb_model_forward(model, pass, ret_logits) : -PB_E_NOMEM;
}

int pb_slice_forward(const struct pb_model *model, struct pb_tape *tape, const struct pb_weights *weights,
		     const struct pb_slice *slice, struct pb_var **ret_logits, int64_t *ret_rows)
{
	struct pb_forward pass = {.tape = tape, .weights = weights};
	int64_t rows = slice->n_examples * slice->all->n_pos;
	int rc = slice->all->n_pos > LONGEST_PREFIX ? forward_whole(model, &pass, slice, ret_logits)
						    : forward_prefixes(model, &pass, slice, ret_logits, &rows);
	if (!rc && ret_rows)
		*ret_rows = rows;
	return rc;
}

int pb_evaluate(const struct pb_model *model, struct pb_tape *tape, const struct pb_weights *weights,
		struct pb_scorer *scorer, const struct pb_examples *examples, const double *reference, double *ret_rows,
		double *ret_mean)
{
	double sum = 0.0;
	struct pb_slice s = {.all = examples};
	int rc = 0;
	while (!rc && pb_slice_next(&s)) {
		struct pb_var *logits;
		double mean;
		if (!s.n_scored)
			continue;
		pb_tape_reset(tape, NULL);
		rc = pb_slice_forward(model, tape, weights, &s, &logits, NULL);
		if (rc)
			break;
		const double *ref = reference ? reference + s.first_scored * logits->value.shape[1] : NULL;
		rc = pb_scorer_score(scorer, &logits->value, examples->scored + s.first_scored, ref,
				     ret_rows ? ret_rows + s.first_scored : NULL, &mean);
		sum += rc ? 0.0 : mean * (double)s.n_scored;
	}
	if (!rc)
		*ret_mean = examples->n_scored ? sum / (double)examples->n_scored : NAN;
	return rc;
}

int pb_evaluate_logits(const struct pb_model *model, struct pb_tape *tape, const struct pb_weights *weights,
		       const struct pb_examples *examples, double *ret_logits)
{
	struct pb_slice s = {.all = examples};
	int rc = 0;
	while (!rc && pb_slice_next(&s)) {
		struct pb_var *logits;
		if (!s.n_scored)
			continue;
		pb_tape_reset(tape, NULL);
		rc = pb_slice_forward(model, tape, weights, &s, &logits, NULL);
		if (!rc)
			rc = pb_view_read(tape->device, &logits->value,
					  ret_logits + s.first_scored * model->config.d_vocab);
	}
	return rc;
}
