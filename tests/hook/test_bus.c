/* test_bus.c: which hooks run, in what order, on what, and what is recorded of it. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "rig.h"
#include "support/support.h"

/* Order and composition. */

START_TEST(without_hooks_a_point_is_the_activation_itself)
{
	struct deed other = {0};
	ck_assert_ptr_eq(rig_forward(rig.pre), rig.x);
	rig_add(forward_hook(rig.post, PB_HOOK_PASS, deed_set, &other));
	ck_assert_ptr_eq(rig_forward(rig.pre), rig.x);
	ck_assert_ptr_eq(pb_bus_site(NULL, &rig.tape, rig.pre, rig.x), rig.x);
	ck_assert_ptr_eq(pb_bus_site(&rig.bus, &rig.tape, -1, rig.x), rig.x);
	ck_assert_int_eq(other.fired, 0);
	ck_assert(pb_bus_wants(&rig.bus, rig.post));
	ck_assert(!pb_bus_wants(&rig.bus, rig.pre));
	ck_assert(!pb_bus_wants(NULL, rig.pre));
}
END_TEST

START_TEST(forward_hooks_run_in_the_order_they_were_added)
{
	struct deed first = {.number = 2}, second = {.number = 1}, third = {0};
	rig_add(forward_hook(rig.pre, PB_HOOK_PASS, deed_scale, &first));
	rig_add(forward_hook(rig.pre, PB_HOOK_PASS, deed_add, &second));
	rig_add(forward_hook(rig.pre, PB_HOOK_READ, deed_see, &third));
	rig_pass(rig.pre);
	EXPECT(first.seen, 1, 2, 3, 4, 5, 6);
	EXPECT(second.seen, 2, 4, 6, 8, 10, 12);
	EXPECT(third.seen, 3, 5, 7, 9, 11, 13);
	EXPECT(rig.y, 3, 5, 7, 9, 11, 13);
	ck_assert_int_eq(first.order, 1);
	ck_assert_int_eq(second.order, 2);
	ck_assert_int_eq(third.order, 3);
}
END_TEST

/* In PyTorch both see the same gradient and the last one's return value wins. */
START_TEST(two_backward_hooks_compose)
{
	struct deed first = {.number = 2}, second = {.number = 1};
	rig_add(backward_hook(rig.pre, PB_HOOK_PASS, deed_scale, &first));
	rig_add(backward_hook(rig.pre, PB_HOOK_PASS, deed_add, &second));
	rig_pass(rig.pre);
	EXPECT(first.seen, 10, 20, 30, 40, 50, 60);
	EXPECT(second.seen, 20, 40, 60, 80, 100, 120);
	EXPECT(rig.dx, 21, 41, 61, 81, 101, 121);
}
END_TEST

START_TEST(two_backward_hooks_compose_the_other_way_round)
{
	struct deed first = {.number = 1}, second = {.number = 2};
	rig_add(backward_hook(rig.pre, PB_HOOK_PASS, deed_add, &first));
	rig_add(backward_hook(rig.pre, PB_HOOK_PASS, deed_scale, &second));
	rig_pass(rig.pre);
	EXPECT(rig.dx, 22, 42, 62, 82, 102, 122);
}
END_TEST

/* Ops behind the point may have kept the old value for their gradients. */
START_TEST(a_changed_value_is_a_new_tensor)
{
	struct deed set = {.number = 9};
	double x[COUNT];
	rig_add(forward_hook(rig.pre, PB_HOOK_PASS, deed_set, &set));
	rig_pass(rig.pre);
	rig_read(&rig.x->value, x);
	EXPECT(x, 1, 2, 3, 4, 5, 6);
	EXPECT(rig.y, 9, 9, 9, 9, 9, 9);
}
END_TEST

START_TEST(a_hook_is_told_where_it_is)
{
	struct deed see = {0};
	struct pb_hook hook = forward_hook(rig.post, PB_HOOK_READ, deed_see, &see);
	rig_add(hook);
	rig_forward(rig.post);
	ck_assert_int_eq(see.examples, EXAMPLES);
	ck_assert_ptr_null(pb_bus_audit(&rig.bus, 17));
}
END_TEST

/* Ranges of examples. */

START_TEST(a_range_of_examples_is_all_that_a_hook_sees_and_changes)
{
	struct deed one = {.number = 7}, two = {.number = 1}, back = {.number = 2};
	rig_add(on_examples(forward_hook(rig.pre, PB_HOOK_PASS, deed_set, &one), 1, 1));
	rig_add(on_examples(forward_hook(rig.pre, PB_HOOK_PASS, deed_add, &two), 1, 2));
	rig_add(on_examples(backward_hook(rig.pre, PB_HOOK_PASS, deed_scale, &back), 0, 2));
	rig_pass(rig.pre);
	ck_assert_int_eq(one.examples, 1);
	ck_assert_int_eq(two.examples, 2);
	ck_assert_double_eq(two.seen[0], 7);
	ck_assert_double_eq(two.seen[2], 5);
	EXPECT(rig.y, 1, 2, 8, 8, 6, 7);
	EXPECT(rig.dx, 20, 40, 60, 80, 50, 60);
}
END_TEST

START_TEST(a_range_outside_the_batch_is_an_error)
{
	const int64_t ranges[][2] = {{3, 1}, {2, 2}, {-1, 2}, {0, 4}, {1, -1}, {INT64_MAX, INT64_MAX}};
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
		struct deed set = {0};
		size_t mark = pb_bus_begin(&rig.bus);
		rig_add(on_examples(forward_hook(rig.pre, PB_HOOK_PASS, deed_set, &set), ranges[i][0], ranges[i][1]));
		ck_assert_ptr_null(rig_forward(rig.pre));
		ck_assert_int_eq(pb_error_status(), -PB_E_RANGE);
		ck_assert_ptr_nonnull(strstr(pb_error_text(), "blocks.0.hook_resid_pre"));
		ck_assert_int_eq(set.fired, 0);
		pb_bus_end(&rig.bus, mark);
	}
}
END_TEST

/* Scopes. */

START_TEST(a_scope_takes_its_hooks_with_it)
{
	struct deed outer = {0}, inner = {0};
	size_t first = pb_bus_begin(&rig.bus);
	int outer_id = rig_add(forward_hook(rig.pre, PB_HOOK_READ, deed_see, &outer));
	size_t second = pb_bus_begin(&rig.bus);
	int inner_id = rig_add(forward_hook(rig.pre, PB_HOOK_READ, deed_see, &inner));
	rig_pass(rig.pre);
	pb_bus_end(&rig.bus, second);
	ck_assert_ptr_null(pb_bus_audit(&rig.bus, inner_id));
	ck_assert_ptr_nonnull(pb_bus_audit(&rig.bus, outer_id));
	rig_pass(rig.pre);
	pb_bus_end(&rig.bus, first);
	rig_pass(rig.pre);
	ck_assert_int_eq(inner.fired, 1);
	ck_assert_int_eq(outer.fired, 2);
	ck_assert(!pb_bus_wants(&rig.bus, rig.pre));
	ck_assert_uint_eq(rig.bus.n, 0);
}
END_TEST

START_TEST(ending_the_outer_scope_ends_the_inner_one)
{
	struct deed deed = {0};
	size_t outer = pb_bus_begin(&rig.bus);
	rig_add(forward_hook(rig.pre, PB_HOOK_READ, deed_see, &deed));
	size_t inner = pb_bus_begin(&rig.bus);
	rig_add(forward_hook(rig.pre, PB_HOOK_READ, deed_see, &deed));
	pb_bus_end(&rig.bus, outer);
	pb_bus_end(&rig.bus, inner);
	rig_pass(rig.pre);
	ck_assert_int_eq(deed.fired, 0);
	ck_assert_uint_eq(rig.bus.n, 0);
}
END_TEST

START_TEST(a_scope_ends_after_a_hook_failed)
{
	struct deed fails = {.number = 5}, after = {0}, later = {0};
	size_t mark = pb_bus_begin(&rig.bus);
	rig_add(forward_hook(rig.pre, PB_HOOK_PASS, deed_fail, &fails));
	rig_add(forward_hook(rig.pre, PB_HOOK_READ, deed_see, &after));
	ck_assert_ptr_null(rig_forward(rig.pre));
	ck_assert_str_eq(pb_error_text(), "forward hook at blocks.0.hook_resid_pre: number 5");
	ck_assert_int_eq(pb_error_status(), -PB_E_NUMERIC);
	ck_assert_int_eq(after.fired, 0);
	pb_bus_end(&rig.bus, mark);
	ck_assert_uint_eq(rig.bus.n, 0);
	rig_add(forward_hook(rig.pre, PB_HOOK_READ, deed_see, &later));
	rig_pass(rig.pre);
	ck_assert_int_eq(later.fired, 1);
	ck_assert_int_eq(fails.fired, 1);
}
END_TEST

START_TEST(a_failing_backward_hook_fails_the_backward_pass)
{
	struct deed fails = {.number = 5};
	size_t mark = pb_bus_begin(&rig.bus);
	rig_add(backward_hook(rig.post, PB_HOOK_PASS, deed_fail, &fails));
	ck_assert_int_eq(rig_backward(rig_forward(rig.post)), -PB_E_NUMERIC);
	ck_assert_str_eq(pb_error_text(), "backward hook at blocks.0.hook_resid_post: number 5");
	ck_assert(!rig.has_dx);
	pb_bus_end(&rig.bus, mark);
	ck_assert_uint_eq(rig.bus.n, 0);
	rig_pass(rig.post);
	EXPECT(rig.dx, 10, 20, 30, 40, 50, 60);
}
END_TEST

START_TEST(a_hook_that_fails_without_a_reason_is_not_given_an_old_one)
{
	struct deed fails = {.number = 0};
	pb_fail(PB_E_IO, "an old story");
	rig_add(forward_hook(rig.pre, PB_HOOK_PASS, deed_fail, &fails));
	ck_assert_ptr_null(rig_forward(rig.pre));
	ck_assert_int_eq(pb_error_status(), -PB_E_NUMERIC);
	ck_assert_str_eq(pb_error_text(), "forward hook at blocks.0.hook_resid_pre: not a finite number");
}
END_TEST

/* Hooks that change the bus while it runs. */

START_TEST(a_hook_may_remove_itself)
{
	struct deed remove = {.n_ids = 1}, after = {0};
	remove.ids[0] = rig_add(forward_hook(rig.pre, PB_HOOK_READ, deed_remove, &remove));
	rig_add(forward_hook(rig.pre, PB_HOOK_READ, deed_see, &after));
	rig_pass(rig.pre);
	rig_pass(rig.pre);
	ck_assert_int_eq(remove.fired, 1);
	ck_assert_int_eq(after.fired, 2);
	ck_assert_ptr_null(pb_bus_audit(&rig.bus, remove.ids[0]));
}
END_TEST

START_TEST(a_hook_may_remove_others)
{
	struct deed before = {0}, remove = {.n_ids = 3}, after = {0}, last = {0};
	remove.ids[0] = rig_add(forward_hook(rig.pre, PB_HOOK_READ, deed_see, &before));
	rig_add(forward_hook(rig.pre, PB_HOOK_READ, deed_remove, &remove));
	remove.ids[1] = rig_add(forward_hook(rig.pre, PB_HOOK_READ, deed_see, &after));
	remove.ids[2] = 12345;
	rig_add(forward_hook(rig.pre, PB_HOOK_READ, deed_see, &last));
	rig_pass(rig.pre);
	rig_pass(rig.pre);
	ck_assert_int_eq(before.fired, 1);
	ck_assert_int_eq(remove.fired, 2);
	ck_assert_int_eq(after.fired, 0);
	ck_assert_int_eq(last.fired, 2);
}
END_TEST

/* Enough of them to move the bus's memory. */
START_TEST(hooks_that_a_hook_adds_wait_for_the_next_time)
{
	struct deed added = {.number = 1}, adds = {.copies = 200}, after = {0};
	adds.add = forward_hook(rig.pre, PB_HOOK_PASS, deed_add, &added);
	size_t mark = pb_bus_begin(&rig.bus);
	int id = rig_add(forward_hook(rig.pre, PB_HOOK_READ, deed_add_hooks, &adds));
	rig_add(forward_hook(rig.pre, PB_HOOK_READ, deed_see, &after));
	rig_pass(rig.pre);
	ck_assert_int_eq(added.fired, 0);
	ck_assert_int_eq(after.fired, 1);
	EXPECT(rig.y, 1, 2, 3, 4, 5, 6);
	pb_bus_remove(&rig.bus, id);
	rig_pass(rig.pre);
	ck_assert_int_eq(added.fired, 200);
	EXPECT(rig.y, 201, 202, 203, 204, 205, 206);
	pb_bus_end(&rig.bus, mark);
	rig_pass(rig.pre);
	ck_assert_int_eq(added.fired, 200);
}
END_TEST

START_TEST(a_backward_hook_may_add_hooks)
{
	struct deed added = {.number = 2}, adds = {.copies = 100};
	adds.add = backward_hook(rig.pre, PB_HOOK_PASS, deed_scale, &added);
	adds.add.examples = 1;
	int id = rig_add(backward_hook(rig.pre, PB_HOOK_READ, deed_add_hooks, &adds));
	rig_pass(rig.pre);
	EXPECT(rig.dx, 10, 20, 30, 40, 50, 60);
	pb_bus_remove(&rig.bus, id);
	rig_pass(rig.pre);
	ck_assert_int_eq(added.fired, 100);
	ck_assert_double_eq(rig.dx[2], 30);
}
END_TEST

START_TEST(a_hook_may_end_its_own_scope)
{
	struct deed outside = {0}, ends = {0}, after = {0};
	rig_add(forward_hook(rig.pre, PB_HOOK_READ, deed_see, &outside));
	ends.mark = pb_bus_begin(&rig.bus);
	rig_add(forward_hook(rig.pre, PB_HOOK_READ, deed_end_scope, &ends));
	rig_add(forward_hook(rig.pre, PB_HOOK_READ, deed_see, &after));
	rig_pass(rig.pre);
	pb_bus_end(&rig.bus, ends.mark);
	rig_pass(rig.pre);
	ck_assert_int_eq(ends.fired, 1);
	ck_assert_int_eq(after.fired, 0);
	ck_assert_int_eq(outside.fired, 2);
	ck_assert_uint_eq(rig.bus.n, 1);
}
END_TEST

/* Read-only views. */

START_TEST(a_reading_hook_cannot_write)
{
	struct deed set = {.number = 9};
	size_t mark = pb_bus_begin(&rig.bus);
	rig_add(forward_hook(rig.pre, PB_HOOK_READ, deed_set, &set));
	ck_assert_ptr_null(rig_forward(rig.pre));
	ck_assert_int_eq(pb_error_status(), -PB_E_PLUGIN);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "forward hook at blocks.0.hook_resid_pre"));
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "read-only"));
	double x[COUNT];
	rig_read(&rig.x->value, x);
	EXPECT(x, 1, 2, 3, 4, 5, 6);
	pb_bus_end(&rig.bus, mark);
	rig_add(backward_hook(rig.pre, PB_HOOK_READ, deed_scale, &set));
	ck_assert_int_eq(rig_backward(rig_forward(rig.pre)), -PB_E_PLUGIN);
}
END_TEST

/* Audit. */

START_TEST(the_audit_counts_and_measures)
{
	struct deed add = {.number = -3}, see = {0}, scale = {.number = 2}, never = {0};
	int id_add = rig_add(forward_hook(rig.pre, PB_HOOK_PASS, deed_add, &add));
	int id_see = rig_add(forward_hook(rig.pre, PB_HOOK_READ, deed_see, &see));
	int id_scale = rig_add(on_examples(backward_hook(rig.pre, PB_HOOK_PASS, deed_scale, &scale), 0, 1));
	int id_never = rig_add(forward_hook(rig.post, PB_HOOK_PASS, deed_set, &never));
	for (int i = 0; i < 3; i++)
		rig_pass(rig.pre);
	ck_assert_int_eq(pb_bus_audit(&rig.bus, id_add)->fired, 3);
	ck_assert_double_eq(pb_bus_audit(&rig.bus, id_add)->max_change, 3);
	ck_assert(!pb_bus_audit(&rig.bus, id_add)->cut);
	ck_assert_int_eq(pb_bus_audit(&rig.bus, id_see)->fired, 3);
	ck_assert_double_eq(pb_bus_audit(&rig.bus, id_see)->max_change, 0);
	ck_assert_int_eq(pb_bus_audit(&rig.bus, id_scale)->fired, 3);
	ck_assert_double_eq(pb_bus_audit(&rig.bus, id_scale)->max_change, 20);
	ck_assert_int_eq(pb_bus_audit(&rig.bus, id_never)->fired, 0);
	add.number = 1; /* the largest of all runs stays */
	rig_pass(rig.pre);
	ck_assert_double_eq(pb_bus_audit(&rig.bus, id_add)->max_change, 3);
}
END_TEST

START_TEST(a_change_into_the_same_value_is_no_change)
{
	struct deed add = {.number = 0}, swap = {0};
	int forward = rig_add(forward_hook(rig.pre, PB_HOOK_CONSTANT, deed_add, &add));
	int backward = rig_add(backward_hook(rig.pre, PB_HOOK_PASS, deed_add, &add));
	int changed = rig_add(forward_hook(rig.post, PB_HOOK_PASS, deed_swap, &swap));
	rig_pass(rig.pre);
	rig_pass(rig.post);
	ck_assert_int_eq(pb_bus_audit(&rig.bus, forward)->fired, 1);
	ck_assert_double_eq(pb_bus_audit(&rig.bus, forward)->max_change, 0);
	ck_assert_double_eq(pb_bus_audit(&rig.bus, backward)->max_change, 0);
	ck_assert_double_eq(pb_bus_audit(&rig.bus, changed)->max_change, 1);
}
END_TEST

START_TEST(a_change_into_nan_counts_as_infinite)
{
	struct deed set = {.number = NAN}, again = {.number = NAN};
	int id = rig_add(forward_hook(rig.pre, PB_HOOK_PASS, deed_set, &set));
	int id_again = rig_add(forward_hook(rig.pre, PB_HOOK_PASS, deed_set, &again));
	rig_pass(rig.pre);
	ck_assert(isinf(pb_bus_audit(&rig.bus, id)->max_change));
	ck_assert_double_eq(pb_bus_audit(&rig.bus, id_again)->max_change, 0);
}
END_TEST

START_TEST(the_audit_shows_a_cut)
{
	struct deed cut = {0}, late = {.n_ids = 1}, never = {0}, back = {0};
	int id_back = rig_add(backward_hook(rig.pre, PB_HOOK_CUT, deed_set, &back));
	int id = rig_add(on_examples(forward_hook(rig.pre, PB_HOOK_CUT, deed_set, &cut), 1, 1));
	rig_add(forward_hook(rig.post, PB_HOOK_READ, deed_remove, &late));
	int id_never = late.ids[0] = rig_add(forward_hook(rig.post, PB_HOOK_CUT, deed_set, &never));
	ck_assert(!pb_bus_audit(&rig.bus, id)->cut);
	rig_pass(rig.pre);
	ck_assert(pb_bus_audit(&rig.bus, id)->cut);
	ck_assert(!pb_bus_audit(&rig.bus, id_never)->cut);
	ck_assert(!pb_bus_audit(&rig.bus, id_back)->cut); /* a backward hook cuts nothing, whatever it calls itself */
	/* It was removed before its turn came: nothing is cut. */
	rig_pass(rig.post);
	ck_assert_int_eq(never.fired, 0);
	ck_assert(rig.has_dx);
	EXPECT(rig.dx, 10, 20, 30, 40, 50, 60);
}
END_TEST

/* Points that are not there, or not reached. */

START_TEST(a_hook_on_a_point_the_model_lacks_is_refused)
{
	struct deed deed = {0};
	const int sites[] = {-1, rig.sites.n, INT32_MAX, INT32_MIN};
	for (size_t i = 0; i < sizeof sites / sizeof *sites; i++) {
		struct pb_hook hook = forward_hook(sites[i], PB_HOOK_READ, deed_see, &deed);
		int id = -7;
		ck_assert_int_eq(pb_bus_add(&rig.bus, &hook, &id), -PB_E_NOTFOUND);
		ck_assert_int_eq(id, -7);
	}
	ck_assert_uint_eq(rig.bus.n, 0);
}
END_TEST

START_TEST(a_forward_hook_that_was_not_reached_is_an_error)
{
	struct deed deed = {0};
	ck_assert_ok(pb_bus_check_reached(NULL));
	ck_assert_ok(pb_bus_check_reached(&rig.bus));
	rig_add(forward_hook(rig.pre, PB_HOOK_READ, deed_see, &deed));
	rig_add(backward_hook(rig.mid, PB_HOOK_READ, deed_see, &deed)); /* the audit's matter */
	int id = rig_add(forward_hook(rig.post, PB_HOOK_READ, deed_see, &deed));
	rig_pass(rig.pre);
	ck_assert_int_eq(pb_bus_check_reached(&rig.bus), -PB_E_NOTFOUND);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "blocks.0.hook_resid_post"));
	pb_bus_remove(&rig.bus, id);
	ck_assert_ok(pb_bus_check_reached(&rig.bus));
}
END_TEST

START_TEST(a_hook_that_a_hook_adds_may_be_too_late)
{
	struct deed added = {0}, adds = {.copies = 1};
	adds.add = forward_hook(rig.pre, PB_HOOK_READ, deed_see, &added);
	rig_add(forward_hook(rig.pre, PB_HOOK_READ, deed_add_hooks, &adds));
	rig_pass(rig.pre);
	ck_assert_ok(pb_bus_check_reached(&rig.bus));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bus");
	TCase *order = tcase_create("order"), *change = tcase_create("change"), *audit = tcase_create("audit");
	tcase_add_checked_fixture(order, rig_open, rig_close);
	tcase_add_checked_fixture(change, rig_open, rig_close);
	tcase_add_checked_fixture(audit, rig_open, rig_close);
	tcase_add_test(order, without_hooks_a_point_is_the_activation_itself);
	tcase_add_test(order, forward_hooks_run_in_the_order_they_were_added);
	tcase_add_test(order, two_backward_hooks_compose);
	tcase_add_test(order, two_backward_hooks_compose_the_other_way_round);
	tcase_add_test(order, a_changed_value_is_a_new_tensor);
	tcase_add_test(order, a_hook_is_told_where_it_is);
	tcase_add_test(order, a_range_of_examples_is_all_that_a_hook_sees_and_changes);
	tcase_add_test(order, a_range_outside_the_batch_is_an_error);
	tcase_add_test(change, a_scope_takes_its_hooks_with_it);
	tcase_add_test(change, ending_the_outer_scope_ends_the_inner_one);
	tcase_add_test(change, a_scope_ends_after_a_hook_failed);
	tcase_add_test(change, a_failing_backward_hook_fails_the_backward_pass);
	tcase_add_test(change, a_hook_that_fails_without_a_reason_is_not_given_an_old_one);
	tcase_add_test(change, a_hook_may_remove_itself);
	tcase_add_test(change, a_hook_may_remove_others);
	tcase_add_test(change, hooks_that_a_hook_adds_wait_for_the_next_time);
	tcase_add_test(change, a_backward_hook_may_add_hooks);
	tcase_add_test(change, a_hook_may_end_its_own_scope);
	tcase_add_test(change, a_reading_hook_cannot_write);
	tcase_add_test(audit, the_audit_counts_and_measures);
	tcase_add_test(audit, a_change_into_the_same_value_is_no_change);
	tcase_add_test(audit, a_change_into_nan_counts_as_infinite);
	tcase_add_test(audit, the_audit_shows_a_cut);
	tcase_add_test(audit, a_hook_on_a_point_the_model_lacks_is_refused);
	tcase_add_test(audit, a_forward_hook_that_was_not_reached_is_an_error);
	tcase_add_test(audit, a_hook_that_a_hook_adds_may_be_too_late);
	suite_add_tcase(suite, order);
	suite_add_tcase(suite, change);
	suite_add_tcase(suite, audit);
	return pb_test_run(suite, NULL);
}
