/* dataset.c: checks what a dataset hands out, in a time in proportion to its size. */
#include "host/dataset.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "host/host_impl.h"

enum { MOST_STRUCT = 4096 }; /* bytes; a larger struct_size is no size */

/* Examples under scrutiny, and what to call them. */
struct origin {
	struct pb_instance *data;
	int64_t d_vocab;
	bool of_unit;
	int64_t number;   /* of the split or unit */
	const char *part; /* "clean examples" */
};

static int refuse(const struct origin *from, const char *format, ...) PB_PRINTF(2, 3);

static int refuse(const struct origin *from, const char *format, ...)
{
	char what[256];
	struct pb_split split;
	struct pb_unit unit;
	const char *name = NULL;
	va_list args;
	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	if (from->of_unit && !pb_dataset_unit(from->data, from->number, &unit))
		name = unit.name;
	else if (!from->of_unit && !pb_dataset_split(from->data, from->number, &split))
		name = split.name;
	return pb_fail(PB_E_PLUGIN, "dataset %s: %s of %s `%s` (number %lld): %s: a mistake of the plugin, %s",
		       from->data->loaded->plugin->name, from->part, from->of_unit ? "unit" : "split", name ? name : "?",
		       (long long)from->number, what, from->data->loaded->path);
}

static int check_size(const struct origin *from, const char *what, uint32_t size, uint32_t least)
{
	if (size >= least && size <= MOST_STRUCT)
		return 0;
	return refuse(from, "%s.struct_size is %u, but must be sizeof it, %u at least", what, size, least);
}

static int check_counts(const struct origin *from, const struct pb_examples *x)
{
	if (x->n_examples < 0 || x->n_scored < 0)
		return refuse(from, "n_examples is %lld and n_scored %lld, which cannot be negative",
			      (long long)x->n_examples, (long long)x->n_scored);
	if (x->n_examples && x->n_pos < 1)
		return refuse(from, "n_pos is %d, but an example has 1 token at least", (int)x->n_pos);
	if (x->n_examples && x->n_examples > INT32_MAX / x->n_pos)
		return refuse(from, "%lld examples of %d tokens are too many; 2^31 - 1 tokens are the most",
			      (long long)x->n_examples, (int)x->n_pos);
	if (x->n_scored > INT32_MAX)
		return refuse(from, "%lld scored rows are too many; 2^31 - 1 are the most", (long long)x->n_scored);
	if ((x->n_examples && !x->tokens) || (x->n_scored && !x->scored))
		return refuse(from, "`%s` is NULL, but there are %lld %s",
			      x->n_examples && !x->tokens ? "tokens" : "scored",
			      (long long)(x->n_examples && !x->tokens ? x->n_examples : x->n_scored),
			      x->n_examples && !x->tokens ? "examples" : "scored rows");
	return 0;
}

static int check_tokens(const struct origin *from, const struct pb_examples *x, int64_t d_vocab)
{
	for (int64_t i = 0; i < x->n_examples * x->n_pos; i++)
		if (x->tokens[i] < 0 || x->tokens[i] >= d_vocab)
			return refuse(from, "example %lld, position %lld: token %d is not in 0 .. %lld",
				      (long long)(i / x->n_pos), (long long)(i % x->n_pos), (int)x->tokens[i],
				      (long long)d_vocab - 1);
	return 0;
}

static int check_row(const struct origin *from, const struct pb_examples *x, int64_t i, int64_t d_vocab)
{
	static const int32_t none[4] = {0};
	const struct pb_scored *s = &x->scored[i];
	long long row = i, most = d_vocab - 1;
	if (s->example < 0 || s->example >= x->n_examples)
		return refuse(from, "scored row %lld: example %d is not one of the %lld", row, (int)s->example,
			      (long long)x->n_examples);
	if (i && s->example < s[-1].example)
		return refuse(from, "scored row %lld: example %d comes after example %d; they must ascend", row,
			      (int)s->example, (int)s[-1].example);
	if (s->pos < 0 || s->pos >= x->n_pos)
		return refuse(from, "scored row %lld: position %d is not in 0 .. %d", row, (int)s->pos,
			      (int)x->n_pos - 1);
	if (s->answer < 0 || s->answer >= d_vocab)
		return refuse(from, "scored row %lld: answer %d is not in 0 .. %lld", row, (int)s->answer, most);
	if (s->distractor < -1 || s->distractor >= d_vocab)
		return refuse(from, "scored row %lld: distractor %d is neither -1 nor in 0 .. %lld", row,
			      (int)s->distractor, most);
	if (memcmp(s->reserved, none, sizeof none) != 0)
		return refuse(from, "scored row %lld: `reserved` is not 0", row);
	return 0;
}

/* All that the passes, the scorers and the trainer index by. */
static int check_examples(const struct origin *from, const struct pb_examples *x)
{
	int rc = check_size(from, "examples", x->struct_size, PB_EXAMPLES_LEAST);
	if (!rc)
		rc = check_counts(from, x);
	if (!rc)
		rc = check_tokens(from, x, from->d_vocab);
	for (int64_t i = 0; !rc && i < x->n_scored; i++)
		rc = check_row(from, x, i, from->d_vocab);
	return rc;
}

int pb_dataset_examples(struct pb_instance *data, int64_t d_vocab, int64_t split, int64_t epoch,
			struct pb_examples *ret_examples)
{
	struct origin from = {data, d_vocab, false, split, "examples"};
	struct pb_examples examples = {.struct_size = sizeof examples};
	int rc = pb_call_examples(data, split, epoch, &examples);
	if (!rc)
		rc = check_examples(&from, &examples);
	if (!rc)
		*ret_examples = examples;
	return rc;
}

/* One batch of a probe as a struct of the host's size. */
static int take_batch(const struct origin *from, const struct pb_examples *theirs, struct pb_examples *ret_examples)
{
	struct pb_examples x = {0};
	if (!theirs)
		return refuse(from, "they are NULL");
	int rc = check_size(from, "examples", theirs->struct_size, PB_EXAMPLES_LEAST);
	if (rc)
		return rc;
	memcpy(&x, theirs, theirs->struct_size < sizeof x ? theirs->struct_size : sizeof x);
	rc = check_examples(from, &x);
	if (!rc)
		*ret_examples = x;
	return rc;
}

static int take_probe(struct origin *from, const struct pb_probe *probe, struct pb_probe_data *data)
{
	int rc = check_size(from, "probe", probe->struct_size, PB_PROBE_LEAST);
	from->part = "clean examples";
	if (!rc)
		rc = take_batch(from, probe->clean, &data->clean);
	if (!rc && !data->clean.n_examples)
		return refuse(from, "there are none");
	from->part = "corrupted examples";
	if (!rc)
		rc = take_batch(from, probe->corrupted, &data->corrupted);
	from->part = "questions";
	if (!rc && probe->questions)
		rc = take_batch(from, probe->questions, &data->questions);
	return rc;
}

int pb_dataset_probe(struct pb_instance *dataset, int64_t d_vocab, int64_t unit, struct pb_probe_data *ret_probe)
{
	struct origin from = {dataset, d_vocab, true, unit, "probe"};
	struct pb_probe probe = {.struct_size = sizeof probe};
	struct pb_probe_data data = {.questions = {.struct_size = sizeof data.questions}};
	int rc = pb_call_probe(dataset, unit, &probe);
	if (!rc)
		rc = take_probe(&from, &probe, &data);
	if (rc)
		return rc;
	if (data.clean.n_pos != data.corrupted.n_pos || data.clean.n_examples != data.corrupted.n_examples)
		return pb_fail(PB_E_SHAPE,
			       "the clean example has %lld x %d tokens, the corrupted one %lld x %d: a patch needs "
			       "equal shapes",
			       (long long)data.clean.n_examples, data.clean.n_pos, (long long)data.corrupted.n_examples,
			       data.corrupted.n_pos);
	*ret_probe = data;
	return 0;
}

int pb_dataset_unit(struct pb_instance *data, int64_t i, struct pb_unit *ret_unit)
{
	struct pb_unit u = {.struct_size = sizeof u};
	int rc = pb_call_unit(data, i, &u);
	if (!rc && !u.name)
		rc = pb_fail(PB_E_PLUGIN, "dataset %s: unit %lld has no name", data->loaded->plugin->name, (long long)i);
	if (!rc)
		*ret_unit = u;
	return rc;
}

int pb_dataset_split(struct pb_instance *data, int64_t i, struct pb_split *ret_split)
{
	struct pb_split s = {.struct_size = sizeof s};
	int rc = pb_call_split(data, i, &s);
	if (!rc && !s.name)
		rc = pb_fail(PB_E_PLUGIN, "dataset %s: split %lld has no name", data->loaded->plugin->name, (long long)i);
	if (!rc)
		*ret_split = s;
	return rc;
}
