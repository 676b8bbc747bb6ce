/* test_cache.c: copies of activations and gradients. */
#include <string.h>

#include "base/status.h"
#include "rig.h"
#include "support/support.h"

static struct pb_cache cache;

static void open_cache(void)
{
	rig_open();
	ck_assert_ok(pb_cache_init(&cache, &rig.device, &rig.sites));
}

static void close_cache(void)
{
	pb_cache_finish(&cache);
	rig_close();
}

static void expect_cached(int site, enum pb_direction direction, const double want[COUNT])
{
	double got[COUNT];
	const struct pb_view *view = pb_cache_get(&cache, site, direction);
	ck_assert_ptr_nonnull(view);
	rig_read(view, got);
	rig_expect(got, want);
}
#define EXPECT_CACHED(site, direction, ...) expect_cached(site, direction, (const double[COUNT]){__VA_ARGS__})

START_TEST(a_cache_holds_what_passed)
{
	ck_assert_ok(pb_cache_want_site(&cache, rig.pre, PB_FORWARD));
	ck_assert_ok(pb_cache_want_site(&cache, rig.pre, PB_BACKWARD));
	ck_assert_ok(pb_cache_want_site(&cache, rig.mid, PB_FORWARD));
	ck_assert_ok(pb_cache_attach(&cache, &rig.bus));
	ck_assert_ptr_null(pb_cache_get(&cache, rig.pre, PB_FORWARD));
	rig_pass(rig.pre);
	EXPECT_CACHED(rig.pre, PB_FORWARD, 1, 2, 3, 4, 5, 6);
	EXPECT_CACHED(rig.pre, PB_BACKWARD, 10, 20, 30, 40, 50, 60);
	ck_assert_ptr_null(pb_cache_get(&cache, rig.mid, PB_FORWARD));  /* did not pass */
	ck_assert_ptr_null(pb_cache_get(&cache, rig.post, PB_FORWARD)); /* not asked for */
	ck_assert_ptr_null(pb_cache_get(&cache, -1, PB_FORWARD));
	ck_assert_ptr_null(pb_cache_get(&cache, rig.sites.n, PB_BACKWARD));
}
END_TEST

START_TEST(a_cached_tensor_is_tagged_and_read_only)
{
	const struct pb_site *site = &rig.sites.items[rig.pre];
	ck_assert_ok(pb_cache_want_site(&cache, rig.pre, PB_FORWARD));
	ck_assert_ok(pb_cache_attach(&cache, &rig.bus));
	rig_pass(rig.pre);
	const struct pb_view *view = pb_cache_get(&cache, rig.pre, PB_FORWARD);
	ck_assert_mem_eq(view->axis, site->axis, sizeof site->axis);
	ck_assert_int_eq(pb_view_fill(&rig.device, view, 0.0), -PB_E_PLUGIN);
	EXPECT_CACHED(rig.pre, PB_FORWARD, 1, 2, 3, 4, 5, 6);
}
END_TEST

/* Neither a later hook, nor the next pass in the same memory, nor a patch of a later pass. */
START_TEST(nothing_changes_a_copy)
{
	struct deed set = {.number = 9};
	size_t mark = pb_bus_begin(&rig.bus);
	ck_assert_ok(pb_cache_want_site(&cache, rig.pre, PB_FORWARD));
	ck_assert_ok(pb_cache_want_site(&cache, rig.pre, PB_BACKWARD));
	ck_assert_ok(pb_cache_attach(&cache, &rig.bus));
	rig_add(forward_hook(rig.pre, PB_HOOK_PASS, deed_set, &set));
	rig_add(backward_hook(rig.pre, PB_HOOK_PASS, deed_set, &set));
	rig_pass(rig.pre);
	EXPECT(rig.y, 9, 9, 9, 9, 9, 9);
	EXPECT(rig.dx, 9, 9, 9, 9, 9, 9);
	pb_bus_end(&rig.bus, mark);
	set.number = -1;
	rig_add(forward_hook(rig.pre, PB_HOOK_PASS, deed_set, &set));
	rig_add(backward_hook(rig.pre, PB_HOOK_PASS, deed_set, &set));
	rig_pass(rig.pre);
	EXPECT_CACHED(rig.pre, PB_FORWARD, 1, 2, 3, 4, 5, 6);
	EXPECT_CACHED(rig.pre, PB_BACKWARD, 10, 20, 30, 40, 50, 60);
}
END_TEST

START_TEST(behind_a_patch_a_cache_sees_the_patched_value)
{
	struct deed add = {.number = 1};
	rig_add(forward_hook(rig.pre, PB_HOOK_PASS, deed_add, &add));
	rig_add(backward_hook(rig.pre, PB_HOOK_PASS, deed_add, &add));
	ck_assert_ok(pb_cache_want(&cache, "blocks.0.hook_resid_pre", true, true));
	ck_assert_ok(pb_cache_attach(&cache, &rig.bus));
	rig_pass(rig.pre);
	EXPECT_CACHED(rig.pre, PB_FORWARD, 2, 3, 4, 5, 6, 7);
	EXPECT_CACHED(rig.pre, PB_BACKWARD, 11, 21, 31, 41, 51, 61);
}
END_TEST

START_TEST(behind_a_cut_no_gradient_arrives)
{
	struct deed set = {.number = 9};
	rig_add(forward_hook(rig.pre, PB_HOOK_CUT, deed_set, &set));
	ck_assert_ok(pb_cache_want_site(&cache, rig.pre, PB_BACKWARD));
	ck_assert_ok(pb_cache_attach(&cache, &rig.bus));
	rig_pass(rig.pre);
	ck_assert_ptr_null(pb_cache_get(&cache, rig.pre, PB_BACKWARD));
	ck_assert_ptr_null(pb_cache_get(&cache, rig.pre, PB_FORWARD));
}
END_TEST

START_TEST(a_cache_leaves_the_bus_with_its_scope)
{
	size_t mark = pb_bus_begin(&rig.bus);
	ck_assert_ok(pb_cache_want(&cache, "*", true, true));
	ck_assert_ok(pb_cache_attach(&cache, &rig.bus));
	ck_assert(pb_bus_wants(&rig.bus, rig.pre));
	pb_bus_end(&rig.bus, mark);
	ck_assert(!pb_bus_wants(&rig.bus, rig.pre));
	rig_pass(rig.pre);
	ck_assert_ptr_null(pb_cache_get(&cache, rig.pre, PB_FORWARD));
}
END_TEST

/* Which points a glob asks for, as the bus sees it. */
static int wanted(const char *glob, bool forward, bool backward)
{
	int n = 0;
	size_t mark = pb_bus_begin(&rig.bus);
	pb_cache_finish(&cache);
	ck_assert_ok(pb_cache_init(&cache, &rig.device, &rig.sites));
	ck_assert_ok(pb_cache_want(&cache, glob, forward, backward));
	ck_assert_ok(pb_cache_attach(&cache, &rig.bus));
	for (int i = 0; i < rig.sites.n; i++)
		n += pb_bus_wants(&rig.bus, i);
	ck_assert_uint_eq(rig.bus.n, (size_t)(n * (forward + backward)));
	pb_bus_end(&rig.bus, mark);
	return n;
}

START_TEST(globs_ask_for_points)
{
	ck_assert_int_eq(wanted("*", true, false), rig.sites.n - 1); /* all but attn.hook_result */
	ck_assert_int_eq(wanted("*", true, true), rig.sites.n - 1);
	ck_assert_int_eq(wanted("*result", true, false), 1);
	ck_assert_int_eq(wanted("blocks.0.hook_resid_*", false, true), 3);
	ck_assert_int_eq(wanted("*.hook_{q,k,v}", true, false), 3);
	ck_assert_int_eq(wanted("hook_embed", true, true), 1);
}
END_TEST

START_TEST(a_glob_that_matches_nothing_is_an_error)
{
	const char *const globs[] = {"blocks.1.*", "hook_z", "", "resid_pre", "blocks.0.hook_resid_pre "};
	for (size_t i = 0; i < sizeof globs / sizeof *globs; i++) {
		ck_assert_int_eq(pb_cache_want(&cache, globs[i], true, true), -PB_E_NOTFOUND);
		ck_assert_ptr_nonnull(strstr(pb_error_text(), globs[i]));
	}
	ck_assert_ok(pb_cache_attach(&cache, &rig.bus));
	ck_assert_uint_eq(rig.bus.n, 0);
}
END_TEST

START_TEST(a_point_the_model_lacks_cannot_be_asked_for)
{
	ck_assert_int_eq(pb_cache_want_site(&cache, -1, PB_FORWARD), -PB_E_NOTFOUND);
	ck_assert_int_eq(pb_cache_want_site(&cache, rig.sites.n, PB_BACKWARD), -PB_E_NOTFOUND);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cache");
	TCase *copies = tcase_create("copies"), *wants = tcase_create("wants");
	tcase_add_checked_fixture(copies, open_cache, close_cache);
	tcase_add_checked_fixture(wants, open_cache, close_cache);
	tcase_add_test(copies, a_cache_holds_what_passed);
	tcase_add_test(copies, a_cached_tensor_is_tagged_and_read_only);
	tcase_add_test(copies, nothing_changes_a_copy);
	tcase_add_test(copies, behind_a_patch_a_cache_sees_the_patched_value);
	tcase_add_test(copies, behind_a_cut_no_gradient_arrives);
	tcase_add_test(copies, a_cache_leaves_the_bus_with_its_scope);
	tcase_add_test(wants, globs_ask_for_points);
	tcase_add_test(wants, a_glob_that_matches_nothing_is_an_error);
	tcase_add_test(wants, a_point_the_model_lacks_cannot_be_asked_for);
	suite_add_tcase(suite, copies);
	suite_add_tcase(suite, wants);
	return pb_test_run(suite, NULL);
}
