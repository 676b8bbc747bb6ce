/* cpu.h: what the CPU kernels share: the context, threads, and the functions that fill the table. */
#ifndef PBK_CPU_H
#define PBK_CPU_H

#include "kernels.h"

struct pbk_context {
	int threads;
	void *workspace; /* pbk_workspace's */
	size_t workspace_size;
	int failure; /* enum pbk_error since the last sync */
};

/* Memory for the length of one call, 64-byte aligned; kept and grown, so that calls do not allocate. NULL when there is
 * none, which the context remembers. */
void *pbk_workspace(pbk_context *context, size_t size);

/* How many threads to use on `count` independent pieces that are `work` elements together: 1 if more would cost more
 * than they save, or if the caller already runs in parallel. */
int pbk_threads(const pbk_context *context, int64_t count, int64_t work);

/* A product's work in those elements. */
static inline int64_t pbk_gemm_work(int64_t m, int64_t n, int64_t k)
{
	return m * n * k / 16;
}

/* Runs the statement (last argument) on [begin, end), one share of [0, count) per thread. */
#define PBK_PARALLEL(context, count, work, ...)                                                                        \
	do {                                                                                                           \
		const int64_t count_ = (count);                                                                        \
		const int threads_ = pbk_threads(context, count_, work);                                               \
		if (threads_ == 1) {                                                                                   \
			const int64_t begin = 0, end = count_;                                                         \
			__VA_ARGS__;                                                                                   \
		} else {                                                                                               \
			_Pragma("omp parallel for num_threads(threads_)") for (int t_ = 0; t_ < threads_; t_++)        \
			{                                                                                              \
				const int64_t begin = count_ * t_ / threads_;                                          \
				const int64_t end = count_ * (t_ + 1) / threads_;                                      \
				__VA_ARGS__;                                                                           \
			}                                                                                              \
		}                                                                                                      \
	} while (0)

/* The build compiles each kernel once per element type and instruction set, named by a suffix: f32, f32_avx2, ...
 * Each file has one function per suffix, which writes its entries into the table. */
#define PBK_DECLARE_FILLERS(suffix)                                                                                    \
	void pbk_fill_nd_##suffix(struct pbk_table *table);                                                            \
	void pbk_fill_rows_##suffix(struct pbk_table *table);                                                          \
	void pbk_fill_layernorm_##suffix(struct pbk_table *table);                                                     \
	void pbk_fill_act_##suffix(struct pbk_table *table);                                                           \
	void pbk_fill_attention_##suffix(struct pbk_table *table);                                                     \
	void pbk_fill_attend_##suffix(struct pbk_table *table);                                                        \
	void pbk_fill_gradient_##suffix(struct pbk_table *table);                                                      \
	void pbk_fill_optim_##suffix(struct pbk_table *table);                                                         \
	void pbk_fill_step_gemm_##suffix(struct pbk_table *table);                                                     \
	void pbk_fill_step_dots_##suffix(struct pbk_table *table);                                                     \
	void pbk_fill_gemm_blocked_##suffix(struct pbk_table *table)
PBK_DECLARE_FILLERS(f32);
PBK_DECLARE_FILLERS(f64);
PBK_DECLARE_FILLERS(f32_avx2);
PBK_DECLARE_FILLERS(f64_avx2);
PBK_DECLARE_FILLERS(f32_avx512);
PBK_DECLARE_FILLERS(f64_avx512);

/* Those that no instruction set makes faster. */
void pbk_fill_memory(struct pbk_table *table);
void pbk_fill_loss_f32(struct pbk_table *table);
void pbk_fill_loss_f64(struct pbk_table *table);
void pbk_fill_noise_f32(struct pbk_table *table);
void pbk_fill_noise_f64(struct pbk_table *table);
void pbk_fill_gemm_f32(struct pbk_table *table);
void pbk_fill_gemm_f64(struct pbk_table *table);
void pbk_fill_step_f32(struct pbk_table *table);
void pbk_fill_step_f64(struct pbk_table *table);

#endif
