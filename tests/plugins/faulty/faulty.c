/* faulty.c: a setter that copies the source over the region by strides, with one MISTAKE; built once for each. */
#include <fcntl.h>
#include <patchbay/setter.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum mistake {
	NONE,
	WRITES_BEHIND, /* one element behind the region */
	WRITES_BEFORE, /* one in front of it */
	WRITES_FAR,    /* a page behind it */
	WRITES_SOURCE,
	WRITES_ACTIVATION,
	WRITES_CALL,
	READS_BEHIND, /* behind the source */
	GIVES_NAN,
	GIVES_INF,
	LEAKS, /* what create got by host->alloc */
	LEAKS_MALLOC,
	KEEPS_SOME, /* of malloc, until it has enough: no mistake */
	ALLOCATES, /* in apply */
	ALLOCATES_HOST,
	CRASHES_IN_CREATE,
	CRASHES_IN_APPLY,
	CRASHES_IN_DESTROY,
	CRASHES_WITHOUT_MEMORY,
	FORGETS_MEMORY, /* when a second allocation fails */
	LOOPS,
	FAILS_SILENTLY,
	EXITS,
	COUNTS, /* its calls, and the results show it */
	WRONG_ADJOINT,
	DOUBLES_PARAM,
	DOUBLES_EXTENSION,
	REFUSES_DEFAULTS,
	REFUSES_ALL,   /* hook points */
	KNOWS_ROWS,    /* what becomes of an example depends on its place in the batch */
	SHARES_BUFFER, /* between threads */
	HALVES,        /* no patch of a value on itself, though it says that it replaces */
	SHOWS_SYMBOLS,
	LEAKS_IN_PREPARE,
	BLANK_DOC,
	CRASHES_AT_LOAD,
	LOOPS_AT_LOAD,
	CRASHES_AT_BOUND, /* of `count` */
	CRASHES_BELOW_0,  /* of `share` */
	CRASHES_ON_TEXT,  /* that is long */
	TRUSTS_FILE,      /* to be there */
	ADDS,             /* the source, and says so: no mistake */
	UNDECLARED,       /* raw memory */
	WRITES_PARAMS,    /* in apply */
	WRITES_HOST,      /* in create: its table */
	DRIFTS,           /* from its sixth call on */
	OVERRUNS,         /* in create, memory of the host's */
	FREES_TWICE,      /* in destroy, memory of the host's */
	TALKS,            /* to stdout: no mistake */
	KILLED,           /* in apply, as where memory is short */
	SPOILS_HEAP,      /* in apply: it frees twice */
	WRITES_FILES,     /* by the name that the parameter gives: no mistake */
};

enum { ROOM = 1 << 16 };

struct params {
	int64_t count;
	double share;
	const char *text;
};

static const struct pb_param params[] = {
	{.name = "count",
	 .type = PB_TYPE_INT,
	 .offset = 0,
	 .min = 0,
	 .max = 9,
	 .default_text = "1",
	 .doc = "how often"},
	{.name = MISTAKE == DOUBLES_PARAM ? "count" : "share",
	 .type = PB_TYPE_REAL,
	 .offset = offsetof(struct params, share),
	 .default_text = "0.5",
	 .doc = "how much"},
	{.name = "text",
	 .type = PB_TYPE_STRING,
	 .offset = offsetof(struct params, text),
	 .default_text = MISTAKE == TRUSTS_FILE ? "vector.txt" : "~",
	 .doc = "what it is called"},
};

struct faulty {
	double *buffer;
	atomic_int calls;
	struct params *params;
};

#ifdef SHOWN
PB_EXPORT int helper(void);
PB_EXPORT int helper(void)
{
	return 1;
}
#endif

static volatile int *volatile nowhere = (volatile int *)16;
static void *volatile sink;

/* As a pool does: what one create leaves, a later one would use. */
static void keep_some(void)
{
	static int kept;
	if (kept++ < 100)
		sink = malloc(100);
}

#ifdef AT_LOAD
__attribute__((constructor)) static void at_load(void)
{
	volatile bool forever = MISTAKE == LOOPS_AT_LOAD;
	while (forever)
		;
	*nowhere = 1;
}
#endif

static void read_trustfully(const struct pb_host *host, const char *path)
{
	char *text = NULL;
	size_t size;
	host->read_file(host, path, &text, &size);
	if (!text)
		*nowhere = 1;
	host->free(host, text);
}

/* What is there already it does not touch: this test is to do no harm even where the check is broken. */
static void write_file(const char *path)
{
	int file = path && *path ? open(path, O_CREAT | O_EXCL | O_WRONLY, 0600) : -1;
	if (file >= 0)
		close(file);
}

static int create(const struct pb_host *host, const void *parsed, void **ret_self)
{
	const struct params *p = parsed;
	if (MISTAKE == WRITES_FILES)
		write_file(p->text);
	if (MISTAKE == CRASHES_IN_CREATE)
		*nowhere = 1;
	if (MISTAKE == REFUSES_DEFAULTS && p->count == 1)
		return host->fail(host, PB_E_CONFIG, "a count of 1 is not enough");
	if ((MISTAKE == CRASHES_AT_BOUND && p->count == 9) || (MISTAKE == CRASHES_BELOW_0 && p->share < 0) ||
	    (MISTAKE == CRASHES_ON_TEXT && p->text && strlen(p->text) > 1000))
		*nowhere = 1;
	if (MISTAKE == TRUSTS_FILE)
		read_trustfully(host, p->text);
	struct faulty *f = host->alloc(host, sizeof *f);
	if (MISTAKE == CRASHES_WITHOUT_MEMORY)
		f->calls = 0;
	if (!f)
		return host->fail(host, PB_E_NOMEM, "no memory");
	f->buffer = host->alloc(host, ROOM * sizeof *f->buffer);
	if (!f->buffer) {
		if (MISTAKE != FORGETS_MEMORY)
			host->free(host, f);
		return host->fail(host, PB_E_NOMEM, "no memory for a buffer");
	}
	if (MISTAKE == LEAKS)
		sink = host->alloc(host, 100);
	if (MISTAKE == LEAKS_MALLOC)
		sink = malloc(100);
	if (MISTAKE == KEEPS_SOME)
		keep_some();
	if (MISTAKE == OVERRUNS)
		((volatile char *)f->buffer)[ROOM * sizeof *f->buffer] = 1;
	if (MISTAKE == WRITES_HOST)
		((struct pb_host *)(uintptr_t)host)->seed++;
	f->params = (struct params *)(uintptr_t)p;
	*ret_self = f;
	return 0;
}

static void destroy(const struct pb_host *host, void *self)
{
	struct faulty *f = self;
	if (MISTAKE == CRASHES_IN_DESTROY)
		*nowhere = 1;
	if (f)
		host->free(host, f->buffer);
	if (f && MISTAKE == FREES_TWICE)
		host->free(host, f->buffer);
	host->free(host, f);
}

static int prepare(void *self, const struct pb_host *host, const struct pb_setter_shape *shape)
{
	(void)self;
	if (MISTAKE == REFUSES_ALL)
		return host->fail(host, PB_E_UNSUPPORTED, "%s is not to my taste", shape->hook);
	if (MISTAKE == LEAKS_IN_PREPARE)
		sink = host->alloc(host, 100);
	return 0;
}

static void put(const struct pb_view *view, int64_t at, double value)
{
	if (view->dtype == PB_F64)
		((double *)view->data)[at] = value;
	else
		((float *)view->data)[at] = (float)value;
}

static double get(const struct pb_view *view, int64_t at)
{
	return view->dtype == PB_F64 ? ((double *)view->data)[at] : (double)((float *)view->data)[at];
}

static int64_t extent(const struct pb_view *view)
{
	int64_t n = 1;
	for (int i = 0; i < view->rank; i++)
		n += (view->shape[i] - 1) * view->stride[i];
	return n;
}

/* Element i of the region in row-major order. */
static int64_t place(const struct pb_view *view, int64_t i)
{
	int64_t at = 0;
	for (int axis = view->rank - 1; axis >= 0; axis--) {
		at += i % view->shape[axis] * view->stride[axis];
		i /= view->shape[axis];
	}
	return at;
}

static int64_t count(const struct pb_view *view)
{
	int64_t n = 1;
	for (int i = 0; i < view->rank; i++)
		n *= view->shape[i];
	return n;
}

static double value_of(struct faulty *f, const struct pb_setter_call *call, int64_t i)
{
	const struct pb_view *target = call->target;
	double old = get(target, place(target, i)), other = get(call->source, place(call->source, i));
	int64_t rows = count(target) / target->shape[0];
	switch (MISTAKE) {
	case GIVES_NAN: return i == 1 ? strtod("nan", NULL) : other;
	case GIVES_INF: return i == 1 ? 1 / (old - old) : other;
	case COUNTS: return other + f->calls;
	case DRIFTS: return other + (f->calls >= 6);
	case KNOWS_ROWS: return other + (double)(i / rows);
	case WRONG_ADJOINT: return 0.25 * old + 0.75 * other;
	case HALVES: return other / 2;
	case ADDS: return old + other;
	default: return other;
	}
}

/* Through a buffer that another thread may be in. */
static void copy_slowly(struct faulty *f, const struct pb_setter_call *call)
{
	int64_t n = count(call->target);
	for (int64_t i = 0; i < n && i < ROOM; i++)
		f->buffer[i] = get(call->source, place(call->source, i));
	sched_yield();
	for (int64_t i = 0; i < n && i < ROOM; i++)
		put(call->target, place(call->target, i), f->buffer[i]);
}

/* glibc has its own words for that. */
static void spoil_heap(void)
{
	void *volatile memory = malloc(100), *volatile same = memory;
	free(memory);
	free(same);
}

static void misbehave(const struct pb_host *host, const struct pb_setter_call *call)
{
	const struct pb_view *target = call->target;
	switch (MISTAKE) {
	case WRITES_BEHIND: put(target, extent(target), 7); break;
	case WRITES_BEFORE: put(target, -1, 7); break;
	case WRITES_FAR: put(target, extent(target) + 1024, 7); break;
	case WRITES_SOURCE: put(call->source, place(call->source, count(call->source) - 1), 7); break;
	case WRITES_ACTIVATION: put(call->activation, 0, 7); break;
	case WRITES_CALL: ((struct pb_view *)(uintptr_t)target)->shape[0] = 1; break;
	case READS_BEHIND: put(target, 0, get(call->source, extent(call->source))); break;
	case ALLOCATES: free(sink = malloc(100)); break;
	case ALLOCATES_HOST: host->free(host, sink = host->alloc(host, 100)); break;
	case CRASHES_IN_APPLY: *nowhere = 1; break;
	case EXITS: exit(3);
	case TALKS: puts("{ I am here"); break;
	case KILLED: kill(getpid(), SIGKILL); break;
	case SPOILS_HEAP: spoil_heap(); break;
	default:;
	}
}

static int apply(void *self, const struct pb_host *host, const struct pb_setter_call *call)
{
	struct faulty *f = self;
	volatile bool forever = MISTAKE == LOOPS;
	f->calls++;
	while (forever)
		;
	if (MISTAKE == FAILS_SILENTLY)
		return -PB_E_RANGE;
	if (MISTAKE == SHARES_BUFFER)
		copy_slowly(f, call);
	else
		for (int64_t i = 0, n = count(call->target); i < n; i++)
			put(call->target, place(call->target, i), value_of(f, call, i));
	if (MISTAKE == WRITES_PARAMS)
		f->params->count++;
	misbehave(host, call);
	return 0;
}

/* Of WRONG_ADJOINT: the region keeps a quarter. */
static int adjoint(void *self, const struct pb_host *host, const struct pb_setter_call *call)
{
	(void)self;
	return host->scale(host, call->target, 0.75);
}

static const struct pb_setter_ops ops = {
	.struct_size = sizeof(struct pb_setter_ops),
	.flags = PB_SETTER_FREE_AXES | (MISTAKE == UNDECLARED ? 0 : PB_RAW_MEMORY),
	.effect = MISTAKE == WRONG_ADJOINT ? PB_EFFECT_LINEAR
		  : MISTAKE == ADDS        ? PB_EFFECT_ADD
					   : PB_EFFECT_REPLACE,
	.source = PB_SOURCE_RUN,
	.create = create,
	.prepare = prepare,
	.apply = apply,
	.adjoint = MISTAKE == WRONG_ADJOINT ? adjoint : NULL,
	.destroy = destroy,
};

static const struct pb_extension extensions[] = {{"test.extension/1", &ops}, {"test.extension/1", &ops}};

const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_SETTER,
	.name = NAME,
	.version = "1.0.0",
	.summary = "copies the source over the region, and makes a mistake",
	.doc = MISTAKE == BLANK_DOC ? " \n" : "It is there to be caught.",
	.params = params,
	.n_params = PB_COUNT(params),
	.params_size = sizeof(struct params),
	.ops = &ops,
	.extensions = extensions,
	.n_extensions = MISTAKE == DOUBLES_EXTENSION ? 2 : 1,
};

PB_PLUGIN_ABI;
