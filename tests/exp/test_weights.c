/* test_weights.c: named sets of weights: kept, replaced, read from checkpoints. */
#include "exp/weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "ckpt/model_load.h"
#include "exp/lab.h"
#include "support/support.h"

static struct lab lab;
static struct pb_weights_store store;

static double first_value(const struct pb_params *params)
{
	struct pb_view one = pb_view_over(params->data, params->dtype, 1, (int64_t[]){1});
	double value;
	ck_assert_ok(pb_view_read(params->device, &one, &value));
	return value;
}

static void set_all(struct pb_params *params, double value)
{
	struct pb_view flat = pb_view_over(params->data, params->dtype, 1, &params->table->count);
	ck_assert_ok(pb_view_fill(params->device, &flat, value));
}

static void open(const char *yaml)
{
	lab_plan(&lab, yaml, 1);
	lab_weights(&lab, 0);
	ck_assert_ok(pb_weights_init(&store, &lab.plan));
}

static void finish(void)
{
	pb_weights_finish(&store);
	lab_close(&lab);
}

#define SMALL "model: {n_layers: 1, d_model: 8, n_heads: 2}\ndata: {plugin: mod_arith, mod: 7}\n"

START_TEST(kept_values_are_copies)
{
	const struct pb_params *got;
	open(SMALL);
	set_all(&lab.weights, 1.0);
	ck_assert_ok(pb_weights_keep(&store, "a", &lab.weights));
	set_all(&lab.weights, 2.0);
	ck_assert_ok(pb_weights_keep(&store, "b", &lab.weights));
	ck_assert_ok(pb_weights_get(&store, "a", &got));
	ck_assert(first_value(got) == 1.0);
	ck_assert_ok(pb_weights_get(&store, "b", &got));
	ck_assert(first_value(got) == 2.0);
	set_all(&lab.weights, 3.0);
	ck_assert_ok(pb_weights_keep(&store, "a", &lab.weights));
	ck_assert(first_value(got) == 2.0);
	ck_assert_ok(pb_weights_get(&store, "a", &got));
	ck_assert(first_value(got) == 3.0);
	ck_assert_uint_eq(store.n, 2);
	finish();
}
END_TEST

START_TEST(unknown_names)
{
	const struct pb_params *got = &lab.weights;
	open(SMALL);
	ck_assert_int_eq(pb_weights_get(&store, "model_9", &got), -PB_E_NOTFOUND);
	ck_assert_str_eq(pb_error_text(), "no weights are called `model_9`");
	ck_assert_ptr_eq(got, &lab.weights);
	finish();
}
END_TEST

/* The first stay where they are. */
START_TEST(as_many_as_there_are)
{
	enum { MANY = 200 };
	static char names[MANY][8];
	const struct pb_params *first, *got;
	open(SMALL);
	for (int i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof names[i], "w%d", i);
		set_all(&lab.weights, i);
		ck_assert_ok(pb_weights_keep(&store, names[i], &lab.weights));
		if (!i)
			ck_assert_ok(pb_weights_get(&store, "w0", &first));
	}
	for (int i = 0; i < MANY; i++) {
		ck_assert_ok(pb_weights_get(&store, names[i], &got));
		ck_assert(first_value(got) == i);
		ck_assert(i || got == first);
	}
	finish();
}
END_TEST

/* The plan has seen files that fit; what counts is what is there when the run begins, and that must stay. */
START_TEST(checkpoints_are_read_when_asked_for)
{
	char yaml[4096], late[512], wrong[512];
	const struct pb_params *got, *again;
	void *other;
	size_t size;
	snprintf(late, sizeof late, "%s/late.safetensors", pb_test_dir());
	snprintf(wrong, sizeof wrong, "%s/wrong.pt", pb_test_dir());
	open(SMALL);
	ck_assert_ok(pb_ckpt_save_params(late, &lab.weights));
	ck_assert_ok(pb_ckpt_save_params(wrong, &lab.weights));
	finish();
	snprintf(yaml, sizeof yaml, SMALL "checkpoints: {late: %s, wrong: %s}\n", late, wrong);
	open(yaml);
	set_all(&lab.weights, 0.25);
	ck_assert_ok(pb_ckpt_save_params(late, &lab.weights));
	pb_weights_finish(&store);
	ck_assert_ok(pb_weights_init(&store, &lab.plan));
	ck_assert_ok(pb_weights_get(&store, "late", &got));
	ck_assert(first_value(got) == 0.25);
	ck_assert_ok(pb_weights_get(&store, "late", &again));
	ck_assert_ptr_eq(got, again);
	/* One of another shape is refused each time it is asked for. */
	ck_assert_ok(pb_file_read(pb_test_golden("model_2.pt"), 1 << 24, &other, &size));
	ck_assert_ok(pb_file_write(wrong, other, size));
	free(other);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(pb_weights_get(&store, "wrong", &got), -PB_E_SHAPE);
		ck_assert(strstr(pb_error_text(), "wrong.pt"));
	}
	ck_assert_ptr_eq(got, again);
	/* Forgotten, it is read again; what was kept stays. */
	ck_assert_ok(pb_weights_keep(&store, "mine", &lab.weights));
	pb_weights_forget_files(&store);
	ck_assert_ok(pb_weights_get(&store, "late", &got));
	ck_assert(first_value(got) == 0.25);
	pb_weights_forget_files(&store);
	set_all(&lab.weights, NAN);
	ck_assert_ok(pb_ckpt_save_params(late, &lab.weights));
	ck_assert_int_eq(pb_weights_get(&store, "late", &got), -PB_E_NUMERIC);
	ck_assert(strstr(pb_error_text(), "late.safetensors"));
	ck_assert(strstr(pb_error_text(), "its parameter embed.W_E holds NaN at [0, 0]"));
	set_all(&lab.weights, 0.5);
	ck_assert_ok(pb_ckpt_save_params(late, &lab.weights));
	ck_assert_int_eq(pb_weights_get(&store, "late", &got), -PB_E_IO);
	ck_assert(strstr(pb_error_text(), "late.safetensors is not the file any more that it was when the run began"));
	ck_assert_ok(pb_weights_get(&store, "mine", &got));
	ck_assert(first_value(got) == 0.25);
	finish();
}
END_TEST

START_TEST(starting_weights)
{
	char yaml[4096];
	struct pb_params other;
	open("seed: 1\n" SMALL);
	double first = first_value(&lab.weights);
	ck_assert_ok(pb_weights_start(&lab.plan, &other));
	ck_assert(!memcmp(other.data, lab.weights.data, (size_t)other.table->count * sizeof(float)));
	pb_params_finish(&other);
	finish();
	open("seed: 2\n" SMALL);
	ck_assert(first_value(&lab.weights) != first);
	finish();
	snprintf(yaml, sizeof yaml, "precision: f64\nmodel: {load: %s}\ndata: {plugin: mod_arith, mod: 30}\n",
		 pb_test_golden("model_1.pt"));
	open(yaml);
	ck_assert_int_eq(lab.plan.model.config.n_layers, 3);
	ck_assert(first_value(&lab.weights) != 0.0);
	finish();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("weights");
	TCase *tc = tcase_create("weights");
	tcase_add_test(tc, kept_values_are_copies);
	tcase_add_test(tc, unknown_names);
	tcase_add_test(tc, as_many_as_there_are);
	tcase_add_test(tc, checkpoints_are_read_when_asked_for);
	tcase_add_test(tc, starting_weights);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
