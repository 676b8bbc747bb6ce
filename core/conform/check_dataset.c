/* check_dataset.c: what a dataset hands out. host/dataset.c compares each batch with its contract; here whole splits
 * and units are compared with each other, with themselves later, and with another instance's. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "conform/check_impl.h"
#include "conform/fence.h"
#include "host/dataset.h"

enum { MOST_UNITS = 200, MOST_TOKENS = 100000, MOST_SPLITS = 1000 };

struct data {
	struct pb_checkup *c;
	struct pb_instance *instance;
	int64_t d_vocab, n_ctx, n_splits, n_units;
};

/* FNV-1a. */
static uint64_t digest_of(const void *bytes, size_t size, uint64_t digest)
{
	const unsigned char *at = bytes;
	for (size_t i = 0; i < size; i++)
		digest = (digest ^ at[i]) * 0x100000001b3u;
	return digest;
}

static uint64_t digest_examples(const struct pb_examples *x, uint64_t digest)
{
	const int64_t sizes[] = {x->n_examples, x->n_examples ? x->n_pos : 0, x->n_scored};
	digest = digest_of(sizes, sizeof sizes, digest);
	digest = digest_of(x->tokens, (size_t)(sizes[0] * sizes[1]) * sizeof *x->tokens, digest);
	return digest_of(x->scored, (size_t)x->n_scored * sizeof *x->scored, digest);
}

static int close_data(struct data *d, int rc)
{
	if (!rc)
		return pb_check_destroy(d->c, d->instance);
	pb_instance_forget(d->instance);
	return rc;
}

static int open_data(struct pb_checkup *c, uint64_t seed, struct data *ret_data)
{
	struct data d = {.c = c};
	int rc = pb_check_instance(c, seed, &d.instance);
	if (rc)
		return rc;
	rc = pb_dataset_needs(d.instance, &d.d_vocab, &d.n_ctx);
	if (!rc && (d.d_vocab < 1 || d.n_ctx < 1))
		rc = pb_fail(PB_E_PLUGIN, "needs: a vocabulary of %lld tokens and a context of %lld",
			     (long long)d.d_vocab, (long long)d.n_ctx);
	d.n_splits = rc ? 0 : pb_dataset_n_splits(d.instance);
	d.n_units = rc || d.instance->fault.signal ? 0 : pb_dataset_n_units(d.instance);
	if (!rc && d.instance->fault.signal)
		rc = pb_fail(PB_E_PLUGIN, "%s", pb_error_text());
	if (!rc && !d.n_splits && !d.n_units)
		rc = pb_fail(PB_E_PLUGIN, "there is neither a split nor a unit");
	if (rc)
		return close_data(&d, rc);
	*ret_data = d;
	return 0;
}

static int check_length(const struct data *d, const struct pb_examples *x, const char *of)
{
	if (!x->n_examples || x->n_pos <= d->n_ctx)
		return 0;
	return pb_fail(PB_E_PLUGIN, "%s has %d tokens an example, but needs tells a context of %lld", of,
		       (int)x->n_pos, (long long)d->n_ctx);
}

static int take(const struct data *d, int64_t split, int64_t epoch, uint64_t *ret_digest)
{
	struct pb_examples x;
	struct pb_split s;
	char of[128];
	int rc = pb_dataset_split(d->instance, split, &s);
	if (!rc)
		rc = pb_dataset_examples(d->instance, d->d_vocab, split, epoch, &x);
	if (rc)
		return rc;
	snprintf(of, sizeof of, "split `%.60s`, epoch %d,", s.name, (int)epoch);
	rc = check_length(d, &x, of);
	if (!rc && s.n_examples != x.n_examples)
		rc = pb_fail(PB_E_PLUGIN, "%s has %lld examples, but the split tells %lld", of,
			     (long long)x.n_examples, (long long)s.n_examples);
	if (!rc)
		*ret_digest = digest_examples(&x, 0);
	return rc;
}

static int check_split(const struct data *d, int64_t i)
{
	uint64_t first = 0, second = 0, again = 0;
	struct pb_split s;
	int rc = take(d, i, 0, &first);
	if (!rc)
		rc = take(d, i, 1, &second);
	if (!rc)
		rc = take(d, i, 0, &again);
	if (!rc)
		rc = pb_dataset_split(d->instance, i, &s);
	if (rc)
		return rc;
	if (first != again)
		return pb_fail(PB_E_PLUGIN, "epoch 0 of split `%s` is another when it is asked for again", s.name);
	if (first != second && !(s.flags & PB_SPLIT_FRESH))
		return pb_fail(PB_E_PLUGIN,
			       "split `%s` differs from epoch to epoch, but is not declared to (PB_SPLIT_FRESH)",
			       s.name);
	if (s.flags & ~PB_SPLIT_FRESH)
		return pb_fail(PB_E_PLUGIN, "split `%s` has flags that mean nothing: %#x", s.name, s.flags);
	if (!s.doc || !s.doc[strspn(s.doc, " \t")])
		return pb_fail(PB_E_PLUGIN, "split `%s` needs a doc text of one line", s.name);
	for (int64_t k = 0; k < i; k++) {
		struct pb_split other;
		if (!pb_dataset_split(d->instance, k, &other) && !strcmp(other.name, s.name))
			return pb_fail(PB_E_PLUGIN, "two splits are called `%s`", s.name);
	}
	return 0;
}

int pb_check_splits(struct pb_checkup *c)
{
	struct data d;
	int rc = open_data(c, c->options->seed, &d);
	if (rc)
		return rc;
	for (int64_t i = 0; !rc && i < d.n_splits && i < MOST_SPLITS; i++)
		rc = check_split(&d, i);
	return close_data(&d, rc);
}

/* The whole probe as one number. */
static int take_probe(const struct data *d, int64_t unit, uint64_t *ret_digest)
{
	struct pb_probe_data probe;
	struct pb_unit u;
	char of[128];
	int rc = pb_dataset_unit(d->instance, unit, &u);
	if (!rc)
		rc = pb_dataset_probe(d->instance, d->d_vocab, unit, &probe);
	if (rc)
		return rc;
	snprintf(of, sizeof of, "the probe of unit `%.60s`", u.name);
	rc = check_length(d, &probe.clean, of);
	if (!rc)
		rc = check_length(d, &probe.questions, of);
	if (!rc)
		*ret_digest = digest_examples(&probe.questions,
					      digest_examples(&probe.corrupted, digest_examples(&probe.clean, 0)));
	return rc;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_unit_names(const struct data *d)
{
	size_t n = (size_t)d->n_units;
	const char **names = calloc(n + 1, sizeof *names);
	int rc = names ? 0 : pb_fail_nomem(n * sizeof *names, "names");
	for (size_t i = 0; !rc && i < n; i++) {
		struct pb_unit u;
		rc = pb_dataset_unit(d->instance, (int64_t)i, &u);
		names[i] = rc ? NULL : u.name;
	}
	if (!rc)
		qsort(names, n, sizeof *names, compare_texts);
	for (size_t i = 1; !rc && i < n; i++)
		if (!strcmp(names[i - 1], names[i]))
			rc = pb_fail(PB_E_PLUGIN, "two units are called `%s`", names[i]);
	free(names);
	return rc;
}

/* Unit number k of those to look at: the first, the last, and some between. */
static int64_t chosen(const struct data *d, int64_t k)
{
	return d->n_units <= MOST_UNITS ? k : k * (d->n_units - 1) / (MOST_UNITS - 1);
}

static int64_t n_chosen(const struct data *d)
{
	return d->n_units < MOST_UNITS ? d->n_units : MOST_UNITS;
}

int pb_check_units(struct pb_checkup *c)
{
	struct data d;
	int rc = open_data(c, c->options->seed, &d);
	if (rc)
		return rc;
	if (!d.n_units)
		rc = pb_check_skip("it has no units");
	if (!rc)
		rc = check_unit_names(&d);
	for (int64_t k = 0; !rc && k < n_chosen(&d); k++) {
		uint64_t digest, again, other;
		rc = take_probe(&d, chosen(&d, k), &digest);
		if (!rc)
			rc = take_probe(&d, chosen(&d, n_chosen(&d) - 1 - k), &other);
		if (!rc)
			rc = take_probe(&d, chosen(&d, k), &again);
		if (!rc && digest != again)
			rc = pb_fail(PB_E_PLUGIN, "the probe of unit %lld is another when it is asked for again",
				     (long long)chosen(&d, k));
	}
	return close_data(&d, rc);
}

/* In front of and behind the text lies nothing of the plugin's. */
static int check_text(const struct data *d, struct pb_fence *fence, int32_t token)
{
	char *text = fence->data[PB_FENCE_WRITABLE];
	enum pb_fence_side side;
	int64_t offset;
	memset(text, 'x', fence->size);
	int rc = pb_dataset_token_text(d->instance, token, text, fence->size);
	if (rc && pb_fence_find(fence, d->instance->fault.address, &side, &offset))
		return pb_fail(PB_E_PLUGIN,
			       "token_text of token %d touched memory %s the %zu bytes that the text may have",
			       (int)token, offset < 0 ? "in front of" : "behind", fence->size);
	if (rc)
		return rc;
	if (!memchr(text, '\0', fence->size))
		return pb_fail(PB_E_PLUGIN,
			       "token_text of token %d leaves a text of %zu bytes without a NUL at its end",
			       (int)token, fence->size);
	if (pb_fence_damage(fence))
		return pb_fail(PB_E_PLUGIN, "token_text of token %d wrote in front of the text", (int)token);
	return 0;
}

int pb_check_token_text(struct pb_checkup *c)
{
	static const size_t sizes[] = {64, 4, 1};
	struct data d;
	int rc = open_data(c, c->options->seed, &d);
	if (rc)
		return rc;
	for (size_t k = 0; !rc && k < PB_COUNT(sizes); k++) {
		struct pb_fence fence;
		rc = pb_fence_init(&fence, sizes[k]);
		if (rc)
			break;
		for (int64_t token = 0; !rc && token < d.d_vocab && token < MOST_TOKENS; token++)
			rc = check_text(&d, &fence, (int32_t)token);
		pb_fence_finish(&fence);
	}
	return close_data(&d, rc);
}

/* All that an instance hands out, part by part: split i's epochs at 2i and 2i + 1, then the units. */
static int take_all(const struct data *d, uint64_t *ret_digests)
{
	int rc = 0;
	for (int64_t i = 0; !rc && i < d->n_splits; i++) {
		rc = take(d, i, 0, &ret_digests[2 * i]);
		if (!rc)
			rc = take(d, i, 1, &ret_digests[2 * i + 1]);
	}
	for (int64_t k = 0; !rc && k < n_chosen(d); k++)
		rc = take_probe(d, chosen(d, k), &ret_digests[2 * d->n_splits + k]);
	return rc;
}

static int digest_all(struct pb_checkup *c, uint64_t seed, uint64_t **ret_digests, int64_t *ret_n,
		      int64_t *ret_splits)
{
	struct data d;
	int rc = open_data(c, seed, &d);
	if (rc)
		return rc;
	int64_t n = 2 * d.n_splits + n_chosen(&d);
	uint64_t *digests = calloc((size_t)n + 1, sizeof *digests);
	rc = digests ? take_all(&d, digests) : pb_fail_nomem((size_t)n, "digests");
	rc = close_data(&d, rc);
	if (rc) {
		free(digests);
		return rc;
	}
	*ret_digests = digests;
	*ret_n = n;
	*ret_splits = d.n_splits;
	return 0;
}

static int compare_all(const uint64_t *a, int64_t n_a, const uint64_t *b, int64_t n_b, int64_t n_splits)
{
	if (n_a != n_b)
		return pb_fail(PB_E_PLUGIN, "two instances with one seed have other numbers of splits or units");
	for (int64_t i = 0; i < n_a; i++)
		if (a[i] != b[i])
			return pb_fail(PB_E_PLUGIN,
				       "two instances with one seed differ in %s %lld: draw by host->random and "
				       "host->shuffle with host->seed, and keep nothing in global variables",
				       i < 2 * n_splits ? "split" : "the probe of unit",
				       (long long)(i < 2 * n_splits ? i / 2 : i - 2 * n_splits));
	return 0;
}

int pb_check_seed(struct pb_checkup *c)
{
	uint64_t *first = NULL, *second = NULL, *other = NULL;
	int64_t n_first = 0, n_second = 0, n_other = 0, n_splits = 0;
	int rc = digest_all(c, c->options->seed, &first, &n_first, &n_splits);
	if (!rc)
		rc = digest_all(c, c->options->seed, &second, &n_second, &n_splits);
	if (!rc)
		rc = compare_all(first, n_first, second, n_second, n_splits);
	if (!rc)
		rc = digest_all(c, c->options->seed + 1, &other, &n_other, &n_splits);
	if (!rc && pb_counts()->draws && n_first == n_other && !memcmp(first, other, (size_t)n_first * sizeof *first))
		pb_check_note(c, "it draws random numbers, but gives the same data with another seed");
	free(first);
	free(second);
	free(other);
	return rc;
}

/* One split's examples by their tokens, in order. */
struct list {
	uint64_t *items;
	int64_t n;
	char name[64];
	bool fresh;
};

static int compare_items(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static int list_split(const struct data *d, int64_t i, struct list *list)
{
	struct pb_examples x;
	struct pb_split s;
	int rc = pb_dataset_split(d->instance, i, &s);
	if (!rc)
		rc = pb_dataset_examples(d->instance, d->d_vocab, i, 0, &x);
	if (rc)
		return rc;
	snprintf(list->name, sizeof list->name, "%s", s.name);
	list->fresh = s.flags & PB_SPLIT_FRESH;
	list->items = calloc((size_t)x.n_examples + 1, sizeof *list->items);
	if (!list->items)
		return pb_fail_nomem((size_t)x.n_examples, "examples");
	list->n = x.n_examples;
	for (int64_t k = 0; k < list->n; k++)
		list->items[k] = digest_of(x.tokens + k * x.n_pos, (size_t)x.n_pos * sizeof *x.tokens, 0);
	qsort(list->items, (size_t)list->n, sizeof *list->items, compare_items);
	return 0;
}

/* Examples of a that b has, too. */
static int64_t count_common(const struct list *a, const struct list *b)
{
	int64_t n = 0;
	for (int64_t i = 0; b->n && i < a->n; i++)
		n += bsearch(&a->items[i], b->items, (size_t)b->n, sizeof *b->items, compare_items) != NULL;
	return n;
}

static bool is_held_out(const char *name)
{
	static const char *const words[] = {"valid", "held", "test", "dev"};
	for (size_t i = 0; i < PB_COUNT(words); i++)
		if (strstr(name, words[i]))
			return true;
	return false;
}

static bool is_trained(const char *name)
{
	return strstr(name, "train") && !is_held_out(name);
}

/* What a split is for shows in its name only: `train` and what is called held out must be disjoint; of others it is
 * told, for one split may well be a part of another. */
static int compare_lists(struct pb_checkup *c, const struct list *a, const struct list *b)
{
	int64_t common = a->fresh || b->fresh ? 0 : count_common(a, b);
	bool meant = (is_trained(a->name) && is_held_out(b->name)) || (is_trained(b->name) && is_held_out(a->name));
	if (!common)
		return 0;
	if (meant)
		return pb_fail(PB_E_PLUGIN,
			       "%lld of the %lld examples of split `%s` are in `%s`, too: what is held out "
			       "must not be trained on",
			       (long long)common, (long long)a->n, a->name, b->name);
	if (common == a->n && a->n == b->n)
		pb_check_note(c, "splits `%s` and `%s` have the same prompts", a->name, b->name);
	else
		pb_check_note(c, "%lld of the %lld prompts of split `%s` are in `%s`, too", (long long)common,
			      (long long)a->n, a->name, b->name);
	return 0;
}

int pb_check_overlap(struct pb_checkup *c)
{
	struct data d;
	int rc = open_data(c, c->options->seed, &d);
	if (rc)
		return rc;
	size_t n = (size_t)(d.n_splits < MOST_SPLITS ? d.n_splits : MOST_SPLITS);
	struct list *lists = calloc(n + 1, sizeof *lists);
	if (!lists)
		rc = pb_fail_nomem(n, "splits");
	for (size_t i = 0; !rc && i < n; i++)
		rc = list_split(&d, (int64_t)i, &lists[i]);
	for (size_t i = 0; !rc && i < n; i++)
		for (size_t k = i + 1; !rc && k < n; k++)
			rc = compare_lists(c, &lists[i], &lists[k]);
	for (size_t i = 0; lists && i < n; i++)
		free(lists[i].items);
	free(lists);
	return close_data(&d, rc);
}
