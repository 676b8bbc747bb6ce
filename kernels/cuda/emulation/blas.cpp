/* blas.cpp: products by plain loops, their operands rounded as cuBLAS would. */
#include "cublas_v2.h"

#include <algorithm>

#include "device.h"

namespace
{

float of_bits(uint32_t bits)
{
	float value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

/* To 10 bits of mantissa, ties away from zero. */
float to_tf32(float x)
{
	uint32_t bits;
	memcpy(&bits, &x, sizeof bits);
	return x != x ? x : of_bits((bits + 0x1000) & 0xffffe000u);
}

struct operand {
	const void *data;
	cudaDataType_t type;
	bool transposed, tf32;
	int64_t ld;

	float at(int64_t row, int64_t column) const
	{
		const int64_t i = transposed ? column + row * ld : row + column * ld;
		if (type == CUDA_R_16BF)
			return of_bits(static_cast<uint32_t>(static_cast<const uint16_t *>(data)[i]) << 16);
		const float x = static_cast<const float *>(data)[i];
		return tf32 ? to_tf32(x) : x;
	}
};

void multiply(int m, int n, int k, float alpha, const operand &a, const operand &b, float beta, float *c, int64_t ldc)
{
	for (int64_t j = 0; j < n; j++)
		for (int64_t i = 0; i < m; i++) {
			float total = 0;
			for (int64_t l = 0; l < k; l++)
				total += a.at(i, l) * b.at(l, j);
			float *at = c + i + j * ldc;
			*at = beta == 0 ? alpha * total : alpha * total + beta * *at;
		}
}

int64_t size_of(cudaDataType_t type)
{
	return type == CUDA_R_16BF ? 2 : 4;
}

}

cublasStatus_t cublasCreate(cublasHandle_t *ret_handle)
{
	static int handle;
	static long count;
	if (pbk_emulated_fails("blas", &count))
		return CUBLAS_STATUS_NOT_INITIALIZED;
	*ret_handle = reinterpret_cast<cublasHandle_t>(&handle);
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy(cublasHandle_t)
{
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream(cublasHandle_t, cudaStream_t)
{
	return CUBLAS_STATUS_SUCCESS;
}

const char *cublasGetStatusString(cublasStatus_t status)
{
	switch (status) {
	case CUBLAS_STATUS_SUCCESS: return "success";
	case CUBLAS_STATUS_NOT_INITIALIZED: return "the library was not initialized";
	default: return "the GPU program failed to execute";
	}
}

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k,
					  const void *alpha, const void *a, cudaDataType_t a_type, int lda,
					  long long stride_a, const void *b, cudaDataType_t b_type, int ldb,
					  long long stride_b, const void *beta, void *c, cudaDataType_t, int ldc,
					  long long stride_c, int count, cublasComputeType_t compute, cublasGemmAlgo_t)
{
	const bool tf32 = compute == CUBLAS_COMPUTE_32F_FAST_TF32;
	const int rows_a = ta == CUBLAS_OP_N ? m : k, rows_b = tb == CUBLAS_OP_N ? k : n;
	if (m < 0 || n < 0 || k < 0 || count < 0 || lda < std::max(rows_a, 1) || ldb < std::max(rows_b, 1) || ldc < std::max(m, 1))
		return CUBLAS_STATUS_EXECUTION_FAILED; /* as cuBLAS: an invalid value */
	if (!pbk_emulated_launch_begins())
		return CUBLAS_STATUS_EXECUTION_FAILED;
	for (int64_t i = 0; i < count; i++) {
		const operand left = {static_cast<const char *>(a) + i * stride_a * size_of(a_type), a_type, ta == CUBLAS_OP_T,
				      tf32, lda};
		const operand right = {static_cast<const char *>(b) + i * stride_b * size_of(b_type), b_type,
				       tb == CUBLAS_OP_T, tf32, ldb};
		multiply(m, n, k, *static_cast<const float *>(alpha), left, right, *static_cast<const float *>(beta),
			 static_cast<float *>(c) + i * stride_c, ldc);
	}
	pbk_emulated_launch_ends();
	return CUBLAS_STATUS_SUCCESS;
}
