/* check_threads.c: calls of one instance from several threads at once. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "conform/cases.h"
#include "conform/scores.h"
#include "host/host_impl.h"

enum { THREADS = 4, ROUNDS = 50 };

enum { WAIT, RUN, LEAVE };

/* One thread's calls: the same again and again, each on what is its own. */
struct caller {
	int (*call)(void *job);
	void *job;
	const void *output;   /* what a call leaves */
	const void *expected; /* what it left when it was alone */
	size_t size;
	atomic_int *go; /* WAIT, RUN or LEAVE */
	int rc;
	bool differs;
	char text[1024];
};

static void *make_calls(void *argument)
{
	struct caller *caller = argument;
	while (atomic_load(caller->go) == WAIT)
		sched_yield();
	for (int round = 0; round < ROUNDS && atomic_load(caller->go) == RUN && !caller->rc && !caller->differs;
	     round++) {
		caller->rc = caller->call(caller->job);
		if (caller->rc)
			snprintf(caller->text, sizeof caller->text, "%s", pb_error_text());
		else
			caller->differs = memcmp(caller->output, caller->expected, caller->size) != 0;
	}
	return NULL;
}

static int together(struct caller *callers, const char *call)
{
	pthread_t threads[THREADS];
	atomic_int go = WAIT;
	int rc = 0, n = 0;
	for (; !rc && n < THREADS; n += !rc) {
		callers[n].go = &go;
		if (pthread_create(&threads[n], NULL, make_calls, &callers[n]))
			rc = pb_fail(PB_E_NOMEM, "%d threads cannot be had", THREADS);
	}
	atomic_store(&go, rc ? LEAVE : RUN);
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; !rc && i < THREADS; i++) {
		if (callers[i].rc)
			rc = pb_fail(-callers[i].rc, "in %d threads at once: %s", THREADS, callers[i].text);
		else if (callers[i].differs)
			rc = pb_fail(PB_E_PLUGIN,
				     "%s gives other results when %d threads call it at once on one instance: keep "
				     "buffers on the stack, or declare it serial",
				     call, THREADS);
	}
	return rc;
}

static int apply(void *job)
{
	return pb_case_call(job, false);
}

/* The case again, on memory of its own and with other values. */
static int copy_case(const struct pb_case *one, int number, struct pb_case *copy)
{
	size_t n = one->size / sizeof(double), n_from = one->from_size / sizeof(double);
	*copy = *one;
	copy->whole = malloc(one->size + 1);
	copy->kept = malloc(one->size + 1);
	copy->from = malloc(one->size + 1);
	if (!copy->whole || !copy->kept || !copy->from)
		return pb_fail_nomem(one->size, "a thread's tensors");
	for (size_t i = 0; i < n; i++)
		((double *)(void *)copy->kept)[i] = ((const double *)(const void *)one->kept)[i] + number;
	for (size_t i = 0; i < n_from; i++)
		((double *)(void *)copy->from)[i] = ((const double *)(const void *)one->from)[i] - number;
	copy->activation.data = copy->whole;
	copy->target.data = copy->whole + ((char *)one->target.data - one->whole);
	copy->source.data = copy->from + ((char *)one->source.data - one->from);
	copy->call.activation = &copy->activation;
	copy->call.target = &copy->target;
	copy->call.source = one->call.source ? &copy->source : NULL;
	copy->call.index = copy->index;
	return 0;
}

static int try_calls(struct pb_case *one)
{
	struct caller callers[THREADS] = {0};
	struct pb_case copies[THREADS] = {0};
	char *expected = calloc(THREADS, one->size);
	int rc = expected ? 0 : pb_fail_nomem(THREADS * one->size, "results");
	for (int i = 0; !rc && i < THREADS; i++) {
		char *own = expected + (size_t)i * one->size;
		rc = copy_case(one, i, &copies[i]);
		if (!rc)
			rc = apply(&copies[i]);
		if (!rc)
			memcpy(own, copies[i].whole, one->size);
		callers[i] = (struct caller){.call = apply,
					     .job = &copies[i],
					     .output = copies[i].whole,
					     .expected = own,
					     .size = one->size};
	}
	if (!rc)
		rc = together(callers, "apply");
	for (int i = 0; i < THREADS; i++) {
		free(copies[i].whole);
		free(copies[i].kept);
		free(copies[i].from);
	}
	free(expected);
	return rc;
}

/* The host's operations on a device with more threads. */
static int try_devices(struct pb_checkup *c, struct pb_case *one)
{
	struct pb_device more;
	char *alone = malloc(one->size + 1);
	int rc = alone ? pb_device_open_cpu(THREADS, &more) : pb_fail_nomem(one->size, "results");
	if (!rc) {
		rc = pb_case_call(one, false);
		memcpy(alone, one->whole, one->size);
		one->instance->impl->device = &more;
		if (!rc)
			rc = pb_case_call(one, false);
		one->instance->impl->device = &c->device;
		if (!rc && memcmp(alone, one->whole, one->size) != 0)
			rc = pb_fail(PB_E_PLUGIN, "apply gives other results where the host computes with %d threads",
				     THREADS);
		pb_device_close(&more);
	}
	free(alone);
	return rc;
}

static int try_threads(struct pb_checkup *c, struct pb_case *one)
{
	int rc = try_devices(c, one);
	if (rc || pb_setter_ops(one->instance)->flags & PB_SETTER_SERIAL)
		return rc;
	return try_calls(one);
}

int pb_check_apply_threads(struct pb_checkup *c)
{
	struct pb_cases cases = {.few = true};
	return pb_cases_each(c, &cases, try_threads);
}

static int score(void *job)
{
	struct pb_scores *scores = job;
	return pb_metric_score(scores->instance, &scores->batch, scores->score);
}

int pb_check_score_threads(struct pb_checkup *c)
{
	struct caller callers[THREADS] = {0};
	struct pb_scores scores[THREADS] = {0};
	double expected[THREADS][PB_SCORES_ROWS];
	struct pb_instance *instance;
	if (((const struct pb_metric_ops *)c->loaded->plugin->ops)->flags & PB_METRIC_SERIAL)
		return pb_check_skip("it declares that it takes one call at a time");
	int rc = pb_check_instance(c, c->options->seed, &instance);
	if (rc)
		return rc;
	for (int i = 0; !rc && i < THREADS; i++) {
		pb_scores_init(&scores[i], instance, c->options->seed, (uint64_t)i, 3);
		rc = score(&scores[i]);
		memcpy(expected[i], scores[i].score, sizeof expected[i]);
		callers[i] = (struct caller){.call = score,
					     .job = &scores[i],
					     .output = scores[i].score,
					     .expected = expected[i],
					     .size = sizeof expected[i]};
	}
	if (!rc)
		rc = together(callers, "score");
	if (rc)
		pb_instance_forget(instance);
	else
		rc = pb_check_destroy(c, instance);
	return rc;
}
