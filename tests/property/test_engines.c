/* test_engines.c: the fast engine against the reference engine, and against itself with other batches and threads. */
#include <math.h>
#include <stdio.h>

#include "base/status.h"
#include "support/device.h"
#include "support/support.h"
#include "world.h"

enum { COMBINATIONS = 40, SWEEPS = 7 };

static const char *const from[] = {"none", "clean", "corrupted", NULL};

/* One setter of each sort at a point that it fits, from any run, in any mode. */
static void add_sweeps(struct world *w)
{
	static const struct {
		const char *setter, *over, *axes;
		bool source;
	} all[] = {
		{"layer", "layer", "", true},
		{"layer_pos", "layer, pos", "pos", true},
		{"layer_head", "layer, head", "head", true},
		{"layer_pos_head", "layer, pos, head", "pos head", true},
		{"layer_head_pos_pattern", "layer, head, dest_pos", "head dest_pos", true},
		{"layer_head_dest_src_pattern", "layer, head, dest_pos, src_pos", "head dest_pos src_pos", true},
		{"zero", "layer", "", false},
		{"{plugin: noise, std: 0.3, mode: add}", "layer", "", false},
	};
	static const char *const kinds[] = {"gradient", "gradient", "activation", NULL};
	for (int i = 0; i < SWEEPS - 2; i++) {
		size_t k = (size_t)world_draw(w, sizeof all / sizeof *all);
		const char *kind = world_pick(w, kinds), *hook = world_hook(w, all[k].axes);
		bool activation = kind == kinds[2];
		const char *forward = all[k].source ? world_pick(w, from) : "ablate";
		const char *ablate = world_draw(w, 2) ? "ablate" : "none"; /* backward, where it reaches every position */
		const char *backward = activation ? "none" : all[k].source ? world_pick(w, from) : ablate;
		/* A ratio of layer norm's to nothing is no number. */
		if (!all[k].source && !strcmp(hook, "ln1.hook_scale"))
			hook = "resid_pre";
		world_sweep(w,
			    "name: sweep %d, kind: %s, hook: %s, setter: %s, over: [%s], base: %s, forward: %s, "
			    "backward: %s, gradient: %s",
			    i, kind, hook, all[k].setter, all[k].over, from[1 + world_draw(w, 2)],
			    activation && !strcmp(forward, "none") ? "clean" : forward, backward,
			    world_draw(w, 2) ? "pass" : "torch");
	}
	world_sweep(w, "name: sweep %d, setter: params, sets: each, base: %s", SWEEPS - 2, from[1 + world_draw(w, 2)]);
	world_sweep(w, "name: sweep %d, setter: params, sets: cumulative, base: %s", SWEEPS - 1,
		    from[1 + world_draw(w, 2)]);
}

static void open(const struct world *w, struct lab *lab, enum pb_engine_kind kind, int64_t batch, int threads)
{
	world_plan(w, lab, NULL, threads);
	lab->options.kind = kind;
	lab->options.batch = batch;
	lab_engine(lab);
}

static void compare_hooks(const struct pb_result_hook *a, const struct pb_result_hook *b, double tolerance)
{
	ck_assert_int_eq(a->fired, b->fired);
	ck_assert_msg((a->max_change == 0) == (b->max_change == 0), "changes %g and %g", a->max_change, b->max_change);
	lab_near(a->max_change, b->max_change, tolerance, "largest change");
}

static void compare(struct lab *reference, struct lab *fast, const char *name, double tolerance)
{
	struct pb_result_sweep a = lab_run(reference, name), b = lab_run(fast, name);
	ck_assert_uint_eq(a.n_cells, b.n_cells);
	ck_assert_int_eq(a.score_defined, b.score_defined);
	lab_near(a.metric_clean, b.metric_clean, tolerance, "clean end of %s", name);
	lab_near(a.metric_corrupted, b.metric_corrupted, tolerance, "corrupted end of %s", name);
	for (size_t i = 0; i < a.n_cells; i++) {
		const struct pb_result_cell *x = &a.cells[i], *y = &b.cells[i];
		lab_near(x->metric, y->metric, tolerance, "metric of %s, cell %zu", name, i);
		lab_near(x->loss, y->loss, tolerance, "loss of %s, cell %zu", name, i);
		lab_near(x->grad_norm, y->grad_norm, tolerance, "gradient norm of %s, cell %zu", name, i);
		ck_assert_int_eq(x->params_without_grad, y->params_without_grad);
		ck_assert_int_eq(x->graph_cut, y->graph_cut);
		compare_hooks(&x->forward, &y->forward, tolerance);
		compare_hooks(&x->backward, &y->backward, tolerance);
	}
}

START_TEST(fast_is_reference)
{
	static const int64_t batches[] = {0, 1, 3, 5};
	static struct world w;
	static struct lab reference, fast;
	world_make(&w, 1000 + _i, 0);
	add_sweeps(&w);
	open(&w, &reference, PB_ENGINE_REFERENCE, 0, 1);
	open(&w, &fast, PB_ENGINE_AUTO, batches[_i % 4], 1 + _i / 4 % 3);
	ck_assert(fast.engine.is_fast && !reference.engine.is_fast);
	for (int i = 0; i < SWEEPS; i++) {
		char name[32];
		snprintf(name, sizeof name, "sweep %d", i);
		compare(&reference, &fast, name, w.f32 ? 1e-4 : 1e-9);
	}
	lab_close(&reference);
	lab_close(&fast);
	world_end(&w);
}
END_TEST

/* Neither the cells that share a pass nor the threads change a bit. */
START_TEST(batches_and_threads_change_nothing)
{
	static struct world w;
	static struct lab one, many;
	world_make(&w, 1000 + _i, 0);
	add_sweeps(&w);
	open(&w, &one, PB_ENGINE_AUTO, 1, 1);
	open(&w, &many, PB_ENGINE_AUTO, 2 + _i % 7, 1 + _i % 3);
	for (int k = 0; k < SWEEPS; k++) {
		char name[32];
		snprintf(name, sizeof name, "sweep %d", k);
		struct pb_result_sweep a = lab_run(&one, name), b = lab_run(&many, name);
		for (size_t i = 0; i < a.n_cells; i++) {
			const struct pb_result_cell *x = &a.cells[i], *y = &b.cells[i];
			ck_assert_msg(x->metric == y->metric || (isnan(x->metric) && isnan(y->metric)),
				      "%s, cell %zu: %.17g and %.17g", name, i, x->metric, y->metric);
			ck_assert(x->grad_norm == y->grad_norm || isnan(x->grad_norm));
			ck_assert(x->forward.max_change == y->forward.max_change);
			ck_assert(x->backward.max_change == y->backward.max_change);
		}
	}
	lab_close(&one);
	lab_close(&many);
	world_end(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("engines");
	TCase *tc = tcase_create("engines");
	tcase_add_loop_test(tc, fast_is_reference, 0, pb_test_rounds(COMBINATIONS));
	tcase_add_loop_test(tc, batches_and_threads_change_nothing, 0, pb_test_rounds(COMBINATIONS));
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
