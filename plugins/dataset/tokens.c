/* tokens.c: pairs of prompts given as token ids. */
#include "tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAIR(member) .offset = offsetof(struct tokens_pair, member)

static const struct pb_param pair_params[] = {
	{.name = "name",
	 .type = PB_TYPE_STRING,
	 PAIR(name),
	 .default_text = "~",
	 .doc = "the unit's name; its number, from 0, if there is none"},
	{.name = "clean",
	 .type = PB_TYPE_INT_LIST,
	 PAIR(clean),
	 .min = 0,
	 .max = MOST_TOKENS,
	 .doc = "token ids of the clean prompt"},
	{.name = "corrupted",
	 .type = PB_TYPE_INT_LIST,
	 PAIR(corrupted),
	 .min = 0,
	 .max = MOST_TOKENS,
	 .doc = "token ids of the corrupted prompt, as many"},
	{.name = "pos",
	 .type = PB_TYPE_INT,
	 PAIR(pos),
	 .default_text = "-1",
	 .unit = "tokens",
	 .doc = "position whose logits are scored; negative: from the end, -1 is the last"},
	{.name = "answer",
	 .type = PB_TYPE_INT,
	 PAIR(answer),
	 .min = 0,
	 .max = MOST_TOKENS,
	 .doc = "the right token there, for the clean prompt"},
	{.name = "distractor",
	 .type = PB_TYPE_INT,
	 PAIR(distractor),
	 .min = -1,
	 .max = MOST_TOKENS,
	 .default_text = "-1",
	 .doc = "a wrong token to compare with, e.g. the corrupted prompt's answer; -1: none"},
};

static const struct pb_param params[] = {
	{.name = "pairs",
	 .type = PB_TYPE_RECORD_LIST,
	 .offset = offsetof(struct tokens_params, pairs),
	 .default_text = "[]",
	 .fields = pair_params,
	 .n_fields = PB_COUNT(pair_params),
	 .fields_size = sizeof(struct tokens_pair),
	 .doc = "the pairs of prompts, here or in `file`"},
	{.name = "file",
	 .type = PB_TYPE_STRING,
	 .offset = offsetof(struct tokens_params, file),
	 .default_text = "~",
	 .doc = "CSV file of pairs: name, clean, corrupted, pos, answer, distractor; ids parted by blanks"},
	{.name = "vocab_file",
	 .type = PB_TYPE_STRING,
	 .offset = offsetof(struct tokens_params, vocab_file),
	 .default_text = "~",
	 .doc = "text file with each token's text on a line of its own, token 0 first, for labels"},
};

static void destroy(const struct pb_host *host, void *self)
{
	struct tokens *t = self;
	if (!t)
		return;
	host->free(host, t->clean);
	host->free(host, t->corrupted);
	host->free(host, t->begin);
	host->free(host, t->scored);
	host->free(host, t->single);
	host->free(host, t->names);
	host->free(host, t->numbers);
	host->free(host, t->file_text);
	host->free(host, t->vocab_text);
	host->free(host, t->vocab);
	host->free(host, t);
}

int tokens_reserve(struct tokens *t, size_t n_pairs, size_t n_ids)
{
	const struct pb_host *host = t->host;
	t->clean = host->alloc(host, n_ids * sizeof *t->clean);
	t->corrupted = host->alloc(host, n_ids * sizeof *t->corrupted);
	t->begin = host->alloc(host, (n_pairs + 1) * sizeof *t->begin);
	t->scored = host->alloc(host, n_pairs * sizeof *t->scored);
	t->single = host->alloc(host, n_pairs * sizeof *t->single);
	t->names = host->alloc(host, n_pairs * sizeof *t->names);
	t->numbers = host->alloc(host, n_pairs * sizeof *t->numbers);
	if (!t->clean || !t->corrupted || !t->begin || !t->scored || !t->single || !t->names || !t->numbers)
		return host->fail(host, PB_E_NOMEM, "no memory for %zu pairs", n_pairs);
	return 0;
}

static int check_token(struct tokens *t, const char *where, const char *what, int64_t token)
{
	if (token < 0 || token > MOST_TOKENS)
		return t->host->fail(t->host, PB_E_RANGE, "%s: %s %lld is not a token id (0 .. %d)", where, what,
				     (long long)token, MOST_TOKENS);
	t->largest = token > t->largest ? token : t->largest;
	return 0;
}

static int check_pair(struct tokens *t, const struct tokens_pair *pair, const char *where)
{
	int64_t n = (int64_t)pair->clean.count;
	if (pair->clean.count != pair->corrupted.count)
		return t->host->fail(
			t->host, PB_E_SHAPE,
			"%s: the clean prompt has %zu tokens, the corrupted one %zu: a patch needs one position "
			"for each position",
			where, pair->clean.count, pair->corrupted.count);
	if (!n)
		return t->host->fail(t->host, PB_E_CONFIG, "%s: the prompts have no tokens", where);
	if (pair->pos < -n || pair->pos >= n)
		return t->host->fail(
			t->host, PB_E_RANGE,
			"%s: pos %lld is outside the prompt of %lld tokens (0 .. %lld, or -%lld .. -1 from the "
			"end)",
			where, (long long)pair->pos, (long long)n, (long long)n - 1, (long long)n);
	if (pair->name && !strcmp(pair->name, "all"))
		return t->host->fail(t->host, PB_E_CONFIG, "%s: the name `all` belongs to all pairs in one batch",
				     where);
	int rc = check_token(t, where, "answer", pair->answer);
	if (!rc && pair->distractor != -1)
		rc = check_token(t, where, "distractor", pair->distractor);
	return rc;
}

int tokens_add(struct tokens *t, const struct tokens_pair *pair, const char *where)
{
	int64_t i = t->n_pairs, n = (int64_t)pair->clean.count;
	int rc = check_pair(t, pair, where);
	for (int64_t k = 0; !rc && k < n; k++) {
		rc = check_token(t, where, "clean", pair->clean.items[k]);
		if (!rc)
			rc = check_token(t, where, "corrupted", pair->corrupted.items[k]);
		t->clean[t->n_ids + k] = (int32_t)pair->clean.items[k];
		t->corrupted[t->n_ids + k] = (int32_t)pair->corrupted.items[k];
	}
	if (rc < 0)
		return rc;
	int64_t pos = pair->pos < 0 ? n + pair->pos : pair->pos;
	t->scored[i] = (struct pb_scored){.example = (int32_t)i,
					   .pos = (int32_t)pos,
					   .answer = (int32_t)pair->answer,
					   .distractor = (int32_t)pair->distractor};
	t->single[i] = t->scored[i];
	t->single[i].example = 0;
	snprintf(t->numbers[i], sizeof t->numbers[i], "%lld", (long long)i);
	t->names[i] = pair->name ? pair->name : t->numbers[i];
	t->n_pos = !i || t->n_pos == n ? n : 0;
	t->longest = n > t->longest ? n : t->longest;
	t->n_ids += n;
	t->begin[++t->n_pairs] = t->n_ids;
	return 0;
}

static int take_listed(struct tokens *t)
{
	const struct tokens_pair *pairs = t->p->pairs.items;
	size_t n = t->p->pairs.count, n_ids = 0;
	for (size_t i = 0; i < n; i++)
		n_ids += pairs[i].clean.count;
	int rc = tokens_reserve(t, n, n_ids);
	for (size_t i = 0; !rc && i < n; i++) {
		char where[32];
		snprintf(where, sizeof where, "pairs.%zu", i);
		rc = tokens_add(t, &pairs[i], where);
	}
	return rc;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_names(struct tokens *t)
{
	size_t n = (size_t)t->n_pairs;
	const char **sorted = t->host->alloc(t->host, n * sizeof *sorted);
	if (!sorted)
		return t->host->fail(t->host, PB_E_NOMEM, "no memory for %zu names", n);
	memcpy(sorted, t->names, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, compare_names);
	int rc = 0;
	for (size_t i = 1; !rc && i < n; i++)
		if (!strcmp(sorted[i], sorted[i - 1]))
			rc = t->host->fail(t->host, PB_E_CONFIG, "two pairs are named `%s`", sorted[i]);
	t->host->free(t->host, sorted);
	return rc;
}

static int fill(struct tokens *t)
{
	const struct pb_host *host = t->host;
	if (!t->p->pairs.count == !t->p->file)
		return host->fail(host, PB_E_CONFIG,
				  t->p->file ? "give the pairs in `pairs` or in `file`, not in both"
					     : "give the pairs of prompts, in `pairs` or in a CSV `file`");
	int rc = t->p->file ? tokens_read_csv(t) : take_listed(t);
	if (!rc && !t->n_pairs)
		rc = host->fail(host, PB_E_FORMAT, "%s lists no pairs", t->p->file);
	if (!rc)
		rc = check_names(t);
	if (!rc && t->p->vocab_file)
		rc = tokens_read_vocab(t);
	return rc;
}

static int create(const struct pb_host *host, const void *parsed, void **ret_self)
{
	struct tokens *t = host->alloc(host, sizeof *t);
	if (!t)
		return host->fail(host, PB_E_NOMEM, "no memory");
	t->host = host;
	t->p = parsed;
	int rc = fill(t);
	if (rc < 0) {
		destroy(host, t);
		return rc;
	}
	*ret_self = t;
	return 0;
}

static int needs(void *self, int64_t *ret_d_vocab, int64_t *ret_n_ctx)
{
	const struct tokens *t = self;
	*ret_d_vocab = t->vocab ? t->n_vocab : t->largest + 1;
	*ret_n_ctx = t->longest;
	return 0;
}

/* Pair i, or all of them where i is n_pairs. */
static struct pb_examples view(const struct tokens *t, int64_t i, const int32_t *ids)
{
	int64_t n = i < t->n_pairs ? 1 : t->n_pairs;
	int64_t begin = i < t->n_pairs ? t->begin[i] : 0;
	return (struct pb_examples){
		.struct_size = sizeof(struct pb_examples),
		.n_pos = (int32_t)(i < t->n_pairs ? t->begin[i + 1] - begin : t->n_pos),
		.n_examples = n,
		.tokens = ids + begin,
		.n_scored = n,
		.scored = i < t->n_pairs ? &t->single[i] : t->scored,
	};
}

static int64_t n_splits(void *self)
{
	const struct tokens *t = self;
	return t->n_pos ? 2 : 0;
}

static int split(void *self, int64_t i, struct pb_split *ret_split)
{
	const struct tokens *t = self;
	if (i < 0 || i >= n_splits(self))
		return t->host->fail(t->host, PB_E_RANGE, "there is no split %lld", (long long)i);
	*ret_split = (struct pb_split){
		.struct_size = sizeof *ret_split,
		.name = i ? "corrupted" : "clean",
		.doc = i ? "all corrupted prompts, scored by the clean ones' answers" : "all clean prompts",
		.n_examples = t->n_pairs,
	};
	return 0;
}

static int examples(void *self, int64_t i_split, int64_t epoch, struct pb_examples *ret_examples)
{
	(void)epoch;
	const struct tokens *t = self;
	if (i_split < 0 || i_split >= n_splits(self))
		return t->host->fail(t->host, PB_E_RANGE, "there is no split %lld", (long long)i_split);
	*ret_examples = view(t, t->n_pairs, i_split ? t->corrupted : t->clean);
	return 0;
}

static int64_t n_units(void *self)
{
	const struct tokens *t = self;
	return t->n_pairs + (t->n_pos > 0);
}

static int unit(void *self, int64_t i, struct pb_unit *ret_unit)
{
	const struct tokens *t = self;
	if (i < 0 || i >= n_units(self))
		return t->host->fail(t->host, PB_E_RANGE, "there is no unit %lld", (long long)i);
	*ret_unit = (struct pb_unit){.struct_size = sizeof *ret_unit, .name = i < t->n_pairs ? t->names[i] : "all"};
	return 0;
}

static int probe(void *self, int64_t i_unit, struct pb_probe *ret_probe)
{
	struct tokens *t = self;
	if (i_unit < 0 || i_unit >= n_units(self))
		return t->host->fail(t->host, PB_E_RANGE, "there is no unit %lld", (long long)i_unit);
	t->probed[0] = view(t, i_unit, t->clean);
	t->probed[1] = view(t, i_unit, t->corrupted);
	*ret_probe = (struct pb_probe){
		.struct_size = sizeof *ret_probe,
		.clean = &t->probed[0],
		.corrupted = &t->probed[1],
		.questions = &t->probed[0],
	};
	return 0;
}

static int token_text(void *self, int32_t token, char *text, size_t size)
{
	const struct tokens *t = self;
	if (!t->vocab || token < 0 || token >= t->n_vocab)
		snprintf(text, size, "%d", (int)token);
	else
		snprintf(text, size, "%s", t->vocab[token]);
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

PB_EXPORT const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_DATASET,
	.name = "tokens",
	.version = "1.0.0",
	.author = "patchbay",
	.summary = "pairs of prompts given as token ids, for a model of your own",
	.doc = "Each pair is a clean and a corrupted prompt of the same length, the position whose logits are "
	       "scored, the right token there, and optionally a wrong one (the distractor that logit_difference "
	       "needs). patchbay has no tokenizer: write token ids, in `pairs` or in a CSV file.\n\n"
	       "The file's first line names its columns, in any order: clean, corrupted, answer, and optionally "
	       "name, pos (default -1, the last) and distractor (default -1, none). Token ids are parted by "
	       "blanks. A field may be in double quotes.\n\n"
	       "Every pair is a unit. When all prompts are equally long there are also a unit `all`, which "
	       "patches them as one batch, and the splits `clean` and `corrupted`. The questions of a unit are "
	       "its clean prompts. vocab_file labels the tokens and sets d_vocab.",
	.params = params,
	.n_params = PB_COUNT(params),
	.params_size = sizeof(struct tokens_params),
	.ops = &ops,
};

PB_PLUGIN_ABI;
