/* table.c: fills the tables: plain C first, faster entries over it. */
#include "cpu.h"

#define FILL(table, suffix)                                                                                            \
	do {                                                                                                           \
		pbk_fill_nd_##suffix(table);                                                                           \
		pbk_fill_rows_##suffix(table);                                                                         \
		pbk_fill_layernorm_##suffix(table);                                                                    \
		pbk_fill_act_##suffix(table);                                                                          \
		pbk_fill_attention_##suffix(table);                                                                    \
		pbk_fill_attend_##suffix(table);                                                                       \
		pbk_fill_gradient_##suffix(table);                                                                     \
		pbk_fill_optim_##suffix(table);                                                                        \
	} while (0)

/* Over the plain ones: products, and what is made of steps. */
#define FILL_FAST(table, suffix)                                                                                       \
	do {                                                                                                           \
		pbk_fill_gemm_blocked_##suffix(table);                                                                 \
		pbk_fill_step_gemm_##suffix(table);                                                                    \
		pbk_fill_step_dots_##suffix(table);                                                                    \
	} while (0)

static struct pbk_table f32 = {.name = "cpu f32", .real_size = sizeof(float)};
static struct pbk_table f64 = {.name = "cpu f64", .real_size = sizeof(double)};
static struct pbk_table f32_plain = {.name = "cpu f32 plain", .real_size = sizeof(float)};
static struct pbk_table f64_plain = {.name = "cpu f64 plain", .real_size = sizeof(double)};
static const char *isa = "baseline";

static void fill_plain(struct pbk_table *single, struct pbk_table *twice)
{
	pbk_fill_memory(single);
	pbk_fill_memory(twice);
	pbk_fill_loss_f32(single);
	pbk_fill_loss_f64(twice);
	pbk_fill_noise_f32(single);
	pbk_fill_noise_f64(twice);
	pbk_fill_gemm_f32(single);
	pbk_fill_gemm_f64(twice);
	pbk_fill_step_f32(single);
	pbk_fill_step_f64(twice);
	FILL(single, f32);
	FILL(twice, f64);
}

/* What this CPU can do better. */
static void fill_fast(struct pbk_table *single, struct pbk_table *twice)
{
	FILL_FAST(single, f32);
	FILL_FAST(twice, f64);
#ifdef PBK_X86_64
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")) {
		FILL(single, f32_avx2);
		FILL(twice, f64_avx2);
		FILL_FAST(single, f32_avx2);
		FILL_FAST(twice, f64_avx2);
		isa = "avx2";
	}
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	    __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
	    __builtin_cpu_supports("avx512vl")) {
		FILL(single, f32_avx512);
		FILL(twice, f64_avx512);
		FILL_FAST(single, f32_avx512);
		FILL_FAST(twice, f64_avx512);
		isa = "avx512";
	}
#endif
}

/* Before main, so that the tables are constant to everybody else. */
__attribute__((constructor)) static void fill_tables(void)
{
	fill_plain(&f32_plain, &f64_plain);
	fill_plain(&f32, &f64);
	fill_fast(&f32, &f64);
}

const struct pbk_table *pbk_cpu_f32(void)
{
	return &f32;
}

const struct pbk_table *pbk_cpu_f64(void)
{
	return &f64;
}

const struct pbk_table *pbk_cpu_f32_plain(void)
{
	return &f32_plain;
}

const struct pbk_table *pbk_cpu_f64_plain(void)
{
	return &f64_plain;
}

const char *pbk_cpu_isa(void)
{
	return isa;
}
