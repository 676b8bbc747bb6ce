/* test_tail.c: hooks see whole tensors in passes that leave out the last positions. */
#include <math.h>

#include "base/status.h"
#include "rig.h"
#include "support/support.h"

/* The chain's examples have one position more than the pass: its value there is 100 * the example. */
enum { WHOLE = POSITIONS + 1 };

static double seen[EXAMPLES * WHOLE];

static int fill(void *user, int site_id, const struct pb_view *whole)
{
	double values[EXAMPLES * WHOLE];
	(void)user;
	ck_assert_int_eq(site_id, rig.mid);
	for (int i = 0; i < EXAMPLES * WHOLE; i++)
		values[i] = 100.0 * (i / WHOLE);
	return pb_view_write(&rig.device, whole, values);
}

static struct pb_tail tail;

static void open_tail(void)
{
	rig_open();
	tail = (struct pb_tail){.positions = WHOLE, .fill = fill};
	rig.bus.tail = &tail;
}

static int see(void *user, const struct pb_hook_call *call)
{
	(void)user;
	ck_assert_int_eq(call->value.shape[1], WHOLE);
	ck_assert_ok(pb_view_read(&rig.device, &call->value, seen));
	return 0;
}

/* Each position gets what the one behind it had. */
static int move_up(void *user, const struct pb_hook_call *call)
{
	struct pb_view from, to, copy;
	see(user, call);
	ck_assert_ok(pb_view_slice(&call->value, 1, 1, WHOLE - 1, &from));
	ck_assert_ok(pb_view_slice(&call->value, 1, 0, WHOLE - 1, &to));
	ck_assert_ok(pb_tensor_clone(&rig.tape.pool, &from, &copy));
	return pb_view_copy(&rig.device, &to, &copy);
}

static int set_last(void *user, const struct pb_hook_call *call)
{
	struct pb_view last;
	ck_assert_ok(pb_view_slice(&call->value, 1, WHOLE - 1, 1, &last));
	return pb_view_fill(&rig.device, &last, *(const double *)user);
}

static void add_hook(enum pb_direction direction, int (*run)(void *, const struct pb_hook_call *), void *user)
{
	rig_add((struct pb_hook){.site_id = rig.mid, .direction = direction, .effect = PB_HOOK_PASS, .user = user, .run = run});
}

START_TEST(a_hook_sees_the_tail_and_may_use_it)
{
	const double want[] = {1, 2, 0, 3, 4, 100, 5, 6, 200};
	add_hook(PB_FORWARD, move_up, NULL);
	rig_pass(rig.mid);
	for (int i = 0; i < EXAMPLES * WHOLE; i++)
		ck_assert(seen[i] == want[i]);
	EXPECT(rig.y, 2, 0, 4, 100, 6, 200);
	EXPECT(rig.dx, 10, 20, 30, 40, 50, 60);
	ck_assert(!tail.written);
}
END_TEST

START_TEST(its_gradient_is_zero_there)
{
	const double want[] = {10, 20, 0, 30, 40, 0, 50, 60, 0};
	add_hook(PB_BACKWARD, move_up, NULL);
	rig_pass(rig.mid);
	for (int i = 0; i < EXAMPLES * WHOLE; i++)
		ck_assert(seen[i] == want[i]);
	EXPECT(rig.y, 1, 2, 3, 4, 5, 6);
	EXPECT(rig.dx, 20, 0, 40, 0, 60, 0);
	ck_assert(!tail.written);
}
END_TEST

START_TEST(a_value_in_the_tail_changes_nothing)
{
	double nine = 9;
	add_hook(PB_FORWARD, set_last, &nine);
	rig_pass(rig.mid);
	EXPECT(rig.y, 1, 2, 3, 4, 5, 6);
	ck_assert(!tail.written);
}
END_TEST

/* Whatever is not zero: NaN too. */
START_TEST(a_gradient_left_in_the_tail_is_told)
{
	double values[] = {1e-300, NAN, 0};
	add_hook(PB_BACKWARD, set_last, &values[_i]);
	rig_pass(rig.mid);
	ck_assert_int_eq(tail.written, _i < 2);
}
END_TEST

START_TEST(the_audit_looks_at_the_tail_too)
{
	double nine = 9;
	int id = rig_add((struct pb_hook){.site_id = rig.mid, .direction = PB_FORWARD, .effect = PB_HOOK_PASS,
					  .user = &nine, .run = set_last});
	rig_pass(rig.mid);
	ck_assert(pb_bus_audit(&rig.bus, id)->max_change == 191);
}
END_TEST

START_TEST(nothing_is_filled_where_nobody_looks)
{
	rig_add((struct pb_hook){.site_id = rig.pre, .direction = PB_FORWARD});
	rig_pass(rig.pre); /* `fill` would refuse this point */
	EXPECT(rig.y, 1, 2, 3, 4, 5, 6);
	ck_assert_ok(pb_bus_check_reached(&rig.bus));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tail");
	TCase *tcase = tcase_create("tail");
	tcase_add_checked_fixture(tcase, open_tail, rig_close);
	tcase_add_test(tcase, a_hook_sees_the_tail_and_may_use_it);
	tcase_add_test(tcase, its_gradient_is_zero_there);
	tcase_add_test(tcase, a_value_in_the_tail_changes_nothing);
	tcase_add_loop_test(tcase, a_gradient_left_in_the_tail_is_told, 0, 3);
	tcase_add_test(tcase, the_audit_looks_at_the_tail_too);
	tcase_add_test(tcase, nothing_is_filled_where_nobody_looks);
	suite_add_tcase(suite, tcase);
	return pb_test_run(suite, NULL);
}
