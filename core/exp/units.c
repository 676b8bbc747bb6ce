/* units.c: questions of each unit, before and after. The plan has checked that they have what the metric needs. */
#include "exp/units.h"

#include <math.h>

#include "base/status.h"
#include "exp/evaluate.h"

static int measure(const struct pb_plan *plan, struct pb_tape *tape, const struct pb_params *weights, int64_t unit,
		   double *ret_value)
{
	struct pb_probe_data probe;
	int rc = pb_data_probe(plan, unit, &probe);
	return rc ? rc
		  : pb_evaluate(&plan->model, tape, &weights->weights, plan->select_metric, &probe.questions, NULL,
				NULL, ret_value);
}

int pb_units_measure(const struct pb_plan *plan, const struct pb_params *before, const struct pb_params *after,
		     struct pb_arena *arena, struct pb_result_units *ret_units, int64_t *ret_unit)
{
	const struct pb_config_select *select = &plan->config->probe.select;
	struct pb_result_unit *units = pb_arena_array(arena, plan->n_candidates, sizeof *units);
	struct pb_result_units r = {pb_scorer_name(plan->select_metric), select->before, select->after,
				    plan->n_candidates, units, -1};
	struct pb_tape tape;
	double largest = -INFINITY;
	int rc = units ? 0 : -PB_E_NOMEM;
	pb_tape_init(&tape, plan->device, plan->config->dtype);
	for (size_t i = 0; !rc && i < plan->n_candidates; i++) {
		struct pb_unit unit;
		rc = pb_data_unit(plan, plan->candidates[i], &unit);
		if (rc)
			break;
		units[i].name = unit.name;
		units[i].set = unit.set;
		rc = measure(plan, &tape, before, plan->candidates[i], &units[i].before);
		if (!rc)
			rc = measure(plan, &tape, after, plan->candidates[i], &units[i].after);
		double gain = rc ? 0.0 : (units[i].before - units[i].after) * pb_scorer_loss_sign(plan->select_metric);
		/* Equal up to rounding counts as equal: accuracies are fractions of a few questions. */
		if (!rc && gain > largest + 1e-9) {
			largest = gain;
			r.selected = (int64_t)i;
		}
	}
	pb_tape_finish(&tape);
	if (!rc && r.selected < 0)
		rc = pb_fail(PB_E_INTERNAL, "no unit to select");
	if (rc)
		return rc;
	*ret_units = r;
	*ret_unit = plan->candidates[r.selected];
	return 0;
}
