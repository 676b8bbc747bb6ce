/* cuda.h: finds the kernels of a device that is not the CPU (kernels/backend.h). */
#ifndef PB_TENSOR_CUDA_H
#define PB_TENSOR_CUDA_H

#include "tensor/tensor.h"

/* Is that shared object there? */
bool pb_cuda_is_built(void);
/* Opens CUDA device `index`; in_turn: of as many as there are, counted round. Its shared object is looked for in the folder
 * PATCHBAY_BACKEND_PATH, if that is set, else where patchbay is installed or was built. -PB_E_UNSUPPORTED with the reason
 * where there is none, or the machine has no such device. */
int pb_cuda_open(int index, bool in_turn, enum pbk_matmul matmul, struct pb_device *ret_device);

#endif
