/* gemm_tables.c: matrix products in plain C, and for every instruction set of this CPU; or those of a backend. */
#include <stdio.h>

#include "cpu/cpu.h"
#include "kernels_test.h"

enum { MOST_TABLES = 8 };

static struct pbk_table tables[MOST_TABLES];
static char names[MOST_TABLES][32];
static int n_filled;

static void add(const struct pbk_table *plain, const char *what, void (*fill)(struct pbk_table *))
{
	snprintf(names[n_filled], sizeof names[n_filled], "%.7s %s", plain->name, what);
	tables[n_filled] = *plain;
	tables[n_filled].name = names[n_filled];
	if (fill)
		fill(&tables[n_filled]);
	n_filled++;
}

static void add_both(const char *what, void (*fill_f32)(struct pbk_table *), void (*fill_f64)(struct pbk_table *))
{
	add(pbk_cpu_f32_plain(), what, fill_f32);
	add(pbk_cpu_f64_plain(), what, fill_f64);
}

int count_gemm_tables(void)
{
	if (test_backend())
		return n_tables();
	if (n_filled)
		return n_filled;
	add_both("plain", NULL, NULL);
	add_both("baseline", pbk_fill_gemm_blocked_f32, pbk_fill_gemm_blocked_f64);
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		add_both("avx2", pbk_fill_gemm_blocked_f32_avx2, pbk_fill_gemm_blocked_f64_avx2);
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
	    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
		add_both("avx512", pbk_fill_gemm_blocked_f32_avx512, pbk_fill_gemm_blocked_f64_avx512);
#endif
	return n_filled;
}

const struct pbk_table *gemm_table(int i)
{
	if (test_backend())
		return test_table(i);
	return i < count_gemm_tables() ? &tables[i] : NULL;
}
