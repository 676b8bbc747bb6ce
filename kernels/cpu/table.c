/* table.c: fills the tables: plain C first, faster entries over it. */
#include "cpu.h"

#define FILL_PLAIN(table, suffix)                                                                                      \
	do {                                                                                                           \
		pbk_fill_memory(table);                                                                                \
		pbk_fill_gemm_##suffix(table);                                                                         \
		pbk_fill_nd_##suffix(table);                                                                           \
		pbk_fill_noise_##suffix(table);                                                                        \
		pbk_fill_rows_##suffix(table);                                                                         \
		pbk_fill_layernorm_##suffix(table);                                                                    \
		pbk_fill_act_##suffix(table);                                                                          \
		pbk_fill_attention_##suffix(table);                                                                    \
		pbk_fill_optim_##suffix(table);                                                                        \
	} while (0)

static struct pbk_table tables[4] = {
        {.name = "cpu f32", .real_size = sizeof(float)},
        {.name = "cpu f64", .real_size = sizeof(double)},
        {.name = "cpu f32 plain", .real_size = sizeof(float)},
        {.name = "cpu f64 plain", .real_size = sizeof(double)},
};

/* Before main, so that the tables are constant to everybody else. */
__attribute__((constructor)) static void fill_tables(void)
{
	FILL_PLAIN(&tables[0], f32);
	pbk_fill_dnnl(&tables[0]);
	FILL_PLAIN(&tables[1], f64);
	FILL_PLAIN(&tables[2], f32);
	FILL_PLAIN(&tables[3], f64);
}

const struct pbk_table *pbk_cpu_f32(void)
{
	return &tables[0];
}

const struct pbk_table *pbk_cpu_f64(void)
{
	return &tables[1];
}

const struct pbk_table *pbk_cpu_f32_plain(void)
{
	return &tables[2];
}

const struct pbk_table *pbk_cpu_f64_plain(void)
{
	return &tables[3];
}
