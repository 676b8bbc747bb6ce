/* test_probe.c: a run over several units against runs of each alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/status.h"
#include "exp/lab.h"
#include "exp/run.h"
#include "support/device.h"
#include "support/support.h"

static struct pb_arena arena;

static void setup(void)
{
	pb_arena_init(&arena);
}

static void teardown(void)
{
	pb_arena_finish(&arena);
}

static char *path_of(const char *run, const char *file)
{
	return pb_arena_printf(&arena, "%s/%s/%s", pb_test_dir(), run, file);
}

static bool exists(const char *run, const char *file)
{
	struct stat st;
	return !stat(path_of(run, file), &st);
}

/* Runs into the folder NAME; returns results.json. */
static const struct pb_result_run *run_text(const char *name, const char *yaml, int64_t batch)
{
	static struct pb_config config;
	static struct pb_plan plan;
	struct pb_device device;
	struct pb_result_run *run = pb_arena_alloc(&arena, sizeof *run);
	char *file = pb_arena_printf(&arena, "%s/%s.yaml", pb_test_dir(), name);
	const char *engine = getenv("PB_TEST_ENGINE");
	struct pb_run_options options = {.out = path_of(name, ""), .engine = {.batch = batch}};
	if (engine && !strcmp(engine, "reference"))
		options.engine.kind = PB_ENGINE_REFERENCE;
	ck_assert_ok(pb_file_write(file, yaml, strlen(yaml)));
	ck_assert_ok(pb_config_read(file, NULL, &config));
	ck_assert_ok(pb_test_device(2, &device));
	ck_assert_msg(!pb_plan_make(&config, &device, &plan), "%s", pb_error_text());
	ck_assert_msg(!pb_run(&plan, &options), "%s", pb_error_text());
	pb_plan_finish(&plan);
	pb_device_close(&device);
	pb_config_finish(&config);
	ck_assert_ok(pb_report_read_run(path_of(name, "results.json"), &arena, run));
	return run;
}

#define SETS "sets: {Dt3: [16, 20, 7, 17, 25, 19, 12], Df4: [4, 18, 3, 2, 21, 13, 5]}"
#define SWEEPS                                                                                                         \
	"sweeps:\n"                                                                                                    \
	"  - {name: z, hook: z, setter: layer_head, over: [layer, head], forward: corrupted}\n"                        \
	"  - {name: torch, hook: resid_pre, setter: layer_pos, over: [layer, pos], forward: corrupted, backward: "     \
	"corrupted, gradient: torch}\n"                                                                                \
	"  - {name: logits, kind: activation, hook: z, setter: layer_head, over: [layer, head], forward: clean}\n"     \
	"  - {name: noise, hook: z, setter: {plugin: noise, std: 0.3}, over: [layer]}\n"                               \
	"  - {name: means, hook: attn_out, setter: {plugin: mean, split: X2}, over: [layer]}\n"                        \
	"  - {name: sets, setter: params, sets: cumulative}\n"

static const struct pb_result_run *run_golden(const char *name, const char *probe, int64_t batch)
{
	/* The text that names a golden file changes with the next call. */
	char *first = pb_arena_strdup(&arena, pb_test_golden("model_1.pt"));
	char *yaml = pb_arena_printf(&arena,
				     "name: golden\nprecision: f64\nmodel: {load: %s}\ncheckpoints: {model_2: %s}\n"
				     "data: {plugin: oocl, mod: 30, " SETS "}\nprobe: %s\n" SWEEPS,
				     first, pb_test_golden("model_2.pt"), probe);
	return run_text(name, yaml, batch);
}

static void near(double got, double want, const char *what)
{
	lab_near(got, want, 1e-12, "%s", what);
}

/* To the last bit: rows of products do not depend on other rows. */
static void same(double got, double want, const char *what)
{
	ck_assert_msg(got == want || (got != got && want != want), "%s: %.17g against %.17g", what, got, want);
}

/* One unit's table in a run over several against a run of this unit. */
static void compare(const struct pb_result_sweep *all, size_t unit, const struct pb_result_sweep *one)
{
	const struct pb_result_member *m = &all->over->items[unit];
	ck_assert_ptr_null(one->over);
	ck_assert_uint_eq(all->n_cells, one->n_cells);
	same(m->metric_clean, one->metric_clean, "clean end");
	same(m->metric_corrupted, one->metric_corrupted, "corrupted end");
	for (size_t c = 0; c < one->n_cells; c++) {
		const struct pb_result_cell *a = &m->cells[c], *b = &one->cells[c];
		same(a->metric, b->metric, all->name);
		same(a->score, b->score, "score");
		same(a->loss, b->loss, "loss");
		same(a->grad_norm, b->grad_norm, "gradient norm");
		same(a->forward.max_change, b->forward.max_change, "largest change");
		ck_assert_int_eq(a->forward.fired, b->forward.fired);
		ck_assert_int_eq(a->backward.fired, b->backward.fired);
		ck_assert_int_eq(a->params_without_grad, b->params_without_grad);
		ck_assert(a->graph_cut == b->graph_cut);
	}
}

/* The mean's cells are those of its members, by the plain definition. */
static void check_means(const struct pb_result_sweep *all)
{
	double n = (double)all->over->n;
	for (size_t c = 0; c < all->n_cells; c++) {
		double metric = 0, score = 0, loss = 0;
		for (size_t i = 0; i < all->over->n; i++) {
			metric += all->over->items[i].cells[c].metric / n;
			score += all->over->items[i].cells[c].score / n;
			loss += all->over->items[i].cells[c].loss / n;
		}
		near(all->cells[c].metric, metric, "mean metric");
		near(all->cells[c].score, score, "mean score");
		near(all->cells[c].loss, loss, "mean loss");
		ck_assert(all->over->score[c].mean == all->cells[c].score);
		ck_assert_int_eq(all->over->metric[c].count, (int64_t)all->over->n);
		ck_assert(all->over->metric[c].low <= metric + 1e-12 && all->over->metric[c].high >= metric - 1e-12);
	}
}

/* However cells share passes. */
START_TEST(units_together_as_alone)
{
	static const char *const units[] = {"12", "4", "7"};
	static const int64_t batches[] = {0, 1, 5};
	const struct pb_result_run *all = run_golden("all", "{units: [12, 4, 7]}", batches[_i]);
	ck_assert_ptr_null(all->probe);
	ck_assert_uint_eq(all->n_probes, 3);
	ck_assert_uint_eq(all->n_sweeps, 6);
	for (size_t i = 0; i < 3; i++) {
		const struct pb_result_run *one =
			run_golden(units[i], pb_arena_printf(&arena, "{unit: %s}", units[i]), 0);
		ck_assert_str_eq(all->probes[i].unit, units[i]);
		ck_assert_str_eq(all->probes[i].clean, one->probe->clean);
		same(all->probes[i].metric_before, one->probe->metric_before, "metric before");
		same(all->probes[i].grad_norm_corrupted, one->probe->grad_norm_corrupted, "norm");
		for (size_t k = 0; k < 6; k++) {
			ck_assert_str_eq(all->sweeps[k].over->items[i].name, units[i]);
			compare(&all->sweeps[k], i, &one->sweeps[k]);
		}
	}
	ck_assert_str_eq(all->probes[0].set, "Dt3");
	ck_assert_str_eq(all->probes[1].set, "Df4");
	for (size_t k = 0; k < 6; k++) {
		ck_assert_uint_eq(all->sweeps[k].over->n, 3);
		check_means(&all->sweeps[k]);
	}
	/* Tokens that differ are no label for all. */
	ck_assert_str_eq(all->sweeps[1].axes[1].labels[0], "R (0)");
	ck_assert_str_eq(all->sweeps[1].axes[1].labels[1], "1");
	ck_assert(exists("all", "probes.csv") && exists("all", "sweeps/z.units.csv") && exists("all", "sweeps/z.npz"));
	ck_assert(!exists("4", "probes.csv") && !exists("4", "sweeps/z.units.csv"));
}
END_TEST

/* More units than an engine takes at once. */
START_TEST(many_units)
{
	const struct pb_result_run *all = run_golden("many", "{units: all}", 0);
	const struct pb_result_run *last = run_golden("last", "{unit: 29}", 0);
	ck_assert_uint_eq(all->n_probes, 30);
	for (size_t k = 0; k < 6; k++) {
		const struct pb_result_sweep *s = &all->sweeps[k];
		ck_assert_uint_eq(s->over->n, 30);
		for (size_t i = 0; i < 30; i++)
			if (!strcmp(s->over->items[i].name, "29"))
				compare(s, i, &last->sweeps[k]);
		check_means(s);
	}
}
END_TEST

START_TEST(several_sets_of_weights)
{
	const struct pb_result_run *all = run_golden("weights", "{unit: 12, model: [loaded, model_2]}", 0);
	const struct pb_result_run *first = run_golden("first", "{unit: 12}", 0);
	const struct pb_result_run *then = run_golden("then", "{unit: 12, model: model_2}", 0);
	const struct pb_result_run *both = run_golden("both", "{units: [12, 4], model: [loaded, model_2]}", 0);
	ck_assert_uint_eq(all->n_sweeps, 12);
	ck_assert_uint_eq(all->n_probes, 2);
	ck_assert_str_eq(all->sweeps[0].name, "z (loaded)");
	ck_assert_str_eq(all->sweeps[6].name, "z (model_2)");
	ck_assert_str_eq(all->sweeps[6].weights, "model_2");
	ck_assert_str_eq(all->probes[1].weights, "model_2");
	ck_assert_ptr_null(all->sweeps[6].over);
	ck_assert(exists("weights", "sweeps/z.loaded.csv") && exists("weights", "sweeps/z.model_2.csv"));
	ck_assert_uint_eq(both->n_sweeps, 12);
	ck_assert_uint_eq(both->n_probes, 4);
	for (size_t k = 0; k < 12; k++) {
		const struct pb_result_sweep *one = k < 6 ? &first->sweeps[k] : &then->sweeps[k - 6];
		for (size_t c = 0; c < one->n_cells; c++)
			same(all->sweeps[k].cells[c].metric, one->cells[c].metric, one->name);
		compare(&both->sweeps[k], 0, one);
		check_means(&both->sweeps[k]);
	}
}
END_TEST

#define PAIR(a, b) "{clean: [0, " #a ", 7], corrupted: [0, " #b ", 7], answer: 3, distractor: 1}"

/* Units of other numbers of examples do not share an engine; a unit whose ends coincide has no score, but a metric. */
START_TEST(units_of_other_shapes)
{
	static const char
		head[] = "precision: f64\nmodel: {n_layers: 2, d_model: 8, n_heads: 2}\nmetric: logit_difference\n"
			 "data:\n  plugin: tokens\n  pairs: [" PAIR(3, 5) ", " PAIR(4, 4) ", " PAIR(6, 2) "]\n",
		sweeps[] = "sweeps: [{name: r, kind: activation, hook: resid_pre, setter: layer_pos, over: [layer, "
			   "pos], forward: clean}]\n";
	static const char *const units[] = {"0", "all", "1", "2"};
	const struct pb_result_run *all =
		run_text("shapes", pb_arena_printf(&arena, "%sprobe: {units: [0, all, 1, 2]}\n%s", head, sweeps), 0);
	const struct pb_result_sweep *s = &all->sweeps[0];
	ck_assert_uint_eq(s->over->n, 4);
	for (size_t i = 0; i < 4; i++) {
		const struct pb_result_run *one =
			run_text(pb_arena_printf(&arena, "shape-%s", units[i]),
				 pb_arena_printf(&arena, "%sprobe: {unit: %s}\n%s", head, units[i], sweeps), 0);
		ck_assert_str_eq(s->over->items[i].name, units[i]);
		compare(s, i, &one->sweeps[0]);
	}
	ck_assert(s->score_defined && s->over->items[0].score_defined && !s->over->items[2].score_defined);
	for (size_t c = 0; c < s->n_cells; c++) {
		ck_assert_int_eq(s->over->metric[c].count, 4);
		ck_assert_int_eq(s->over->score[c].count, 3);
	}
	ck_assert(lab_noted(s, "unit 1: clean and corrupted runs give the same metric within rounding"));
	/* Alone the word means each pair, and not all of them in one batch. */
	all = run_text("each", pb_arena_printf(&arena, "%sprobe: {units: all}\n%s", head, sweeps), 0);
	ck_assert_uint_eq(all->sweeps[0].over->n, 3);
}
END_TEST

/* Estimates have means like anything else; where there is nothing but them, the statistics are theirs. */
START_TEST(estimates_over_units)
{
	static const char head[] =
		"precision: f64\nmodel: {n_layers: 2, d_model: 16, n_heads: 2}\ndata: {plugin: oocl, mod: 16}\n"
		"probe: {units: [3, 5, 8]}\nsweeps:\n";
	const char *const names[] = {"true", "only"};
	char *yaml = pb_arena_strdup(&arena, head);
	for (int i = 0; i < 2; i++)
		yaml = pb_arena_printf(
			&arena,
			"%s  - {name: %s, estimate: %s, hook: z, setter: layer_head, over: [layer, head], forward: "
			"corrupted}\n",
			yaml, names[i], names[i]);
	const struct pb_result_run *all = run_text("estimates", yaml, 0);
	const struct pb_result_sweep *also = &all->sweeps[0], *only = &all->sweeps[1];
	ck_assert(also->estimate && !also->estimate->only && only->estimate->only);
	ck_assert_uint_eq(all->n_parts % 3, 0);
	for (size_t c = 0; c < 4; c++) {
		double sum = 0;
		for (size_t i = 0; i < 3; i++)
			sum += also->over->items[i].cells[c].estimate;
		near(also->cells[c].estimate, sum / 3, "mean estimate");
		near(only->cells[c].estimate, sum / 3, "mean estimate alone");
		ck_assert(only->over->metric[c].mean == only->cells[c].estimate);
		ck_assert(also->over->metric[c].mean == also->cells[c].metric);
		ck_assert(also->cells[c].metric != also->cells[c].estimate);
	}
	ck_assert(also->estimate->correlation > 0.5);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("probe");
	TCase *tc = tcase_create("probe");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, units_together_as_alone, 0, 3);
	tcase_add_test(tc, many_units);
	tcase_add_test(tc, several_sets_of_weights);
	tcase_add_test(tc, units_of_other_shapes);
	tcase_add_test(tc, estimates_over_units);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
