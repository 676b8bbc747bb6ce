/* example_inside.c: made-up attention patterns and sizes of updates. */
#include <math.h>
#include <stdlib.h>

#include "example.h"

static void *need(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

/* Causal rows that sum to 1; each head has its own taste. */
static double *make_weights(struct pb_arena *arena, size_t heads, size_t n, double shift)
{
	double *all = need(pb_arena_array(arena, heads * n * n, sizeof *all));
	for (size_t h = 0; h < heads; h++)
		for (size_t q = 0; q < n; q++) {
			double *row = all + (h * n + q) * n, sum = 0;
			for (size_t k = 0; k < n; k++)
				sum += row[k] = k > q ? 0 : exp(3 * sin((double)(7 * h + 3 * k + q) + shift));
			for (size_t k = 0; k < n; k++)
				row[k] /= sum;
		}
	return all;
}

const struct pb_result_pattern *pb_example_pattern(struct pb_arena *arena, const char *unit, int64_t n_layers,
						   int64_t n_heads, int64_t n_pos)
{
	static const char *const clean[] = {"R", "alias(71)", "71", "P"}, *const corrupted[] = {"U", "alias(71)", "71", "P"};
	struct pb_result_pattern *p = need(pb_arena_alloc(arena, sizeof *p));
	const char **long_clean = need(pb_arena_array(arena, (size_t)n_pos, sizeof *long_clean));
	const char **long_corrupted = need(pb_arena_array(arena, (size_t)n_pos, sizeof *long_corrupted));
	for (int64_t i = 0; i < n_pos; i++) {
		long_clean[i] = i < 4 ? clean[i] : need(pb_arena_printf(arena, "word%d", (int)i));
		long_corrupted[i] = i < 4 ? corrupted[i] : long_clean[i];
	}
	*p = (struct pb_result_pattern){.unit = unit,
					.n_layers = n_layers,
					.n_heads = n_heads,
					.n_pos = n_pos,
					.clean_tokens = long_clean,
					.corrupted_tokens = long_corrupted,
					.clean = make_weights(arena, (size_t)(n_layers * n_heads), (size_t)n_pos, 0),
					.corrupted = make_weights(arena, (size_t)(n_layers * n_heads), (size_t)n_pos, 0.4)};
	return p;
}

const struct pb_result_update *pb_example_update(struct pb_arena *arena, const char *unit, size_t n_layers)
{
	static const char *const of[] = {"attn.W_Q", "attn.W_K", "attn.W_V", "attn.W_O", "attn.b_V",
					 "mlp.W_in", "mlp.W_out", "ln1.w"};
	enum { EACH = sizeof of / sizeof *of };
	size_t n = 1 + n_layers * EACH;
	struct pb_result_update *u = need(pb_arena_alloc(arena, sizeof *u));
	const char **params = need(pb_arena_array(arena, n, sizeof *params));
	int64_t *elements = need(pb_arena_array(arena, n, sizeof *elements));
	double *numbers = need(pb_arena_array(arena, 4 * n, sizeof *numbers));
	double *weight = numbers, *clean = weight + n, *corrupted = clean + n, *difference = corrupted + n;
	for (size_t i = 0; i < n; i++) {
		params[i] = i ? need(pb_arena_printf(arena, "blocks.%d.%s", (int)((i - 1) / EACH), of[(i - 1) % EACH]))
			      : "embed.W_E";
		elements[i] = i && (i - 1) % EACH == 4 ? 128 : 128 * (int64_t)(128 + i);
		weight[i] = 3 + 2 * sin((double)i);
		clean[i] = 0.02 * exp(1.6 * sin(1.7 * (double)i));
		corrupted[i] = clean[i] * (0.8 + 0.35 * sin(2.3 * (double)i));
		difference[i] = 0.6 * fabs(clean[i] - corrupted[i]) + 0.3 * clean[i];
	}
	corrupted[n - 1] = 0;
	weight[n - 2] = 0; /* a change relative to nothing */
	*u = (struct pb_result_update){unit, NULL, n, params, elements, weight, clean, corrupted, difference};
	return u;
}
