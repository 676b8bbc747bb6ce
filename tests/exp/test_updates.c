/* test_updates.c: sizes of updates against those of the optimizer itself on copies of the weights. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "exp/adjoint.h"
#include "exp/lab.h"
#include "exp/updates.h"
#include "support/support.h"

static struct lab lab;

/* One optimizer step by the run's gradient, materialised, on a copy of the weights: that copy. */
static void step(const struct pb_examples *x, struct pb_params *ret_params)
{
	const struct pb_param_table *table = &lab.plan.model.table;
	struct pb_optim optim;
	struct pb_adjoint adjoint;
	struct pb_optim_slot *slots = pb_arena_array(&lab.arena, (size_t)table->n, sizeof *slots);
	bool *present = pb_arena_array(&lab.arena, (size_t)table->n, sizeof *present);
	ck_assert_ok(pb_params_init(ret_params, table, &lab.device, lab.plan.config->dtype));
	pb_params_copy(ret_params, &lab.weights);
	ck_assert_ok(pb_adjoint_make(&lab.plan, &lab.weights, lab.plan.loss, x, NULL, true, &adjoint));
	for (int i = 0; i < table->n; i++) {
		slots[i] = (struct pb_optim_slot){table->items[i].offset, table->items[i].count};
		present[i] = adjoint.gradients[i].form != PB_GRADIENT_NONE;
	}
	ck_assert_ok(pb_optim_init(&optim, &lab.device, lab.plan.config->dtype, &lab.plan.update, slots, table->n));
	ck_assert_ok(pb_optim_step(&optim, ret_params->data, adjoint.dense.data, present, &(double){0}));
	pb_optim_finish(&optim);
	pb_adjoint_finish(&adjoint);
}

static double *values_of(const struct pb_params *params, int id)
{
	double *values = pb_arena_array(&lab.arena, (size_t)params->table->items[id].count, sizeof *values);
	ck_assert_ok(pb_view_read(&lab.device, &params->views[id], values));
	return values;
}

static double distance(int64_t n, const double *a, const double *b)
{
	double sum = 0;
	for (int64_t i = 0; i < n; i++)
		sum += b ? (a[i] - b[i]) * (a[i] - b[i]) : a[i] * a[i];
	return sqrt(sum);
}

static const char *const updates[] = {
	"{optimizer: adamw, lr: 1.0e-2, weight_decay: 0.1, max_grad_norm: 1.0}",
	"{optimizer: adam, lr: 1.0e-2, weight_decay: 0.1}",
	"{optimizer: sgd, lr: 0.1, momentum: 0.9, nesterov: true, weight_decay: 0.01, max_grad_norm: 0.5}",
};

/* Test i: optimizer i / 2, gradients as factors or materialised. */
START_TEST(sizes_are_the_optimizer_s)
{
	struct pb_updates all = {0};
	struct pb_params stepped[2];
	char yaml[512];
	snprintf(yaml, sizeof yaml,
		 "precision: f64\nmodel: {n_layers: 2, d_model: 24, n_heads: 3, d_mlp: 17}\n"
		 "data: {plugin: oocl, mod: 16}\nprobe: {unit: 3}\nupdate: %s\n"
		 "sweeps: [{name: sets, setter: params, sets: each}]\n",
		 updates[_i / 2]);
	lab_plan(&lab, yaml, 2);
	lab_weights(&lab, 7);
	ck_assert_ok(pb_data_probe(&lab.plan, lab.plan.unit, &lab.probe));
	ck_assert_ok(pb_updates_add(&lab.plan, &lab.weights, &lab.probe, _i % 2, "3", NULL, &lab.arena, &all));
	step(&lab.probe.clean, &stepped[0]);
	step(&lab.probe.corrupted, &stepped[1]);
	ck_assert_uint_eq(all.n, 1);
	const struct pb_result_update *u = &all.items[0];
	ck_assert_uint_eq(u->n_params, (size_t)lab.plan.model.table.n);
	for (int i = 0; i < lab.plan.model.table.n; i++) {
		const struct pb_param_info *info = &lab.plan.model.table.items[i];
		const double *before = values_of(&lab.weights, i);
		const double *clean = values_of(&stepped[0], i), *corrupted = values_of(&stepped[1], i);
		ck_assert_str_eq(u->params[i], info->name);
		ck_assert_int_eq(u->elements[i], info->count);
		lab_near(u->weight[i], distance(info->count, before, NULL), 1e-12, "weight of %s", info->name);
		lab_near(u->clean[i], distance(info->count, clean, before), 1e-12, "clean change of %s", info->name);
		lab_near(u->corrupted[i], distance(info->count, corrupted, before), 1e-12, "corrupted change of %s",
			 info->name);
		lab_near(u->difference[i], distance(info->count, clean, corrupted), 1e-12, "difference of %s",
			 info->name);
		/* Keys may all move by the same: the gradient of their bias is zero. */
		ck_assert(strstr(info->name, "b_K") || u->clean[i] > 1e-6);
	}
	pb_params_finish(&stepped[0]);
	pb_params_finish(&stepped[1]);
	lab_close(&lab);
}
END_TEST

/* Parameters of more elements than a piece has. In float32, as W' - W is but to few digits. */
START_TEST(large_parameters_go_in_pieces)
{
	static const char yaml[] = "model: {n_layers: 1, d_model: 256, n_heads: 2, d_mlp: 300}\n"
				   "data: {plugin: oocl, mod: 120}\nprobe: {unit: 3}\n"
				   "sweeps: [{name: sets, setter: params, sets: each}]\n";
	struct pb_updates all = {0};
	struct pb_params stepped;
	lab_plan(&lab, yaml, 2);
	lab_weights(&lab, 7);
	ck_assert_ok(pb_data_probe(&lab.plan, lab.plan.unit, &lab.probe));
	ck_assert_ok(pb_updates_add(&lab.plan, &lab.weights, &lab.probe, false, "3", NULL, &lab.arena, &all));
	step(&lab.probe.clean, &stepped);
	for (int i = 0; i < lab.plan.model.table.n; i++) {
		const struct pb_param_info *info = &lab.plan.model.table.items[i];
		const double want = distance(info->count, values_of(&stepped, i), values_of(&lab.weights, i));
		if (!strstr(info->name, "b_K")) /* of which nothing but rounding is left */
			lab_near(all.items[0].clean[i] / want, 1, 2e-3, "%s", info->name);
	}
	pb_params_finish(&stepped);
	lab_close(&lab);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("updates");
	TCase *tc = tcase_create("updates");
	tcase_add_loop_test(tc, sizes_are_the_optimizer_s, 0, 6);
	tcase_add_test(tc, large_parameters_go_in_pieces);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
