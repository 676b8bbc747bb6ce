/* sink.h: where gradients of parameters go.
 *
 * Ops never form a parameter's gradient; they hand over its factors. The dense sink multiplies them out and adds them
 * up; a sink that keeps the factors (for per-cell norms, products and updates) needs no change in any op.
 */
#ifndef PB_TAPE_SINK_H
#define PB_TAPE_SINK_H

#include "base/arena.h"
#include "tensor/tensor.h"

struct pb_grad_sink;

/* Each call adds to the gradient of parameter `id`. Views are valid until the tape's reset, but for those of affine. Rows of
 * the factors are in the order of the batch's examples. */
struct pb_grad_sink_ops {
	/* dW[g] += X[g]^T dY[g]; x [g, rows, k], dy [g, rows, n], innermost stride 1 */
	int (*outer)(struct pb_grad_sink *sink, int id, const struct pb_view *x, const struct pb_view *dy);
	/* db += sum over rows; dy [rows, n], contiguous */
	int (*sum)(struct pb_grad_sink *sink, int id, const struct pb_view *dy);
	/* dw += sum over rows of x * dy, db += that of dy; both [rows, n], contiguous, valid during the call */
	int (*affine)(struct pb_grad_sink *sink, int w_id, int b_id, const struct pb_view *x, const struct pb_view *dy);
	/* dW[ids[r]] += dy[r]; dy [rows, n], contiguous; ids in host memory */
	int (*scatter)(struct pb_grad_sink *sink, int id, const int32_t *ids, const struct pb_view *dy);
	/* The backward pass is over. May be NULL. */
	int (*complete)(struct pb_grad_sink *sink);
};

struct pb_grad_sink {
	const struct pb_grad_sink_ops *ops;
};

/* Materialised gradients. Another device than the CPU is told of most of them at once, at the end. */
struct pb_dense_sink {
	struct pb_grad_sink base;
	struct pb_device *device;
	struct pb_arena *arena;
	int n_params;
	const struct pb_view *grads; /* [n_params], contiguous, each shaped as its parameter; memory is the caller's */
	bool *present;               /* [n_params]: a gradient arrived. Absent is not zero: the optimizer skips it */
	double *squares;             /* [n_params] on the device, sums of those present, there after the backward pass;
				      * NULL: not wanted */
	struct pbk_linear_weight *outers; /* [n_outers] in the arena, that the device has not been told of */
	struct pbk_row_sum *sums;         /* [n_sums] */
	int n_outers, n_sums;
};

/* Clears `present`; a gradient is cleared, or written over, when its first contribution arrives. The arena is the tape's, or
 * one that lives as long. */
void pb_dense_sink_init(struct pb_dense_sink *sink, struct pb_device *device, struct pb_arena *arena, int n_params,
			const struct pb_view *grads, bool *present);

#endif
