/* late.c: a setter that copies the source, and at one head does what it is told to. */
#include <fenv.h>
#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <patchbay/setter.h>

struct late_params {
	int32_t how;
	int64_t head;
};

enum how { NOTHING, CRASH, ABORT, STACK, LOOP, EXIT, SILENT, ERROR, NOT_A_NUMBER, LAST_NOT_A_NUMBER,
	   EXIT_NOW, DAMAGE, DEAF, ROUND, MOVE, MUMBLE, FORK };

static const char *const hows[] = {"nothing", "crash", "abort", "stack", "loop", "exit", "silent", "error", "nan", "last_nan", "exit_now",
				   "damage", "deaf", "round", "move", "mumble", "fork", NULL};

static const struct pb_param params[] = {
	{.name = "how",
	 .type = PB_TYPE_ENUM,
	 .offset = offsetof(struct late_params, how),
	 .default_text = "nothing",
	 .choices = hows,
	 .doc = "what it does"},
	{.name = "head",
	 .type = PB_TYPE_INT,
	 .offset = offsetof(struct late_params, head),
	 .default_text = "2",
	 .doc = "at which head"},
};

static int create(const struct pb_host *host, const void *parsed, void **ret_self)
{
	const struct late_params *p = parsed;
	(void)host;
	*ret_self = (void *)(uintptr_t)parsed;
	return p->how == MOVE ? chdir("/") : 0;
}

static __attribute__((noinline)) int deep(void)
{
	volatile char frame[64 << 20];
	for (size_t i = 0; i < sizeof frame; i += 1024)
		frame[i] = 1;
	return frame[0] - 1;
}

/* One value: at the last position, or not. */
static int spoil(const struct pb_host *host, const struct pb_setter_call *call, bool last)
{
	const double nan = NAN;
	struct pb_view one = *call->target;
	int rc = 0;
	for (int i = 0; !rc && i < one.rank; i++)
		rc = host->slice(host, &one, i, last ? one.shape[i] - 1 : one.shape[i] > 1, 1, &one);
	return rc ? rc : host->write(host, &one, &nan, 1);
}

/* How much there is behind the last block: malloc notices when it is asked for more, and aborts with its lock held. */
static void damage(void)
{
	char *volatile block = malloc(1 << 20);
	memset(block + malloc_usable_size(block), 0x55, 8);
	block = malloc(8 << 20);
}

/* No signal gets through. */
static void deaf(void)
{
	volatile int forever = 1;
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	while (forever)
		;
}

/* A child's exit is its own. */
static int in_a_child(void)
{
	int status = 0;
	pid_t pid = fork();
	if (!pid)
		_exit(7);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7 ? 0 : -PB_E_INTERNAL;
}

static int apply(void *self, const struct pb_host *host, const struct pb_setter_call *call)
{
	const struct late_params *p = self;
	volatile int forever = 1;
	int rc = host->copy(host, call->target, call->source);
	if (rc || call->index[1] != p->head)
		return rc;
	switch ((enum how)p->how) {
	case CRASH: *(volatile int *)(uintptr_t)p->head = 1; break;
	case ABORT: abort();
	case STACK: return deep();
	case LOOP:
		while (forever)
			;
		break;
	case EXIT: exit(0);
	case SILENT: return -PB_E_RANGE;
	case ERROR: return host->fail(host, PB_E_RANGE, "head %d is not to my taste", (int)call->index[1]);
	case NOT_A_NUMBER: return spoil(host, call, false);
	case LAST_NOT_A_NUMBER: return spoil(host, call, true);
	case EXIT_NOW: _exit(0);
	case DAMAGE: damage(); break;
	case DEAF: deaf(); break;
	case ROUND: fesetround(FE_UPWARD); break;
	case MUMBLE: return host->fail(host, PB_E_RANGE, "cut within a character: %.1s", "\xc3\xa4");
	case FORK: return in_a_child();
	case MOVE:
	case NOTHING: break;
	}
	return 0;
}

static const uint8_t axes[] = {PB_AXIS_LAYER, PB_AXIS_HEAD};

static const struct pb_setter_ops ops = {
	.struct_size = sizeof(struct pb_setter_ops),
	.effect = PB_EFFECT_REPLACE,
	.source = PB_SOURCE_RUN,
	.axes = axes,
	.n_axes = PB_COUNT(axes),
	.create = create,
	.apply = apply,
};

const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_SETTER,
	.name = "late",
	.version = "1.0.0",
	.summary = "does what it is told to, at one head",
	.params = params,
	.n_params = PB_COUNT(params),
	.params_size = sizeof(struct late_params),
	.ops = &ops,
};

PB_PLUGIN_ABI;
