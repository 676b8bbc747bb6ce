/* trial.h: one call of a plugin under observation.
 *
 * The call is made twice, on equal copies of what the caller hands in, which lie in fences (fence.h); nothing of the
 * caller's is changed. What the contract in <patchbay/...> forbids, and the host can see, is told: memory touched
 * that is not the call's, inputs written, a change outside the region, values that are not finite where the inputs
 * were, outputs left unwritten, results that differ from one call to the next equal one.
 *
 * Both return 0, or a status with a text that names the plugin, the call, the tensor and the index. A call that fails
 * by itself gives its own status and text, as calls.h does; after a crash the instance is not to be called again.
 */
#ifndef PB_CONFORM_TRIAL_H
#define PB_CONFORM_TRIAL_H

#include "host/calls.h"

/* The views of `call` are in host memory, and the instance's device works there: `activation` is whole, `target` a
 * window of it by its address, `source` any window or NULL. A value of minus infinity is no mistake in attn_scores,
 * where it masks. */
int pb_trial_setter(struct pb_instance *instance, const struct pb_setter_call *call, bool adjoint);

/* Of a setter with PB_EFFECT_LINEAR: whether adjoint is the transpose of what apply does, on values drawn at random in
 * place of the region's. The views as above; they are copied, without fences. */
int pb_trial_transpose(struct pb_instance *instance, const struct pb_setter_call *call);

/* What it gives, with a text, where nothing else was found: differences of the score contradict the adjoint at every
 * step size, beyond what noise and kinks explain. */
enum { PB_TRIAL_CONTRADICTED = 1 };

/* The score; with `adjoint` that instead, and along a few directions in each row against differences of the score. */
int pb_trial_metric(struct pb_instance *instance, const struct pb_metric_batch *batch, bool adjoint);

#endif
