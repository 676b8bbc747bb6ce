/* test_broken.c: every file of tests/cli/broken must be refused with exactly the words beside it, and nothing else
 * happen.
 *
 * The build folder reads @BUILD@ there, and the number of plugin files in it N. With PATCHBAY_UPDATE set, the texts
 * are written anew: read the difference before you keep it.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "cli/command.h"
#include "support/support.h"

static char folder[4096];
static struct dirent **files;
static int n_files;

static int is_yaml(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');
	return dot && !strcmp(dot, ".yaml");
}

/* "(17 files)" becomes "(N files)". */
static const char *skip_count(const char *at)
{
	size_t digits = *at == '(' ? strspn(at + 1, "0123456789") : 0;
	return digits && !strncmp(at + 1 + digits, " files)", 7) ? at + 1 + digits : NULL;
}

/* The text as it would read on any machine. */
static char *neutral(const char *text)
{
	const char *build = getenv("PATCHBAY_BUILD"), *rest;
	size_t length = strlen(build);
	struct pb_text out = {0};
	while (*text) {
		if (!strncmp(text, build, length)) {
			pb_text_add(&out, "@BUILD@");
			text += length;
		} else if ((rest = skip_count(text))) {
			pb_text_add(&out, "(N");
			text = rest;
		} else {
			pb_text_add_bytes(&out, text++, 1);
		}
	}
	ck_assert_ok(pb_text_status(&out));
	return out.data ? out.data : strdup("");
}

static int count_entries(void)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, NULL, NULL);
	ck_assert_int_gt(n, 0);
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
	return n;
}

static const char *expected_path(const char *name)
{
	static char path[4400];
	snprintf(path, sizeof path, "%s/%.*s.txt", folder, (int)(strlen(name) - strlen(".yaml")), name);
	return path;
}

START_TEST(is_refused_in_these_words)
{
	const char *name = files[_i]->d_name, *path = expected_path(name);
	int before = count_entries();
	struct outcome o = command_run(folder, (const char *const[]){"check", name, NULL});
	char *said = neutral(o.err);
	ck_assert_msg(o.code == 2, "%s: exit code %d\n%s", name, o.code, o.err);
	ck_assert_msg(!*o.out, "%s: on standard output: %s", name, o.out);
	ck_assert_msg(count_entries() == before, "%s: something was written", name);
	if (getenv("PATCHBAY_UPDATE"))
		ck_assert_ok(pb_file_write(path, said, strlen(said)));
	char *expected = read_text(path);
	if (strcmp(said, expected)) /* too long for Check's messages */
		fprintf(stderr, "%s\nsaid:\n%s\nexpected:\n%s\n", name, said, expected);
	ck_assert_msg(!strcmp(said, expected), "%s: other words", name);
	free(expected);
	free(said);
}
END_TEST

/* One place is enough: a second message about the same mistake would only confuse. */
START_TEST(no_message_stands_twice)
{
	char *text = read_text(expected_path(files[_i]->d_name)), *rest = text;
	for (char *message; (message = strsep(&rest, "\n"));)
		if (!strncmp(message, files[_i]->d_name, strlen(files[_i]->d_name)))
			ck_assert_msg(!rest || !strstr(rest, message), "twice: %s", message);
	free(text);
}
END_TEST

START_TEST(no_text_without_its_file)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, NULL, NULL);
	ck_assert_int_eq(n, 2 + 2 * n_files);
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
}
END_TEST

/* What somebody does who reads nothing but the messages. */
static const struct {
	const char *wrong, *right;
} corrections[] = {
	{"4.0", "4"},          {"fp32", "f32"},   {"n_head", "n_heads"}, {"ocol", "oocl"},
	{"modulus", "mod"},    {"Df44", "Df4"},   {"beta", "betas"},     {"logits", "logit"},
	{"patern", "pattern"}, {"heads", "head"}, {"sigma", "std"},      {"set", "sets"},
};

enum { N_CORRECTIONS = sizeof corrections / sizeof *corrections };

static bool is_part_of_word(char c)
{
	return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Its first place in the text as a whole word. */
static char *find_word(char *text, const char *word)
{
	size_t length = strlen(word);
	for (char *at = text; (at = strstr(at, word)); at++)
		if ((at == text || !is_part_of_word(at[-1])) && !is_part_of_word(at[length]))
			return at;
	return NULL;
}

/* Says the message that quotes the wrong word also the right one? */
static bool tells(const char *said, const char *wrong, const char *right)
{
	char quoted[32], message[1024];
	snprintf(quoted, sizeof quoted, "`%s`", wrong);
	const char *at = strstr(said, quoted), *end = at ? strstr(at, "\n\n") : NULL;
	if (!at)
		return false;
	snprintf(message, sizeof message, "%.*s", end ? (int)(end - at) : (int)strlen(at), at);
	return find_word(message + strlen(quoted), right) != NULL;
}

static int correct(const char *said, struct pb_text *yaml)
{
	int n = 0;
	for (int i = 0; i < N_CORRECTIONS; i++) {
		if (!tells(said, corrections[i].wrong, corrections[i].right))
			continue;
		struct pb_text text = {0};
		char *at = find_word(yaml->data, corrections[i].wrong);
		ck_assert_ptr_nonnull(at);
		pb_text_add_bytes(&text, yaml->data, (size_t)(at - yaml->data));
		pb_text_add(&text, "%s%s", corrections[i].right, at + strlen(corrections[i].wrong));
		pb_text_finish(yaml);
		*yaml = text;
		n++;
	}
	return n;
}

START_TEST(twelve_are_corrected_in_two_rounds)
{
	char path[4400];
	const char *copy = scratch("twelve.yaml");
	snprintf(path, sizeof path, "%s/80-twelve.yaml", folder);
	char *original = read_text(path);
	struct pb_text yaml = {0};
	int n = 0;
	pb_text_add(&yaml, "%s", original);
	for (int round = 0; round < 2; round++) {
		ck_assert_ok(pb_file_write(copy, yaml.data, yaml.length));
		struct outcome o = command_run(folder, (const char *const[]){"check", copy, NULL});
		ck_assert_int_eq(o.code, 2);
		n += correct(o.err, &yaml);
	}
	ck_assert_int_eq(n, N_CORRECTIONS);
	ck_assert_ok(pb_file_write(copy, yaml.data, yaml.length));
	struct outcome o = command_run(folder, (const char *const[]){"check", copy, NULL});
	ck_assert_msg(o.code == 0, "%s\nin\n%s", o.err, yaml.data);
	pb_text_finish(&yaml);
	free(original);
}
END_TEST

int main(void)
{
	snprintf(folder, sizeof folder, "%s/tests/cli/broken", getenv("PATCHBAY_SOURCE"));
	n_files = scandir(folder, &files, is_yaml, alphasort);
	Suite *s = suite_create("broken");
	TCase *t = tcase_create("broken");
	tcase_add_loop_test(t, is_refused_in_these_words, 0, n_files);
	tcase_add_loop_test(t, no_message_stands_twice, 0, n_files);
	tcase_add_test(t, no_text_without_its_file);
	tcase_add_test(t, twelve_are_corrected_in_two_rounds);
	suite_add_tcase(s, t);
	return n_files > 0 ? pb_test_run(s, NULL) : 1;
}
