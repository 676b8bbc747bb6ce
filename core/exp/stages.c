/* stages.c: one training stage after another; those that the journal has are not made again. */
#include "exp/stages.h"

#include <stdlib.h>

#include "base/status.h"
#include "ckpt/model_load.h"

/* The curves as rows, and which weights were saved. */
static int keep_curves(struct pb_journal *journal, size_t index, const struct pb_result_stage *result, uint64_t weights,
		       struct pb_arena *arena)
{
	const size_t width = 1 + result->n_series;
	double *values = pb_arena_array(arena, result->n_points * width + 1, sizeof *values);
	if (!values)
		return -PB_E_NOMEM;
	for (size_t i = 0; i < result->n_points; i++) {
		values[i * width] = result->x[i];
		for (size_t k = 0; k < result->n_series; k++)
			values[i * width + 1 + k] = result->series[k].values[i];
	}
	const struct pb_journal_stage kept = {.index = index, .stopped = result->stopped, .seconds = result->seconds,
					      .weights = weights,
					      .n_points = result->n_points, .width = width, .values = values};
	return pb_journal_add_stage(journal, &kept);
}

static int recall_curves(const struct pb_plan_stage *stage, const struct pb_journal_stage *kept, struct pb_arena *arena,
			 struct pb_result_stage *ret_result)
{
	struct pb_curves curves;
	int rc = pb_curves_init(&curves, stage, arena);
	if (!rc && kept->width != 1 + curves.n_series)
		rc = pb_fail(PB_E_FORMAT, "the journal's stage `%s` has other curves", stage->config->name);
	if (!rc)
		rc = pb_curves_restore(&curves, kept->values, kept->n_points);
	*ret_result = (struct pb_result_stage){.name = stage->config->name, .x_label = "epoch", .seconds = kept->seconds,
					       .stopped = pb_arena_strdup(arena, kept->stopped)};
	int curve_rc = pb_curves_finish(&curves, ret_result);
	return rc ? rc : !ret_result->stopped ? -PB_E_NOMEM : curve_rc;
}

/* The file of where training stands, where there is one that fits. */
static int read_state(const struct pb_stages *s, struct pb_train_state *ret_state, bool *ret_found)
{
	char *path = s->folder->resumed ? pb_folder_path(s->folder, "state.safetensors") : NULL;
	int rc = path || !s->folder->resumed ? 0 : -PB_E_NOMEM;
	*ret_found = false;
	if (path)
		rc = pb_train_state_read(path, s->folder->identity, &s->plan->model.table, ret_state);
	if (path && rc == -PB_E_NOTFOUND)
		rc = 0; /* killed before the first was written */
	else if (path && !rc)
		*ret_found = true;
	if (*ret_found && ret_state->place.stage > (int64_t)s->plan->n_stages) {
		pb_train_state_finish(ret_state);
		*ret_found = false;
		rc = pb_fail(PB_E_FORMAT, "%s is of another experiment", path);
	}
	free(path);
	return rc;
}

/* Weights that a stage left, where somebody wants them. */
static int recall_weights(const struct pb_stages *s, const struct pb_plan_stage *stage, uint64_t checksum)
{
	const char *name = stage->config->save;
	if (!name || !s->is_wanted(s->context, name))
		return 0;
	struct pb_params params;
	int rc = pb_params_init(&params, &s->plan->model.table, s->plan->device, s->plan->config->dtype);
	if (rc)
		return rc;
	rc = pb_folder_load(s->folder, name, checksum, &params);
	if (!rc)
		rc = pb_weights_keep(s->weights, name, &params);
	pb_params_finish(&params);
	return rc;
}

static int recall_stage(const struct pb_stages *s, size_t i, struct pb_result_stage *ret_result)
{
	const struct pb_journal_stage *kept = pb_journal_find_stage(&s->folder->journal, i);
	const struct pb_plan_stage *stage = &s->plan->stages[i];
	if (!kept)
		return pb_fail(PB_E_FORMAT, "the journal of %s lacks stage `%s`, which state.safetensors says is complete: remove that file to train anew",
			       s->folder->path, stage->config->name);
	int rc = recall_curves(stage, kept, s->arena, ret_result);
	if (!rc)
		rc = recall_weights(s, stage, kept->weights);
	return rc ? rc : pb_report_write_stage(s->folder->path, ret_result); /* it may have been killed before */
}

static int keep_weights(const struct pb_stages *s, const struct pb_plan_stage *stage, uint64_t *ret_checksum)
{
	const char *name = stage->config->save;
	if (!name)
		return 0;
	int rc = s->is_wanted(s->context, name) ? pb_weights_keep(s->weights, name, s->params) : 0;
	return rc ? rc : pb_folder_save(s->folder, name, s->params, ret_checksum);
}

static int make_stage(const struct pb_stages *s, struct pb_trainer *trainer, size_t i, const struct pb_train_state *from,
		      struct pb_result_stage *ret_result)
{
	const struct pb_plan_stage *stage = &s->plan->stages[i];
	int rc = pb_trainer_run(trainer, i, from, s->terminal, &s->folder->events, s->arena, ret_result);
	if (!ret_result->name)
		return rc;
	pb_folder_log(s->folder, "stage %s: %s, %.1f s", stage->config->name, ret_result->stopped, ret_result->seconds);
	uint64_t weights = 0;
	if (!rc)
		rc = keep_weights(s, stage, &weights);
	/* In this order: what the state says is complete is in the journal. */
	if (!rc)
		rc = keep_curves(&s->folder->journal, i, ret_result, weights, s->arena);
	if (!rc)
		rc = pb_trainer_save(trainer, i + 1, i + 1 == s->plan->n_stages);
	int write_rc = pb_report_write_stage(s->folder->path, ret_result);
	return rc ? rc : write_rc;
}

/* From where the state stands, or from the beginning. */
static int run_stages(const struct pb_stages *s, struct pb_trainer *trainer, const struct pb_train_state *state,
		      struct pb_result_stage *results, size_t *ret_n)
{
	const size_t first = state ? (size_t)state->place.stage : 0;
	int rc = state ? pb_train_state_params(state, s->params) : 0;
	for (size_t i = 0; !rc && i < s->plan->n_stages; i++) {
		rc = i < first ? recall_stage(s, i, &results[i])
			       : make_stage(s, trainer, i, i == first ? state : NULL, &results[i]);
		*ret_n = i + (results[i].name != NULL);
	}
	return rc;
}

int pb_stages_run(const struct pb_stages *stages, struct pb_result_stage *ret_results, size_t *ret_n)
{
	struct pb_trainer trainer;
	struct pb_train_state state;
	bool found;
	*ret_n = 0;
	if (!stages->plan->n_stages)
		return 0;
	int rc = read_state(stages, &state, &found);
	if (rc)
		return rc;
	char *path = pb_folder_path(stages->folder, "state.safetensors");
	rc = path ? pb_trainer_init(&trainer, stages->plan, stages->params) : -PB_E_NOMEM;
	if (!rc) {
		trainer.state_path = path;
		trainer.run = stages->folder->identity;
		trainer.save_every = stages->save_every;
		trainer.check_finite = stages->check_finite;
		rc = run_stages(stages, &trainer, found ? &state : NULL, ret_results, ret_n);
		pb_trainer_finish(&trainer);
	}
	if (found)
		pb_train_state_finish(&state);
	free(path);
	return rc;
}
