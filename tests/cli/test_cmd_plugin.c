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
	char words[256], *argv[8], *out = pb_file_join(pb_test_dir(), "out");
	int argc = 0;
	snprintf(words, sizeof words, "%s", line);
	for (char *w = strtok(words, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	argv[argc] = NULL;
	fflush(stdout);
	int saved = dup(1), saved_error = dup(2);
	ck_assert_ptr_nonnull(freopen(out, "w", stdout));
	dup2(1, 2);
	int code = pb_cmd_plugin(argc, argv);
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
	check("plugin info oocl", 0,
	      PARTS("sets: mapping", "      DtQ1: list of int", "needs: d_vocab 244, n_ctx 5",
		    "  X1                                  525  definitions"));
	check("plugin info tokens", 0, PARTS("clean: list of int", "; required", "splits and units: depend on"));
}
END_TEST

START_TEST(wrong_usage)
{
	check("plugin info accurcy", 2, PARTS("there is no plugin `accurcy`; did you mean `accuracy`?"));
	check("plugin", 2, PARTS("usage: patchbay plugin list"));
	check("plugin info", 2, PARTS("usage: "));
	check("plugin show zero", 2, PARTS("usage: "));
	check("plugin list --help", 0, PARTS("usage: ", "PATCHBAY_PLUGIN_PATH"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cmd_plugin");
	TCase *t = tcase_create("cmd_plugin");
	tcase_add_test(t, list);
	tcase_add_test(t, list_of_shadowed_and_broken_ones);
	tcase_add_test(t, info);
	tcase_add_test(t, wrong_usage);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
