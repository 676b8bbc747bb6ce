/* model_load.h: checkpoints as models. */
#ifndef PB_CKPT_MODEL_LOAD_H
#define PB_CKPT_MODEL_LOAD_H

#include "ckpt/ckpt.h"
#include "model/model.h"

/* What the tensors' names and shapes tell of a HookedTransformer; act_fn and eps are left as they are in ret_config.
 * -PB_E_FORMAT, naming the file and the tensor, if it is not one. */
int pb_ckpt_model_config(const struct pb_ckpt *ckpt, struct pb_model_config *ret_config);
/* Are the tensors those of a model, by name and shape? A missing tensor, one of another shape (both are told) or one that the
 * model does not have is -PB_E_SHAPE; the buffers attn.mask and attn.IGNORE are passed over. */
int pb_ckpt_check_params(const struct pb_ckpt *ckpt, const struct pb_param_table *table);
/* Fills params by name, after the same check. */
int pb_ckpt_load_params(const struct pb_ckpt *ckpt, struct pb_params *params);
/* Writes params as .safetensors; the file appears whole or not at all. */
int pb_ckpt_save_params(const char *path, const struct pb_params *params);

#endif
