/* placeholder.c: a dataset: prompts `a b ?` whose answer is a.
 *
 * A split is a list of examples to train or evaluate on. A unit is what a sweep asks about: here a number a, whose
 * probe is a clean example, a corrupted one of the same length, and the questions that measure what either taught the
 * model. Change `fill` first, then `needs` and `token_text`.
 */
#include <patchbay/dataset.h>
#include <stdio.h>

/* What the experiment file gives: `data: {plugin: placeholder, numbers: 8}`. The table describes the struct; patchbay
 * reads, checks and explains the keys by it. */
struct params {
	int64_t numbers;
	double held_out;
};

static const struct pb_param params[] = {
	{.name = "numbers",
	 .type = PB_TYPE_INT,
	 .offset = offsetof(struct params, numbers),
	 .min = 2,
	 .max = 1000,
	 .default_text = "8", /* left out (NULL): the key is required */
	 .doc = "prompts are made of the numbers below this"},
	{.name = "held_out",
	 .type = PB_TYPE_REAL,
	 .offset = offsetof(struct params, held_out),
	 .min = 0,
	 .max = 0.9,
	 .default_text = "0.25",
	 .doc = "fraction of the prompts that are not trained on"},
};

enum { N_POS = 3 };
enum { CLEAN, CORRUPTED, N_PROBE };

/* All prompts lie one behind the other: first those to train on, then those held out. */
struct instance {
	const struct pb_host *host;
	int64_t numbers, count, n_train;
	int32_t *tokens;                              /* [count, N_POS] */
	struct pb_scored *scored;                     /* [count]: the example's number within its split */
	struct pb_examples probe[N_PROBE], questions; /* the probe last asked for */
	int32_t *probe_tokens;                        /* [N_PROBE + numbers, N_POS] */
	struct pb_scored *probe_scored;
	char (*names)[8]; /* [numbers]: a unit's name stays where it is until destroy */
};

static void destroy(const struct pb_host *host, void *self)
{
	struct instance *s = self;
	if (!s)
		return;
	host->free(host, s->tokens);
	host->free(host, s->scored);
	host->free(host, s->probe_tokens);
	host->free(host, s->probe_scored);
	host->free(host, s->names);
	host->free(host, s);
}

/* Writes example number i of its split: `a b ?`, scored at its last position. */
static void put(const struct instance *s, int32_t *tokens, struct pb_scored *scored, int64_t i, int64_t a, int64_t b,
		int64_t answer)
{
	tokens[0] = (int32_t)a;
	tokens[1] = (int32_t)b;
	tokens[2] = (int32_t)s->numbers;
	*scored = (struct pb_scored){
		.example = (int32_t)i, .pos = N_POS - 1, .answer = (int32_t)answer, .distractor = -1};
}

/* All pairs in an order that the experiment's seed makes, and the units' names. */
static int fill(struct instance *s)
{
	const struct pb_host *host = s->host;
	int64_t *order = host->alloc(host, (size_t)s->count * sizeof *order);
	if (!order)
		return host->fail(host, PB_E_NOMEM, "no memory for %lld prompts", (long long)s->count);
	for (int64_t i = 0; i < s->count; i++)
		order[i] = i;
	host->shuffle(host, host->seed, 1, order, (size_t)s->count);
	for (int64_t i = 0; i < s->count; i++) {
		int64_t a = order[i] / s->numbers, b = order[i] % s->numbers;
		put(s, s->tokens + i * N_POS, &s->scored[i], i < s->n_train ? i : i - s->n_train, a, b, a);
	}
	host->free(host, order);
	for (int64_t i = 0; i < s->numbers; i++)
		snprintf(s->names[i], sizeof s->names[i], "%d", (int)i);
	return 0;
}

static int create(const struct pb_host *host, const void *parsed, void **ret_self)
{
	const struct params *p = parsed;
	struct instance *s = host->alloc(host, sizeof *s);
	if (!s)
		return host->fail(host, PB_E_NOMEM, "no memory for an instance");
	s->host = host;
	s->numbers = p->numbers;
	s->count = p->numbers * p->numbers;
	s->n_train = s->count - (int64_t)((double)s->count * p->held_out);
	size_t n = (size_t)s->count, n_probe = (size_t)(N_PROBE + p->numbers);
	s->tokens = host->alloc(host, n * N_POS * sizeof *s->tokens);
	s->scored = host->alloc(host, n * sizeof *s->scored);
	s->probe_tokens = host->alloc(host, n_probe * N_POS * sizeof *s->probe_tokens);
	s->probe_scored = host->alloc(host, n_probe * sizeof *s->probe_scored);
	s->names = host->alloc(host, (size_t)p->numbers * sizeof *s->names);
	int rc = s->tokens && s->scored && s->probe_tokens && s->probe_scored && s->names
			 ? fill(s)
			 : host->fail(host, PB_E_NOMEM, "no memory for %zu prompts", n);
	if (rc < 0)
		destroy(host, s); /* after a failure nobody else will */
	else
		*ret_self = s;
	return rc;
}

/* The smallest model that fits: one token for each number and one for the question mark. */
static int needs(void *self, int64_t *ret_d_vocab, int64_t *ret_n_ctx)
{
	const struct instance *s = self;
	*ret_d_vocab = s->numbers + 1;
	*ret_n_ctx = N_POS;
	return 0;
}

static int64_t n_splits(void *self)
{
	(void)self;
	return 2;
}

static int split(void *self, int64_t i, struct pb_split *ret_split)
{
	const struct instance *s = self;
	*ret_split = (struct pb_split){
		.struct_size = sizeof *ret_split,
		.name = i ? "validation" : "train",
		.doc = i ? "the prompts held out" : "the prompts to train on",
		.n_examples = i ? s->count - s->n_train : s->n_train,
	};
	return 0;
}

static struct pb_examples window(const int32_t *tokens, const struct pb_scored *scored, int64_t begin, int64_t count)
{
	return (struct pb_examples){
		.struct_size = sizeof(struct pb_examples),
		.n_pos = N_POS,
		.n_examples = count,
		.tokens = tokens + begin * N_POS,
		.n_scored = count,
		.scored = scored + begin,
	};
}

/* The same in every epoch; a split with PB_SPLIT_FRESH may make others. */
static int examples(void *self, int64_t i_split, int64_t epoch, struct pb_examples *ret_examples)
{
	(void)epoch;
	const struct instance *s = self;
	*ret_examples = i_split ? window(s->tokens, s->scored, s->n_train, s->count - s->n_train)
				: window(s->tokens, s->scored, 0, s->n_train);
	return 0;
}

static int64_t n_units(void *self)
{
	const struct instance *s = self;
	return s->numbers;
}

static int unit(void *self, int64_t i, struct pb_unit *ret_unit)
{
	const struct instance *s = self;
	*ret_unit = (struct pb_unit){.struct_size = sizeof *ret_unit, .name = s->names[i]};
	return 0;
}

/* Clean: `a b ?` answered by a. Corrupted: the same numbers the other way round, answered by b. Questions: all `a b
 * ?`. */
static int probe(void *self, int64_t a, struct pb_probe *ret_probe)
{
	struct instance *s = self;
	int64_t b = (a + 1) % s->numbers;
	put(s, s->probe_tokens, &s->probe_scored[CLEAN], 0, a, b, a);
	put(s, s->probe_tokens + CORRUPTED * N_POS, &s->probe_scored[CORRUPTED], 0, b, a, b);
	for (int64_t i = 0; i < s->numbers; i++)
		put(s, s->probe_tokens + (N_PROBE + i) * N_POS, &s->probe_scored[N_PROBE + i], i, a, i, a);
	s->probe[CLEAN] = window(s->probe_tokens, s->probe_scored, CLEAN, 1);
	s->probe[CORRUPTED] = window(s->probe_tokens, s->probe_scored, CORRUPTED, 1);
	s->questions = window(s->probe_tokens, s->probe_scored, N_PROBE, s->numbers);
	*ret_probe = (struct pb_probe){
		.struct_size = sizeof *ret_probe,
		.clean = &s->probe[CLEAN],
		.corrupted = &s->probe[CORRUPTED],
		.questions = &s->questions,
	};
	return 0;
}

static int token_text(void *self, int32_t token, char *text, size_t size)
{
	const struct instance *s = self;
	if (token == s->numbers)
		snprintf(text, size, "?");
	else
		snprintf(text, size, "%d", (int)token);
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

/* The declaration in plugin.h exports it; everything else stays hidden. */
const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_DATASET,
	.name = "placeholder",
	.version = "0.1.0",
	.author = "you",
	.summary = "prompts `a b ?` whose answer is a",
	.doc = "Every pair of numbers, with `?` behind it; the answer is the first.\n\n"
	       "Every number a is a unit: clean `a a+1 ?`, corrupted `a+1 a ?`, its questions all `a b ?`.",
	.params = params,
	.n_params = PB_COUNT(params),
	.params_size = sizeof(struct params),
	.ops = &ops,
};

PB_PLUGIN_ABI;
