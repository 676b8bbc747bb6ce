/* test_keys.c: the examples in the reference of the experiment file are experiments. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "cli/command.h"
#include "support/support.h"

static const char begin[] = "\n```yaml\n", end[] = "\n```\n", sweeps[] = "sweeps:\n";

/* Checks one example where model_1.pt lies. One of sweeps only is about the first example's model and data. */
static void check_example(const char *folder, const char *first, const char *text, size_t length)
{
	struct pb_text file = {0};
	const char *path = scratch("example.yaml");
	if (!strncmp(text, sweeps, strlen(sweeps)))
		pb_text_add_bytes(&file, first, (size_t)(strstr(first, sweeps) - first));
	pb_text_add_bytes(&file, text, length);
	pb_text_add(&file, "\n");
	ck_assert_ok(pb_text_status(&file));
	ck_assert_ok(pb_file_write(path, file.data, file.length));
	struct outcome o = command_run(folder, (const char *const[]){"check", path, NULL});
	ck_assert_msg(o.code == 0, "%s\nin:\n%s", o.err, file.data);
	pb_text_finish(&file);
}

START_TEST(examples_are_experiments)
{
	struct outcome o = RUN("keys");
	ck_assert_msg(o.code == 0, "%s", o.err);
	char *text = strdup(o.out), *folder = strdup(pb_test_golden("model_1.pt")), *first = NULL;
	ck_assert(text && folder);
	*strrchr(folder, '/') = '\0';
	int n = 0;
	for (char *at = text; (at = strstr(at, begin)); n++) {
		at += strlen(begin);
		first = first ? first : at;
		const char *stop = strstr(at, end);
		ck_assert_ptr_nonnull(stop);
		check_example(folder, first, at, (size_t)(stop - at));
	}
	ck_assert_int_ge(n, 7);
	free(text);
	free(folder);
}
END_TEST

/* One from each kind of source: a table, its defaults, keys by hand, words. */
START_TEST(keys_have_type_and_default)
{
	static const char *const lines[] = {
		"\n- `seed` (int, at least 0; default 42): ",
		"\n- `act_fn` (one of relu, ",
		"\n- `data` (a plugin's name, ",
		"\n- `batch_size` (int, 1 .. 1048576, in examples; default 128): ",
		"\n- `below` (real; optional): ",
		"\n- `optimizer` (one of adamw, adam, sgd; default adamw): ",
		"\n- `before` (text; required): ",
		"\n- `cells` (list of tuples",
		"\n- `ablate`: ",
		"\n- `torch`: ",
	};
	struct outcome o = RUN("keys");
	ck_assert_int_eq(o.code, 0);
	ck_assert_str_eq(o.err, "");
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		check_says(o.out, lines[i]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("keys");
	TCase *t = tcase_create("keys");
	tcase_add_test(t, examples_are_experiments);
	tcase_add_test(t, keys_have_type_and_default);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
