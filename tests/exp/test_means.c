/* test_means.c: mean ablation: the mean itself, and what it does. */
#include "exp/means.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "exp/lab.h"
#include "support/support.h"

static struct lab lab;

/* The mean over the batch of what a pass over a split shows at a point, made without the engine: [positions, ...]. */
static double *mean_of(const char *split, int site_id, int64_t *ret_count)
{
	struct pb_examples x;
	struct pb_bus bus;
	struct pb_cache cache;
	struct pb_tape tape;
	struct pb_var *logits;
	ck_assert_ok(pb_data_examples(&lab.plan, pb_data_find_split(&lab.plan, split), 0, &x));
	pb_bus_init(&bus, &lab.plan.model.sites);
	pb_tape_init(&tape, &lab.device, lab.config.dtype);
	ck_assert_ok(pb_cache_init(&cache, &lab.device, &lab.plan.model.sites));
	ck_assert_ok(pb_cache_want_site(&cache, site_id, PB_FORWARD));
	ck_assert_ok(pb_cache_attach(&cache, &bus));
	struct pb_forward pass = {.tape = &tape,
				  .bus = &bus,
				  .weights = &lab.weights.weights,
				  .tokens = x.tokens,
				  .b = x.n_examples,
				  .p = x.n_pos};
	pb_tape_reset(&tape, NULL);
	ck_assert_ok(pb_model_forward(&lab.plan.model, &pass, &logits));
	const struct pb_view *all = pb_cache_get(&cache, site_id, PB_FORWARD);
	int64_t count = pb_view_count(all), each = count / x.n_examples;
	double *values = malloc((size_t)count * sizeof *values), *mean = calloc((size_t)each, sizeof *mean);
	ck_assert(values && mean);
	ck_assert_ok(pb_view_read(&lab.device, all, values));
	for (int64_t i = 0; i < count; i++)
		mean[i % each] += values[i] / (double)x.n_examples;
	free(values);
	pb_cache_finish(&cache);
	pb_tape_finish(&tape);
	pb_bus_finish(&bus);
	*ret_count = each;
	return mean;
}

static void open(const char *sweeps, const char *data)
{
	char yaml[4096];
	snprintf(
		yaml, sizeof yaml,
		"seed: 4\nprecision: f64\nmodel: {n_layers: 2, d_model: 12, n_heads: 3, act_fn: gelu}\n%s\nsweeps:\n%s",
		data, sweeps);
	lab_plan(&lab, yaml, 1);
	lab_weights(&lab, 9);
	lab_engine(&lab);
}

#define OOCL "data: {plugin: oocl, mod: 20}\nprobe: {unit: \"7\"}"

/* A position's embedding is the same in all 144,000 examples, and so is its mean: if the sum keeps its digits. */
START_TEST(a_long_mean_keeps_its_digits)
{
	lab_plan(&lab,
		 "precision: f32\nmodel: {n_layers: 1, d_model: 16, n_heads: 2}\ndata: {plugin: oocl, mod: 400}\n"
		 "probe: {unit: \"7\"}\nsweeps:\n"
		 "  - {name: e, hook: hook_pos_embed, setter: {plugin: mean, split: arithmetic}, over: [pos]}\n",
		 1);
	lab_weights(&lab, 9);
	lab_engine(&lab);
	struct pb_result_sweep r = lab_run(&lab, "e");
	for (size_t i = 0; i < r.n_cells; i++)
		lab_near(r.cells[i].forward.max_change, 0.0, 1e-7, "position %zu", i);
	lab_close(&lab);
}
END_TEST

/* 360 examples: more than one pass. */
START_TEST(the_mean_is_the_mean)
{
	open("  - {name: z, hook: z, setter: {plugin: mean, split: arithmetic}, over: [layer, head]}\n"
	     "  - {name: scores, hook: attn_scores, setter: {plugin: mean, split: Dt3}, over: [layer]}\n",
	     OOCL);
	static const char *const splits[] = {"arithmetic", "Dt3"};
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < 2; k++) {
			const struct pb_plan_sweep *s = &lab.plan.sweeps[i];
			const struct pb_view *mean = pb_means_get(&lab.means, s, s->sites[k]);
			int64_t count;
			double *want = mean_of(splits[i], s->sites[k], &count),
			       *got = malloc((size_t)count * sizeof *got);
			ck_assert_int_eq(pb_view_count(mean), count); /* of one example */
			ck_assert_ok(pb_view_read(&lab.device, mean, got));
			for (int64_t j = 0; j < count; j++)
				lab_near(got[j], want[j], 1e-12, "%s, site %zu, element %d", splits[i], k, (int)j);
			free(want);
			free(got);
		}
	lab_close(&lab);
}
END_TEST

/* Writes the mean of one head into the activation, by hand. */
struct own_patch {
	const double *mean;
	int64_t head, heads, d_head;
};

static int write_mean(void *user, const struct pb_hook_call *call)
{
	const struct own_patch *p = user;
	double values[4096];
	int64_t count = pb_view_count(&call->value);
	ck_assert_int_le(count, 4096);
	ck_assert_ok(pb_view_read(&lab.device, &call->value, values));
	for (int64_t i = 0; i < count; i++)
		if (i / p->d_head % p->heads == p->head)
			values[i] = p->mean[i % (count / call->value.shape[0])];
	return pb_view_write(&lab.device, &call->value, values);
}

/* The metric after an activation patch made by hand. */
static double patched_by_hand(int site_id, struct own_patch *patch)
{
	const struct pb_examples *x = &lab.probe.corrupted;
	struct pb_bus bus;
	struct pb_tape tape;
	struct pb_var *logits;
	int32_t rows[64];
	double metric;
	struct pb_hook hook = {.site_id = site_id, .effect = PB_HOOK_PASS, .user = patch, .run = write_mean};
	for (int64_t i = 0; i < x->n_scored; i++)
		rows[i] = x->scored[i].example * x->n_pos + x->scored[i].pos;
	pb_bus_init(&bus, &lab.plan.model.sites);
	ck_assert_ok(pb_bus_add(&bus, &hook, NULL));
	pb_tape_init(&tape, &lab.device, lab.config.dtype);
	pb_tape_reset(&tape, NULL);
	struct pb_forward pass = {.tape = &tape,
				  .bus = &bus,
				  .weights = &lab.weights.weights,
				  .tokens = x->tokens,
				  .b = x->n_examples,
				  .p = x->n_pos,
				  .rows = rows,
				  .n_rows = x->n_scored};
	ck_assert_ok(pb_model_forward(&lab.plan.model, &pass, &logits));
	ck_assert_ok(pb_scorer_score(lab.plan.metric, &logits->value, x->scored, NULL, NULL, &metric));
	pb_tape_finish(&tape);
	pb_bus_finish(&bus);
	return metric;
}

/* A batch of pairs: the one mean stands for each of them. */
START_TEST(ablated_cells)
{
	open("  - {name: z, kind: activation, hook: z, setter: {plugin: mean, split: clean}, over: [layer, head], base: "
	     "corrupted}\n",
	     "data:\n  plugin: tokens\n  pairs:\n    - {clean: [1, 2, 3, 4], corrupted: [1, 5, 3, 4], answer: 6}\n"
	     "    - {clean: [7, 2, 5, 4], corrupted: [7, 5, 3, 4], answer: 1}\n"
	     "    - {clean: [1, 1, 0, 2], corrupted: [3, 5, 3, 0], answer: 3, pos: 1}\nprobe: {unit: all}");
	struct pb_result_sweep r = lab_run(&lab, "z");
	ck_assert_uint_eq(r.n_cells, 6);
	for (size_t i = 0; i < r.n_cells; i++) {
		int64_t count;
		int site_id = lab_sweep(&lab, "z")->sites[r.cells[i].index[0]];
		double *mean = mean_of("clean", site_id, &count);
		struct own_patch patch = {mean, r.cells[i].index[1], 3, 4};
		lab_near(r.cells[i].metric, patched_by_hand(site_id, &patch), 1e-12, "cell %zu", i);
		ck_assert_double_gt(r.cells[i].forward.max_change, 0.0);
		ck_assert_double_gt(fabs(r.cells[i].metric - r.metric_corrupted), 1e-9);
		free(mean);
	}
	lab_close(&lab);
}
END_TEST

/* A split with nothing but the base itself: its mean is the base's own value. */
START_TEST(mean_of_one_is_no_patch)
{
	open("  - {name: z, hook: z, setter: {plugin: mean, split: clean}, over: [layer, pos], gradient: pass}\n",
	     "data: {plugin: tokens, pairs: [{clean: [1, 2, 3], corrupted: [1, 5, 3], answer: 6}]}\nprobe: {unit: "
	     "\"0\"}");
	struct pb_result_sweep r = lab_run(&lab, "z");
	for (size_t i = 0; i < r.n_cells; i++) {
		ck_assert(r.cells[i].score == 1.0);
		ck_assert(r.cells[i].forward.max_change == 0.0);
	}
	ck_assert(lab_noted(
		&r,
		"changed nothing: the setter left the values there as they were: every score is 1 by construction"));
	lab_close(&lab);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("means");
	TCase *tc = tcase_create("means");
	tcase_add_test(tc, a_long_mean_keeps_its_digits);
	tcase_add_test(tc, the_mean_is_the_mean);
	tcase_add_test(tc, ablated_cells);
	tcase_add_test(tc, mean_of_one_is_no_patch);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
