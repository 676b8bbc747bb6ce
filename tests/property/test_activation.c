/* test_activation.c: what must hold of activation patching in any transformer. */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "support/support.h"
#include "world.h"

static const char *const runs[] = {"clean", "corrupted"};

START_TEST(whole_stream_is_the_other_run)
{
	static struct world w;
	static struct lab lab;
	static const char *const hooks[] = {"resid_pre", "resid_post", "hook_embed", "resid_mid"};
	world_make(&w, _i, 0);
	int base = (int)world_draw(&w, 2), n_hooks = w.attn_only ? 3 : 4;
	for (int i = 0; i < n_hooks; i++)
		world_sweep(&w,
			    "name: %s, kind: activation, hook: %s, setter: layer, over: [%s], base: %s, forward: %s",
			    hooks[i], hooks[i], i == 2 ? "" : "layer", runs[base], runs[!base]);
	world_open(&w, &lab, NULL, 1);
	double other = lab.engine.ends->runs[!base].metric_logits;
	for (int i = 0; i < n_hooks; i++) {
		struct pb_result_sweep r = lab_run(&lab, hooks[i]);
		ck_assert(r.score_defined);
		for (size_t k = 0; k < r.n_cells; k++) {
			ck_assert_msg(r.cells[k].metric == other, "%s, cell %zu: %.17g, not %.17g", hooks[i], k,
				      r.cells[k].metric, other);
			ck_assert(r.cells[k].score == base);
			ck_assert(r.cells[k].forward.max_change > 0.0 || i == 2);
		}
	}
	lab_close(&lab);
	world_end(&w);
}
END_TEST

/* The scored position is the only one that counts at the end, and what comes after it counts nowhere. */
START_TEST(only_positions_up_to_the_scored_one_count)
{
	static struct world w;
	static struct lab lab;
	world_make(&w, _i, 0);
	int base = (int)world_draw(&w, 2);
	const char *hook = world_hook(&w, "pos");
	world_sweep(&w,
		    "name: end, kind: activation, hook: blocks.%d.hook_resid_post, setter: layer_pos, over: [pos], "
		    "base: %s, "
		    "forward: %s",
		    (int)w.n_layers - 1, runs[base], runs[!base]);
	world_sweep(
		&w,
		"name: any, kind: activation, hook: %s, setter: layer_pos, over: [layer, pos], base: %s, forward: %s",
		hook, runs[base], runs[!base]);
	world_open(&w, &lab, NULL, 1);
	const struct pb_run_ends *own = &lab.engine.ends->runs[base], *other = &lab.engine.ends->runs[!base];
	struct pb_result_sweep end = lab_run(&lab, "end"), any = lab_run(&lab, "any");
	int64_t scored = lab.probe.clean.scored[0].pos;
	ck_assert_int_eq(end.n_cells, w.n_pos);
	for (int64_t pos = 0; pos < w.n_pos; pos++)
		ck_assert_msg(end.cells[pos].metric == (pos == scored ? other : own)->metric_logits, "position %d",
			      (int)pos);
	for (size_t i = 0; i < any.n_cells; i++)
		if (any.cells[i].index[1] > scored)
			lab_near(any.cells[i].metric, own->metric_logits, 1e-12, "%s after the scored position", hook);
	lab_close(&lab);
	world_end(&w);
}
END_TEST

START_TEST(masked_entries_are_no_patch)
{
	static struct world w;
	static struct lab lab;
	static const char *const hooks[] = {"pattern", "attn_scores"};
	world_make(&w, _i, 0);
	int base = (int)world_draw(&w, 2);
	const char *hook = world_pick(&w, (const char *const[]){hooks[0], hooks[1], NULL});
	world_sweep(&w,
		    "name: entries, kind: activation, hook: %s, setter: layer_head_dest_src_pattern, over: [layer, "
		    "head, dest_pos, "
		    "src_pos], base: %s, forward: %s",
		    hook, runs[base], runs[!base]);
	world_open(&w, &lab, NULL, 1);
	struct pb_result_sweep r = lab_run(&lab, "entries");
	size_t masked = 0, changed = 0;
	for (size_t i = 0; i < r.n_cells; i++) {
		const struct pb_result_cell *c = &r.cells[i];
		if (c->index[3] > c->index[2]) {
			masked++;
			ck_assert(c->forward.max_change == 0.0);
			ck_assert(c->metric == lab.engine.ends->runs[base].metric_logits);
			ck_assert(c->score == !base);
		} else {
			changed += c->forward.max_change > 0.0;
		}
	}
	ck_assert_uint_eq(masked, (size_t)(w.n_layers * w.n_heads * w.n_pos * (w.n_pos - 1) / 2));
	ck_assert_uint_gt(changed, 0);
	ck_assert(lab_noted(&r, "forward patch changed nothing in "));
	lab_close(&lab);
	world_end(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("activation");
	TCase *tc = tcase_create("activation");
	tcase_add_loop_test(tc, whole_stream_is_the_other_run, 0, WORLDS);
	tcase_add_loop_test(tc, only_positions_up_to_the_scored_one_count, 0, WORLDS);
	tcase_add_loop_test(tc, masked_entries_are_no_patch, 0, WORLDS);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
