/* windows.cu: levels of small operations that do not depend on each other, a launch for each. */
#include "windows.h"

#include <stdlib.h>

enum {
	MOST_WAITING = 512,
	MOST_ELEMENTS = 1 << 20,
	AXES = 3,
	FEW = 4, /* a launch takes its windows along: few where that is enough */
	MANY = 48,
	MOST_BLOCKS = 8192, /* of several windows, each of which gets as many as the largest */
};

/* One operation, in numbers that are half as long. */
struct small {
	void *dst;
	const void *src;
	double a;
	double *largest;
	int32_t count, kind;
	int32_t shape[AXES], dst_stride[AXES], src_stride[AXES], rank;
};

template <int ROOM> struct smalls {
	struct small window[ROOM];
};

/* Bytes [from, end). */
struct range {
	uintptr_t from, end;
};

struct waiting {
	struct small small;
	struct range dst, src, largest;
	int level; /* behind all levels that it depends on */
};

struct pbk_windows {
	int count, levels;
	size_t real_size; /* of all that wait */
	struct waiting list[MOST_WAITING];
};

static struct range range_of(const void *x, size_t real_size, const struct pbk_nd *nd, const int64_t *stride)
{
	int64_t least = 0, most = 0;
	for (int axis = 0; axis < nd->rank; axis++) {
		const int64_t along = (nd->shape[axis] - 1) * stride[axis];
		least += along < 0 ? along : 0;
		most += along > 0 ? along : 0;
	}
	const uintptr_t at = (uintptr_t)x;
	return {at + (uintptr_t)(least * (int64_t)real_size), at + (uintptr_t)((most + 1) * (int64_t)real_size)};
}

static bool meet(const struct range &a, const struct range &b)
{
	return a.from < b.end && b.from < a.end;
}

/* Does b touch what a writes? Two that raise the same number may do so in any order. */
static bool touches(const struct waiting *b, const struct waiting *a)
{
	const struct range written = a->small.kind == PBK_WINDOW_RAISE ? a->largest : a->dst;
	return meet(written, b->dst) || meet(written, b->src) ||
	       (a->small.kind != PBK_WINDOW_RAISE && meet(written, b->largest));
}

static bool fits(int64_t number)
{
	return number >= INT32_MIN && number <= INT32_MAX;
}

static bool shorten(const pbk_window *w, struct small *s)
{
	if (w->count > MOST_ELEMENTS || w->nd.rank > AXES)
		return false;
	s->count = (int32_t)w->count;
	s->rank = w->nd.rank;
	for (int axis = 0; axis < w->nd.rank; axis++) {
		if (!fits(w->nd.dst_stride[axis]) || !fits(w->nd.src_stride[axis]))
			return false;
		s->shape[axis] = (int32_t)w->nd.shape[axis];
		s->dst_stride[axis] = (int32_t)w->nd.dst_stride[axis];
		s->src_stride[axis] = (int32_t)w->nd.src_stride[axis];
	}
	return true;
}

bool pbk_windows_take(pbk_context *context, enum pbk_window_kind kind, size_t real_size, const pbk_window *w, void *dst,
		      const void *src, double a, double *largest)
{
	struct small small = {dst, src, a, largest, 0, kind, {}, {}, {}, 0};
	struct pbk_windows *all = context->windows;
	if (!w->count || context->failure)
		return true;
	if (!shorten(w, &small))
		return false;
	if (!all)
		all = context->windows = (struct pbk_windows *)calloc(1, sizeof *all);
	if (!all)
		return false;
	if (all->count == MOST_WAITING || (all->count && all->real_size != real_size))
		pbk_windows_send(context);
	struct waiting *mine = &all->list[all->count];
	*mine = {small, range_of(dst, real_size, &w->nd, w->nd.dst_stride), {0, 0}, {0, 0}, 0};
	if (src)
		mine->src = range_of(src, real_size, &w->nd, w->nd.src_stride);
	if (largest)
		mine->largest = {(uintptr_t)largest, (uintptr_t)(largest + 1)};
	for (int i = 0; i < all->count; i++) {
		const struct waiting *other = &all->list[i];
		if (other->level >= mine->level && (touches(mine, other) || touches(other, mine)))
			mine->level = other->level + 1;
	}
	all->levels = mine->level >= all->levels ? mine->level + 1 : all->levels;
	all->real_size = real_size;
	all->count++;
	return true;
}

/* Where the element i is: in dst, and in src. */
static __device__ __forceinline__ void locate(const struct small &w, int32_t i, int64_t *dst, int64_t *src)
{
	*dst = *src = 0;
	for (int axis = w.rank - 1; axis >= 0; axis--) {
		const int32_t rest = axis ? i / w.shape[axis] : 0, along = i - rest * w.shape[axis];
		*dst += (int64_t)along * w.dst_stride[axis];
		*src += (int64_t)along * w.src_stride[axis];
		i = rest;
	}
}

/* Row y of blocks is the window y's. */
template <class real, int ROOM> static __global__ void windows_kernel(const struct smalls<ROOM> all)
{
	const struct small &w = all.window[blockIdx.y];
	const int64_t i = element();
	real *dst = (real *)w.dst;
	const real *src = (const real *)w.src;
	int64_t to = 0, from = 0;
	const bool mine = i < w.count;
	if (mine)
		locate(w, (int32_t)i, &to, &from);
	if (w.kind != PBK_WINDOW_RAISE) {
		if (mine)
			change(w.kind, dst + to, src + from, (real)w.a);
	} else if ((int64_t)blockIdx.x * blockDim.x < w.count) {
		raise(w.largest, mine ? difference((double)dst[to], (double)src[from]) : 0);
	}
}

template <class real, int ROOM> static void launch(pbk_context *context, int n, const struct small *list)
{
	struct smalls<ROOM> all = {};
	int32_t most = 0;
	for (int i = 0; i < n; i++) {
		all.window[i] = list[i];
		most = list[i].count > most ? list[i].count : most;
	}
	dim3 grid = pbk_grid(most);
	grid.y = (unsigned)n;
	pbk_launch(context, windows_kernel<real, ROOM>, grid, BLOCK, all);
}

static void launch_any(pbk_context *context, size_t real_size, int n, const struct small *list)
{
	const bool single = real_size == sizeof(float);
	if (n > FEW)
		single ? launch<float, MANY>(context, n, list) : launch<double, MANY>(context, n, list);
	else if (n)
		single ? launch<float, FEW>(context, n, list) : launch<double, FEW>(context, n, list);
}

void pbk_windows_send(pbk_context *context)
{
	struct pbk_windows *all = context->windows;
	if (!all || !all->count)
		return;
	const int count = all->count, levels = all->levels;
	all->count = all->levels = 0; /* the launches below send what waits, which is nothing now */
	for (int level = 0; level < levels; level++) {
		struct small list[MANY];
		int n = 0;
		int64_t blocks = 0;
		for (int i = 0; i < count; i++) {
			const struct small *next = &all->list[i].small;
			if (all->list[i].level != level)
				continue;
			const int64_t own = pbk_grid(next->count).x, most = own > blocks ? own : blocks;
			if (n == MANY || (n + 1) * most > MOST_BLOCKS) {
				launch_any(context, all->real_size, n, list);
				n = 0;
			}
			blocks = n ? most : own;
			list[n++] = *next;
		}
		launch_any(context, all->real_size, n, list);
	}
}

void pbk_windows_close(pbk_context *context)
{
	free(context->windows);
	context->windows = NULL;
}
