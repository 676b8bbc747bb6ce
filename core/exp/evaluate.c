/* evaluate.c: forward passes over slices of an example list. */
#include "exp/evaluate.h"

#include <math.h>

#include "base/status.h"

enum { EXAMPLES_PER_PASS = 512 };

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

/* A slice of an example list, and where its scored rows lie in the whole. */
struct slice {
	struct pb_examples examples;
	int64_t first_example, first_scored;
};

static bool next_slice(const struct pb_examples *all, struct slice *s)
{
	s->first_example += s->examples.n_examples;
	s->first_scored += s->examples.n_scored;
	if (s->first_example >= all->n_examples)
		return false;
	int64_t left = all->n_examples - s->first_example, n = left < EXAMPLES_PER_PASS ? left : EXAMPLES_PER_PASS;
	int64_t end = s->first_scored;
	while (end < all->n_scored && all->scored[end].example < s->first_example + n)
		end++;
	s->examples = (struct pb_examples){
		.struct_size = sizeof s->examples,
		.n_pos = all->n_pos,
		.n_examples = n,
		.tokens = all->tokens + s->first_example * all->n_pos,
		.n_scored = end - s->first_scored,
		.scored = all->scored + s->first_scored,
	};
	return true;
}

/* Logits of a slice's scored rows; its scored list counts examples from the whole list's start. */
static int forward_slice(const struct pb_model *model, struct pb_tape *tape, const struct pb_weights *weights,
			 const struct slice *s, struct pb_var **ret_logits)
{
	const struct pb_examples *e = &s->examples;
	pb_tape_reset(tape, NULL);
	int32_t *rows = pb_examples_rows(e, s->first_example, &tape->arena);
	if (!rows)
		return -PB_E_NOMEM;
	struct pb_forward pass = {.tape = tape, .weights = weights, .tokens = e->tokens, .b = e->n_examples,
				  .p = e->n_pos, .rows = rows, .n_rows = e->n_scored};
	return pb_model_forward(model, &pass, ret_logits);
}

int pb_evaluate(const struct pb_model *model, struct pb_tape *tape, const struct pb_weights *weights,
		struct pb_scorer *scorer, const struct pb_examples *examples, const double *reference, double *ret_rows,
		double *ret_mean)
{
	double sum = 0.0;
	struct slice s = {0};
	int rc = 0;
	while (!rc && next_slice(examples, &s)) {
		struct pb_var *logits;
		double mean;
		if (!s.examples.n_scored)
			continue;
		rc = forward_slice(model, tape, weights, &s, &logits);
		if (rc)
			break;
		const double *ref = reference ? reference + s.first_scored * logits->value.shape[1] : NULL;
		rc = pb_scorer_score(scorer, &logits->value, s.examples.scored, ref,
				     ret_rows ? ret_rows + s.first_scored : NULL, &mean);
		sum += rc ? 0.0 : mean * (double)s.examples.n_scored;
	}
	if (!rc)
		*ret_mean = examples->n_scored ? sum / (double)examples->n_scored : NAN;
	return rc;
}

int pb_evaluate_logits(const struct pb_model *model, struct pb_tape *tape, const struct pb_weights *weights,
		       const struct pb_examples *examples, double *ret_logits)
{
	struct slice s = {0};
	int rc = 0;
	while (!rc && next_slice(examples, &s)) {
		struct pb_var *logits;
		rc = forward_slice(model, tape, weights, &s, &logits);
		if (!rc)
			rc = pb_view_read(tape->device, &logits->value,
					  ret_logits + s.first_scored * model->config.d_vocab);
	}
	return rc;
}
