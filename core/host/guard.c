/* guard.c: signal handlers that jump out of a call, and the thread that watches how long calls take. */
#include "host/guard.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/status.h"
#include "host/machine.h"

enum {
	MOST_THREADS = 64, /* that are watched */
	TICKS = 16,        /* looks of the watching thread within the limit */
	LAST_SECONDS = 600, /* for what is done after a crash */
	FIRST_SECONDS = 5,  /* of these, to find out whether memory can be had at all */
	PATIENCE = 3,       /* limits: then a call that no signal reaches ends the process */
	STACK = 64 << 10,  /* of the handlers: the call's own may be what overflowed */
};

/* One thread that makes calls. */
struct caller {
	atomic_ulong calls;   /* odd: within one */
	atomic_ulong accused; /* the number of the call that is to be ended */
	_Atomic(const char *) who, call; /* of the last call */
	pthread_t thread;
};

static struct caller callers[MOST_THREADS];
static atomic_int n_callers;

/* The call of this thread. */
static _Thread_local struct {
	sigjmp_buf back;
	volatile sig_atomic_t active;
	struct pb_fault fault;
	struct caller *caller;
	unsigned control; /* of floating point, before the call */
	pid_t process;    /* a plugin may have forked */
	bool ready;
	char *stack;
} mine;

/* For what a dying process says, of whatever thread's call was the last to begin. */
static _Atomic(const char *) last_who, last_call;
static volatile sig_atomic_t damaged, last_signal;

static double limit = 60;
static bool enabled = true, installed, watching, exit_is_caught;
static pthread_key_t stack_key; /* a thread's stack for handlers, which goes with it */
static pthread_mutex_t setup = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t pause_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t limit_changed = PTHREAD_COND_INITIALIZER;

static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
enum { N_CRASHES = sizeof crashes / sizeof *crashes };
static struct sigaction before[N_CRASHES];

void pb_guard_limit(double seconds)
{
	pthread_mutex_lock(&pause_lock);
	limit = seconds;
	pthread_cond_signal(&limit_changed);
	pthread_mutex_unlock(&pause_lock);
}

double pb_guard_get_limit(void)
{
	return limit;
}

void pb_guard_enable(bool on)
{
	enabled = on;
}

/* With nothing but write(2): memory may be damaged, and this may be a signal's handler. */
static void say(const char *text)
{
	ssize_t written = write(STDERR_FILENO, text, strlen(text));
	(void)written;
}

static void say_of(const char *who, const char *call, const char *what)
{
	say("\npatchbay: ");
	say(who ? who : "a plugin");
	say(": ");
	say(call ? call : "a call");
	if (last_signal) {
		say(" crashed (SIG");
		say(sigabbrev_np(last_signal));
		say(")");
	}
	say(what);
}

static void say_last(const char *what)
{
	say_of(last_who, last_call, what);
}

/* The system's exit, whoever asks for it. */
static _Noreturn void leave(int status)
{
	for (;;)
		syscall(SYS_exit_group, status);
}

/* Within a call, and not in a process that the plugin has forked. */
static void come_back_from_exit(void)
{
	if (!mine.active || getpid() != mine.process)
		return;
	mine.active = 0;
	mine.fault = (struct pb_fault){.happened = true, .exited = true};
	siglongjmp(mine.back, 1);
}

/* Not within a call on this thread: a thread that computes for one, or the program itself. */
static void die(int number, siginfo_t *info, void *context)
{
	for (int i = 0; i < N_CRASHES; i++) {
		if (crashes[i] != number)
			continue;
		if (damaged)
			say_last(" and left memory damaged: patchbay cannot go on. What was written before is in "
				 "the run folder.\n");
		else if (last_who)
			say_last(" was under way when patchbay crashed on another thread.\n");
		if (damaged)
			leave(1);
		if (before[i].sa_flags & SA_SIGINFO) {
			before[i].sa_sigaction(number, info, context);
			return;
		}
		sigaction(number, &before[i], NULL);
		if (info->si_code <= 0) /* sent by somebody; else the instruction that failed is tried again */
			raise(number);
	}
}

static void on_crash(int number, siginfo_t *info, void *context)
{
	if (!mine.active) {
		die(number, info, context);
		return;
	}
	mine.active = 0;
	damaged = 1;
	last_signal = number;
	mine.fault = (struct pb_fault){.happened = true, .signal = number};
	mine.fault.has_address = (number == SIGSEGV || number == SIGBUS) && info->si_code > 0;
	if (mine.fault.has_address) {
		mine.fault.address = info->si_addr;
		mine.fault.access = pb_machine_access(context);
	}
	siglongjmp(mine.back, 1);
}

static int too_long(void)
{
	return SIGRTMIN + 2;
}

/* The call may have ended meanwhile. */
static void on_too_long(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info, (void)context;
	if (!mine.active || !mine.caller || atomic_load(&mine.caller->calls) != atomic_load(&mine.caller->accused))
		return;
	mine.active = 0;
	damaged = 1;
	mine.fault = (struct pb_fault){.happened = true, .hung = true};
	siglongjmp(mine.back, 1);
}

static void on_last_second(int number)
{
	(void)number;
	say_last(" and left memory damaged or locked: what was to be done after it hangs. What was written before is in "
		 "the run folder.\n");
	leave(1);
}

/* The C library has taken this handler from its list before it calls it, and goes on with the rest when the program really
 * ends. */
static void on_exit_within(void)
{
	exit_is_caught = false;
	come_back_from_exit();
}

/* A plugin's call finds this one before the C library's (core/meson.build exports it). */
__attribute__((visibility("default"))) void _exit(int status)
{
	come_back_from_exit();
	leave(status);
}

static bool is_traced(void)
{
	char line[256];
	int tracer = 0;
	FILE *status = fopen("/proc/self/status", "re");
	while (status && fgets(line, sizeof line, status))
		if (sscanf(line, "TracerPid: %d", &tracer) == 1)
			break;
	if (status)
		fclose(status);
	return tracer != 0;
}

/* A part of the limit, whatever that is meanwhile. */
static double take_pause(void)
{
	struct timespec until;
	pthread_mutex_lock(&pause_lock);
	double now = limit, wait = (now > 0 ? now : 16) / TICKS;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)wait;
	until.tv_nsec += (long)((wait - (double)(time_t)wait) * 1e9);
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (limit == now && !pthread_cond_clockwait(&limit_changed, &pause_lock, CLOCK_MONOTONIC, &until))
		;
	now = limit;
	pthread_mutex_unlock(&pause_lock);
	return now;
}

static void end_call(struct caller *caller, unsigned long number, int limits)
{
	if (limits >= PATIENCE) {
		say_of(caller->who, caller->call,
		       " hangs and lets no signal through; patchbay ends. What was written before is in the run folder.\n");
		leave(1);
	}
	atomic_store(&caller->accused, number);
	pthread_kill(caller->thread, too_long());
}

/* Counts its own looks and not the clock: a process that was stopped for a while did not take longer. */
static void *watch(void *unused)
{
	unsigned long seen[MOST_THREADS] = {0};
	int looks[MOST_THREADS] = {0};
	(void)unused;
	for (;;) {
		double now_allowed = take_pause();
		int n = atomic_load(&n_callers);
		for (int i = 0; i < n && i < MOST_THREADS; i++) {
			unsigned long now = atomic_load(&callers[i].calls);
			looks[i] = now % 2 && now == seen[i] ? looks[i] + 1 : 0;
			seen[i] = now;
			if (now_allowed > 0 && looks[i] && looks[i] % TICKS == 0 && !is_traced())
				end_call(&callers[i], now, looks[i] / TICKS);
		}
	}
	return NULL;
}

/* A child has no other threads. */
static void after_fork(void)
{
	pthread_mutex_init(&pause_lock, NULL);
	pthread_cond_init(&limit_changed, NULL);
	watching = false;
	atomic_store(&n_callers, 0);
	mine.caller = NULL;
	mine.ready = false;
}

static void drop_stack(void *stack)
{
	sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
	mine.stack = NULL;
	free(stack);
}

static void install(void)
{
	struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
	struct sigaction last = {.sa_handler = on_last_second};
	sigemptyset(&action.sa_mask);
	action.sa_sigaction = on_crash;
	for (int i = 0; i < N_CRASHES; i++)
		sigaction(crashes[i], &action, &before[i]);
	action.sa_sigaction = on_too_long;
	sigaction(too_long(), &action, NULL);
	sigemptyset(&last.sa_mask);
	sigaction(SIGALRM, &last, NULL);
	pthread_key_create(&stack_key, drop_stack);
	pthread_atfork(NULL, NULL, after_fork);
	installed = true;
}

static void start_watching(void)
{
	pthread_t thread;
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	watching = !pthread_create(&thread, NULL, watch, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (watching)
		pthread_detach(thread);
}

/* Once per thread. A thread beyond the most is not watched, and a stack that cannot be had is done without. */
static void get_ready(void)
{
	pthread_mutex_lock(&setup);
	if (!installed)
		install();
	if (!watching && limit > 0)
		start_watching();
	int place = atomic_load(&n_callers);
	if (place < MOST_THREADS) {
		callers[place].thread = pthread_self();
		atomic_store(&callers[place].calls, 0);
		mine.caller = &callers[place];
		atomic_store(&n_callers, place + 1);
	}
	pthread_mutex_unlock(&setup);
	if (!mine.stack)
		mine.stack = malloc(STACK);
	pthread_setspecific(stack_key, mine.stack);
	if (mine.stack)
		sigaltstack(&(stack_t){.ss_sp = mine.stack, .ss_size = STACK}, NULL);
	mine.process = getpid();
	mine.ready = true;
}

/* A crash within malloc leaves it locked: then this never comes back, and on_last_second speaks. */
static void find_memory(void)
{
	alarm(FIRST_SECONDS);
	for (size_t size = 64; size <= 1 << 20; size *= 16) {
		void *volatile memory = malloc(size); /* volatile: or the compiler sees that nobody needs it */
		free(memory);
	}
	alarm(LAST_SECONDS);
}

static void count_call(void)
{
	if (mine.caller)
		atomic_fetch_add_explicit(&mine.caller->calls, 1, memory_order_release);
}

int pb_guard(pb_guarded *function, void *argument, const char *who, const char *call, struct pb_fault *ret_fault)
{
	*ret_fault = (struct pb_fault){0};
	if (!enabled)
		return function(argument);
	if (!mine.ready)
		get_ready();
	if (!exit_is_caught)
		exit_is_caught = !atexit(on_exit_within);
	last_who = who;
	last_call = call;
	if (mine.caller) {
		mine.caller->who = who;
		mine.caller->call = call;
	}
	count_call();
	if (sigsetjmp(mine.back, 0)) {
		count_call();
		pb_machine_set_fp_control(mine.control);
		find_memory();
		*ret_fault = mine.fault;
		return -PB_E_PLUGIN;
	}
	mine.control = pb_machine_fp_control();
	mine.active = 1;
	int rc = function(argument);
	mine.active = 0;
	count_call();
	last_who = NULL;
	ret_fault->changed_control = pb_machine_fp_control() != mine.control;
	if (ret_fault->changed_control)
		pb_machine_set_fp_control(mine.control);
	return rc;
}

void pb_fault_text(const struct pb_fault *fault, char *text, size_t size)
{
	if (fault->exited)
		snprintf(text, size, "called exit, and a plugin may not end the program");
	else if (fault->hung)
		snprintf(text, size, "took longer than %g s", limit);
	else if (fault->has_address)
		snprintf(text, size, "crashed: SIG%s at address %#zx", sigabbrev_np(fault->signal),
			 (size_t)fault->address);
	else
		snprintf(text, size, "crashed: SIG%s", sigabbrev_np(fault->signal));
}
