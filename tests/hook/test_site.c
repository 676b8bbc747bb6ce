/* test_site.c: the table of hook points against TransformerLens' (the golden run), and the names users may write. */
#include <jansson.h>
#include <string.h>

#include "base/status.h"
#include "hook/site.h"
#include "support/support.h"

static const struct pb_site_dims golden_dims = {
        .n_layers = 3, .n_heads = 4, .d_model = 48, .d_head = 12, .d_mlp = 64, .has_norm = true};
static const struct pb_site_dims one_layer = {
        .n_layers = 1, .n_heads = 2, .d_model = 4, .d_head = 3, .d_mlp = 5, .has_norm = true};

static struct pb_sites sites;

static void make(const struct pb_site_dims *dims)
{
	ck_assert_ok(pb_sites_init(&sites, dims));
}

static void make_golden(void)
{
	make(&golden_dims);
}

static void finish(void)
{
	pb_sites_finish(&sites);
}

static void check_shape(const struct pb_site *site, const json_t *array)
{
	int64_t shape[PB_MAX_RANK];
	int rank = pb_site_shape(site, 1, 4, shape);
	ck_assert_int_eq(rank, site->rank);
	for (int i = 0; i < rank; i++, array = json_array_get(array, 0))
		ck_assert_msg(shape[i] == (int64_t)json_array_size(array), "%s: axis %d is %lld long, not %zu",
		              site->name, i, (long long)shape[i], json_array_size(array));
	ck_assert(!json_is_array(array));
}

/* The reference's cache lists the forward points in order of evaluation, then the gradients. It was made without
 * attn.hook_result. */
START_TEST(names_order_and_shapes_are_those_of_the_golden_run)
{
	json_t *root = json_load_file(pb_test_golden("expected.json"), 0, NULL), *value;
	const char *name;
	int at = 0;
	ck_assert_ptr_nonnull(root);
	json_object_foreach(json_object_get(root, "clean_cache"), name, value)
	{
		size_t length = strlen(name);
		if (length > 5 && !strcmp(name + length - 5, "_grad"))
			continue;
		while (at < sites.n && sites.items[at].kind == PB_SITE_RESULT)
			at++;
		ck_assert_int_lt(at, sites.n);
		ck_assert_str_eq(sites.items[at].name, name);
		ck_assert_int_eq(pb_sites_find(&sites, name), at);
		ck_assert_int_eq(pb_sites_id(&sites, sites.items[at].kind, sites.items[at].layer), at);
		check_shape(&sites.items[at], value);
		at++;
	}
	ck_assert_int_eq(at, sites.n);
	ck_assert_int_eq(at, 55 + 3);
	json_decref(root);
}
END_TEST

START_TEST(hook_result_comes_between_z_and_attn_out)
{
	int result = pb_sites_find(&sites, "blocks.2.attn.hook_result");
	int64_t shape[PB_MAX_RANK];
	ck_assert_str_eq(sites.items[result - 1].name, "blocks.2.attn.hook_z");
	ck_assert_str_eq(sites.items[result + 1].name, "blocks.2.hook_attn_out");
	ck_assert_int_eq(pb_site_shape(&sites.items[result], 7, 5, shape), 4);
	ck_assert_mem_eq(shape, ((int64_t[]){7, 5, 4, 48}), 4 * sizeof *shape);
}
END_TEST

START_TEST(axes_are_tagged)
{
	const uint8_t pattern[] = {PB_AXIS_BATCH, PB_AXIS_HEAD, PB_AXIS_DEST_POS, PB_AXIS_SRC_POS};
	const uint8_t z[] = {PB_AXIS_BATCH, PB_AXIS_POS, PB_AXIS_HEAD, PB_AXIS_FEATURE};
	const uint8_t scale[] = {PB_AXIS_BATCH, PB_AXIS_POS, PB_AXIS_FEATURE, PB_AXIS_NONE};
	ck_assert_mem_eq(sites.items[pb_sites_id(&sites, PB_SITE_PATTERN, 1)].axis, pattern, 4);
	ck_assert_mem_eq(sites.items[pb_sites_id(&sites, PB_SITE_ATTN_SCORES, 1)].axis, pattern, 4);
	ck_assert_mem_eq(sites.items[pb_sites_id(&sites, PB_SITE_Z, 1)].axis, z, 4);
	ck_assert_mem_eq(sites.items[pb_sites_id(&sites, PB_SITE_RESULT, 1)].axis, z, 4);
	ck_assert_int_eq(sites.items[pb_sites_id(&sites, PB_SITE_PATTERN, 1)].features[1], 0); /* positions */
	ck_assert_mem_eq(sites.items[pb_sites_id(&sites, PB_SITE_LN1_SCALE, 1)].axis, scale, 4);
}
END_TEST

START_TEST(points_that_are_not_there_have_no_id)
{
	ck_assert_int_eq(pb_sites_id(&sites, PB_SITE_Z, 3), -1);
	ck_assert_int_eq(pb_sites_id(&sites, PB_SITE_Z, -1), -1);
	ck_assert_int_eq(pb_sites_id(&sites, PB_SITE_EMBED, 0), -1);
	ck_assert_int_eq(pb_sites_find(&sites, "blocks.3.attn.hook_z"), -1);
	ck_assert_int_eq(pb_sites_find(&sites, "attn.hook_z"), -1);
}
END_TEST

/* Variants: the whole list of names of one layer. */

static void check_names(const struct pb_site_dims *dims, const char *const *names)
{
	make(dims);
	for (int i = 0; i < sites.n; i++) {
		ck_assert_msg(names[i] != NULL, "%s is too many", sites.items[i].name);
		ck_assert_str_eq(sites.items[i].name, names[i]);
	}
	ck_assert_msg(!names[sites.n], "%s is missing", names[sites.n]);
	finish();
}

#define BLOCK "blocks.0."
#define ATTENTION                                                                                                      \
	BLOCK "attn.hook_q", BLOCK "attn.hook_k", BLOCK "attn.hook_v", BLOCK "attn.hook_attn_scores",                  \
	        BLOCK "attn.hook_pattern", BLOCK "attn.hook_z", BLOCK "attn.hook_result", BLOCK "hook_attn_out"

START_TEST(attn_only_has_no_second_half)
{
	struct pb_site_dims dims = one_layer;
	dims.attn_only = true;
	check_names(&dims, (const char *const[]){"hook_embed", "hook_pos_embed", BLOCK "hook_resid_pre",
	                                         BLOCK "ln1.hook_scale", BLOCK "ln1.hook_normalized", ATTENTION,
	                                         BLOCK "hook_resid_post", "ln_final.hook_scale",
	                                         "ln_final.hook_normalized", NULL});
}
END_TEST

START_TEST(without_normalization_there_are_no_norm_points)
{
	struct pb_site_dims dims = one_layer;
	dims.has_norm = false;
	check_names(&dims, (const char *const[]){"hook_embed", "hook_pos_embed", BLOCK "hook_resid_pre", ATTENTION,
	                                         BLOCK "hook_resid_mid", BLOCK "mlp.hook_pre", BLOCK "mlp.hook_post",
	                                         BLOCK "hook_mlp_out", BLOCK "hook_resid_post", NULL});
	dims.attn_only = true;
	check_names(&dims, (const char *const[]){"hook_embed", "hook_pos_embed", BLOCK "hook_resid_pre", ATTENTION,
	                                         BLOCK "hook_resid_post", NULL});
}
END_TEST

/* Names that users write. */

static const struct {
	const char *text;
	enum pb_site_kind kind;
	int layers[4]; /* ended by -2 */
} meanings[] = {
        {"z", PB_SITE_Z, {0, 1, 2, -2}},
        {"hook_z", PB_SITE_Z, {0, 1, 2, -2}},
        {"attn.z", PB_SITE_Z, {0, 1, 2, -2}},
        {"attn.hook_z", PB_SITE_Z, {0, 1, 2, -2}},
        {"blocks.1.attn.hook_z", PB_SITE_Z, {1, -2}},
        {"blocks.*.attn.hook_z", PB_SITE_Z, {0, 1, 2, -2}},
        {"blocks.{0,2}.attn.hook_z", PB_SITE_Z, {0, 2, -2}},
        {"blocks.>=1.hook_resid_pre", PB_SITE_RESID_PRE, {1, 2, -2}},
        {"blocks.[01].*pre", PB_SITE_KINDS, {-2}}, /* hook_resid_pre and mlp.hook_pre */
        {"*attn_out", PB_SITE_ATTN_OUT, {0, 1, 2, -2}},
        {"resid_pre", PB_SITE_RESID_PRE, {0, 1, 2, -2}},
        {"hook_resid_post", PB_SITE_RESID_POST, {0, 1, 2, -2}},
        {"attn_scores", PB_SITE_ATTN_SCORES, {0, 1, 2, -2}},
        {"pattern", PB_SITE_PATTERN, {0, 1, 2, -2}},
        {"result", PB_SITE_RESULT, {0, 1, 2, -2}},
        {"mlp_out", PB_SITE_MLP_OUT, {0, 1, 2, -2}},
        {"pre", PB_SITE_MLP_PRE, {0, 1, 2, -2}},
        {"mlp.post", PB_SITE_MLP_POST, {0, 1, 2, -2}},
        {"attn", PB_SITE_PATTERN, {0, 1, 2, -2}},
        {"attn_logits", PB_SITE_ATTN_SCORES, {0, 1, 2, -2}},
        {"query", PB_SITE_Q, {0, 1, 2, -2}},
        {"key", PB_SITE_K, {0, 1, 2, -2}},
        {"value", PB_SITE_V, {0, 1, 2, -2}},
        {"mlp_pre", PB_SITE_MLP_PRE, {0, 1, 2, -2}},
        {"mlp_post", PB_SITE_MLP_POST, {0, 1, 2, -2}},
        {"ln1.scale", PB_SITE_LN1_SCALE, {0, 1, 2, -2}},
        {"ln2.hook_normalized", PB_SITE_LN2_NORMALIZED, {0, 1, 2, -2}},
        {"ln_final.scale", PB_SITE_LN_FINAL_SCALE, {-1, -2}},
        {"embed", PB_SITE_EMBED, {-1, -2}},
        {"hook_pos_embed", PB_SITE_POS_EMBED, {-1, -2}},
        {"scale", PB_SITE_KINDS, {-2}},
        {"hook_normalized", PB_SITE_KINDS, {-2}},
        {"*", PB_SITE_KINDS, {-2}},
        {"blocks.0.*", PB_SITE_KINDS, {-2}},
};

START_TEST(a_name_means_one_family)
{
	int ids[4] = {-7, -7, -7, -7}, n = -7, rc = pb_sites_resolve(&sites, meanings[_i].text, ids, &n);
	if (meanings[_i].kind == PB_SITE_KINDS) {
		ck_assert_int_eq(rc, -PB_E_CONFIG);
		ck_assert_ptr_nonnull(strstr(pb_error_text(), "write the one you mean"));
		ck_assert_int_eq(n, -7);
		ck_assert_int_eq(ids[0], -7);
		return;
	}
	ck_assert_msg(rc == 0, "%s: %s", meanings[_i].text, pb_error_text());
	for (int i = 0; i < n; i++) {
		ck_assert_int_eq(sites.items[ids[i]].kind, meanings[_i].kind);
		ck_assert_int_eq(sites.items[ids[i]].layer, meanings[_i].layers[i]);
	}
	ck_assert_int_eq(meanings[_i].layers[n], -2);
}
END_TEST

static const struct {
	const char *text, *told;
} unknown[] = {
        {"reside_pre", "did you mean `resid_pre`?"},
        {"attn.hook_zz", "did you mean `attn.hook_z`?"},
        {"Pattern", "did you mean `pattern`?"},
        {"hook_mlp_uot", "did you mean `hook_mlp_out`?"},
        {"blocks.3.hook_resid_pre", "blocks.3.hook_resid_pre"},
        {"something else entirely", "patchbay hooks"},
        {"", "``"},
};

START_TEST(an_unknown_name_is_an_error_with_the_nearest)
{
	int ids[4] = {-7}, n = -7;
	ck_assert_int_eq(pb_sites_resolve(&sites, unknown[_i].text, ids, &n), -PB_E_NOTFOUND);
	ck_assert_msg(strstr(pb_error_text(), unknown[_i].told) != NULL, "%s", pb_error_text());
	ck_assert_int_eq(n, -7);
	ck_assert_int_eq(ids[0], -7);
}
END_TEST

START_TEST(a_point_of_another_variant_is_unknown)
{
	struct pb_site_dims dims = one_layer;
	int ids[2], n;
	dims.attn_only = true;
	make(&dims);
	ck_assert_int_eq(pb_sites_resolve(&sites, "mlp_out", ids, &n), -PB_E_NOTFOUND);
	ck_assert_int_eq(pb_sites_resolve(&sites, "ln2.scale", ids, &n), -PB_E_NOTFOUND);
	ck_assert_int_eq(pb_sites_resolve(&sites, "scale", ids, &n), -PB_E_CONFIG); /* ln1, ln_final */
	ck_assert_ok(pb_sites_resolve(&sites, "resid_post", ids, &n));
	ck_assert_int_eq(n, 1);
	finish();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("site");
	TCase *golden = tcase_create("golden"), *variants = tcase_create("variants");
	tcase_add_checked_fixture(golden, make_golden, finish);
	tcase_add_test(golden, names_order_and_shapes_are_those_of_the_golden_run);
	tcase_add_test(golden, hook_result_comes_between_z_and_attn_out);
	tcase_add_test(golden, axes_are_tagged);
	tcase_add_test(golden, points_that_are_not_there_have_no_id);
	tcase_add_loop_test(golden, a_name_means_one_family, 0, sizeof meanings / sizeof *meanings);
	tcase_add_loop_test(golden, an_unknown_name_is_an_error_with_the_nearest, 0, sizeof unknown / sizeof *unknown);
	tcase_add_test(variants, attn_only_has_no_second_half);
	tcase_add_test(variants, without_normalization_there_are_no_norm_points);
	tcase_add_test(variants, a_point_of_another_variant_is_unknown);
	suite_add_tcase(suite, golden);
	suite_add_tcase(suite, variants);
	return pb_test_run(suite, NULL);
}
