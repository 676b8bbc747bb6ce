/* test_memory.c: training allocates nothing from step to step. The linker leads allocations of the program's own code
 * here, and the call that the trainer makes before each step. */
#include <stdlib.h>

#include "base/status.h"
#include "exp/interrupt.h"
#include "exp/lab.h"
#include "exp/train.h"
#include "support/support.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_pb_interrupted(void);

enum { MOST_STEPS = 400 };

static int allocations, before[MOST_STEPS], n_steps; /* before step i */

void *__wrap_malloc(size_t size)
{
	allocations++;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	allocations++;
	return __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	allocations++;
	return __real_realloc(memory, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	allocations++;
	return __real_aligned_alloc(alignment, size);
}

int __wrap_pb_interrupted(void)
{
	if (n_steps < MOST_STEPS)
		before[n_steps++] = allocations;
	return 0;
}

static struct lab lab;
static struct pb_trainer trainer;

static void run(const struct pb_plan_stage *stage)
{
	struct pb_result_stage result;
	n_steps = 0;
	ck_assert_ok(pb_trainer_run(&trainer, (size_t)(stage - lab.plan.stages), NULL, NULL, NULL, &lab.arena, &result));
}

static void check_steps(int from, int to)
{
	for (int i = from; i < to; i++)
		ck_assert_msg(before[i + 1] - before[i] == 0, "step %d allocates %d times", i + 1,
			      before[i + 1] - before[i]);
}

/* Batches of few and of many distinct prefixes and lengths, tensors beyond the size of a block, metrics in between. */
START_TEST(no_allocation_after_the_first_step)
{
	lab_plan(&lab,
		 "seed: 4\nmodel: {n_layers: 2, d_model: 256, n_heads: 4, d_mlp: 256}\n"
		 "data: {plugin: oocl, mod: 30, val_questions: 6, mix: 0.25}\n"
		 "train:\n"
		 "  - {name: a, split: arithmetic, batch_size: 27, steps: 29, optimizer: {max_grad_norm: 1.0}}\n"
		 "  - {name: b, split: X1, batch_size: 9, epochs: 3, evaluate: {accuracy: [DtQ1, Dt3]}}\n",
		 2);
	lab_weights(&lab, 0);
	ck_assert_ok(pb_trainer_init(&trainer, &lab.plan, &lab.weights));
	run(&lab.plan.stages[0]);
	ck_assert_int_eq(n_steps, 29);
	ck_assert_int_gt(before[1] - before[0], 2); /* they are counted */
	check_steps(1, 28);
	run(&lab.plan.stages[1]); /* smaller batches: not even the first step */
	int per_epoch = n_steps / 3;
	ck_assert_int_gt(per_epoch, 10);
	for (int epoch = 0; epoch < 3; epoch++)
		check_steps(epoch * per_epoch, (epoch + 1) * per_epoch - 1);
	pb_trainer_finish(&trainer);
	lab_close(&lab);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("memory");
	TCase *tc = tcase_create("memory");
	tcase_add_test(tc, no_allocation_after_the_first_step);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
