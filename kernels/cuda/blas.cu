/* blas.cu: cuBLAS in row-major order, with operands rounded to TF32 or split into pairs of bfloat16. */
#include "blas.h"

#include <cublas_v2.h>
#include <stdio.h>
#include <string.h>

static bool note_blas(pbk_context *context, cublasStatus_t status)
{
	if (status == CUBLAS_STATUS_SUCCESS)
		return true;
	if (!context->failure) {
		context->failure = status == CUBLAS_STATUS_ALLOC_FAILED ? PBK_E_NOMEM : PBK_E_DEVICE;
		snprintf(context->why, sizeof context->why, "cuBLAS: %s", cublasGetStatusString(status));
	}
	return false;
}

static cublasHandle_t handle_of(pbk_context *context)
{
	cublasHandle_t handle = (cublasHandle_t)context->blas;
	pbk_queue_send(context); /* what cuBLAS is called for comes behind it */
	if (context->failure)
		return NULL;
	if (handle)
		return handle;
	if (!note_blas(context, cublasCreate(&handle)))
		return NULL;
	context->blas = handle;
	return note_blas(context, cublasSetStream(handle, context->stream)) ? handle : NULL;
}

void pbk_blas_close(pbk_context *context)
{
	if (context->blas)
		cublasDestroy((cublasHandle_t)context->blas);
	context->blas = NULL;
}

/* cuBLAS reads by columns: the transpose of C is that of B times that of A. */
static void multiply(pbk_context *context, const struct pbk_blas_product *p, const void *a, const void *b,
		     cudaDataType_t type, cublasComputeType_t compute, float beta)
{
	const float alpha = (float)p->alpha;
	cublasHandle_t handle = handle_of(context);
	if (handle)
		note_blas(context,
			  cublasGemmStridedBatchedEx(handle, p->tb ? CUBLAS_OP_T : CUBLAS_OP_N,
						     p->ta ? CUBLAS_OP_T : CUBLAS_OP_N, (int)p->n, (int)p->m, (int)p->k,
						     &alpha, b, type, (int)p->ldb, p->stride_b, a, type, (int)p->lda,
						     p->stride_a, &beta, p->c, CUDA_R_32F, (int)p->ldc, p->stride_c,
						     (int)p->count, compute, CUBLAS_GEMM_DEFAULT));
}

/* Rounded to bfloat16's 8 bits, to even on a tie; a NaN stays one. */
static __device__ __forceinline__ uint16_t to_bf16(float x)
{
	uint32_t bits;
	memcpy(&bits, &x, sizeof bits);
	if (x != x)
		return (uint16_t)(bits >> 16 | 0x40);
	return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static __device__ __forceinline__ float from_bf16(uint16_t x)
{
	const uint32_t bits = (uint32_t)x << 16;
	float value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

static __global__ void split_kernel(int64_t count, const float *x, uint16_t *high, uint16_t *low)
{
	const int64_t i = element();
	if (i >= count)
		return;
	high[i] = to_bf16(x[i]);
	low[i] = to_bf16(x[i] - from_bf16(high[i]));
}

/* Elements from an operand's first to its last, gaps between rows included. */
static int64_t extent(int64_t rows, int64_t columns, int64_t ld, int64_t stride, int64_t count)
{
	return (count - 1) * stride + (rows - 1) * ld + columns;
}

/* The small products first. */
static void multiply_split(pbk_context *context, const struct pbk_blas_product *p)
{
	const int64_t a = extent(p->ta ? p->k : p->m, p->ta ? p->m : p->k, p->lda, p->stride_a, p->count);
	const int64_t b = extent(p->tb ? p->n : p->k, p->tb ? p->k : p->n, p->ldb, p->stride_b, p->count);
	const int64_t room_a = (a + 63) / 64 * 64, room_b = (b + 63) / 64 * 64;
	uint16_t *a_high = (uint16_t *)pbk_cuda_workspace(context, (size_t)(2 * room_a + 2 * room_b) * sizeof *a_high);
	if (!a_high)
		return;
	uint16_t *a_low = a_high + room_a, *b_high = a_low + room_a, *b_low = b_high + room_b;
	pbk_launch(context, split_kernel, pbk_grid(a), BLOCK, a, p->a, a_high, a_low);
	pbk_launch(context, split_kernel, pbk_grid(b), BLOCK, b, p->b, b_high, b_low);
	multiply(context, p, a_low, b_high, CUDA_R_16BF, CUBLAS_COMPUTE_32F, (float)p->beta);
	multiply(context, p, a_high, b_low, CUDA_R_16BF, CUBLAS_COMPUTE_32F, 1);
	multiply(context, p, a_high, b_high, CUDA_R_16BF, CUBLAS_COMPUTE_32F, 1);
}

void pbk_blas_multiply(pbk_context *context, const struct pbk_blas_product *product)
{
	if (context->matmul == PBK_MATMUL_BF16X3)
		multiply_split(context, product);
	else
		multiply(context, product, product->a, product->b, CUDA_R_32F, CUBLAS_COMPUTE_32F_FAST_TF32,
			 (float)product->beta);
}
