/* context.h: opens and closes what the other files work in; table.cu gives it to the program. */
#ifndef PBK_CUDA_CONTEXT_H
#define PBK_CUDA_CONTEXT_H

#include "cuda.h"

int pbk_cuda_count(void);
pbk_context *pbk_cuda_open(int device, enum pbk_matmul matmul, char *why, size_t size);
void pbk_cuda_close(pbk_context *context);
void pbk_cuda_describe(pbk_context *context, char *text, size_t size);
size_t pbk_cuda_memory_free(pbk_context *context);

#endif
