/* small.h: small random models of every kind, with a loss that is a random linear function of the logits. */
#ifndef PB_TESTS_MODEL_SMALL_H
#define PB_TESTS_MODEL_SMALL_H

#include "hook/cache.h"
#include "model/model.h"

enum { SMALL_MAX_PARAMS = 64, SMALL_MAX_ROWS = 64, SMALL_MAX_VALUES = 4096 };

struct small {
	struct pb_device device;
	struct pb_model model;
	struct pb_params params, grads;
	bool present[SMALL_MAX_PARAMS];
	struct pb_dense_sink sink;
	struct pb_tape tape;
	int32_t tokens[SMALL_MAX_ROWS]; /* [b, p] */
	int64_t b, p;
	const int32_t *rows; /* NULL: all */
	int64_t n_rows;
	const struct pb_prefixes *prefixes; /* not NULL: in place of tokens and rows */
};

/* Every normalization, 1 and 2 layers, attn_only or each activation function. */
extern const int n_variants;
struct pb_model_config variant(int i);

/* All parameters random, biases too. */
void small_open(struct small *s, const struct pb_model_config *config, uint32_t dtype, int64_t b, int64_t p);
void small_close(struct small *s);
/* On a fresh tape; hooks of `bus` apply (NULL: none). The logits. */
struct pb_var *small_forward(struct small *s, struct pb_bus *bus);
double small_loss(struct small *s, struct pb_bus *bus);
/* Forward and back; gradients are in s->grads. Returns the loss. */
double small_pass(struct small *s, struct pb_bus *bus);
/* One pass, logits as doubles; ret has room for SMALL_MAX_VALUES. Returns their number. */
int64_t small_logits(struct small *s, struct pb_bus *bus, double *ret_logits);
double small_get(struct small *s, const struct pb_view *view, int64_t i); /* element i of a contiguous tensor */
void small_set(struct small *s, const struct pb_view *view, int64_t i, double value);

#endif
