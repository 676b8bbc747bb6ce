/* blas.cu: cuBLAS in row-major order, with operands rounded to TF32 or split into pairs of bfloat16. */
#include "blas.h"

#include <cublas_v2.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Loaded for a context that asks for its products: it is large, and the others do without. */
struct pbk_blas {
	cublasHandle_t handle;
	decltype(&cublasCreate) create;
	decltype(&cublasDestroy) destroy;
	decltype(&cublasSetStream) set_stream;
	decltype(&cublasGetStatusString) status_string;
	/* cublasGemmStridedBatchedEx, of which there are two */
	cublasStatus_t (*multiply)(cublasHandle_t, cublasOperation_t, cublasOperation_t, int, int, int, const void *, const void *,
				   cudaDataType_t, int, long long, const void *, cudaDataType_t, int, long long, const void *,
				   void *, cudaDataType_t, int, long long, int, cublasComputeType_t, cublasGemmAlgo_t);
};

#ifdef CUBLAS_VER_MAJOR
template <class F> static bool find(void *library, const char *name, F *ret)
{
	*ret = reinterpret_cast<F>(dlsym(library, name));
	return *ret != NULL;
}

/* Not unloaded: CUDA's libraries leave work for the end of the program. */
static bool load(struct pbk_blas *blas)
{
	char name[32];
	snprintf(name, sizeof name, "libcublas.so.%d", CUBLAS_VER_MAJOR);
	void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	return library && find(library, "cublasCreate_v2", &blas->create) && find(library, "cublasDestroy_v2", &blas->destroy) &&
	       find(library, "cublasSetStream_v2", &blas->set_stream) &&
	       find(library, "cublasGetStatusString", &blas->status_string) &&
	       find(library, "cublasGemmStridedBatchedEx", &blas->multiply);
}
#else
static bool load(struct pbk_blas *blas)
{
	*blas = {NULL, cublasCreate, cublasDestroy, cublasSetStream, cublasGetStatusString, cublasGemmStridedBatchedEx};
	return true;
}
#endif

bool pbk_blas_open(pbk_context *context, char *why, size_t size)
{
	struct pbk_blas *blas = context->blas = (struct pbk_blas *)calloc(1, sizeof *blas);
	if (!blas) {
		snprintf(why, size, "out of memory");
		return false;
	}
	if (!load(blas)) {
		snprintf(why, size, "cuBLAS, which products by tf32 and bf16x3 need, cannot be loaded: %s", dlerror());
		return false;
	}
	cublasStatus_t status = blas->create(&blas->handle);
	if (status == CUBLAS_STATUS_SUCCESS)
		status = blas->set_stream(blas->handle, context->stream);
	if (status != CUBLAS_STATUS_SUCCESS)
		snprintf(why, size, "cuBLAS cannot be used: %s", blas->status_string(status));
	return status == CUBLAS_STATUS_SUCCESS;
}

void pbk_blas_close(pbk_context *context)
{
	if (context->blas && context->blas->handle)
		context->blas->destroy(context->blas->handle);
	free(context->blas);
	context->blas = NULL;
}

static void note_blas(pbk_context *context, cublasStatus_t status)
{
	if (status == CUBLAS_STATUS_SUCCESS || context->failure)
		return;
	context->failure = status == CUBLAS_STATUS_ALLOC_FAILED ? PBK_E_NOMEM : PBK_E_DEVICE;
	snprintf(context->why, sizeof context->why, "cuBLAS: %s", context->blas->status_string(status));
}

/* cuBLAS reads by columns: the transpose of C is that of B times that of A. */
static void multiply(pbk_context *context, const struct pbk_blas_product *p, const void *a, const void *b,
		     cudaDataType_t type, cublasComputeType_t compute, float beta)
{
	const float alpha = (float)p->alpha;
	pbk_queue_send(context); /* this comes behind what waits */
	if (context->failure)
		return;
	note_blas(context,
		  context->blas->multiply(context->blas->handle, p->tb ? CUBLAS_OP_T : CUBLAS_OP_N,
					  p->ta ? CUBLAS_OP_T : CUBLAS_OP_N, (int)p->n, (int)p->m, (int)p->k, &alpha, b,
					  type, (int)p->ldb, p->stride_b, a, type, (int)p->lda, p->stride_a, &beta, p->c,
					  CUDA_R_32F, (int)p->ldc, p->stride_c, (int)p->count, compute,
					  CUBLAS_GEMM_DEFAULT));
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
