/* test_cmd_plugin.c: what `patchbay plugin` prints and returns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/status.h"
#include "cli/cli.h"
#include "support/support.h"

/* Runs it with the words of one line; *ret_text is what it wrote to both streams. */
static int run(const char *line, char **ret_text)
{
	char words[4300], *argv[8], *out = pb_file_join(pb_test_dir(), "out");
	int argc = 0;
	snprintf(words, sizeof words, "%s", line);
	for (char *w = strtok(words, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	argv[argc] = NULL;
	fflush(stdout);
	int saved = dup(1), saved_error = dup(2);
	ck_assert_ptr_nonnull(freopen(out, "w", stdout));
	dup2(1, 2);
	int code = pb_cli_dispatch(&pb_cmd_plugin, argc, argv);
	fflush(stdout);
	fflush(stderr);
	dup2(saved, 1);
	dup2(saved_error, 2);
	void *data;
	size_t size;
	ck_assert_ok(pb_file_read(out, 1 << 20, &data, &size));
	*ret_text = data;
	free(out);
	return code;
}

static void check(const char *line, int code, const char *const *parts)
{
	char *text;
	ck_assert_int_eq(run(line, &text), code);
	for (; *parts; parts++)
		ck_assert_msg(strstr(text, *parts) != NULL, "%s: no `%s` in:\n%s", line, *parts, text);
	free(text);
}

#define PARTS(...) ((const char *const[]){__VA_ARGS__, NULL})

START_TEST(list)
{
	check("plugin list", 0,
	      PARTS("setter   layer_pos ", "metric   accuracy                    1.0.0   how often the right answer",
		    "dataset  oocl ", "/plugins/dataset_oocl.so", "looked in:"));
}
END_TEST

/* In front: a copy of a shipped plugin, and one that does not load. */
START_TEST(list_of_shadowed_and_broken_ones)
{
	char target[4096], *link = pb_file_join(pb_test_dir(), "mine.so"), *bad;
	bad = pb_file_join(pb_test_dir(), "setter_bad.so");
	snprintf(target, sizeof target, "%s/plugins/setter_zero.so", getenv("PATCHBAY_BUILD"));
	ck_assert_int_eq(symlink(target, link), 0);
	snprintf(target, sizeof target, "%s/tests/plugins/bad/major.so", getenv("PATCHBAY_BUILD"));
	ck_assert_int_eq(symlink(target, bad), 0);
	setenv("PATCHBAY_PLUGIN_PATH", pb_test_dir(), 1);
	check("plugin list", 0, PARTS(link, "shadowed by ", "failed   ", bad, "ABI major: host 1, plugin 2"));
	check("plugin info zero", 0, PARTS(link, "not used: shadowed by "));
	check("plugin info bad", 0, PARTS("failed   ", "ABI major"));
	check("plugin info setter_bad", 0, PARTS("failed   ", "ABI major"));
	free(link);
	free(bad);
}
END_TEST

/* A file that is in none of the folders, by its path. */
START_TEST(info_of_a_file)
{
	char line[4200], file[4096];
	snprintf(file, sizeof file, "%s/tests/plugins/bad/older.so", getenv("PATCHBAY_BUILD"));
	snprintf(line, sizeof line, "plugin info %s", file);
	check(line, 0, PARTS("metric older 0.9.0\n", "unit: old", file));
	snprintf(line, sizeof line, "plugin info %s --json", file);
	check(line, 0, PARTS("\"name\": \"older\""));
	snprintf(line, sizeof line, "plugin info %s/tests/plugins/bad/major.so", getenv("PATCHBAY_BUILD"));
	check(line, 2, PARTS("was built against another patchbay"));
	check("plugin info ./nowhere.so", 2, PARTS("cannot open ./nowhere.so"));
}
END_TEST

START_TEST(info)
{
	check("plugin info noise", 0,
	      PARTS("setter noise 1.0.0, by patchbay\n", "std: real, 0 .. ", "default 1\n",
		    "mode: one of replace, add; default replace", "axes: those that the sweep's `over` names",
		    "effect: a linear function", "source: none"));
	check("plugin info layer_head_pos_pattern", 0,
	      PARTS("axes: layer, head, dest_pos\n", "parameters: none", "source: the same point in another run"));
	check("plugin info cross_entropy", 0, PARTS("unit: nat", "better: lower", "gradient: yes"));
	check("plugin info accuracy", 0, PARTS("better: higher", "gradient: none"));
	check("plugin info oocl --splits", 0,
	      PARTS("sets: mapping", "      DtQ1: list of int", "needs: d_vocab 244, n_ctx 5",
		    "  X1                                  525  definitions"));
	check("plugin info oocl", 0,
	      PARTS("DtQ1: list of int", "splits and units: `--splits`", "\nABI: 1.0\n"));
	check("plugin info --splits tokens", 0,
	      PARTS("clean: list of int", "; required", "splits and units: depend on"));
	check("plugin info zero --splits", 0, PARTS("setter zero"));
}
END_TEST

/* `line`, with the test's folder in place of the %s in it. */
static void check_in(const char *line, int code, const char *const *parts)
{
	char whole[256];
	ck_assert_int_lt(snprintf(whole, sizeof whole, line, pb_test_dir()), (int)sizeof whole);
	check(whole, code, parts);
}

static void check_file(const char *name, const char *part)
{
	char *path = pb_file_join(pb_test_dir(), name);
	void *data;
	size_t size;
	ck_assert_ok(pb_file_read(path, 1 << 20, &data, &size));
	ck_assert_msg(strstr(data, part) != NULL, "%s: no `%s`", name, part);
	ck_assert_msg(strstr(data, "placeholder") == NULL, "%s names the placeholder", name);
	free(data);
	free(path);
}

/* That they build and run is for install.sh. */
START_TEST(new_projects)
{
	check_in("plugin new setter my_patch --dir %s/a/b", 0,
		 PARTS("setter `my_patch`, in ", "a/b/my_patch: README.md example.yaml",
		       "meson.build my_patch.c test.sh\n",
		       "meson setup build && meson test -C build", "Then change my_patch.c"));
	check_file("a/b/my_patch/my_patch.c", ".name = \"my_patch\"");
	check_file("a/b/my_patch/meson.build", "shared_module('setter_my_patch', 'my_patch.c'");
	check_file("a/b/my_patch/example.yaml", "{plugin: my_patch, share: ");
	check_file("a/b/my_patch/test.sh", "plugin info my_patch");
	check_file("a/b/my_patch/README.md", "# my_patch, a setter");
	check_in("plugin new --dir=%s metric m2", 0, PARTS("metric `m2`"));
	check_file("m2/m2.c", "PB_KIND_METRIC");
	check_in("plugin new dataset d --dir %s", 0, PARTS("dataset `d`"));
	check_file("d/d.c", "PB_KIND_DATASET");
}
END_TEST

START_TEST(new_projects_overwrite_nothing)
{
	check_in("plugin new dataset d --dir %s", 0, PARTS("dataset `d`"));
	check_in("plugin new metric d --dir %s", 2, PARTS("/d exists, and nothing is overwritten: choose another"));
	check_file("d/d.c", "PB_KIND_DATASET");
	char *file = pb_file_join(pb_test_dir(), "file");
	ck_assert_ok(pb_file_write(file, "", 0));
	check_in("plugin new metric file --dir %s", 2, PARTS("/file exists"));
	check_in("plugin new metric m --dir %s/file", 1, PARTS("/file"));
	free(file);
}
END_TEST

START_TEST(new_projects_that_cannot_be)
{
	check("plugin new", 2, PARTS("KIND is missing behind `new`"));
	check("plugin new setter", 2, PARTS("NAME is missing behind `new`"));
	check("plugin new --help", 0, PARTS("usage: patchbay plugin new", "--dir"));
	check("plugin new seter x", 2, PARTS("KIND takes setter, metric or dataset, not `seter`; did you mean `setter`?"));
	check("plugin new executor x", 2, PARTS("not `executor`"));
	static const char *const names[] = {"My", "1x", "a-b", "../x", "_x", "x.y", "\303\244"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char line[64];
		snprintf(line, sizeof line, "plugin new setter %s", names[i]);
		check(line, 2, PARTS("it cannot be", names[i]));
	}
	check("plugin new setter x y", 2, PARTS("`y`"));
	check("plugin new setter x --dri z", 2, PARTS("unknown option `--dri`; did you mean `--dir`?"));
	check("plugin new setter x --dir", 2, PARTS("a value is missing behind `--dir`"));
	check("plugin new setter x --dir=", 2, PARTS("the value is empty in `--dir=`"));
}
END_TEST

START_TEST(wrong_usage)
{
	check("plugin info accurcy", 2, PARTS("there is no plugin `accurcy`; did you mean `accuracy`?"));
	check("plugin", 2, PARTS("usage: patchbay plugin COMMAND", "  info NAME  ", "PATCHBAY_PLUGIN_PATH"));
	check("plugin info", 2, PARTS("NAME is missing behind `info`"));
	check("plugin show zero", 2, PARTS("unknown command `show`"));
	check("plugin inof zero", 2, PARTS("unknown command `inof`; did you mean `info`?"));
	check("plugin info zero --splist", 2, PARTS("unknown option `--splist`; did you mean `--splits`?"));
	check("plugin replay", 2, PARTS("CAPSULE is missing behind `replay`"));
	check("plugin list --help", 0, PARTS("usage: patchbay plugin list [--json]"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cmd_plugin");
	TCase *t = tcase_create("cmd_plugin");
	tcase_add_test(t, list);
	tcase_add_test(t, list_of_shadowed_and_broken_ones);
	tcase_add_test(t, info);
	tcase_add_test(t, info_of_a_file);
	tcase_add_test(t, new_projects);
	tcase_add_test(t, new_projects_overwrite_nothing);
	tcase_add_test(t, new_projects_that_cannot_be);
	tcase_add_test(t, wrong_usage);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
