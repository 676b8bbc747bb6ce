/* test_cli.c: the command line's words: help, options, --set, check, hooks, inspect, convert, plugin. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/status.h"
#include "cli/command.h"
#include "support/support.h"

static const char *const commands[] = {"run",	 "train",	"check",       "keys",	      "hooks",	   "inspect",
				       "convert", "completion", "manual",      "plugin",      "plugin list", "plugin info",
				       "plugin new", "plugin replay"};

enum { N_COMMANDS = sizeof commands / sizeof *commands };

/* Writes an experiment on the golden model. */
static const char *experiment(const char *rest)
{
	char text[4096];
	const char *path = scratch("experiment.yaml");
	int length = snprintf(text, sizeof text,
			      "seed: 3\nmodel: {load: %s}\ndata: {plugin: oocl, mod: 30}\nprobe: {unit: 7}\n%s",
			      pb_test_golden("model_1.pt"), rest);
	ck_assert_ok(pb_file_write(path, text, (size_t)length));
	return path;
}

#define SWEEP "sweeps:\n  - {name: z, hook: z, setter: layer_head, over: [layer, head], forward: corrupted}\n"

/* A command's words and one more. */
static struct outcome run_with(const char *command, const char *last)
{
	static char words[64];
	const char *argv[8], *word;
	int n = 0;
	snprintf(words, sizeof words, "%s", command);
	for (char *rest = words; (word = strsep(&rest, " "));)
		argv[n++] = word;
	argv[n++] = last;
	argv[n] = NULL;
	return command_run(NULL, argv);
}

/* Usage, what it does, its options, an example with a line about it. */
START_TEST(every_command_has_help)
{
	const char *command = commands[_i], *const words[] = {"--help", "-h"};
	char usage[64], example[96];
	snprintf(usage, sizeof usage, "usage: patchbay %s", command);
	snprintf(example, sizeof example, "\nexamples:\n  patchbay %s", command);
	for (int i = 0; i < 2; i++) {
		struct outcome o = run_with(command, words[i]);
		ck_assert_int_eq(o.code, 0);
		ck_assert_str_eq(o.err, "");
		ck_assert_msg(!strncmp(o.out, usage, strlen(usage)), "%s", o.out);
		check_says(o.out, "\n  -h, --help            say all this\n");
		check_says(o.out, example);
	}
}
END_TEST

START_TEST(every_command_knows_its_nearest_option)
{
	const char *command = commands[_i];
	char err[128];
	snprintf(err, sizeof err, "patchbay %s: unknown option `--hlep`; did you mean `--help`?\n", command);
	struct outcome o = run_with(command, "--hlep");
	ck_assert_int_eq(o.code, 2);
	ck_assert_str_eq(o.out, "");
	ck_assert_msg(!strncmp(o.err, err, strlen(err)), "%s", o.err);
}
END_TEST

/* What is said says the same tomorrow, and in any folder. */
START_TEST(version_tells_what_it_is_made_of)
{
	static const char *const parts[] = {"patchbay 0.", "\nbuild: ", "\nOpenMP: ", "\nCUDA kernels: none\n",
					    "\nplugin ABI: 1.", "\nlibraries: libyaml "};
	struct outcome o = RUN("--version");
	ck_assert_int_eq(o.code, 0);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		check_says(o.out, parts[i]);
	check_says_not(o.out, getenv("PATCHBAY_BUILD"));
	check_says_not(o.out, __DATE__);
}
END_TEST

START_TEST(help_lists_the_commands)
{
	static const char *const words[] = {"--help", "-h", "help"};
	for (int i = 0; i < 3; i++) {
		struct outcome o = RUN(words[i]);
		ck_assert_int_eq(o.code, 0);
		for (int k = 0; k < N_COMMANDS; k++)
			if (!strchr(commands[k], ' '))
				check_says(o.out, commands[k]);
		check_says(o.out, "130 interrupted");
	}
	struct outcome o = command_run(NULL, (const char *const[]){NULL});
	ck_assert_int_eq(o.code, 2);
	ck_assert_str_eq(o.out, "");
	check_says(o.err, "usage: patchbay COMMAND");
}
END_TEST

static const struct {
	const char *argv[6];
	const char *err; /* how it begins */
} mistakes[] = {
	{{"chek", "a.yaml"}, "patchbay: unknown command `chek`; did you mean `check`?\n"},
	{{"frobnicate"}, "patchbay: unknown command `frobnicate`\n(`patchbay --help` lists them)\n"},
	{{"--hepl"}, "patchbay: unknown option `--hepl`; did you mean `--help`?\n"},
	{{"--verison"}, "patchbay: unknown option `--verison`; did you mean `--version`?\n"},
	{{"run"}, "patchbay run: FILE is missing behind `run`\n"},
	{{"check", "--quiet"}, "patchbay check: FILE is missing"},
	{{"run", "a", "b"}, "patchbay run: it takes FILE; what is `b`\n"},
	{{"run", "a", "--quite"}, "patchbay run: unknown option `--quite`; did you mean `--quiet`?\n"},
	{{"run", "a", "--st=x"}, "patchbay run: unknown option `--st=x`; did you mean `--set`?\n"},
	{{"run", "a", "-x"}, "patchbay run: unknown option `-x`\n(`patchbay run --help` tells more)\n"},
	{{"check", "a", "--out", "b"}, "patchbay check: unknown option `--out`\n"},
	{{"hooks", "a", "--quiet"}, "patchbay hooks: unknown option `--quiet`\n"},
	{{"train", "a", "--engine", "auto"}, "patchbay train: unknown option `--engine`\n"},
	{{"run", "a", "--set"}, "patchbay run: a value is missing behind `--set`\n"},
	{{"run", "a", "--out"}, "patchbay run: a value is missing behind `--out`\n"},
	{{"run", "a", "--out="}, "patchbay run: the value is empty in `--out=`\n"},
	{{"run", "a", "--quiet=yes"}, "patchbay run: this option takes no value: `--quiet=yes`\n"},
	{{"run", "a", "--device", "gpu"}, "patchbay run: --device takes auto, cpu, cuda or cuda:NUMBER, not `gpu`\n"},
	{{"run", "a", "--engine", "fast"}, "patchbay run: --engine takes auto or reference, not `fast`\n"},
	{{"run", "a", "--threads", "many"},
	 "patchbay run: --threads takes a number from 0 (all) to 1024, not `many`\n"},
	{{"run", "a", "--threads", "-1"}, "patchbay run: --threads takes a number from 0 (all) to 1024, not `-1`\n"},
	{{"run", "nowhere.yaml"}, "patchbay run: cannot open nowhere.yaml: No such file or directory\n"},
	{{"check", "/"}, "patchbay check: / is a folder, not a file\n"},
	{{"hooks", "nowhere.pt"}, "patchbay hooks: cannot open nowhere.pt: No such file or directory\n"},
	{{"keys", "data"}, "patchbay keys: it takes no arguments; what is `data`\n"},
	{{"inspect"}, "patchbay inspect: CHECKPOINT is missing behind `inspect`\n"},
	{{"inspect", "--all"}, "patchbay inspect: unknown option `--all`\n"},
	{{"convert", "a.pt"}, "patchbay convert: OUT is missing behind `convert`\n"},
	{{"convert", "--forse", "a.pt", "b.npz"},
	 "patchbay convert: unknown option `--forse`; did you mean `--force`?\n"},
	{{"convert", "a.pt", "b.npz", "c"}, "patchbay convert: it takes IN and OUT; what is `c`\n"},
	{{"convert", "a.pt", "b.npz", "--dtype", "f16"}, "patchbay convert: --dtype takes f32 or f64, not `f16`"},
	{{"keys", "--format", "mann"},
	 "patchbay keys: --format takes markdown, man or json-schema, not `mann`; did you mean `man`?\n"},
	{{"completion", "bsh"}, "patchbay completion: SHELL takes bash or zsh, not `bsh`; did you mean `bash`?\n"},
	{{"plugin", "lst"}, "patchbay plugin: unknown command `lst`; did you mean `list`?\n"},
	{{"plugin", "info"}, "patchbay plugin info: NAME is missing behind `info`\n"},
	{{"plugin", "info", "layer_haed"},
	 "patchbay plugin info: there is no plugin `layer_haed`; did you mean `layer_head`?\n"},
};

START_TEST(usage_mistake)
{
	struct outcome o = command_run(NULL, mistakes[_i].argv);
	ck_assert_int_eq(o.code, 2);
	ck_assert_str_eq(o.out, "");
	ck_assert_msg(!strncmp(o.err, mistakes[_i].err, strlen(mistakes[_i].err)), "%s", o.err);
}
END_TEST

START_TEST(set_changes_the_file)
{
	const char *file = experiment(SWEEP);
	struct outcome o = RUN("check", file, "--set", "probe.unit=9");
	ck_assert_int_eq(o.code, 0);
	check_says(o.out, "probe: unit 9\n");
	/* An item of a list, twice, the last one counts; `=` in the value; the form with `=`. */
	o = RUN("check", file, "--set=sweeps.0.name=a=b", "--set", "sweeps.0.over=[head]", "--set",
		"sweeps.0.hook=blocks.0.attn.hook_z", "--set", "sweeps.0.hook=blocks.1.attn.hook_z");
	ck_assert_msg(o.code == 0, "%s", o.err);
	check_says(o.out, "  a=b: gradient, head 4, 4 cells\n");
	/* Maps on the way are made. */
	o = RUN("check", file, "--set", "data.sets.Dt3=[1, 2, 3]", "--set",
		"probe={select: {before: loaded, after: loaded, sets: Dt3}}");
	ck_assert_msg(o.code == 0, "%s", o.err);
	check_says(o.out, "probe: the unit with the largest improvement among 3\n");
}
END_TEST

static const struct {
	const char *set, *err;
} bad_sets[] = {
	{"seed", "--set seed: write path=value as in update.lr=1e-4\n"},
	{"=1", "--set =1: a part of the path is empty"},
	{"seed=x", "--set seed=x: `seed` is the text `x`; expected int, at least 0\n"},
	{"sede=1", "--set sede=1: unknown key `sede` in an experiment; did you mean `seed`, which is there already?\n"},
	{"sweeps.1.hook=z", "--set sweeps.1.hook=z: there is no item `1` in the list; its items are 0 .. 0\n"},
	{"sweeps.first.hook=z", "--set sweeps.first.hook=z: there is no item `first`"},
	{"seed.a=1", "--set seed.a=1: `seed` is the number `3`; it has nothing below it\n"},
	{"seed=[1", "--set seed=[1: not YAML: "},
	{"data=", "--set data=: an experiment needs `data`, e.g. `data: {plugin: oocl, mod: 120}`\n"},
	{"data.mod=7", "--set data.mod=7: `mod` is `7`, out of range; expected int, 16 .. 2000\n"},
	{"sweeps.0.hook=y", "--set sweeps.0.hook=y: this model has no hook point `y`"},
	{"probe.unit=\x1b[31m", "--set probe.unit=?[31m: "},
};

START_TEST(set_refused)
{
	struct outcome o = RUN("check", experiment(SWEEP), "--set", bad_sets[_i].set);
	ck_assert_int_eq(o.code, 2);
	ck_assert_str_eq(o.out, "");
	ck_assert_msg(!strncmp(o.err, bad_sets[_i].err, strlen(bad_sets[_i].err)), "%s", o.err);
}
END_TEST

static int count_entries(const char *folder)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, NULL, NULL);
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(n < 0 ? NULL : entries);
	return n - 2;
}

START_TEST(check_says_what_and_writes_nothing)
{
	const char *file = experiment(SWEEP), *empty = scratch("empty");
	char expected[4096];
	ck_assert_int_eq(mkdir(empty, 0700), 0);
	struct outcome o = command_run(empty, (const char *const[]){"check", file, NULL});
	ck_assert_int_eq(o.code, 0);
	snprintf(expected, sizeof expected,
		 "%s: fine\n"
		 "data: oocl, 15 splits, 30 units\n"
		 "model: 3 layers, d_model 48, 4 heads of 12, d_mlp 64, relu, LN; 54112 parameters\n"
		 "probe: unit 7\n"
		 "sweeps: 1, 12 cells\n"
		 "  z: gradient, layer 3 x head 4, 12 cells\n",
		 file);
	ck_assert_str_eq(o.out, expected);
	ck_assert_str_eq(o.err, "");
	o = command_run(empty, (const char *const[]){"check", file, "--quiet", NULL});
	ck_assert_int_eq(o.code, 0);
	ck_assert_str_eq(o.out, "");
	ck_assert_int_eq(count_entries(empty), 0);
}
END_TEST

START_TEST(nothing_to_do_is_said)
{
	const char *idle = scratch("idle.yaml");
	static const char text[] = "model: {n_layers: 1, d_model: 8, n_heads: 2}\ndata: {plugin: oocl, mod: 30}\n";
	ck_assert_ok(pb_file_write(idle, text, sizeof text - 1));
	struct outcome o = RUN("check", idle);
	ck_assert_int_eq(o.code, 0);
	check_says(o.out, "nothing to run: neither `train` nor `sweeps`\n");
	o = RUN("run", idle, "--out", scratch("idle"));
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "has neither `train` nor `sweeps`: there is nothing to run");
	o = RUN("train", experiment(SWEEP), "--out", scratch("idle"));
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "has no `train`: there is nothing to train");
	ck_assert(!exists(scratch("idle")));
}
END_TEST

static const char hooks_of_one_layer[] =
	"hook_embed                          embed               [batch, pos, 8]\n"
	"hook_pos_embed                      pos_embed           [batch, pos, 8]\n"
	"blocks.0.hook_resid_pre             resid_pre           [batch, pos, 8]\n"
	"blocks.0.ln1.hook_scale             ln1.scale           [batch, pos, 1]\n"
	"blocks.0.ln1.hook_normalized        ln1.normalized      [batch, pos, 8]\n"
	"blocks.0.attn.hook_q                q                   [batch, pos, head 2, 4]\n"
	"blocks.0.attn.hook_k                k                   [batch, pos, head 2, 4]\n"
	"blocks.0.attn.hook_v                v                   [batch, pos, head 2, 4]\n"
	"blocks.0.attn.hook_attn_scores      attn_scores         [batch, head 2, dest_pos, src_pos]\n"
	"blocks.0.attn.hook_pattern          pattern             [batch, head 2, dest_pos, src_pos]\n"
	"blocks.0.attn.hook_z                z                   [batch, pos, head 2, 4]\n"
	"blocks.0.attn.hook_result           result              [batch, pos, head 2, 8]  evaluated only when a sweep "
	"names it\n"
	"blocks.0.hook_attn_out              attn_out            [batch, pos, 8]\n"
	"blocks.0.hook_resid_post            resid_post          [batch, pos, 8]\n"
	"ln_final.hook_scale                 ln_final.scale      [batch, pos, 1]\n"
	"ln_final.hook_normalized            ln_final.normalized [batch, pos, 8]\n";

/* Who looks for a hook's name has an experiment with a mistake in its sweeps. */
START_TEST(hooks_of_an_experiment)
{
	const char *file = scratch("hooks.yaml");
	static const char text[] = "model: {n_layers: 1, d_model: 8, n_heads: 2, attn_only: yes}\n"
				   "data: {plugin: oocl, mod: 30}\nsweeps: [{name: a, hook: what, sette: layer}, 3]\n";
	ck_assert_ok(pb_file_write(file, text, sizeof text - 1));
	struct outcome o = RUN("hooks", file);
	ck_assert_msg(o.code == 0, "%s", o.err);
	ck_assert_str_eq(o.out, hooks_of_one_layer);
	o = RUN("hooks", file, "--set", "model.n_heads=4");
	ck_assert_int_eq(o.code, 0);
	check_says(o.out, "[batch, pos, head 4, 2]\n");
	o = RUN("hooks", file, "--set", "model.n_heads=3");
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "is not divisible");
}
END_TEST

START_TEST(hooks_of_a_checkpoint)
{
	struct outcome o = RUN("hooks", pb_test_golden("model_1.pt"));
	int lines = 0;
	for (const char *c = o.out; *c; c++)
		lines += *c == '\n';
	ck_assert_int_eq(o.code, 0);
	ck_assert_int_eq(lines, 2 + 3 * 18 + 2);
	check_says(o.out, "\nblocks.2.mlp.hook_post              post                [batch, pos, 64]\n");
	check_says(o.out, "\nblocks.0.ln2.hook_scale             ln2.scale           [batch, pos, 1]\n");
	o = RUN("hooks", pb_test_golden("ints_by_set.pt"));
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "this is not a HookedTransformer's state_dict");
}
END_TEST

/* Every short name that is listed means the point it stands beside. */
START_TEST(listed_short_names_work)
{
	struct outcome o = RUN("hooks", pb_test_golden("model_1.pt"));
	char *listed = strdup(o.out), *rest = listed, set[128], full[64], brief[64];
	const char *file = experiment("sweeps: [{name: a, hook: z, setter: zero, over: layer}]\n");
	for (char *line; (line = strsep(&rest, "\n")) && *line;) {
		ck_assert_int_eq(sscanf(line, "%63s %63s", full, brief), 2);
		snprintf(set, sizeof set, "sweeps.0.hook=%s", brief);
		o = RUN("check", file, "--set", set, "--set",
			strncmp(full, "blocks", 6) ? "sweeps.0.over=[]" : "seed=1");
		ck_assert_msg(o.code == 0, "%s: %s", brief, o.err);
		if (!strncmp(full, "blocks.0.ln2.hook_scale", 23))
			break;
	}
	free(listed);
}
END_TEST

START_TEST(inspect_and_plugin)
{
	struct outcome o = RUN("inspect", pb_test_golden("model_1.pt"));
	ck_assert_int_eq(o.code, 0);
	check_says(o.out, "a HookedTransformer: n_layers 3");
	o = RUN("inspect", pb_test_golden("model_1.pt"), "nowhere.pt");
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "patchbay inspect: cannot open nowhere.pt");
	o = RUN("inspect", pb_test_dir());
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, " is a folder, not a file\n");
	/* Nobody will ever write into it: it must not be waited for. */
	ck_assert_int_eq(mkfifo(scratch("pipe.pt"), 0600), 0);
	o = RUN("inspect", scratch("pipe.pt"));
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "/pipe.pt is not a regular file\n");
	o = RUN("plugin", "list");
	ck_assert_int_eq(o.code, 0);
	check_says(o.out, "dataset  oocl ");
	o = RUN("plugin", "info", "layer_head");
	ck_assert_int_eq(o.code, 0);
	check_says(o.out, "axes: layer, head\n");
}
END_TEST

/* Through two formats and two precisions: the numbers of a run stay what they are. */
START_TEST(converted_weights_give_the_same_results)
{
	const char *safetensors = scratch("m.safetensors"), *npz = scratch("m.npz"), *file = experiment(SWEEP);
	char set[4096], name[32];
	ck_assert_int_eq(RUN("convert", pb_test_golden("model_1.pt"), safetensors, "--dtype", "f64").code, 0);
	ck_assert_int_eq(RUN("convert", safetensors, npz, "--dtype=f32").code, 0);
	ck_assert_int_eq(RUN("run", file, "--quiet", "--out", scratch("from-pt")).code, 0);
	char *expected = read_text(scratch("from-pt/sweeps/z.csv"));
	const char *const from[] = {safetensors, npz};
	for (int i = 0; i < 2; i++) {
		snprintf(set, sizeof set, "model.load=%s", from[i]);
		snprintf(name, sizeof name, "from-%d", i);
		struct outcome o = RUN("run", file, "--quiet", "--out", scratch(name), "--set", set);
		ck_assert_msg(o.code == 0, "%s", o.err);
		strcat(name, "/sweeps/z.csv");
		char *got = read_text(scratch(name));
		ck_assert_str_eq(got, expected);
		free(got);
	}
	free(expected);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cli");
	TCase *t = tcase_create("cli");
	tcase_add_loop_test(t, every_command_has_help, 0, N_COMMANDS);
	tcase_add_loop_test(t, every_command_knows_its_nearest_option, 0, N_COMMANDS);
	tcase_add_test(t, version_tells_what_it_is_made_of);
	tcase_add_test(t, help_lists_the_commands);
	tcase_add_loop_test(t, usage_mistake, 0, sizeof mistakes / sizeof *mistakes);
	tcase_add_test(t, set_changes_the_file);
	tcase_add_loop_test(t, set_refused, 0, sizeof bad_sets / sizeof *bad_sets);
	tcase_add_test(t, check_says_what_and_writes_nothing);
	tcase_add_test(t, nothing_to_do_is_said);
	tcase_add_test(t, hooks_of_an_experiment);
	tcase_add_test(t, hooks_of_a_checkpoint);
	tcase_add_test(t, listed_short_names_work);
	tcase_add_test(t, inspect_and_plugin);
	tcase_add_test(t, converted_weights_give_the_same_results);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
