/* dataset.h: plugins that make token batches and probes.
 *
 * A split is a list of examples to train or evaluate on. A unit (an integer, a prompt pair) is what a sweep asks about;
 * its probe is a clean and a corrupted example batch of equal shape and the questions that measure the effect.
 * All calls come from one thread. Memory that a call hands out belongs to the plugin. The structs that calls fill in come
 * zeroed, with the host's size in `struct_size`; as the host's minor is at least the plugin's, the plugin's own
 * fits in. The host checks all examples against these comments and the model's vocabulary before it uses them.
 */
#ifndef PATCHBAY_DATASET_H
#define PATCHBAY_DATASET_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One scored row of the logits. Frozen: it is an element of arrays. */
struct pb_scored {
	int32_t example;    /* 0 .. n_examples-1 */
	int32_t pos;        /* position whose logits are scored: 0 .. n_pos-1 */
	int32_t answer;     /* the right token */
	int32_t distractor; /* a wrong token, or -1 */
	int32_t reserved[4]; /* 0 */
};

#ifdef __cplusplus
static_assert(sizeof(struct pb_scored) == PB_SCORED_SIZE, "it is part of PB_ABI_LAYOUT");
#else
_Static_assert(sizeof(struct pb_scored) == PB_SCORED_SIZE, "it is part of PB_ABI_LAYOUT");
#endif

struct pb_examples {
	uint32_t struct_size;
	int32_t n_pos; /* tokens per example, 1 at least; n_pos * n_examples < 2^31 */
	int64_t n_examples;
	const int32_t *tokens; /* [n_examples, n_pos] */
	int64_t n_scored;
	const struct pb_scored *scored; /* ascending by example */
};

#define PB_EXAMPLES_LEAST PB_SIZE_TO(struct pb_examples, scored) /* struct_size as of 1.0 */

#define PB_SPLIT_FRESH 1u /* differs from epoch to epoch */

struct pb_split {
	uint32_t struct_size;
	uint32_t flags;   /* PB_SPLIT_* */
	const char *name; /* the name in YAML */
	const char *doc;  /* one line */
	int64_t n_examples;
};

struct pb_unit {
	uint32_t struct_size;
	uint32_t reserved;
	const char *name; /* the name in YAML, e.g. "71" */
	const char *set;  /* the set it belongs to, e.g. "Dt3"; NULL: none */
};

struct pb_probe {
	uint32_t struct_size;
	uint32_t reserved;
	const struct pb_examples *clean;     /* 1 example at least */
	const struct pb_examples *corrupted; /* same n_examples and n_pos as clean */
	const struct pb_examples *questions; /* NULL or n_examples 0: then only activation patching is possible */
};

#define PB_PROBE_LEAST PB_SIZE_TO(struct pb_probe, questions) /* struct_size as of 1.0 */

struct pb_dataset_ops {
	uint32_t struct_size;
	uint32_t flags; /* 0 */
	/* As in setter.h. Makes everything that does not depend on the epoch; host->seed seeds it. */
	int (*create)(const struct pb_host *host, const void *params, void **ret_self);
	/* The smallest model that fits: a model's d_vocab and n_ctx default to these and must not be less. */
	int (*needs)(void *self, int64_t *ret_d_vocab, int64_t *ret_n_ctx);
	int64_t (*n_splits)(void *self);
	int (*split)(void *self, int64_t i, struct pb_split *ret_split); /* valid until destroy */
	/* The examples of one epoch; valid until the next call for the same split, or destroy. */
	int (*examples)(void *self, int64_t i_split, int64_t epoch, struct pb_examples *ret_examples);
	int64_t (*n_units)(void *self); /* 0: a dataset for training only; `unit` and `probe` may then be NULL */
	int (*unit)(void *self, int64_t i, struct pb_unit *ret_unit);    /* valid until destroy */
	/* With the examples that it points to valid until the next probe call, or destroy. */
	int (*probe)(void *self, int64_t i_unit, struct pb_probe *ret_probe);
	/* Writes how a token reads ("71", "alias(71)", "R") into text, at most `size` bytes with the NUL. */
	int (*token_text)(void *self, int32_t token, char *text, size_t size);
	void (*destroy)(const struct pb_host *host, void *self);
};

#define PB_DATASET_OPS_LEAST PB_SIZE_TO(struct pb_dataset_ops, destroy) /* struct_size as of 1.0 */

#ifdef __cplusplus
}
#endif
#endif
