/* bad_data.c: a dataset that makes the mistake it is told to, in the batch it is told to. */
#include <stdio.h>
#include <string.h>

#include <patchbay/dataset.h>

enum { N = 3, N_POS = 4, VOCAB = 10 };

enum batch_id { SPLIT, CLEAN, CORRUPTED, QUESTIONS, N_BATCHES };

struct bad_params {
	int32_t in;
	const char *mistake;
};

static const char *const batch_names[] = {"split", "clean", "corrupted", "questions", NULL};

static const struct pb_param params[] = {
	{.name = "in",
	 .type = PB_TYPE_ENUM,
	 .offset = offsetof(struct bad_params, in),
	 .default_text = "split",
	 .choices = batch_names,
	 .doc = "which batch is wrong"},
	{.name = "mistake",
	 .type = PB_TYPE_STRING,
	 .offset = offsetof(struct bad_params, mistake),
	 .default_text = "none",
	 .doc = "what is wrong with it"},
};

struct batch {
	struct pb_examples x;
	int32_t tokens[N * N_POS];
	struct pb_scored scored[N];
};

struct bad {
	const struct bad_params *p;
	struct batch batches[N_BATCHES];
};

static void fill(struct batch *b)
{
	for (int i = 0; i < N * N_POS; i++)
		b->tokens[i] = i % VOCAB;
	for (int i = 0; i < N; i++)
		b->scored[i] = (struct pb_scored){.example = i, .pos = i, .answer = i, .distractor = -1};
	b->x = (struct pb_examples){.struct_size = sizeof b->x,
				    .n_pos = N_POS,
				    .n_examples = N,
				    .tokens = b->tokens,
				    .n_scored = N,
				    .scored = b->scored};
}

static void spoil(struct batch *b, const char *m)
{
	const struct {
		const char *name;
		int32_t *member, value;
	} small[] = {
		{"n_pos", &b->x.n_pos, 0},
		{"token_negative", &b->tokens[6], -1},
		{"token_large", &b->tokens[11], VOCAB},
		{"example_negative", &b->scored[0].example, -1},
		{"example_large", &b->scored[2].example, N},
		{"example_order", &b->scored[2].example, 0},
		{"pos_negative", &b->scored[1].pos, -1},
		{"pos_large", &b->scored[1].pos, N_POS},
		{"answer_negative", &b->scored[1].answer, -1},
		{"answer_large", &b->scored[1].answer, VOCAB},
		{"distractor_negative", &b->scored[2].distractor, -2},
		{"distractor_large", &b->scored[2].distractor, VOCAB},
		{"reserved", &b->scored[2].reserved[3], 1},
	};
	const struct {
		const char *name;
		int64_t *member, value;
	} large[] = {
		{"n_examples", &b->x.n_examples, -1},
		{"n_scored", &b->x.n_scored, -1},
		{"many", &b->x.n_examples, (int64_t)1 << 29},
		{"most", &b->x.n_examples, INT64_MAX},
		{"many_scored", &b->x.n_scored, (int64_t)1 << 31},
		{"empty", &b->x.n_examples, 0},
		{"shorter", &b->x.n_examples, 2},
	};
	for (size_t i = 0; i < PB_COUNT(small); i++)
		if (!strcmp(m, small[i].name))
			*small[i].member = small[i].value;
	for (size_t i = 0; i < PB_COUNT(large); i++)
		if (!strcmp(m, large[i].name))
			*large[i].member = large[i].value;
	if (!strcmp(m, "tokens"))
		b->x.tokens = NULL;
	if (!strcmp(m, "scored"))
		b->x.scored = NULL;
	if (!strcmp(m, "struct_size"))
		b->x.struct_size = 8;
	if (!strcmp(m, "struct_size_large"))
		b->x.struct_size = 0x12345678;
	if (!strcmp(m, "empty") || !strcmp(m, "shorter"))
		b->x.n_scored = b->x.n_examples;
}

static void destroy(const struct pb_host *host, void *self)
{
	host->free(host, self);
}

static int create(const struct pb_host *host, const void *parsed, void **ret_self)
{
	struct bad *bad = host->alloc(host, sizeof *bad);
	if (!bad)
		return host->fail(host, PB_E_NOMEM, "no memory");
	bad->p = parsed;
	for (int i = 0; i < N_BATCHES; i++)
		fill(&bad->batches[i]);
	spoil(&bad->batches[bad->p->in], bad->p->mistake);
	*ret_self = bad;
	return 0;
}

static int needs(void *self, int64_t *ret_d_vocab, int64_t *ret_n_ctx)
{
	(void)self;
	*ret_d_vocab = VOCAB;
	*ret_n_ctx = N_POS;
	return 0;
}

static int64_t one(void *self)
{
	(void)self;
	return 1;
}

static int split(void *self, int64_t i, struct pb_split *ret_split)
{
	const struct bad *bad = self;
	(void)i;
	ret_split->name = strcmp(bad->p->mistake, "split_name") ? "train" : NULL;
	ret_split->doc = "what there is";
	ret_split->n_examples = N;
	return 0;
}

static int examples(void *self, int64_t i_split, int64_t epoch, struct pb_examples *ret_examples)
{
	const struct bad *bad = self;
	(void)i_split, (void)epoch;
	*ret_examples = bad->batches[SPLIT].x;
	return 0;
}

static int unit(void *self, int64_t i, struct pb_unit *ret_unit)
{
	const struct bad *bad = self;
	(void)i;
	ret_unit->name = strcmp(bad->p->mistake, "unit_name") ? "seven" : NULL;
	return 0;
}

static const struct pb_examples *given(const struct bad *bad, enum batch_id id)
{
	return bad->p->in == (int32_t)id && !strcmp(bad->p->mistake, "absent") ? NULL : &bad->batches[id].x;
}

static int probe(void *self, int64_t i_unit, struct pb_probe *ret_probe)
{
	const struct bad *bad = self;
	(void)i_unit;
	if (!strcmp(bad->p->mistake, "probe_size"))
		ret_probe->struct_size = 16;
	ret_probe->clean = given(bad, CLEAN);
	ret_probe->corrupted = given(bad, CORRUPTED);
	ret_probe->questions = given(bad, QUESTIONS);
	return 0;
}

static int token_text(void *self, int32_t token, char *text, size_t size)
{
	(void)self;
	snprintf(text, size, "%d", (int)token);
	return 0;
}

static const struct pb_dataset_ops ops = {
	.struct_size = sizeof(struct pb_dataset_ops),
	.create = create,
	.needs = needs,
	.n_splits = one,
	.split = split,
	.examples = examples,
	.n_units = one,
	.unit = unit,
	.probe = probe,
	.token_text = token_text,
	.destroy = destroy,
};

PB_EXPORT const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_DATASET,
	.name = "bad_data",
	.version = "1.0.0",
	.summary = "makes the mistake it is told to",
	.params = params,
	.n_params = PB_COUNT(params),
	.params_size = sizeof(struct bad_params),
	.ops = &ops,
};

PB_PLUGIN_ABI;
