/* probed.c: what the probe's runs without a patch look like, in results.json: attention patterns, sizes of updates.
 */
#include <math.h>

#include "report/table.h"

static void add_row(struct pb_json *json, const char *key, const double *values, size_t n)
{
	pb_json_open_row(json, key);
	for (size_t i = 0; i < n; i++)
		pb_json_real(json, NULL, values[i]);
	pb_json_close_row(json);
}

/* To five decimals on a page: a float's seventeen digits are no use there, and there are many. */
static void add_attention(struct pb_json *json, const char *key, const double *values, size_t n,
			  enum pb_table_extent extent)
{
	const double unit = 1e5;
	pb_json_open_row(json, key);
	for (size_t i = 0; i < n; i++)
		pb_json_real(json, NULL, extent == PB_TABLE_PAGE ? round(values[i] * unit) / unit : values[i]);
	pb_json_close_row(json);
}

static void add_pattern(struct pb_json *json, const struct pb_result_pattern *p, enum pb_table_extent extent)
{
	size_t n = (size_t)(p->n_layers * p->n_heads * p->n_pos * p->n_pos);
	pb_json_open(json, NULL, '{');
	pb_json_string(json, "unit", p->unit);
	pb_json_string(json, "weights", p->weights);
	pb_json_int(json, "n_layers", p->n_layers);
	pb_json_int(json, "n_heads", p->n_heads);
	pb_table_add_strings(json, "clean_tokens", p->clean_tokens, (size_t)p->n_pos);
	pb_table_add_strings(json, "corrupted_tokens", p->corrupted_tokens, (size_t)p->n_pos);
	add_attention(json, "clean", p->clean, n, extent);
	add_attention(json, "corrupted", p->corrupted, n, extent);
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
	add_row(json, "weight", u->weight, u->n_params);
	add_row(json, "clean", u->clean, u->n_params);
	add_row(json, "corrupted", u->corrupted, u->n_params);
	add_row(json, "difference", u->difference, u->n_params);
	pb_json_close(json, '}');
}

void pb_table_add_probed(struct pb_json *json, const struct pb_result_run *run, enum pb_table_extent extent)
{
	pb_json_open(json, "patterns", '[');
	for (size_t i = 0; i < run->n_patterns; i++)
		add_pattern(json, &run->patterns[i], extent);
	pb_json_close(json, ']');
	if (run->patterns_left_out)
		pb_json_int(json, "patterns_left_out", run->patterns_left_out);
	pb_json_open(json, "updates", '[');
	for (size_t i = 0; i < run->n_updates; i++)
		add_update(json, &run->updates[i]);
	pb_json_close(json, ']');
	if (run->updates_left_out)
		pb_json_int(json, "updates_left_out", run->updates_left_out);
}
