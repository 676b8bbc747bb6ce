/* mod_arith.c: modular arithmetic, `x y = z`, to train on. */
#include <stdio.h>

#include "mod.h"

struct mod_params {
	int64_t mod;
	int32_t operation;
	double held_out;
};

static const char *const operations[] = MOD_OPERATIONS;

static const struct pb_param params[] = {
	{.name = "mod",
	 .type = PB_TYPE_INT,
	 .offset = offsetof(struct mod_params, mod),
	 .min = 2,
	 .max = MOD_MOST,
	 .default_text = "120",
	 .doc = "the modulus; the integers are 0 .. mod-1"},
	{.name = "operation",
	 .type = PB_TYPE_ENUM,
	 .offset = offsetof(struct mod_params, operation),
	 .default_text = "product",
	 .choices = operations,
	 .doc = "what z is of x and y, modulo `mod`"},
	{.name = "held_out",
	 .type = PB_TYPE_REAL,
	 .offset = offsetof(struct mod_params, held_out),
	 .min = 0,
	 .max = 0.9,
	 .default_text = "0.10",
	 .doc = "fraction of the mod*mod pairs kept for `validation`"},
};

enum { TRAIN, VALIDATION, N_SPLITS };

struct arithmetic {
	const struct pb_host *host;
	const struct mod_params *p;
	struct mod_batch splits[N_SPLITS];
};

static void destroy(const struct pb_host *host, void *self)
{
	struct arithmetic *a = self;
	if (!a)
		return;
	for (int i = 0; i < N_SPLITS; i++)
		mod_batch_finish(host, &a->splits[i]);
	host->free(host, a);
}

static int make_splits(struct arithmetic *a, const int64_t *pairs)
{
	int64_t mod = a->p->mod, n = mod * mod, held_out = mod_held_out(mod, a->p->held_out);
	int rc = mod_batch_init(a->host, n - held_out, &a->splits[TRAIN]);
	if (!rc)
		rc = mod_batch_init(a->host, held_out, &a->splits[VALIDATION]);
	if (rc < 0)
		return rc;
	for (int64_t i = 0; i < n; i++)
		mod_batch_add_pair(&a->splits[i < held_out ? VALIDATION : TRAIN], a->p->operation, mod, pairs[i]);
	return 0;
}

static int create(const struct pb_host *host, const void *parsed, void **ret_self)
{
	struct arithmetic *a = host->alloc(host, sizeof *a);
	if (!a)
		return host->fail(host, PB_E_NOMEM, "no memory");
	a->host = host;
	a->p = parsed;
	int64_t *pairs = mod_pairs(host, a->p->mod);
	int rc = pairs ? make_splits(a, pairs) : -PB_E_NOMEM;
	host->free(host, pairs);
	if (rc < 0) {
		destroy(host, a);
		return rc;
	}
	*ret_self = a;
	return 0;
}

static int needs(void *self, int64_t *ret_d_vocab, int64_t *ret_n_ctx)
{
	const struct arithmetic *a = self;
	*ret_d_vocab = 2 * a->p->mod + 4;
	*ret_n_ctx = MOD_N_CTX;
	return 0;
}

static int64_t n_splits(void *self)
{
	(void)self;
	return N_SPLITS;
}

static int split(void *self, int64_t i, struct pb_split *ret_split)
{
	const struct arithmetic *a = self;
	if (i < 0 || i >= N_SPLITS)
		return a->host->fail(a->host, PB_E_RANGE, "there is no split %lld", (long long)i);
	*ret_split = (struct pb_split){
		.struct_size = sizeof *ret_split,
		.name = i == TRAIN ? "train" : "validation",
		.doc = i == TRAIN ? "the pairs to train on" : "the pairs held out",
		.n_examples = a->splits[i].view.n_examples,
	};
	return 0;
}

static int examples(void *self, int64_t i_split, int64_t epoch, struct pb_examples *ret_examples)
{
	(void)epoch;
	const struct arithmetic *a = self;
	if (i_split < 0 || i_split >= N_SPLITS)
		return a->host->fail(a->host, PB_E_RANGE, "there is no split %lld", (long long)i_split);
	*ret_examples = a->splits[i_split].view;
	return 0;
}

static int64_t n_units(void *self)
{
	(void)self;
	return 0;
}

static int token_text(void *self, int32_t token, char *text, size_t size)
{
	const struct arithmetic *a = self;
	if (token == 2 * a->p->mod)
		snprintf(text, size, "=");
	else if (token >= 0 && token < a->p->mod)
		snprintf(text, size, "%d", (int)token);
	else
		snprintf(text, size, "token %d", (int)token);
	return 0;
}

static const struct pb_dataset_ops ops = {
	.struct_size = sizeof(struct pb_dataset_ops),
	.create = create,
	.needs = needs,
	.n_splits = n_splits,
	.split = split,
	.examples = examples,
	.n_units = n_units,
	.token_text = token_text,
	.destroy = destroy,
};

PB_EXPORT const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_DATASET,
	.name = "mod_arith",
	.version = "1.0.0",
	.author = "patchbay",
	.summary = "modular arithmetic `x y = z`, for training",
	.doc = "Every pair of integers below `mod` with its result: tokens x, y, `=` (2*mod), z. The answer z is "
	       "scored from the logits at position 2.\n\n"
	       "Splits: `train`, and `validation` with a fraction `held_out` of the pairs, by a shuffle seeded "
	       "with the experiment's seed. The dataset oocl with the same seed and mod holds the same pairs out "
	       "of its `arithmetic`, and the vocabulary is the same (2*mod + 4), so a model trained here goes on "
	       "there.\n\n"
	       "There are no units: it cannot be swept over.",
	.params = params,
	.n_params = PB_COUNT(params),
	.params_size = sizeof(struct mod_params),
	.ops = &ops,
};

PB_PLUGIN_ABI;
