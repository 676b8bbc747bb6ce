/* world.h: random small experiments. */
#ifndef PB_TESTS_WORLD_H
#define PB_TESTS_WORLD_H

#include "exp/lab.h"

enum { WORLDS = 24 }; /* random models per property */

/* What is drawn, and the experiment file's text; a test appends its sweeps. */
struct world {
	uint64_t seed, draws;
	bool tokens; /* pairs of prompts, otherwise definitions */
	bool f32, attn_only, has_norm;
	int64_t n_layers, n_heads, n_pos, n_pairs;
	struct pb_text text; /* ends with "sweeps:\n" */
};

/* What a test leaves to chance, or not. */
enum {
	WORLD_TOKENS = 1,     /* only pairs of prompts */
	WORLD_F64 = 2,        /* only float64; otherwise one in four is float32 */
	WORLD_NO_DECAY = 4,   /* no weight decay */
	WORLD_SAME = 8,       /* the tokens' pairs are all the same one, and `all` is probed */
	WORLD_DIFFERENT = 16, /* several pairs of tokens, equally long */
};

void world_make(struct world *world, int number, unsigned flags);
/* 0 .. n-1 */
int64_t world_draw(struct world *world, int64_t n);
const char *world_pick(struct world *world, const char *const *items); /* NULL-ended */
/* A point of the model that has the axes `layer` and all those given ("head pos"), by its family's short name. */
const char *world_hook(struct world *world, const char *axes);
/* Appends "  - {name: ..., ...}\n". */
void world_sweep(struct world *world, const char *format, ...) PB_PRINTF(2, 3);
/* Plan, stirred weights, engine. The same world always gives the same weights. `set`: "path=value" put into the text,
 * or NULL. */
void world_open(const struct world *world, struct lab *lab, const char *set, int threads);
/* The same without the engine. */
void world_plan(const struct world *world, struct lab *lab, const char *set, int threads);
void world_end(struct world *world);
/* 1e-9; in float32 what its rounding may do to an update. */
double world_tolerance(const struct world *world);

#endif
