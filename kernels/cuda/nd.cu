/* nd.cu: elementwise work on strided windows: a thread per element, in row-major order. */
#include <math.h>
#include <string.h>

#include "windows.h"

/* Elements on their way to and from the host at a time. */
static const int64_t READ_PIECE = 4 << 20, WRITE_PIECE = 256 << 10;

struct place {
	int64_t dst, src;
};

/* Where the row-major element i is. Divisions take most of the time, hence the type of the index. */
template <class index> static __device__ __forceinline__ place locate(const pbk_nd &nd, index i)
{
	place at = {0, 0};
	for (int axis = nd.rank - 1; axis > 0; axis--) {
		const index size = (index)nd.shape[axis], rest = i / size;
		const int64_t along = (int64_t)(i - rest * size);
		at.dst += along * nd.dst_stride[axis];
		at.src += along * nd.src_stride[axis];
		i = rest;
	}
	at.dst += (int64_t)i * nd.dst_stride[0];
	at.src += (int64_t)i * nd.src_stride[0];
	return at;
}

static bool is_short(const pbk_window &w)
{
	return w.count <= INT32_MAX;
}

/* What is done to one element: its place in both windows, and its number, counted from the first of the launch. */
template <class real> struct changed_element {
	real *dst;
	const real *src;
	double a;
	int64_t kind; /* as long as the others: no bytes between them */
	__device__ void operator()(place at, int64_t) const { change((int)kind, dst + at.dst, src + at.src, (real)a); }
};

template <class real> struct read_element {
	double *list;
	const real *src;
	__device__ void operator()(place at, int64_t number) const { list[number] = (double)src[at.src]; }
};

template <class real> struct write_element {
	real *dst;
	const double *list;
	__device__ void operator()(place at, int64_t number) const { dst[at.dst] = (real)list[number]; }
};

template <class index, class Operation>
static __global__ void each_kernel(pbk_nd nd, int64_t begin, int64_t count, Operation operation)
{
	const int64_t number = element();
	if (number < count)
		operation(locate(nd, (index)(begin + number)), number);
}

/* For the elements [begin, begin + count). */
template <class Operation>
static void each(pbk_context *context, const pbk_window &w, int64_t begin, int64_t count, Operation operation)
{
	pbk_launch(context, is_short(w) ? each_kernel<uint32_t, Operation> : each_kernel<uint64_t, Operation>,
		   pbk_grid(count), BLOCK, w.nd, begin, count, operation);
}

/* Waits among others of its size, or is large and launched at once. `src` NULL: there is none. */
template <class real>
static void change_window(pbk_context *context, enum pbk_window_kind kind, const struct pbk_nd *nd, void *dst, const void *src,
			  double a)
{
	const pbk_window w = pbk_window_over(nd, src != NULL);
	if (!pbk_windows_take(context, kind, sizeof(real), &w, dst, src, a, NULL))
		each(context, w, 0, w.count, changed_element<real>{(real *)dst, (const real *)src, a, kind});
}

template <class real> static void nd_copy(pbk_context *context, const struct pbk_nd *nd, void *dst, const void *src)
{
	change_window<real>(context, PBK_WINDOW_COPY, nd, dst, src, 0);
}

template <class real>
static void nd_axpy(pbk_context *context, const struct pbk_nd *nd, void *dst, double a, const void *src)
{
	change_window<real>(context, PBK_WINDOW_AXPY, nd, dst, src, a);
}

template <class real> static void nd_scale(pbk_context *context, const struct pbk_nd *nd, void *dst, double a)
{
	change_window<real>(context, PBK_WINDOW_SCALE, nd, dst, NULL, a);
}

template <class real> static void nd_fill(pbk_context *context, const struct pbk_nd *nd, void *dst, double a)
{
	change_window<real>(context, PBK_WINDOW_FILL, nd, dst, NULL, a);
}

/* Zeros after a failure: nobody must read what was never written. */
template <class real>
static void nd_read(pbk_context *context, const struct pbk_nd *nd, double *host_dst, const void *src)
{
	struct pbk_nd source = *nd;
	memcpy(source.dst_stride, nd->src_stride, sizeof source.dst_stride); /* axes merge where they do in src */
	const pbk_window w = pbk_window_over(&source, true);
	const int64_t most = w.count < READ_PIECE ? w.count : READ_PIECE;
	double *list = most ? (double *)pbk_cuda_workspace(context, (size_t)most * sizeof *list) : NULL;
	for (int64_t begin = 0; begin < w.count; begin += most) {
		const int64_t count = w.count - begin < most ? w.count - begin : most;
		each(context, w, begin, count, read_element<real>{list, (const real *)src});
		pbk_fetch(context, host_dst + begin, list, (size_t)count * sizeof *list);
	}
	if (context->failure && w.count)
		memset(host_dst, 0, (size_t)w.count * sizeof *host_dst);
}

template <class real>
static void nd_write(pbk_context *context, const struct pbk_nd *nd, void *dst, const double *host_src)
{
	const pbk_window w = pbk_window_over(nd, false);
	for (int64_t begin = 0; begin < w.count; begin += WRITE_PIECE) {
		const int64_t count = w.count - begin < WRITE_PIECE ? w.count - begin : WRITE_PIECE;
		const void *list = pbk_stage(context, host_src + begin, (size_t)count * sizeof *host_src);
		each(context, w, begin, count, write_element<real>{(real *)dst, (const double *)list});
	}
}

template <class real, class index>
static __global__ void difference_kernel(pbk_window w, const real *dst, const real *src, double *largest)
{
	double mine = 0;
	for (int64_t i = element(); i < w.count; i += (int64_t)gridDim.x * blockDim.x) {
		const place at = locate(w.nd, (index)i);
		const double apart = difference((double)dst[at.dst], (double)src[at.src]);
		mine = apart > mine ? apart : mine;
	}
	raise(largest, mine);
}

template <class real>
static void nd_raise_difference(pbk_context *context, const struct pbk_nd *nd, const void *dst, const void *src,
				double *largest)
{
	const pbk_window w = pbk_window_over(nd, true);
	const int64_t blocks = (w.count + BLOCK - 1) / BLOCK, most = 8 * context->multiprocessors;
	if (pbk_windows_take(context, PBK_WINDOW_RAISE, sizeof(real), &w, (void *)dst, src, 0, largest))
		return;
	pbk_launch(context, is_short(w) ? difference_kernel<real, uint32_t> : difference_kernel<real, uint64_t>,
		   dim3((unsigned)(blocks < most ? blocks : most)), BLOCK, w, dst, src, largest);
}

template <class real>
static double nd_max_difference(pbk_context *context, const struct pbk_nd *nd, const void *dst, const void *src)
{
	double result = 0;
	double *largest = (double *)pbk_cuda_workspace(context, sizeof result);
	if (!largest)
		return 0;
	pbk_cuda_zero(context, largest, sizeof result);
	nd_raise_difference<real>(context, nd, dst, src, largest);
	pbk_fetch(context, &result, largest, sizeof result);
	return context->failure ? 0 : result;
}

template <class real> void pbk_cuda_fill_nd(struct pbk_table *table)
{
	table->nd_copy = nd_copy<real>;
	table->nd_axpy = nd_axpy<real>;
	table->nd_scale = nd_scale<real>;
	table->nd_fill = nd_fill<real>;
	table->nd_read = nd_read<real>;
	table->nd_write = nd_write<real>;
	table->nd_max_difference = nd_max_difference<real>;
	table->nd_raise_difference = nd_raise_difference<real>;
}

template void pbk_cuda_fill_nd<float>(struct pbk_table *table);
template void pbk_cuda_fill_nd<double>(struct pbk_table *table);
