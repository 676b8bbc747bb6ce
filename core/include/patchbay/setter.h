/* setter.h: plugins that change part of an activation or of a gradient.
 *
 * The host slices the hook point's tensor at the cell's index along the axes the setter declared, and hands the
 * setter that region of the target and of the source. A setter therefore needs no index arithmetic, and does not
 * know whether the host evaluates one cell or a thousand in one pass.
 */
#ifndef PATCHBAY_SETTER_H
#define PATCHBAY_SETTER_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

enum pb_direction {
	PB_FORWARD = 0,  /* the target is an activation */
	PB_BACKWARD = 1, /* the target is dLoss/d(activation) */
};

/* What a forward patch means for the gradient in mode `torch`. In mode `pass` the gradient always passes as if the
 * value had not been replaced. */
enum pb_effect {
	PB_EFFECT_REPLACE_WHOLE = 1, /* the activation is another tensor now: the graph is cut at the point */
	PB_EFFECT_REPLACE,           /* the region holds constants now: no gradient passes through it */
	PB_EFFECT_ADD,               /* the region was changed by addition: the gradient passes */
	PB_EFFECT_LINEAR,            /* target = A*target + constant: the gradient passes through `adjoint` */
};

/* Where `source` comes from. */
enum pb_source {
	PB_SOURCE_NONE = 0, /* there is none: an ablation or a steering vector */
	PB_SOURCE_RUN,      /* the same point in another run of the probe (clean or corrupted) */
	PB_SOURCE_MEAN,     /* its mean over a dataset split, which the string parameter `split` names;
	                     * forward only */
};

#define PB_SETTER_SERIAL 1u     /* apply of one instance must not run in two threads at once */
#define PB_RAW_MEMORY 2u        /* apply and adjoint read or write view.data themselves: hand them host memory */
#define PB_SETTER_FREE_AXES 4u  /* axes come from the sweep's `over`: any axes that the hook point has */

/* What the setter is going to patch. */
struct pb_setter_shape {
	uint32_t struct_size;
	uint32_t direction;
	const char *hook;         /* full name of one of the hook points, e.g. "blocks.0.attn.hook_z" */
	struct pb_view region;    /* shape (the batch's too), axes and dtype of the regions to come; data is NULL */
};

/* One call. All pointers are valid during the call only. */
struct pb_setter_call {
	uint32_t struct_size;
	uint32_t direction;               /* enum pb_direction */
	const char *hook;                 /* full name */
	int32_t layer;                    /* -1 for a point outside the blocks */
	uint32_t n_index;                 /* number of declared axes */
	const int64_t *index;             /* value on each declared axis */
	const struct pb_view *activation; /* the whole tensor of this example batch, read-only; its region part holds
	                                   * the old values on entry */
	const struct pb_view *target;     /* the region, to be changed in place: [batch, ...], each indexed axis 1 long */
	const struct pb_view *source;     /* the region of the source, read-only; NULL with PB_SOURCE_NONE */
	uint64_t stream;                  /* differs per sweep, region and direction: the stream for host->noise */
};

/* Calls in the order create, prepare (once per hook point and direction that a sweep patches), apply (many), destroy.
 * There may be more calls of apply and adjoint than cells: the first ones at a point are also made on copies, whose
 * results nobody uses, and a call may be made again. The same call gives the same, whatever was called before.
 * Where the unit to probe is only chosen in the run and its batch turns out to be of another size than was told, prepare
 * is called for all of them again. */
struct pb_setter_ops {
	uint32_t struct_size;
	uint32_t flags;       /* PB_SETTER_*, PB_RAW_MEMORY */
	uint32_t effect;      /* enum pb_effect */
	uint32_t source;      /* enum pb_source */
	const uint8_t *axes;  /* enum pb_axis, in the order of `index`; NULL with PB_SETTER_FREE_AXES */
	uint32_t n_axes;
	uint32_t reserved;
	/* Makes an instance from parsed parameters. On failure *ret_self is left alone. May be NULL: self is NULL.
	 * `host` and `params` stay valid until after destroy. */
	int (*create)(const struct pb_host *host, const void *params, void **ret_self);
	/* Checks that the setter fits. May be NULL. */
	int (*prepare)(void *self, const struct pb_host *host, const struct pb_setter_shape *shape);
	/* Writes call->target, all of it or a part. Allocates nothing. Any thread, unless PB_SETTER_SERIAL. */
	int (*apply)(void *self, const struct pb_host *host, const struct pb_setter_call *call);
	/* PB_EFFECT_LINEAR: target holds a gradient; multiplies it by the transpose of A. Else NULL. */
	int (*adjoint)(void *self, const struct pb_host *host, const struct pb_setter_call *call);
	/* Frees the instance; NULL is allowed as self. May be NULL. */
	void (*destroy)(const struct pb_host *host, void *self);
};

#define PB_SETTER_OPS_LEAST PB_SIZE_TO(struct pb_setter_ops, destroy) /* struct_size as of 1.0 */

#ifdef __cplusplus
}
#endif
#endif
