/* test_plan.c: what is refused, or decided, before anything runs. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "exp/lab.h"
#include "support/support.h"

static struct lab lab;

#define MODEL "model: {n_layers: 2, d_model: 16, n_heads: 2}\n"

/* An ablation asks what the whole run loses, a copy what the corrupted run gains. */
START_TEST(base_by_setter)
{
	lab_plan(
		&lab,
		MODEL
		"data: {plugin: oocl, mod: 20}\nprobe: {unit: 3}\nsweeps:\n"
		"  - {name: zero, kind: activation, hook: z, setter: zero, over: [layer, head]}\n"
		"  - {name: given, kind: activation, hook: z, setter: zero, over: [layer, head], base: corrupted}\n"
		"  - {name: mean, kind: activation, hook: z, setter: {plugin: mean, split: X1}, over: [layer, head]}\n"
		"  - {name: copy, kind: activation, hook: z, setter: layer_head, over: [layer, head], forward: clean}\n"
		"  - {name: update, hook: z, setter: zero, over: [layer, head]}\n"
		"  - {name: sets, setter: params, sets: blocks}\n",
		1);
	static const int32_t want[] = {PB_FROM_CLEAN,     PB_FROM_CORRUPTED, PB_FROM_CLEAN,
				       PB_FROM_CORRUPTED, PB_FROM_CLEAN,     PB_FROM_CORRUPTED};
	for (size_t i = 0; i < lab.plan.n_sweeps; i++)
		ck_assert_msg(lab.plan.sweeps[i].config->base == want[i], "%s", lab.plan.sweeps[i].config->name);
	lab_close(&lab);
}
END_TEST

/* A pair of `n` tokens, and a sweep over entries of the pattern. */
static void add_long_pair(struct pb_text *yaml, int n, const char *together)
{
	pb_text_add(
		yaml,
		"model: {n_layers: 1, d_model: 32, n_heads: 32}\ndata:\n  plugin: tokens\n  pairs:\n    - {answer: 1");
	for (int k = 0; k < 2; k++) {
		pb_text_add(yaml, k ? ", corrupted: [0" : ", clean: [0");
		for (int i = 1; i < n; i++)
			pb_text_add(yaml, ", 0");
		pb_text_add(yaml, "]");
	}
	pb_text_add(yaml,
		    "}\nprobe: {unit: 0}\nsweeps:\n  - {name: s, kind: activation, hook: pattern, setter: "
		    "layer_head_dest_src_pattern, forward: clean, %s",
		    together);
}

START_TEST(listed_cells_are_not_cut_short)
{
	struct pb_text one = {0}, many = {0};
	add_long_pair(&one, 200, "over: [layer], together: [head, dest_pos, src_pos], cells: [[0]]}\n");
	lab_refused(one.data, "with this cell the sweep has more than 1048576 patches");
	add_long_pair(&many, 200, "over: [layer, head], together: [dest_pos, src_pos], cells: [");
	for (int i = 0; i < 21; i++)
		pb_text_add(&many, "%s[[0, 0], [0, 1], [0, 2], [0, 3], [0, 4], [0, 5], [0, 6], [0, 7], [0, 8], [0, 9]]",
			    i ? ", " : "");
	pb_text_add(&many, "]}\n");
	lab_refused(many.data, "with this cell the sweep has more than 8388608 patches");
	pb_text_finish(&one);
	pb_text_finish(&many);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plan");
	TCase *tc = tcase_create("plan");
	tcase_add_test(tc, base_by_setter);
	tcase_add_test(tc, listed_cells_are_not_cut_short);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
