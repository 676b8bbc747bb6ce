/* staged.h: copies of device tensors in host memory, for setters that read and write memory themselves. */
#ifndef PB_EXP_STAGED_H
#define PB_EXP_STAGED_H

#include "tensor/tensor.h"

/* A host copy with the same shape, strides and axes. The tensor is contiguous, or one example that stands for all (its first
 * stride is 0). ret_copy->data is the caller's, to be freed with free(). */
int pb_staged_read(struct pb_device *device, const struct pb_view *tensor, struct pb_view *ret_copy);
/* The copy's values back to the tensor, which is contiguous. */
int pb_staged_write(struct pb_device *device, const struct pb_view *tensor, const struct pb_view *copy);

#endif
