/* batches.c: a dataset plugin for tools/bench: the batches of a file, one an epoch, so that patchbay and PyTorch
 * train on the same ones and a stage's curve has the loss of every step. */
#include <patchbay/dataset.h>
#include <stdio.h>
#include <stdlib.h>

struct params {
	const char *file;
	int64_t batch_size, d_vocab, n_pos;
};

struct batches {
	const struct params *p;
	int64_t n; /* batches */
	int32_t *tokens;
	struct pb_scored *scored;
};

static const struct pb_param params[] = {
	{.name = "file", .type = PB_TYPE_STRING, .offset = offsetof(struct params, file),
	 .doc = "numbers: n_pos tokens, the scored position and the answer of each example"},
	{.name = "batch_size", .type = PB_TYPE_INT, .offset = offsetof(struct params, batch_size), .min = 1,
	 .max = 1 << 20, .default_text = "128", .doc = "examples of one epoch"},
	{.name = "n_pos", .type = PB_TYPE_INT, .offset = offsetof(struct params, n_pos), .min = 1, .max = 64,
	 .default_text = "4", .doc = "tokens of an example"},
	{.name = "d_vocab", .type = PB_TYPE_INT, .offset = offsetof(struct params, d_vocab), .min = 1, .max = 1 << 20,
	 .doc = "vocabulary"},
};

static void destroy(const struct pb_host *host, void *self)
{
	struct batches *b = self;
	if (!b)
		return;
	host->free(host, b->tokens);
	host->free(host, b->scored);
	host->free(host, b);
}

/* Reads whole examples from the text until one is not there. */
static int64_t take_examples(struct batches *b, const char *text)
{
	for (int64_t i = 0;; i++) {
		int64_t row[64 + 2], n = b->p->n_pos + 2;
		for (int64_t k = 0; k < n; k++) {
			char *end;
			row[k] = strtoll(text, &end, 10);
			if (end == text)
				return i;
			text = end;
		}
		for (int64_t k = 0; k < b->p->n_pos; k++)
			b->tokens[i * b->p->n_pos + k] = (int32_t)row[k];
		b->scored[i] = (struct pb_scored){.example = (int32_t)(i % b->p->batch_size),
						  .pos = (int32_t)row[n - 2],
						  .answer = (int32_t)row[n - 1],
						  .distractor = -1};
	}
}

static int read_examples(struct batches *b, const struct pb_host *host)
{
	char *text;
	size_t size;
	int rc = host->read_file(host, b->p->file, &text, &size);
	if (rc < 0)
		return rc;
	/* A number takes two bytes at least. */
	b->tokens = host->alloc(host, (size / 2 + 1) * sizeof *b->tokens);
	b->scored = host->alloc(host, (size / 2 + 1) * sizeof *b->scored);
	if (b->tokens && b->scored)
		b->n = take_examples(b, text) / b->p->batch_size;
	else
		rc = host->fail(host, PB_E_NOMEM, "no memory for the examples of %s", b->p->file);
	host->free(host, text);
	return rc < 0 ? rc : b->n ? 0 : host->fail(host, PB_E_FORMAT, "%s has not one batch", b->p->file);
}

static int create(const struct pb_host *host, const void *parsed, void **ret_self)
{
	struct batches *b = host->alloc(host, sizeof *b);
	if (!b)
		return host->fail(host, PB_E_NOMEM, "no memory");
	b->p = parsed;
	int rc = read_examples(b, host);
	if (rc < 0)
		destroy(host, b);
	else
		*ret_self = b;
	return rc;
}

static int needs(void *self, int64_t *ret_d_vocab, int64_t *ret_n_ctx)
{
	const struct batches *b = self;
	*ret_d_vocab = b->p->d_vocab;
	*ret_n_ctx = b->p->n_pos;
	return 0;
}

static int64_t n_splits(void *self)
{
	(void)self;
	return 1;
}

static int split(void *self, int64_t i, struct pb_split *ret_split)
{
	const struct batches *b = self;
	(void)i;
	ret_split->flags = PB_SPLIT_FRESH;
	ret_split->name = "batches";
	ret_split->doc = "one batch of the file an epoch";
	ret_split->n_examples = b->p->batch_size;
	return 0;
}

static int examples(void *self, int64_t i_split, int64_t epoch, struct pb_examples *ret_examples)
{
	const struct batches *b = self;
	(void)i_split;
	int64_t first = epoch % b->n * b->p->batch_size;
	ret_examples->n_pos = (int32_t)b->p->n_pos;
	ret_examples->n_examples = ret_examples->n_scored = b->p->batch_size;
	ret_examples->tokens = b->tokens + first * b->p->n_pos;
	ret_examples->scored = b->scored + first;
	return 0;
}

static int64_t n_units(void *self)
{
	(void)self;
	return 0;
}

static int token_text(void *self, int32_t token, char *text, size_t size)
{
	(void)self;
	return snprintf(text, size, "%d", (int)token) < 0;
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
	.name = "batches",
	.version = "1.0.0",
	.author = "patchbay",
	.summary = "the batches of a file, one an epoch",
	.params = params,
	.n_params = PB_COUNT(params),
	.params_size = sizeof(struct params),
	.ops = &ops,
};

PB_PLUGIN_ABI;
