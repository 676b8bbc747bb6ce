/* capsule.h: one call of a plugin in a file, so that it can be made again.
 *
 * A capsule is an .npz: `about` holds a JSON text as bytes (plugin, version, file and build id, parameters as YAML, seed, the
 * call and what became of it), the other arrays are what the call was given. numpy reads it as it is.
 */
#ifndef PB_HOST_CAPSULE_H
#define PB_HOST_CAPSULE_H

#include "ckpt/ckpt.h"
#include "host/calls.h"
#include "tensor/tensor.h"

/* Where capsules of this process go: a folder, made when the first is written; NULL (the default): nowhere. */
void pb_capsule_folder(const char *folder);

/* A setter's call that failed. */
struct pb_capsule_setter {
	struct pb_instance *instance;
	const struct pb_setter_call *call;
	bool adjoint;
	const uint8_t *axes;         /* enum pb_axis of call->index[i] */
	const struct pb_view *before; /* what the region (or the whole activation) held before the call; NULL: still does */
	struct pb_device *device;     /* of `before`; the call's views are where the instance works */
};

/* A metric's. */
struct pb_capsule_metric {
	struct pb_instance *instance;
	const struct pb_metric_batch *batch;
	const double *weight; /* of adjoint; NULL: score */
};

/* Writes FOLDER/NUMBER-KIND-NAME-CALL.npz with the error text at hand and puts its path behind that text, or why there is
 * none. Returns rc, the failure. At most 16 in a process; then, and without a folder, nothing happens. */
int pb_capsule_of_setter(int rc, const struct pb_capsule_setter *failed);
int pb_capsule_of_metric(int rc, const struct pb_capsule_metric *failed);

/* A capsule read. */
struct pb_capsule {
	struct pb_ckpt file; /* owns the rest */
	enum pb_kind kind;
	const char *name, *version, *path, *build_id; /* of the plugin that failed */
	const char *params;                           /* YAML: a map */
	const char *base_dir;                         /* where its files were looked for; NULL: the working folder */
	uint64_t seed;
	const char *call, *failure;
	/* A setter's. */
	const char *hook;
	int layer;
	enum pb_direction direction;
	enum pb_dtype dtype;
	uint64_t stream;
	uint32_t n_index;
	int64_t index[PB_MAX_RANK];
	uint8_t axes[PB_MAX_RANK];   /* of the index */
	uint8_t tagged[PB_MAX_RANK]; /* of the activation */
};

/* Nobody's file is trusted: -PB_E_FORMAT, naming what is wrong. ret_capsule needs pb_capsule_finish only on success. */
int pb_capsule_read(const char *path, struct pb_capsule *ret_capsule);
void pb_capsule_finish(struct pb_capsule *capsule);

#endif
