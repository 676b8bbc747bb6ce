/* plan_similarity.c: which examples' gradients are compared, and whether the data have them. */
#include <string.h>

#include "base/scalar.h"
#include "base/status.h"
#include "exp/plan.h"

static const char *const words[] = {"clean", "corrupted", "questions"};

/* "clean", "question 3 of 34" */
static const char *label_of(struct pb_plan *plan, const struct pb_plan_example *e)
{
	const struct pb_config_example *c = e->config;
	const char *label = e->part == PB_EXAMPLE_QUESTION
				    ? pb_arena_printf(&plan->arena, "question %lld", (long long)e->question)
				    : words[e->part];
	return label && c->unit ? pb_arena_printf(&plan->arena, "%s of %s", label, c->unit) : label;
}

static int read_example(struct pb_plan *plan, const struct pb_config_example *c, struct pb_plan_example *e)
{
	int64_t number;
	*e = (struct pb_plan_example){.config = c, .unit = -1, .part = PB_EXAMPLE_QUESTION};
	for (int i = 0; i < PB_EXAMPLE_QUESTION; i++)
		if (!strcmp(c->example, words[i]))
			e->part = (enum pb_example_part)i;
	if (e->part == PB_EXAMPLE_QUESTION) {
		if (pb_scalar_int(c->example, &number) != PB_SCALAR_OK || number < 0) {
			const char *nearest = pb_nearest(c->example, words, sizeof words / sizeof *words);
			pb_yaml_error(&plan->config->yaml, c->at, "no example is called `%s`; %s%s%s", c->example,
				      nearest ? "did you mean `"
					      : "it is clean, corrupted, questions, or a question's number, from 0",
				      nearest ? nearest : "", nearest ? "`?" : "");
			return 0;
		}
		e->question = number;
	}
	e->label = label_of(plan, e);
	return e->label ? 0 : -PB_E_NOMEM;
}

/* What can be told before a unit is selected. */
static int check_example(struct pb_plan *plan, const struct pb_plan_example *e)
{
	struct pb_examples unused;
	size_t before = plan->config->yaml.n_errors;
	int64_t unit = e->unit >= 0 ? e->unit : plan->unit;
	if (unit < 0)
		return 0;
	return pb_plan_blame(plan, e->config->at, before, pb_plan_example(plan, e, unit, &plan->arena, &unused));
}

int pb_plan_make_similarity(struct pb_plan *plan)
{
	const struct pb_config *c = plan->config;
	int rc = 0;
	plan->similarity = pb_arena_array(&plan->arena, c->n_similarity, sizeof *plan->similarity);
	if (!plan->similarity)
		return -PB_E_NOMEM;
	plan->n_similarity = c->n_similarity;
	for (size_t i = 0; !rc && i < c->n_similarity; i++) {
		struct pb_plan_example *e = &plan->similarity[i];
		size_t before = c->yaml.n_errors;
		rc = read_example(plan, &c->similarity[i], e);
		if (!rc && e->config->unit)
			rc = pb_plan_unit(plan, e->config->unit, e->config->at_unit, &e->unit);
		if (!rc && c->yaml.n_errors == before && plan->loss)
			rc = check_example(plan, e);
	}
	return rc;
}

/* One example out of many. */
static int one_question(const struct pb_examples *all, int64_t number, struct pb_arena *arena, struct pb_examples *ret)
{
	int64_t first = 0, n = 0;
	while (first < all->n_scored && all->scored[first].example < number)
		first++;
	while (first + n < all->n_scored && all->scored[first + n].example == number)
		n++;
	struct pb_scored *rows = pb_arena_array(arena, (size_t)n, sizeof *rows);
	*ret = *all;
	ret->n_examples = 1;
	ret->tokens += number * all->n_pos;
	ret->n_scored = n;
	ret->scored = rows;
	for (int64_t i = 0; rows && i < n; i++) {
		rows[i] = all->scored[first + i];
		rows[i].example = 0;
	}
	return rows ? 0 : -PB_E_NOMEM;
}

int pb_plan_example(const struct pb_plan *plan, const struct pb_plan_example *e, int64_t unit, struct pb_arena *arena,
		    struct pb_examples *ret_examples)
{
	struct pb_probe_data probe;
	struct pb_unit named;
	int rc = pb_data_probe(plan, unit, &probe);
	if (!rc)
		rc = pb_data_unit(plan, unit, &named);
	if (rc)
		return rc;
	const struct pb_examples *questions = &probe.questions;
	*ret_examples = e->part == PB_EXAMPLE_CLEAN       ? probe.clean
			: e->part == PB_EXAMPLE_CORRUPTED ? probe.corrupted
							  : *questions;
	if (e->part == PB_EXAMPLE_QUESTION && e->question >= questions->n_examples)
		return pb_fail(PB_E_CONFIG, "unit `%s` has %lld question%s, counted from 0; there is no question %lld",
			       named.name, (long long)questions->n_examples, questions->n_examples == 1 ? "" : "s",
			       (long long)e->question);
	if (e->part == PB_EXAMPLE_QUESTION)
		rc = one_question(questions, e->question, arena, ret_examples);
	if (!rc && !ret_examples->n_scored)
		return pb_fail(PB_E_CONFIG, "the data score nothing of %s of unit `%s`, so it has no loss", e->label,
			       named.name);
	return rc ? rc : pb_scorer_check(plan->loss, ret_examples, e->label);
}
