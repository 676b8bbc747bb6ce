/* test_commands.c: patchbay inspect and patchbay convert, and the text of a description. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/status.h"
#include "ckpt/ckpt.h"
#include "ckpt/make.h"
#include "cli/cli.h"
#include "support/support.h"

static char out[1 << 16], err[4096];

static const char *scratch(const char *name)
{
	static char paths[16][256];
	static int next;
	char *path = paths[next++ % 16];
	snprintf(path, sizeof paths[0], "%s/%s", pb_test_dir(), name);
	return path;
}

static void read_back(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	size_t got = fread(text, 1, size - 1, file);
	text[got] = '\0';
	fclose(file);
}

/* Runs a command with its output in files; each test is a process of its own. */
static int run(const struct pb_cli_command *command, const char *a, const char *b, const char *c, const char *d)
{
	char *argv[] = {"command", (char *)a, (char *)b, (char *)c, (char *)d, NULL};
	int argc = 1;
	while (argv[argc])
		argc++;
	const char *out_path = scratch("out"), *err_path = scratch("err");
	ck_assert_ptr_nonnull(freopen(out_path, "w", stdout));
	ck_assert_ptr_nonnull(freopen(err_path, "w", stderr));
	int code = pb_cli_dispatch(command, argc, argv);
	fflush(stdout);
	fflush(stderr);
	read_back(out_path, out, sizeof out);
	read_back(err_path, err, sizeof err);
	return code;
}

static void check_says(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part), "\"%s\" does not say \"%s\"", text, part);
}

START_TEST(inspect_knows_the_model)
{
	ck_assert_int_eq(run(&pb_cmd_inspect, pb_test_golden("model_1.pt"), NULL, NULL, NULL), 0);
	check_says(out, "pytorch zip, 60 tensors, 54190 elements");
	check_says(out, "blocks.2.attn.W_O     F32   [4, 12, 48]");
	check_says(out,
		   "a HookedTransformer: n_layers 3, d_model 48, n_heads 4, d_head 12, d_mlp 64, d_vocab 64, n_ctx 5, "
		   "normalization LN, attn_only no");
	ck_assert_str_eq(err, "");
}
END_TEST

START_TEST(inspect_shows_values)
{
	ck_assert_int_eq(run(&pb_cmd_inspect, pb_test_golden("ints_by_set.pt"), NULL, NULL, NULL), 0);
	check_says(out, "Dt3 = [16, 20, 7, 17, 25, 19, 12]\n");
	ck_assert_ptr_null(strstr(out, "HookedTransformer"));
}
END_TEST

START_TEST(inspect_measures_what_is_finite)
{
	const float data[] = {3, -4, NAN, INFINITY, -INFINITY, INFINITY};
	const struct pb_ckpt_tensor t[] = {{"t", PB_CKPT_F32, 2, {2, 3}, 6, data}, {"e", PB_CKPT_F32, 1, {0}, 0, data}};
	const char *path = scratch("t.npz");
	ck_assert_ok(pb_ckpt_write_npz(path, t, 2));
	ck_assert_int_eq(run(&pb_cmd_inspect, path, NULL, NULL, NULL), 0);
	double least, greatest, mean, norm;
	int n_nan, n_inf;
	const char *line = strstr(out, "[2, 3]");
	ck_assert_ptr_nonnull(line);
	ck_assert_int_eq(sscanf(line, "[2, 3] %lf %lf %lf %lf %d %d", &least, &greatest, &mean, &norm, &n_nan, &n_inf),
			 6);
	ck_assert(least == -4 && greatest == 3 && mean == -0.5 && norm == 5 && n_nan == 1 && n_inf == 3);
}
END_TEST

/* Names come from a stranger's file: they must not steer the terminal. */
START_TEST(inspect_disarms_names)
{
	struct pb_text pickle = {0};
	OP(&pickle, "}(");
	put_string(&pickle, "\x1b[31mred");
	put_string(&pickle, "\x1b]0;title\a");
	put_string(&pickle, "\xc2\x9b");
	OP(&pickle, "K\x01u.");
	ck_assert_int_eq(run(&pb_cmd_inspect, make_pt(&pickle, NULL, 0), NULL, NULL, NULL), 0);
	for (const char *c = out; *c; c++)
		ck_assert_msg(*c == '\n' || (*c >= ' ' && *c <= '~'), "byte %02x is printed", (unsigned char)*c);
	check_says(out, "?[31mred = ");
}
END_TEST

START_TEST(inspect_refuses_in_words)
{
	struct pb_text pickle = {0};
	OP(&pickle, "cos\nsystem\n.");
	const char *path = make_pt(&pickle, NULL, 0);
	ck_assert_int_eq(run(&pb_cmd_inspect, path, NULL, NULL, NULL), 2);
	check_says(err, "patchbay inspect: ");
	check_says(err, ": refuses to call os.system: a checkpoint may hold tensors and containers only");
	ck_assert_str_eq(out, "");
	ck_assert_int_eq(run(&pb_cmd_inspect, scratch("absent"), NULL, NULL, NULL), 2);
	ck_assert_int_eq(run(&pb_cmd_inspect, NULL, NULL, NULL, NULL), 2);
	ck_assert_int_eq(run(&pb_cmd_inspect, "--nonsense", NULL, NULL, NULL), 2);
	check_says(err, "--nonsense");
}
END_TEST

START_TEST(both_have_help_with_an_example)
{
	ck_assert_int_eq(run(&pb_cmd_inspect, "--help", NULL, NULL, NULL), 0);
	check_says(out, "examples:\n  patchbay inspect");
	ck_assert_int_eq(run(&pb_cmd_convert, "--help", NULL, NULL, NULL), 0);
	check_says(out, "examples:\n  patchbay convert");
}
END_TEST

START_TEST(convert_writes_what_the_suffix_says)
{
	static const char *const names[] = {"m.safetensors", "m.npz"}, *const formats[] = {"safetensors", "npz"};
	const char *path = scratch(names[_i]);
	struct pb_ckpt ckpt;
	ck_assert_int_eq(run(&pb_cmd_convert, pb_test_golden("model_1.pt"), path, NULL, NULL), 0);
	check_says(out, "60 tensors written");
	ck_assert_ok(pb_ckpt_read(path, &ckpt));
	ck_assert_str_eq(ckpt.format, formats[_i]);
	ck_assert_int_eq(pb_ckpt_find(&ckpt, "embed.W_E")->dtype, PB_CKPT_F32);
	pb_ckpt_finish(&ckpt);
}
END_TEST

START_TEST(convert_widens_floats_alone)
{
	const char *path = scratch("m64.safetensors");
	struct pb_ckpt narrow, wide;
	ck_assert_int_eq(run(&pb_cmd_convert, "--dtype", "f64", pb_test_golden("model_1.pt"), path), 0);
	ck_assert_ok(pb_ckpt_read(path, &wide));
	ck_assert_ok(pb_ckpt_read(pb_test_golden("model_1.pt"), &narrow));
	const struct pb_ckpt_tensor *a = pb_ckpt_find(&narrow, "embed.W_E"), *b = pb_ckpt_find(&wide, "embed.W_E");
	ck_assert_int_eq(b->dtype, PB_CKPT_F64);
	for (int64_t i = 0; i < a->count; i++)
		ck_assert(((const double *)b->data)[i] == (double)((const float *)a->data)[i]);
	ck_assert_int_eq(pb_ckpt_find(&wide, "blocks.0.attn.mask")->dtype, PB_CKPT_BOOL);
	pb_ckpt_finish(&narrow);
	pb_ckpt_finish(&wide);
}
END_TEST

START_TEST(convert_does_not_overwrite_unasked)
{
	const char *path = scratch("kept.npz");
	ck_assert_ok(pb_file_write(path, "mine", 4));
	ck_assert_int_eq(run(&pb_cmd_convert, pb_test_golden("model_1.pt"), path, NULL, NULL), 2);
	check_says(err, "exists; --force replaces it");
	char text[16];
	read_back(path, text, sizeof text);
	ck_assert_str_eq(text, "mine");
	ck_assert_int_eq(run(&pb_cmd_convert, "--force", pb_test_golden("model_1.pt"), path, NULL), 0);
	struct pb_ckpt ckpt;
	ck_assert_ok(pb_ckpt_read(path, &ckpt));
	pb_ckpt_finish(&ckpt);
}
END_TEST

START_TEST(convert_refuses_in_words)
{
	const char *model = pb_test_golden("model_1.pt");
	ck_assert_int_eq(run(&pb_cmd_convert, model, NULL, NULL, NULL), 2);
	check_says(err, "OUT is missing");
	ck_assert_int_eq(run(&pb_cmd_convert, model, scratch("m.pt"), NULL, NULL), 2);
	check_says(err, "should end in .safetensors or .npz");
	ck_assert_int_eq(run(&pb_cmd_convert, "--dtype=f16", model, scratch("m.npz"), NULL), 2);
	check_says(err, "f32 or f64");
	ck_assert_int_eq(run(&pb_cmd_convert, model, scratch("m.npz"), "more", NULL), 2);
	check_says(err, "what is `more`");
	ck_assert_int_eq(run(&pb_cmd_convert, pb_test_golden("ints_by_set.pt"), scratch("i.npz"), NULL, NULL), 2);
	check_says(err, "holds no tensors");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("commands");
	TCase *cases = tcase_create("commands");
	tcase_add_test(cases, inspect_knows_the_model);
	tcase_add_test(cases, inspect_shows_values);
	tcase_add_test(cases, inspect_measures_what_is_finite);
	tcase_add_test(cases, inspect_disarms_names);
	tcase_add_test(cases, inspect_refuses_in_words);
	tcase_add_test(cases, both_have_help_with_an_example);
	tcase_add_loop_test(cases, convert_writes_what_the_suffix_says, 0, 2);
	tcase_add_test(cases, convert_widens_floats_alone);
	tcase_add_test(cases, convert_does_not_overwrite_unasked);
	tcase_add_test(cases, convert_refuses_in_words);
	suite_add_tcase(suite, cases);
	return pb_test_run(suite, NULL);
}
