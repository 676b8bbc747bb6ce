/* patterns.c: forward passes that are looked at. */
#include "exp/patterns.h"

#include <string.h>

#include "base/status.h"
#include "hook/cache.h"

enum { MOST_PROBES = 16, MOST_NUMBERS = 200000 };

/* One pass over the first example of both runs, which is as quick as over one. */
static int forward(const struct pb_plan *plan, const struct pb_params *weights, const struct pb_probe_data *probe,
		   struct pb_cache *cache)
{
	struct pb_tape tape;
	struct pb_bus bus;
	struct pb_var *logits;
	const int32_t row = 0; /* any: nobody reads the logits */
	const int64_t n = probe->clean.n_pos;
	pb_tape_init(&tape, plan->device, plan->config->dtype);
	pb_bus_init(&bus, &plan->model.sites);
	pb_tape_reset(&tape, NULL);
	int32_t *tokens = pb_arena_array(&tape.arena, (size_t)(2 * n), sizeof *tokens);
	int rc = tokens ? pb_cache_want(cache, "*.attn.hook_pattern", true, false) : -PB_E_NOMEM;
	if (!rc)
		rc = pb_cache_attach(cache, &bus);
	if (!rc) {
		memcpy(tokens, probe->clean.tokens, (size_t)n * sizeof *tokens);
		memcpy(tokens + n, probe->corrupted.tokens, (size_t)n * sizeof *tokens);
		const struct pb_forward pass = {.tape = &tape,
						.bus = &bus,
						.weights = &weights->weights,
						.tokens = tokens,
						.b = 2,
						.p = n,
						.rows = &row,
						.n_rows = 1};
		rc = pb_model_forward(&plan->model, &pass, &logits);
	}
	pb_bus_finish(&bus);
	pb_tape_finish(&tape);
	return rc;
}

/* runs: clean, corrupted, each [n_layers, heads, query, key]. */
static int read_layers(const struct pb_plan *plan, const struct pb_cache *cache, int64_t each, double *const runs[2])
{
	int rc = 0;
	for (int layer = 0; !rc && layer < plan->model.sites.n_layers; layer++) {
		int site = pb_sites_id(&plan->model.sites, PB_SITE_PATTERN, layer);
		const struct pb_view *both = pb_cache_get(cache, site, PB_FORWARD);
		if (!both)
			return pb_fail(PB_E_INTERNAL, "no attention pattern of block %d", layer);
		for (int i = 0; !rc && i < 2; i++) {
			struct pb_view one;
			rc = pb_view_slice(both, 0, i, 1, &one);
			if (!rc)
				rc = pb_view_read(plan->device, &one, runs[i] + layer * each);
		}
	}
	return rc;
}

static const char *const *token_texts(const struct pb_plan *plan, const struct pb_examples *x, struct pb_arena *arena)
{
	const char **texts = pb_arena_array(arena, (size_t)x->n_pos, sizeof *texts);
	bool whole = texts;
	for (int64_t i = 0; whole && i < x->n_pos; i++)
		whole = (texts[i] = pb_data_tokens_text(plan, x->tokens + i, 1, arena));
	return whole ? texts : NULL;
}

static int make(const struct pb_plan *plan, const struct pb_params *weights, const struct pb_probe_data *probe,
		struct pb_arena *arena, struct pb_result_pattern *p)
{
	const int64_t each = p->n_heads * p->n_pos * p->n_pos;
	double *const runs[] = {pb_arena_array(arena, (size_t)(p->n_layers * each), sizeof(double)),
				pb_arena_array(arena, (size_t)(p->n_layers * each), sizeof(double))};
	struct pb_cache cache = {0};
	p->clean_tokens = token_texts(plan, &probe->clean, arena);
	p->corrupted_tokens = token_texts(plan, &probe->corrupted, arena);
	p->clean = runs[0];
	p->corrupted = runs[1];
	int rc = p->clean_tokens && p->corrupted_tokens && runs[0] && runs[1] ? 0 : -PB_E_NOMEM;
	if (!rc)
		rc = pb_cache_init(&cache, plan->device, &plan->model.sites);
	if (!rc)
		rc = forward(plan, weights, probe, &cache);
	if (!rc)
		rc = read_layers(plan, &cache, each, runs);
	pb_cache_finish(&cache);
	return rc;
}

int pb_patterns_add(const struct pb_plan *plan, const struct pb_params *weights, const struct pb_probe_data *probe,
		    const char *unit, const char *name, struct pb_arena *arena, struct pb_patterns *patterns)
{
	const struct pb_model_config *model = &plan->model.config;
	const int64_t n_pos = probe->clean.n_pos, numbers = 2 * model->n_layers * model->n_heads * n_pos * n_pos;
	if (patterns->n == MOST_PROBES || numbers > MOST_NUMBERS - patterns->numbers) {
		patterns->left_out++;
		return 0;
	}
	if (!patterns->items)
		patterns->items = pb_arena_array(arena, MOST_PROBES, sizeof *patterns->items);
	if (!patterns->items)
		return -PB_E_NOMEM;
	struct pb_result_pattern *p = &patterns->items[patterns->n];
	*p = (struct pb_result_pattern){.unit = unit,
					.weights = name,
					.n_layers = model->n_layers,
					.n_heads = model->n_heads,
					.n_pos = n_pos};
	int rc = make(plan, weights, probe, arena, p);
	if (rc)
		return pb_fail_in(rc, "the probe's attention patterns");
	patterns->n++;
	patterns->numbers += numbers;
	return 0;
}
