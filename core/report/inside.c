/* inside.c: what the page shows of the model itself: attention patterns, and the sizes of the two updates. */
#include <math.h>

#include "report/table.h"

static void add_reals(struct pb_json *json, const char *key, const double *values, size_t n)
{
	pb_json_open_row(json, key);
	for (size_t i = 0; i < n; i++)
		pb_json_real(json, NULL, values[i]);
	pb_json_close_row(json);
}

/* Five decimals are more than a colour shows, and keep the page of a large model small. */
static void add_weights(struct pb_json *json, const char *key, const double *values, size_t n)
{
	pb_json_open_row(json, key);
	for (size_t i = 0; i < n; i++)
		pb_json_real(json, NULL, round(values[i] * 1e5) / 1e5);
	pb_json_close_row(json);
}

static void add_pattern(struct pb_json *json, const struct pb_result_pattern *p)
{
	size_t n = p->n_layers * p->n_heads * p->n_pos * p->n_pos;
	pb_json_open(json, NULL, '{');
	pb_json_string(json, "unit", p->unit);
	pb_json_string(json, "weights", p->weights);
	pb_json_int(json, "n_layers", (int64_t)p->n_layers);
	pb_json_int(json, "n_heads", (int64_t)p->n_heads);
	pb_table_add_strings(json, "clean_tokens", p->clean_tokens, p->n_pos);
	pb_table_add_strings(json, "corrupted_tokens", p->corrupted_tokens, p->n_pos);
	add_weights(json, "clean", p->clean, n);
	add_weights(json, "corrupted", p->corrupted, n);
	pb_json_close(json, '}');
}

static void add_update(struct pb_json *json, const struct pb_result_update *u)
{
	pb_json_open(json, NULL, '{');
	pb_json_string(json, "unit", u->unit);
	pb_json_string(json, "weights", u->weights);
	pb_table_add_strings(json, "params", u->params, u->n_params);
	pb_json_open_row(json, "elements");
	for (size_t i = 0; i < u->n_params; i++)
		pb_json_int(json, NULL, u->elements[i]);
	pb_json_close_row(json);
	add_reals(json, "weight", u->weight, u->n_params);
	add_reals(json, "clean", u->clean, u->n_params);
	add_reals(json, "corrupted", u->corrupted, u->n_params);
	add_reals(json, "difference", u->difference, u->n_params);
	pb_json_close(json, '}');
}

void pb_table_add_inside(struct pb_json *json, const struct pb_result_run *run)
{
	if (run->n_patterns) {
		pb_json_open(json, "patterns", '[');
		for (size_t i = 0; i < run->n_patterns; i++)
			add_pattern(json, &run->patterns[i]);
		pb_json_close(json, ']');
	}
	if (run->n_updates) {
		pb_json_open(json, "updates", '[');
		for (size_t i = 0; i < run->n_updates; i++)
			add_update(json, &run->updates[i]);
		pb_json_close(json, ']');
	}
}
