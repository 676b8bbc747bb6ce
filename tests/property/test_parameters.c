/* test_parameters.c: patches of activations against patches of parameters' gradients, and the algebra of sets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "exp/evaluate.h"
#include "support/support.h"
#include "world.h"

static const char *const runs[] = {"clean", "corrupted"};

/* Cell by cell. */
static void same_cells(const struct pb_result_sweep *a, size_t i, const struct pb_result_sweep *b, size_t k,
		       double tolerance)
{
	lab_near(a->cells[i].metric, b->cells[k].metric, tolerance, "metric of %s, cell %zu, and %s, cell %zu", a->name,
		 i, b->name, k);
	lab_near(a->cells[i].grad_norm, b->cells[k].grad_norm, tolerance,
		 "gradient norm of %s, cell %zu, and %s, cell %zu", a->name, i, b->name, k);
}

/* The stream replaced in both directions at one depth: gradients of what lies below are the base run's, of the rest the
 * other run's. */
START_TEST(whole_stream_is_a_parameter_patch)
{
	static struct world w;
	static struct lab lab;
	world_make(&w, _i, 0);
	int base = (int)world_draw(&w, 2);
	const char *own = runs[base], *other = runs[!base], *hooks[] = {"resid_pre", "resid_mid", "resid_post"};
	for (int i = 0; i < 3; i++)
		if (!w.attn_only || i != 1)
			world_sweep(
				&w,
				"name: %s, hook: %s, setter: layer, over: [layer], base: %s, forward: %s, backward: %s",
				hooks[i], hooks[i], own, other, own);
	/* From the base run as the other one's patch. */
	world_sweep(&w, "name: below, setter: params, sets: cumulative, base: %s", other);
	world_sweep(&w,
		    "name: below and attention, setter: params, base: %s, sets: {\"0\": embed + pos_embed + "
		    "blocks.0.attn%s}",
		    other, w.has_norm && strstr(w.text.data, "normalization_type: LN,") ? " + blocks.0.ln1" : "");
	double tolerance = world_tolerance(&w);
	world_open(&w, &lab, NULL, 1);
	struct pb_result_sweep pre = lab_run(&lab, "resid_pre"), post = lab_run(&lab, "resid_post");
	struct pb_result_sweep below = lab_run(&lab, "below"), attention = lab_run(&lab, "below and attention");
	for (size_t layer = 0; layer < pre.n_cells; layer++) {
		same_cells(&pre, layer, &below, layer, tolerance);
		same_cells(&post, layer, &below, layer + 1, tolerance);
		lab_near(pre.cells[layer].loss, lab.engine.ends->runs[!base].loss, tolerance, "loss");
	}
	if (!w.attn_only) {
		struct pb_result_sweep mid = lab_run(&lab, "resid_mid");
		same_cells(&mid, 0, &attention, 0, tolerance);
	}
	ck_assert(below.cells[below.n_cells - 1].score == !base);
	lab_close(&lab);
	world_end(&w);
}
END_TEST

/* A step with the gradients of a run, those of some parameters left out, made without the engine. */
static double step_without(struct lab *lab, const struct pb_reference_run *run, const char *left_out)
{
	const struct pb_param_table *table = &lab->plan.model.table;
	struct pb_optim optim;
	struct pb_optim_slot slots[128];
	struct pb_params weights;
	struct pb_tape tape;
	bool present[128], parts[512];
	double metric;
	ck_assert_int_le(table->n, 128);
	ck_assert_int_le(table->n_parts, 512);
	ck_assert_ok(pb_param_select(table, left_out, parts));
	for (int i = 0; i < table->n; i++) {
		present[i] = !parts[table->items[i].first_part];
		slots[i] = (struct pb_optim_slot){table->items[i].offset, table->items[i].count};
	}
	ck_assert_ok(pb_params_init(&weights, table, &lab->device, lab->config.dtype));
	pb_params_copy(&weights, &lab->weights);
	ck_assert_ok(pb_optim_init(&optim, &lab->device, lab->config.dtype, &lab->plan.update, slots, table->n));
	ck_assert_ok(pb_optim_step(&optim, weights.data, run->grads.data, present, NULL));
	pb_tape_init(&tape, &lab->device, lab->config.dtype);
	ck_assert_ok(pb_evaluate(&lab->plan.model, &tape, &weights.weights, lab->plan.metric, &lab->probe.questions,
				 NULL, NULL, &metric));
	pb_tape_finish(&tape);
	pb_optim_finish(&optim);
	pb_params_finish(&weights);
	return metric;
}

/* Mode torch, the whole stream replaced by its own values: what lies below is skipped by the optimizer, weight decay
 * and all. */
START_TEST(cut_parameters_are_skipped)
{
	static struct world w;
	static struct lab lab;
	world_make(&w, _i, 0);
	int base = (int)world_draw(&w, 2);
	world_sweep(&w,
		    "name: cut, hook: resid_pre, setter: layer, over: [layer], base: %s, forward: %s, gradient: torch",
		    runs[base], runs[base]);
	world_sweep(&w, "name: gradients are kept, setter: params, sets: each");
	double tolerance = world_tolerance(&w);
	struct pb_reference by_hand;
	world_open(&w, &lab, NULL, 1);
	ck_assert_ok(pb_reference_init(&by_hand, &lab.plan, &lab.weights, &lab.means, &lab.probe));
	struct pb_result_sweep r = lab_run(&lab, "cut");
	int per_block = 0;
	for (int i = 0; i < lab.plan.model.table.n; i++)
		per_block += lab.plan.model.table.items[i].layer == 0;
	for (size_t layer = 0; layer < r.n_cells; layer++) {
		char below[64];
		snprintf(below, sizeof below, layer ? "embed + pos_embed + blocks.<%zu.*" : "embed + pos_embed", layer);
		lab_near(r.cells[layer].metric, step_without(&lab, &by_hand.runs[base], below), tolerance,
			 "layer %zu", layer);
		ck_assert(r.cells[layer].graph_cut);
		ck_assert_int_eq(r.cells[layer].params_without_grad, 2 + per_block * (int64_t)layer);
	}
	ck_assert(lab_noted(&r, "the graph was cut in"));
	pb_reference_finish(&by_hand);
	lab_close(&lab);
	world_end(&w);
}
END_TEST

/* An atom of a set's expression. */
static const char *atom(struct world *w)
{
	static const char *const atoms[] = {"embed",   "pos_embed",         "blocks.0", "blocks.<=0.*", "attn", "W_Q",
					    "unembed", "blocks.*.attn.b_?", "W_*",      "*.{W,b}_[OV]",
					    "h0",      "attn.*.h0",         "W_O.h<=1", "{W,b}_[KV].h0", NULL};
	return world_pick(w, atoms);
}

/* Writes one set in two ways. */
static void write_twice(struct world *w, char first[256], char second[256])
{
	const char *a = atom(w), *b = atom(w), *c = atom(w);
	switch (world_draw(w, 5)) {
	case 0:
		snprintf(first, 256, "%s - %s", a, b);
		snprintf(second, 256, "%s & !%s", a, b);
		break;
	case 1:
		snprintf(first, 256, "%s + %s", a, b);
		snprintf(second, 256, "!(!%s & !%s)", a, b);
		break;
	case 2:
		snprintf(first, 256, "%s - (%s + %s)", a, b, c);
		snprintf(second, 256, "%s - %s - %s", a, c, b);
		break;
	case 3:
		snprintf(first, 256, "%s & (%s + %s)", a, b, c);
		snprintf(second, 256, "(%s & %s) + (%s & %s)", a, c, a, b);
		break;
	default: snprintf(first, 256, "!(%s)", a); snprintf(second, 256, "* - %s", a);
	}
}

START_TEST(sets_follow_their_algebra)
{
	static struct world w;
	static struct lab lab;
	char first[6][256], second[6][256];
	world_make(&w, _i, 0);
	for (int i = 0; i < 6; i++) {
		write_twice(&w, first[i], second[i]);
		world_sweep(&w, "name: pair %d, setter: params, sets: {first: \"%s\", second: \"%s\"}", i, first[i],
			    second[i]);
		world_sweep(&w, "name: complement %d, setter: params, base: clean, sets: {set: \"!(%s)\"}", i,
			    first[i]);
	}
	world_sweep(&w, "name: ends, setter: params, sets: {all: \"*\", none: \"\"}");
	world_sweep(&w, "name: other ends, setter: params, base: clean, sets: {all: \"*\", none: \"\"}");
	world_open(&w, &lab, NULL, 1);
	for (int i = 0; i < 6; i++) {
		char name[32];
		snprintf(name, sizeof name, "pair %d", i);
		struct pb_result_sweep pair = lab_run(&lab, name);
		snprintf(name, sizeof name, "complement %d", i);
		struct pb_result_sweep complement = lab_run(&lab, name);
		ck_assert_msg(pair.cells[0].metric == pair.cells[1].metric, "%s is not %s", first[i], second[i]);
		ck_assert_msg(pair.cells[0].metric == complement.cells[0].metric, "the complement of %s", first[i]);
	}
	struct pb_result_sweep ends = lab_run(&lab, "ends"), others = lab_run(&lab, "other ends");
	ck_assert(ends.cells[0].score == 1.0 && ends.cells[1].score == 0.0);
	ck_assert(others.cells[0].score == 0.0 && others.cells[1].score == 1.0);
	lab_close(&lab);
	world_end(&w);
}
END_TEST

/* Some heads' gradients from one run, the other heads' from the other run. */
START_TEST(both_engines_mix_heads_alike)
{
	static struct world w;
	static struct lab lab;
	world_make(&w, _i, 0);
	const char *base = runs[world_draw(&w, 2)];
	int last = (int)world_draw(&w, w.n_heads);
	bool estimates = !strstr(w.text.data, "metric: logit_difference");
	world_sweep(&w, "name: heads, setter: params, base: %s, estimate: %s, "
		    "sets: {V: W_V.h%d, O: W_O.h%d, bias: \"b_?.h%d\", "
		    "head: h%d, others: \"blocks.0 - h%d\", W_O: W_O, first: h0, all: \"*\", two: W_O.h0 + W_Q.h%d}",
		    base, estimates ? "true" : "false", last, last, last, last, last, last);
	double tolerance = world_tolerance(&w);
	world_open(&w, &lab, NULL, 1);
	struct pb_result_sweep mine = lab_run(&lab, "heads");
	pb_engine_close(&lab.engine);
	lab.options.kind = lab.options.kind == PB_ENGINE_REFERENCE ? PB_ENGINE_AUTO : PB_ENGINE_REFERENCE;
	ck_assert_ok(pb_engine_open(&lab.engine, &lab.plan, &lab.weights, &lab.means, &lab.probe, 1, &lab.options));
	struct pb_result_sweep others = lab_run(&lab, "heads");
	for (size_t i = 0; i < mine.n_cells; i++)
		same_cells(&mine, i, &others, i, tolerance);
	for (size_t i = 0; estimates && i < mine.n_cells; i++)
		lab_near(mine.cells[i].estimate, others.cells[i].estimate, tolerance, "estimate of cell %zu", i);
	lab_close(&lab);
	world_end(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("parameters");
	TCase *tc = tcase_create("parameters");
	tcase_add_loop_test(tc, whole_stream_is_a_parameter_patch, 0, WORLDS);
	tcase_add_loop_test(tc, cut_parameters_are_skipped, 0, WORLDS);
	tcase_add_loop_test(tc, sets_follow_their_algebra, 0, WORLDS);
	tcase_add_loop_test(tc, both_engines_mix_heads_alike, 0, WORLDS);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
