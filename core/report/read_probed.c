/* read_probed.c: attention patterns and sizes of updates of results.json. */
#include "report/reader.h"

/* Counts of what a pattern is made of; the product must be the list's length. */
static size_t pattern_size(struct pb_reader *r, const struct pb_result_pattern *p)
{
	size_t n = (size_t)p->n_layers;
	if (p->n_layers < 0 || p->n_heads < 0 || __builtin_mul_overflow(n, (size_t)p->n_heads, &n) ||
	    __builtin_mul_overflow(n, (size_t)p->n_pos, &n) || __builtin_mul_overflow(n, (size_t)p->n_pos, &n))
		pb_reader_fail(r, "n_heads", "a count");
	return n;
}

static void read_pattern(struct pb_reader *r, const json_t *object, struct pb_result_pattern *p)
{
	size_t n_clean, n_corrupted;
	*p = (struct pb_result_pattern){
		.unit = pb_reader_name(r, object, "unit"),
		.weights = pb_reader_text(r, object, "weights"),
		.n_layers = pb_reader_int_of(r, "n_layers", json_object_get(object, "n_layers")),
		.n_heads = pb_reader_int_of(r, "n_heads", json_object_get(object, "n_heads")),
		.clean_tokens = pb_reader_texts(r, object, "clean_tokens", &n_clean),
		.corrupted_tokens = pb_reader_texts(r, object, "corrupted_tokens", &n_corrupted),
	};
	p->n_pos = (int64_t)n_clean;
	if (!r->rc && n_corrupted != n_clean)
		pb_reader_fail(r, "corrupted_tokens", "as many as clean_tokens");
	size_t n = pattern_size(r, p);
	p->clean = pb_reader_reals(r, object, "clean", n);
	p->corrupted = pb_reader_reals(r, object, "corrupted", n);
}

static void read_update(struct pb_reader *r, const json_t *object, struct pb_result_update *u)
{
	size_t n;
	*u = (struct pb_result_update){.unit = pb_reader_name(r, object, "unit"),
				       .weights = pb_reader_text(r, object, "weights")};
	u->params = pb_reader_texts(r, object, "params", &u->n_params);
	const json_t *list = pb_reader_list(r, object, "elements", &n);
	if (!r->rc && n != u->n_params)
		pb_reader_fail(r, "elements", "as long as params");
	int64_t *elements = pb_reader_take(r, u->n_params, sizeof *elements);
	for (size_t i = 0; i < u->n_params && !r->rc; i++)
		elements[i] = pb_reader_int_of(r, "elements", json_array_get(list, i));
	u->elements = elements;
	u->weight = pb_reader_reals(r, object, "weight", u->n_params);
	u->clean = pb_reader_reals(r, object, "clean", u->n_params);
	u->corrupted = pb_reader_reals(r, object, "corrupted", u->n_params);
	u->difference = pb_reader_reals(r, object, "difference", u->n_params);
}

static int64_t left_out(struct pb_reader *r, const json_t *object, const char *key)
{
	const json_t *count = json_object_get(object, key);
	return count ? pb_reader_int_of(r, key, count) : 0;
}

static void read_patterns(struct pb_reader *r, const json_t *object, struct pb_result_run *run)
{
	const json_t *list = pb_reader_list(r, object, "patterns", &run->n_patterns);
	struct pb_result_pattern *patterns = pb_reader_take(r, run->n_patterns, sizeof *patterns);
	for (size_t i = 0; i < run->n_patterns && !r->rc; i++)
		read_pattern(r, json_array_get(list, i), &patterns[i]);
	run->patterns = patterns;
	run->patterns_left_out = left_out(r, object, "patterns_left_out");
}

static void read_updates(struct pb_reader *r, const json_t *object, struct pb_result_run *run)
{
	const json_t *list = pb_reader_list(r, object, "updates", &run->n_updates);
	struct pb_result_update *updates = pb_reader_take(r, run->n_updates, sizeof *updates);
	for (size_t i = 0; i < run->n_updates && !r->rc; i++)
		read_update(r, json_array_get(list, i), &updates[i]);
	run->updates = updates;
	run->updates_left_out = left_out(r, object, "updates_left_out");
}

void pb_read_probed(struct pb_reader *r, const json_t *object, struct pb_result_run *run)
{
	if (json_object_get(object, "patterns"))
		read_patterns(r, object, run);
	if (json_object_get(object, "updates"))
		read_updates(r, object, run);
}
