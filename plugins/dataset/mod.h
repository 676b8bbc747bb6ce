/* mod.h: modular arithmetic as the datasets share it: operations, examples of four tokens, held-out pairs. */
#ifndef PB_PLUGINS_DATASET_MOD_H
#define PB_PLUGINS_DATASET_MOD_H

#include <patchbay/dataset.h>

enum mod_operation { PRODUCT, SUM, DIFFERENCE, SUM_OF_SQUARES };

#define MOD_OPERATIONS                                                                                                 \
	{                                                                                                              \
		"product", "sum", "difference", "sum_of_squares", NULL                                                 \
	}

enum { MOD_TOKENS = 4, MOD_N_CTX = 5, MOD_MOST = 2000 };

/* Examples under construction; `view` is what the host gets. */
struct mod_batch {
	struct pb_examples view;
	int32_t *tokens;          /* [room, MOD_TOKENS] */
	struct pb_scored *scored; /* [room] */
};

static inline int64_t mod_apply(int32_t operation, int64_t x, int64_t y, int64_t mod)
{
	switch (operation) {
	case SUM: return (x + y) % mod;
	case DIFFERENCE: return (x - y + mod) % mod;
	case SUM_OF_SQUARES: return (x * x + y * y) % mod;
	default: return x * y % mod;
	}
}

/* 64-bit FNV-1a: a stream of random numbers is named after what it decides. */
static inline uint64_t mod_stream(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325u;
	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
	return hash;
}

static inline int mod_batch_init(const struct pb_host *host, int64_t room, struct mod_batch *batch)
{
	size_t n = room ? (size_t)room : 1;
	batch->tokens = host->alloc(host, n * MOD_TOKENS * sizeof *batch->tokens);
	batch->scored = host->alloc(host, n * sizeof *batch->scored);
	if (!batch->tokens || !batch->scored)
		return host->fail(host, PB_E_NOMEM, "no memory for %zu examples", n);
	batch->view = (struct pb_examples){
		.struct_size = sizeof batch->view,
		.n_pos = MOD_TOKENS,
		.tokens = batch->tokens,
		.scored = batch->scored,
	};
	return 0;
}

static inline void mod_batch_finish(const struct pb_host *host, struct mod_batch *batch)
{
	host->free(host, batch->tokens);
	host->free(host, batch->scored);
}

/* Appends one example whose logits at `pos` are to name the token behind it. */
static inline void mod_batch_add(struct mod_batch *batch, int64_t a, int64_t b, int64_t c, int64_t d, int32_t pos)
{
	int64_t n = batch->view.n_examples++;
	int32_t *tokens = batch->tokens + n * MOD_TOKENS;
	tokens[0] = (int32_t)a;
	tokens[1] = (int32_t)b;
	tokens[2] = (int32_t)c;
	tokens[3] = (int32_t)d;
	batch->scored[n] = (struct pb_scored){
		.example = (int32_t)n, .pos = pos, .answer = tokens[pos + 1], .distractor = -1};
	batch->view.n_scored = batch->view.n_examples;
}

/* `x y = z` for pair number x*mod + y. */
static inline void mod_batch_add_pair(struct mod_batch *batch, int32_t operation, int64_t mod, int64_t pair)
{
	int64_t x = pair / mod, y = pair % mod;
	mod_batch_add(batch, x, y, 2 * mod, mod_apply(operation, x, y, mod), 2);
}

/* How many of the mod*mod pairs a fraction of them is: at least one, unless it is 0. */
static inline int64_t mod_held_out(int64_t mod, double fraction)
{
	int64_t n = (int64_t)(fraction * (double)(mod * mod) + 0.5);
	return n || fraction <= 0 ? n : 1;
}

/* All pairs in the order of a seeded shuffle; what is held out comes first. The same for every dataset with this
 * seed and mod, so that what one held out of pretraining is held out in the other. NULL: failed. */
static inline int64_t *mod_pairs(const struct pb_host *host, int64_t mod)
{
	size_t n = (size_t)(mod * mod);
	int64_t *pairs = host->alloc(host, n * sizeof *pairs);
	if (!pairs) {
		host->fail(host, PB_E_NOMEM, "no memory for %zu pairs", n);
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		pairs[i] = (int64_t)i;
	host->shuffle(host, host->seed, mod_stream("arithmetic/pairs"), pairs, n);
	return pairs;
}

#endif
