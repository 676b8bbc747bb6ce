/* test_audit.c: what the audit says of sweeps that do not mean what they seem to. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "exp/lab.h"
#include "support/support.h"

static struct lab lab;

/* A sweep on a small model; the result's notes. */
static struct pb_result_sweep run_on(const char *update, const char *pair, const char *sweep)
{
	char yaml[4096];
	snprintf(yaml, sizeof yaml,
		 "seed: 4\nprecision: f64\nmodel: {n_layers: 2, d_model: 12, n_heads: 3, act_fn: gelu}\n"
		 "data: {plugin: tokens, pairs: [%s]}\nprobe: {unit: \"0\"}\nupdate: {%s}\nsweeps:\n  - {name: sweep, "
		 "%s}\n",
		 pair, update, sweep);
	lab_plan(&lab, yaml, 1);
	lab_weights(&lab, 9);
	lab_engine(&lab);
	return lab_run(&lab, "sweep");
}

/* Prompts that differ at position 1. */
static struct pb_result_sweep run(const char *sweep)
{
	return run_on("lr: 1e-3", "{clean: [1, 2, 3, 4], corrupted: [1, 5, 3, 4], answer: 6}", sweep);
}

/* The notes are these (ended by NULL), and no others. */
static void check_notes(const struct pb_result_sweep *r, const char *const *notes)
{
	size_t n = 0;
	for (; notes[n]; n++)
		ck_assert_msg(n < r->n_notes && !strcmp(r->notes[n], notes[n]), "note %zu is not `%s` but `%s`", n,
			      notes[n], n < r->n_notes ? r->notes[n] : "none");
	ck_assert_msg(r->n_notes == n, "one note more: %s", r->notes[n]);
}

#define NOTES(...) ((const char *const[]){__VA_ARGS__, NULL})

START_TEST(nothing_to_say)
{
	struct pb_result_sweep r = run("hook: resid_mid, setter: layer, over: [layer], forward: corrupted");
	check_notes(&r, (const char *const[]){NULL});
	lab_close(&lab);
	r = run("setter: params, sets: each");
	check_notes(&r, (const char *const[]){NULL});
	lab_close(&lab);
}
END_TEST

/* The smallest change is one: only a patch that left every number as it was is said to have done nothing. */
START_TEST(a_small_change_is_a_change)
{
	static const char *const directions[] = {"forward: ablate", "backward: ablate"};
	for (int i = 0; i < 2; i++) {
		char sweep[128];
		snprintf(sweep, sizeof sweep,
			 "hook: attn_out, setter: {plugin: noise, std: 1e-9, mode: add}, over: [layer], %s", directions[i]);
		struct pb_result_sweep r = run(sweep);
		check_notes(&r, (const char *const[]){NULL});
		ck_assert(r.cells[0].forward.max_change + r.cells[0].backward.max_change > 0.0);
		lab_close(&lab);
	}
}
END_TEST

START_TEST(empty_sets)
{
	struct pb_result_sweep r = run("setter: params, sets: {none: attn & mlp, some: attn, nothing: \"\"}");
	check_notes(&r, NOTES("2 of 3 sets hold no parameter: that is the update on the corrupted run by construction"));
	ck_assert(fabs(r.cells[0].score) < 1e-9 && fabs(r.cells[2].score) < 1e-9);
	lab_close(&lab);
}
END_TEST

/* The ends of the score come from the very passes that the cells repeat. */
START_TEST(own_results_are_exact)
{
	struct pb_result_sweep r = run("kind: activation, base: corrupted, hook: result, setter: layer_head, "
				       "over: [layer, head], forward: corrupted");
	for (size_t i = 0; i < r.n_cells; i++)
		ck_assert(r.cells[i].score == 0.0 && r.cells[i].forward.max_change == 0.0);
	lab_close(&lab);
}
END_TEST

START_TEST(own_values_in_both_directions)
{
	struct pb_result_sweep r =
		run("hook: z, setter: layer_head, over: [layer, head], forward: clean, backward: clean");
	ck_assert(lab_noted(&r, "the gradient there was the clean run's already: every score is 1 by construction"));
	lab_close(&lab);
}
END_TEST

/* Layer norm's scale: the point is cut, what is upstream keeps its gradient through the other path. */
START_TEST(cut_that_leaves_all_gradients)
{
	struct pb_result_sweep r =
		run("hook: ln1.scale, setter: layer, over: [layer], forward: corrupted, gradient: torch");
	ck_assert(lab_noted(&r, "the graph was cut in 2 of 2 cells; every parameter still got a gradient on other paths"));
	lab_close(&lab);
}
END_TEST

START_TEST(no_patch_at_all)
{
	struct pb_result_sweep r = run("hook: z, setter: layer_head, over: [layer, head], forward: none");
	check_notes(&r, NOTES("no patch at all (neither `forward` nor `backward` names a run): every score is 1 by "
			      "construction"));
	lab_close(&lab);
	r = run("hook: z, setter: layer_head, over: [layer, head], base: corrupted, forward: none");
	check_notes(&r, NOTES("no patch at all (neither `forward` nor `backward` names a run): every score is 0 by "
			      "construction"));
	lab_close(&lab);
}
END_TEST

/* SPEC 3's own words. */
START_TEST(gradient_replaced_with_itself)
{
	struct pb_result_sweep r = run("hook: blocks.1.hook_resid_pre, setter: layer, backward: clean");
	check_notes(
		&r,
		NOTES("backward patch at blocks.1.hook_resid_pre replaced the gradient with itself: every score is 1 "
		      "by construction"));
	lab_close(&lab);
	r = run("hook: resid_pre, setter: layer, over: [layer], backward: clean");
	check_notes(
		&r,
		NOTES("backward patch at blocks.0.hook_resid_pre .. blocks.1.hook_resid_pre replaced the gradient with "
		      "itself: every score is 1 by construction"));
	lab_close(&lab);
}
END_TEST

START_TEST(own_activations)
{
	struct pb_result_sweep r = run("hook: z, setter: layer, over: [layer], forward: clean");
	check_notes(&r, NOTES("forward patch at blocks.0.attn.hook_z .. blocks.1.attn.hook_z changed nothing: it takes "
			      "the base "
			      "run's own activations: every score is 1 by construction"));
	lab_close(&lab);
	/* Not so in mode torch, where patched entries pass no gradient. */
	r = run("hook: z, setter: layer_pos, over: [layer, pos], forward: clean, gradient: torch");
	check_notes(&r, NOTES("forward patch at blocks.0.attn.hook_z .. blocks.1.attn.hook_z changed nothing: it takes "
			      "the base "
			      "run's own activations; mode `torch` holds the gradient up there all the same"));
	lab_close(&lab);
}
END_TEST

/* Both prompts begin alike. */
START_TEST(equal_in_both_runs)
{
	struct pb_result_sweep r = run("hook: hook_pos_embed, setter: layer_pos, over: [pos], forward: corrupted");
	check_notes(&r, NOTES("forward patch at hook_pos_embed changed nothing: the corrupted run's activations there "
			      "equal those "
			      "of the base run: every score is 1 by construction"));
	lab_close(&lab);
	r = run("hook: resid_pre, setter: layer_pos, over: [layer, pos], forward: corrupted");
	/* Position 0 of two layers, and positions 2 and 3 of the first. */
	check_notes(&r, NOTES("forward patch changed nothing in 4 of 8 cells: the corrupted run's activations there "
			      "equal those "
			      "of the base run"));
	lab_close(&lab);
}
END_TEST

START_TEST(gradients_equal_in_some_cells)
{
	/* Only the last position is scored: before the last block's end, no gradient reaches the others. */
	struct pb_result_sweep r =
		run("hook: blocks.1.hook_resid_post, setter: layer_pos, over: [pos], backward: corrupted");
	check_notes(&r, NOTES("backward patch changed nothing in 3 of 4 cells"));
	lab_close(&lab);
}
END_TEST

START_TEST(cut_graph)
{
	struct pb_result_sweep r =
		run("hook: blocks.1.hook_resid_pre, setter: layer, forward: corrupted, gradient: torch");
	ck_assert_uint_eq(r.n_notes, 1);
	/* 2 embeddings and a block of 16. */
	ck_assert_str_eq(r.notes[0],
			 "the graph was cut in 1 of 1 cells: 18 parameters got no gradient, and the optimizer "
			 "skipped them (no weight decay either)");
	lab_close(&lab);
	r = run("hook: resid_pre, over: [layer], setter: layer, forward: corrupted, backward: clean, gradient: torch");
	check_notes(&r,
		    NOTES("backward hook at blocks.0.hook_resid_pre .. blocks.1.hook_resid_pre never fired: in mode "
			  "`torch` the "
			  "setter replaced the whole activation, which cuts the graph there, so forward and backward "
			  "together equal forward alone; use `gradient: pass` to patch both",
			  "the graph was cut in 2 of 2 cells: 2 to 18 parameters got no gradient, and the optimizer "
			  "skipped "
			  "them (no weight decay either)"));
	lab_close(&lab);
}
END_TEST

/* A cut at the first block's end; what is patched below it gets no gradient. */
START_TEST(backward_hooks_behind_a_cut)
{
	struct pb_result_sweep r = run("hook: [blocks.0.hook_resid_pre, blocks.0.hook_resid_post], setter: layer, "
				       "forward: corrupted, backward: clean, gradient: torch");
	ck_assert_uint_eq(r.n_cells, 2);
	ck_assert(lab_noted(&r, "never fired: in mode `torch`"));
	lab_close(&lab);
}
END_TEST

START_TEST(score_undefined)
{
	/* Equal prompts, updates of nothing, and logits that do not see the difference. */
	static const char *const same = "{clean: [1, 2, 3, 4], corrupted: [1, 2, 3, 4], answer: 6}";
	static const char *const later = "{clean: [1, 2, 3, 4], corrupted: [1, 2, 3, 5], answer: 6, pos: 2}";
	static const char *const different = "{clean: [1, 2, 3, 4], corrupted: [1, 5, 3, 4], answer: 6}";
	static const char *const sets = "setter: params, sets: each";
	const struct {
		const char *update, *pair, *sweep, *what;
	} cases[] = {
		{"lr: 1e-3", same, sets, "updates"},
		{"lr: 1e-3", later, sets, "updates"},
		{"lr: 0", different, sets, "updates"},
		{"lr: 1e-14", different, sets, "updates"}, /* differs by rounding only */
		{"lr: 1e-3", later, "kind: activation, hook: z, setter: layer, over: [layer], forward: clean", "runs"},
	};
	char note[256];
	struct pb_result_sweep r = run_on(cases[_i].update, cases[_i].pair, cases[_i].sweep);
	snprintf(note, sizeof note,
		 "clean and corrupted %s give the same metric within rounding: the score is undefined", cases[_i].what);
	ck_assert(!r.score_defined);
	ck_assert_str_eq(r.notes[0], note);
	for (size_t i = 0; i < r.n_cells; i++)
		ck_assert(isnan(r.cells[i].score) && isfinite(r.cells[i].metric));
	ck_assert(!lab_noted(&r, "by construction"));
	lab_close(&lab);
}
END_TEST

/* Division by a scale of zero: some cells have no metric, the sweep goes on. */
START_TEST(cells_without_a_metric)
{
	struct pb_result_sweep r = run("hook: [blocks.0.ln1.hook_scale, blocks.0.ln1.hook_normalized], setter: zero");
	ck_assert_uint_eq(r.n_cells, 2);
	ck_assert(isnan(r.cells[0].metric) && isnan(r.cells[0].score));
	ck_assert(isfinite(r.cells[1].metric) && isfinite(r.cells[1].score));
	ck_assert_uint_eq(r.n_notes, 1);
	ck_assert_msg(!strncmp(r.notes[0],
			       "no metric in 1 of 2 cells: the patched model's numbers are not finite (cell 0 (hook "
			       "blocks.0.ln1.hook_scale): metric ",
			       117),
		      "%s", r.notes[0]);
	lab_close(&lab);
}
END_TEST

START_TEST(ablations_that_do_nothing)
{
	struct pb_result_sweep r =
		run("kind: activation, hook: blocks.0.attn.hook_pattern, setter: zero, over: [dest_pos, src_pos]");
	check_notes(
		&r,
		NOTES("forward patch changed nothing in 6 of 16 cells: the setter left the values there as they were"));
	lab_close(&lab);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("audit");
	TCase *tc = tcase_create("audit");
	tcase_add_test(tc, nothing_to_say);
	tcase_add_test(tc, a_small_change_is_a_change);
	tcase_add_test(tc, empty_sets);
	tcase_add_test(tc, own_results_are_exact);
	tcase_add_test(tc, own_values_in_both_directions);
	tcase_add_test(tc, cut_that_leaves_all_gradients);
	tcase_add_test(tc, no_patch_at_all);
	tcase_add_test(tc, gradient_replaced_with_itself);
	tcase_add_test(tc, own_activations);
	tcase_add_test(tc, equal_in_both_runs);
	tcase_add_test(tc, gradients_equal_in_some_cells);
	tcase_add_test(tc, cut_graph);
	tcase_add_test(tc, backward_hooks_behind_a_cut);
	tcase_add_loop_test(tc, score_undefined, 0, 5);
	tcase_add_test(tc, cells_without_a_metric);
	tcase_add_test(tc, ablations_that_do_nothing);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
