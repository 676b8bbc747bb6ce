/* walk.h: runs a function over the rows of a strided window. */
#ifndef PBK_WALK_H
#define PBK_WALK_H

#include "real.h"

/* A window with axes merged where memory allows; the last axis is the row. */
struct walk {
	struct pbk_nd nd; /* rank >= 1 */
	int64_t count;    /* elements */
};

/* Works on `n` elements, `d` and `s` apart by their strides; `first` is the row-major index of the first of them. */
typedef void row_function(int64_t n, real *d, int64_t ds, const real *s, int64_t ss, int64_t first, void *argument);

static inline bool mergeable(const struct pbk_nd *nd, int axis, int64_t size, int64_t dst, int64_t src, bool use_src)
{
	return nd->dst_stride[axis] == size * dst && (!use_src || nd->src_stride[axis] == size * src);
}

/* Merges axis into the one before it wherever both operands step through the two as through one. */
static inline struct walk walk_over(const struct pbk_nd *nd, bool use_src)
{
	struct walk w = {.nd = {.rank = 0}, .count = 1};
	struct pbk_nd *r = &w.nd;
	for (int axis = 0; axis < nd->rank; axis++) {
		const int64_t size = nd->shape[axis], dst = nd->dst_stride[axis];
		const int64_t src = use_src ? nd->src_stride[axis] : 0;
		w.count *= size;
		if (size == 1)
			continue;
		if (r->rank && mergeable(r, r->rank - 1, size, dst, src, use_src)) {
			r->shape[r->rank - 1] *= size;
		} else {
			r->shape[r->rank++] = size;
		}
		r->dst_stride[r->rank - 1] = dst;
		r->src_stride[r->rank - 1] = src;
	}
	if (!r->rank) {
		r->rank = 1;
		r->shape[0] = 1;
	}
	return w;
}

/* Calls `function` for the row-major elements [begin, end), a row or a part of one at a time. */
static inline void walk_rows(const struct walk *w, int64_t begin, int64_t end, real *dst, const real *src,
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
	const struct walk w = walk_over(nd, src);
	if (w.count > 0)
		PBK_PARALLEL(context, w.count, w.count * cost, walk_rows(&w, begin, end, dst, src, function, argument));
}

#endif
