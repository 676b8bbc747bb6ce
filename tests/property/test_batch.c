/* test_batch.c: a batch of pairs of prompts against its pairs one by one. */
#include <stdio.h>

#include "base/status.h"
#include "support/device.h"
#include "support/support.h"
#include "world.h"

static const char *const sources[] = {"none", "clean", "corrupted"};

static void add_sweeps(struct world *w)
{
	static const char *const setters[][2] = {{"layer", "layer"},
						 {"layer_pos", "layer, pos"},
						 {"layer_head", "layer, head"},
						 {"zero", "layer"},
						 {"{plugin: mean, split: corrupted}", "layer"}};
	/* Not ln1.hook_scale at 0. */
	static const char *const axes[] = {"", "pos", "head", "head", ""};
	for (int i = 0; i < 5; i++) {
		const char *hook = world_hook(w, axes[i]);
		const char *forward = i < 3 ? sources[world_draw(w, 3)] : "ablate";
		const char *backward = i < 3 ? sources[world_draw(w, 3)] : "none";
		world_sweep(w,
			    "name: gradient %d, hook: %s, setter: %s, over: [%s], base: %s, forward: %s, backward: %s, "
			    "gradient: %s",
			    i, hook, setters[i][0], setters[i][1], sources[1 + world_draw(w, 2)], forward, backward,
			    world_draw(w, 2) ? "pass" : "torch");
		world_sweep(w,
			    "name: activation %d, kind: activation, hook: %s, setter: %s, over: [%s], base: %s, "
			    "forward: %s",
			    i, hook, setters[i][0], setters[i][1], sources[1 + world_draw(w, 2)],
			    i < 3 ? "clean" : "ablate");
	}
}

START_TEST(equal_pairs_are_one_pair)
{
	static struct world w;
	static struct lab all, one;
	char name[32];
	world_make(&w, _i, WORLD_SAME);
	add_sweeps(&w);
	world_open(&w, &all, NULL, 1);
	world_open(&w, &one, "probe.unit=1", 1);
	ck_assert_int_eq(all.probe.clean.n_examples, w.n_pairs);
	ck_assert_int_eq(one.probe.clean.n_examples, 1);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof name, "%s %d", i % 2 ? "activation" : "gradient", i / 2);
		struct pb_result_sweep a = lab_run(&all, name), b = lab_run(&one, name);
		ck_assert_uint_eq(a.n_cells, b.n_cells);
		for (size_t k = 0; k < a.n_cells; k++) {
			double tolerance = world_tolerance(&w);
			lab_near(a.cells[k].metric, b.cells[k].metric, tolerance, "metric of %s, cell %zu", name, k);
			lab_near(a.cells[k].loss, b.cells[k].loss, tolerance, "loss");
			lab_near(a.cells[k].grad_norm, b.cells[k].grad_norm, tolerance, "gradient norm");
			ck_assert_int_eq(a.cells[k].forward.fired, b.cells[k].forward.fired);
			ck_assert_int_eq(a.cells[k].params_without_grad, b.cells[k].params_without_grad);
		}
	}
	lab_close(&all);
	lab_close(&one);
	world_end(&w);
}
END_TEST

/* What does not go through an update is the mean over the pairs. */
START_TEST(batch_is_the_mean_of_its_pairs)
{
	static struct world w;
	static struct lab all, one;
	double metric[64], loss[64];
	world_make(&w, _i, WORLD_DIFFERENT);
	const char *hook = world_hook(&w, "pos");
	world_sweep(
		&w,
		"name: activation, kind: activation, hook: %s, setter: layer_pos, over: [layer, pos], forward: clean",
		hook);
	world_sweep(&w, "name: gradient, hook: %s, setter: layer_pos, over: [layer, pos], forward: corrupted", hook);
	world_open(&w, &all, "probe.unit=all", 1);
	struct pb_result_sweep a = lab_run(&all, "activation"), b = lab_run(&all, "gradient");
	ck_assert_uint_le(a.n_cells, 64);
	for (size_t i = 0; i < a.n_cells; i++)
		metric[i] = loss[i] = 0.0;
	for (int64_t pair = 0; pair < w.n_pairs; pair++) {
		char set[32];
		snprintf(set, sizeof set, "probe.unit=%d", (int)pair);
		world_open(&w, &one, set, 1);
		struct pb_result_sweep x = lab_run(&one, "activation"), y = lab_run(&one, "gradient");
		for (size_t i = 0; i < a.n_cells; i++) {
			metric[i] += x.cells[i].metric / (double)w.n_pairs;
			loss[i] += y.cells[i].loss / (double)w.n_pairs;
		}
		lab_close(&one);
	}
	for (size_t i = 0; i < a.n_cells; i++) {
		lab_near(a.cells[i].metric, metric[i], w.f32 ? 1e-5 : 1e-12, "metric of cell %zu", i);
		lab_near(b.cells[i].loss, loss[i], w.f32 ? 1e-5 : 1e-12, "loss of cell %zu", i);
	}
	lab_close(&all);
	world_end(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("batch");
	TCase *tc = tcase_create("batch");
	tcase_add_loop_test(tc, equal_pairs_are_one_pair, 0, pb_test_rounds(WORLDS));
	tcase_add_loop_test(tc, batch_is_the_mean_of_its_pairs, 0, pb_test_rounds(WORLDS));
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
