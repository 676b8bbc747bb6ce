/* starve.c: to be preloaded: fails allocations of the program by the place they are made at.
 *
 * A site is a stack of callers, from the allocation up to main, told by offsets into modules: the same one in every
 * run. What libraries allocate on the program's behalf counts, too.
 *
 * STARVE_LIST=FILE  appends each new site with its stack: "SITE BYTES MODULE+OFFSET ..."
 * STARVE_SITE=SITE  the first allocation at this site fails,
 * STARVE_REST=1     and every one behind it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <unwind.h>

#define OURS __attribute__((visibility("default")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

enum { DEPTH = 40, ROOM = 1 << 16 };

struct stack {
	int n;
	uintptr_t frames[DEPTH];
};

/* Stacks met so far, by their addresses; nothing here may allocate. */
static uint64_t met[ROOM];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t wanted;
static int list = -1;
static bool ready, rest, starved;
static _Thread_local bool inside __attribute__((tls_model("initial-exec")));

static __attribute__((constructor)) void prepare(void)
{
	const char *site = getenv("STARVE_SITE"), *file = getenv("STARVE_LIST");
	wanted = site ? strtoull(site, NULL, 16) : 0;
	rest = getenv("STARVE_REST");
	list = file ? open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
	ready = wanted || list >= 0;
}

static _Unwind_Reason_Code add(struct _Unwind_Context *context, void *to)
{
	struct stack *s = to;
	const uintptr_t ip = _Unwind_GetIP(context);
	if (!ip || s->n == DEPTH)
		return _URC_END_OF_STACK;
	s->frames[s->n++] = ip;
	return _URC_NO_REASON;
}

static uint64_t mix(uint64_t hash, const void *data, size_t size)
{
	for (const unsigned char *byte = data; size--; byte++)
		hash = (hash ^ *byte) * 0x100000001b3;
	return hash;
}

/* The stack as text, which no load address changes, without what is of this file. */
static uint64_t describe(const struct stack *s, char *text, size_t size)
{
	Dl_info mine = {0}, about;
	size_t length = 0;
	text[0] = '\0';
	dladdr(met, &mine);
	for (int i = 0; i < s->n && length < size; i++) {
		if (!dladdr((void *)s->frames[i], &about) || !about.dli_fname || about.dli_fbase == mine.dli_fbase)
			continue;
		const char *name = strrchr(about.dli_fname, '/');
		length += (size_t)snprintf(text + length, size - length, " %s+%lx", name ? name + 1 : about.dli_fname,
					   (unsigned long)(s->frames[i] - (uintptr_t)about.dli_fbase));
	}
	return mix(0xcbf29ce484222325, text, strlen(text));
}

static bool is_new(uint64_t key)
{
	for (uint64_t i = key % ROOM, n = 0; n < ROOM; i = (i + 1) % ROOM, n++) {
		if (met[i] == key)
			return false;
		if (!met[i]) {
			met[i] = key;
			return true;
		}
	}
	return false;
}

static bool meet(size_t size)
{
	struct stack s = {0};
	char text[DEPTH * 64], line[sizeof text + 64];
	_Unwind_Backtrace(add, &s);
	if (!is_new(mix(0xcbf29ce484222325, s.frames, (size_t)s.n * sizeof *s.frames) | 1))
		return false;
	const uint64_t site = describe(&s, text, sizeof text);
	if (list >= 0) {
		int length = snprintf(line, sizeof line, "%016lx %zu%s\n", (unsigned long)site, size, text);
		if (write(list, line, (size_t)length) != length)
			abort();
	}
	return site == wanted;
}

/* Is this one to fail? */
static __attribute__((noinline)) bool fails(size_t size)
{
	if (!ready || inside)
		return false;
	inside = true;
	pthread_mutex_lock(&lock);
	const bool hit = meet(size);
	const bool fail = hit || (rest && starved);
	starved |= hit;
	pthread_mutex_unlock(&lock);
	inside = false;
	if (fail)
		errno = ENOMEM;
	return fail;
}

OURS void *malloc(size_t size)
{
	return fails(size) ? NULL : __libc_malloc(size);
}

OURS void *calloc(size_t count, size_t size)
{
	return fails(count * size) ? NULL : __libc_calloc(count, size);
}

OURS void *realloc(void *old, size_t size)
{
	return fails(size) ? NULL : __libc_realloc(old, size);
}

OURS void *aligned_alloc(size_t alignment, size_t size)
{
	return fails(size) ? NULL : __libc_memalign(alignment, size);
}

OURS int posix_memalign(void **ret, size_t alignment, size_t size)
{
	void *memory = fails(size) ? NULL : __libc_memalign(alignment, size);
	if (!memory)
		return ENOMEM;
	*ret = memory;
	return 0;
}
