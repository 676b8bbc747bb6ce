/* faulty_data.c: a dataset of a few prompts, `a b` answered by a, with one MISTAKE; built once for each. */
#include <patchbay/dataset.h>
#include <stdio.h>
#include <string.h>

enum mistake {
	NONE,
	COUNTS_INSTANCES, /* the second one has other data */
	COUNTS_CALLS,     /* and the examples show it */
	HIDES_FRESHNESS,  /* other examples in epoch 1 */
	NEEDS_TOO_LITTLE, /* context */
	MISCOUNTS,        /* a split's examples */
	INVENTS_TOKENS,
	OVERRUNS_TEXT,
	FORGETS_END, /* of a text that just fits */
	NAMES_TWICE,
	HOLDS_NOTHING_OUT, /* the validation prompts are trained on */
	PROBES_IN_ORDER,   /* a probe depends on the one before */
	IGNORES_SEED,      /* it draws by another: a note */
};

enum { N = 6, N_POS = 2, VOCAB = 12, N_UNITS = 3, TRAIN = 0, VALIDATION = 1 };

struct data {
	int32_t tokens[N * N_POS], probe_tokens[2][N_POS];
	struct pb_scored scored[N];
	struct pb_examples clean, corrupted;
	int32_t calls, last_unit;
};

static int32_t instances;

static int create(const struct pb_host *host, const void *parsed, void **ret_self)
{
	(void)parsed;
	struct data *d = host->alloc(host, sizeof *d);
	if (!d)
		return host->fail(host, PB_E_NOMEM, "no memory");
	for (int32_t i = 0; i < N; i++)
		d->scored[i] = (struct pb_scored){.example = i, .pos = 1, .answer = i, .distractor = -1};
	d->calls = MISTAKE == COUNTS_INSTANCES ? instances++ : 0;
	if (MISTAKE == IGNORES_SEED)
		d->calls = (int32_t)(host->random(host, 1, 2, 3) % N);
	*ret_self = d;
	return 0;
}

static void destroy(const struct pb_host *host, void *self)
{
	host->free(host, self);
}

static int needs(void *self, int64_t *ret_d_vocab, int64_t *ret_n_ctx)
{
	(void)self;
	*ret_d_vocab = VOCAB;
	*ret_n_ctx = MISTAKE == NEEDS_TOO_LITTLE ? N_POS - 1 : N_POS;
	return 0;
}

static int64_t n_splits(void *self)
{
	(void)self;
	return 2;
}

static int split(void *self, int64_t i, struct pb_split *ret_split)
{
	(void)self;
	*ret_split = (struct pb_split){
		.struct_size = sizeof *ret_split,
		.name = i == TRAIN || MISTAKE == NAMES_TWICE ? "train" : "validation",
		.doc = "some prompts",
		.n_examples = MISTAKE == MISCOUNTS ? N + 1 : N,
	};
	return 0;
}

static int examples(void *self, int64_t i_split, int64_t epoch, struct pb_examples *ret_examples)
{
	struct data *d = self;
	int32_t more = MISTAKE == HIDES_FRESHNESS ? (int32_t)epoch : d->calls;
	int32_t second = i_split == VALIDATION && MISTAKE != HOLDS_NOTHING_OUT;
	if (MISTAKE == COUNTS_CALLS)
		d->calls++;
	for (int32_t i = 0; i < N; i++) {
		d->tokens[i * N_POS] = (i + more) % N;
		d->tokens[i * N_POS + 1] = MISTAKE == INVENTS_TOKENS && i == 4 ? VOCAB : second;
	}
	*ret_examples = (struct pb_examples){
		.struct_size = sizeof *ret_examples,
		.n_pos = N_POS,
		.n_examples = N,
		.tokens = d->tokens,
		.n_scored = N,
		.scored = d->scored,
	};
	return 0;
}

static int64_t n_units(void *self)
{
	(void)self;
	return N_UNITS;
}

static int unit(void *self, int64_t i, struct pb_unit *ret_unit)
{
	static const char *const names[N_UNITS] = {"a", "b", "c"};
	(void)self;
	*ret_unit = (struct pb_unit){.struct_size = sizeof *ret_unit, .name = names[i]};
	return 0;
}

static int probe(void *self, int64_t i, struct pb_probe *ret_probe)
{
	struct data *d = self;
	d->probe_tokens[0][0] = (int32_t)i;
	d->probe_tokens[1][0] = (int32_t)i + 1;
	if (MISTAKE == PROBES_IN_ORDER)
		d->probe_tokens[1][1] = d->last_unit;
	d->last_unit = (int32_t)i;
	d->clean = (struct pb_examples){
		.struct_size = sizeof d->clean,
		.n_pos = N_POS,
		.n_examples = 1,
		.tokens = d->probe_tokens[0],
		.n_scored = 1,
		.scored = d->scored,
	};
	d->corrupted = d->clean;
	d->corrupted.tokens = d->probe_tokens[1];
	*ret_probe = (struct pb_probe){.struct_size = sizeof *ret_probe,
				       .clean = &d->clean,
				       .corrupted = &d->corrupted,
				       .questions = &d->clean};
	return 0;
}

static int token_text(void *self, int32_t token, char *text, size_t size)
{
	char whole[32];
	(void)self;
	int n = snprintf(whole, sizeof whole, "token %d", (int)token);
	if (MISTAKE == OVERRUNS_TEXT)
		strcpy(text, whole);
	else if (MISTAKE == FORGETS_END)
		strncpy(text, whole, size);
	else
		snprintf(text, size, "%.*s", n, whole);
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
	.unit = unit,
	.probe = probe,
	.token_text = token_text,
	.destroy = destroy,
};

const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_DATASET,
	.name = NAME,
	.version = "1.0.0",
	.summary = "a few prompts, with a mistake",
	.doc = "It is there to be caught.",
	.ops = &ops,
};

PB_PLUGIN_ABI;
