/* test_effect.c: what a forward hook means for the gradient, alone and with backward hooks.
 *
 * The reference is a PyTorch module y = x with a forward hook and a full backward hook, which is what a TransformerLens
 * hook point is:
 * - the forward hook assigns into a part of y: autograd zeroes that part of the gradient on its way to x;
 * - it computes y = A x: the gradient to x is A^T dy;
 * - it returns another tensor that needs no gradient: y has no history, a full backward hook is not called, x and all
 * that is only behind it have no gradient (None, not zero);
 * - a full backward hook is given dy as it came to y, before any of that; what it returns replaces the gradient to x,
 *   after all of that. If it returns nothing, the gradient to x stays as autograd made it.
 * The mode `pass` is ours: the value changes, the gradient does not notice.
 */
#include "base/status.h"
#include "rig.h"
#include "support/support.h"
#include "tape/op.h"

/* One forward hook and one backward hook, both on all examples. Seeds are 10 to 60. */

enum backward { NO_HOOK, READS, CHANGES };

static const struct {
	enum pb_hook_effect effect;
	int (*run)(void *, const struct pb_hook_call *);
	enum backward backward; /* CHANGES: adds 1 */
	bool reaches_x;
	double dx[COUNT];
} cases[] = {
        {PB_HOOK_READ, deed_see, NO_HOOK, true, {10, 20, 30, 40, 50, 60}},
        {PB_HOOK_READ, deed_see, READS, true, {10, 20, 30, 40, 50, 60}},
        {PB_HOOK_READ, deed_see, CHANGES, true, {11, 21, 31, 41, 51, 61}},
        {PB_HOOK_PASS, deed_set_first, NO_HOOK, true, {10, 20, 30, 40, 50, 60}},
        {PB_HOOK_PASS, deed_set, NO_HOOK, true, {10, 20, 30, 40, 50, 60}},
        {PB_HOOK_PASS, deed_set, READS, true, {10, 20, 30, 40, 50, 60}},
        {PB_HOOK_PASS, deed_set, CHANGES, true, {11, 21, 31, 41, 51, 61}},
        {PB_HOOK_CONSTANT, deed_set_first, NO_HOOK, true, {0, 20, 0, 40, 0, 60}},
        {PB_HOOK_CONSTANT, deed_set_first, READS, true, {0, 20, 0, 40, 0, 60}},
        {PB_HOOK_CONSTANT, deed_set_first, CHANGES, true, {11, 21, 31, 41, 51, 61}},
        {PB_HOOK_ADJOINT, deed_scale, NO_HOOK, true, {30, 60, 90, 120, 150, 180}},
        {PB_HOOK_ADJOINT, deed_scale, READS, true, {30, 60, 90, 120, 150, 180}},
        {PB_HOOK_ADJOINT, deed_scale, CHANGES, true, {11, 21, 31, 41, 51, 61}},
        {PB_HOOK_CUT, deed_set, NO_HOOK, false, {0}},
        {PB_HOOK_CUT, deed_set, READS, false, {0}},
        {PB_HOOK_CUT, deed_set, CHANGES, false, {0}},
};

START_TEST(a_forward_and_a_backward_hook)
{
	struct deed forward = {.number = 3}, backward = {.number = 1};
	int id = -1;
	rig_add(forward_hook(rig.pre, cases[_i].effect, cases[_i].run, &forward));
	if (cases[_i].backward == READS)
		id = rig_add(backward_hook(rig.pre, PB_HOOK_READ, deed_see, &backward));
	if (cases[_i].backward == CHANGES)
		id = rig_add(backward_hook(rig.pre, PB_HOOK_PASS, deed_add, &backward));
	rig_pass(rig.pre);
	ck_assert_int_eq(rig.has_dx, cases[_i].reaches_x);
	if (rig.has_dx)
		rig_expect(rig.dx, cases[_i].dx);
	if (cases[_i].backward == NO_HOOK)
		return;
	ck_assert_int_eq(backward.fired, cases[_i].reaches_x);
	ck_assert_int_eq(pb_bus_audit(&rig.bus, id)->fired, cases[_i].reaches_x);
	if (cases[_i].reaches_x)
		EXPECT(backward.seen, 10, 20, 30, 40, 50, 60);
}
END_TEST

/* It does not matter which of the two was registered first: they are lists of their own, as in PyTorch. */
START_TEST(the_order_between_forward_and_backward_hooks_does_not_matter)
{
	struct deed forward = {.number = 3}, backward = {.number = 1};
	rig_add(backward_hook(rig.pre, PB_HOOK_PASS, deed_add, &backward));
	rig_add(forward_hook(rig.pre, PB_HOOK_CONSTANT, deed_set_first, &forward));
	rig_pass(rig.pre);
	EXPECT(rig.dx, 11, 21, 31, 41, 51, 61);
}
END_TEST

/* Several forward hooks: the gradient undoes them from the last to the first. */

START_TEST(a_constant_before_a_linear_map)
{
	struct deed constant = {.number = 7}, swap = {0};
	rig_add(forward_hook(rig.pre, PB_HOOK_CONSTANT, deed_set_first, &constant));
	rig_add(forward_hook(rig.pre, PB_HOOK_ADJOINT, deed_swap, &swap));
	rig_pass(rig.pre);
	EXPECT(rig.y, 2, 7, 4, 7, 6, 7);
	EXPECT(rig.dx, 0, 10, 0, 30, 0, 50);
}
END_TEST

START_TEST(a_linear_map_before_a_constant)
{
	struct deed swap = {0}, constant = {.number = 7};
	rig_add(forward_hook(rig.pre, PB_HOOK_ADJOINT, deed_swap, &swap));
	rig_add(forward_hook(rig.pre, PB_HOOK_CONSTANT, deed_set_first, &constant));
	rig_pass(rig.pre);
	EXPECT(rig.y, 7, 1, 7, 3, 7, 5);
	EXPECT(rig.dx, 20, 0, 40, 0, 60, 0);
}
END_TEST

/* A value that was replaced has no history for a later hook to bring back. */
START_TEST(a_hook_behind_a_cut_does_not_mend_it)
{
	struct deed cut = {.number = 2}, scale = {.number = 3};
	rig_add(forward_hook(rig.pre, PB_HOOK_CUT, deed_set, &cut));
	rig_add(forward_hook(rig.pre, PB_HOOK_ADJOINT, deed_scale, &scale));
	rig_pass(rig.pre);
	EXPECT(rig.y, 6, 6, 6, 6, 6, 6);
	ck_assert(!rig.has_dx);
	ck_assert_int_eq(scale.fired, 1); /* not as adjoint */
}
END_TEST

/* y = pre + mid(pre), mid is cut: x keeps the path around it, as a residual stream does. */
START_TEST(a_cut_ends_one_path_only)
{
	struct deed cut = {.number = 2}, around = {0}, behind = {0};
	rig_add(backward_hook(rig.pre, PB_HOOK_READ, deed_see, &around));
	rig_add(forward_hook(rig.mid, PB_HOOK_CUT, deed_set, &cut));
	rig_add(backward_hook(rig.mid, PB_HOOK_READ, deed_see, &behind));
	struct pb_var *pre = rig_forward(rig.pre);
	struct pb_var *mid = pb_bus_site(&rig.bus, &rig.tape, rig.mid, pre);
	ck_assert_ok(rig_backward(pb_op_add(&rig.tape, pre, mid)));
	EXPECT(rig.dx, 10, 20, 30, 40, 50, 60);
	ck_assert_int_eq(around.fired, 1);
	ck_assert_int_eq(behind.fired, 0);
}
END_TEST

/* Cells that share a batch: each example has its own hooks, and the others' must not be felt. */

START_TEST(examples_do_not_feel_each_others_hooks)
{
	struct deed d[5] = {{.number = 7}, {.number = 1}, {.number = 8}, {.number = 9}, {.number = 1}};
	int cut_back;
	rig_add(on_examples(forward_hook(rig.pre, PB_HOOK_CONSTANT, deed_set_first, &d[0]), 0, 1));
	rig_add(on_examples(backward_hook(rig.pre, PB_HOOK_PASS, deed_add, &d[1]), 0, 1));
	rig_add(on_examples(forward_hook(rig.pre, PB_HOOK_CONSTANT, deed_set_first, &d[2]), 1, 1));
	rig_add(on_examples(forward_hook(rig.pre, PB_HOOK_CUT, deed_set, &d[3]), 2, 1));
	cut_back = rig_add(on_examples(backward_hook(rig.pre, PB_HOOK_PASS, deed_add, &d[4]), 2, 1));
	rig_pass(rig.pre);
	EXPECT(rig.y, 7, 2, 8, 4, 9, 9);
	EXPECT(rig.dx, 11, 21, 0, 40, 0, 0);
	ck_assert_int_eq(pb_bus_audit(&rig.bus, cut_back)->fired, 0);
}
END_TEST

START_TEST(a_backward_hook_decides_for_its_examples_only)
{
	struct deed constant = {.number = 7}, add = {.number = 1};
	rig_add(forward_hook(rig.pre, PB_HOOK_CONSTANT, deed_set_first, &constant));
	rig_add(on_examples(backward_hook(rig.pre, PB_HOOK_PASS, deed_add, &add), 1, 1));
	rig_pass(rig.pre);
	EXPECT(rig.dx, 0, 20, 31, 41, 0, 60);
}
END_TEST

START_TEST(a_backward_hook_decides_for_a_part_of_a_map_s_examples)
{
	struct deed scale = {.number = 3}, add = {.number = 1};
	rig_add(on_examples(forward_hook(rig.pre, PB_HOOK_ADJOINT, deed_scale, &scale), 0, 2));
	rig_add(on_examples(backward_hook(rig.pre, PB_HOOK_PASS, deed_add, &add), 1, 2));
	rig_pass(rig.pre);
	EXPECT(rig.dx, 30, 60, 31, 41, 51, 61);
}
END_TEST

START_TEST(two_backward_hooks_decide_together)
{
	struct deed constant = {.number = 7}, one = {.number = 1}, two = {.number = 2};
	rig_add(forward_hook(rig.pre, PB_HOOK_CONSTANT, deed_set_first, &constant));
	rig_add(on_examples(backward_hook(rig.pre, PB_HOOK_PASS, deed_add, &one), 0, 2));
	rig_add(on_examples(backward_hook(rig.pre, PB_HOOK_PASS, deed_add, &two), 2, 1));
	rig_pass(rig.pre);
	EXPECT(rig.dx, 11, 21, 31, 41, 52, 62);
}
END_TEST

/* A backward hook on everything still runs for the examples that are not cut, but brings nothing back behind the cut.
 */
START_TEST(a_cut_of_some_examples_leaves_them_zero)
{
	struct deed cut = {.number = 9}, add = {.number = 1};
	rig_add(on_examples(forward_hook(rig.pre, PB_HOOK_CUT, deed_set, &cut), 1, 1));
	rig_add(backward_hook(rig.pre, PB_HOOK_PASS, deed_add, &add));
	rig_pass(rig.pre);
	EXPECT(add.seen, 10, 20, 0, 0, 50, 60);
	EXPECT(rig.dx, 11, 21, 0, 0, 51, 61);
}
END_TEST

/* A sweep of cells must come out as the cells would one by one. */
START_TEST(cuts_of_all_examples_are_a_cut)
{
	struct deed cut[3] = {{.number = 9}, {.number = 9}, {.number = 9}}, see = {0};
	for (int i = 0; i < 3; i++)
		rig_add(on_examples(forward_hook(rig.pre, PB_HOOK_CUT, deed_set, &cut[i]), i, 1));
	rig_add(backward_hook(rig.pre, PB_HOOK_READ, deed_see, &see));
	rig_pass(rig.pre);
	ck_assert(!rig.has_dx);
	ck_assert_int_eq(see.fired, 0);
}
END_TEST

/* Hooks that come and go between the passes: the value was made by those that ran. */

START_TEST(a_constant_stays_one_when_its_hook_has_gone)
{
	struct deed constant = {.number = 7};
	size_t mark = pb_bus_begin(&rig.bus);
	rig_add(forward_hook(rig.pre, PB_HOOK_CONSTANT, deed_set_first, &constant));
	struct pb_var *y = rig_forward(rig.pre);
	pb_bus_end(&rig.bus, mark);
	ck_assert_ok(rig_backward(y));
	EXPECT(rig.dx, 0, 20, 0, 40, 0, 60);
}
END_TEST

START_TEST(a_hook_added_after_the_forward_pass_changed_nothing)
{
	struct deed add = {.number = 1}, late = {.number = 7};
	rig_add(forward_hook(rig.pre, PB_HOOK_PASS, deed_add, &add));
	struct pb_var *y = rig_forward(rig.pre);
	rig_add(forward_hook(rig.pre, PB_HOOK_CONSTANT, deed_set_first, &late));
	rig_add(forward_hook(rig.pre, PB_HOOK_CUT, deed_set, &late));
	ck_assert_ok(rig_backward(y));
	EXPECT(rig.dx, 10, 20, 30, 40, 50, 60);
	ck_assert_int_eq(late.fired, 0);
}
END_TEST

static int change_once(void *user, const struct pb_hook_call *call)
{
	int rc = deed_remove(user, call);
	return rc ? rc : pb_view_fill(&rig.device, &call->value, 5);
}

START_TEST(a_backward_hook_that_removes_itself_still_decides)
{
	struct deed constant = {.number = 7}, once = {.n_ids = 1};
	rig_add(forward_hook(rig.pre, PB_HOOK_CONSTANT, deed_set_first, &constant));
	once.ids[0] = rig_add(backward_hook(rig.pre, PB_HOOK_PASS, change_once, &once));
	rig_pass(rig.pre);
	EXPECT(rig.dx, 5, 5, 5, 5, 5, 5);
	rig_pass(rig.pre);
	EXPECT(rig.dx, 0, 20, 0, 40, 0, 60);
	ck_assert_int_eq(once.fired, 1);
}
END_TEST

/* Forward only: values change, nothing is recorded. */
START_TEST(without_a_sink_hooks_still_change_values)
{
	struct deed set = {.number = 9};
	rig_add(forward_hook(rig.pre, PB_HOOK_CONSTANT, deed_set_first, &set));
	rig_add(backward_hook(rig.pre, PB_HOOK_PASS, deed_set, &set));
	rig_forward(rig.mid);
	rig.tape.sink = NULL;
	struct pb_var *y = pb_bus_site(&rig.bus, &rig.tape, rig.pre, rig.x);
	ck_assert_ptr_nonnull(y);
	ck_assert(!pb_var_wants_grad(y));
	rig_read(&y->value, rig.y);
	EXPECT(rig.y, 9, 2, 9, 4, 9, 6);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hook effects");
	TCase *one = tcase_create("one hook"), *many = tcase_create("many hooks");
	tcase_add_checked_fixture(one, rig_open, rig_close);
	tcase_add_checked_fixture(many, rig_open, rig_close);
	tcase_add_loop_test(one, a_forward_and_a_backward_hook, 0, sizeof cases / sizeof *cases);
	tcase_add_test(one, the_order_between_forward_and_backward_hooks_does_not_matter);
	tcase_add_test(many, a_constant_before_a_linear_map);
	tcase_add_test(many, a_linear_map_before_a_constant);
	tcase_add_test(many, a_hook_behind_a_cut_does_not_mend_it);
	tcase_add_test(many, a_cut_ends_one_path_only);
	tcase_add_test(many, examples_do_not_feel_each_others_hooks);
	tcase_add_test(many, a_backward_hook_decides_for_its_examples_only);
	tcase_add_test(many, a_backward_hook_decides_for_a_part_of_a_map_s_examples);
	tcase_add_test(many, two_backward_hooks_decide_together);
	tcase_add_test(many, a_cut_of_some_examples_leaves_them_zero);
	tcase_add_test(many, cuts_of_all_examples_are_a_cut);
	tcase_add_test(many, a_constant_stays_one_when_its_hook_has_gone);
	tcase_add_test(many, a_hook_added_after_the_forward_pass_changed_nothing);
	tcase_add_test(many, a_backward_hook_that_removes_itself_still_decides);
	tcase_add_test(many, without_a_sink_hooks_still_change_values);
	suite_add_tcase(suite, one);
	suite_add_tcase(suite, many);
	return pb_test_run(suite, NULL);
}
