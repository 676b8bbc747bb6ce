/* example.c: made-up runs. */
#include "example.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Tests only: without memory there is nothing to test. */
static void *need(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static const char *make_file_name(struct pb_arena *arena, const char *name)
{
	char *file = need(pb_arena_strdup(arena, name));
	for (char *c = file; *c; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c += 'a' - 'A';
		else if (!(*c >= 'a' && *c <= 'z') && !(*c >= '0' && *c <= '9'))
			*c = '_';
	}
	return file;
}

static void fill_axes(struct pb_arena *arena, struct pb_result_sweep *sweep, const char *const *names,
                      const int64_t *sizes)
{
	static const char *const positions[] = {"U (0)", "alias 71 (1)", "71 (2)", "P (3)"};
	struct pb_result_axis *axes = need(pb_arena_array(arena, sweep->n_axes, sizeof *axes));
	for (size_t a = 0; a < sweep->n_axes; a++) {
		const char **labels = need(pb_arena_array(arena, (size_t)sizes[a], sizeof *labels));
		bool tokens = strstr(names[a], "pos") && sizes[a] == 4;
		for (int64_t i = 0; i < sizes[a]; i++)
			labels[i] = tokens ? positions[i] : need(pb_arena_printf(arena, "%d", (int)i));
		axes[a] = (struct pb_result_axis){.name = names[a], .n = sizes[a], .labels = labels};
	}
	sweep->axes = axes;
}

static struct pb_result_cell make_cell(const int64_t *index, double score)
{
	return (struct pb_result_cell){
	        .index = index,
	        .metric = 2.066 + 4.182 * score,
	        .score = score,
	        .loss = 4.2 - 0.3 * score,
	        .grad_norm = 11.7 + score,
	        .forward = {1, 0.8 * fabs(1 - score)},
	        .backward = {0, 0},
	        .graph_cut = true,
	        .params_without_grad = 12,
	};
}

static void fill_cells(struct pb_arena *arena, struct pb_result_sweep *sweep, double seed)
{
	size_t count = 1;
	for (size_t a = 0; a < sweep->n_axes; a++)
		count *= (size_t)sweep->axes[a].n;
	struct pb_result_cell *cells = need(pb_arena_array(arena, count, sizeof *cells));
	for (size_t c = 0; c < count; c++) {
		int64_t *index = need(pb_arena_array(arena, sweep->n_axes + 1, sizeof *index));
		double phase = seed, rest = (double)c;
		size_t left = c;
		for (size_t a = sweep->n_axes; a-- > 0;) {
			index[a] = (int64_t)(left % (size_t)sweep->axes[a].n);
			left /= (size_t)sweep->axes[a].n;
			phase += (double)index[a] * (0.9 + 0.7 * (double)a);
		}
		double peak = exp(-0.5 * pow(fmod(rest * 7 + seed * 5, 13) / 2.5, 2));
		cells[c] = make_cell(index, 1 - 0.9 * peak + 0.12 * sin(phase));
	}
	sweep->cells = cells;
	sweep->n_cells = count;
}

struct pb_result_sweep *pb_example_sweep(struct pb_arena *arena, const char *name, size_t n_axes,
                                         const char *const *names, const int64_t *sizes, double seed)
{
	struct pb_result_sweep *sweep = need(pb_arena_alloc(arena, sizeof *sweep));
	*sweep = (struct pb_result_sweep){
	        .name = name,
	        .file = make_file_name(arena, name),
	        .kind = "gradient",
	        .hook = "z",
	        .setter = "layer_head",
	        .base = "clean",
	        .forward = "corrupted",
	        .backward = "none",
	        .gradient = "torch",
	        .metric = "correct_logit",
	        .unit = "logit",
	        .n_axes = n_axes,
	        .metric_clean = 6.248,
	        .metric_corrupted = 2.066,
	        .neutral = 1,
	        .score_defined = true,
	        .seconds = 0.142,
	};
	fill_axes(arena, sweep, names, sizes);
	fill_cells(arena, sweep, seed);
	return sweep;
}

struct pb_result_sweep *pb_example_strip(struct pb_arena *arena, const char *name, const char *axis, size_t n,
                                         const char *const *labels, const double *scores)
{
	const char *names[] = {axis};
	int64_t sizes[] = {(int64_t)n};
	struct pb_result_sweep *sweep = pb_example_sweep(arena, name, 1, names, sizes, 0);
	struct pb_result_axis *axes = need(pb_arena_alloc(arena, sizeof *axes));
	struct pb_result_cell *cells = need(pb_arena_array(arena, n, sizeof *cells));
	*axes = (struct pb_result_axis){.name = axis, .n = (int64_t)n, .labels = labels ? labels : sweep->axes->labels};
	for (size_t c = 0; c < n; c++)
		cells[c] = make_cell(sweep->cells[c].index, scores[c]);
	sweep->axes = axes;
	sweep->cells = cells;
	return sweep;
}

/* Estimates that are near the scores, or stand in their place. */
static void add_estimates(struct pb_arena *arena, struct pb_result_sweep *sweep, bool only)
{
	static const struct pb_result_estimate beside = {false, 3.909, 6.9, 1.8, 0.875}, alone = {true, 3.909, 6.9, 1.8, NAN};
	struct pb_result_cell *cells = need(pb_arena_array(arena, sweep->n_cells, sizeof *cells));
	for (size_t c = 0; c < sweep->n_cells; c++) {
		cells[c] = sweep->cells[c];
		cells[c].estimate_score = 1.25 * cells[c].score + 0.01 * (double)(c % 5);
		cells[c].estimate = 2.066 + 4.182 * cells[c].estimate_score;
		if (only)
			cells[c].metric = cells[c].score = NAN;
	}
	sweep->cells = cells;
	sweep->estimate = only ? &alone : &beside;
}

static const struct pb_result_similarity *make_similarity(struct pb_arena *arena)
{
	enum { N = 3, PARAMS = 2 };
	static const struct pb_result_example examples[N] = {{"clean", "R alias(71) 71 P", 3.91, 11.72},
	                                                     {"corrupted", "U alias(71) 71 P", 4.37, 12.4},
	                                                     {"question 0 of 34", "2 alias(34) = 68", 0.5, 0}};
	static const char *const params[PARAMS] = {"embed.W_E", "blocks.0.attn.W_V"};
	struct pb_result_similarity *s = need(pb_arena_alloc(arena, sizeof *s));
	double *cosine = need(pb_arena_array(arena, (1 + PARAMS) * N * N, sizeof *cosine));
	double *dots = need(pb_arena_array(arena, PARAMS * N * N, sizeof *dots));
	for (size_t i = 0; i < (1 + PARAMS) * N * N; i++) {
		size_t a = i / N % N, b = i % N;
		cosine[i] = a == b ? 1 : a == 2 || b == 2 ? -0.25 + 0.125 * (double)(i / (N * N)) : 0.75;
		if (i >= N * N)
			dots[i - N * N] = 100 * cosine[i];
	}
	cosine[2 * N * N] = NAN; /* no gradient */
	*s = (struct pb_result_similarity){"cross_entropy", N, examples, PARAMS, params, cosine, dots};
	return s;
}

static const struct pb_result_part parts[] = {{"71", "embed.W_E", -0.31, 0.59},
                                              {"71", "blocks.0.attn.W_V", 2.5, -0.125},
                                              {"34", "embed.W_E", 0.01, 0.02},
                                              {"34", "blocks.0.attn.W_V", 1.75, NAN}};

static void add_sweeps(struct pb_arena *arena, struct pb_result_sweep *sweeps)
{
	static const double layers[] = {-0.0589, 0.3849, 0.4423, 0.4417, 0.4414, 0.4386}, ones[] = {1, 1, 1, 1, 1, 1};
	static const char *const sets[] = {
	        "embeddings",   "embeddings + block 0", "embeddings + blocks 0-1", "block 0",    "block 0: attention",
	        "block 0: MLP", "block 0: Q, K",        "block 0: O, V",           "block 0: O", "block 0: V"};
	static const double shares[] = {0.092, 0.886, 1.022, 0.660, 0.564, 0.061, -0.00001, 0.564, 0.071, 0.415};
	static const char *const notes[] = {
	        "backward patch at blocks.3.hook_resid_pre replaced the gradient with itself: "
	        "every score is 1 by construction"};
	sweeps[0] = *pb_example_strip(arena, "resid_pre by layer", "layer", 6, NULL, layers);
	sweeps[0].hook = "resid_pre";
	sweeps[0].setter = "layer";
	sweeps[1] = *pb_example_sweep(arena, "resid_pre by position", 2, (const char *[]){"layer", "pos"},
	                              (int64_t[]){6, 4}, 2);
	sweeps[1].hook = "resid_pre";
	sweeps[1].setter = "layer_pos";
	sweeps[2] = *pb_example_sweep(arena, "z by head", 2, (const char *[]){"layer", "head"}, (int64_t[]){6, 4}, 0.4);
	sweeps[3] = *pb_example_strip(arena, "circuit parts", "set", 10, sets, shares);
	sweeps[3].kind = "params";
	sweeps[3].hook = NULL;
	sweeps[3].setter = "params";
	sweeps[3].neutral = 0;
	add_estimates(arena, &sweeps[2], false);
	add_estimates(arena, &sweeps[1], true);
	sweeps[4] = *pb_example_strip(arena, "resid_pre, backward only", "layer", 6, NULL, ones);
	sweeps[4].hook = "resid_pre";
	sweeps[4].setter = "layer";
	sweeps[4].forward = "none";
	sweeps[4].backward = "clean";
	sweeps[4].notes = notes;
	sweeps[4].n_notes = 1;
	sweeps[5] = *pb_example_sweep(arena, "z by position and head", 3, (const char *[]){"layer", "pos", "head"},
	                              (int64_t[]){6, 4, 4}, 3);
	sweeps[6] =
	        *pb_example_sweep(arena, "pattern by head", 4, (const char *[]){"layer", "head", "dest_pos", "src_pos"},
	                          (int64_t[]){2, 4, 4, 4}, 1);
	sweeps[6].kind = "activation";
	sweeps[6].hook = "pattern";
	sweeps[6].setter = "layer_head_dest_src_pattern";
}

static double curve(size_t series, double at, size_t stage)
{
	double rise = 1 / (1 + exp(-12 * (at - 0.25 - 0.08 * (double)series)));
	double wobble = 0.015 * sin(61 * at + (double)series) * (1 - at);
	if (series == 0)
		return (stage == 0 ? 5.5 : 2.2) * exp(-6.8 * at) * (1 + 4 * wobble) + 0.002;
	return (0.98 - 0.16 * (double)series) * rise + 0.1 + wobble;
}

static struct pb_result_stage make_stage(struct pb_arena *arena, const char *name, const char *stopped, size_t n,
                                         size_t n_series, size_t which)
{
	static const char *const names[] = {"loss", "accuracy DtQ1", "accuracy DfQ2", "accuracy Dt3", "accuracy Df4"};
	double *x = need(pb_arena_array(arena, n, sizeof *x));
	struct pb_result_series *series = need(pb_arena_array(arena, n_series, sizeof *series));
	for (size_t s = 0; s < n_series; s++) {
		double *values = need(pb_arena_array(arena, n, sizeof *values));
		for (size_t i = 0; i < n; i++)
			values[i] = curve(s, (double)i / (double)n, which);
		/* Accuracies are not measured before the first epoch. */
		if (s)
			values[0] = NAN;
		series[s] = (struct pb_result_series){.name = names[s], .values = values};
	}
	for (size_t i = 0; i < n; i++)
		x[i] = (double)i;
	return (struct pb_result_stage){.name = name,
	                                .x_label = n_series > 1 ? "epoch" : "step",
	                                .n_points = n,
	                                .x = x,
	                                .n_series = n_series,
	                                .series = series,
	                                .stopped = stopped,
	                                .seconds = 41.5};
}

static const struct pb_result_units *make_units(struct pb_arena *arena, size_t n)
{
	struct pb_result_unit *units = need(pb_arena_array(arena, n, sizeof *units));
	struct pb_result_units *table = need(pb_arena_alloc(arena, sizeof *table));
	for (size_t i = 0; i < n; i++) {
		double before = 0.08 * (double)(i * 5 % 7), gain = i % 2 ? 0.15 : 0.45;
		units[i] = (struct pb_result_unit){need(pb_arena_printf(arena, "%d", (int)(i * 37 % 120))),
		                                   i % 2 ? "Df4" : "Dt3", before,
		                                   fmin(1, before + gain * (0.5 + 0.5 * sin((double)i)))};
	}
	*table = (struct pb_result_units){"accuracy", "model_1", "model_2", n, units, n ? 8 : -1};
	return table;
}

static const struct pb_result_pair environment[] = {
        {"version", "0.1.0"}, {"compiler", "gcc 12.2.0"},   {"device", "cpu, 2 threads"},
        {"seed", "42"},       {"setter layer_head", "1.0"},
};

static const struct pb_result_drill *make_drills(bool edges)
{
	static const struct pb_result_drill_step steps[] = {
	        {0, "*", 1, 16283380, 0},
	        {1, "embed + pos_embed + blocks.0", 1.0483, 2884352, 24},
	        {3, "embed + pos_embed + blocks.0.attn.{W,b}_V + blocks.0.attn.{W,b}_O", 0.9123, 1567488, 60},
	};
	static const struct pb_result_drill_part smallest[] = {{"embed.W_E", 249856, 0.56},
	                                                       {"blocks.0.attn.W_V.h2", 131072, NAN}};
	static const struct pb_result_drill drills[] = {
	        {NULL, 0.9, "corrupted", 1, 16283380, 3, steps, 2, smallest, NULL, 93, 0.71},
	        {"model_1", 0.5, "clean", 60, 16283380, 2, steps, 0, smallest, "ended by </script>", 1200, 61},
	        {"model_2", 1, "corrupted", 0, 16283380, 0, steps, 0, smallest, "nothing to search for", 0, NAN},
	};
	return edges ? drills + 1 : drills;
}

/* Rows that sum to 1 over the keys up to the query. */
static const double *make_attention(struct pb_arena *arena, int64_t matrices, int64_t n_pos, double seed)
{
	double *values = need(pb_arena_array(arena, (size_t)(matrices * n_pos * n_pos), sizeof *values));
	for (int64_t row = 0; row < matrices * n_pos; row++) {
		double sum = 0, *out = values + row * n_pos;
		for (int64_t key = 0; key <= row % n_pos; key++)
			sum += out[key] = exp(2 * sin(seed + (double)(row * 5 + key * 3)));
		for (int64_t key = 0; key <= row % n_pos; key++)
			out[key] /= sum;
	}
	return values;
}

static const struct pb_result_pattern *make_patterns(struct pb_arena *arena)
{
	enum { LAYERS = 6, HEADS = 4, POS = 4 };
	static const char *const clean[POS] = {"R", "alias(71)", "71", "P"};
	static const char *const corrupted[POS] = {"U", "alias(71)", "71", "P"};
	struct pb_result_pattern *p = need(pb_arena_array(arena, 2, sizeof *p));
	for (int i = 0; i < 2; i++)
		p[i] = (struct pb_result_pattern){.unit = i ? "34" : "71",
						  .weights = i ? "model_1" : NULL,
						  .n_layers = LAYERS,
						  .n_heads = HEADS,
						  .n_pos = POS,
						  .clean_tokens = clean,
						  .corrupted_tokens = corrupted,
						  .clean = make_attention(arena, LAYERS * HEADS, POS, i),
						  .corrupted = make_attention(arena, LAYERS * HEADS, POS, i + 0.25)};
	return p;
}

enum { N_UPDATED = 4 };
static const char *const updated[N_UPDATED] = {"embed.W_E", "blocks.0.attn.W_Q", "blocks.0.attn.W_V", "unembed.b_U"};
static const int64_t sizes_of_updated[N_UPDATED] = {249856, 524288, 524288, 244};
static const double weight_norms[N_UPDATED] = {12.5, 18.1, 18.3, 0.25};
static const double clean_norms[N_UPDATED] = {0.0045, 0.03, 0.08, 0.0012};
static const double corrupted_norms[N_UPDATED] = {0.0047, 0.033, 0.05, 0};
static const double difference_norms[N_UPDATED] = {0.0055, 0.012, 0.07, 0.0012};
static const struct pb_result_update made_updates[] = {
	{"71", NULL, N_UPDATED, updated, sizes_of_updated, weight_norms, clean_norms, corrupted_norms,
	 difference_norms}};

const struct pb_result_run *pb_example_run(struct pb_arena *arena)
{
	static const struct pb_result_probe probe = {
	        "71", "R alias(71) 71 P", "U alias(71) 71 P", 3.909, 6.248, 2.066, 3.91, 4.37, 11.72, 12.4, "Dt3", NULL};
	static const char *const notes[] = {
	        "sweep \"resid_pre, backward only\": the backward patch changed nothing in any of its 6 cells"};
	struct pb_result_run *run = need(pb_arena_alloc(arena, sizeof *run));
	struct pb_result_stage *stages = need(pb_arena_array(arena, 3, sizeof *stages));
	struct pb_result_sweep *sweeps = need(pb_arena_array(arena, 7, sizeof *sweeps));
	stages[0] = make_stage(arena, "pretrain", "loss below 0.005", 400, 1, 0);
	stages[1] = make_stage(arena, "X1", "500 epochs", 500, 5, 1);
	stages[2] = make_stage(arena, "X2", "51 epochs", 51, 5, 2);
	add_sweeps(arena, sweeps);
	*run = (struct pb_result_run){
	        .name = "oocl-120-head-patching",
	        .question = "Which heads carry the effect of the tag R on how a definition is learned?",
	        .version = "0.1.0",
	        .date = "2025-03-01T12:00:00Z",
	        .config = "name: oocl-120-head-patching\nseed: 42\nmodel: {n_layers: 6, d_model: 1024}\n"
	                  "sweeps:\n  - {name: z by head, hook: z, setter: layer_head}\n",
	        .n_environment = sizeof environment / sizeof *environment,
	        .environment = environment,
	        .n_stages = 3,
	        .stages = stages,
	        .n_units = 1,
	        .units = make_units(arena, 60),
	        .probe = &probe,
	        .similarity = make_similarity(arena),
	        .n_parts = sizeof parts / sizeof *parts,
	        .parts = parts,
	        .n_patterns = 2,
	        .patterns = make_patterns(arena),
	        .patterns_left_out = 3,
	        .n_updates = sizeof made_updates / sizeof *made_updates,
	        .updates = made_updates,
	        .n_sweeps = 7,
	        .sweeps = sweeps,
	        .n_drills = 1,
	        .drills = make_drills(false),
	        .n_notes = 1,
	        .notes = notes,
	        .seconds = 1834.2,
	};
	return run;
}

static void add_edges(struct pb_arena *arena, struct pb_result_sweep *sweeps)
{
	static const char *const hostile[] = {
	        "</script><b>",          "<!-- \"quoted\", 'single'",
	        "two\nlines\tand a tab", "\xe5\xb1\xa4\xe3\x81\xae\xe5\x90\x8d\xe5\x89\x8d",
	        "bad \xff\xc0 bytes",    "\033[31mred\033[0m"};
	static const double numbers[] = {NAN, INFINITY, -INFINITY, 1e-5, -123456.7, 0};
	static const double nothing[] = {NAN, NAN, NAN, NAN}, tiny[] = {1.00001, 0.99999, 1};
	sweeps[0] = *pb_example_sweep(arena, "one cell", 0, NULL, NULL, 1);
	sweeps[1] = *pb_example_strip(arena, "all NaN", "layer", 4, NULL, nothing);
	sweeps[2] = *pb_example_sweep(arena, "500 cells", 2, (const char *[]){"layer", "head"}, (int64_t[]){20, 25}, 3);
	sweeps[3] = *pb_example_strip(arena, "names, \"quoted\" </script> \xc3\xa9\xe2\x86\x92\xe5\xb1\xa4",
	                              "\xe7\xb5\x84", 6, hostile, numbers);
	sweeps[4] = *pb_example_sweep(arena, "no score", 2, (const char *[]){"layer", "pos"}, (int64_t[]){3, 4}, 2);
	sweeps[4].score_defined = false;
	sweeps[4].metric_clean = sweeps[4].metric_corrupted = 4.2;
	sweeps[5] = *pb_example_sweep(arena, "no cells", 1, (const char *[]){"layer"}, (int64_t[]){0}, 0);
	sweeps[6] = *pb_example_strip(arena, "nothing but rounding", "layer", 3, NULL, tiny);
}

const struct pb_result_run *pb_example_edges(struct pb_arena *arena)
{
	static const char *const notes[] = {
	        "a note with </script><script>alert(1)</script> & <!-- in it",
	        "a note without a break: blocks.0.attn.hook_result.blocks.0.attn.hook_result."
	        "blocks.0.attn.hook_result.blocks.0.attn.hook_result"};
	struct pb_result_run *run = need(pb_arena_alloc(arena, sizeof *run));
	struct pb_result_sweep *sweeps = need(pb_arena_array(arena, 7, sizeof *sweeps));
	struct pb_result_stage *stages = need(pb_arena_array(arena, 2, sizeof *stages));
	stages[0] = make_stage(arena, "one_point", NULL, 1, 2, 0);
	stages[1] = make_stage(arena, "no points", "interrupted", 0, 1, 0);
	add_edges(arena, sweeps);
	*run = (struct pb_result_run){
	        .name = "edges </title><script>",
	        .question = "",
	        .version = "0.1.0",
	        .date = "2025-03-01T12:00:00Z",
	        .config = "note: \"</script>\"\n",
	        .n_stages = 2,
	        .stages = stages,
	        .n_units = 1,
	        .units = make_units(arena, 0),
	        .n_sweeps = 7,
	        .sweeps = sweeps,
	        .n_drills = 2,
	        .drills = make_drills(true),
	        .n_notes = 2,
	        .notes = notes,
	        .seconds = NAN,
	};
	return run;
}

const struct pb_result_run *pb_example_empty(struct pb_arena *arena)
{
	struct pb_result_run *run = need(pb_arena_alloc(arena, sizeof *run));
	*run = (struct pb_result_run){.name = "empty", .version = "0.1.0", .date = "2025-03-01T12:00:00Z"};
	return run;
}

const struct pb_result_run *pb_example_units(struct pb_arena *arena)
{
	static const char *const names[] = {"71", "34", "5"}, *const sets[] = {"Dt3", "Df4", NULL};
	struct pb_result_run *run = need(pb_arena_alloc(arena, sizeof *run));
	struct pb_result_sweep *sweep = pb_example_sweep(arena, "z by head", 2, (const char *[]){"layer", "head"},
							 (int64_t[]){3, 2}, 0.4);
	struct pb_result_members *over = need(pb_arena_alloc(arena, sizeof *over));
	struct pb_result_member *items = need(pb_arena_array(arena, 3, sizeof *items));
	struct pb_result_probe *probes = need(pb_arena_array(arena, 3, sizeof *probes));
	struct pb_result_spread *metric = need(pb_arena_array(arena, sweep->n_cells, sizeof *metric));
	struct pb_result_spread *score = need(pb_arena_array(arena, sweep->n_cells, sizeof *score));
	for (size_t i = 0; i < 3; i++) {
		const struct pb_result_sweep *own = pb_example_sweep(
			arena, "own", 2, (const char *[]){"layer", "head"}, (int64_t[]){3, 2}, 0.4 + (double)i);
		items[i] = (struct pb_result_member){names[i], sets[i], 6.25 + (double)i, 2 - (double)i, i < 2, own->cells};
		probes[i] = (struct pb_result_probe){names[i], "R alias P", "U alias P", 3.9, 6.25, 2, 1, 2, 3, 4, sets[i],
						     NULL};
	}
	for (size_t c = 0; c < sweep->n_cells; c++) {
		double base = (double)c;
		metric[c] = (struct pb_result_spread){3, base, 0.5, base - 0.25, base + 0.75};
		score[c] = (struct pb_result_spread){2, base / 8, 0.125, base / 8 - 0.5, base / 8 + 0.25};
	}
	score[5] = (struct pb_result_spread){1, 0.5, NAN, NAN, NAN};
	*over = (struct pb_result_members){"unit", 3, items, metric, score};
	sweep->over = over;
	sweep->weights = "model_1";
	*run = (struct pb_result_run){.name = "units", .version = "0.1.0", .date = "2025-03-01T12:00:00Z", .n_sweeps = 1,
				      .sweeps = sweep, .n_probes = 3, .probes = probes};
	return run;
}
