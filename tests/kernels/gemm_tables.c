/* gemm_tables.c: matrix products in plain C, and for every instruction set that this CPU has. */
#include <stdio.h>

#include "cpu/cpu.h"
#include "kernels_test.h"

enum { MOST_TABLES = 8 };

static struct pbk_table tables[MOST_TABLES];
static char names[MOST_TABLES][32];
static int n_tables;

static void add(const struct pbk_table *plain, const char *what, void (*fill)(struct pbk_table *))
{
	snprintf(names[n_tables], sizeof names[n_tables], "%.7s %s", plain->name, what);
	tables[n_tables] = *plain;
	tables[n_tables].name = names[n_tables];
	if (fill)
		fill(&tables[n_tables]);
	n_tables++;
}

static void add_both(const char *what, void (*fill_f32)(struct pbk_table *), void (*fill_f64)(struct pbk_table *))
{
	add(pbk_cpu_f32_plain(), what, fill_f32);
	add(pbk_cpu_f64_plain(), what, fill_f64);
}

int count_gemm_tables(void)
{
	if (n_tables)
		return n_tables;
	add_both("plain", NULL, NULL);
	add_both("baseline", pbk_fill_gemm_blocked_f32, pbk_fill_gemm_blocked_f64);
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		add_both("avx2", pbk_fill_gemm_blocked_f32_avx2, pbk_fill_gemm_blocked_f64_avx2);
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
	    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
		add_both("avx512", pbk_fill_gemm_blocked_f32_avx512, pbk_fill_gemm_blocked_f64_avx512);
#endif
	return n_tables;
}

const struct pbk_table *gemm_table(int i)
{
	return i < count_gemm_tables() ? &tables[i] : NULL;
}
