/* world.c: draws and text. */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "support/support.h"

int64_t world_draw(struct world *world, int64_t n)
{
	return (int64_t)(pb_random(world->seed, pb_random_stream("world"), world->draws++) % (uint64_t)n);
}

const char *world_pick(struct world *world, const char *const *items)
{
	int64_t n = 0;
	while (items[n])
		n++;
	return items[world_draw(world, n)];
}

static void add_model(struct world *w)
{
	static const char *const acts[] = {"relu", "gelu", "gelu_new", "silu", NULL};
	static const char *const norms[] = {"LN", "LNPre", "none", NULL};
	static const int64_t widths[] = {8, 12, 16, 24, 32};
	w->n_layers = 1 + world_draw(w, 3);
	w->n_heads = 1 + world_draw(w, 4);
	w->attn_only = !world_draw(w, 4);
	const char *norm = world_pick(w, norms);
	w->has_norm = strcmp(norm, "none") != 0;
	int64_t d_model = widths[world_draw(w, 5)], d_mlp = 4 + world_draw(w, 40);
	pb_text_add(&w->text,
		    "model: {n_layers: %d, d_model: %d, n_heads: %d, d_head: %d, act_fn: %s, normalization_type: %s, "
		    "attn_only: %s, d_mlp: %d}\n",
		    (int)w->n_layers, (int)d_model, (int)w->n_heads, (int)(2 + world_draw(w, 7)), world_pick(w, acts),
		    norm, w->attn_only ? "yes" : "no", (int)d_mlp);
}

static void add_prompt(struct world *w, const int64_t *ids, const char *name)
{
	pb_text_add(&w->text, "%s: [", name);
	for (int64_t i = 0; i < w->n_pos; i++)
		pb_text_add(&w->text, i ? ", %d" : "%d", (int)ids[i]);
	pb_text_add(&w->text, "], ");
}

static void add_pair(struct world *w, int64_t vocab)
{
	int64_t clean[8], corrupted[8];
	for (int64_t i = 0; i < w->n_pos; i++)
		clean[i] = corrupted[i] = world_draw(w, vocab);
	/* At least one token differs, before the scored position. */
	int64_t pos = world_draw(w, 2) ? w->n_pos - 1 : 1 + world_draw(w, w->n_pos - 1);
	int64_t differing = world_draw(w, pos);
	corrupted[differing] = (clean[differing] + 1 + world_draw(w, vocab - 1)) % vocab;
	if (world_draw(w, 2))
		corrupted[world_draw(w, w->n_pos)] = world_draw(w, vocab);
	corrupted[differing] =
		corrupted[differing] == clean[differing] ? (clean[differing] + 1) % vocab : corrupted[differing];
	int64_t answer = world_draw(w, vocab);
	pb_text_add(&w->text, "{");
	add_prompt(w, clean, "clean");
	add_prompt(w, corrupted, "corrupted");
	pb_text_add(&w->text, "pos: %d, answer: %d, distractor: %d}", (int)pos, (int)answer,
		    (int)((answer + 1 + world_draw(w, vocab - 1)) % vocab));
}

static void add_tokens(struct world *w, unsigned flags)
{
	int64_t vocab = 12 + world_draw(w, 20);
	bool several = flags & WORLD_DIFFERENT;
	w->n_pos = 3 + world_draw(w, 4);
	w->n_pairs = several || flags & WORLD_SAME ? 2 + world_draw(w, 4) : 1 + world_draw(w, 3);
	pb_text_add(&w->text, "data:\n  plugin: tokens\n  pairs:\n");
	uint64_t mark = w->draws;
	for (int64_t i = 0; i < w->n_pairs; i++) {
		if (flags & WORLD_SAME)
			w->draws = mark;
		pb_text_add(&w->text, "    - ");
		add_pair(w, vocab);
		pb_text_add(&w->text, "\n");
	}
	pb_text_add(&w->text, "probe: {unit: %s}\n", flags & WORLD_SAME ? "all" : "\"0\"");
}

static void add_definitions(struct world *w)
{
	int64_t mod = world_draw(w, 2) ? 16 : 20; /* multiples of 4: every integer is in a set */
	w->n_pos = 4;
	w->n_pairs = 1;
	pb_text_add(&w->text, "data: {plugin: oocl, mod: %d}\nprobe: {unit: \"%d\"}\n", (int)mod,
		    (int)world_draw(w, 16));
}

static void add_update(struct world *w, unsigned flags)
{
	static const char *const kinds[] = {"adamw", "adam", "sgd", NULL};
	const char *kind = world_pick(w, kinds);
	bool decay = world_draw(w, 2) && !(flags & WORLD_NO_DECAY), clip = world_draw(w, 2);
	/* float32: an epsilon above its rounding keeps Adam's quotient smooth. */
	pb_text_add(&w->text, "update: {optimizer: %s, lr: %s, weight_decay: %s, max_grad_norm: %s, eps: %s}\n", kind,
		    strcmp(kind, "sgd") ? "0.01" : "0.05", decay ? "0.1" : "0", clip ? "1.0" : "0",
		    w->f32 ? "1e-2" : "1e-8");
}

void world_make(struct world *world, int number, unsigned flags)
{
	static const char *const metrics[] = {"correct_logit", "{plugin: correct_logit, of: probability}",
					      "cross_entropy", "logit_difference", NULL};
	struct world *w = world;
	*w = (struct world){.seed = (uint64_t)number + 1};
	w->f32 = !world_draw(w, 4) && !(flags & WORLD_F64);
	w->tokens = flags & (WORLD_TOKENS | WORLD_SAME | WORLD_DIFFERENT) || world_draw(w, 2);
	pb_text_add(&w->text, "name: world\nseed: %d\nprecision: %s\n", number, w->f32 ? "f32" : "f64");
	add_model(w);
	if (w->tokens)
		add_tokens(w, flags);
	else
		add_definitions(w);
	add_update(w, flags);
	const char *metric = world_pick(w, metrics);
	pb_text_add(&w->text, "metric: %s\nsweeps:\n",
		    !w->tokens && !strcmp(metric, "logit_difference") ? "correct_logit" : metric);
}

const char *world_hook(struct world *world, const char *axes)
{
	static const struct {
		const char *name, *axes;
		bool mlp, norm;
	} hooks[] = {
		{"resid_pre", "pos", false, false},
		{"attn_out", "pos", false, false},
		{"resid_post", "pos", false, false},
		{"resid_mid", "pos", true, false},
		{"mlp_out", "pos", true, false},
		{"mlp.hook_pre", "pos", true, false},
		{"mlp.hook_post", "pos", true, false},
		{"ln1.hook_scale", "pos", false, true},
		{"ln1.hook_normalized", "pos", false, true},
		{"q", "head pos", false, false},
		{"k", "head pos", false, false},
		{"v", "head pos", false, false},
		{"z", "head pos", false, false},
		{"result", "head pos", false, false},
		{"pattern", "head dest_pos src_pos", false, false},
		{"attn_scores", "head dest_pos src_pos", false, false},
	};
	for (;;) {
		size_t i = (size_t)world_draw(world, (int64_t)(sizeof hooks / sizeof *hooks));
		char wanted[64];
		bool fits = (!hooks[i].mlp || !world->attn_only) && (!hooks[i].norm || world->has_norm);
		snprintf(wanted, sizeof wanted, "%s", axes);
		for (char *axis = strtok(wanted, " "); axis; axis = strtok(NULL, " "))
			fits &= strstr(hooks[i].axes, axis) != NULL;
		/* "pos" is part of "dest_pos" */
		if (fits && !(strstr(axes, "pos") && !strstr(axes, "_pos") && strstr(hooks[i].axes, "_pos")))
			return hooks[i].name;
	}
}

void world_sweep(struct world *world, const char *format, ...)
{
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	pb_text_add(&world->text, "  - {%s}\n", text);
}

void world_plan(const struct world *world, struct lab *lab, const char *set, int threads)
{
	lab_plan_with(lab, world->text.data, set, threads);
	lab_weights(lab, world->seed + 1000);
}

void world_open(const struct world *world, struct lab *lab, const char *set, int threads)
{
	world_plan(world, lab, set, threads);
	lab_engine(lab);
}

void world_end(struct world *world)
{
	pb_text_finish(&world->text);
}

double world_tolerance(const struct world *world)
{
	return world->f32 ? 2e-3 : 1e-9;
}
