/* table.cu: the tables of both element types, and the one symbol that the program looks for. */
#include "context.h"

static struct pbk_table f32, f64;

template <class real> static void fill(struct pbk_table *table, const char *name)
{
	table->name = name;
	table->real_size = sizeof(real);
	pbk_cuda_fill_memory(table);
	pbk_cuda_fill_nd<real>(table);
	pbk_cuda_fill_noise<real>(table);
	pbk_cuda_fill_rows<real>(table);
	pbk_cuda_fill_layernorm<real>(table);
	pbk_cuda_fill_act<real>(table);
	pbk_cuda_fill_loss<real>(table);
	pbk_cuda_fill_attention<real>(table);
	pbk_cuda_fill_attend<real>(table);
	pbk_cuda_fill_optim<real>(table);
	pbk_cuda_fill_gemm<real>(table);
	pbk_cuda_fill_linear<real>(table);
	pbk_cuda_fill_gradient<real>(table);
	pbk_cuda_fill_step_gemm<real>(table);
	pbk_cuda_fill_step_dots<real>(table);
}

static const struct pbk_backend backend = {
	PBK_BACKEND_ABI, sizeof(struct pbk_table), "cuda", pbk_cuda_count, pbk_cuda_open, pbk_cuda_close, &f32, &f64,
	pbk_cuda_describe, pbk_cuda_memory_free,
};

extern "C" __attribute__((visibility("default"))) const struct pbk_backend *pbk_backend(void)
{
	if (!f32.name) {
		fill<float>(&f32, "cuda f32");
		fill<double>(&f64, "cuda f64");
	}
	return &backend;
}
