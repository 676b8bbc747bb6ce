/* bench_boundary.c: what the plugin boundary costs: the way through the host into a plugin and back, and the trials of first
 * calls, beside what the same work costs without them; and their share of a sweep on the seed model. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "cli/command.h"
#include "conform/trial.h"
#include "plugins/plug.h"

enum { LAYERS = 6, HEADS = 4, POSITIONS = 4, WIDTH = 128, ROWS = 12, VOCAB = 244, CELLS = LAYERS * HEADS, REPEATS = 7 };

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Seconds of one call, the median of several rounds. */
static double time_of(void (*call)(void *), void *argument, int calls)
{
	double seconds[REPEATS];
	for (int i = 0; i < REPEATS; i++) {
		double begin = now();
		for (int k = 0; k < calls; k++)
			call(argument);
		seconds[i] = (now() - begin) / calls;
	}
	qsort(seconds, REPEATS, sizeof *seconds, compare);
	return seconds[REPEATS / 2];
}

struct setter {
	struct plug plug;
	float before[POSITIONS * HEADS * WIDTH], from[POSITIONS * HEADS * WIDTH];
	struct pb_view activation, target, source;
	struct pb_setter_call call;
};

static void setter_init(struct setter *s)
{
	const uint8_t axes[] = {PB_AXIS_BATCH, PB_AXIS_POS, PB_AXIS_HEAD, PB_AXIS_FEATURE};
	static const int64_t index[] = {0, 1};
	plug_open(&s->plug, PB_KIND_SETTER, "layer_head", 1, "{}");
	s->activation = pb_view_over(s->before, PB_F32, 4, (int64_t[]){1, POSITIONS, HEADS, WIDTH});
	memcpy(s->activation.axis, axes, sizeof axes);
	s->source = s->activation;
	s->source.data = s->from;
	ck_assert_ok(pb_view_select(&s->activation, PB_AXIS_HEAD, 1, &s->target));
	ck_assert_ok(pb_view_select(&s->source, PB_AXIS_HEAD, 1, &s->source));
	s->activation.flags = s->source.flags = PB_VIEW_READONLY;
	s->call = (struct pb_setter_call){.struct_size = sizeof s->call,
					  .hook = "blocks.0.attn.hook_z",
					  .n_index = 2,
					  .index = index,
					  .activation = &s->activation,
					  .target = &s->target,
					  .source = &s->source};
}

static void apply(void *setter)
{
	struct setter *s = setter;
	ck_assert_ok(pb_setter_apply(s->plug.instance, &s->call));
}

static void copy_alone(void *setter)
{
	struct setter *s = setter;
	ck_assert_ok(pb_view_copy(&s->plug.device, &s->target, &s->source));
}

static void try_apply(void *setter)
{
	struct setter *s = setter;
	ck_assert_ok(pb_trial_setter(s->plug.instance, &s->call, false));
}

struct metric {
	struct plug plug;
	double logits[ROWS * VOCAB], scores[ROWS], sum;
	int32_t answer[ROWS];
	struct pb_metric_batch batch;
};

static void metric_init(struct metric *m)
{
	plug_open(&m->plug, PB_KIND_METRIC, "correct_logit", 1, "{}");
	for (int i = 0; i < ROWS; i++)
		m->answer[i] = i;
	m->batch = (struct pb_metric_batch){.struct_size = sizeof m->batch,
					    .n_rows = ROWS,
					    .d_vocab = VOCAB,
					    .logits = m->logits,
					    .answer = m->answer,
					    .distractor = m->answer};
}

static void score(void *metric)
{
	struct metric *m = metric;
	ck_assert_ok(pb_metric_score(m->plug.instance, &m->batch, m->scores));
}

/* What the plugin computes. */
static void pick_alone(void *metric)
{
	struct metric *m = metric;
	for (int i = 0; i < ROWS; i++)
		m->scores[i] = m->logits[i * VOCAB + m->answer[i]];
	m->sum += m->scores[0];
}

static void try_score(void *metric)
{
	struct metric *m = metric;
	ck_assert_ok(pb_trial_metric(m->plug.instance, &m->batch, false));
}

/* Of the sweep z by head on the seed model, weights as they come. */
static double sweep_seconds(void)
{
	static const char text[] =
		"name: seed\nmodel: {n_layers: 6, d_model: 1024, d_head: 128, n_heads: 4, d_mlp: 256}\n"
		"data: {plugin: oocl, mod: 120}\nprobe: {unit: 71}\nmetric: correct_logit\n"
		"sweeps: [{name: z, hook: z, setter: layer_head, over: [layer, head], forward: corrupted}]\n";
	double seconds[REPEATS];
	const char *file = scratch("seed.yaml");
	ck_assert_ok(pb_file_write(file, text, sizeof text - 1));
	for (int i = 0; i < REPEATS; i++) {
		char folder[32], table[64];
		snprintf(folder, sizeof folder, "run-%d", i);
		snprintf(table, sizeof table, "run-%d/sweeps/z.json", i);
		ck_assert_int_eq(RUN("run", file, "--quiet", "--out", scratch(folder)).code, 0);
		char *json = read_text(scratch(table)), *at = strstr(json, "\"seconds\":");
		ck_assert_ptr_nonnull(at);
		seconds[i] = strtod(at + strlen("\"seconds\":"), NULL);
		free(json);
	}
	qsort(seconds, REPEATS, sizeof *seconds, compare);
	return seconds[REPEATS / 2];
}

START_TEST(boundary)
{
	static struct setter s;
	static struct metric m;
	setter_init(&s);
	metric_init(&m);
	double applied = time_of(apply, &s, 100000), copied = time_of(copy_alone, &s, 100000);
	double scored = time_of(score, &m, 100000), picked = time_of(pick_alone, &m, 100000);
	double apply_trial = time_of(try_apply, &s, 300), score_trial = time_of(try_score, &m, 300);
	printf("apply (layer_head, region [1, 4, 1, 128])  %7.1f ns; the copy alone %7.1f ns\n", 1e9 * applied, 1e9 * copied);
	printf("score (correct_logit, 12 x 244 logits)     %7.1f ns; the work alone %7.1f ns\n", 1e9 * scored, 1e9 * picked);
	printf("trial of a first apply                     %7.1f us\n", 1e6 * apply_trial);
	printf("trial of a first score                     %7.1f us\n", 1e6 * score_trial);
	/* Its own calls and trials; the ends of the score take a few more calls, the first trial of the metric is theirs. */
	double calls = CELLS * (applied - copied + scored - picked), trials = LAYERS * apply_trial + score_trial;
	double sweep = sweep_seconds();
	printf("z sweep of %d cells on the seed model      %7.2f ms, of which the boundary: calls %.1f us, trials %.1f us: %.2f %%\n",
	       CELLS, 1e3 * sweep, 1e6 * calls, 1e6 * trials, 100 * (calls + trials) / sweep);
	plug_close(&s.plug);
	fflush(stdout);
	plug_close(&m.plug);
}
END_TEST

/* A test only because what it shares with the tests needs one. */
int main(void)
{
	Suite *suite = suite_create("boundary");
	TCase *tcase = tcase_create("boundary");
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, boundary);
	return pb_test_run(suite, NULL);
}
