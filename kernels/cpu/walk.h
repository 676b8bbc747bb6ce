/* walk.h: runs a function over the rows of a strided window. */
#ifndef PBK_WALK_H
#define PBK_WALK_H

#include "real.h"
#include "window.h"

/* Works on `n` elements, `d` and `s` apart by their strides; `first` is the row-major index of the first of them. */
typedef void row_function(int64_t n, real *d, int64_t ds, const real *s, int64_t ss, int64_t first, void *argument);

/* Calls `function` for the row-major elements [begin, end), a row or a part of one at a time. */
static inline void walk_rows(const struct pbk_window *w, int64_t begin, int64_t end, real *dst, const real *src,
			     row_function *function, void *argument)
{
	const struct pbk_nd *nd = &w->nd;
	const int last = nd->rank - 1;
	int64_t at[PBK_MAX_RANK], rest = begin, d = 0, s = 0;
	for (int axis = last; axis >= 0; axis--) {
		at[axis] = rest % nd->shape[axis];
		rest /= nd->shape[axis];
		d += at[axis] * nd->dst_stride[axis];
		s += at[axis] * nd->src_stride[axis];
	}
	for (int64_t i = begin; i < end;) {
		int64_t n = nd->shape[last] - at[last];
		if (n > end - i)
			n = end - i;
		function(n, dst + d, nd->dst_stride[last], src ? src + s : NULL, nd->src_stride[last], i, argument);
		i += n;
		d -= at[last] * nd->dst_stride[last];
		s -= at[last] * nd->src_stride[last];
		at[last] = 0;
		for (int axis = last - 1; axis >= 0; axis--) {
			d += nd->dst_stride[axis];
			s += nd->src_stride[axis];
			if (++at[axis] < nd->shape[axis])
				break;
			d -= nd->shape[axis] * nd->dst_stride[axis];
			s -= nd->shape[axis] * nd->src_stride[axis];
			at[axis] = 0;
		}
	}
}

/* The whole window, by threads where it is large; `cost` is the work per element, 1 for a copy. */
static inline void walk_all(pbk_context *context, const struct pbk_nd *nd, int64_t cost, void *dst, const void *src,
			    row_function *function, void *argument)
{
	const struct pbk_window w = pbk_window_over(nd, src);
	if (w.count > 0)
		PBK_PARALLEL(context, w.count, w.count * cost, walk_rows(&w, begin, end, dst, src, function, argument));
}

#endif
