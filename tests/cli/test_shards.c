/* test_shards.c: a run in shards, merged, has the tables of one that was not split, to the bit; what is no whole run is refused. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/status.h"
#include "cli/command.h"
#include "cli/folder.h"
#include "support/support.h"

static const char experiment[] =
	"name: split\nmodel: {n_layers: 2, d_model: 32, n_heads: 4, d_mlp: 32}\ndata: {plugin: oocl, mod: 30}\n"
	"train:\n"
	"  - {name: first, split: arithmetic, epochs: 4, batch_size: 32, evaluate: {accuracy: [DtQ1]}, save: model_0}\n"
	"  - {name: second, split: X1, epochs: 10, evaluate: {accuracy: [DtQ1, Dt3]}, save: model_1}\n"
	"probe: {model: model_1, unit: 4}\nmetric: correct_logit\nsweeps:\n"
	"  - {name: z, hook: z, setter: layer_head, over: [layer, head], forward: corrupted}\n"
	"  - {name: position, hook: resid_pre, setter: layer_pos, over: [layer, pos], forward: corrupted, backward: clean}\n"
	"  - {name: noise, hook: resid_pre, setter: {plugin: noise, std: 0.5}, over: [layer, pos], forward: ablate,\n"
	"     estimate: true}\n";

static const char *const results[] = {"sweeps/z.csv", "sweeps/position.csv", "sweeps/noise.csv", "sweeps/noise.npz",
				      "curves/first.csv", "curves/second.csv", "checkpoints/model_1.safetensors",
				      "estimate-parameters.csv", "sets.csv", "config.yaml", "manifest.yaml", NULL};

static struct outcome run(const char *out, const char *shard, const char *set)
{
	const char *argv[16] = {"run", write_experiment("split", experiment), "-q", "--out", scratch(out)};
	int n = 5;
	if (shard) {
		argv[n++] = "--shard";
		argv[n++] = shard;
	}
	if (set) {
		argv[n++] = "--set";
		argv[n++] = set;
	}
	return command_wait(command_start(NULL, NULL, argv));
}

static void check_run(const char *out, const char *shard, const char *set)
{
	struct outcome o = run(out, shard, set);
	ck_assert_msg(!o.code, "%s", o.err);
}

/* Of 2 and of 5, more than a sweep's cells share evenly; also more shards than z has cells. */
START_TEST(merged)
{
	static const int counts[] = {2, 5, 11};
	const char *argv[16] = {"merge"};
	int n = 1;
	check_run("whole", NULL, NULL);
	for (int i = counts[_i]; i >= 1; i--) { /* in any order */
		char out[16], shard[32];
		snprintf(out, sizeof out, "s%d", i);
		snprintf(shard, sizeof shard, "%d/%d", i, counts[_i]);
		check_run(out, shard, NULL);
		ck_assert(!exists(in_run(out, "sweeps/z.csv")));
		argv[n++] = scratch(out);
	}
	argv[n++] = "-q";
	argv[n++] = "--out";
	argv[n++] = scratch("merged");
	struct outcome o = command_wait(command_start(NULL, NULL, argv));
	ck_assert_msg(!o.code, "%s", o.err);
	check_all_same("whole", "merged", results);
}
END_TEST

START_TEST(several)
{
	static const char *const tables[2][3] = {{"sweeps/z.csv", "seed-1/sweeps/z.csv", "seed-2/sweeps/noise.csv"},
						 {"sweeps/z.csv", "sweeps/z.units.csv", "sweeps/noise.npz"}};
	const char *set = _i ? "probe={model: model_1, units: [1, 4, 5, 9]}" : "seeds=[1, 2]";
	check_run("whole", NULL, set);
	check_run("s1", "1/2", set);
	check_run("s2", "2/2", set);
	struct outcome o = RUN("merge", scratch("s1"), scratch("s2"), "-q", "--out", scratch("merged"));
	ck_assert_msg(!o.code, "%s", o.err);
	for (int i = 0; i < 3; i++)
		check_same("whole", "merged", tables[_i][i]);
}
END_TEST

START_TEST(refused)
{
	check_run("s1", "1/2", NULL);
	check_run("s2", "2/2", NULL);
	check_run("other", "2/2", "update.lr=0.001");
	check_run("third", "3/3", NULL);
	const struct {
		const char *a, *b, *says;
	} cases[] = {{"s1", "s1", "are both shard 1/2"},
		     {"s1", "third", "third one of 3"},
		     {"s2", NULL, "shard 1/2 is missing"},
		     {"s1", "other", "are shards of different runs:\n  the one has:     lr: 0.0001\n  the other has:   lr: 0.001"},
		     {"s1", "nowhere", "nowhere holds no run"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *b = cases[i].b ? scratch(cases[i].b) : "-q";
		struct outcome o = RUN("merge", scratch(cases[i].a), b, "-q", "--out", scratch("merged"));
		ck_assert_int_eq(o.code, 2);
		check_says(o.err, cases[i].says);
		ck_assert(!exists(in_run("merged", "config.yaml")));
	}
	struct outcome o = RUN("merge", scratch("s1"), scratch("s2"), "-q", "--out", scratch("s1"));
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "holds a run already");
	ck_assert(exists(in_run("s1", "config.yaml")));
	/* By the wrong engine, and then by the right one. */
	o = RUN("merge", scratch("s1"), scratch("s2"), "-q", "--engine", "reference", "--out", scratch("merged"));
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "now:    engine: reference");
	o = RUN("merge", scratch("s1"), scratch("s2"), "-q", "--out", scratch("merged"));
	ck_assert_msg(!o.code, "%s", o.err);
}
END_TEST

/* The journal without its last record, as of a shard that was killed before its end, and one whose training was altered. */
START_TEST(not_finished)
{
	char *data;
	size_t size;
	check_run("s1", "1/2", NULL);
	check_run("s2", "2/2", NULL);
	ck_assert_ok(pb_file_read(in_run("s2", "journal"), 1 << 26, (void **)&data, &size));
	ck_assert_ok(pb_file_write(in_run("s2", "journal"), data, size - 1));
	struct outcome o = RUN("merge", scratch("s1"), scratch("s2"), "--out", scratch("merged"));
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "shard 2/2 in ");
	check_says(o.err, "is not finished: go on with it by --resume --shard 2/2 --out ");
	o = RUN("run", scratch("split.yaml"), "-q", "--resume", "--shard", "2/2", "--out", scratch("s2"));
	ck_assert_msg(!o.code, "%s", o.err);
	o = RUN("merge", scratch("s1"), scratch("s2"), "-q", "--out", scratch("merged"));
	ck_assert_msg(!o.code, "%s", o.err);
	o = RUN("run", scratch("split.yaml"), "-q", "--resume", "--out", scratch("s2"));
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "it has: shard: 2/2\n  now:    nothing such");
	check_run("whole", NULL, NULL);
	o = RUN("run", scratch("split.yaml"), "-q", "--resume", "--shard", "1/2", "--out", scratch("whole"));
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "it has: nothing such\n  now:    shard: 1/2");
	free(data);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("shards");
	TCase *tcase = tcase_create("shards");
	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, merged, 0, 3);
	tcase_add_loop_test(tcase, several, 0, 2);
	tcase_add_test(tcase, refused);
	tcase_add_test(tcase, not_finished);
	return pb_test_run(suite, NULL);
}
