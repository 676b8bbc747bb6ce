/* test_estimate.c: as the learning rate goes to zero, what an update does to the metric is the first-order
 * estimate; and so for patches of activations, as they become small. */
#include <math.h>
#include <stdio.h>

#include "base/status.h"
#include "support/support.h"
#include "world.h"

static const char *const sources[] = {"none", "clean", "corrupted"};

static void add_sweeps(struct world *w)
{
	static const char *const setters[][3] = {
		{"layer", "layer", ""}, {"layer_pos", "layer, pos", "pos"}, {"layer_head", "layer, head", "head"}};
	for (int i = 0; i < 3; i++)
		world_sweep(w,
			    "name: \"%d\", hook: %s, setter: %s, over: [%s], base: %s, forward: %s, backward: %s, "
			    "gradient: %s, estimate: true",
			    i, world_hook(w, setters[i][2]), setters[i][0], setters[i][1],
			    sources[1 + world_draw(w, 2)], sources[world_draw(w, 3)], sources[world_draw(w, 3)],
			    world_draw(w, 2) ? "pass" : "torch");
	world_sweep(w, "name: \"3\", setter: params, sets: blocks, base: %s, estimate: true",
		    sources[1 + world_draw(w, 2)]);
}

START_TEST(small_steps_do_as_estimated)
{
	static struct world w;
	static struct lab lab;
	char name[8];
	world_make(&w, _i, WORLD_F64);
	add_sweeps(&w);
	world_open(&w, &lab, "update.lr=1e-7", 1);
	double before = lab.engine.ends->metric_before;
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof name, "%d", i);
		struct pb_result_sweep r = lab_run(&lab, name);
		for (size_t k = 0; k < r.n_cells; k++) {
			double change = r.cells[k].metric - before, estimate = r.cells[k].estimate - before;
			ck_assert_msg(fabs(change - estimate) <= 1e-3 * fabs(change) + 1e-12,
				      "sweep %d, cell %zu: %g, estimated %g", i, k, change, estimate);
		}
	}
	lab_close(&lab);
	world_end(&w);
}
END_TEST

/* Added to an activation, at every position or at some, together or one by one. */
START_TEST(small_patches_do_as_estimated)
{
	static const char *const over[][2] = {{"layer", "pos"}, {"layer, pos", ""}, {"layer", "head"}, {"layer", ""}};
	static struct world w;
	static struct lab lab;
	char name[8];
	world_make(&w, _i, WORLD_F64);
	for (int i = 0; i < 4; i++)
		world_sweep(&w,
			    "name: \"%d\", kind: activation, hook: %s, setter: {plugin: noise, mode: add, std: 1e-7}, "
			    "over: "
			    "[%s], together: [%s], base: %s, estimate: true",
			    i,
			    world_hook(&w, i < 2    ? "pos"
					   : i == 2 ? "head"
						    : ""),
			    over[i][0], over[i][1], sources[1 + world_draw(&w, 2)]);
	world_open(&w, &lab, NULL, 1);
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof name, "%d", i);
		struct pb_result_sweep r = lab_run(&lab, name);
		for (size_t k = 0; k < r.n_cells; k++) {
			double change = r.cells[k].metric - r.estimate->before;
			double estimate = r.cells[k].estimate - r.estimate->before;
			ck_assert_msg(fabs(change - estimate) <= 1e-3 * fabs(change) + 1e-12,
				      "sweep %d, cell %zu: %g, estimated %g", i, k, change, estimate);
		}
	}
	lab_close(&lab);
	world_end(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("estimate");
	TCase *tc = tcase_create("estimate");
	tcase_add_loop_test(tc, small_steps_do_as_estimated, 0, WORLDS);
	tcase_add_loop_test(tc, small_patches_do_as_estimated, 0, WORLDS);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
