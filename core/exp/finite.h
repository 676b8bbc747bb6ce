/* finite.h: where numbers stopped being finite. */
#ifndef PB_EXP_FINITE_H
#define PB_EXP_FINITE_H

#include "exp/scorer.h"
#include "model/model.h"

/* The first of the parameters that is not finite: -PB_E_NUMERIC, naming it and the element. Waits for the device. */
int pb_finite_params(const struct pb_params *params, const char *what);

/* After a step on this batch failed with -PB_E_NUMERIC, before anything was changed: makes it once more, looking at every
 * parameter, hook point, gradient and at last every parameter's gradient in the order in which they are computed, and puts the
 * first that is not finite behind the recorded error. The tape is reset. */
void pb_finite_explain(const struct pb_model *model, struct pb_tape *tape, const struct pb_params *params,
		       struct pb_scorer *loss, const struct pb_examples *batch);

#endif
