/* data.c: what the plan's data plugin hands out. */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "exp/plan.h"

/* Where the model is a mistake of its own, there is no vocabulary to compare with. */
static int64_t d_vocab_of(const struct pb_plan *plan)
{
	return plan->has_model ? plan->model.config.d_vocab : INT32_MAX;
}

int pb_data_examples(const struct pb_plan *plan, int64_t split, int64_t epoch, struct pb_examples *ret_examples)
{
	return pb_dataset_examples(plan->data, d_vocab_of(plan), split, epoch, ret_examples);
}

int pb_data_probe(const struct pb_plan *plan, int64_t unit, struct pb_probe_data *ret_probe)
{
	return pb_dataset_probe(plan->data, d_vocab_of(plan), unit, ret_probe);
}

int pb_data_unit(const struct pb_plan *plan, int64_t unit, struct pb_unit *ret_unit)
{
	return pb_dataset_unit(plan->data, unit, ret_unit);
}

int pb_data_split(const struct pb_plan *plan, int64_t split, struct pb_split *ret_split)
{
	return pb_dataset_split(plan->data, split, ret_split);
}

int64_t pb_data_find_split(const struct pb_plan *plan, const char *name)
{
	int64_t n = pb_dataset_n_splits(plan->data);
	for (int64_t i = 0; i < n; i++) {
		struct pb_split split;
		if (!pb_data_split(plan, i, &split) && !strcmp(split.name, name))
			return i;
	}
	return -1;
}

const char *pb_data_tokens_text(const struct pb_plan *plan, const int32_t *tokens, int64_t n, struct pb_arena *arena)
{
	struct pb_text text = {0};
	for (int64_t i = 0; i < n; i++) {
		char token[256];
		if (pb_dataset_token_text(plan->data, tokens[i], token, sizeof token) < 0)
			snprintf(token, sizeof token, "%d", (int)tokens[i]);
		pb_text_add(&text, i ? " %s" : "%s", token);
	}
	const char *copy = text.failed ? NULL : pb_arena_strdup(arena, text.data ? text.data : "");
	pb_text_finish(&text);
	return copy;
}
