/* test_select.c: sets of parameters by glob and set algebra. */
#include <string.h>

#include "base/status.h"
#include "model/model.h"
#include "support/support.h"

enum { N_PARAMS = 38, N_PARTS = 52 }; /* 2 blocks of 16, and 6; 7 of a block's have 2 heads */

static struct pb_param_table table;

static void open_table(void)
{
	const struct pb_model_config config = {
	        .n_layers = 2, .d_model = 4, .d_head = 3, .n_heads = 2, .d_mlp = 5, .n_ctx = 6, .d_vocab = 7};
	ck_assert_ok(pb_param_table_init(&table, &config));
	ck_assert_int_eq(table.n, N_PARAMS);
	ck_assert_int_eq(table.n_parts, N_PARTS);
}

static void close_table(void)
{
	pb_param_table_finish(&table);
}

#define ATTN(L)                                                                                                        \
	"blocks." L ".attn.W_Q blocks." L ".attn.W_O blocks." L ".attn.b_Q blocks." L ".attn.b_O blocks." L            \
	".attn.W_K blocks." L ".attn.W_V blocks." L ".attn.b_K blocks." L ".attn.b_V "
#define MLP(L)   "blocks." L ".mlp.W_in blocks." L ".mlp.b_in blocks." L ".mlp.W_out blocks." L ".mlp.b_out "
#define NORMS(L) "blocks." L ".ln1.w blocks." L ".ln1.b blocks." L ".ln2.w blocks." L ".ln2.b "
#define HEAD(L, H)                                                                                                     \
	"blocks." L ".attn.W_Q.h" H " blocks." L ".attn.W_O.h" H " blocks." L ".attn.b_Q.h" H " blocks." L            \
	".attn.W_K.h" H " blocks." L ".attn.W_V.h" H " blocks." L ".attn.b_K.h" H " blocks." L ".attn.b_V.h" H " "
#define BLOCK(L) NORMS(L) ATTN(L) MLP(L)
#define ENDS     "ln_final.w ln_final.b unembed.W_U unembed.b_U "
#define EMBEDS   "embed.W_E pos_embed.W_pos "

/* Names in the table's order, each followed by a space. */
static const struct {
	const char *expression, *names;
} sets[] = {
        {"", ""},
        {" \t ", ""},
        {"*", EMBEDS BLOCK("0") BLOCK("1") ENDS},
        {"embed.W_E", "embed.W_E "},
        {"W_E", "embed.W_E "},
        {"embed", "embed.W_E "}, /* whole parts only: neither pos_embed nor unembed */
        {"*embed", EMBEDS "unembed.W_U unembed.b_U "},
        {" W_Q\t", "blocks.0.attn.W_Q blocks.1.attn.W_Q "},
        {"blocks.1.attn", ATTN("1")},
        {"blocks.1.attn.*", ATTN("1")},
        {"1.attn", ATTN("1")},
        {"attn", ATTN("0") ATTN("1")},
        {"blocks.0", BLOCK("0")},
        {"blocks.<=0", BLOCK("0")},
        {"blocks.<=0.*", BLOCK("0")},
        {"blocks.>0.mlp", MLP("1")},
        {"blocks.{0,1}.mlp", MLP("0") MLP("1")},
        {"blocks.0.attn.{W,b}_[OV]", "blocks.0.attn.W_O blocks.0.attn.b_O blocks.0.attn.W_V blocks.0.attn.b_V "},
        {"blocks.1.mlp.W_*", "blocks.1.mlp.W_in blocks.1.mlp.W_out "},
        {"b_[A-K]", "blocks.0.attn.b_K blocks.1.attn.b_K "},
        {"w", "blocks.0.ln1.w blocks.0.ln2.w blocks.1.ln1.w blocks.1.ln2.w ln_final.w "},
        {"ln?.w", "blocks.0.ln1.w blocks.0.ln2.w blocks.1.ln1.w blocks.1.ln2.w "},
        {"W_Q + b_Q", "blocks.0.attn.W_Q blocks.0.attn.b_Q blocks.1.attn.W_Q blocks.1.attn.b_Q "},
        {"W_Q+W_Q", "blocks.0.attn.W_Q blocks.1.attn.W_Q "},
        {"attn - {W,b}_[QKV]", "blocks.0.attn.W_O blocks.0.attn.b_O blocks.1.attn.W_O blocks.1.attn.b_O "},
        {"W_Q - W_Q", ""},
        {"W_Q & blocks.1", "blocks.1.attn.W_Q "},
        /* all operators bind alike, from the left */
        {"W_Q + W_K & blocks.1", "blocks.1.attn.W_Q blocks.1.attn.W_K "},
        {"W_Q + (W_K & blocks.1)", "blocks.0.attn.W_Q blocks.1.attn.W_Q blocks.1.attn.W_K "},
        {"W_Q - blocks.0 + W_Q", "blocks.0.attn.W_Q blocks.1.attn.W_Q "},
        {"W_Q - (blocks.0 + W_Q)", ""},
        {"blocks.1-(attn+mlp)", NORMS("1")},
        {"!blocks", EMBEDS ENDS},
        {"!blocks & !W_U", EMBEDS "ln_final.w ln_final.b unembed.b_U "},
        {"!!W_U", "unembed.W_U "},
        {"! ( blocks + ln_final + unembed )", EMBEDS},
        {"!*", ""},
        {"((W_U))", "unembed.W_U "},
        {"blocks.0.attn.W_V.h1", "blocks.0.attn.W_V.h1 "},
        {"W_Q.h0 & blocks.1", "blocks.1.attn.W_Q.h0 "},
        {"W_Q.h<=1", "blocks.0.attn.W_Q blocks.1.attn.W_Q "},
        {"blocks.1 & h1", HEAD("1", "1")},
        {"blocks.0.attn.*.h0", HEAD("0", "0")},
        {"attn.{W,b}_[VO].h1 - blocks.1", "blocks.0.attn.W_O.h1 blocks.0.attn.W_V.h1 blocks.0.attn.b_V.h1 "},
        {"blocks.0.attn - h0 - h1", "blocks.0.attn.b_O "},
        {"b_K - b_K.h0 + (b_K.h0 & blocks.1)", "blocks.0.attn.b_K.h1 blocks.1.attn.b_K "},
        {"h0 & !h0", ""},
};

/* A parameter whose heads are all in the set by its own name. */
static void write_param(const struct pb_param_info *info, const bool *set, struct pb_text *names)
{
	char name[PB_PARAM_PART_NAME];
	if (!memchr(set, false, (size_t)info->n_parts))
		pb_text_add(names, "%s ", info->name);
	for (int k = 0; memchr(set, false, (size_t)info->n_parts) && k < info->n_parts; k++)
		if (set[k])
			pb_text_add(names, "%s ", pb_param_part_name(info, k, name));
}

START_TEST(an_expression_is_a_set)
{
	bool set[N_PARTS];
	struct pb_text names = {0};
	pb_text_add(&names, "%s", "");
	memset(set, true, sizeof set);
	int rc = pb_param_select(&table, sets[_i].expression, set);
	ck_assert_msg(rc == 0, "%s: %s", sets[_i].expression, pb_error_text());
	for (int i = 0; i < table.n; i++)
		write_param(&table.items[i], set + table.items[i].first_part, &names);
	ck_assert_msg(!strcmp(names.data, sets[_i].names), "`%s` is %s", sets[_i].expression, names.data);
	pb_text_finish(&names);
}
END_TEST

#define TEN(text) text text text text text text text text text text

static const struct {
	const char *expression;
	int status;
	const char *told;
} mistakes[] = {
        {"W_Q +", PB_E_CONFIG, "at character 6: expected a parameter's name"},
        {"+ W_Q", PB_E_CONFIG, "at character 1: expected a parameter's name"},
        {"W_Q ++ W_K", PB_E_CONFIG, "at character 6: expected a parameter's name"},
        {"W_Q W_K", PB_E_CONFIG, "at character 5: expected `+`, `-`, `&` or the end"},
        {"(W_Q", PB_E_CONFIG, "at character 5: expected `)`"},
        {"(W_Q W_K)", PB_E_CONFIG, "at character 6: expected `)`"},
        {"W_Q)", PB_E_CONFIG, "at character 4: expected `+`, `-`, `&` or the end"},
        {"()", PB_E_CONFIG, "expected a parameter's name"},
        {"!", PB_E_CONFIG, "expected a parameter's name"},
        {"W_Q - ", PB_E_CONFIG, "expected a parameter's name"},
        {TEN("(((((((((("), PB_E_CONFIG, "expected fewer parentheses"},
        {TEN("!!!!!!!!!!") "W_Q", PB_E_CONFIG, "expected fewer parentheses"},
        {TEN(TEN("x")) TEN(TEN("x")) TEN(TEN("x")), PB_E_CONFIG, "expected a shorter name"},
        {"W_E + blocks.2", PB_E_NOTFOUND, "`blocks.2` matches no parameter"},
        {"blocks.0.atn.W_Q", PB_E_NOTFOUND, "did you mean `blocks.0.attn.W_Q`?"},
        {"w_q", PB_E_NOTFOUND, "did you mean `W_Q`?"},
        {"atn", PB_E_NOTFOUND, "did you mean `attn`?"},
        {"unembd", PB_E_NOTFOUND, "did you mean `unembed`?"},
        {"zzzzzzzzzzzzzzzzz", PB_E_NOTFOUND, "they are named as `blocks."},
        {"{W_Q + W_K", PB_E_NOTFOUND, "matches no parameter"},
        {"W_Q]", PB_E_NOTFOUND, "matches no parameter"},
        {"W_Q.h2", PB_E_NOTFOUND, "this model's heads are h0 .. h1"},
        {"b_O.h0", PB_E_NOTFOUND, "matches no parameter"},
};

START_TEST(a_mistake_is_told_and_changes_nothing)
{
	bool set[N_PARTS] = {[3] = true};
	int rc = pb_param_select(&table, mistakes[_i].expression, set);
	ck_assert_msg(rc == -mistakes[_i].status, "%s: %d, not %d", mistakes[_i].expression, rc, -mistakes[_i].status);
	ck_assert_msg(strstr(pb_error_text(), mistakes[_i].told) != NULL, "%s", pb_error_text());
	for (int i = 0; i < table.n_parts; i++)
		ck_assert_int_eq(set[i], i == 3);
}
END_TEST

/* A module that this model lacks is not proposed. */
START_TEST(the_nearest_name_is_one_of_this_model)
{
	struct pb_param_table bare;
	const struct pb_model_config config = {.n_layers = 1,
	                                       .d_model = 4,
	                                       .d_head = 3,
	                                       .n_heads = 2,
	                                       .n_ctx = 6,
	                                       .d_vocab = 7,
	                                       .normalization = PB_NORM_NONE,
	                                       .attn_only = true};
	bool set[64];
	ck_assert_ok(pb_param_table_init(&bare, &config));
	ck_assert_int_eq(pb_param_select(&bare, "mlpp", set), -PB_E_NOTFOUND);
	ck_assert_ptr_null(strstr(pb_error_text(), "did you mean"));
	pb_param_table_finish(&bare);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("select");
	TCase *select = tcase_create("select");
	tcase_add_checked_fixture(select, open_table, close_table);
	tcase_add_loop_test(select, an_expression_is_a_set, 0, sizeof sets / sizeof *sets);
	tcase_add_loop_test(select, a_mistake_is_told_and_changes_nothing, 0, sizeof mistakes / sizeof *mistakes);
	tcase_add_test(select, the_nearest_name_is_one_of_this_model);
	suite_add_tcase(suite, select);
	return pb_test_run(suite, NULL);
}
