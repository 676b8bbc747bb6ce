/* data.c: calls of the data plugin. */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "exp/plan.h"

int pb_data_examples(const struct pb_plan *plan, int64_t split, int64_t epoch, struct pb_examples *ret_examples)
{
	struct pb_examples examples = {.struct_size = sizeof examples};
	pb_instance_begin(plan->data);
	int rc = pb_instance_result(plan->data, "examples",
				    pb_dataset_ops(plan->data)->examples(plan->data->self, split, epoch, &examples));
	if (!rc)
		*ret_examples = examples;
	return rc;
}

int pb_data_probe(const struct pb_plan *plan, int64_t unit, struct pb_probe *ret_probe)
{
	struct pb_probe probe = {.struct_size = sizeof probe};
	probe.clean.struct_size = probe.corrupted.struct_size = probe.questions.struct_size = sizeof probe.clean;
	pb_instance_begin(plan->data);
	int rc = pb_instance_result(plan->data, "probe",
				    pb_dataset_ops(plan->data)->probe(plan->data->self, unit, &probe));
	if (rc)
		return rc;
	if (probe.clean.n_pos != probe.corrupted.n_pos || probe.clean.n_examples != probe.corrupted.n_examples)
		return pb_fail(PB_E_SHAPE,
			       "the clean example has %lld x %d tokens, the corrupted one %lld x %d: a patch needs equal shapes",
			       (long long)probe.clean.n_examples, probe.clean.n_pos,
			       (long long)probe.corrupted.n_examples, probe.corrupted.n_pos);
	*ret_probe = probe;
	return 0;
}

int pb_data_unit(const struct pb_plan *plan, int64_t unit, struct pb_unit *ret_unit)
{
	struct pb_unit u = {.struct_size = sizeof u};
	pb_instance_begin(plan->data);
	int rc = pb_instance_result(plan->data, "unit", pb_dataset_ops(plan->data)->unit(plan->data->self, unit, &u));
	if (!rc)
		*ret_unit = u;
	return rc;
}

int64_t pb_data_find_split(const struct pb_plan *plan, const char *name)
{
	const struct pb_dataset_ops *ops = pb_dataset_ops(plan->data);
	int64_t n = ops->n_splits(plan->data->self);
	for (int64_t i = 0; i < n; i++) {
		struct pb_split split = {.struct_size = sizeof split};
		if (!ops->split(plan->data->self, i, &split) && !strcmp(split.name, name))
			return i;
	}
	return -1;
}

const char *pb_data_tokens_text(const struct pb_plan *plan, const int32_t *tokens, int64_t n, struct pb_arena *arena)
{
	struct pb_text text = {0};
	for (int64_t i = 0; i < n; i++) {
		char token[256];
		pb_instance_begin(plan->data);
		if (pb_dataset_ops(plan->data)->token_text(plan->data->self, tokens[i], token, sizeof token) < 0)
			snprintf(token, sizeof token, "%d", (int)tokens[i]);
		pb_text_add(&text, i ? " %s" : "%s", token);
	}
	const char *copy = text.failed ? NULL : pb_arena_strdup(arena, text.data ? text.data : "");
	pb_text_finish(&text);
	return copy;
}
