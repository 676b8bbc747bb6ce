/* cpu.h: what the CPU kernels share: the context, threads, and the functions that fill the table. */
#ifndef PBK_CPU_H
#define PBK_CPU_H

#include "kernels.h"

struct pbk_context {
	int threads;
};

/* How many threads to use on `count` independent pieces that are `work` elements together: 1 if more would cost more
 * than they save, or if the caller already runs in parallel. */
int pbk_threads(const pbk_context *context, int64_t count, int64_t work);

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

/* One per file and element type: writes the file's entries into the table. */
#define PBK_DECLARE_FILLERS(suffix)                                                                                    \
	void pbk_fill_nd_##suffix(struct pbk_table *table);                                                            \
	void pbk_fill_noise_##suffix(struct pbk_table *table);                                                         \
	void pbk_fill_rows_##suffix(struct pbk_table *table);                                                          \
	void pbk_fill_layernorm_##suffix(struct pbk_table *table);                                                     \
	void pbk_fill_act_##suffix(struct pbk_table *table);                                                           \
	void pbk_fill_attention_##suffix(struct pbk_table *table);                                                     \
	void pbk_fill_optim_##suffix(struct pbk_table *table);                                                         \
	void pbk_fill_gemm_##suffix(struct pbk_table *table)
PBK_DECLARE_FILLERS(f32);
PBK_DECLARE_FILLERS(f64);

void pbk_fill_memory(struct pbk_table *table);
void pbk_fill_dnnl(struct pbk_table *table); /* f32 only */

#endif
