/* calls.h: the plugins' calls. Nobody else calls through their operations.
 *
 * Each call returns 0 or -PB_E_* with a text that names the plugin, the call and the plugin's reason. A failure without a
 * reason is told as such, and so are crashes and calls that take too long (guard.h); then instance->fault says more, and
 * the instance is not called again, nor destroyed. Arguments and results are those of the public headers.
 */
#ifndef PB_HOST_CALLS_H
#define PB_HOST_CALLS_H

#include "host/registry.h"

int pb_setter_prepare(struct pb_instance *instance, const struct pb_setter_shape *shape); /* 0 without a prepare */
int pb_setter_apply(struct pb_instance *instance, const struct pb_setter_call *call);
int pb_setter_adjoint(struct pb_instance *instance, const struct pb_setter_call *call);

int pb_metric_score(struct pb_instance *instance, const struct pb_metric_batch *batch, double *ret_score);
int pb_metric_adjoint(struct pb_instance *instance, const struct pb_metric_batch *batch, const double *weight,
		      double *ret_dlogits);
/* "logit", "probability": lives as long as the instance. */
const char *pb_metric_unit(struct pb_instance *instance);

int pb_dataset_needs(struct pb_instance *instance, int64_t *ret_d_vocab, int64_t *ret_n_ctx);
int64_t pb_dataset_n_splits(struct pb_instance *instance); /* 0, too, where the call does not return */
int64_t pb_dataset_n_units(struct pb_instance *instance);
int pb_dataset_token_text(struct pb_instance *instance, int32_t token, char *text, size_t size);

/* The same for create and destroy, which instance.c calls. */
int pb_instance_start(struct pb_instance *instance);
int pb_instance_end(struct pb_instance *instance);

#endif
