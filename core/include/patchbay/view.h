/* view.h: strided windows on tensors the host owns.
 *
 * A view never owns memory. Unless the plugin declared PB_RAW_MEMORY, `data` may live on a device and must
 * only be touched through the host's operations (host.h); with PB_RAW_MEMORY it is ordinary host memory. A host that
 * computes on the CPU hands out host memory in both cases and cannot notice a plugin that touches it undeclared.
 */
#ifndef PATCHBAY_VIEW_H
#define PATCHBAY_VIEW_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PB_MAX_RANK 6

/* Element type of a tensor. Scalars that cross the plugin boundary by value are always double. */
enum pb_dtype {
	PB_F32 = 1,
	PB_F64 = 2,
};

/* What an axis of a tensor means. A setter names the axes it indexes; a hook point's tensor carries one tag
 * per axis, so the host can check at plan time that the two fit. */
enum pb_axis {
	PB_AXIS_NONE = 0,
	PB_AXIS_LAYER,    /* not an axis of any tensor: chooses the block whose hook point is patched */
	PB_AXIS_BATCH,    /* examples */
	PB_AXIS_POS,      /* token position */
	PB_AXIS_HEAD,     /* attention head */
	PB_AXIS_DEST_POS, /* the query's position, in attn_scores and pattern */
	PB_AXIS_SRC_POS,  /* the key's position, in attn_scores and pattern */
	PB_AXIS_FEATURE,  /* d_model, d_head, d_mlp or 1 */
};

#define PB_VIEW_READONLY 1u

struct pb_view {
	uint32_t struct_size;
	uint32_t flags; /* PB_VIEW_* */
	uint32_t dtype; /* enum pb_dtype */
	int32_t rank;   /* 0 .. PB_MAX_RANK */
	int64_t shape[PB_MAX_RANK];
	int64_t stride[PB_MAX_RANK]; /* in elements, not bytes */
	uint8_t axis[8];             /* enum pb_axis of each axis; entries at and past `rank` are 0 */
	void *data;                  /* first element */
};

#ifdef __cplusplus
}
#endif
#endif
