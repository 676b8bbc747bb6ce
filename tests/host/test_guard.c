/* test_guard.c: calls that crash, hang, exit or return, and what remains possible after each. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "host/guard.h"
#include "support/support.h"

static int returns_seven(void *argument)
{
	(void)argument;
	return 7;
}

static int writes_to(void *argument)
{
	*(volatile int *)argument = 1;
	return 0;
}

static __attribute__((noreturn)) int aborts(void *argument)
{
	(void)argument;
	abort();
}

static __attribute__((noreturn)) int traps(void *argument)
{
	(void)argument;
	__builtin_trap();
}

static __attribute__((noreturn)) int exits(void *argument)
{
	(void)argument;
	exit(0);
}

static __attribute__((noreturn)) int never_returns(void *argument)
{
	(void)argument;
	for (volatile int i = 0;; i++)
		;
}

static __attribute__((noreturn)) int sleeps(void *argument)
{
	(void)argument;
	for (;;)
		pause();
}

/* The compiler must not see that it has no end. */
static int (*volatile again)(void *);

static int overflows(void *argument)
{
	volatile char frame[4096];
	frame[0] = argument != NULL;
	return again((void *)frame) + frame[0];
}

static struct pb_fault fault;

static void check_fault(pb_guarded *function, void *argument, const char *text)
{
	char told[128];
	ck_assert_int_eq(pb_guard(function, argument, "setter x", "apply", &fault), -PB_E_PLUGIN);
	ck_assert(fault.happened);
	pb_fault_text(&fault, told, sizeof told);
	ck_assert_msg(strstr(told, text) != NULL, "no `%s` in `%s`", text, told);
}

/* Whatever happened before, a call that returns returns. */
static void check_good(void)
{
	ck_assert_int_eq(pb_guard(returns_seven, NULL, "setter x", "apply", &fault), 7);
	ck_assert(!fault.happened);
}

START_TEST(crashes)
{
	check_good();
	check_fault(writes_to, (void *)16, "crashed: SIGSEGV at address 0x10");
	ck_assert_ptr_eq(fault.address, (void *)16);
	check_fault(writes_to, NULL, "crashed: SIGSEGV at address 0");
	ck_assert(fault.has_address);
	check_good();
	check_fault(aborts, NULL, "crashed: SIGABRT");
	check_fault(aborts, NULL, "crashed: SIGABRT");
	check_fault(traps, NULL, "crashed: SIG");
	check_good();
}
END_TEST

START_TEST(the_end_of_the_stack)
{
	again = overflows;
	check_fault(overflows, NULL, "crashed: SIGSEGV at address");
	check_fault(overflows, NULL, "crashed: SIGSEGV at address");
	check_good();
}
END_TEST

START_TEST(exit_is_come_back_from)
{
	check_fault(exits, NULL, "called exit");
	check_fault(exits, NULL, "called exit");
	check_good();
}
END_TEST

START_TEST(hangs)
{
	pb_guard_limit(0.2);
	check_fault(never_returns, NULL, "took longer than 0.2 s");
	ck_assert(fault.hung && !fault.signal);
	check_good();
	check_fault(sleeps, NULL, "took longer than 0.2 s");
	check_good();
}
END_TEST

/* Many short calls one after the other are not one long one. */
START_TEST(many_calls_do_not_add_up)
{
	pb_guard_limit(0.05);
	for (int i = 0; i < 3000000; i++)
		if (pb_guard(returns_seven, NULL, "setter x", "apply", &fault) != 7)
			ck_abort_msg("call %d did not return", i);
}
END_TEST

static int short_sleep(void *argument)
{
	(void)argument;
	usleep(300000);
	return 7;
}

START_TEST(no_limit)
{
	pb_guard_limit(0.05);
	check_fault(short_sleep, NULL, "took longer");
	pb_guard_limit(0);
	ck_assert_int_eq(pb_guard(short_sleep, NULL, "setter x", "apply", &fault), 7);
}
END_TEST

static void *crash_elsewhere(void *argument)
{
	struct pb_fault *found = argument;
	for (int i = 0; i < 100; i++)
		pb_guard(writes_to, NULL, "setter x", "apply", found);
	return NULL;
}

START_TEST(each_thread_comes_back_to_its_own_call)
{
	pthread_t threads[4];
	struct pb_fault faults[4];
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, crash_elsewhere, &faults[i]), 0);
	for (int i = 0; i < 1000; i++)
		check_good();
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		ck_assert(faults[i].happened && faults[i].signal);
	}
}
END_TEST

/* Outside a call a crash is a crash, and an exit an exit with its own code. */
START_TEST(outside_a_call)
{
	check_good();
	raise(SIGSEGV);
}
END_TEST

START_TEST(exit_outside_a_call)
{
	check_fault(exits, NULL, "called exit");
	check_good();
	exit(5);
}
END_TEST

START_TEST(off_for_debuggers)
{
	pb_guard_enable(false);
	pb_guard(aborts, NULL, "setter x", "apply", &fault);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("guard");
	Suite *suite = suite_create("guard");
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, crashes);
	tcase_add_test(tcase, the_end_of_the_stack);
	tcase_add_test(tcase, exit_is_come_back_from);
	tcase_add_test(tcase, hangs);
	tcase_add_test(tcase, many_calls_do_not_add_up);
	tcase_add_test(tcase, no_limit);
	tcase_add_test(tcase, each_thread_comes_back_to_its_own_call);
#ifdef __SANITIZE_ADDRESS__ /* it tells of the crash, and exits */
	tcase_add_exit_test(tcase, outside_a_call, 1);
#else
	tcase_add_test_raise_signal(tcase, outside_a_call, SIGSEGV);
#endif
	tcase_add_exit_test(tcase, exit_outside_a_call, 5);
	tcase_add_test_raise_signal(tcase, off_for_debuggers, SIGABRT);
	return pb_test_run(suite, NULL);
}
