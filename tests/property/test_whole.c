/* test_whole.c: patching every part of an activation in one cell is patching all of it. */
#include <string.h>

#include "base/status.h"
#include "support/support.h"
#include "world.h"

static const struct {
	const char *setter, *axes, *together;
} parts[] = {
	{"layer_pos", "pos", "pos"},
	{"layer_head", "head", "head"},
	{"layer_pos_head", "pos head", "head, pos"},
	{"layer_head_pattern", "head dest_pos src_pos", "head"},
	{"layer_head_pos_pattern", "head dest_pos src_pos", "head, dest_pos"},
	{"layer_head_dest_src_pattern", "head dest_pos src_pos", "src_pos, dest_pos, head"},
};

enum { N_PARTS = sizeof parts / sizeof *parts };

static const char *const sources[] = {"none", "clean", "corrupted"};

static void same(const struct pb_result_cell *a, const struct pb_result_cell *b, const char *what, size_t i)
{
	ck_assert_msg(a->metric == b->metric, "%s, cell %zu: %.17g against %.17g", what, i, a->metric, b->metric);
	ck_assert_msg(a->loss == b->loss && (a->grad_norm == b->grad_norm), "%s, cell %zu: loss or gradient", what, i);
}

static void same_sweep(struct lab *lab, const char *first, const char *second)
{
	struct pb_result_sweep a = lab_run(lab, first), b = lab_run(lab, second);
	ck_assert_uint_eq(a.n_cells, b.n_cells);
	for (size_t i = 0; i < a.n_cells; i++)
		same(&a.cells[i], &b.cells[i], first, i);
	ck_assert_uint_ge(a.n_cells, 1);
}

START_TEST(all_parts_are_the_whole)
{
	static struct world w;
	static struct lab lab;
	int part = _i % N_PARTS;
	world_make(&w, _i, WORLD_NO_DECAY);
	const char *hook = world_hook(&w, parts[part].axes), *base = sources[1 + world_draw(&w, 2)];
	const char *forward = sources[world_draw(&w, 3)], *backward = sources[world_draw(&w, 3)];
	world_sweep(&w, "name: pass whole, hook: %s, setter: layer, over: [layer], base: %s, forward: %s, backward: %s",
		    hook, base, forward, backward);
	world_sweep(&w,
		    "name: pass parts, hook: %s, setter: %s, over: [layer], together: [%s], base: %s, forward: %s, "
		    "backward: %s",
		    hook, parts[part].setter, parts[part].together, base, forward, backward);
	/* Mode torch: a gradient of zero here, none there; without weight decay they do the same. */
	world_sweep(&w,
		    "name: torch whole, hook: %s, setter: layer, over: [layer], base: %s, forward: %s, gradient: torch",
		    hook, base, sources[1 + (_i & 1)]);
	world_sweep(&w,
		    "name: torch parts, hook: %s, setter: %s, over: [layer], together: [%s], base: %s, forward: %s, "
		    "gradient: torch",
		    hook, parts[part].setter, parts[part].together, base, sources[1 + (_i & 1)]);
	world_open(&w, &lab, NULL, 1);
	same_sweep(&lab, "pass whole", "pass parts");
	same_sweep(&lab, "torch whole", "torch parts");
	lab_close(&lab);
	world_end(&w);
}
END_TEST

/* The same by explicit cells: every position as a tuple, in any order. */
START_TEST(listed_positions_are_the_whole)
{
	static struct world w;
	static struct lab lab;
	struct pb_text list = {0};
	world_make(&w, _i, 0);
	const char *hook = world_hook(&w, "pos"), *base = sources[1 + world_draw(&w, 2)];
	for (int64_t layer = 0; layer < w.n_layers; layer++) {
		pb_text_add(&list, layer ? ", [" : "[");
		for (int64_t i = 0; i < w.n_pos; i++)
			pb_text_add(&list, "%s[%d, %d]", i ? ", " : "", (int)layer, (int)((i + _i) % w.n_pos));
		pb_text_add(&list, "]");
	}
	world_sweep(
		&w,
		"name: whole, hook: %s, setter: layer, over: [layer], base: %s, forward: clean, backward: corrupted",
		hook, base);
	world_sweep(
		&w,
		"name: parts, hook: %s, setter: layer_pos, over: [layer, pos], cells: [%s], base: %s, forward: clean, "
		"backward: corrupted",
		hook, list.data, base);
	pb_text_finish(&list);
	world_open(&w, &lab, NULL, 1);
	same_sweep(&lab, "whole", "parts");
	lab_close(&lab);
	world_end(&w);
}
END_TEST

/* A backward patch at the same place decides what passes: then the two modes are one. */
START_TEST(backward_patch_makes_modes_equal)
{
	static struct world w;
	static struct lab lab;
	int part = _i % N_PARTS;
	world_make(&w, _i, 0);
	const char *hook = world_hook(&w, parts[part].axes), *base = sources[1 + world_draw(&w, 2)];
	bool finest = part == N_PARTS - 1;
	const char *modes[] = {"pass", "torch"};
	for (int i = 0; i < 2; i++)
		world_sweep(
			&w,
			"name: %s, gradient: %s, hook: %s, setter: %s, over: [layer%s%s%s], together: [%s], base: %s, "
			"forward: corrupted, backward: clean",
			modes[i], modes[i], hook, parts[part].setter, finest ? "" : ", ",
			finest ? "" : parts[part].together, "", finest ? parts[part].together : "", base);
	world_open(&w, &lab, NULL, 1);
	same_sweep(&lab, "pass", "torch");
	lab_close(&lab);
	world_end(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("whole");
	TCase *tc = tcase_create("whole");
	tcase_add_loop_test(tc, all_parts_are_the_whole, 0, N_PARTS * WORLDS);
	tcase_add_loop_test(tc, listed_positions_are_the_whole, 0, WORLDS);
	tcase_add_loop_test(tc, backward_patch_makes_modes_equal, 0, 2 * WORLDS);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
