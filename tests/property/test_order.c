/* test_order.c: the order of cells, sweeps and patches, the number of threads and repetition change nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/status.h"
#include "support/support.h"
#include "world.h"

/* Bit by bit, NaN included. */
static void same_cell(const struct pb_result_cell *a, const struct pb_result_cell *b, const char *what, size_t i)
{
	double x[] = {a->metric, a->score, a->loss, a->grad_norm, a->forward.max_change, a->backward.max_change};
	double y[] = {b->metric, b->score, b->loss, b->grad_norm, b->forward.max_change, b->backward.max_change};
	static const char *const names[] = {"metric", "score", "loss", "gradient norm", "change", "gradient's change"};
	for (size_t k = 0; k < 6; k++)
		ck_assert_msg(!memcmp(&x[k], &y[k], sizeof x[k]), "%s, cell %zu: %s %.17g against %.17g", what, i,
			      names[k], x[k], y[k]);
}

static void same_sweep(const struct pb_result_sweep *a, const struct pb_result_sweep *b)
{
	ck_assert_uint_eq(a->n_cells, b->n_cells);
	for (size_t i = 0; i < a->n_cells; i++)
		same_cell(&a->cells[i], &b->cells[i], a->name, i);
}

/* A setter on layer and head, or on layer and position, and what it takes. */
static const char *add_patch(struct world *w, int64_t *ret_n)
{
	static const char *const setters[] = {
		"forward: corrupted, backward: clean",
		"forward: corrupted, gradient: torch",
		"setter: {plugin: noise, std: 0.7, mode: add}, forward: ablate, backward: ablate",
		"setter: {plugin: noise}, forward: ablate, gradient: torch",
		"setter: zero, backward: ablate",
		NULL};
	static char text[512];
	bool heads = world_draw(w, 2);
	const char *setter = world_pick(w, setters);
	*ret_n = heads ? w->n_heads : w->n_pos;
	snprintf(text, sizeof text, "hook: %s, over: [layer, %s], %s%s", world_hook(w, heads ? "head" : "pos"),
		 heads ? "head" : "pos", setter,
		 strstr(setter, "setter:") ? ""
		 : heads                   ? ", setter: layer_head"
					   : ", setter: layer_pos");
	return text;
}

START_TEST(order_of_cells)
{
	static struct world w;
	static struct lab lab, other;
	int64_t n, order[64];
	char set[2048];
	int length = snprintf(set, sizeof set, "sweeps.0.cells=[");
	world_make(&w, _i, 0);
	const char *patch = add_patch(&w, &n);
	size_t n_cells = (size_t)(w.n_layers * n);
	for (size_t i = 0; i < n_cells; i++)
		order[i] = (int64_t)i;
	pb_random_shuffle((uint64_t)_i, 1, order, n_cells);
	for (size_t i = 0; i < n_cells; i++)
		length += snprintf(set + length, sizeof set - (size_t)length, "%s[%d, %d]", i ? ", " : "",
				   (int)(order[i] / n), (int)(order[i] % n));
	snprintf(set + length, sizeof set - (size_t)length, "]");
	world_sweep(&w, "name: grid, %s", patch);
	world_open(&w, &lab, NULL, 1);
	world_open(&w, &other, set, 1);
	struct pb_result_sweep grid = lab_run(&lab, "grid"), listed = lab_run(&other, "grid");
	ck_assert_uint_eq(grid.n_cells, n_cells);
	ck_assert_uint_eq(listed.n_cells, n_cells);
	for (size_t i = 0; i < n_cells; i++)
		same_cell(&grid.cells[order[i]], &listed.cells[i], patch, i);
	lab_close(&lab);
	lab_close(&other);
	world_end(&w);
}
END_TEST

/* The same grid with its axes the other way round. */
START_TEST(order_of_axes)
{
	static struct world w;
	static struct lab lab, other;
	char set[64];
	int64_t n;
	world_make(&w, _i, 0);
	const char *patch = add_patch(&w, &n);
	snprintf(set, sizeof set, "sweeps.0.over=[%s, layer]", strstr(patch, "layer, head") ? "head" : "pos");
	world_sweep(&w, "name: grid, %s", patch);
	world_open(&w, &lab, NULL, 1);
	world_open(&w, &other, set, 1);
	struct pb_result_sweep grid = lab_run(&lab, "grid"), turned = lab_run(&other, "grid");
	ck_assert_str_eq(turned.axes[1].name, "layer");
	for (int64_t layer = 0; layer < w.n_layers; layer++)
		for (int64_t i = 0; i < n; i++)
			same_cell(&grid.cells[layer * n + i], &turned.cells[i * w.n_layers + layer], patch, (size_t)i);
	lab_close(&lab);
	lab_close(&other);
	world_end(&w);
}
END_TEST

START_TEST(order_of_sweeps)
{
	static struct world w;
	static struct lab lab, other;
	char sweeps[3][1024];
	struct pb_result_sweep first[3], again;
	int64_t n;
	world_make(&w, _i, 0);
	for (int i = 0; i < 3; i++)
		snprintf(sweeps[i], sizeof sweeps[i], "name: sweep %d, %s", i, add_patch(&w, &n));
	/* Evaluating attn.hook_result changes the last digits everywhere: it must be so in both. */
	size_t mark = w.text.length;
	for (int i = 0; i < 3; i++)
		world_sweep(&w, "%s", sweeps[i]);
	world_open(&w, &lab, NULL, 1);
	w.text.data[w.text.length = mark] = '\0';
	for (int i = 3; i-- > 0;)
		world_sweep(&w, "%s", sweeps[i]);
	world_open(&w, &other, NULL, 1);
	char name[] = "sweep 0";
	for (int i = 0; i < 3; i++, name[6]++)
		first[i] = lab_run(&lab, name);
	for (int i = 3; i-- > 0;) {
		name[6] = (char)('0' + i);
		again = lab_run(&lab, name);
		same_sweep(&first[i], &again);
		again = lab_run(&other, name);
		same_sweep(&first[i], &again);
	}
	lab_close(&lab);
	lab_close(&other);
	world_end(&w);
}
END_TEST

START_TEST(order_of_patches)
{
	static struct world w;
	static struct lab lab;
	world_make(&w, _i, 0);
	int64_t n;
	const char *patch = add_patch(&w, &n);
	int a = (int)world_draw(&w, w.n_layers), b = (int)world_draw(&w, n), c = (int)world_draw(&w, w.n_layers);
	int d = (int)((b + 1 + world_draw(&w, n > 1 ? n - 1 : 1)) % n);
	if (a == c && b == d) /* one head, one layer */
		d = b = 0;
	world_sweep(&w, "name: pair, %s, cells: [[[%d, %d], [%d, %d]], [[%d, %d], [%d, %d]]]", patch, a, b, c, d, c, d,
		    a, b);
	world_open(&w, &lab, NULL, 1);
	struct pb_result_sweep pair = lab_run(&lab, "pair");
	ck_assert_uint_eq(pair.n_cells, 2);
	same_cell(&pair.cells[0], &pair.cells[1], patch, 0);
	lab_close(&lab);
	world_end(&w);
}
END_TEST

START_TEST(repetition_and_threads)
{
	static struct world w;
	static struct lab labs[3];
	struct pb_result_sweep r[3];
	int64_t n;
	world_make(&w, _i, 0);
	world_sweep(&w, "name: sweep, %s", add_patch(&w, &n));
	world_sweep(&w, "name: sets, setter: params, sets: each");
	static const char *const names[] = {"sweep", "sets"};
	for (int i = 0; i < 3; i++)
		world_open(&w, &labs[i], NULL, i < 2 ? 1 : 2);
	for (int k = 0; k < 2; k++) {
		for (int i = 0; i < 3; i++)
			r[i] = lab_run(&labs[i], names[k]);
		same_sweep(&r[0], &r[1]);
		for (size_t i = 0; i < r[0].n_cells; i++) {
			lab_near(r[0].cells[i].metric, r[2].cells[i].metric, world_tolerance(&w), "metric");
			lab_near(r[0].cells[i].grad_norm, r[2].cells[i].grad_norm, world_tolerance(&w),
				 "gradient norm");
		}
	}
	for (int i = 0; i < 3; i++)
		lab_close(&labs[i]);
	world_end(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("order");
	TCase *tc = tcase_create("order");
	tcase_add_loop_test(tc, order_of_cells, 0, 2 * WORLDS);
	tcase_add_loop_test(tc, order_of_axes, 0, WORLDS);
	tcase_add_loop_test(tc, order_of_sweeps, 0, WORLDS);
	tcase_add_loop_test(tc, order_of_patches, 0, 2 * WORLDS);
	tcase_add_loop_test(tc, repetition_and_threads, 0, WORLDS);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
