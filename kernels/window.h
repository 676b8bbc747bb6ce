/* window.h: strided windows with axes merged where memory allows. C and C++. */
#ifndef PBK_WINDOW_H
#define PBK_WINDOW_H

#include <string.h>

#include "kernels.h"

/* rank >= 1, the last axis is the row. */
struct pbk_window {
	struct pbk_nd nd;
	int64_t count; /* elements */
};

static inline bool pbk_mergeable(const struct pbk_nd *nd, int axis, int64_t size, int64_t dst, int64_t src, bool use_src)
{
	return nd->dst_stride[axis] == size * dst && (!use_src || nd->src_stride[axis] == size * src);
}

/* Merges each axis into the one before it wherever both operands step through the two as through one. */
static inline struct pbk_window pbk_window_over(const struct pbk_nd *nd, bool use_src)
{
	struct pbk_window w;
	struct pbk_nd *r = &w.nd;
	memset(&w, 0, sizeof w); /* what is beyond the rank too: equal windows are equal bytes */
	w.count = 1;
	for (int axis = 0; axis < nd->rank; axis++) {
		const int64_t size = nd->shape[axis], dst = nd->dst_stride[axis];
		const int64_t src = use_src ? nd->src_stride[axis] : 0;
		w.count *= size;
		if (size == 1)
			continue;
		if (r->rank && pbk_mergeable(r, r->rank - 1, size, dst, src, use_src))
			r->shape[r->rank - 1] *= size;
		else
			r->shape[r->rank++] = size;
		r->dst_stride[r->rank - 1] = dst;
		r->src_stride[r->rank - 1] = src;
	}
	if (!r->rank) {
		r->rank = 1;
		r->shape[0] = 1;
		r->dst_stride[0] = r->src_stride[0] = 0;
	}
	return w;
}

#endif
