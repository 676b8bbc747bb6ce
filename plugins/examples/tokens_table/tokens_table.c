/* tokens_table.c: a dataset from a table of token ids: in each line a clean prompt, a corrupted prompt of as many
 * tokens and the clean one's answer, `1 2 0, 3 4 0, 1`. The last position is scored; one unit, `all`, has every line.
 *
 * Shows: what a dataset must answer, from two arrays of tokens and one of answers. The shipped `tokens` does more.
 */
#include <patchbay/dataset.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct params {
	const char *file;
	int64_t length;
};

static const struct pb_param params[] = {
	{.name = "file",
	 .type = PB_TYPE_STRING,
	 .offset = offsetof(struct params, file),
	 .doc = "the table, from the experiment file's folder"},
	{.name = "length",
	 .type = PB_TYPE_INT,
	 .offset = offsetof(struct params, length),
	 .min = 1,
	 .max = 10000,
	 .doc = "tokens of a prompt"},
};

enum { CLEAN, CORRUPTED, N_SIDES };

struct table {
	int64_t d_vocab;
	int32_t *tokens[N_SIDES]; /* [n_examples, n_pos] each */
	struct pb_scored *scored; /* [n_examples]: one row of the logits for each, the same on both sides */
	struct pb_examples examples[N_SIDES];
};

static void destroy(const struct pb_host *host, void *self)
{
	struct table *t = self;
	host->free(host, t->tokens[CLEAN]);
	host->free(host, t->tokens[CORRUPTED]);
	host->free(host, t->scored);
	host->free(host, t);
}

/* All ids, whatever parts them. Returns how many; -1 where something else stands, which *ret_at then shows. */
static int64_t take_ids(const char *text, int32_t *ids, const char **ret_at)
{
	int64_t n = 0;
	char *end;
	for (const char *at = text; *(at += strspn(at, ", \t\r\n")); at = end) {
		long id = strtol(*ret_at = at, &end, 10);
		if (end == at || id < 0 || id > 1000000)
			return -1;
		ids[n++] = (int32_t)id;
	}
	return n;
}

static void take_row(struct table *t, int64_t i, int64_t length, const int32_t *ids)
{
	memcpy(t->tokens[CLEAN] + i * length, ids, (size_t)length * sizeof *ids);
	memcpy(t->tokens[CORRUPTED] + i * length, ids + length, (size_t)length * sizeof *ids);
	t->scored[i] = (struct pb_scored){
		.example = (int32_t)i, .pos = (int32_t)length - 1, .answer = ids[2 * length], .distractor = -1};
	for (int64_t k = 0; k <= 2 * length; k++)
		t->d_vocab = ids[k] >= t->d_vocab ? ids[k] + 1 : t->d_vocab;
}

static int read_table(struct table *t, const struct pb_host *host, const struct params *p)
{
	char *text;
	const char *at;
	size_t size;
	int rc = host->read_file(host, p->file, &text, &size);
	if (rc < 0)
		return rc; /* the host has recorded why */
	size_t most =
		(size / 2 + 1) * sizeof(int32_t); /* an id and what parts it from the next are two bytes or more */
	int32_t *ids = host->alloc(host, most);
	t->tokens[CLEAN] = host->alloc(host, most);
	t->tokens[CORRUPTED] = host->alloc(host, most);
	t->scored = host->alloc(host, (size / 2 + 1) * sizeof *t->scored);
	bool room = ids && t->tokens[CLEAN] && t->tokens[CORRUPTED] && t->scored;
	int64_t n = room ? take_ids(text, ids, &at) : 0, width = 2 * p->length + 1;
	if (!room)
		rc = host->fail(host, PB_E_NOMEM, "no memory for %s", p->file);
	else if (n < 0)
		rc = host->fail(host, PB_E_FORMAT, "%s: `%.20s` is no token id (0 .. 1000000)", p->file, at);
	else if (!n || n % width)
		rc = host->fail(host, PB_E_FORMAT,
				"%s has %lld ids, not %lld for each line: two prompts of %lld tokens and an "
				"answer",
				p->file, (long long)n, (long long)width, (long long)p->length);
	for (int64_t i = 0; !rc && i < n / width; i++)
		take_row(t, i, p->length, ids + i * width);
	for (int side = 0; side < N_SIDES; side++)
		t->examples[side] = (struct pb_examples){sizeof(struct pb_examples),
							 (int32_t)p->length,
							 n / width,
							 t->tokens[side],
							 n / width,
							 t->scored};
	host->free(host, ids);
	host->free(host, text);
	return rc;
}

static int create(const struct pb_host *host, const void *parsed, void **ret_self)
{
	struct table *t = host->alloc(host, sizeof *t);
	int rc = t ? read_table(t, host, parsed) : host->fail(host, PB_E_NOMEM, "no memory for an instance");
	if (!rc)
		*ret_self = t;
	else if (t)
		destroy(host, t); /* after a failure nobody else will */
	return rc;
}

/* The smallest model that fits. */
static int needs(void *self, int64_t *ret_d_vocab, int64_t *ret_n_ctx)
{
	const struct table *t = self;
	*ret_d_vocab = t->d_vocab;
	*ret_n_ctx = t->examples[CLEAN].n_pos;
	return 0;
}

static int64_t n_splits(void *self)
{
	(void)self;
	return N_SIDES;
}

static int split(void *self, int64_t i, struct pb_split *ret_split)
{
	const struct table *t = self;
	ret_split->name = i == CLEAN ? "clean" : "corrupted";
	ret_split->doc = i == CLEAN ? "the clean prompts" : "the corrupted prompts, with the clean ones' answers";
	ret_split->n_examples = t->examples[i].n_examples;
	return 0;
}

/* The same in every epoch. */
static int examples(void *self, int64_t i_split, int64_t epoch, struct pb_examples *ret_examples)
{
	(void)epoch;
	*ret_examples = ((struct table *)self)->examples[i_split];
	return 0;
}

static int64_t n_units(void *self)
{
	(void)self;
	return 1;
}

static int unit(void *self, int64_t i, struct pb_unit *ret_unit)
{
	(void)self;
	(void)i;
	ret_unit->name = "all";
	return 0;
}

/* What an update did is asked of the clean prompts. */
static int probe(void *self, int64_t i, struct pb_probe *ret_probe)
{
	struct table *t = self;
	(void)i;
	ret_probe->clean = ret_probe->questions = &t->examples[CLEAN];
	ret_probe->corrupted = &t->examples[CORRUPTED];
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
	.name = "tokens_table",
	.version = "1.0.0",
	.author = "patchbay",
	.summary = "pairs of prompts from a table of token ids",
	.params = params,
	.n_params = PB_COUNT(params),
	.params_size = sizeof(struct params),
	.ops = &ops,
};

PB_PLUGIN_ABI;
