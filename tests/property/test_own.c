/* test_own.c: a patch with the run's own values changes nothing, and the audit says so.
 *
 * With `gradient: torch`, a forward patch changes the gradient by design, whatever its values: then the cell must equal
 * one whose gradient is zeroed in the same region.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "support/device.h"
#include "support/support.h"
#include "world.h"

static const struct {
	const char *setter, *over, *axes; /* axes the point must have */
} setters[] = {
	{"layer", "layer", ""},
	{"layer_pos", "layer, pos", "pos"},
	{"layer_head", "layer, head", "head"},
	{"layer_pos_head", "layer, pos, head", "pos head"},
	{"layer_head_pattern", "layer, head", "head dest_pos src_pos"},
	{"layer_head_pos_pattern", "layer, head, dest_pos", "head dest_pos src_pos"},
	{"layer_head_dest_src_pattern", "layer, head, dest_pos, src_pos", "head dest_pos src_pos"},
};

enum { N_SETTERS = sizeof setters / sizeof *setters };

static const char *const runs[] = {"clean", "corrupted"};

/* Eight sweeps of one setter on one point with one base run, called A .. H; returns the base. */
static int add_sweeps(struct world *w, int setter)
{
	int base = (int)world_draw(w, 2);
	const char *hook = world_hook(w, setters[setter].axes), *own = runs[base];
	const char *names[] = {"none", own};
	char common[512], cells[128] = "";
	/* The finest setter has too many cells for all of them; where each takes long, so have those of positions and heads. */
	if (setter == N_SETTERS - 1)
		snprintf(cells, sizeof cells, ", cells: [[0, 0, 1, 0], [%d, %d, 2, 1], [0, 0, 0, 2]]",
			 (int)w->n_layers - 1, (int)w->n_heads - 1);
	else if (pb_test_few() && !strcmp(setters[setter].over, "layer, pos, head"))
		snprintf(cells, sizeof cells, ", cells: [[0, 1, 0], [%d, 2, %d]]", (int)w->n_layers - 1, (int)w->n_heads - 1);
	else if (pb_test_few() && !strcmp(setters[setter].over, "layer, head, dest_pos"))
		snprintf(cells, sizeof cells, ", cells: [[0, 0, 1], [%d, %d, 2]]", (int)w->n_layers - 1, (int)w->n_heads - 1);
	snprintf(common, sizeof common, "hook: %s, base: %s, over: [%s]%s", hook, own, setters[setter].over, cells);
	for (int i = 0; i < 8; i++)
		world_sweep(w, "name: %c, setter: %s, forward: %s, backward: %s, gradient: %s, %s", 'A' + i,
			    setters[setter].setter, names[i & 1], names[i >> 1 & 1], i & 4 ? "torch" : "pass", common);
	world_sweep(w, "name: blocked, setter: zero, backward: ablate, %s", common);
	return base;
}

/* The cells of a sweep whose patches must have had no effect at all. */
static void check_untouched(struct lab *lab, int number, int base, double tolerance)
{
	char name[2] = {(char)('A' + number), 0};
	struct pb_result_sweep r = lab_run(lab, name);
	const struct pb_run_ends *run = &lab->engine.ends->runs[base];
	double width = fabs(r.metric_clean - r.metric_corrupted);
	ck_assert_msg(r.score_defined, "%s: %.17g, %.17g", r.metric, r.metric_clean, r.metric_corrupted);
	for (size_t i = 0; i < r.n_cells; i++) {
		const struct pb_result_cell *c = &r.cells[i];
		lab_near(c->metric, run->metric_updated, tolerance, "%s/%s, sweep %s, cell %zu: metric", r.hook,
			 r.setter, name, i);
		lab_near(c->score, !base, 10 * tolerance / width, "%s/%s, sweep %s, cell %zu: score", r.hook, r.setter,
			 name, i);
		lab_near(c->loss, run->loss, tolerance, "loss");
		lab_near(c->grad_norm, run->grad_norm, tolerance, "gradient norm");
		ck_assert_int_eq(c->forward.fired, number & 1);
		ck_assert_int_eq(c->backward.fired, number >> 1 & 1);
		ck_assert_msg(c->forward.max_change == 0.0 && c->backward.max_change == 0.0,
			      "%s/%s, sweep %s, cell %zu: changes %g and %g", r.hook, r.setter, name, i,
			      c->forward.max_change, c->backward.max_change);
		ck_assert(!c->graph_cut);
		ck_assert_int_eq(c->params_without_grad, 0);
	}
	if (!(number & 3))
		ck_assert(lab_noted(&r, "no patch at all"));
	if (number & 1)
		ck_assert(lab_noted(&r, "changed nothing"));
	if ((number & 3) == 2)
		ck_assert(lab_noted(&r, "replaced the gradient with itself: every score is "));
}

/* A forward patch in mode torch: equal to zeroing the gradient where it patched. */
static void check_blocked(struct lab *lab, int number, bool whole, double tolerance)
{
	char name[2] = {(char)('A' + number), 0};
	struct pb_result_sweep r = lab_run(lab, name), blocked = lab_run(lab, "blocked");
	for (size_t i = 0; i < r.n_cells; i++) {
		const struct pb_result_cell *c = &r.cells[i];
		lab_near(c->metric, blocked.cells[i].metric, tolerance, "%s/%s, sweep %s, cell %zu: metric", r.hook,
			 r.setter, name, i);
		lab_near(c->grad_norm, blocked.cells[i].grad_norm, tolerance, "gradient norm");
		ck_assert(c->forward.fired == 1 && c->forward.max_change == 0.0);
		ck_assert(c->graph_cut == whole);
		ck_assert(!c->backward.fired);
		ck_assert_int_eq(blocked.cells[i].params_without_grad, 0);
	}
	ck_assert(lab_noted(&r, "changed nothing"));
	ck_assert(!lab_noted(&r, "say nothing") && !lab_noted(&r, "by construction"));
	ck_assert(lab_noted(&r, "never fired") == (whole && number & 2));
}

START_TEST(own_values_change_nothing)
{
	static struct world w;
	static struct lab lab;
	int setter = _i % N_SETTERS;
	/* A parameter without gradient does not decay, one with gradient zero does. */
	world_make(&w, _i, WORLD_NO_DECAY);
	int base = add_sweeps(&w, setter);
	double tolerance = world_tolerance(&w);
	world_open(&w, &lab, NULL, 1);
	for (int i = 0; i < 8; i++) {
		bool torch_forward = (i & 5) == 5;
		/* A backward patch decides alone what passes, unless the graph is cut. */
		if (torch_forward && (!(i & 2) || !setter))
			check_blocked(&lab, i, !setter, tolerance);
		else
			check_untouched(&lab, i, base, tolerance);
	}
	lab_close(&lab);
	world_end(&w);
}
END_TEST

/* Noise of size nothing, added: the one ablation that leaves all as it is. */
START_TEST(no_noise_changes_nothing)
{
	static struct world w;
	static struct lab lab;
	world_make(&w, _i, 0);
	int base = (int)world_draw(&w, 2);
	const char *hook = world_hook(&w, "pos");
	for (int i = 0; i < 8; i++)
		world_sweep(
			&w,
			"name: %c, hook: %s, setter: {plugin: noise, std: 0, mode: add}, over: [layer, pos], base: %s, "
			"forward: %s, backward: %s, gradient: %s",
			'A' + i, hook, runs[base], i & 1 ? "ablate" : "none", i & 2 ? "ablate" : "none",
			i & 4 ? "torch" : "pass");
	double tolerance = world_tolerance(&w);
	world_open(&w, &lab, NULL, 1);
	for (int i = 1; i < 8; i++)
		if (i != 4) /* an ablation that names no direction is a forward one */
			check_untouched(&lab, i, base, tolerance);
	lab_close(&lab);
	world_end(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("own");
	TCase *tc = tcase_create("own values");
	tcase_add_loop_test(tc, own_values_change_nothing, 0, pb_test_rounds(N_SETTERS * WORLDS));
	tcase_add_loop_test(tc, no_noise_changes_nothing, 0, pb_test_rounds(WORLDS));
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
