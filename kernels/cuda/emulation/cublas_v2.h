/* cublas_v2.h: what the CUDA kernels use of cuBLAS, by plain loops. In place of the toolkit's header of this name. */
#ifndef PBK_EMULATION_CUBLAS_V2_H
#define PBK_EMULATION_CUBLAS_V2_H

#include "cuda_runtime.h"

enum cublasStatus_t {
	CUBLAS_STATUS_SUCCESS = 0,
	CUBLAS_STATUS_NOT_INITIALIZED = 1,
	CUBLAS_STATUS_ALLOC_FAILED = 3,
	CUBLAS_STATUS_EXECUTION_FAILED = 13,
};
enum cublasOperation_t { CUBLAS_OP_N = 0, CUBLAS_OP_T };
enum cudaDataType_t { CUDA_R_32F = 0, CUDA_R_16BF = 14 };
enum cublasComputeType_t { CUBLAS_COMPUTE_32F = 68, CUBLAS_COMPUTE_32F_FAST_TF32 = 77 };
enum cublasGemmAlgo_t { CUBLAS_GEMM_DEFAULT = -1 };
typedef struct pbk_emulated_blas *cublasHandle_t;

cublasStatus_t cublasCreate(cublasHandle_t *ret_handle);
cublasStatus_t cublasDestroy(cublasHandle_t handle);
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream);
const char *cublasGetStatusString(cublasStatus_t status);
/* By columns, as cuBLAS. C is float32. */
cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t ta, cublasOperation_t tb, int m, int n,
					  int k, const void *alpha, const void *a, cudaDataType_t a_type, int lda,
					  long long stride_a, const void *b, cudaDataType_t b_type, int ldb,
					  long long stride_b, const void *beta, void *c, cudaDataType_t c_type, int ldc,
					  long long stride_c, int count, cublasComputeType_t compute,
					  cublasGemmAlgo_t algorithm);

#endif
